"""The attempts in lists of items: how far, from which start, by which events.

Each list is solved in time that grows linearly with it, so that a robot with a hundred thousand events
costs no more than as many customers with one.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from periplus.journeys.attempts import FOREVER, Attempts
from periplus.journeys.chains import NO_TURNS, ChainRules, Clock, Items, best_of_segment
from periplus.store.compiled import compiled

_READ_I8 = "Array(int64, 1, 'C', readonly=True)"


def chain_attempts(
    items: Items, rules: ChainRules, clock: Clock, place: np.ndarray, end: np.ndarray
) -> Attempts:
    """The attempts that count in each segment.

    `place` int32[n] and `end` int32[segments] say where a row stands and where its segment ends, for strict
    order: consecutive rows, or consecutive visits.
    """
    steps = rules.steps
    time, turn = clock.of(items.row)
    windows = np.array(rules.windows or [FOREVER] * steps, np.int64)
    turns = np.array(rules.turns or [NO_TURNS] * steps, np.int64)
    starts = int((items.mask & np.uint32(1) != 0).sum()) if rules.every else len(items.lo)
    found_list = np.empty(starts, np.int32)
    rows = np.empty((starts, steps), np.int32)
    far, options, is_open = np.empty(starts, np.int8), np.empty(starts, np.int8), np.empty(starts, np.bool_)
    count = _solve(
        items.lo, items.hi, items.row, time, turn, items.mask, place[items.row],
        end[items.segment], clock.after_now(items.segment), items.barred, items.end_barred,
        np.array(rules.optional, np.uint8), windows, turns, rules.within, rules.by_session,
        *_queues(rules, windows, turns), rules.strict, rules.every, clock.now,
        found_list, rows, far, options, is_open,
    )  # fmt: skip
    segment = items.segment[found_list[:count]]
    rows, far, options, is_open = rows[:count], far[:count], options[:count], is_open[:count]
    if rules.every:
        return Attempts(segment, rows, far, is_open)
    return best_of_segment(segment, rows, far, options, is_open)


def _queues(rules: ChainRules, windows: np.ndarray, turns: np.ndarray) -> tuple[np.ndarray, ...]:
    """The ways from step to step, and of those that can share a queue the one they share.

    Looking back from a step, all earlier ones with the same exclusions between are alike; looking ahead, all
    later ones with the same windows too. Per step where the ways to it begin; per way its exclusions, its queue
    back, its queue ahead.
    """
    ways = rules.ways()
    back: dict[tuple[int, ...], int] = {}
    ahead: dict[tuple[int, ...], int] = {}
    numbers = []
    for earlier, later, bits in ways:
        alike = (earlier, int(windows[later]), int(turns[later]), bits, int(rules.optional[later]))
        numbers.append((back.setdefault((later, bits), len(back)), ahead.setdefault(alike, len(ahead))))
    ways_to = np.searchsorted([later for _, later, _ in ways], np.arange(rules.steps + 1))
    shared = [np.array([pair[k] for pair in numbers], np.int64) for k in (0, 1)]
    return (ways_to.astype(np.int64), np.array([bits for *_, bits in ways], np.uint32), *shared)


@compiled(
    f"i8({_READ_I8}, {_READ_I8}, i4[::1], i8[::1], i8[::1], u4[::1], i4[::1], i4[::1], i8[::1], i4[:, ::1], i4[:, ::1], "
    "u1[::1], i8[::1], i8[::1], i8, b1, i8[::1], u4[::1], i8[::1], i8[::1], b1, b1, i8, "
    "i4[::1], i4[:, ::1], i1[::1], i1[::1], b1[::1])"
)
@no_type_check
def _solve(
    lo, hi, row, time, turn, mask, place, end_place, after, barred, end_barred,
    optional, windows, turns, within, by_session, ways_to, bars, back, ahead, strict, every, now,
    found_list, found_rows, found_far, found_options, found_open,
):  # fmt: skip
    """Forward: how far one gets. Backward: which starts get there. Forward again: by which events.

    A slot is an item on one of its steps. `latest[slot]` is the latest start of a chain that ends there: no
    chain to there has more window left. It is a maximum over a window of earlier slots that only moves on, so a
    queue of candidates yields it in constant time on average. `soonest[c, slot]` likewise is the first item at
    which a chain that goes on from there, with c optional steps still to come, can arrive at the furthest step.
    The ways to step i are ways_to[i]:ways_to[i + 1], the one from step i - 1 first, from i - 2 next.
    """
    steps = optional.shape[0]
    excluded = barred.shape[0]
    choices = 1
    for i in range(steps):
        choices += optional[i]
    reach = np.empty(lo.shape[0], np.int64)
    for k in range(
        lo.shape[0]
    ):  # no chain of a list gets further than its events in order, so later steps cost nothing
        n = 0 if choices == 1 else steps
        for p in range(lo[k], hi[k]):
            if n < steps and (mask[p] >> np.uint32(n)) & np.uint32(1):
                n += 1
        if n < steps:
            for p in range(lo[k], hi[k]):
                mask[p] &= (np.uint32(1) << np.uint32(n)) - np.uint32(1)
        reach[k] = n
    most = 1
    for k in range(lo.shape[0]):
        slots = 0
        for p in range(lo[k], hi[k]):
            m = mask[p]
            while m != 0:
                m &= m - np.uint32(1)
                slots += 1
        most = max(most, slots)
    queues = 1
    for e in range(bars.shape[0]):
        queues = max(queues, back[e] + 1, ahead[e] + 1)
    base = np.empty(most + 1, np.int64)  # per item: its first slot
    item = np.empty(most, np.int64)  # per slot
    latest = np.empty(most, np.int64)
    soonest = np.empty((choices, most), np.int32)
    queue = np.empty((queues, most), np.int32)
    head = np.zeros(queues, np.int64)
    tail = np.zeros(queues, np.int64)

    def measured(p):
        """What the window in all is measured by."""
        return turn[p] if by_session else time[p]

    def slot_of(p, i, begin):
        """The slot of an item on one of its steps."""
        m = mask[p] & ((np.uint32(1) << np.uint32(i)) - np.uint32(1))
        slot = base[p - begin]
        while m != 0:
            m &= m - np.uint32(1)
            slot += 1
        return slot

    def follows(q, p, i, e):
        """Whether item p on step i may come next after item q, by way e."""
        if time[p] - time[q] > windows[i] or turn[p] - turn[q] > turns[i]:
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
            if every:
                while begin < stop and not mask[begin] & np.uint32(1):
                    begin += 1
                if begin == stop:
                    break
                only = begin
            # How far.
            far = -1
            slots = 0
            head[:] = 0
            tail[:] = 0
            until = begin
            while until < stop:
                p = until
                if every and measured(p) - measured(begin) > within:
                    break
                until += 1
                m = mask[p]
                base[p - begin] = slots
                for i in range(reach[k]):
                    if not (m >> np.uint32(i)) & np.uint32(1):
                        continue
                    start = np.int64(-1)
                    if i == 0:
                        if only < 0 or p == only:
                            start = p
                    else:
                        for e in range(ways_to[i], ways_to[i + 1]):
                            b = back[e]
                            if e > ways_to[i] and b == back[e - 1]:
                                continue  # looked at already
                            while head[b] < tail[b] and not follows(item[queue[b, head[b]]], p, i, e):
                                head[b] += 1
                            if head[b] < tail[b]:
                                start = max(start, latest[queue[b, head[b]]])
                        if start >= 0 and measured(p) - measured(start) > within:
                            start = np.int64(-1)
                    item[slots] = p
                    latest[slots] = start
                    slots += 1
                    far = max(far, i) if start >= 0 else far
                slot = base[p - begin]
                for i in range(reach[k]):
                    if not (m >> np.uint32(i)) & np.uint32(1):
                        continue
                    start = latest[slot]
                    for j in range(i + 1, steps if start >= 0 else 0):
                        e = ways_to[j] + j - 1 - i
                        if e >= ways_to[j + 1]:
                            break
                        b = back[e]
                        while head[b] < tail[b] and latest[queue[b, tail[b] - 1]] <= start:
                            tail[b] -= 1
                        queue[b, tail[b]] = slot
                        tail[b] += 1
                    slot += 1
                if every and choices == 1 and far == steps - 1:
                    break  # with one start, and no step to leave out, the first arrival decides
            base[until - begin] = slots
            if far < 0:
                break
            # Could an event after now carry a chain as far as this one on?
            is_open = False
            if far < steps - 1:
                for p in range(begin, until):
                    if not (mask[p] >> np.uint32(far)) & np.uint32(1):
                        continue
                    start = latest[slot_of(p, far, begin)]
                    if start < 0 or (strict and place[p] != end_place[k]):
                        continue
                    if (after[k] if by_session else now + 1) - measured(start) > within:
                        continue
                    for j in range(far + 1, steps):
                        e = ways_to[j] + j - 1 - far
                        if e >= ways_to[j + 1]:
                            break
                        if now + 1 - time[p] > windows[j] or after[k] - turn[p] > turns[j]:
                            continue
                        free = True
                        for x in range(excluded):
                            if (bars[e] >> np.uint32(x)) & np.uint32(1) and row[p] < end_barred[x, k]:
                                free = False
                        is_open = is_open or free
            # Which starts get there, with how many optional steps: one layer for each number of them.
            for c in range(choices):
                head[:] = 0
                tail[:] = 0
                for p in range(until - 1, begin - 1, -1):
                    slot = base[p - begin] - 1
                    for i in range(far + 1):
                        if not (mask[p] >> np.uint32(i)) & np.uint32(1):
                            continue
                        slot += 1
                        soonest[c, slot] = -1
                        if i == far:
                            if c == 0:
                                soonest[c, slot] = p
                            continue
                        looked = np.int64(-1)
                        for j in range(i + 1, far + 1):
                            e = ways_to[j] + j - 1 - i
                            if e >= ways_to[j + 1]:
                                break
                            b = ahead[e]
                            if c < optional[j] or b == looked:
                                continue
                            looked = b
                            while head[b] < tail[b] and not follows(p, item[queue[b, head[b]]], j, e):
                                head[b] += 1
                            if head[b] < tail[b]:
                                arrival = soonest[c - optional[j], queue[b, head[b]]]
                                known = soonest[c, slot]
                                if known < 0 or arrival < known:
                                    soonest[c, slot] = arrival
                    slot = base[p - begin] - 1
                    for i in range(far + 1):
                        if not (mask[p] >> np.uint32(i)) & np.uint32(1):
                            continue
                        slot += 1
                        rest = c - optional[i]
                        arrival = soonest[rest, slot] if rest >= 0 else np.int32(-1)
                        for e in range(ways_to[i], ways_to[i + 1] if arrival >= 0 else 0):
                            b = ahead[e]
                            while head[b] < tail[b] and soonest[rest, queue[b, tail[b] - 1]] >= arrival:
                                tail[b] -= 1
                            queue[b, tail[b]] = slot
                            tail[b] += 1
            best = -1
            start = np.int64(-1)
            for p in range(begin, until):
                if not mask[p] & np.uint32(1) or (only >= 0 and p != only):
                    continue
                for c in range(choices - 1, best, -1):
                    arrival = soonest[c, base[p - begin]]
                    if arrival >= 0 and measured(arrival) - measured(p) <= within:
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
                for j in range(i + 1, far + 1):  # of several the lower step
                    e = ways_to[j] + j - 1 - i
                    if e >= ways_to[j + 1]:
                        break
                    rest = left - optional[j]
                    if not (mask[p] >> np.uint32(j)) & np.uint32(1) or rest < 0 or not follows(here, p, j, e):
                        continue
                    arrival = soonest[rest, slot_of(p, j, begin)]
                    if arrival >= 0 and measured(arrival) - measured(start) <= within:
                        found_rows[n, j] = row[p]
                        i = j
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
            if far == steps - 1:
                begin = p + 1
            else:
                while until < stop and measured(until) - measured(begin) <= within:
                    until += 1
                begin = until
    return n
