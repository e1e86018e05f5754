"""What the attempts of a shard come to: who reached each step, who is gone or open there, and in what time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys.attempts import Attempts
from periplus.journeys.tables import SHIFT
from periplus.store.compiled import compiled


@dataclass(frozen=True)
class Tally:
    """Counts int64[groups, steps] that add up over shards; `seconds` are keys of the times from the step done
    before, by group * steps + step."""

    reached: np.ndarray
    stopped: np.ndarray
    open: np.ndarray
    seconds: np.ndarray


def tallied(attempts: Attempts, group: np.ndarray | None, groups: int, time: np.ndarray) -> Tally:
    """The attempts of one shard counted; `group` int64[a] is the breakdown value of each, None: all have one."""
    steps = attempts.rows.shape[1]
    counts = [np.zeros((groups, steps), np.int64) for _ in range(3)]
    seconds = np.empty(max(attempts.rows.size - len(attempts.rows), 0), np.int64)
    own = np.zeros(0, np.int64) if group is None else np.ascontiguousarray(group, np.int64)
    size = _tally(attempts.rows, attempts.furthest, attempts.open, own, np.asarray(time), *counts, seconds)
    return Tally(counts[0], counts[1], counts[2], seconds[:size])


def some(attempts: Attempts, kept: np.ndarray) -> Attempts:
    """The attempts that are kept, bool[a]."""
    return Attempts(attempts.segment[kept], attempts.rows[kept], attempts.furthest[kept], attempts.open[kept])


@compiled(
    "i8(i4[:, ::1], i1[::1], b1[::1], i8[::1], Array(int64, 1, 'C', readonly=True), "
    "i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1])"
)
@no_type_check
def _tally(rows, furthest, is_open, group, time, reached, stopped, still_open, seconds):
    """An attempt counts as reached at every step done, and as stopped or open at the last of them."""
    steps = rows.shape[1]
    n = 0
    g = 0
    for a in range(rows.shape[0]):
        if group.shape[0]:
            g = group[a]
        before = np.int64(-1)
        for i in range(furthest[a] + 1):
            r = np.int64(rows[a, i])
            if r < 0:
                continue
            reached[g, i] += 1
            if before >= 0:
                seconds[n] = ((g * steps + i) << SHIFT) | ((time[r] - time[before]) // 1_000_000)
                n += 1
            before = r
        if furthest[a] < steps - 1:
            if is_open[a]:
                still_open[g, furthest[a]] += 1
            else:
                stopped[g, furthest[a]] += 1
    return n
