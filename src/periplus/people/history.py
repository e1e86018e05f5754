"""One customer's events, whole, in the order in which they happened.

They are read once, as columns, and kept while the same few customers are looked at: a page asks for the
profile, the timeline, consent and orders of one person. Events as dicts are made of the columns only where
somebody wants them, so that a customer of a hundred thousand events is still turned over page by page.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from periplus.clock import iso
from periplus.collect.marks import judge
from periplus.event import unflatten
from periplus.people.traffic import rules_of
from periplus.store import standing
from periplus.store.columns import FileColumns
from periplus.store.files import FIXED, MARKED
from periplus.store.snapshot import Expression, Snapshot

KEPT = 64 << 20
"""Bytes of customers' histories that are kept of one data version."""
_SENT = {
    "type": "type", "event": "event", "original": "original", "source": "source", "channel": "channel",
    "department": "department", "user_id": "userId", "anonymous_id": "anonymousId", "email": "email",
    "phone": "phone", "previous_id": "previousId", "message_id": "messageId",
}  # fmt: skip
_SEARCHED = (*_SENT, "consent", "rest")


class History:
    """The events and statements of one customer, oldest first.

    `table` has the physical columns, `shape` says which of them are shredded; `time` int64[n] microseconds UTC,
    `section` uint8[n].
    """

    def __init__(self, snapshot: Snapshot, table: pa.Table, shape: standing.Shape) -> None:
        self.table = table
        self.shape = shape
        self.time: np.ndarray = np.asarray(table.column("time"), np.int64)
        self.section: np.ndarray = np.asarray(table.column("section"), np.uint8)
        self._reason = judge(rules_of(snapshot.manifest)).reason

    def __len__(self) -> int:
        return len(self.time)

    @property
    def happened(self) -> np.ndarray:
        """int64: the places of the events, without the statements (identify, group, alias)."""
        return np.flatnonzero(self.section % MARKED < 2)

    def column(self, name: str) -> list[Any]:
        """One physical column as plain values, None where there is none; all None for a path nobody sent."""
        return self.table.column(name).to_pylist() if name in self.table.column_names else [None] * len(self)

    def events(self, places: np.ndarray | Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Events as dicts in the Segment spec's words: all of them, or those at some places, in that order.

        Beside the spec's fields each has `micros` (time in microseconds), `section`, `batch` and `left_out`: why
        it is marked, None where it is not.
        """
        rows = self.table if places is None else self.table.take(pa.array(np.asarray(places, np.int64)))
        told = [event(row, self.shape.columns) for row in rows.to_pylist()]
        return [
            each | {"left_out": self._reason(each) if each["section"] >= MARKED else None} for each in told
        ]

    def containing(self, text: str) -> np.ndarray:
        """bool[n]: which rows have a text in any of their columns, whatever its case."""
        import pyarrow.compute as pc  # a tenth of a second, which only who searches waits for

        found = np.zeros(len(self), np.bool_)
        wanted = text.casefold()
        for name in (*_SEARCHED, *self.shape.columns):
            column = self.table.column(name)
            if not len(column) or column.null_count == len(column):
                continue
            texts = pc.utf8_lower(column.cast(pa.string()))
            met = pc.match_substring(texts, wanted).fill_null(False)
            if pa.types.is_string(column.type) and not wanted.isascii():
                # JSON columns write letters beyond ASCII as they are or as escapes, as they were sent.
                escaped = json.dumps(wanted)[1:-1].lower()
                met = pc.or_(met, pc.match_substring(texts, escaped).fill_null(False))
            found |= np.asarray(met.combine_chunks() if isinstance(met, pa.ChunkedArray) else met)
        return found

    def evaluate(self, snapshot: Snapshot, expression: Expression) -> np.ndarray:
        """An expression for every row, in their order, as DuckDB reads it."""
        sql, bound = expression(
            FileColumns(self.shape.columns, None if self.shape.rest is None else frozenset(self.shape.rest))
        )
        cursor = snapshot.cursor()
        cursor.register("one_customer", self.table)
        try:
            found: np.ndarray = cursor.execute(f"SELECT {sql} AS v FROM one_customer", bound).fetchnumpy()[
                "v"
            ]
        finally:
            cursor.unregister("one_customer")
        return found


_known: WeakKeyDictionary[Snapshot, OrderedDict[int, History]] = WeakKeyDictionary()
_lock = threading.Lock()


def of(snapshot: Snapshot, customer: int) -> History:
    """The history of a customer; empty for one nobody knows. Marked events are there if the snapshot shows them."""
    with _lock:
        kept = _known.setdefault(snapshot, OrderedDict())
        if customer in kept:
            kept.move_to_end(customer)
            return kept[customer]
    found = _read(snapshot, customer)
    with _lock:
        kept[customer] = found
        while len(kept) > 1 and sum(history.table.nbytes for history in kept.values()) > KEPT:
            kept.popitem(last=False)
    return found


def _read(snapshot: Snapshot, customer: int) -> History:
    shape = standing.shape((file.columns, file.rest, file.rows) for file in snapshot.files)
    rows = standing.rows(snapshot.manifest, snapshot.files, shape)
    seen = "" if snapshot.with_marked else f" AND section < {MARKED}"
    # The number stands in the text: as a bound value it would not pick the row groups to read.
    found = snapshot.cursor().sql(
        f"SELECT * FROM ({rows}) WHERE customer = {int(customer)}{seen} "
        "ORDER BY time, sequence, key_hi, key_lo"
    )
    return History(snapshot, found.to_arrow_table(), shape)


def events(snapshot: Snapshot, customer: int) -> list[dict[str, Any]]:
    """Every event and statement of a customer as a dict, oldest first; see `History.events`."""
    return of(snapshot, customer).events()


def event(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
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
