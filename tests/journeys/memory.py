"""A snapshot in memory, made of event dicts: what the engine's tests ask, without a store.

An event is `{"customer": int, "time": int, "event": str, "properties": {...}, "context": {...}, ...}`;
customer 0 is nobody. Events of one instant keep the order of the list. With `"type": "identify"` it is a statement.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from periplus.event import STATEMENTS, flatten
from periplus.store.columns import FileColumns
from periplus.store.snapshot import Found, PropertyInfo, Shard
from periplus.store.told import Told

_connection: duckdb.DuckDBPyConnection | None = None


def connection() -> duckdb.DuckDBPyConnection:
    global _connection
    if _connection is None:
        _connection = duckdb.connect(":memory:", config={"threads": 1})
    return _connection


class Memory:
    """The store's Snapshot, as far as questions use it."""

    def __init__(
        self,
        events: Sequence[dict[str, Any]],
        *,
        shards: int = 2,
        live: bool = False,
        with_marked: bool = False,
    ) -> None:
        self._all, self._kept = list(events), {"shards": shards, "live": live}
        self.with_marked = with_marked
        self.has_marked = any(event.get("marked") for event in events)
        if not with_marked:
            events = [event for event in events if not event.get("marked")]
        listed = [(event["customer"], event["time"], place, event) for place, event in enumerate(events)]
        listed.sort(key=lambda each: each[:3])
        self._known = [event for customer, _, _, event in listed if customer]
        listed = [each for each in listed if each[3].get("type") not in STATEMENTS]
        events = [event for event in events if event.get("type") not in STATEMENTS]
        self.events = [event for customer, _, _, event in listed if customer]
        self.nobody = [event for customer, _, _, event in listed if not customer]
        self.version = "memory"
        self.live = live
        self.shard_count = shards
        self.names = tuple(sorted({event["event"] for event in events}))
        self.last_time = max((event["time"] for event in events), default=None)
        self.first_time = min((event["time"] for event in events if event["customer"]), default=None)
        self._place = np.array([event["customer"] * shards >> 64 for event in self.events], np.int64)
        self._shards = [self._shard(index) for index in range(shards)]
        self._table: pa.Table | None = None
        self._columns = FileColumns({})
        self._types: list[str] | None = None
        self._answers: dict[str, list[Any]] = {}

    def _shard(self, index: int) -> Shard:
        mine = [event for event, place in zip(self.events, self._place, strict=True) if place == index]
        owner = np.array([event["customer"] for event in mine], np.uint64)
        customers, counts = np.unique(owner, return_counts=True)
        arrays = (
            customers,
            np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
            np.array([event["time"] for event in mine], np.int64),
            np.array([self.names.index(event["event"]) for event in mine], np.uint16),
        )
        for array in arrays:
            array.flags.writeable = False  # as the memory-mapped ones of the store
        return Shard(index, *arrays)

    @property
    def everything(self) -> Memory:
        return Memory(self._all, with_marked=True, **self._kept)

    def left_out(self, since: int, until: int) -> int:
        marked = [] if self.with_marked else [event for event in self._all if event.get("marked")]
        return sum(since <= event["time"] < until for event in marked)

    def name_counts(self) -> dict[str, int]:
        return dict(Counter(event["event"] for event in (*self.events, *self.nobody)))

    def shard(self, index: int) -> Shard:
        return self._shards[index]

    files: tuple[Any, ...] = ()

    @property
    def properties(self) -> dict[str, PropertyInfo]:
        seen: dict[str, list[Any]] = {}
        for event in self.events:
            for path, value in self._leaves(event).items():
                seen.setdefault(path, []).append(value)
        # What is neither text nor lists is as what has no column: of any kind.
        return {
            path: PropertyInfo(
                "VARCHAR" if all(isinstance(value, str) for value in values) else "JSON",
                len(values) if any(isinstance(value, str | list) for value in values) else 0,
                list(dict.fromkeys(value for value in values if isinstance(value, str)))[:40],
            )
            for path, values in seen.items()
        }

    @staticmethod
    def _leaves(event: dict[str, Any]) -> dict[str, Any]:
        leaves: dict[str, Any] = {}
        for root in ("properties", "context", "traits"):
            leaves |= flatten(event.get(root, {}), root)
        return leaves

    def evaluate(self, expression: Any, dtype: Any, by_value: Any = None) -> list[np.ndarray]:
        del by_value  # a shorter way, for files
        column = np.array([value for (value,) in self._query([expression])], dtype)
        return [column[self._place == index] for index in range(self.shard_count)]

    def fetch(self, where: Any, values: Sequence[Any]) -> Found:
        read = self._query([where, *values])
        met = np.array([row[0] for row in read], np.bool_)
        offset = np.searchsorted(self._place, np.arange(self.shard_count))
        row = np.arange(len(self.events)) - (offset[self._place] if len(self.events) else 0)
        columns = [np.array([row[1 + place] for row in read], object)[met] for place in range(len(values))]
        masked = [np.ma.masked_array(c, mask=[v is None for v in c]) for c in columns]
        return Found(self._place[met].astype(np.int32), row[met].astype(np.int64), masked)

    def unidentified(self) -> tuple[np.ndarray, np.ndarray]:
        return (
            np.array([event["time"] for event in self.nobody], np.int64),
            np.array([self.names.index(event["event"]) for event in self.nobody], np.uint16),
        )

    def fetch_unidentified(self, where: Any, values: Sequence[Any]) -> tuple[np.ndarray, list[np.ndarray]]:
        if not self.nobody:
            return np.zeros(0, np.int64), [np.zeros(0) for _ in values]
        anybody = Memory([event | {"customer": 1} for event in self.nobody], shards=1)
        found = anybody.fetch(where, values)
        return anybody.shard(0).time[found.row], found.columns

    def told(self, where: Any, values: Sequence[Any]) -> Told:
        everything = Memory([event | {"type": "track"} for event in self._known], shards=1)
        everything._types = [event.get("type", "track") for event in self._known]
        found = everything.fetch(where, values)
        at = found.row
        owners = np.array([event["customer"] for event in self._known], np.uint64)
        times = np.array([event["time"] for event in self._known], np.int64)
        return Told(owners[at], times[at], found.columns)

    def _query(self, expressions: Sequence[Any]) -> list[Any]:
        if not self.events:
            return []
        if self._table is None:
            self._table, self._columns = self._written()
        parts = [expression(self._columns) for expression in expressions]
        key = repr(parts)
        if key in self._answers:  # as the store's snapshot keeps labels: the lists behind numbers ask again
            return self._answers[key]
        cursor = connection().cursor()
        cursor.register("events_in_memory", self._table)
        listed = ", ".join(sql for sql, _ in parts)
        bound = [value for _, values in parts for value in values]
        found = cursor.execute(f"SELECT {listed} FROM events_in_memory ORDER BY place", bound).fetchall()
        cursor.close()
        self._answers[key] = list(found)
        return self._answers[key]

    def _written(self) -> tuple[pa.Table, FileColumns]:
        """The events as the store keeps them: paths that hold only texts as columns, the others in `rest`."""
        leaves = [self._leaves(event) for event in self.events]
        paths = sorted({path for mine in leaves for path in mine})
        texts = [path for path in paths if all(isinstance(mine.get(path, ""), str) for mine in leaves)]
        rest = [{path: value for path, value in mine.items() if path not in texts} for mine in leaves]
        columns = {
            "place": pa.array(range(len(self.events)), pa.int64()),
            "event": pa.array([event["event"] for event in self.events], pa.string()),
            "rest": pa.array([json.dumps(mine) for mine in rest], pa.string()),
        }
        types = self._types or [event.get("type", "track") for event in self.events]
        columns["type"] = pa.array(types, pa.string())
        for name in ("channel", "source", "department"):
            columns[name] = pa.array([event.get(name) for event in self.events], pa.string())
        for path in texts:
            columns[path] = pa.array([mine.get(path) for mine in leaves], pa.string())
        known = frozenset(path for path in paths if path not in texts)
        return pa.table(columns), FileColumns(dict.fromkeys(texts, "VARCHAR"), known)
