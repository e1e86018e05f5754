"""What the OpenAPI document says is what is answered: requests made up of it, to the API and to the collector's doors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

import periplus
from periplus.collect.wire import DIALECTS
from periplus.web.collector import OURS_TOO
from tests.collect.collector.conftest import basic
from tests.web.conftest import Served, _serve

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Served, Callable[[str], dict[str, str]]]]:
    """An application with its doors open, and the headers by which each path is entered."""
    with periplus.init(tmp_path_factory.mktemp("openapi") / "shop") as ws:
        key, token = ws.add_source("web"), ws.add_token("program")
        collector = ws.collector()

        def headers(path: str) -> dict[str, str]:
            return {"Authorization": f"Bearer {token}" if path.startswith("/api/") else basic(key)}

        try:
            for site in _serve(ws, collector=collector):
                yield site, headers
        finally:
            collector.inbox.close()


def test_the_document_has_every_door(served: tuple[Served, Any]) -> None:
    site, headers = served
    with site.stranger() as client:
        assert client.get("/api/openapi.json").status_code == 401
        document = client.get("/api/openapi.json", headers=headers("/api/")).json()
    for name in DIALECTS:
        for method, path in DIALECTS[name].routes:
            if path in OURS_TOO:
                continue
            operation = document["paths"][path.replace("*", "{name}")][method.lower()]
            assert set(operation["responses"]) == {"200", "400", "401", "403", "413", "429", "503"}
    assert document["paths"]["/api/ask"]["post"]["security"]


def test_made_up_requests_are_answered_as_documented(served: tuple[Served, Any]) -> None:
    site, headers = served
    schema = schemathesis.openapi.from_dict(site.app.openapi())
    asked: dict[str, int] = {}
    with site.stranger() as client:
        for result in schema.get_all_operations():
            operation = result.ok()

            @settings(
                max_examples=4,
                phases=[Phase.generate],
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(), known=st.booleans())
            def answers(case: Any, known: bool) -> None:
                # A signed-in program may erase; what is made up is nobody's, but it need not try.
                case.headers.update(headers(case.path) if known or case.path.startswith("/api/") else {})
                response = case.call(base_url=site.base, timeout=60)
                case.validate_response(response, checks=CHECKS)
                asked[str(response.status_code)] = asked.get(str(response.status_code), 0) + 1

            answers()
        assert client.get("/healthz").status_code == 200
    assert {"200", "400", "401"} <= set(asked)
