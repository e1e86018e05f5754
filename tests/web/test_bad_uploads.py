"""Bad files through the pages: one plain message where it can be mended, never a failure of the server, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

import periplus
from tests.faults.bad_files import BAD, MAPPING, ORDERS, BadFile
from tests.web.conftest import _serve, events, write_jsonl
from tests.web.test_import_pages import act, settled, upload


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The application of a workspace with one good batch."""
    folder = tmp_path_factory.mktemp("bad")
    with periplus.init(folder / "shop") as ws:
        ws.import_file(write_jsonl(folder / "good.jsonl", events(10)))
        yield from _serve(ws)


# A CSV file without a mapping is no mistake here: the page offers one.
UPLOADED = [case for case in BAD if case.mapping is not None or not case.name.endswith(".csv")]


@pytest.mark.parametrize("case", UPLOADED, ids=lambda case: case.name)
def test_what_cannot_be_imported_is_said_on_its_page(shop: Any, case: BadFile) -> None:
    before = (shop.ws.batches(), shop.ws.search("")["total"])
    content = case.content.encode() if isinstance(case.content, str) else case.content
    mapping = case.mapping.decode("latin-1") if isinstance(case.mapping, bytes) else case.mapping
    with shop.signed_in() as client:
        answer = upload(shop, client, case.name, content)
        assert answer.status_code in (200, 400)
        text = answer.text
        if answer.url.path != "/import":
            path = answer.url.path
            twin = settled(client, path)
            if mapping is not None:
                answer = act(shop, client, path, "look", mapping=mapping)
                assert answer.status_code in (200, 422)
                twin = settled(client, path)
            if answer.status_code != 422 and mapping != "":  # an empty field: guess one, as before
                assert twin["state"] == "failed", twin
                assert twin["problem"]["code"] != "unforeseen"
                assert twin["problem"]["hint"]
            text = answer.text + client.get(path).text
        if mapping != "":
            for word in case.said:
                assert str(escape(word)) in text, word
        for inside in ("Traceback", "Errno", "duckdb"):
            assert inside not in text
    assert (shop.ws.batches(), shop.ws.search("")["total"]) == before


def test_after_all_that_a_good_file_comes_in(shop: Any) -> None:
    before = len(shop.ws.batches())
    with shop.signed_in() as client:
        path = upload(shop, client, "orders.csv", ORDERS.encode()).url.path
        settled(client, path)
        act(shop, client, path, "look", mapping=MAPPING)
        assert settled(client, path)["plan"]["counts"]["accepted"] == 2
        act(shop, client, path, "import")
        assert settled(client, path)["imported"]["accepted"] == 2
    assert len(shop.ws.batches()) == before + 1


def test_while_somebody_else_writes_or_the_disk_is_full_the_page_says_so(
    shop: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from periplus.people import admission
    from periplus.store import keys, locks

    content = write_jsonl(tmp_path / "more.jsonl", events(12, seed=9)).read_bytes()
    before = shop.ws.batches()
    monkeypatch.setattr(admission, "WAIT_FOR_WRITER", 0.1)

    def full(*_: object) -> None:
        from periplus.store.files import os_problem

        raise os_problem(OSError(28, "No space left on device"), shop.ws.path / "keys" / "x")

    with shop.signed_in() as client:
        path = upload(shop, client, "more.jsonl", content).url.path
        settled(client, path)
        with locks.held(shop.ws.path / "write.lock", who="somebody"):
            act(shop, client, path, "import")
            problem = settled(client, path)["problem"]
            assert "in use by somebody" in problem["message"]
        with monkeypatch.context() as patch:
            patch.setattr(keys, "save", full)
            act(shop, client, path, "import")
            problem = settled(client, path)["problem"]
            assert "is full" in problem["message"]
        assert shop.ws.batches() == before
        act(shop, client, path, "import")
        assert settled(client, path)["imported"]["accepted"] > 0
