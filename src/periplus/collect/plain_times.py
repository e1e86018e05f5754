"""Times as nearly all columns have them, read as the columns pass by: texts in the usual form, dates, timestamps, numbers.

What is found is what SQL would find over the same texts; where any value is written otherwise, nothing is found, and SQL
is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from periplus.collect.distinct import bare
from periplus.collect.iso_times import iso_times
from periplus.collect.origin import Origin, OtherError
from periplus.collect.times import EARLIEST, LATEST
from periplus.store.arrays import array
from periplus.store.door import quoted

_DAY = 86_400_000_000
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}
"""Microseconds of the units of timestamps, after what is finer was taken off."""


@dataclass(frozen=True)
class Written:
    """Times of n rows: microseconds int64[n] as they are written, and whether each says itself that it is UTC.

    `known` bool[n] says which rows have a time; None: all.
    """

    local: np.ndarray
    zulu: np.ndarray
    known: np.ndarray | None = None

    @property
    def count(self) -> int:
        """How many rows have a time."""
        return len(self.local) if self.known is None else int(np.count_nonzero(self.known))


class PlainTimes:
    """The times of one origin, each read once."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._read: dict[str, Written | None] = {}

    def of(self, sql: str) -> Written | None:
        """The times that SQL over the source columns is the texts, or the microseconds UTC, of; None if it is not as simple."""
        if sql not in self._read:
            self._read[sql] = self._pieces(sql)
        return self._read[sql]

    def _pieces(self, sql: str) -> Written | None:
        name, _ = bare(sql, trimmed=True)
        if name is None or name not in self.origin.columns:
            return None
        base, made = self.origin.columns[name]
        reads = _reader(base, made)
        if reads is None or self.origin.coded(base):
            return None
        rows = self.origin.rows
        local, zulu, known = (np.empty(rows, kind) for kind in (np.int64, np.bool_, np.bool_))
        first = 0
        try:
            for piece in self.origin.chunks(base):
                mine = slice(first, first + len(piece))
                if not reads(piece, local[mine], zulu[mine], known[mine]):
                    return None
                first += len(piece)
        except OtherError:
            return None
        return Written(local, zulu, None if known.all() else known)


Reader = Callable[[pa.Array, np.ndarray, np.ndarray, np.ndarray], bool]
"""Reads a piece of a column into local times, whether they are UTC, and whether there is one; False: it cannot."""


def _reader(base: str, made: str) -> Reader | None:
    """How a column is read of which SQL makes texts, or microseconds; None where SQL does more."""
    own = quoted(base)
    text = f"CAST({own} AS VARCHAR)"
    if made in (own, text, *(f"CASE WHEN {each} NOT IN ('') THEN {each} END" for each in (own, text))):
        return _texts
    if re.fullmatch(rf"epoch_us\(CAST\({re.escape(own)} AS TIMESTAMP(TZ)?\)\)", made):
        return _moments
    return _numbers if made == f"TRY_CAST({own} AS BIGINT)" else None


def _texts(piece: pa.Array, local: np.ndarray, zulu: np.ndarray, known: np.ndarray) -> bool:
    """Texts in the usual form, or what reads as such when it is made text."""
    if not pa.types.is_string(piece.type):
        return _dates(piece, local, zulu, known)
    if piece.null_count:
        return False
    iso_times(*letters(piece), 0, len(piece), local, zulu, known)
    np.logical_not(known, out=known)  # it told the others
    return bool(known.all())


def _dates(piece: pa.Array, local: np.ndarray, zulu: np.ndarray, known: np.ndarray) -> bool:
    """Timestamps and dates; those with a zone are UTC."""
    if pa.types.is_date32(piece.type):
        numbers, factor, utc = piece.view(pa.int32()), _DAY, False
    elif pa.types.is_timestamp(piece.type) and piece.type.unit in _UNITS:
        numbers, factor, utc = piece.view(pa.int64()), _UNITS[piece.type.unit], piece.type.tz is not None
        if piece.type.unit == "ns":
            whole, finer = np.divmod(np.asarray(numbers.fill_null(0)), 1_000)
            if finer.any():
                return False  # what is finer than a microsecond is cut in ways of its own
            numbers = array(whole, np.asarray(numbers.is_valid()) if numbers.null_count else None)
    else:
        return False
    return _in_range(numbers, factor, local, known, zulu, utc)


def _moments(piece: pa.Array, local: np.ndarray, zulu: np.ndarray, known: np.ndarray) -> bool:
    """Timestamps and dates, all of which are taken as UTC."""
    if not _dates(piece, local, zulu, known):
        return False
    zulu[:] = True
    return True


def _numbers(piece: pa.Array, local: np.ndarray, zulu: np.ndarray, known: np.ndarray) -> bool:
    """Whole numbers: microseconds UTC."""
    if not pa.types.is_signed_integer(piece.type):
        return False
    return _in_range(piece, 1, local, known, zulu, True)


def _in_range(
    numbers: pa.Array, factor: int, local: np.ndarray, known: np.ndarray, zulu: np.ndarray, utc: bool
) -> bool:
    """Whether all numbers, times the factor, are moments of the years that are taken."""
    zulu[:] = utc
    known[:] = True if not numbers.null_count else np.asarray(numbers.is_valid())
    values = np.asarray(numbers.fill_null(0) if numbers.null_count else numbers)
    if not len(values):
        return True
    if int(values.min()) < EARLIEST // factor or int(values.max()) > LATEST // factor:
        return False
    np.multiply(values, np.int64(factor), out=local)
    return True


def letters(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """int32[n + 1] and uint8[k]: where each text begins among the letters of all."""
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return ends, np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
