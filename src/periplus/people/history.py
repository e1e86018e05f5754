"""One customer's events, whole, in the order in which they happened."""

from __future__ import annotations

import json
from typing import Any

from periplus.clock import iso
from periplus.collect.marks import judge
from periplus.event import unflatten
from periplus.people.traffic import rules_of
from periplus.store import standing
from periplus.store.files import FIXED, MARKED
from periplus.store.snapshot import Snapshot


def events(snapshot: Snapshot, customer: int) -> list[dict[str, Any]]:
    """Every event and statement of a customer as a dict in the Segment spec's words, oldest first.

    Beside the spec's fields each has `micros` (time in microseconds), `section`, `batch` and `left_out`: why it
    is marked, None where it is not. Marked ones are there if the snapshot shows them.
    """
    shape = standing.shape((file.columns, file.rest, file.rows) for file in snapshot.files)
    rows = standing.rows(snapshot.manifest, snapshot.files, shape)
    cursor = snapshot.cursor()
    found = cursor.execute(
        f"SELECT * FROM ({rows}) WHERE customer = ?{'' if snapshot.with_marked else f' AND section < {MARKED}'} "
        "ORDER BY time, sequence, key_hi, key_lo",
        [customer],
    )
    names = [column[0] for column in found.description]
    told = [event(dict(zip(names, row, strict=True)), shape.columns) for row in found.fetchall()]
    judged = judge(rules_of(snapshot.manifest))
    return [each | {"left_out": judged.reason(each) if each["section"] >= MARKED else None} for each in told]


_SENT = {
    "type": "type", "event": "event", "original": "original", "source": "source", "channel": "channel",
    "department": "department", "user_id": "userId", "anonymous_id": "anonymousId", "email": "email",
    "phone": "phone", "previous_id": "previousId", "message_id": "messageId",
}  # fmt: skip


def event(row: dict[str, Any], columns: dict[str, str]) -> dict[str, Any]:
    """A physical row as an event: flat columns become properties, context and traits again."""
    leaves: dict[str, Any] = json.loads(row["rest"]) if row["rest"] else {}
    for path, kind in columns.items():
        value = row[path]
        if value is not None:
            leaves[path] = json.loads(value) if kind == "JSON" else value
    sent = {name: row[column] for column, name in _SENT.items() if row[column] is not None}
    sent["timestamp"] = iso(row["time"])
    if row["received_at"] is not None:
        sent["receivedAt"] = iso(row["received_at"])
    if row["consent"]:
        sent["consent"] = json.loads(row["consent"])
    sent |= {"properties": {}, "context": {}, "traits": {}} | unflatten(leaves)
    sent |= {"micros": row["time"], "section": row["section"], "batch": row["batch"]}
    sent["key"] = f"{row['key_hi']:016x}{row['key_lo']:016x}"
    return sent


assert set(_SENT) <= set(FIXED)
