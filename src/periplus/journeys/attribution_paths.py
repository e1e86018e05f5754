"""The paths of attribution: the touches of one customer before a goal, or after the last one.

One loop over each shard writes them down; whatever the models say is computed from these paths and
nothing else, so that all models speak of the same conversions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

TOUCH, GOAL = np.uint32(1), np.uint32(2)


@dataclass(frozen=True)
class Paths:
    """The paths of one shard, in the order of its rows.

    `touch` int64[t]: the rows of their touches, path after path; `edges` int64[p + 1]: touch[edges[i]:edges[i + 1]]
    are those of path i (none, for a conversion without a touch). `goal` int64[p]: the row of the goal, -1 where
    the path does not convert; `customer` int64[p]: index into the shard's customers.
    """

    shard: Shard
    touch: np.ndarray
    edges: np.ndarray
    goal: np.ndarray
    customer: np.ndarray

    @property
    def length(self) -> np.ndarray:
        """int64[p]: touches of each path, repeats included."""
        return np.diff(self.edges)

    @property
    def owner(self) -> np.ndarray:
        """int64[t]: the path of each touch."""
        return np.repeat(np.arange(len(self.goal)), self.length)

    @property
    def start(self) -> np.ndarray:
        """int64[p]: the row a path starts at: its first touch, or its goal where it has none."""
        begin = np.append(self.touch, -1)[self.edges[:-1]]
        return np.where(self.length > 0, begin, self.goal)

    def only(self, kept: np.ndarray) -> Paths:
        """Some of the paths (bool[p])."""
        edges = np.concatenate(([0], np.cumsum(self.length[kept])))
        return Paths(self.shard, self.touch[kept[self.owner]], edges, self.goal[kept], self.customer[kept])

    @property
    def converted(self) -> np.ndarray:
        """bool[p]: whether a goal ends the path."""
        return np.asarray(self.goal >= 0)


def paths(shard: Shard, mask: np.ndarray, lookback: int, since: int, until: int, now: int) -> Paths:
    """The paths of a shard whose rows have bits TOUCH and GOAL in `mask` uint32[n].

    A goal event is no touch. The period since <= time < until selects conversions by their goal, and paths
    that do not convert by their last touch. `lookback` in microseconds, its last instant included.
    """
    goals = np.count_nonzero(mask & GOAL)
    touch = np.empty(np.count_nonzero(mask & TOUCH), np.int64)
    room = goals + len(shard.customers)
    edges = np.zeros(room + 1, np.int64)
    goal, customer = np.empty(room, np.int64), np.empty(room, np.int64)
    count = _paths(
        np.asarray(shard.offsets), np.asarray(shard.time), mask, lookback, since, until, now,
        touch, edges, goal, customer,
    )  # fmt: skip
    return Paths(shard, touch[: edges[count]], edges[: count + 1], goal[:count], customer[:count])


_READ_I8 = "Array(int64, 1, 'C', readonly=True)"


@compiled(f"i8({_READ_I8}, {_READ_I8}, u4[::1], i8, i8, i8, i8, i8[::1], i8[::1], i8[::1], i8[::1])")
@no_type_check
def _paths(offsets, time, mask, lookback, since, until, now, touch, edges, goal, customer):
    """Touches gather at touch[base:n] until a goal takes those of the lookback, or the customer's events end."""
    base = 0
    p = 0
    for c in range(offsets.shape[0] - 1):
        n = base
        for r in range(offsets[c], offsets[c + 1]):
            t = time[r]
            if t > now:
                break
            if mask[r] & np.uint32(2):
                if since <= t < until:
                    first = base
                    while first < n and t - time[touch[first]] > lookback:
                        first += 1
                    for i in range(first, n):
                        touch[base] = touch[i]
                        base += 1
                    goal[p] = r
                    customer[p] = c
                    p += 1
                    edges[p] = base
                n = base
            elif mask[r] & np.uint32(1):
                touch[n] = r
                n += 1
        if n > base and since <= time[touch[n - 1]] < until:
            base = n
            goal[p] = -1
            customer[p] = c
            p += 1
            edges[p] = base
    return p
