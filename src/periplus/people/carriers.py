"""Events of which each combination of identifiers has at least one: who is who is asked of these sooner than of all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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


def carriers(held: Held) -> Carriers | None:
    """Some rows that carry all combinations; None where a number cannot tell these apart."""
    combined = np.zeros(len(held.table), np.int64)
    most = 1
    for name in IDENTIFIERS:
        column = held.table.column(name)
        if column.null_count == len(column):
            continue
        codes, count = _codes(column.combine_chunks())
        most *= count
        if most > _MOST:
            return None
        combined *= count
        combined += codes
    codes, count = _codes(pc.equal(held.table.column("type").combine_chunks(), "alias"))
    if most * count > _MOST:
        return None
    combined = combined * count + codes
    found = array(combined).dictionary_encode()
    of = np.asarray(found.indices)
    rows = np.empty(len(found.dictionary), np.int64)
    rows[of] = np.arange(len(combined))
    return Carriers(rows, of)


def _codes(column: pa.Array) -> tuple[np.ndarray, int]:
    """int64[n] of a number for each value, and how many numbers there may be; a missing value has one too."""
    coded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
    missing = len(coded.dictionary)
    codes = np.asarray(coded.indices.cast(pa.int64()).fill_null(missing))
    return codes, missing + 1
