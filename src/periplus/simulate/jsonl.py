"""The nested form: one Segment-spec JSON object per line, written by a compiled loop.

The columns are sorted so that those of one object stand together. Between two values of a row comes a
comma, or the text that closes and opens the objects in between, from a small table.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from periplus.simulate import texts
from periplus.simulate.columns import Coded, Column, Decimal, Text
from periplus.simulate.draws import compiled
from periplus.simulate.moving import SLACK, put

Group = tuple[str, ...]


def lines(columns: list[Column]) -> bytes:
    """The rows as JSON lines."""
    ordered = sorted(columns, key=lambda column: _parents(column.path))
    groups = sorted({_parents(column.path) for column in ordered})
    between = [_between(here, there) for here in groups for there in [*groups, None]]
    keys, quoted = [], np.zeros(len(ordered), dtype=np.bool_)
    index: list[NDArray[np.int32]] = []
    data: list[texts.Bytes] = []
    starts: list[NDArray[np.int64]] = []
    first_piece = np.zeros(len(ordered), dtype=np.int64)
    size = pieces = room = 0
    longest = max(map(len, between)) + 2
    for place, column in enumerate(ordered):
        codes, quoted[place], (bytes_of, offsets) = _pieces(column)
        first_piece[place] = pieces
        index.append(codes)
        data.append(bytes_of)
        starts.append(offsets.astype(np.int64) + size)
        size, pieces = size + len(bytes_of), pieces + len(offsets)
        # A piece of a coded column has its key in front, one of the others gets it when written.
        keys.append(b"" if isinstance(column, Coded) else _key(column.path) + b'"' * int(quoted[place]))
        here = codes[codes >= 0]
        lengths = np.diff(offsets)[here].sum() if isinstance(column, Coded) else len(bytes_of)
        room += int(lengths) + len(here) * (len(keys[-1]) + longest)
    out = np.empty(room + (longest + 16) * len(index[0]) + SLACK, dtype=np.uint8)
    size = _write(
        np.stack(index),
        first_piece,
        np.concatenate(starts),
        np.concatenate(data),
        *texts.pool(keys),
        quoted,
        np.array([groups.index(_parents(column.path)) for column in ordered]),
        len(groups),
        *texts.pool(between),
        out,
    )
    return out[:size].tobytes()


def _parents(path: str) -> Group:
    return tuple(path.split(".")[:-1])


def _key(path: str) -> bytes:
    return json.dumps(path.split(".")[-1]).encode() + b":"


def _between(here: Group, there: Group | None) -> bytes:
    """What stands between a value in object `here` and the next one in `there`, or the end of the line."""
    if there is None:
        return b"}" * (len(here) + 1) + b"\n"
    shared = 0
    while shared < min(len(here), len(there)) and here[shared] == there[shared]:
        shared += 1
    opened = "".join(f"{json.dumps(name)}:{{" for name in there[shared:])
    return b"}" * (len(here) - shared) + b"," + opened.encode()


def _pieces(column: Column) -> tuple[NDArray[np.int32], bool, texts.Pool]:
    """A column as: the piece of each row or -1, whether pieces want quotes, all pieces."""
    match column:
        case Coded():
            return column.codes, False, column.words.keyed(_key(column.path))
        case Text():
            quoted, pool = not column.raw, (column.data, column.offsets)
        case Decimal():
            quoted, pool = False, texts.decimals(column.cents)
        case _:
            quoted, pool = True, texts.moments(column.micros)
    rows = np.arange(len(pool[1]) - 1, dtype=np.int32)
    return np.where(np.diff(pool[1]) > 0, rows, np.int32(-1)), quoted, pool


@compiled
def _write(
    index: NDArray[np.int32],
    first_piece: NDArray[np.int64],
    starts: NDArray[np.int64],
    data: texts.Bytes,
    keys: texts.Bytes,
    key_starts: texts.Offsets,
    quoted: NDArray[np.bool_],
    group: NDArray[np.int64],
    groups: int,
    between: texts.Bytes,
    between_starts: texts.Offsets,
    out: texts.Bytes,
) -> int:
    """Write all rows; how many bytes."""
    columns, rows = index.shape
    at = 0
    for row in range(rows):
        out[at] = 123
        at += 1
        last = group[0]
        empty = True
        for column in range(columns):
            piece = index[column, row]
            if piece < 0:
                continue
            if group[column] != last:
                step = last * (groups + 1) + group[column]
                at = put(out, at, between, between_starts[step], between_starts[step + 1])
                last = group[column]
            elif not empty:
                out[at] = 44
                at += 1
            empty = False
            at = put(out, at, keys, key_starts[column], key_starts[column + 1])
            place = first_piece[column] + piece
            at = put(out, at, data, starts[place], starts[place + 1])
            if quoted[column]:
                out[at] = 34
                at += 1
        step = last * (groups + 1) + groups
        at = put(out, at, between, between_starts[step], between_starts[step + 1])
    return at


class JsonFile:
    """A JSONL file, plain or gzipped; each chunk is a gzip member, so that chunks compress in parallel."""

    def __init__(self, path: Path, zipped: bool) -> None:
        self.path, self.zipped = path, zipped
        self._file: BinaryIO = path.open("wb")

    def encode(self, columns: list[Column]) -> bytes:
        text = lines(columns)
        return gzip.compress(text, compresslevel=1, mtime=0) if self.zipped else text

    def write(self, encoded: bytes) -> None:
        self._file.write(encoded)

    def __enter__(self) -> JsonFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
