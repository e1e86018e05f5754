"""Why each identifier is somebody's: a reason, the event, its time and source, wherever the identifier was learnt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import periplus
from tests.web.conftest import _serve

STATED = "2026-03-02T10:00:00Z"


def identify(number: int, **fields: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": f"i{number}", "timestamp": STATED, **fields}


def seen(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "track",
        "event": "Seen",
        "messageId": f"t{number}",
        "timestamp": f"2026-03-02T1{number}:00:00Z",
        **fields,
    }


ROWS = [
    identify(1, userId="eve", traits={"email": "Eve.B@gmail.com", "phone": "+30 691 234 5678", "loyalty_number": 4711}),
    identify(2, anonymousId="till", traits={"loyalty_number": "4711"}),
    seen(1, anonymousId="till"),
    seen(2, context={"traits": {"email": "e.v.e.b+shop@googlemail.com"}}),
    identify(3, traits={"email": "alone@shop.example"}),
    seen(3, userId="gil"),
    seen(4, userId="hal"),
    seen(5, userId="fay", anonymousId="hall"),
    {"type": "alias", "messageId": "a1", "timestamp": "2026-03-02T19:00:00Z", "userId": "fay", "previousId": "old-device"},
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[periplus.Workspace]:
    folder = tmp_path_factory.mktemp("sightings")
    path: Path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    with periplus.init(folder / "shop", shards=2, threads=1) as ws:
        ws.import_file(path, source="crm")
        ws.identity.set_rules({"external": ["loyalty_number"], "mailbox": True})
        ws.identity.join("user:gil", "user:hal", who="carla")
        ws.identity.separate(["device:hall", "user:fay"])
        yield ws


def why(ws: periplus.Workspace, customer: str) -> dict[str, dict[str, Any]]:
    return {row["value"]: row for row in ws.customer(customer)["identifiers"]}


def test_what_was_learnt_from_traits_has_the_event_that_said_so(shop: periplus.Workspace) -> None:
    found = why(shop, "eve")
    assert list(found) == [
        "eve", "eve.b@gmail.com", "e.v.e.b+shop@googlemail.com", "+306912345678", "loyalty_number:4711", "till",
    ]  # fmt: skip
    for value in ("eve.b@gmail.com", "+306912345678", "loyalty_number:4711"):
        linked = found[value]["linked"]
        assert (linked["type"], linked["time"], linked["source"]) == ("identify", STATED, "crm")
        assert linked["with"] == {"kind": "user", "value": "eve"}
    assert found["loyalty_number:4711"]["kind"] == "external"
    assert found["till"]["linked"]["with"] == {"kind": "external", "value": "loyalty_number:4711"}
    spelled = found["e.v.e.b+shop@googlemail.com"]
    assert (spelled["by"], spelled["other"], spelled["linked"]) == ("spelling", "eve.b@gmail.com", None)
    assert spelled["carried"] == {
        "event": "Seen",
        "type": "track",
        "time": "2026-03-02T12:00:00Z",
        "source": "crm",
    }
    (link,) = (row for row in shop.identity.merges("eve") if row["identifier"]["value"] == "till")
    assert (link["id"], link["time"], link["source"]) == (
        ["device:till", "external:loyalty_number:4711"],
        STATED,
        "crm",
    )


def test_every_identifier_has_a_reason_evidence_and_time(shop: periplus.Workspace) -> None:
    everybody = [row["customer"] for row in shop.search()["rows"]]
    assert len(everybody) == 4
    for customer in everybody:
        for row in shop.customer(customer)["identifiers"]:
            assert row["why"], row
            assert (row["linked"] is None) == (row["by"] in ("itself", "events", "hand", "spelling"))
            for evidence in (row["carried"], row["linked"] or row["carried"]):
                assert evidence["event"], row
                assert evidence["time"], row
                assert evidence["source"] == "crm", row
    assert why(shop, "alone@shop.example")["alone@shop.example"]["carried"]["event"] == "identify"
    assert (why(shop, "gil")["hal"]["by"], why(shop, "gil")["hal"]["decision"]) == ("hand", 2)
    hall = why(shop, "fay")["hall"]  # the link counts no more, but the account's own event carries the device
    assert (hall["why"], hall["linked"]) == ("carried by the events themselves", None)
    assert why(shop, "fay")["old-device"]["by"] == "alias"


def test_the_page_says_it(shop: periplus.Workspace) -> None:
    for served in _serve(shop):
        with served.signed_in() as client:
            page = client.get("/people/eve").text
            assert "stated together with eve on 2 Mar 2026, 10:00, from crm" in page
            assert "stated together with loyalty_number:4711 on 2 Mar 2026, 10:00, from crm" in page
            assert (
                "another spelling of eve.b@gmail.com, by a rule; first by “Seen” of 2 Mar 2026, 12:00, from crm"
                in page
            )
            page = client.get("/people/alone@shop.example").text
            assert (
                "carried by the events themselves; first by “identify” of 2 Mar 2026, 10:00, from crm" in page
            )
            assert "joined with gil by hand, decision 2" in client.get("/people/hal").text
