"""The best attempt of a funnel with all its options: windows of steps, optional steps, exclusions, strict
order, properties held equal, overlapping conditions, every attempt.

The events that could serve a step are gathered into items; lists of items (a customer's or a journey's,
and within it one value of what is held) are solved one by one, each in time that grows linearly with the
list, so that a robot with a hundred thousand events costs no more than as many customers with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys.attempts import FOREVER, Attempts
from periplus.store.compiled import compiled

MOST_BITS = 32
"""Steps and exclusions of one funnel, together: each is a bit of an event's mask."""


@dataclass(frozen=True)
class ChainRules:
    """How the events of an attempt must follow one another.

    Windows are microseconds: `within` from the first event, `windows[i]` from the last step done before step
    i. `exclusions` are (from, to) pairs of steps; exclusion x is bit `steps + x` of a mask. `strict`: each
    step at the same place as the one before, or at the very next.
    """

    optional: Sequence[bool]
    within: int = FOREVER
    windows: Sequence[int] = ()
    exclusions: Sequence[tuple[int, int]] = ()
    strict: bool = False
    every: bool = False

    @property
    def steps(self) -> int:
        return len(self.optional)

    def pairs(self) -> list[tuple[int, int, int]]:
        """Which step may follow which, with the exclusions that lie between them as bits."""
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


def gather(lo: np.ndarray, hi: np.ndarray, mask: np.ndarray, rules: ChainRules, opening: int = 1) -> Items:
    """The items of the segments lo:hi of rows; a list begins at its first event on a step of `opening`."""
    lists = len(lo)
    first, last = np.zeros(lists, np.int64), np.zeros(lists, np.int64)
    count = int((mask & np.uint32((1 << rules.steps) - 1) != 0).sum())
    excluded = len(rules.exclusions)
    row = np.empty(count, np.int32)
    barred = np.full((excluded, count), -1, np.int32)
    end_barred = np.full((excluded, lists), -1, np.int32)
    used = _gather(lo, hi, mask, rules.steps, opening, first, last, row, barred, end_barred)
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


def chain_attempts(
    items: Items, rules: ChainRules, time: np.ndarray, place: np.ndarray, end: np.ndarray, now: int
) -> Attempts:
    """The attempts that count in each segment, over `time` int64[n] of the shard's rows.

    `place` int32[n] and `end` int32[segments] say where a row stands and where its segment ends, for strict
    order: consecutive rows, or consecutive visits.
    """
    pairs = rules.pairs()
    earlier, later = (np.array([pair[k] for pair in pairs], np.int64) for k in (0, 1))
    bars = np.array([pair[2] for pair in pairs], np.uint32)
    windows = np.array(rules.windows or [FOREVER] * rules.steps, np.int64)
    starts = int((items.mask & np.uint32(1) != 0).sum()) if rules.every else len(items.lo)
    found_list = np.empty(starts, np.int32)
    rows = np.empty((starts, rules.steps), np.int32)
    far, options, is_open = np.empty(starts, np.int8), np.empty(starts, np.int8), np.empty(starts, np.bool_)
    count = _solve(
        items.lo, items.hi, items.row, np.asarray(time)[items.row], items.mask, place[items.row],
        end[items.segment], items.barred, items.end_barred,
        np.array(rules.optional, np.uint8), windows, rules.within, earlier, later, bars,
        rules.strict, rules.every, now, found_list, rows, far, options, is_open,
    )  # fmt: skip
    segment = items.segment[found_list[:count]]
    rows, far, options, is_open = rows[:count], far[:count], options[:count], is_open[:count]
    if rules.every:
        return Attempts(segment, rows, far, is_open)
    return best_of_segment(segment, rows, far, options, is_open)


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
    f"i8({_READ_I8}, {_READ_I8}, {_READ_U4}, i8, i8, i8[::1], i8[::1], i4[::1], i4[:, ::1], i4[:, ::1])"
)
@no_type_check
def _gather(lo, hi, mask, steps, opening, first, last, row, barred, end_barred):
    """Walk each segment, remembering the last event of every exclusion."""
    n = 0
    excluded = barred.shape[0]
    serves = np.uint32((1 << steps) - 1)
    for g in range(lo.shape[0]):
        first[g] = n
        begun = False
        for r in range(lo[g], hi[g]):
            m = mask[r]
            if m == 0:
                continue
            begun = begun or (m & np.uint32(opening)) != 0
            if begun and (m & serves) != 0:
                row[n] = r
                for x in range(excluded):
                    barred[x, n] = end_barred[x, g]
                n += 1
            for x in range(excluded):
                if (m >> np.uint32(steps + x)) & np.uint32(1):
                    end_barred[x, g] = r
        last[g] = n
    return n


