"""A file of events written by taking: the order of its rows is found first, and each column laid out by it.

Rows of many columns are dear to sort: each of their texts is made, moved and forgotten. Here a column is read once, its
texts as codes wherever the staged file has them so, and taken in the order of the rows, one group of rows after
another, by as many threads as there are, while this one writes the groups before. The columns are in memory
meanwhile; where they do not fit, DuckDB sorts the rows (`writing.py`). See adr 0016.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.store import door
from periplus.store.files import FIXED, ROW_GROUP
from periplus.store.order import Places, order
from periplus.store.staged_column import LONGEST, Column, StagedFile, read

TYPES = {
    "UTINYINT": pa.uint8(), "UBIGINT": pa.uint64(), "BIGINT": pa.int64(), "INTEGER": pa.int32(),
    "VARCHAR": pa.string(), "JSON": pa.string(), "DOUBLE": pa.float64(), "BOOLEAN": pa.bool_(),
}  # fmt: skip
_PLACED = ("section", "customer", "time", "sequence", "key_hi", "key_lo")
_RANDOM = ("time", "key_hi", "key_lo", "message_id")
"""Columns whose values hardly recur and do not get smaller: neither coded nor compressed."""
_TOLD = tuple(name for name, kind in FIXED.items() if kind != "VARCHAR")
"""Columns of which each group says its least and greatest value: readers skip groups by them."""
_AHEAD = 2
"""Groups that are taken ahead of the one that is written."""


@dataclass(frozen=True)
class Piece:
    """A staged Parquet file whose rows come into a file of events with their columns as they are.

    `placed` is SQL of (row, section, customer) for each row that comes in; `row` is its number in the file, from 0.
    """

    path: Path
    placed: str
    batch: int


@dataclass(frozen=True)
class Taken:
    """What was written, in the order of the file: what placed the rows, by name, and the columns that were taken.

    `rows` int64[n] says which row of a column stands where; `filled` counts the rows that have a value.
    """

    placed: Mapping[str, np.ndarray]
    columns: Mapping[str, Column]
    rows: np.ndarray
    filled: Mapping[str, int]

    def codes(self, column: str, values: Sequence[str]) -> np.ndarray:
        """uint16[n]: the place of each row's text among `values`; 0 where it is none of them."""
        held = self.columns[column].coded()
        place = {value: number for number, value in enumerate(values)}
        table = np.array([*(place.get(text, 0) for text in held.dictionary.to_pylist()), 0], np.uint16)
        codes = np.asarray(held.indices.fill_null(len(table) - 1))
        return table[codes][self.rows]

    def frequent(self, column: str, sample: int, most: int) -> list[Any]:
        """The most frequent values of a column among the first rows."""
        return self.columns[column].frequent(pa.array(self.rows[:sample]), most)


def fits(connection: door.Connection, pieces: Sequence[Piece]) -> bool:
    """Whether the columns of the pieces have room in half of the memory that may be used."""
    files = [StagedFile(piece.path) for piece in pieces]
    if sum(file.longest for file in files) >= LONGEST:
        return False
    return 2 * sum(file.needed + 100 * file.rows for file in files) <= door.memory(connection)


def write(
    connection: door.Connection, pieces: Sequence[Piece], columns: Mapping[str, str], path: Path
) -> Taken:
    """Write the rows of the pieces to `path`, sorted, with the fixed columns, `columns` by their kinds, and `rest`."""
    files = [StagedFile(piece.path) for piece in pieces]
    kinds = {**FIXED, **columns, "rest": "VARCHAR"}
    threads = door.threads(connection)
    with ThreadPoolExecutor(threads) as pool:
        section, customer, batch, rows = _placed(connection, pieces, files)
        hot = [read(files, name, TYPES[FIXED[name]]).numbers() for name in _PLACED[2:]]
        if rows is not None:
            section, customer, batch, *hot = (each[rows] for each in (section, customer, batch, *hot))
        places = Places(section, customer, *hot)
        ordered = order(places)
        placed = {name: getattr(places, name)[ordered] for name in _PLACED} | {"batch": batch[ordered]}
        del section, customer, batch, hot, places
        rows = ordered if rows is None else rows[ordered]
        others = [name for name in kinds if name not in placed]
        held = dict(
            zip(others, pool.map(lambda name: read(files, name, TYPES[kinds[name]]), others), strict=True)
        )
        filled = _write(pool, path, list(kinds), placed, held, rows)
    return Taken(placed, held, rows, filled)


def _placed(
    connection: door.Connection, pieces: Sequence[Piece], files: Sequence[StagedFile]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Section, customer and batch of every staged row, and the rows that come in (None: all of them)."""
    rows = sum(file.rows for file in files)
    section, customer = np.zeros(rows, np.uint8), np.zeros(rows, np.uint64)
    batch, comes = np.zeros(rows, np.int32), np.zeros(rows, np.bool_)
    first = 0
    for piece, file in zip(pieces, files, strict=True):
        found = connection.execute(piece.placed).fetchnumpy()
        at = np.asarray(found["row"], np.int64) + first
        section[at], customer[at], comes[at] = found["section"], found["customer"], True
        batch[first : first + file.rows] = piece.batch
        first += file.rows
    return section, customer, batch, None if comes.all() else np.flatnonzero(comes)


def _write(
    pool: ThreadPoolExecutor,
    path: Path,
    names: Sequence[str],
    placed: Mapping[str, np.ndarray],
    held: Mapping[str, Column],
    rows: np.ndarray,
) -> dict[str, int]:
    """Write the columns in the order of `rows`; returns how many rows of each have a value."""

    def group(start: int) -> pa.Table:
        taken = pa.array(rows[start : start + ROW_GROUP])
        arrays = [
            pa.array(placed[name][start : start + ROW_GROUP]) if name in placed else held[name].taken(taken)
            for name in names
        ]
        return pa.table(arrays, names=list(names))

    filled = dict.fromkeys(held, 0)
    writer: pq.ParquetWriter | None = None
    try:
        for table in _ahead(pool, group, range(0, max(1, len(rows)), ROW_GROUP)):
            if writer is None:
                writer = _writer(path, table.schema)
            writer.write_table(table, row_group_size=ROW_GROUP)
            for name in held:
                filled[name] += len(table) - table.column(name).null_count
    finally:
        if writer is not None:
            writer.close()
    return filled


def _ahead(pool: ThreadPoolExecutor, made, starts: range) -> Iterator[pa.Table]:  # type: ignore[no-untyped-def]
    """What `made` gives for each start, in order, some of them being made while one is used."""
    waiting: deque[Future[pa.Table]] = deque()
    for start in starts:
        waiting.append(pool.submit(made, start))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


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


_OF_PEOPLE = ("user_id", "anonymous_id", "email")
"""Texts that recur where rows lie by customer, even if they hardly did in the order in which they came."""
