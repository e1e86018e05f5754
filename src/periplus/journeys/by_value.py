"""Conditions on events answered value by value: each test once for every distinct value of its column.

A test that reads one column is asked, in the same SQL as ever, of a table with that column's distinct values; the
rows look the answer up by their codes, and All, Any and Not are done on what they find. So a question
costs little where the same columns were read before, whatever it asks of them. Tests that read the rest, or
columns of very many values, are left to the SQL over rows.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
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
    leaves = {leaf for condition in conditions for leaf in _leaves(condition.tree)}
    tables: dict[int, tuple[FileColumns, dict[Node, Said] | None]] = {}

    def of(file: EventFile, columns: FileColumns) -> np.ndarray | None:
        if file.rows < LEAST_ROWS:
            return None
        if file.number not in tables or tables[file.number][0] != columns:
            # Files whose columns are alike are asked at once.
            for number, told in _Tables(snapshot, columns, _alike(snapshot, file)).of(leaves).items():
                tables[number] = columns, told
        known = tables[file.number][1]
        if known is None:
            return None
        rows = file.rows if snapshot.with_marked else file.plain_rows
        out = np.empty(rows, dtype)

        def piece(start: int) -> None:
            stop = min(start + PIECE, rows)
            seen: dict[Node, np.ndarray] = {}
            masks = [_mask(condition.tree, known, start, stop, seen) for condition in conditions]
            put(masks, out[start:stop])

        if rows <= PIECE:
            piece(0)
            return out
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


Said = Callable[[int, int, np.ndarray], None]
"""Writes, for rows start:stop of a file, whether a test holds: uint8, 0 or 1."""


def _alike(snapshot: Snapshot, file: EventFile) -> list[EventFile]:
    """The large files of the columns that one has."""
    shape = (file.columns, file.rest)
    return [each for each in snapshot.files if each.rows >= LEAST_ROWS and (each.columns, each.rest) == shape]


class _Tables:
    """What tests say of each distinct value of the columns of some files, and so of their rows."""

    def __init__(self, snapshot: Snapshot, columns: FileColumns, files: Sequence[EventFile]) -> None:
        self.snapshot, self.columns, self.files = snapshot, columns, files

    def of(self, leaves: Collection[Node]) -> dict[int, dict[Node, Said] | None]:
        """Each of some tests by file; None where one of them reads anything but one column that has codes."""
        column_of: dict[Node, str] = {}
        for leaf in leaves:
            read = columns_read(leaf, self.columns)
            if read is None or len(read) > 1 or not read <= self._whole():
                return {file.number: None for file in self.files}
            column_of[leaf] = next(iter(read), EVENT)
        asked = {leaf: column for leaf, column in column_of.items() if not isinstance(leaf, Named)}
        named = {*asked.values()} - {EVENT}
        coded_by: dict[int, dict[str, Coded]] = {}
        for file in self.files:
            held = {name: coded_once(self.snapshot, file, name) for name in named}
            if None not in held.values():
                coded_by[file.number] = {name: each for name, each in held.items() if each is not None}
        told: dict[int, dict[Node, Said] | None] = {file.number: None for file in self.files}
        if not coded_by:
            return told
        values = {name: [found[name].values for found in coded_by.values()] for name in named}
        values |= {EVENT: [pa.array(self._names, pa.string())]} if EVENT in asked.values() else {}
        answers = dict(
            zip(
                asked,
                of_each(
                    self.snapshot,
                    {name: _joined(arrays) for name, arrays in values.items()},
                    [(column, *sql(leaf, self.columns)) for leaf, column in asked.items()],
                ),
                strict=True,
            )
        )
        begin = dict.fromkeys(values, 1)
        for file in self.files:
            if file.number not in coded_by:
                continue
            said: dict[Node, Said] = {}
            for leaf, column in column_of.items():
                if isinstance(leaf, Named):
                    said[leaf] = self._by_name(file, [name in leaf.names for name in self._names])
                elif column == EVENT:
                    said[leaf] = self._by_name(file, answers[leaf][1:], answers[leaf][0])
                else:
                    found = coded_by[file.number][column]
                    own = answers[leaf][begin[column] : begin[column] + len(found.values)]
                    said[leaf] = _by_code([answers[leaf][0], *own], found.codes)
            for column, found in coded_by[file.number].items():
                begin[column] += len(found.values)
            told[file.number] = said
        return told

    def _whole(self) -> set[str]:
        """Columns of which a value stands in the column itself, never in the rest beside it."""
        return {*self.columns.columns, EVENT, "channel", "source", "department"}

    @cached_property
    def _names(self) -> list[str]:
        return [unicodedata.normalize("NFC", name) for name in self.snapshot.names]

    def _by_name(self, file: EventFile, answers: list[bool], of_none: bool = False) -> Said:
        """By the codes of names that are there already: rows that no question looks at have none."""
        table = np.zeros(65_536, np.uint8)
        table[: len(answers)] = answers
        held = [(0, file.hot("name")[: file.journey_rows])]
        if file.marked is not None:
            held.append((file.plain_rows, file.hot("marked-name")))

        def said(start: int, stop: int, out: np.ndarray) -> None:
            out[:] = of_none
            for first, codes in held:
                low, high = max(start, first), min(stop, first + len(codes))
                if low < high:
                    look_up(table, codes[low - first : high - first], out[low - start : high - start])

        return said


def _joined(arrays: Sequence[pa.Array]) -> pa.Array:
    """The values of several files; those of one kind may be of another Arrow type in a file that was written otherwise."""
    return pa.concat_arrays([array.cast(arrays[0].type) for array in arrays])


def _by_code(answers: list[bool], codes: np.ndarray) -> Said:
    table = np.zeros(256 if codes.dtype == np.uint8 else 65_536, np.uint8)
    table[: len(answers)] = answers
    return lambda start, stop, out: look_up(table, codes[start:stop], out)


def coded_once(snapshot: Snapshot, file: EventFile, column: str) -> Coded | None:
    """The codes of a column, opened once in a version."""
    return snapshot.once(("codes", file.number, column), lambda: coded(file, column, threads(snapshot)))


def of_each(
    snapshot: Snapshot,
    values: Mapping[str, pa.Array],
    asked: Sequence[tuple[str, str, Sequence[Anything]]],
) -> list[list[Anything]]:
    """What SQL expressions that read one column each make of no value, and of each of its distinct values.

    `values` holds the distinct values by column; `asked` a column, an expression and what to bind in it. All are
    asked at once, of a table where the values of the columns stand side by side: what a query costs by itself is
    more than what it costs to look at some values.
    """
    if not asked:
        return []
    rows = 1 + max(len(array) for array in values.values())
    table = {
        column: pa.concat_arrays(
            [pa.nulls(1, array.type), array, pa.nulls(rows - 1 - len(array), array.type)]
        )
        for column, array in values.items()
    }
    cursor = snapshot.cursor()
    cursor.register("distinct_values", pa.table({"@place": np.arange(rows), **table}))
    try:
        selected = ", ".join(
            f'{expression} AS "@{number}"' for number, (_, expression, _) in enumerate(asked)
        )
        bound = [value for _, _, values_bound in asked for value in values_bound]
        found = cursor.execute(f'SELECT "@place", {selected} FROM distinct_values', bound).fetchnumpy()
    finally:
        cursor.unregister("distinct_values")
    order = np.argsort(found["@place"])
    return [
        found[f"@{number}"][order][: 1 + len(values[column])].tolist()  # None where masked
        for number, (column, _, _) in enumerate(asked)
    ]


def _mask(
    node: Node, tables: dict[Node, Said], start: int, stop: int, seen: dict[Node, np.ndarray]
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
                seen[node] = np.empty(stop - start, np.uint8)
                tables[node](start, stop, seen[node])
            return seen[node]
