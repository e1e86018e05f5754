"""Columns of staged events that few rows have a value of: the values, and where they stand, instead of one place per row.

A shop's properties are mostly such: an order's total, a review's rating. Only what is there is read, moved and put into
place, by where each staged row is to stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from periplus.store.arrays import array, missing, numbers
from periplus.store.staged_column import (
    MANY,
    Column,
    Columns,
    dictionary,
    most_frequent,
    occurring,
    unified,
)

SPARSE = 5
"""Of how many rows at most one has a value."""


@dataclass(frozen=True)
class Sparse:
    """Values of which none is missing (coded texts are a DictionaryArray), and int64[k]: the row of each, rising; of `count` rows."""

    values: pa.Array
    at: np.ndarray
    count: int

    def whole(self) -> pa.Array:
        """One place per row."""
        code = np.full(self.count, -1, np.int64)
        code[self.at] = np.arange(len(self.at))
        return self.values.take(array(code, code >= 0))


def is_sparse(files: Sequence[Columns], name: str) -> bool:
    """Whether few rows of some files have a value of a column, and at least one."""
    filled = 0
    for file in files:
        if not file.empty(name):
            own = file.filled(name)
            if own is None:
                return False
            filled += own
    return 0 < SPARSE * filled <= sum(file.rows for file in files)


def read_sparse(files: Sequence[Columns], name: str, kind: pa.DataType) -> Sparse:
    """The values of a column of several files, one after another."""
    first, at, values = 0, [], []
    for file in files:
        begun = first
        for chunk in () if file.empty(name) else file.column(name, kind):
            rows = np.flatnonzero(
                missing(chunk.indices if isinstance(chunk, pa.DictionaryArray) else chunk) == 0
            )
            if len(rows):
                at.append(begun + rows)
                values.append(chunk.take(array(rows)))
            begun += len(chunk)
        first += file.rows
    if any(isinstance(each, pa.DictionaryArray) for each in values):
        held = unified(values)
    else:
        held = pa.chunked_array(values, kind).combine_chunks()
    return Sparse(held, np.concatenate([np.zeros(0, np.int64), *at]), first)


def standing(rows: np.ndarray, count: int) -> np.ndarray | None:
    """int32[count]: which of the n rows that are written each of `count` values comes to, or -1; None where one comes to several."""
    found = np.full(count, -1, np.int32)
    found[rows] = np.arange(len(rows), dtype=np.int32)
    return found if np.count_nonzero(found >= 0) == len(rows) else None


@dataclass(frozen=True)
class SparseColumn:
    """A `Column` of n rows with few values; `standing` int32[count] as above."""

    type: pa.DataType
    held: Sparse
    rows: np.ndarray
    standing: np.ndarray

    @cached_property
    def _placed(self) -> tuple[np.ndarray, np.ndarray]:
        """int64[k], int64[k]: rows that have a value, rising, and which of the values it is."""
        rows = self.standing[self.held.at]
        packed = (rows.astype(np.int64) << 32) | np.arange(len(rows))
        packed = packed[rows >= 0]
        packed.sort()
        return packed >> 32, packed & 0xFFFFFFFF

    def taken(self, start: int, stop: int) -> pa.Array:
        """The values of the rows start:stop."""
        at, which = self._placed
        first, last = np.searchsorted(at, (start, stop)).tolist()
        rows, count = at[first:last] - start, min(stop, len(self.rows)) - start
        values = self.held.values.take(array(which[first:last]))
        if isinstance(values, pa.DictionaryArray):
            codes = numbers(values.indices)
            every = np.full(count, -1, codes.dtype)
            every[rows] = codes
            few = len(values.dictionary) <= MANY
            return dictionary(every, values.dictionary) if few else occurring(every, values.dictionary)
        if pa.types.is_integer(self.type) or pa.types.is_floating(self.type):
            told = numbers(values)
            every, there = np.zeros(count, told.dtype), np.zeros(count, np.bool_)
            every[rows], there[rows] = told, True
            return array(every, there)
        place = np.full(count, -1, np.int64)
        place[rows] = np.arange(len(rows))
        return values.take(array(place, place >= 0))

    def codes(self, texts: Sequence[str]) -> np.ndarray:
        """uint16[n]: the place of each row's text among `texts`; 0 where it is none of them."""
        at, which = self._placed
        found = np.zeros(len(self.rows), np.uint16)
        found[at] = Column(self.type, self.held.values, which).codes(texts)
        return found

    def frequent(self, sample: int, most: int) -> list[Any]:
        """The most frequent values of the first rows."""
        at, which = self._placed
        return most_frequent(self.held.values.take(array(which[: np.searchsorted(at, sample)])), most)
