"""Who a channel won: customers by their first touch ever, and what became of them after the first conversion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from periplus.journeys.amounts import Amounts
from periplus.journeys.attribution_paths import GOAL, TOUCH
from periplus.store.snapshot import Shard


@dataclass(frozen=True)
class Won:
    """The customers of a shard whose first conversion lies in the period, one entry each.

    `customer` int64: index into the shard's; `goal` and `touch` int64: rows of the first conversion, and of the
    first touch ever before it (-1: none); `goals` int64 and `value` float64: all conversions up to now, and their worth.
    """

    customer: np.ndarray
    goal: np.ndarray
    touch: np.ndarray
    goals: np.ndarray
    value: np.ndarray


def won(
    shard: Shard,
    mask: np.ndarray,
    value: Amounts | None,
    since: int,
    until: int,
    now: int,
    among: np.ndarray | None = None,
) -> Won:
    """The customers won of a shard whose rows have bits TOUCH and GOAL in `mask` uint32[n]; `among` bool[n] says where
    they must have been first touched (or converted, without a touch) to count."""
    time, offsets = np.asarray(shard.time), np.asarray(shard.offsets)
    seen = time <= now
    goals = np.flatnonzero(seen & (mask & GOAL != 0))
    owner = np.searchsorted(offsets, goals, "right") - 1
    customer, first, place, count = np.unique(
        owner, return_index=True, return_inverse=True, return_counts=True
    )
    worth = np.zeros(len(goals)) if value is None else value.at(shard.index, goals)
    touches = np.flatnonzero(seen & (mask & (GOAL | TOUCH) == TOUCH))
    touched, earliest = np.unique(np.searchsorted(offsets, touches, "right") - 1, return_index=True)
    touch = np.full(len(shard.customers), -1, np.int64)
    touch[touched] = touches[earliest]
    goal = goals[first]
    kept = (time[goal] >= since) & (time[goal] < until)
    before = np.where(touch[customer] < goal, touch[customer], -1)
    if among is not None:
        kept &= among[np.where(before >= 0, before, goal)]
    sums = np.bincount(place, worth, minlength=len(customer))
    return Won(customer[kept], goal[kept], before[kept], count[kept], sums[kept])
