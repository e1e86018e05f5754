"""The tracking plan in the browser: suggested, checked over a period, adopted, and what comes in otherwise is seen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web.conftest import Served, _serve, write_jsonl
from tests.web.errand import asked, token
from tests.web.test_vocabulary_page import bought

HERE = "/sources/plan"
PLAN = "events:\n  bought:\n    properties:\n      nr: number\n      total: {type: number, required: true}\n"


@pytest.fixture
def till(empty: Any, tmp_path: Path) -> Iterator[Served]:
    """The application of a workspace with seven orders, whose collector runs."""
    empty.import_file(write_jsonl(tmp_path / "till.jsonl", bought(7)), source="till")
    with empty.collector() as collector:
        yield from _serve(empty, collector=collector)


def test_a_plan_is_suggested_checked_and_adopted(till: Served) -> None:
    with till.signed_in() as client:
        assert client.get(f"{HERE}.json").json()["plan"] is None
        page, twin = asked(client, HERE, "suggest")
        assert list(twin["result"]["events"]) == ["bought"]
        assert "bought:" in page
        suggested = page.split("<textarea", 1)[1].split(">", 1)[1].split("</textarea>", 1)[0]
        assert asked(client, HERE, "try", document=suggested)[1]["result"] == []
        page, twin = asked(client, HERE, "try", document=PLAN)
        (found,) = twin["result"]
        assert (found["wrong"], found["property"], found["events"]) == ("wrong type", "nr", 7)
        assert "7 deviations" in page
        later = asked(client, HERE, "try", document=PLAN, since="2026-04-01T10:00:05")[1]
        assert later["result"][0]["events"] == 2
        assert client.get(f"{HERE}.json").json()["plan"] is None  # so far nothing was adopted
        assert asked(client, HERE, "adopt", document=PLAN)[1]["result"]["version"] == 1
        asked(client, HERE, "adopt", document=PLAN.replace("number\n", "text\n"))
        twin = client.get(f"{HERE}.json").json()
        assert (twin["version"], twin["plan"]["events"]["bought"]["properties"]["nr"]) == (2, "text")
        first = client.get(f"{HERE}.json?version=1").json()
        assert first["plan"]["events"]["bought"]["properties"]["nr"] == "number"
        assert client.get(f"{HERE}.json?version=7").status_code == 404


def test_what_comes_in_otherwise_is_noticed(till: Served) -> None:
    with till.signed_in() as client:
        asked(client, HERE, "adopt", document=PLAN)
        key = till.ws.add_source("till")
        message = {"type": "track", "event": "boughtt", "userId": "u1", "messageId": "m1"}
        sent = httpx.post(
            f"{till.base}/v1/batch", auth=(key, ""), json={"batch": [message]}, timeout=30, verify=False
        )
        assert sent.status_code == 200
        limit = time.monotonic() + 120
        while not (noticed := client.get(f"{HERE}.json").json()["noticed"]):
            assert time.monotonic() < limit
            time.sleep(0.2)
        assert (noticed[0]["event"], noticed[0]["hint"]) == ("boughtt", "bought")
        page = client.get(HERE).text
        assert "1 thing comes in otherwise" in page
        assert "boughtt" in client.get("/sources/till").text


def test_a_wrong_plan_is_kept_to_be_mended(till: Served) -> None:
    with till.signed_in() as client:
        page, twin = asked(client, HERE, "adopt", document="events:\n  bought:\n    properteis: {}\n")
        assert twin["state"] == "failed"
        assert "properteis" in page
        assert twin["problem"]["allowed"][0] == "properties"
        assert client.post(HERE, data={"csrf": token(client), "action": "apply"}).status_code == 400
        said = asked(client, HERE, "try", document=PLAN, since="soon")[1]
        assert said["state"] == "failed"


def test_without_events_there_is_nothing_to_suggest_from(fresh: Served) -> None:
    with fresh.signed_in() as client:
        assert 'value="suggest"' not in client.get(HERE).text
        assert asked(client, HERE, "suggest")[1]["state"] == "failed"
