"""Orders and tickets that stand on one event: each of them says whose a later message is that carries nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import periplus


def event(name: str, hour: int, user: str | None = None, **properties: Any) -> dict[str, Any]:
    row = {
        "event": name,
        "messageId": name,
        "timestamp": f"2026-03-02T{hour}:00:00Z",
        "properties": properties,
    }
    return row if user is None else row | {"userId": user}


LONE = [
    event("ticket alone", 11, ticket_id="t1"),
    event("order alone", 12, order_id="o1"),
    event("ticket with an order nobody knows", 13, order_id="o3", ticket_id="t1"),
    event("ticket with junk", 14, order_id="unknown", ticket_id="t2"),
    event("two that are two people's", 15, order_id="o4", ticket_id="t1"),
    event("both of them new", 16, order_id="o5", ticket_id="t5"),
]
SEEN = [
    event("opened", 10, "ann", order_id="o1", ticket_id="t1"),
    event("asked", 17, "bob", order_id="null", ticket_id="t2"),
    event("bought", 18, "bob", order_id="o4"),
]
OWNERS = {
    "ticket alone": "ann",
    "order alone": "ann",
    "ticket with an order nobody knows": "ann",
    "ticket with junk": "bob",
    "two that are two people's": "ann",
}


def owners(ws: periplus.Workspace) -> dict[str, str]:
    found = {}
    for row in LONE:
        series = [{"of": {"event": row["event"]}, "measure": "customers"}]
        asked = {"kind": "trend", "series": series, "bucket": "year", "now": "2026-04-01"}
        (who,) = ws.people(asked, {"series": 0, "bucket": "2026-01-01"}, "value")
        found[str(row["event"])] = who["label"]
    return found


def test_every_number_on_an_event_says_whose_it_is(tmp_path: Path) -> None:
    for name, rows in (("lone", LONE), ("seen", SEEN)):
        (tmp_path / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
        )
    with periplus.init(tmp_path / "shop", shards=2, threads=1) as ws:
        ws.import_file(tmp_path / "lone.jsonl")
        before = owners(ws)
        assert not {"ann", "bob"} & {*before.values()}
        batch = ws.import_file(tmp_path / "seen.jsonl").batch
        assert owners(ws) == before | OWNERS
        listed = ws.subject("ann").person().identifiers
        assert {("reference", "order_id:o1"), ("reference", "ticket_id:t1")} <= {*listed}
        ws.undo(batch)
        assert owners(ws) == before
