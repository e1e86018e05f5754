"""Events of which each combination of identifiers has at least one: who is who is asked of these sooner than of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from periplus.store.arrays import array
from periplus.store.held import Held

IDENTIFIERS = ("user_id", "anonymous_id", "email", "phone", "previous_id")
_MOST = 1 << 62
"""Combinations that a number can tell apart."""


@dataclass(frozen=True)
class Carriers:
    """`rows` int64[k] carry, between them, each combination of identifiers and of being an alias or none; `of` int64[n]
    says which of them carries that of each of the n events."""

    rows: np.ndarray
    of: np.ndarray

    def seen(self, time: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Three int64[k]: the first and the last time of the events of each, and how many they are."""
        first, last = time[self.rows], time[self.rows]
        np.minimum.at(first, self.of, time)
        np.maximum.at(last, self.of, time)
        return first, last, np.bincount(self.of, minlength=len(self.rows))


def carriers(held: Held) -> Carriers | None:
    """Some rows that carry all combinations; None where a number cannot tell these apart."""
    combined, most = np.zeros(len(held.table), np.int64), 1
    columns = [held.table.column(name) for name in IDENTIFIERS]
    numbered = [_codes(column.combine_chunks()) for column in columns if column.null_count < len(column)]
    for codes, count in [*numbered, _aliases(held.table.column("type").combine_chunks())]:
        most *= count
        if most > _MOST:
            return None
        if count > 1:
            combined *= count
            combined += codes
    found = array(combined).dictionary_encode()
    of = np.asarray(found.indices)
    rows = np.empty(len(found.dictionary), np.int64)
    rows[of] = np.arange(len(combined))
    return Carriers(rows, of)


def _codes(column: pa.Array) -> tuple[np.ndarray, int]:
    """int[n] of a number for each value, and how many numbers there may be; a missing value has one too."""
    coded = _coded(column)
    count = len(coded.dictionary)
    if not coded.null_count:
        return np.asarray(coded.indices), count
    codes = np.asarray(coded.indices.fill_null(0)).astype(np.int64)
    codes[np.asarray(coded.is_null())] = count
    return codes, count + 1


def _aliases(column: pa.Array) -> tuple[np.ndarray, int]:
    """The same of the question whether an event is an alias."""
    coded = _coded(column)
    are = np.array([*(value == "alias" for value in coded.dictionary.to_pylist()), False])
    if not are.any():
        return np.zeros(0, np.int64), 1
    codes = np.asarray(coded.indices.cast(pa.int64()).fill_null(len(are) - 1))
    return are[codes].astype(np.int64), 2


def _coded(column: pa.Array) -> pa.DictionaryArray:
    return column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
