"""Conditions on events answered value by value: each test once for every distinct value of its column.

A test that reads one column is asked, in the same SQL as ever, of a table with that column's distinct values; the
rows look the answer up by their codes, and All, Any and Not are done on what they find. So a question
costs little where the same columns were read before, whatever it asks of them. Tests that read the rest, or
columns of very many values, are left to the SQL over rows.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any as Anything

import numpy as np
import pyarrow as pa

from periplus.condition import Condition
from periplus.condition.reads import EVENT, columns_read
from periplus.condition.sql import sql
from periplus.condition.tree import All, Any, Named, Node, Not
from periplus.journeys.look_up import look_up
from periplus.store.coded import LEAST_ROWS, Coded, coded
from periplus.store.columns import FileColumns
from periplus.store.files import EventFile
from periplus.store.snapshot import Snapshot

PIECE = 1 << 18
"""Rows that are done at once: what is looked up stays in the processor's cache."""
Rows = Callable[[EventFile, FileColumns], np.ndarray | None]
"""One number per row of a file (marked events last); None where that must be asked in SQL."""


def first(snapshot: Snapshot, numbered: Sequence[tuple[int, Condition]], off: int) -> Rows:
    """uint8 per row: the number of the first condition it meets, else `off`."""

    def put(masks: list[np.ndarray], out: np.ndarray) -> None:
        out[:] = off
        for (number, _), mask in reversed(list(zip(numbered, masks, strict=True))):
            np.copyto(out, number, where=mask.view(np.bool_))

    return _rows(snapshot, [condition for _, condition in numbered], np.uint8, put)


def bits(snapshot: Snapshot, numbered: Sequence[tuple[int, Condition]], dtype: Anything) -> Rows:
    """`dtype` per row: bit i is set where it meets condition i."""

    def put(masks: list[np.ndarray], out: np.ndarray) -> None:
        out[:] = 0
        for (number, _), mask in zip(numbered, masks, strict=True):
            out |= mask.astype(out.dtype) << out.dtype.type(number)

    return _rows(snapshot, [condition for _, condition in numbered], dtype, put)


def _rows(
    snapshot: Snapshot,
    conditions: Sequence[Condition],
    dtype: Anything,
    put: Callable[[list[np.ndarray], np.ndarray], None],
) -> Rows:
    def of(file: EventFile, columns: FileColumns) -> np.ndarray | None:
        if file.rows < LEAST_ROWS:
            return None
        leaves = {leaf for condition in conditions for leaf in _leaves(condition.tree)}
        tables = _Tables(snapshot, file, columns)
        found = {leaf: tables.of(leaf) for leaf in leaves}
        known = {leaf: table for leaf, table in found.items() if table is not None}
        if len(known) < len(found):
            return None
        rows = file.rows if snapshot.with_marked else file.plain_rows
        out = np.empty(rows, dtype)

        def piece(start: int) -> None:
            stop = min(start + PIECE, rows)
            seen: dict[Node, np.ndarray] = {}
            masks = [_mask(condition.tree, known, start, stop, seen) for condition in conditions]
            put(masks, out[start:stop])

        with ThreadPoolExecutor(threads(snapshot)) as pool:
            list(pool.map(piece, range(0, rows, PIECE)))
        return out

    return of


def threads(snapshot: Snapshot) -> int:
    """How many may look at the same time."""
    return snapshot.settings.threads or os.cpu_count() or 1


def _leaves(node: Node) -> list[Node]:
    match node:
        case All(parts) | Any(parts):
            return [leaf for part in parts for leaf in _leaves(part)]
        case Not(part):
            return _leaves(part)
        case _:
            return [node]


Table = tuple[np.ndarray, np.ndarray]
"""uint8 per code, whether the test holds of its value; and the codes of the rows."""


class _Tables:
    """What the tests of some conditions say of each distinct value of a file's columns."""

    def __init__(self, snapshot: Snapshot, file: EventFile, columns: FileColumns) -> None:
        self.snapshot, self.file, self.columns = snapshot, file, columns
        self._coded: dict[str, Coded | None] = {}

    def of(self, leaf: Node) -> Table | None:
        """The table of a test; None where it reads anything but one column that has codes."""
        read = columns_read(leaf, self.columns)
        if read is None or len(read) > 1 or not read <= self._whole():
            return None
        column = next(iter(read), EVENT)
        if column not in self._coded:
            self._coded[column] = self._names() if column == EVENT else self._codes(column)
        values = self._coded[column]
        if values is None:
            return None
        if isinstance(leaf, Named):
            said = np.array([False, *(name in leaf.names for name in values.values.to_pylist())])
        else:
            said = self._ask(leaf, column, values.values)
        table = np.zeros(256 if values.codes.dtype == np.uint8 else 65_536, np.uint8)
        table[: len(said)] = said
        return table, values.codes

    def _whole(self) -> set[str]:
        """Columns of which a value stands in the column itself, never in the rest beside it."""
        return {*self.columns.columns, EVENT, "channel", "source", "department"}

    def _codes(self, column: str) -> Coded | None:
        return coded(self.file, column, threads(self.snapshot))

    def _names(self) -> Coded:
        """The names of the events that questions look at, by the codes that are there already."""
        codes = np.zeros(self.file.rows, np.uint16)
        journeys = self.file.journey_rows
        codes[:journeys] = self.file.hot("name")
        if self.file.marked is not None:
            marked = self.file.hot("marked-name")
            codes[self.file.plain_rows : self.file.plain_rows + len(marked)] = marked
        codes += 1
        names = [unicodedata.normalize("NFC", name) for name in self.snapshot.names]
        return Coded(codes, pa.array(names, pa.string()))

    def _ask(self, leaf: Node, column: str, values: pa.Array) -> np.ndarray:
        """bool by code: the test, in SQL, of no value and of each value there is."""
        text, bound = sql(leaf, self.columns)
        return np.array(of_each(self.snapshot, column, values, text, bound), np.bool_)


def of_each(
    snapshot: Snapshot, column: str, values: pa.Array, expression: str, bound: list[Anything]
) -> list[Anything]:
    """What an SQL expression that reads one column makes of no value, and of each of its distinct values."""
    whole = pa.concat_arrays([pa.nulls(1, values.type), values])
    cursor = snapshot.cursor()
    cursor.register("distinct_values", pa.table({"@place": np.arange(len(whole)), column: whole}))
    try:
        rows = cursor.execute(f'SELECT "@place", {expression} FROM distinct_values', bound).fetchall()
    finally:
        cursor.unregister("distinct_values")
    return [said for _, said in sorted(rows, key=lambda row: row[0])]


def _mask(
    node: Node, tables: dict[Node, Table], start: int, stop: int, seen: dict[Node, np.ndarray]
) -> np.ndarray:
    """uint8 (0 or 1) per row start:stop: whether it meets the node; `seen` holds the tests looked up so far."""
    match node:
        case All(parts):
            mask = np.ones(stop - start, np.uint8)
            for part in parts:
                mask &= _mask(part, tables, start, stop, seen)
            return mask
        case Any(parts):
            mask = np.zeros(stop - start, np.uint8)
            for part in parts:
                mask |= _mask(part, tables, start, stop, seen)
            return mask
        case Not(part):
            return _mask(part, tables, start, stop, seen) ^ np.uint8(1)
        case _:
            if node not in seen:
                table, codes = tables[node]
                seen[node] = np.empty(stop - start, np.uint8)
                look_up(table, codes[start:stop], seen[node])
            return seen[node]
