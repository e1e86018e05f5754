"""Rows of a JSON Lines file: first what paths there are, then columns of them, with a rest that loses nothing.

A path is the keys from the top joined by dots (`properties.price`; a dot inside a key is `\\.`). The first
reading counts every path and kind over the whole file; the second fills the columns asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from periplus.collect import json_scan
from periplus.collect.csv_file import text_array
from periplus.collect.plain import Plain
from periplus.collect.rows import Chunk, Damaged, Seen, decoded
from periplus.event import escape
from periplus.store.staged import Progress

BLOCK = 16 << 20
ROWS = 1 << 17
LEAVES = 1 << 21
DAMAGED = 4096

_BIT = {kind: 1 << (kind - 1) for kind in range(1, json_scan.KINDS)}
_NUMBERS = _BIT[json_scan.INTEGER] | _BIT[json_scan.DECIMAL]
_STRINGS = _BIT[json_scan.STRING] | _BIT[json_scan.ESCAPED]
_NESTED = _BIT[json_scan.ARRAY] | _BIT[json_scan.OBJECT]
_LONG = _BIT[json_scan.LONG]
FITS = {
    "BIGINT": _BIT[json_scan.INTEGER] | _LONG,
    "DOUBLE": _NUMBERS,
    "BOOLEAN": _BIT[json_scan.BOOLEAN],
    "VARCHAR": _STRINGS,
    "JSON": _NESTED,
    "TEXT": _STRINGS | _NUMBERS | _LONG | _BIT[json_scan.HUGE] | _BIT[json_scan.BOOLEAN],
    "ANY": 0xFFFF,
}
"""Which leaves a column of a kind takes. TEXT (ids and such) takes every scalar as it is written."""
_NAMES = {
    json_scan.BOOLEAN: "BOOLEAN", json_scan.INTEGER: "BIGINT", json_scan.LONG: "LONG", json_scan.DECIMAL: "DOUBLE",
    json_scan.STRING: "VARCHAR", json_scan.ESCAPED: "VARCHAR", json_scan.ARRAY: "JSON", json_scan.OBJECT: "JSON",
    json_scan.HUGE: "HUGE",
}  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A column to fill: its name, the path it comes from, and a kind of `FITS`."""

    name: str
    path: str
    kind: str


class _Paths:
    """The tree of paths of a file, as arrays that the compiled loops fill and that grow when they are full."""

    def __init__(self) -> None:
        self.table = np.full(1 << 12, -1, np.int32)
        self.parents = np.zeros(1 << 11, np.int32)
        self.key_starts = np.zeros(1 << 11, np.int64)
        self.key_lengths = np.zeros(1 << 11, np.int32)
        self.hashes = np.zeros(1 << 11, np.uint64)
        self.arena = np.zeros(1 << 16, np.uint8)
        self.counts = np.array([1, 0], np.int64)
        self.opaque = np.zeros(1 << 11, np.uint8)
        self.follows = np.zeros(1 << 11, np.int32)
        self.parents[0] = -1
        self.names: list[str] = [""]

    def arrays(self) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
        return (
            self.table, self.parents, self.key_starts, self.key_lengths, self.hashes, self.arena, self.counts,
            self.opaque, self.follows,
        )  # fmt: skip

    def grow(self) -> None:
        """Twice the room for paths and their keys."""
        for name in ("parents", "key_starts", "key_lengths", "hashes", "opaque", "follows", "arena"):
            held = getattr(self, name)
            setattr(self, name, np.concatenate([held, np.zeros_like(held)]))
        size = len(self.table) * 2
        self.table = np.full(size, -1, np.int32)
        for node in range(1, int(self.counts[0])):
            slot = int(self.hashes[node]) & (size - 1)
            while self.table[slot] >= 0:
                slot = (slot + 1) & (size - 1)
            self.table[slot] = node

    def mark_opaque(self, *keys: str) -> None:
        """Objects at this path are taken whole."""
        node = 0
        for key in keys:
            raw = np.frombuffer(key.encode(), np.uint8).copy()
            node = int(json_scan.node_of(raw, 0, len(raw), node, *self.arrays()[:-2]))
        self.opaque[node] = 1

    def named(self) -> list[str]:
        """The path of every node; names are made once, as nodes come."""
        for node in range(len(self.names), int(self.counts[0])):
            start = int(self.key_starts[node])
            raw = self.arena[start : start + int(self.key_lengths[node])].tobytes()
            try:
                key = raw.decode("utf-8") if b"\\" not in raw else json.loads(b'"' + raw + b'"')
                key = key.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\u" in raw.decode() else key
            except (UnicodeDecodeError, ValueError):
                key = raw.decode("utf-8", "replace")
            above = self.names[int(self.parents[node])]
            self.names.append(f"{above}.{escape(key)}" if self.parents[node] else escape(key))
        return self.names


