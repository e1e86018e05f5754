"""A property read as a number at the events that meet a condition: as it was sent, a text that is a number too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from periplus.condition import Condition
from periplus.journeys import reading
from periplus.store.columns import NUMBER_TEXT, FileColumns, quote_text
from periplus.store.snapshot import Expression, Snapshot

GREATEST = "1e100"
"""What is greater is no amount of anything, and would make sums overflow."""


@dataclass(frozen=True)
class Amounts:
    """The numbers of a property by shard: `rows` int64, sorted, and `numbers` float64 beside them.

    What has no number there is left out.
    """

    rows: list[np.ndarray]
    numbers: list[np.ndarray]

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray:
        """float64 per row asked for; 0 where the event has no number."""
        mine, numbers = self.rows[shard], self.numbers[shard]
        if not len(mine):
            return np.zeros(len(rows))
        place = np.minimum(np.searchsorted(mine, rows), len(mine) - 1)
        return np.where(mine[place] == rows, numbers[place], 0.0)


def amounts(snapshot: Snapshot, of: Condition, path: str) -> Amounts:
    """The numbers that the events which meet `of` have at a path."""
    found = snapshot.fetch(has_number(of, path), [number(path)])
    cuts = np.searchsorted(found.shard, np.arange(snapshot.shard_count + 1)).tolist()
    numbers = np.asarray(np.ma.filled(found.columns[0], 0.0), np.float64)
    rows = np.asarray(found.row, np.int64)
    return Amounts([rows[a:b] for a, b in pairwise(cuts)], [numbers[a:b] for a, b in pairwise(cuts)])


def entered(
    snapshot: Snapshot, of: Condition, path: str, by: str
) -> tuple[np.ndarray, np.ndarray, Sequence[str | None]]:
    """Time int64[n], number float64[n] and the text form of the value of `by` of the events that meet `of`,
    whether they are somebody's or nobody's."""
    where, values = has_number(of, path), [number(path), reading.text(by)]
    found = snapshot.fetch(where, values)
    parts = [
        np.asarray(snapshot.shard(index).time)[np.asarray(found.row)[found.shard == index]]
        for index in range(snapshot.shard_count)
    ]
    time, columns = snapshot.fetch_unidentified(where, values)
    both = [[found.columns[place], columns[place]] for place in range(2)]
    numbers = np.concatenate([np.asarray(np.ma.filled(part, 0.0), np.float64) for part in both[0]])
    named = [text for part in both[1] for text in texts(part)]
    return np.concatenate([*parts, time]), numbers, named


def summed(cell: np.ndarray, number: np.ndarray, cells: int) -> np.ndarray:
    """float64[cells]: the sum of the numbers of each cell, rounded once, whatever their order."""
    order = np.argsort(cell, kind="stable")
    cell, number = cell[order], number[order]
    found = np.zeros(cells)
    cuts = np.flatnonzero(np.diff(cell, prepend=-1, append=-2))
    for begin, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        found[cell[begin]] = math.fsum(number[begin:end])
    return found


def texts(column: np.ndarray) -> list[str | None]:
    """A column of texts as it was fetched; None where there is none."""
    return [None if text is None or text is np.ma.masked else str(text) for text in column]


def has_number(of: Condition, path: str) -> Expression:
    """SQL of whether an event meets a condition and has a number at a path, of a size that can be summed."""
    text = reading.text(path)

    def where(columns: FileColumns) -> tuple[str, list[Any]]:
        sql, bound = of.sql(columns)
        read = text(columns)[0]
        is_number = f"regexp_full_match({read}, {quote_text(NUMBER_TEXT)})"
        return f"({sql}) AND {is_number} AND abs(TRY_CAST({read} AS DOUBLE)) < {GREATEST}", list(bound)

    return where


def number(path: str) -> Expression:
    """SQL of the number at a path, where there is one."""
    text = reading.text(path)

    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        return f"TRY_CAST({text(columns)[0]} AS DOUBLE)", []

    return expression
