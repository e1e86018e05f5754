"""The vocabulary in the browser: tried on real events, adopted, applied to the past, and what is wrong is kept to be mended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markupsafe import escape

from tests.web.conftest import Served, _serve, write_jsonl
from tests.web.errand import asked, token

MINE = "name: mine\nevents:\n  bought: Order Completed\nproperties:\n  nr: order_id\n"
HERE = "/sources/vocabulary"


def bought(count: int) -> list[dict[str, Any]]:
    """Orders as a till sends them that was never told the house's words."""
    return [
        {
            "type": "track", "event": "bought", "userId": f"u{n}", "messageId": f"b{n}",
            "timestamp": f"2026-04-01T10:00:{n:02}Z", "properties": {"nr": f"o-{n}", "total": 5},
        }
        for n in range(count)
    ]  # fmt: skip


@pytest.fixture
def till(empty: Any, tmp_path: Path) -> Iterator[Served]:
    """The application of a workspace with seven orders under a strange name."""
    empty.import_file(write_jsonl(tmp_path / "till.jsonl", bought(7)), source="till")
    yield from _serve(empty)


def orders(ws: Any) -> int:
    """Customers at the order in the shop's map."""
    return int(ws.ask({"kind": "map", "map": "shop"}).totals["reached"])


def test_from_a_trial_to_the_past_told_anew(till: Served) -> None:
    with till.signed_in() as client:
        page, twin = asked(client, HERE, "try", document=MINE)
        assert (twin["state"], twin["result"]["changed"]) == ("done", 7)
        assert twin["result"]["names"][0]["to"] == "Order Completed"
        assert "7 of 7 events would change" in page
        assert "bought" in page
        assert client.get(f"{HERE}.json").json()["document"] is None  # a trial adopts nothing
        page, twin = asked(client, HERE, "adopt", document=MINE)
        assert twin["result"] == {"name": "mine", "version": 1}
        assert orders(till.ws) == 0
        page, twin = asked(client, HERE, "look")
        assert twin["result"]["changed"] == 7
        assert "Change 7 events" in page
        assert orders(till.ws) == 0  # looking changes nothing
        page, twin = asked(client, HERE, "apply")
        assert "7 events were told anew" in page
        assert orders(till.ws) == 7
        again = asked(client, HERE, "look")[1]
        assert again["result"]["changed"] == 0


def test_only_the_time_asked_for_is_told_anew(till: Served) -> None:
    with till.signed_in() as client:
        asked(client, HERE, "adopt", document=MINE)
        page, twin = asked(client, HERE, "look", since="2026-04-01T10:00:05")
        assert twin["result"]["changed"] == 2
        assert 'name="since" value="2026-04-01T10:00:05"' in page
        assert asked(client, HERE, "look", since="yesterdayish")[1]["state"] == "failed"


def test_earlier_versions_and_built_in_ones_can_be_seen(till: Served) -> None:
    with till.signed_in() as client:
        asked(client, HERE, "adopt", document=MINE)
        asked(client, HERE, "adopt", document=MINE.replace("Order Completed", "Product Added"))
        twin = client.get(f"{HERE}.json?name=mine").json()
        assert (twin["version"], [row["version"] for row in twin["versions"]]) == (2, [2, 1])
        assert twin["document"]["events"] == {"bought": "Product Added"}
        first = client.get(f"{HERE}.json?name=mine&version=1").json()
        assert first["document"]["events"] == {"bought": "Order Completed"}
        assert "purchase:\n" in client.get(f"{HERE}?name=ga4").text
        missing = client.get(f"{HERE}.json?name=ga5")
        assert (missing.status_code, missing.json()["allowed"][0]) == (404, "ga4")
        assert client.get(f"{HERE}.json?name=mine&version=9").status_code == 404


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("name: mine\nevnts: {}\n", "events"),
        ("name: [", "line"),
        ("a: &x [1]\nb: *x\n", "alias"),
        ("- 1\n", "keys"),
        ("", "keys"),
    ],
)
def test_a_wrong_document_is_kept_to_be_mended(till: Served, document: str, said: str) -> None:
    with till.signed_in() as client:
        page, twin = asked(client, HERE, "adopt", document=document)
        assert twin["state"] == "failed"
        assert said in f"{twin['problem']['message']} {twin['problem']['hint']}"
        if document:
            assert escape(document.split("\n")[0]) in page
        assert client.get(f"{HERE}.json").json()["document"] is None


def test_a_button_nobody_drew_and_an_errand_nobody_ran(till: Served) -> None:
    with till.signed_in() as client:
        assert client.post(HERE, data={"csrf": token(client), "action": "burn"}).status_code == 400
        assert client.post(HERE, data={"action": "apply"}).status_code == 403
        assert client.get(f"{HERE}/errands/nowhere").status_code == 404


def test_a_source_may_be_called_like_a_page(fresh: Served) -> None:
    with fresh.signed_in() as client:
        for name in ("vocabulary", "page"):
            client.post("/sources", data={"csrf": token(client), "name": name})
        assert '"/sources/vocabulary/page"' in client.get("/sources").text
        assert client.get("/sources/vocabulary/page.json").json()["source"]["name"] == "vocabulary"
        assert client.get("/sources/page.json").json()["source"]["name"] == "page"
        assert "vocabularies" in client.get("/sources/vocabulary.json").json()
        form = {"csrf": token(client), "active": "on", "consent": "on", "channel": "Till"}
        saved = client.post("/sources/vocabulary/settings", data=form)
        assert saved.url.path == "/sources/vocabulary/page"
        assert client.get("/sources/vocabulary/page.json").json()["source"]["channel"] == "Till"
