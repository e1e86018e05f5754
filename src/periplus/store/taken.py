"""A file of events written by taking: the order of its rows is found first, and each column laid out by it.

Rows of many columns are dear to sort: each of their texts is made, moved and forgotten. Here a column is read once, its
texts as codes wherever the staged file has them so, and taken in the order of the rows, one group of rows after
another, by as many threads as there are, while this one writes the groups before. The columns are in memory
meanwhile; where they do not fit, DuckDB sorts the rows (`writing.py`). See adr 0016.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.store import door
from periplus.store.files import FIXED, ROW_GROUP
from periplus.store.held import Held, ahead
from periplus.store.lent import Lent
from periplus.store.order import Places, order
from periplus.store.properties import FREQUENT, SAMPLE, SUGGESTED
from periplus.store.sparse_column import Sparse, SparseColumn, is_sparse, read_sparse, standing
from periplus.store.spilled import SpilledColumn, spilled
from periplus.store.staged_column import (
    LONGEST,
    Column,
    Columns,
    ParquetColumns,
    TableColumns,
    lent_columns,
    read,
)

TYPES = {
    "UTINYINT": pa.uint8(), "UBIGINT": pa.uint64(), "BIGINT": pa.int64(), "INTEGER": pa.int32(),
    "VARCHAR": pa.string(), "JSON": pa.string(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
}  # fmt: skip
_RANDOM = ("time", "key_hi", "key_lo", "message_id")
"""Columns whose values hardly recur and do not get smaller: neither coded nor compressed."""
_OF_PEOPLE = ("user_id", "anonymous_id", "email")
"""Texts that recur where rows lie by customer, even if they hardly did in the order in which they came."""
_FROM = (("file", pa.int32()), ("line", pa.int64()))
"""The columns of a staged event that say where it comes from."""
PLACED = ("section", "customer", "time", "sequence", "key_hi", "key_lo", "batch")
"""The columns that say where a row stands, and whose it is."""
_TOLD = tuple(name for name, kind in FIXED.items() if kind != "VARCHAR")
"""Columns of which each group says its least and greatest value: readers skip groups by them."""


AnyColumn = Column | SparseColumn | SpilledColumn


@dataclass(frozen=True)
class Owned:
    """Whose the n events of a piece are: `customer` uint64[n] (0: nobody) and `section` uint8[n] of each.

    `people` says who is in them: `customer`, identifiers, `first` and `last` time and how many `events`, a row or more for
    each.
    """

    customer: np.ndarray
    section: np.ndarray
    people: pa.Table


@dataclass(frozen=True)
class Piece:
    """Staged events, in a Parquet file or `held`, that come into a file of events with their columns as they are.

    `placed` is SQL of (row, section, customer) for each row that comes in; `row` is its number in the file, from 0. Where
    all come in, and it is known whose each is, `owned` says so.
    `lent` are columns of them that stayed where they were read.
    """

    path: Path
    placed: str
    batch: int
    lent: Lent | None = None
    held: Held | None = None
    owned: Owned | None = None


@dataclass(frozen=True)
class Taken:
    """Rows in the order of the file: what placed them, by name, and the columns that are taken."""

    placed: Mapping[str, np.ndarray]
    columns: Mapping[str, AnyColumn]


@dataclass(frozen=True)
class Told:
    """What was seen as columns were written: how many rows have a value, and the most frequent ones of the first rows."""

    filled: Mapping[str, int]
    frequent: Mapping[str, list[Any]]


class _Sources:
    """The files that the columns of some pieces lie in."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self.staged: list[Columns] = [
            ParquetColumns(piece.path) if piece.held is None else TableColumns(piece.held.table)
            for piece in pieces
        ]
        self.lenders = [None if piece.lent is None else lent_columns(piece.lent) for piece in pieces]

    def _lent(self, name: str) -> tuple[bool, ...]:
        return tuple(piece.lent is not None and name in piece.lent.columns for piece in self.pieces)

    def of(self, name: str) -> list[Columns]:
        """The file that has a column, for each piece."""
        return [
            lender if lent and lender is not None else staged
            for lent, lender, staged in zip(self._lent(name), self.lenders, self.staged, strict=True)
        ]

    def places(self, names: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
        """For each column, which of its values stand in the staged rows `rows`."""
        known: dict[tuple[bool, ...], np.ndarray] = {}
        for lent in {self._lent(name) for name in names}:
            known[lent] = self._side_by_side(lent)[rows] if any(lent) else rows
        return {name: known[self._lent(name)] for name in names}

    def _side_by_side(self, lent: Sequence[bool]) -> np.ndarray:
        """int64[n]: for each staged row, which value is its own of a column that some pieces have lent."""
        first, parts = 0, []
        for own, piece, lender, staged in zip(lent, self.pieces, self.lenders, self.staged, strict=True):
            if own and piece.lent is not None and lender is not None:
                file, line = (_numbers(staged, name, kind) for name, kind in _FROM)
                parts.append(piece.lent.places(file, line) + first)
                first += lender.rows
            else:
                parts.append(np.arange(first, first + staged.rows))
                first += staged.rows
        return np.concatenate(parts)

    def names(self) -> set[str]:
        return {
            name
            for piece, staged in zip(self.pieces, self.staged, strict=True)
            for name in (*staged.names, *(piece.lent.columns if piece.lent is not None else ()))
        }


def _numbers(staged: Columns, name: str, kind: pa.DataType) -> np.ndarray:
    values = read([staged], name, kind)
    return np.zeros(0, np.int64) if values is None else np.asarray(values)


def fits(connection: door.Connection, pieces: Sequence[Piece]) -> bool:
    """Whether the columns of the pieces have room in two thirds of the memory that may be used."""
    sources = _Sources(pieces)
    rows = sum(file.rows for file in sources.staged)
    needed = 100 * rows + _taken_up(pieces)
    for name in sources.names():
        files = [file for file in sources.of(name) if not file.empty(name)]
        size = sum(file.size(name) for file in files)
        if size >= LONGEST and not all(file.coded(name) for file in files):
            return False
        needed += sum(file.held(name) + 5 * file.rows for file in files)
    return 3 * needed <= 2 * door.memory(connection)


def _taken_up(pieces: Sequence[Piece]) -> int:
    """Bytes that events in memory take: once more where they are put one after another."""
    found = sum(piece.held.table.nbytes for piece in pieces if piece.held is not None)
    return int(found) if len(pieces) < 2 else 2 * int(found)


def fits_in_turn(connection: door.Connection, pieces: Sequence[Piece]) -> bool:
    """Whether each column of the pieces has room by itself, as many at once as there are threads, in two thirds of memory."""
    sources = _Sources(pieces)
    rows, taken_up = sum(file.rows for file in sources.staged), _taken_up(pieces)
    most = 0
    for name in sources.names():
        files = [file for file in sources.of(name) if not file.empty(name)]
        size = sum(file.size(name) for file in files)
        if size >= LONGEST and not all(file.coded(name) for file in files):
            return False
        most = max(most, 2 * sum(file.held(name) + 5 * file.rows for file in files))
    return 3 * (150 * rows + taken_up + door.threads(connection) * most) <= 2 * door.memory(connection)


def behind() -> None:
    """Let this thread work where no other of the process has anything to do, as far as the system knows how."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


class Reading:
    """The columns of some pieces, being read from the moment this is made: the fixed ones, `columns` by their kinds, and `rest`."""

    def __init__(
        self,
        connection: door.Connection,
        pieces: Sequence[Piece],
        columns: Mapping[str, str],
        *,
        begin: bool = True,
    ) -> None:
        self.sources = _Sources(pieces)
        self.kinds = {**FIXED, **columns, "rest": "VARCHAR"}
        self.pool = ThreadPoolExecutor(door.threads(connection))
        others = [name for name in self.kinds if name not in PLACED and begin]
        self.readers = ThreadPoolExecutor(door.threads(connection), initializer=behind)
        self._read = {name: self.readers.submit(self._column, name) for name in others}

    def _column(self, name: str) -> pa.Array | Sparse | None:
        files, kind = self.sources.of(name), TYPES[self.kinds[name]]
        return read_sparse(files, name, kind) if is_sparse(files, name) else read(files, name, kind)

    def held(self, rows: np.ndarray) -> Mapping[str, AnyColumn]:
        """The columns that have been read, as the staged rows `rows` have them."""
        places = self.sources.places(list(self._read), rows)
        known: dict[int, np.ndarray | None] = {}

        def column(name: str, found: pa.Array | Sparse | None) -> AnyColumn:
            own, kind = places[name], TYPES[self.kinds[name]]
            if not isinstance(found, Sparse):
                return Column(kind, found, own)
            if id(own) not in known:  # columns of one file share where its rows stand
                known[id(own)] = standing(own, found.count)
            back = known[id(own)]
            return Column(kind, found.whole(), own) if back is None else SparseColumn(kind, found, own, back)

        return {name: column(name, found.result()) for name, found in self._read.items()}

    def close(self) -> None:
        """Wait for what is being read, and read no more."""
        self.readers.shutdown(cancel_futures=True)
        self.pool.shutdown(cancel_futures=True)


class Spilling(Reading):
    """The columns of some pieces that have no room in memory together: one after the other goes to files in `folder`."""

    def __init__(
        self,
        connection: door.Connection,
        pieces: Sequence[Piece],
        columns: Mapping[str, str],
        folder: Path,
    ) -> None:
        super().__init__(connection, pieces, columns, begin=False)
        self.folder = folder

    def held(self, rows: np.ndarray) -> dict[str, AnyColumn]:
        names = [name for name in self.kinds if name not in PLACED]
        places = self.sources.places(names, rows)

        def aside(number: int, name: str) -> AnyColumn:
            kind = TYPES[self.kinds[name]]
            column = Column(kind, read(self.sources.of(name), name, kind), places[name])
            return spilled(column, self.folder / f"{number}.arrows", ROW_GROUP)

        return dict(zip(names, self.pool.map(aside, range(len(names)), names), strict=True))


def arranged(begun: Reading, connection: door.Connection, pieces: Sequence[Piece]) -> Taken:
    """The rows of the pieces, sorted, with the columns that are being read."""
    placed, rows = _placed(begun.pool, connection, pieces, begun.sources.staged)
    return Taken(placed, begun.held(rows))


def write(begun: Reading, found: Taken, columns: Mapping[str, str], path: Path) -> Told:
    """Write the rows to `path`, with the fixed columns, `columns` by their kinds, and `rest`."""
    asked = [name for name, kind in columns.items() if kind in SUGGESTED]
    frequent = [begun.pool.submit(found.columns[name].frequent, SAMPLE, FREQUENT) for name in asked]
    filled = _write(begun.pool, path, list(begun.kinds), found.placed, found.columns)
    return Told(filled, {name: told.result() for name, told in zip(asked, frequent, strict=True)})


def _placed(
    pool: ThreadPoolExecutor, connection: door.Connection, pieces: Sequence[Piece], files: Sequence[Columns]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The columns that say where rows stand, sorted, and int64[n]: which staged row stands where."""
    staged = sum(file.rows for file in files)
    section, customer = np.zeros(staged, np.uint8), np.zeros(staged, np.uint64)
    batch, comes = np.zeros(staged, np.int32), np.zeros(staged, np.bool_)
    first = 0
    for piece, file in zip(pieces, files, strict=True):
        if piece.owned is not None:
            mine = slice(first, first + file.rows)
            customer[mine], section[mine] = piece.owned.customer, piece.owned.section
            comes[mine] = True
        else:
            found = connection.execute(piece.placed).fetchnumpy()
            at = np.asarray(found["row"], np.int64) + first
            section[at], customer[at], comes[at] = found["section"], found["customer"], True
        batch[first : first + file.rows] = piece.batch
        first += file.rows
    hot = [
        np.asarray(read(files, name, TYPES[FIXED[name]])) for name in ("time", "sequence", "key_hi", "key_lo")
    ]
    arrays: list[np.ndarray] = [section, customer, *hot, batch]
    rows = None
    if not comes.all():
        rows = np.flatnonzero(comes)
        arrays = [each[rows] for each in arrays]
    ordered = order(Places(*arrays[:-1]))
    placed = dict(zip(PLACED, pool.map(lambda each: each[ordered], arrays), strict=True))
    return placed, ordered if rows is None else rows[ordered]


def _write(
    pool: ThreadPoolExecutor,
    path: Path,
    names: Sequence[str],
    placed: Mapping[str, np.ndarray],
    held: Mapping[str, AnyColumn],
) -> dict[str, int]:
    """Write all columns; returns how many rows have a value of each that was held."""
    rows = len(placed["time"])

    def group(start: int) -> pa.Table:
        stop = start + ROW_GROUP
        arrays = [
            pa.array(placed[name][start:stop]) if name in placed else held[name].taken(start, stop)
            for name in names
        ]
        return pa.table(arrays, names=list(names))

    filled = dict.fromkeys(held, 0)
    writer: pq.ParquetWriter | None = None
    try:
        for table in ahead(pool, group, range(0, max(1, rows), ROW_GROUP)):
            if writer is None:
                writer = _writer(path, table.schema)
            writer.write_table(table, row_group_size=ROW_GROUP)
            for name in held:
                filled[name] += len(table) - table.column(name).null_count
    finally:
        if writer is not None:
            writer.close()
    return filled


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A Parquet file in which what recurs is coded, and what can get smaller is compressed."""
    plain = [field.name for field in schema if pa.types.is_string(field.type)]
    recurs = [name for name in schema.names if name not in _RANDOM and name not in plain]
    return pq.ParquetWriter(
        path,
        schema,
        compression={name: "none" if name in _RANDOM else "snappy" for name in schema.names},
        use_dictionary=[*recurs, *(name for name in _OF_PEOPLE if name in plain)],
        write_statistics=list(_TOLD),
        store_schema=False,
    )
