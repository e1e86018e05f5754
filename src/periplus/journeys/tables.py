"""Durations by group: exact medians and quantiles of any number of them, without sorting them all.

Each shard hands over keys, one per duration: its group and its whole seconds in one number. A first pass
counts them in coarse buckets, which add up over shards; the ranks asked for fall into few buckets, and
only what lies in those is sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled

SHIFT = 42
"""Bits for the seconds of a key: 139,000 years."""
_COUNTERS = 1 << 20
"""Coarse buckets in all; their number does not change the result."""


def keys(group: np.ndarray, micros: np.ndarray) -> np.ndarray:
    """int64 keys of durations (int64 microseconds, floored to whole seconds) by group (int64, from 0)."""
    return np.asarray((group.astype(np.int64) << SHIFT) | (micros // 1_000_000))


def medians(parts: Sequence[np.ndarray], groups: int) -> list[float | None]:
    """The median of each group, in seconds."""
    return quantiles(parts, groups, 0.5)


def quantiles(parts: Sequence[np.ndarray], groups: int, q: float) -> list[float | None]:
    """A quantile of each group of the keys in `parts`: exact, linear between neighbours (type 7).

    >>> quantiles([keys(np.zeros(4, np.int64), np.array([1, 2, 3, 9]) * 1_000_000)], 2, 0.5)
    [2.5, None]
    """
    longest = max((int((part & ((1 << SHIFT) - 1)).max()) for part in parts if len(part)), default=0)
    buckets = max(_COUNTERS // max(groups, 1), 16)
    coarse = max(longest.bit_length() - (buckets.bit_length() - 1), 0)
    width = (longest >> coarse) + 1
    counts = np.zeros((groups, width), np.int64)
    for part in parts:
        _count(part, coarse, counts)
    reached = np.cumsum(counts, axis=1)
    sizes = reached[:, -1]
    place = q * (sizes - 1)
    below = place.astype(np.int64)
    above = np.minimum(below + 1, np.maximum(sizes - 1, 0))
    some = np.flatnonzero(sizes)
    wanted = np.zeros((groups, width), np.bool_)
    at = np.zeros((2, groups), np.int64)
    for group in some.tolist():
        for side, rank in enumerate((below[group], above[group])):
            at[side, group] = np.searchsorted(reached[group], rank, "right")
            wanted[group, at[side, group]] = True
    picked = np.empty(sum(len(part) for part in parts), np.int64)
    size = 0
    for part in parts:
        size = _pick(part, coarse, wanted, picked, size)
    near = np.sort(picked[:size])
    found: list[float | None] = [None] * groups
    for group in some.tolist():
        values = []
        for side, rank in enumerate((int(below[group]), int(above[group]))):
            bucket = int(at[side, group])
            before = int(reached[group, bucket - 1]) if bucket else 0
            start = int(np.searchsorted(near, (group << SHIFT) | (bucket << coarse)))
            values.append(int(near[start + rank - before]) & ((1 << SHIFT) - 1))
        found[group] = values[0] + float(place[group] - below[group]) * (values[1] - values[0])
    return found


@compiled("void(i8[::1], i8, i8[:, ::1])")
@no_type_check
def _count(key, coarse, counts):
    """One counter per group and coarse bucket."""
    for i in range(key.shape[0]):
        counts[key[i] >> SHIFT, (key[i] & ((1 << SHIFT) - 1)) >> coarse] += 1


@compiled("i8(i8[::1], i8, b1[:, ::1], i8[::1], i8)")
@no_type_check
def _pick(key, coarse, wanted, found, n):
    """Keep what lies in a bucket that is wanted."""
    for i in range(key.shape[0]):
        if wanted[key[i] >> SHIFT, (key[i] & ((1 << SHIFT) - 1)) >> coarse]:
            found[n] = key[i]
            n += 1
    return n
