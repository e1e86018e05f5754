"""Durations by group: exact medians and quantiles of any number of them, without sorting them all.

Each shard hands over keys, one per duration: its group and its whole seconds in one number. A few are simply sorted.
Of many, a first pass counts them in buckets whose width grows with the duration, as durations are many at seconds and few at
months; counts add up over shards. The ranks asked for fall into few buckets, and only what lies in those
is sorted.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled

SHIFT = 42
"""Bits for the seconds of a key: 139,000 years."""
_COUNTERS = 1 << 18
"""Buckets in all, about; their number does not change the result."""
_THREADS = min(os.cpu_count() or 1, 8)


def keys(group: np.ndarray, micros: np.ndarray) -> np.ndarray:
    """int64 keys of durations (int64 microseconds, floored to whole seconds) by group (int64, from 0)."""
    return np.asarray((group.astype(np.int64) << SHIFT) | (micros // 1_000_000))


def medians(parts: Sequence[np.ndarray], groups: int, zeros: np.ndarray | None = None) -> list[float | None]:
    """The median of each group, in seconds."""
    return quantiles(parts, groups, 0.5, zeros)


def quantiles(
    parts: Sequence[np.ndarray], groups: int, q: float, zeros: np.ndarray | None = None
) -> list[float | None]:
    """A quantile of each group of the keys in `parts`: exact, linear between neighbours (type 7).

    `zeros` int64[groups] says how many durations of no length each group has beside its keys.

    >>> quantiles([keys(np.zeros(4, np.int64), np.array([1, 2, 3, 9]) * 1_000_000)], 2, 0.5)
    [2.5, None]
    >>> quantiles([keys(np.zeros(2, np.int64), np.array([1, 9]) * 1_000_000)], 1, 0.5, np.array([1]))
    [1.0]
    """
    more = np.zeros(groups, np.int64) if zeros is None else zeros
    fine = _fine(groups)
    if sum(map(len, parts)) < groups * _width(fine):
        near = np.sort(np.concatenate([np.zeros(0, np.int64), *parts]))
        ranks = _ranks(np.searchsorted(near, np.arange(1, groups + 1) << SHIFT), more, q)
        at = ranks.place
    else:
        near, ranks, at = _picked(parts, groups, fine, more, q)
    seconds = np.zeros(ranks.place.shape, np.int64)
    seconds[~ranks.zero] = near[at[~ranks.zero]] & ((1 << SHIFT) - 1)
    low, high = seconds
    found: list[float | None] = [None] * groups
    for group, second in zip(
        ranks.group.tolist(), (low + ranks.between * (high - low)).tolist(), strict=True
    ):
        found[group] = second
    return found


@dataclass(frozen=True)
class _Ranks:
    """Where the quantiles of groups lie: `group` int64[some], those that have durations.

    `place` int64[2, some]: the two keys between which each one lies, among the keys of all groups one after
    the other; where `zero` bool[2, some] is set it is none of them, but a duration of no length. `between`
    float64[some]: how far it is from the first.
    """

    group: np.ndarray
    place: np.ndarray
    zero: np.ndarray
    between: np.ndarray


def _ranks(ends: np.ndarray, zeros: np.ndarray, q: float) -> _Ranks:
    """The ranks of a quantile; the keys of group g end at ends[g]."""
    keyed = np.diff(ends, prepend=0)
    sizes = keyed + zeros
    some = np.flatnonzero(sizes)
    exact = q * (sizes[some] - 1)
    below = exact.astype(np.int64)
    own = np.stack([below, np.minimum(below + 1, sizes[some] - 1)]) - zeros[some]
    return _Ranks(some, ends[some] - keyed[some] + own, own < 0, exact - below)


def _picked(
    parts: Sequence[np.ndarray], groups: int, fine: int, zeros: np.ndarray, q: float
) -> tuple[np.ndarray, _Ranks, np.ndarray]:
    """The keys of the buckets that the ranks fall into, sorted; the ranks; and int64[2, some]: which of the keys they are."""
    width = _width(fine)
    shares = [list(parts[first::_THREADS]) for first in range(_THREADS)]

    def count(share: list[np.ndarray]) -> np.ndarray:
        counts = np.zeros((groups, width), np.int64)
        for part in share:
            _count(part, fine, _LENGTHS, counts)
        return counts

    def pick(share: list[np.ndarray]) -> np.ndarray:
        picked = np.empty(sum(len(part) for part in share), np.int64)
        size = 0
        for part in share:
            size = _pick(part, fine, _LENGTHS, wanted, picked, size)
        return picked[:size]

    with ThreadPoolExecutor(_THREADS) as pool:
        counts = sum(pool.map(count, shares), np.zeros((groups, width), np.int64))
        # The buckets of one group after the other, and how many keys there are up to the end of each.
        until = np.cumsum(counts)
        ranks = _ranks(until[width - 1 :: width], zeros, q)
        place = np.where(ranks.zero, 0, ranks.place)
        bucket = np.searchsorted(until, place, "right")
        wanted = np.zeros((groups, width), np.bool_)
        wanted.reshape(-1)[bucket[~ranks.zero]] = True
        near = np.sort(np.concatenate(list(pool.map(pick, shares))))
    before = until[bucket] - counts.reshape(-1)[bucket]
    group = bucket // width
    begin = np.searchsorted(near, (group << SHIFT) | _least(bucket - group * width, fine))
    return near, ranks, begin + place - before


def _fine(groups: int) -> int:
    """Bits of a duration that its bucket keeps, so that all counters together stay few enough for a cache."""
    fine = 10
    while fine > 2 and groups * (SHIFT << fine) > _COUNTERS:
        fine -= 1
    return fine


def _width(fine: int) -> int:
    """How many buckets a group has."""
    return (SHIFT - fine + 1) << fine


def _least(bucket: np.ndarray, fine: int) -> np.ndarray:
    """The least number of seconds in each bucket: the inverse of `_bucket`."""
    octave = np.maximum((bucket >> fine) - 1, 0)
    return np.asarray((bucket - (octave << fine)) << octave)


_LENGTHS = np.array([value.bit_length() for value in range(1 << 14)], np.uint8)
"""How many bits a number below 2^14 has; three looks at it give the length of any duration."""


@compiled("i8(i8, i8, u1[::1])")
@no_type_check
def _bucket(seconds, fine, lengths):
    """The bucket of a duration: its octave, and the `fine` bits after its first; below 2^(fine+1) itself."""
    if seconds < 1 << 14:
        length = np.int64(lengths[seconds])
    elif seconds < 1 << 28:
        length = np.int64(lengths[seconds >> 14]) + 14
    else:
        length = np.int64(lengths[seconds >> 28]) + 28
    octave = max(length - 1 - fine, 0)
    return (octave << fine) + (seconds >> octave)


@compiled("void(i8[::1], i8, u1[::1], i8[:, ::1])")
@no_type_check
def _count(key, fine, lengths, counts):
    """One counter per group and bucket."""
    for i in range(key.shape[0]):
        counts[key[i] >> SHIFT, _bucket(key[i] & ((1 << SHIFT) - 1), fine, lengths)] += 1


@compiled("i8(i8[::1], i8, u1[::1], b1[:, ::1], i8[::1], i8)")
@no_type_check
def _pick(key, fine, lengths, wanted, found, n):
    """Keep what lies in a bucket that is wanted."""
    for i in range(key.shape[0]):
        if wanted[key[i] >> SHIFT, _bucket(key[i] & ((1 << SHIFT) - 1), fine, lengths)]:
            found[n] = key[i]
            n += 1
    return n
