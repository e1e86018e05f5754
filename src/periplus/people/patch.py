"""New content for some rows of an event file: a Parquet of their names and of some of their paths, by key.

Paths get the kind of column they have in the file, new ones that of most values among the first rows;
what does not fit, or is met later, goes to the row's `rest`, as everywhere.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from periplus.store import door, standing
from periplus.store.files import FIXED
from periplus.store.standing import Shape

TYPES = {
    "BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(), "VARCHAR": pa.string(), "JSON": pa.string(),
}  # fmt: skip
AT_ONCE = 20_000
"""Rows that are held until they are written; the first of them decide on the kinds of new paths."""
INT64 = range(-(2**63), 2**63)
EXACT = 1 << 53
"""Whole numbers up to here are exact as a double."""


@dataclass(frozen=True)
class Row:
    """One row's new content: its key, its names, the flat leaves that are its own now, and the rest beside them."""

    key_hi: int
    key_lo: int
    event: str
    original: str | None
    leaves: Mapping[str, Any]
    rest: Mapping[str, Any]


@dataclass
class Patch:
    """Collects rows and writes them to `path`; `kinds` are the columns that the file has for such paths."""

    path: Path
    kinds: dict[str, str]
    rows: int = 0
    rest: set[str] = field(default_factory=set)
    """Paths that lie in the rest of some row."""
    filled: set[str] = field(default_factory=set)
    """Columns that have a value in some row."""
    _waiting: list[Row] = field(default_factory=list)
    _writer: pq.ParquetWriter | None = None

    def add(self, row: Row) -> None:
        self._waiting.append(row)
        if len(self._waiting) >= AT_ONCE:
            self._flush()

    def close(self) -> None:
        """Write what waits; the file is whole after it, if there was any row."""
        if self._waiting:
            self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        if self._writer is None:
            self.kinds |= _kinds(self._waiting, self.kinds)
            fields = [
                ("key_hi", pa.uint64()),
                ("key_lo", pa.uint64()),
                ("event", pa.string()),
                ("original", pa.string()),
            ]
            fields += [(path, TYPES[kind]) for path, kind in self.kinds.items()]
            self._writer = pq.ParquetWriter(self.path, pa.schema([*fields, ("rest", pa.string())]))
        columns: dict[str, list[Any]] = {name: [] for name in self._writer.schema.names}
        for row in self._waiting:
            rest = dict(row.rest)
            for path, kind in self.kinds.items():
                value = row.leaves.get(path)
                placed = _placed(value, kind)
                columns[path].append(placed)
                if placed is not None:
                    self.filled.add(path)
                if placed is None and value is not None:
                    rest[path] = value
            rest |= {path: value for path, value in row.leaves.items() if path not in self.kinds}
            self.rest.update(rest)
            columns["key_hi"].append(row.key_hi)
            columns["key_lo"].append(row.key_lo)
            columns["event"].append(row.event)
            columns["original"].append(row.original)
            columns["rest"].append(
                json.dumps(rest, ensure_ascii=False, separators=(",", ":")) if rest else None
            )
        self._writer.write_table(pa.table(columns, schema=self._writer.schema))
        self.rows += len(self._waiting)
        self._waiting = []

    @property
    def columns(self) -> dict[str, str]:
        """The columns that it fills, with their kinds."""
        return {path: kind for path, kind in self.kinds.items() if path in self.filled}

    def select(self, rows: str, columns: dict[str, str], target: Shape) -> str:
        """SQL of the patched rows of `rows`, which have `columns`, in the shape `target`."""
        others = {path: kind for path, kind in columns.items() if path not in self.kinds}
        kept = [f"e.{door.quoted(name)}" for name in (*FIXED, *others) if name not in ("event", "original")]
        new = [f"p.{door.quoted(name)}" for name in ("event", "original", *self.columns, "rest")]
        inner = (
            f"SELECT {', '.join([*kept, *new])} FROM ({rows}) AS e "
            f"JOIN read_parquet({door.file_list([self.path])}) AS p ON p.key_hi = e.key_hi AND p.key_lo = e.key_lo"
        )
        return f"SELECT {standing.select(others | self.columns, target, fixed=tuple(FIXED))} FROM ({inner})"


def _kinds(rows: list[Row], known: Mapping[str, str]) -> dict[str, str]:
    """The kind of each path that has none yet: that of most of its values; whole and decimal numbers meet as DOUBLE."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for path, value in row.leaves.items():
            if path not in known:
                counts.setdefault(path, Counter())[_kind(value)] += 1
    return {
        path: "DOUBLE" if set(count) == {"BIGINT", "DOUBLE"} else count.most_common(1)[0][0]
        for path, count in sorted(counts.items())
    }


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "BOOLEAN"
    if isinstance(value, int):
        return "BIGINT"
    if isinstance(value, float):
        return "DOUBLE"
    return "VARCHAR" if isinstance(value, str) else "JSON"


def _placed(value: Any, kind: str) -> Any:
    """The value as its column has it, or None where it does not fit."""
    have = _kind(value)
    if have == kind:
        if kind == "JSON":
            return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        return value if kind != "BIGINT" or value in INT64 else None
    return float(value) if have == "BIGINT" and kind == "DOUBLE" and abs(value) <= EXACT else None
