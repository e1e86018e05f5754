"""Moments of customers, and which of a customer's events have come by each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled


@dataclass(frozen=True)
class Moments:
    """Moments of each customer of a shard, in order.

    `offsets` int64[c + 1]: moments offsets[j]:offsets[j + 1] are customer j's; `row` int64[m]: the rows before it
    have happened; `time` int64[m], microseconds UTC.
    """

    offsets: np.ndarray
    row: np.ndarray
    time: np.ndarray


def runs(
    starts: np.ndarray, since: np.ndarray, time: np.ndarray, offsets: np.ndarray, until: np.ndarray,
    moments: np.ndarray, within: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """int64[m], int64[m]: of some things, which come before each moment, and are not too old: low:high.

    Thing i comes before a moment whose `until` is at least since[i]; it is too old more than `within` after time[i].
    Customer j's things are starts[j]:starts[j + 1], and their moments, at `moments`, offsets[j]:offsets[j + 1].
    """
    low, high = np.empty(len(moments), np.int64), np.empty(len(moments), np.int64)
    _runs(
        np.asarray(starts), np.asarray(since), np.asarray(time), np.asarray(offsets), np.asarray(until),
        np.asarray(moments), within, low, high,
    )  # fmt: skip
    return low, high


_READ_I8 = "Array(int64, 1, 'C', readonly=True)"


@compiled(f"void({', '.join([_READ_I8] * 6)}, i8, i8[::1], i8[::1])")
@no_type_check
def _runs(starts, since, time, offsets, until, moments, within, low, high):
    """Both ends only move on, as the things and the moments of a customer are in order."""
    for c in range(offsets.shape[0] - 1):
        i = starts[c]
        j = starts[c]
        for m in range(offsets[c], offsets[c + 1]):
            while j < starts[c + 1] and since[j] <= until[m]:
                j += 1
            while i < j and moments[m] - time[i] > within:
                i += 1
            low[m] = i
            high[m] = j
