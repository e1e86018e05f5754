"""A run of JSON lines on a tape of leaves, block by block, and what is copied off it: columns, rest, identity."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from periplus.collect import json_scan, json_skip, json_take
from periplus.collect.csv_file import text_array
from periplus.collect.json_paths import Paths
from periplus.collect.plain import Bytes
from periplus.collect.rows import Damaged, decoded
from periplus.store.arrays import array

BLOCK = 16 << 20
ROWS = 1 << 17
LEAVES = 1 << 21
DAMAGED = 4096
GLANCES, GLANCE = 16, 1 << 20
"""How many places of a run are looked at, and how many bytes at each, to learn what is frequent."""

_BIT = {kind: 1 << (kind - 1) for kind in range(1, json_skip.KINDS)}
_NUMBERS = _BIT[json_skip.INTEGER] | _BIT[json_skip.DECIMAL]
_STRINGS = _BIT[json_skip.STRING] | _BIT[json_skip.ESCAPED]
_NESTED = _BIT[json_skip.ARRAY] | _BIT[json_skip.OBJECT]
_LONG = _BIT[json_skip.LONG]
FITS = {
    "BIGINT": _BIT[json_skip.INTEGER] | _LONG,
    "DOUBLE": _NUMBERS,
    "BOOLEAN": _BIT[json_skip.BOOLEAN],
    "VARCHAR": _STRINGS,
    "JSON": _NESTED,
    "TEXT": _STRINGS | _NUMBERS | _LONG | _BIT[json_skip.HUGE] | _BIT[json_skip.BOOLEAN],
    "ANY": 0xFFFF,
}
"""Which leaves a column of a kind takes. TEXT (ids and such) takes every scalar as it is written."""
NAMES = {
    json_skip.BOOLEAN: "BOOLEAN", json_skip.INTEGER: "BIGINT", json_skip.LONG: "LONG", json_skip.DECIMAL: "DOUBLE",
    json_skip.STRING: "VARCHAR", json_skip.ESCAPED: "VARCHAR", json_skip.ARRAY: "JSON", json_skip.OBJECT: "JSON",
    json_skip.HUGE: "HUGE",
}  # fmt: skip


_ARROW = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_()}


@dataclass(frozen=True)
class Wanted:
    """A column to fill: its name, the path it comes from, and a kind of `FITS`."""

    name: str
    path: str
    kind: str


def line_end(text: Bytes, at: int) -> int:
    """The byte after the next line feed from `at` on."""
    while at < len(text):
        found = np.flatnonzero(text[at : at + (1 << 16)] == 10)
        if len(found):
            return at + int(found[0]) + 1
        at += 1 << 16
    return len(text)


class Tape:
    """Lines of a file from byte `start` to `end`; `first_line` is set once the lines before are counted."""

    def __init__(self, text: Bytes, start: int, end: int, opaque: Sequence[tuple[str, ...]]) -> None:
        self.text, self.start, self.end = text, start, end
        self.first_line, self.lines = 1, 0
        self.paths = Paths()
        for keys in opaque:
            self.paths.mark_opaque(*keys)
        self._buffers = _Buffers()

    def blocks(self) -> Iterator[tuple[int, list[Damaged], int, int]]:
        """(rows, damaged rows, leaves, bytes done) of each block; what is on the tape is good until the next."""
        self.lines = 0
        yield from self._scan(self.start, self.end, BLOCK)

    def glances(self) -> Iterator[int]:
        """The leaves of a few short blocks, spread evenly: enough to know what is frequent."""
        step = (self.end - self.start) // GLANCES
        for glance in range(GLANCES):
            at = self.start + glance * step
            at = at if glance == 0 else line_end(self.text, at)
            for _, _, leaves, _ in self._scan(at, min(at + GLANCE, self.end), GLANCE):
                yield leaves

    def _scan(self, position: int, end: int, block: int) -> Iterator[tuple[int, list[Damaged], int, int]]:
        held, line = self._buffers, self.first_line
        while position < end:
            until = min(end, position + block)
            rows, damaged, leaves, after, line, full = json_scan.scan(
                self.text, position, until, line, *self.paths.arrays(), *held.tape(),
                held.begins, held.finishes, held.lines, held.bad,
            )  # fmt: skip
            if full:
                self.paths.grow()
            elif not rows and not damaged and after == position:
                held.more_leaves()  # one line has more leaves than there is room for
                continue
            position = after
            self.lines = line - self.first_line
            yield rows, [self._damaged(row) for row in held.bad[:damaged]], leaves, position - self.start

    def tally(self, leaves: int, counts: np.ndarray) -> np.ndarray:
        """Counts by node and kind with this block's leaves added; a larger array where there are more nodes."""
        if len(counts) < len(self.paths.parents):
            more = np.zeros((len(self.paths.parents) - len(counts), json_skip.KINDS), np.int64)
            counts = np.concatenate([counts, more])
        json_take.tally(self._buffers.leaf_nodes, self._buffers.leaf_kinds, leaves, counts)
        return counts

    def batch(
        self,
        wanted: Sequence[Wanted],
        drop: frozenset[str],
        rest: bool,
        text_unless: str | None,
        rows: int,
        leaves: int,
    ) -> pa.RecordBatch:
        held = self._buffers
        names = self.paths.named()
        by_path: dict[str, int] = {}
        for number, want in enumerate(wanted):
            by_path.setdefault(want.path, number)
        nodes = np.array(
            [by_path.get(name, -2 if _below(name, drop) or not rest else -1) for name in names], np.int32
        )
        kinds = np.array([FITS[want.kind] for want in wanted] or [0], np.uint16)
        slots = np.full((max(1, len(wanted)), rows), -1, np.int32)
        in_rest, resting = np.zeros(leaves, np.bool_), np.zeros(rows, np.bool_)
        json_take.place(
            held.leaf_nodes, held.leaf_kinds, held.row_leaves, rows, nodes, kinds, slots, in_rest, resting
        )
        arrays = [array(each[:rows].copy()) for each in (held.lines, held.begins, held.finishes)]
        columns = ["@line", "@start", "@finish"]
        for want in wanted:
            number = by_path[want.path]
            arrays.append(self._column(slots[number], rows, want.kind))
            columns.append(want.name)
            if want.kind == "ANY":
                arrays.append(
                    array(np.where(slots[number] >= 0, held.leaf_kinds[slots[number]], 0).astype(np.uint8))
                )
                columns.append(f"@kind {want.name}")
        if rest:
            arrays.append(self._rest(names, rows, in_rest) if resting.any() else pa.nulls(rows, pa.string()))
            columns.append("@rest")
        if text_unless is not None:
            missing = np.ones(rows, np.bool_)
            if text_unless in columns:
                told: pa.Array = arrays[columns.index(text_unless)]
                missing = np.asarray(told.is_null().to_numpy(zero_copy_only=False)) | _blank(told)
            arrays.append(
                self._text(names, rows, missing, leaves) if missing.any() else pa.nulls(rows, pa.string())
            )
            columns.append("@text")
        return pa.RecordBatch.from_arrays(arrays, names=columns)

    def _column(self, slots: np.ndarray, rows: int, kind: str) -> pa.Array:
        held, text = self._buffers, self.text
        room, filled = json_take.room(held.leaf_starts, held.leaf_ends, slots)
        if not filled:
            return pa.nulls(rows, _ARROW.get(kind, pa.string()))
        offsets, data, valid = (
            np.empty(rows + 1, np.int32),
            np.empty(max(1, room), np.uint8),
            np.empty(rows, np.bool_),
        )
        json_take.take(
            text, held.leaf_kinds, held.leaf_starts, held.leaf_ends, slots, rows, offsets, data, valid
        )
        array = text_array(offsets, data, valid)
        return array.cast(_ARROW[kind]) if kind in _ARROW else array

    def _rest(self, names: list[str], rows: int, in_rest: np.ndarray) -> pa.Array:
        held = self._buffers
        written = [json.dumps(name, ensure_ascii=False).encode("utf-8", "replace") for name in names]
        joined, ends = _joined(written)
        tape = (held.leaf_nodes, held.leaf_kinds, held.leaf_starts, held.leaf_ends, held.row_leaves)
        offsets, valid = np.empty(rows + 1, np.int32), np.empty(rows, np.bool_)
        fixed = (self.text, *tape, rows, in_rest, joined, ends, offsets)
        room = json_take.rest_of(*fixed, np.empty(0, np.uint8), valid)
        data = np.empty(max(1, room), np.uint8)
        json_take.rest_of(*fixed, data, valid)
        return text_array(offsets, data, valid)

    def _text(self, names: list[str], rows: int, missing: np.ndarray, leaves: int) -> pa.Array:
        held = self._buffers
        joined, ends = _joined([name.encode("utf-8", "replace") for name in names])
        ranks = np.empty(len(names), np.int32)
        ranks[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names), dtype=np.int32)
        tape = (held.leaf_nodes, held.leaf_starts, held.leaf_ends, held.row_leaves)
        widest = int(np.diff(held.row_leaves[: rows + 1]).max(initial=0)) + 1
        offsets, valid = np.empty(rows + 1, np.int32), np.empty(rows, np.bool_)
        fixed = (
            self.text,
            *tape,
            rows,
            missing,
            ranks,
            joined,
            ends,
            np.empty(widest, np.int64),
            offsets,
        )
        room = json_take.row_text(*fixed, np.empty(0, np.uint8), valid)
        data = np.empty(max(1, room), np.uint8)
        json_take.row_text(*fixed, data, valid)
        return text_array(offsets, data, valid)

    def _damaged(self, row: np.ndarray) -> Damaged:
        line, start, end, reason, _ = (int(value) for value in row)
        why = {
            json_scan.NOT_JSON: "the line is not valid JSON",
            json_scan.NOT_OBJECT: "the line is not a JSON object",
            json_scan.TOO_DEEP: f"objects lie more than {json_skip.DEEPEST} deep in each other",
            json_scan.NOT_UTF8: "the text is not UTF-8",
        }
        return Damaged(line, why[reason], decoded(self.text[start:end].tobytes()))


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

    def tape(self) -> tuple[np.ndarray, ...]:
        return self.leaf_nodes, self.leaf_kinds, self.leaf_starts, self.leaf_ends, self.row_leaves


def _joined(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Texts one after another, and where each ends."""
    data = np.frombuffer(b"".join(texts) or b"\0", np.uint8).copy()
    return data, np.cumsum([len(text) for text in texts], dtype=np.int64)


def _below(name: str, roots: frozenset[str]) -> bool:
    return name in roots or any(name.startswith(root + ".") for root in roots)


def _blank(texts: pa.Array) -> np.ndarray:
    """bool[n]: which texts have no letter."""
    offsets = texts.buffers()[1]
    if offsets is None:
        return np.ones(len(texts), np.bool_)
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    found: np.ndarray = ends[1:] == ends[:-1]
    return found