@compiled(
    f"i8({_READ_I8}, {_READ_I8}, i4[::1], i8[::1], u4[::1], i4[::1], i4[::1], i4[:, ::1], i4[:, ::1], "
    "u1[::1], i8[::1], i8, i8[::1], i8[::1], u4[::1], b1, b1, i8, "
    "i4[::1], i4[:, ::1], i1[::1], i1[::1], b1[::1])"
)
@no_type_check
def _solve(
    lo, hi, row, time, mask, place, end_place, barred, end_barred,
    optional, windows, within, earlier, later, bars, strict, every, now,
    found_list, found_rows, found_far, found_options, found_open,
):  # fmt: skip
    """Forward: how far one gets. Backward: which starts get there. Forward again: by which events.

    `latest[i, p]` is the latest start of a chain that ends with item p on step i: no chain to there has more
    window left. It is a maximum over a window of earlier items that only moves on, so a queue of candidates
    per pair of steps yields it in constant time on average. `soonest[i, c, p]` likewise is the first item at
    which a chain that goes on from p, with c optional steps still to come, can arrive at the furthest step.
    """
    steps = optional.shape[0]
    pairs = earlier.shape[0]
    excluded = barred.shape[0]
    size = 1
    for k in range(lo.shape[0]):
        size = max(size, hi[k] - lo[k])
    choices = 1
    for i in range(steps):
        choices += optional[i]
    latest = np.empty((steps, size), np.int64)
    soonest = np.empty((steps, choices, size), np.int64)
    queue = np.empty((max(pairs * choices, 1), size), np.int64)
    head = np.zeros(max(pairs * choices, 1), np.int64)
    tail = np.zeros(max(pairs * choices, 1), np.int64)

    def follows(q, p, e):
        """Whether item p may come next after item q, by the rules of pair e."""
        if time[p] - time[q] > windows[later[e]]:
            return False
        if strict and place[p] - place[q] > 1:
            return False
        for x in range(excluded):  # noqa: SIM110  a loop that Numba compiles
            if (bars[e] >> np.uint32(x)) & np.uint32(1) and row[q] < barred[x, p]:
                return False
        return True

    n = 0
    for k in range(lo.shape[0]):
        begin = lo[k]
        stop = hi[k]
        while begin < stop:
            only = np.int64(-1)
            until = stop
            if every:
                while begin < stop and not mask[begin] & np.uint32(1):
                    begin += 1
                if begin == stop:
                    break
                only = begin
                until = begin
                while until < stop and time[until] - time[begin] <= within:
                    until += 1
            # How far.
            far = -1
            head[:] = 0
            tail[:] = 0
            for p in range(begin, until):
                m = mask[p]
                for i in range(steps - 1, -1, -1):
                    if not (m >> np.uint32(i)) & np.uint32(1):
                        continue
                    start = np.int64(-1)
                    if i == 0:
                        if only < 0 or p == only:
                            start = p
                    else:
                        for e in range(pairs):
                            if later[e] != i:
                                continue
                            while head[e] < tail[e] and not follows(queue[e, head[e]], p, e):
                                head[e] += 1
                            if head[e] < tail[e]:
                                start = max(start, latest[earlier[e], queue[e, head[e]] - begin])
                        if start >= 0 and time[p] - time[start] > within:
                            start = np.int64(-1)
                    latest[i, p - begin] = start
                    if start >= 0 and i > far:
                        far = i
                for e in range(pairs):
                    i = earlier[e]
                    if (m >> np.uint32(i)) & np.uint32(1) and latest[i, p - begin] >= 0:
                        start = latest[i, p - begin]
                        while head[e] < tail[e] and latest[i, queue[e, tail[e] - 1] - begin] <= start:
                            tail[e] -= 1
                        queue[e, tail[e]] = p
                        tail[e] += 1
            if far < 0:
                break
            # Could an event after now carry a chain as far as this one on?
            is_open = False
            if far < steps - 1:
                for p in range(begin, until):
                    if not (mask[p] >> np.uint32(far)) & np.uint32(1) or latest[far, p - begin] < 0:
                        continue
                    if now - time[latest[far, p - begin]] >= within or (strict and place[p] != end_place[k]):
                        continue
                    for e in range(pairs):
                        if earlier[e] != far or now - time[p] >= windows[later[e]]:
                            continue
                        free = True
                        for x in range(excluded):
                            if (bars[e] >> np.uint32(x)) & np.uint32(1) and row[p] < end_barred[x, k]:
                                free = False
                        is_open = is_open or free
            # Which starts get there, with how many optional steps.
            head[:] = 0
            tail[:] = 0
            for p in range(until - 1, begin - 1, -1):
                m = mask[p]
                for i in range(far + 1):
                    if not (m >> np.uint32(i)) & np.uint32(1):
                        continue
                    for c in range(choices):
                        soonest[i, c, p - begin] = -1
                    if i == far:
                        soonest[i, 0, p - begin] = p
                        continue
                    for e in range(pairs):
                        if earlier[e] != i or later[e] > far:
                            continue
                        for c in range(optional[later[e]], choices):
                            rest = c - optional[later[e]]
                            d = e * choices + rest
                            while head[d] < tail[d] and not follows(p, queue[d, head[d]], e):
                                head[d] += 1
                            if head[d] < tail[d]:
                                arrival = soonest[later[e], rest, queue[d, head[d]] - begin]
                                known = soonest[i, c, p - begin]
                                if known < 0 or arrival < known:
                                    soonest[i, c, p - begin] = arrival
                for e in range(pairs):
                    i = later[e]
                    if i > far or not (m >> np.uint32(i)) & np.uint32(1):
                        continue
                    for c in range(choices):
                        arrival = soonest[i, c, p - begin]
                        if arrival < 0:
                            continue
                        d = e * choices + c
                        while head[d] < tail[d] and soonest[i, c, queue[d, tail[d] - 1] - begin] >= arrival:
                            tail[d] -= 1
                        queue[d, tail[d]] = p
                        tail[d] += 1
            best = -1
            start = np.int64(-1)
            for p in range(begin, until):
                if not mask[p] & np.uint32(1) or (only >= 0 and p != only):
                    continue
                for c in range(choices - 1, best, -1):
                    arrival = soonest[0, c, p - begin]
                    if arrival >= 0 and time[arrival] - time[p] <= within:
                        best = c
                        start = p
                        break
            # By which events: at each point the earliest that still gets there so.
            for i in range(steps):
                found_rows[n, i] = -1
            found_rows[n, 0] = row[start]
            i = 0
            left = best
            here = start
            p = start
            while i < far:
                p += 1
                for e in range(pairs):  # by rising step, so that the lower one wins
                    i_next = later[e]
                    if earlier[e] != i or i_next > far or not (mask[p] >> np.uint32(i_next)) & np.uint32(1):
                        continue
                    rest = left - optional[i_next]
                    if rest < 0 or not follows(here, p, e):
                        continue
                    arrival = soonest[i_next, rest, p - begin]
                    if arrival >= 0 and time[arrival] - time[start] <= within:
                        found_rows[n, i_next] = row[p]
                        i = i_next
                        left = rest
                        here = p
                        break
            found_list[n] = k
            found_far[n] = far
            found_options[n] = best
            found_open[n] = is_open
            n += 1
            if not every:
                break
            # The next attempt may start once this one has converted, or its window is over.
            begin = p + 1 if far == steps - 1 else until
    return n
