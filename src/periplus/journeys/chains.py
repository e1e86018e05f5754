"""The best attempt of a funnel with all its options: windows of steps, optional steps, exclusions, strict
order, properties held equal, overlapping conditions, every attempt.

The events that could serve a step are gathered into items; lists of items (a customer's or a journey's,
and within it one value of what is held) are solved one by one (`chains_solve`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys.attempts import FOREVER, Attempts
from periplus.store.compiled import compiled

NO_TURNS = 1 << 30
"""A window of so many sessions ends nothing."""


@dataclass(frozen=True)
class ChainRules:
    """How the events of an attempt must follow one another.

    Windows are microseconds: `within` from the first event, `windows[i]` from the last step done before step
    i. `turns[i]` is how many sessions later than that step i may be; `by_session` says that `within` is such a
    number too. `exclusions` are (from, to) pairs of steps; exclusion x is bit x of a mask of its own. `strict`: each
    step at the same place as the one before, or at the very next.
    """

    optional: Sequence[bool]
    within: int = FOREVER
    windows: Sequence[int] = ()
    turns: Sequence[int] = ()
    by_session: bool = False
    exclusions: Sequence[tuple[int, int]] = ()
    strict: bool = False
    every: bool = False

    @property
    def steps(self) -> int:
        return len(self.optional)

    @property
    def reads_sessions(self) -> bool:
        """Whether any window is one of sessions."""
        return self.by_session or any(turns != NO_TURNS for turns in self.turns)

    def ways(self) -> list[tuple[int, int, int]]:
        """Which step may follow which, (earlier, later), with the exclusions that lie between them as bits."""
        found = []
        for later in range(1, self.steps):
            for earlier in range(later - 1, -1, -1):
                bits = sum(
                    1 << x
                    for x, (first, last) in enumerate(self.exclusions)
                    if earlier < last and later > first
                )
                found.append((earlier, later, bits))
                if not self.optional[earlier]:
                    break
        return found


@dataclass(frozen=True)
class Items:
    """Events that could serve a step, list by list: list k is lo[k]:hi[k], of segment `segment[k]`.

    Per item `row` int32, `mask` uint32, `barred` int32[x, items] (the last row before it, in its segment, of
    exclusion x; -1: none). Per list `end_barred` int32[x, lists] (the last such row at all).
    """

    lo: np.ndarray
    hi: np.ndarray
    segment: np.ndarray
    row: np.ndarray
    mask: np.ndarray
    barred: np.ndarray
    end_barred: np.ndarray


@dataclass(frozen=True)
class Clock:
    """What windows are measured by: `time` int64[n] of the shard's rows and the `now` of the question, `turn` int64[n]
    the session of each row and `after` int64[segments] the session of an event right after `now`. Without windows
    of sessions `turn` is empty."""

    time: np.ndarray
    now: int
    turn: np.ndarray
    after: np.ndarray

    def of(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The time and the session of some rows."""
        time = np.asarray(self.time)[row]
        return time, self.turn[row] if len(self.turn) else np.zeros(len(row), np.int64)

    def after_now(self, segment: np.ndarray) -> np.ndarray:
        """int64: the session of an event right after `now`, of some segments."""
        return self.after[segment] if len(self.turn) else np.zeros(len(segment), np.int64)


def gather(
    lo: np.ndarray,
    hi: np.ndarray,
    mask: np.ndarray,
    excluding: np.ndarray,
    rules: ChainRules,
    opening: int = 1,
) -> Items:
    """The items of the segments lo:hi of rows with the steps they serve, `mask` uint32[n], and the exclusions
    they meet, `excluding` uint32[n] (empty: there are none); a list begins at its first event on a step of `opening`."""
    lists = len(lo)
    first, last = np.zeros(lists, np.int64), np.zeros(lists, np.int64)
    count = int((mask != 0).sum())
    excluded = len(rules.exclusions)
    row = np.empty(count, np.int32)
    barred = np.full((excluded, count), -1, np.int32)
    end_barred = np.full((excluded, lists), -1, np.int32)
    used = _gather(lo, hi, mask, excluding, opening, first, last, row, barred, end_barred)
    row = row[:used]
    kept = np.flatnonzero(last > first)
    return Items(
        first[kept],
        last[kept],
        kept.astype(np.int32),
        row,
        mask[row],
        np.ascontiguousarray(barred[:, :used]),
        np.ascontiguousarray(end_barred[:, kept]),
    )


def held(items: Items, group: np.ndarray) -> Items:
    """The lists taken apart by `group` int64[items], -1: without a value, which serves no step."""
    owner = np.repeat(np.arange(len(items.lo)), items.hi - items.lo)
    order = np.lexsort((group, owner))
    order = order[group[order] >= 0]
    owner, value = owner[order], group[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (owner[1:] != owner[:-1]) | (value[1:] != value[:-1])
    lo = np.flatnonzero(fresh)
    return Items(
        lo.astype(np.int64),
        np.append(lo[1:], len(order)).astype(np.int64),
        items.segment[owner[lo]],
        items.row[order],
        items.mask[order],
        np.ascontiguousarray(items.barred[:, order]),
        np.ascontiguousarray(items.end_barred[:, owner[lo]]),
    )


def best_of_segment(
    segment: np.ndarray, rows: np.ndarray, far: np.ndarray, options: np.ndarray, is_open: np.ndarray
) -> Attempts:
    """Of the attempts of one segment (with different values held) the one that counts."""
    order = np.lexsort((rows[:, 0], -options, -far, segment))
    segment = segment[order]
    first = np.flatnonzero(np.concatenate(([True], segment[1:] != segment[:-1]))) if len(order) else order
    rank = far[order].astype(np.int64) * 2 + is_open[order]
    best = np.maximum.reduceat(rank, first) if len(order) else rank
    chosen = order[first]
    return Attempts(segment[first], rows[chosen], far[chosen], best % 2 == 1)


_READ_I8 = "Array(int64, 1, 'C', readonly=True)"
_READ_U4 = "Array(uint32, 1, 'C', readonly=True)"


@compiled(
    f"i8({_READ_I8}, {_READ_I8}, {_READ_U4}, {_READ_U4}, i8, i8[::1], i8[::1], i4[::1], i4[:, ::1], i4[:, ::1])"
)
@no_type_check
def _gather(lo, hi, mask, excluding, opening, first, last, row, barred, end_barred):
    """Walk each segment, remembering the last event of every exclusion."""
    n = 0
    excluded = barred.shape[0]
    for g in range(lo.shape[0]):
        first[g] = n
        begun = False
        for r in range(lo[g], hi[g]):
            m = mask[r]
            begun = begun or (m & np.uint32(opening)) != 0
            if begun and m != 0:
                row[n] = r
                for x in range(excluded):
                    barred[x, n] = end_barred[x, g]
                n += 1
            if excluded and excluding[r] != 0:
                for x in range(excluded):
                    if (excluding[r] >> np.uint32(x)) & np.uint32(1):
                        end_barred[x, g] = r
        last[g] = n
    return n
