"""Durations as (second, count) tables: exact medians and quantiles from parts that add up.

A table is two int64 arrays: keys, ascending, each a group and a whole number of seconds, and counts.
The group stands above the seconds in a key, so one sort and one pass make a table of any number of groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_SHIFT = 42
"""Bits for the seconds of a key: 139,000 years."""


@dataclass(frozen=True)
class Seconds:
    """`key` int64[k], ascending: group and second in one number; `count` int64[k]."""

    key: np.ndarray
    count: np.ndarray


def table(group: np.ndarray, micros: np.ndarray) -> Seconds:
    """The table of durations (int64 microseconds, floored to whole seconds) by group (int64, from 0)."""
    return counted((group.astype(np.int64) << _SHIFT) | (micros // 1_000_000))


def counted(key: np.ndarray) -> Seconds:
    """The table of keys that were put together elsewhere (int64, any order)."""
    key = np.sort(key)
    first = (
        np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1]))) if len(key) else np.zeros(0, np.int64)
    )
    return Seconds(key[first], np.diff(np.append(first, len(key))))


def added(parts: Sequence[Seconds]) -> Seconds:
    """The sum of tables."""
    key = np.concatenate([part.key for part in parts]) if parts else np.zeros(0, np.int64)
    count = np.concatenate([part.count for part in parts]) if parts else np.zeros(0, np.int64)
    order = np.argsort(key, kind="stable")
    key, count = key[order], count[order]
    if not len(key):
        return Seconds(key, count)
    first = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    return Seconds(key[first], np.add.reduceat(count, first))


def quantile(seconds: Seconds, group: int, q: float) -> float | None:
    """The quantile of one group: exact, linear between neighbours (type 7); None of nothing.

    >>> quantile(table(np.zeros(4, np.int64), np.array([1, 2, 3, 9]) * 1_000_000), 0, 0.5)
    2.5
    """
    low, high = np.searchsorted(seconds.key, [group << _SHIFT, (group + 1) << _SHIFT])
    count = seconds.count[low:high]
    if not len(count):
        return None
    reached = np.cumsum(count)
    place = q * (int(reached[-1]) - 1)
    below = int(place)
    values = seconds.key[low:high] & ((1 << _SHIFT) - 1)
    first = int(values[np.searchsorted(reached, below, "right")])
    if place == below:
        return float(first)
    second = int(values[np.searchsorted(reached, below + 1, "right")])
    return first + (place - below) * (second - first)


def median(seconds: Seconds, group: int) -> float | None:
    """The median of one group, in seconds."""
    return quantile(seconds, group, 0.5)