class JsonLines:
    """An open JSON Lines file. `discover` first, then `chunks`."""

    def __init__(self, plain: Plain, opaque: Sequence[tuple[str, ...]] = ()) -> None:
        self.plain = plain
        self.path: Path = plain.path
        self.paths = _Paths()
        for keys in opaque:
            self.paths.mark_opaque(*keys)
        self.kinds: dict[str, dict[str, int]] = {}
        self.columns: list[str] = []
        self.seen: dict[str, Seen] = {}
        self.rows = 0
        self._buffers = _Buffers()

    def discover(self, progress: Progress | None = None) -> None:
        """Count every path and kind of the whole file into `kinds`, most frequent paths first."""
        counts = np.zeros((len(self.paths.parents), json_scan.KINDS), np.int64)
        for rows, _, leaves, done in self._scan():
            if len(counts) < len(self.paths.parents):
                counts = np.concatenate(
                    [counts, np.zeros((len(self.paths.parents) - len(counts), json_scan.KINDS), np.int64)]
                )
            json_scan.tally(self._buffers.leaf_nodes, self._buffers.leaf_kinds, leaves, counts)
            self.rows += rows
            if progress:
                progress(done, len(self.plain.text), f"looking through {self.path.name}")
        found: dict[str, dict[str, int]] = {}
        for node, name in enumerate(self.paths.named()):
            for kind in np.flatnonzero(counts[node]):
                kinds = found.setdefault(name, {})
                kinds[_NAMES[int(kind)]] = kinds.get(_NAMES[int(kind)], 0) + int(counts[node, kind])
        self.kinds = dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))
        self.columns = list(self.kinds)
        self.seen = {name: Seen(sum(kinds.values()), 0, kinds) for name, kinds in self.kinds.items()}

    def chunks(
        self, wanted: Sequence[Wanted], *, drop: frozenset[str] = frozenset(), rest: bool = True, text_unless: str | None = None
    ) -> Iterator[Chunk]:
        """All rows in order, as `@line`, `@start`, `@finish`, the columns wanted, `@rest` and `@text`.

        `@rest` is a flat JSON object of what fits no column (paths in `drop` and below are left out); `@text`
        is what identifies the row, only where the column named `text_unless` is null ("" : everywhere).
        """
        for rows, damaged, leaves, done in self._scan():
            yield Chunk(self._batch(wanted, drop, rest, text_unless, rows, leaves), damaged, done, len(self.plain.text))

    def _scan(self) -> Iterator[tuple[int, list[Damaged], int, int]]:
        text, held = self.plain.text, self._buffers
        position, line = 0, 1
        while position < len(text):
            until = min(len(text), position + BLOCK)
            rows, damaged, leaves, after, line, full = json_scan.scan(
                text, position, until, line, *self.paths.arrays(), *held.tape(), held.begins, held.finishes, held.lines, held.bad
            )
            if full:
                self.paths.grow()
            elif not rows and not damaged and after == position:
                held.more_leaves()  # one line has more leaves than there is room for
                continue
            position = after
            yield rows, [self._damaged(row) for row in held.bad[:damaged]], leaves, position

    def _batch(
        self, wanted: Sequence[Wanted], drop: frozenset[str], rest: bool, text_unless: str | None, rows: int, leaves: int
    ) -> pa.RecordBatch:
        held = self._buffers
        names = self.paths.named()
        by_path: dict[str, int] = {}
        for number, want in enumerate(wanted):
            by_path.setdefault(want.path, number)
        nodes = np.array([by_path.get(name, -2 if _below(name, drop) or not rest else -1) for name in names], np.int32)
        kinds = np.array([FITS[want.kind] for want in wanted] or [0], np.uint16)
        slots = np.full((max(1, len(wanted)), rows), -1, np.int32)
        in_rest, resting = np.zeros(leaves, np.bool_), np.zeros(rows, np.bool_)
        json_scan.place(held.leaf_nodes, held.leaf_kinds, held.row_leaves, rows, nodes, kinds, slots, in_rest, resting)
        arrays = [pa.array(each[:rows].copy()) for each in (held.lines, held.begins, held.finishes)]
        columns = ["@line", "@start", "@finish"]
        for want in wanted:
            number = by_path[want.path]
            arrays.append(self._column(slots[number], rows, want.kind))
            columns.append(want.name)
            if want.kind == "ANY":
                arrays.append(pa.array(np.where(slots[number] >= 0, held.leaf_kinds[slots[number]], 0).astype(np.uint8)))
                columns.append(f"@kind {want.name}")
        if rest:
            arrays.append(self._rest(names, rows, in_rest) if resting.any() else pa.nulls(rows, pa.string()))
            columns.append("@rest")
        if text_unless is not None:
            missing = np.ones(rows, np.bool_)
            if text_unless in columns:
                missing = np.asarray(pc.is_null(arrays[columns.index(text_unless)]).to_numpy(zero_copy_only=False))
            arrays.append(self._text(names, rows, missing, leaves) if missing.any() else pa.nulls(rows, pa.string()))
            columns.append("@text")
        return pa.RecordBatch.from_arrays(arrays, names=columns)

    def _column(self, slots: np.ndarray, rows: int, kind: str) -> pa.Array:  # type: ignore[type-arg]
        held, text = self._buffers, self.plain.text
        used = slots[slots >= 0]
        room = int((held.leaf_ends[used] - held.leaf_starts[used]).sum()) + 2 * len(used)
        offsets, data, valid = np.empty(rows + 1, np.int32), np.empty(max(1, room), np.uint8), np.empty(rows, np.bool_)
        json_scan.take(text, held.leaf_kinds, held.leaf_starts, held.leaf_ends, slots, rows, offsets, data, valid)
        array = text_array(offsets, data, valid)
        if kind == "BIGINT":
            return pc.cast(array, pa.int64())
        if kind == "DOUBLE":
            return pc.cast(array, pa.float64())
        return pc.cast(array, pa.bool_()) if kind == "BOOLEAN" else array

    def _rest(self, names: list[str], rows: int, in_rest: np.ndarray) -> pa.Array:  # type: ignore[type-arg]
        held = self._buffers
        written = [json.dumps(name, ensure_ascii=False).encode("utf-8", "replace") for name in names]
        joined, ends = _joined(written)
        tape = (held.leaf_nodes, held.leaf_kinds, held.leaf_starts, held.leaf_ends, held.row_leaves)
        offsets, valid = np.empty(rows + 1, np.int32), np.empty(rows, np.bool_)
        fixed = (self.plain.text, *tape, rows, in_rest, joined, ends, offsets)
        room = json_scan.rest_of(*fixed, np.empty(0, np.uint8), valid)
        data = np.empty(max(1, room), np.uint8)
        json_scan.rest_of(*fixed, data, valid)
        return text_array(offsets, data, valid)

    def _text(self, names: list[str], rows: int, missing: np.ndarray, leaves: int) -> pa.Array:  # type: ignore[type-arg]
        held = self._buffers
        joined, ends = _joined([name.encode("utf-8", "replace") for name in names])
        ranks = np.empty(len(names), np.int32)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names), dtype=np.int32)
        tape = (held.leaf_nodes, held.leaf_starts, held.leaf_ends, held.row_leaves)
        widest = int(np.diff(held.row_leaves[: rows + 1]).max(initial=0)) + 1
        offsets, valid = np.empty(rows + 1, np.int32), np.empty(rows, np.bool_)
        fixed = (self.plain.text, *tape, rows, missing, ranks, joined, ends, np.empty(widest, np.int64), offsets)
        room = json_scan.row_text(*fixed, np.empty(0, np.uint8), valid)
        data = np.empty(max(1, room), np.uint8)
        json_scan.row_text(*fixed, data, valid)
        return text_array(offsets, data, valid)

    def _damaged(self, row: np.ndarray) -> Damaged:  # type: ignore[type-arg]
        line, start, end, reason, _ = (int(value) for value in row)
        why = {
            json_scan.NOT_JSON: "the line is not valid JSON",
            json_scan.NOT_OBJECT: "the line is not a JSON object",
            json_scan.TOO_DEEP: f"objects lie more than {json_scan.DEEPEST} deep in each other",
            json_scan.NOT_UTF8: "the text is not UTF-8",
        }
        return Damaged(line, why[reason], decoded(self.plain.text[start:end].tobytes()))


class _Buffers:
    """Room for one block's tape, used again for every block."""

    def __init__(self) -> None:
        self.begins, self.finishes, self.lines = (np.empty(ROWS, np.int64) for _ in range(3))
        self.row_leaves = np.empty(ROWS + 1, np.int64)
        self.bad = np.empty((DAMAGED, 5), np.int64)
        self._room(LEAVES)

    def _room(self, leaves: int) -> None:
        self.leaf_nodes, self.leaf_kinds = np.empty(leaves, np.int32), np.empty(leaves, np.uint8)
        self.leaf_starts, self.leaf_ends = np.empty(leaves, np.int64), np.empty(leaves, np.int64)

    def more_leaves(self) -> None:
        """Twice the room for leaves."""
        self._room(len(self.leaf_nodes) * 2)

    def tape(self) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
        return self.leaf_nodes, self.leaf_kinds, self.leaf_starts, self.leaf_ends, self.row_leaves


def _joined(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Texts one after another, and where each ends."""
    data = np.frombuffer(b"".join(texts) or b"\0", np.uint8).copy()
    return data, np.cumsum([len(text) for text in texts], dtype=np.int64)


def _below(name: str, roots: frozenset[str]) -> bool:
    return name in roots or any(name.startswith(root + ".") for root in roots)


def unified(kinds: Mapping[str, Mapping[str, int]], more: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """The counts of two files together."""
    result = {path: dict(counts) for path, counts in kinds.items()}
    for path, counts in more.items():
        held = result.setdefault(path, {})
        for kind, count in counts.items():
            held[kind] = held.get(kind, 0) + count
    return result
