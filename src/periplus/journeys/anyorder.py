"""The best attempt of a funnel in any order: events are given to steps so that most are served.

Which sets of events can be served together is a question of matching: one event to one step. Such sets
have a useful property (they are the independent sets of a transversal matroid): taking events as they
come, each one that can still be added, ends with as many as possible, and with the earliest ones.
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from periplus.journeys import reading
from periplus.journeys.attempts import Attempts
from periplus.journeys.chains import ChainRules, Clock, Items, best_of_segment, gather, held
from periplus.store.compiled import compiled

NO_LIMIT = 2**31 - 1
"""No row excludes."""


def any_attempts(
    lo: np.ndarray, hi: np.ndarray, mask: np.ndarray, excluding: np.ndarray, rules: ChainRules, clock: Clock,
    may_start: np.ndarray, shard: int, values: reading.Values | None,
) -> Attempts:  # fmt: skip
    """The attempts that count over the segments lo:hi (int64[s]); `may_start` bool[n] says which rows may be the first.

    Column i of the rows is the event that made it i + 1 steps. An excluded event between the first and the
    last that serves a step itself excludes nothing, so it must then be among those served.
    """
    steps = rules.steps
    excludes = excluding != 0 if len(excluding) else np.zeros(len(mask), np.bool_)
    bits = mask.copy()
    # Above the steps: an event that excludes unless it serves, and one that may be the first.
    bits |= (excludes & (mask != 0)).astype(np.uint32) << np.uint32(steps)
    bits |= (may_start & (mask != 0)).astype(np.uint32) << np.uint32(steps + 1)
    nothing = np.zeros(0, np.uint32)
    items = gather(lo, hi, bits, nothing, ChainRules([False] * steps), opening=(1 << steps) - 1)
    group = np.zeros(len(mask), np.int64)
    if values is not None:
        group[items.row] = values.at(shard, items.row)
        items = held(items, group[items.row])
    limit = _limits(items, np.flatnonzero(excludes), np.where(mask != 0, group, -1), group, hi)
    room = len(items.row) if rules.every else len(items.lo)
    found_list, rows = np.empty(room, np.int32), np.empty((room, steps), np.int32)
    far, is_open = np.empty(room, np.int8), np.empty(room, np.bool_)
    time, turn = clock.of(items.row)
    after = np.full(len(items.lo), clock.now + 1)
    count = _solve_any(
        items.lo, items.hi, items.row, turn if rules.by_session else time, items.mask, limit,
        clock.after_now(items.segment) if rules.by_session else after,
        steps, rules.within, rules.every, found_list, rows, far, is_open,
    )  # fmt: skip
    segment = items.segment[found_list[:count]]
    if rules.every:
        return Attempts(segment, rows[:count], far[:count], is_open[:count])
    none = np.zeros(count, np.int8)
    return best_of_segment(segment, rows[:count], far[:count], none, is_open[:count])


def _limits(
    items: Items, excluding: np.ndarray, own: np.ndarray, group: np.ndarray, hi: np.ndarray
) -> np.ndarray:
    """int32 per item: the first row after it, in its segment, that excludes and cannot serve with it.

    `excluding` are the rows that exclude; one with the same value held (`own`) as the item may serve instead.
    """
    row = items.row.astype(np.int64)
    limit = np.full(len(row), NO_LIMIT, np.int32)
    if not len(excluding) or not len(row):
        return limit
    mine = own[excluding]
    runs = np.flatnonzero(np.concatenate(([True], mine[1:] != mine[:-1])))
    # Where the next run of another value begins, for each of them and for one beyond the last.
    next_run = np.append(runs, len(mine))[np.searchsorted(runs, np.arange(len(mine)), "right")]
    place = np.searchsorted(excluding, row, "right")
    there = place < len(mine)
    alike = there.copy()
    alike[there] = mine[place[there]] == group[row[there]]
    place[alike] = next_run[place[alike]]
    there = place < len(mine)
    end = np.repeat(hi[items.segment], items.hi - items.lo)
    found = excluding[place[there]]
    limit[there] = np.where(found < end[there], found, NO_LIMIT)
    return limit


@compiled(
    "i8(Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), i4[::1], i8[::1], u4[::1], "
    "i4[::1], i8[::1], i8, i8, b1, i4[::1], i4[:, ::1], i1[::1], b1[::1])"
)
@no_type_check
def _solve_any(
    lo, hi, row, measure, mask, limit, after, steps, within, every,
    found_list, found_rows, found_far, found_open,
):  # fmt: skip
    """For each start: serve first what must be served, then the earliest events that can be added.

    Items of one mask are alike: once one of them cannot be added, none after it can, so a start looks at no
    more than `steps` items of each mask, by the pointers `following` from an item to the next like it.
    `measure` is what the window is measured by (time, or session), `after` its value right after now.
    """
    serves = np.uint32((1 << steps) - 1)
    must = np.uint32(1 << steps)
    may_start = np.uint32(1 << (steps + 1))
    size = 1
    for k in range(lo.shape[0]):
        size = max(size, hi[k] - lo[k])
    owner = np.empty(steps, np.int64)  # the item that serves each step, -1: none
    trail = np.empty(steps, np.int64)  # the step one came from, on the way to a free one
    queue = np.empty(steps, np.int64)
    chosen = np.empty(steps, np.int64)
    following = np.empty(size, np.int64)
    kind_of = np.empty(size, np.int64)
    kinds = np.empty(size, np.uint32)
    heads = np.empty(size, np.int64)
    pointer = np.empty(size, np.int64)
    dead = np.empty(size, np.bool_)

    def add(p):
        """Serve item p too, moving others to other steps if need be; whether that was possible."""
        trail[:] = -2
        first = 0
        last = 0
        for i in range(steps):
            if (mask[p] >> np.uint32(i)) & np.uint32(1):
                trail[i] = -1
                queue[last] = i
                last += 1
        while first < last:
            i = queue[first]
            first += 1
            if owner[i] < 0:
                while trail[i] >= 0:
                    owner[i] = owner[trail[i]]
                    i = trail[i]
                owner[i] = p
                return True
            for other in range(steps):
                if trail[other] == -2 and (mask[owner[i]] >> np.uint32(other)) & np.uint32(1):
                    trail[other] = i
                    queue[last] = other
                    last += 1
        return False

    def is_served(p):
        """Whether item p serves a step."""
        for i in range(steps):  # noqa: SIM110  a loop that Numba compiles
            if owner[i] == p:
                return True
        return False

    n = 0
    for k in range(lo.shape[0]):
        begin = lo[k]
        stop = hi[k]
        # Like items by their masks without the marks above the steps.
        count = 0
        any_must = False
        for p in range(stop - 1, begin - 1, -1):
            any_must = any_must or (mask[p] & must) != 0
            kind = mask[p] & serves
            place = 0
            while place < count and kinds[place] != kind:
                place += 1
            if place == count:
                kinds[count] = kind
                heads[count] = -1
                count += 1
            kind_of[p - begin] = place
            following[p - begin] = heads[place]
            heads[place] = p
        first_start = begin
        while first_start < stop:
            best = 0
            best_start = np.int64(-1)
            best_open = False
            for s in range(first_start, stop):
                for place in range(count):
                    while heads[place] >= 0 and heads[place] < s:
                        heads[place] = following[heads[place] - begin]
                if not mask[s] & may_start:
                    continue
                owner[:] = -1
                add(s)
                served = 1
                end = stop
                if any_must:
                    # What excludes unless it serves: as far as all of it can be served.
                    for p in range(s + 1, stop):
                        if measure[p] - measure[s] > within or limit[s] < row[p]:
                            break
                        if mask[p] & must:
                            if not add(p):
                                end = p
                                break
                            served += 1
                for place in range(count):
                    pointer[place] = heads[place]
                while served < steps:
                    nearest = -1
                    for place in range(count):
                        if pointer[place] >= 0 and (nearest < 0 or pointer[place] < pointer[nearest]):
                            nearest = place
                    if nearest < 0:
                        break
                    p = pointer[nearest]
                    if p >= end or measure[p] - measure[s] > within or limit[s] < row[p]:
                        break
                    pointer[nearest] = following[p - begin]
                    if is_served(p):
                        continue
                    if add(p):
                        served += 1
                    else:
                        pointer[nearest] = -1
                can_go_on = served < steps and after[k] - measure[s] <= within
                can_go_on = can_go_on and end == stop and limit[s] == NO_LIMIT
                if served > best:
                    best = served
                    best_start = s
                    best_open = can_go_on
                elif served == best:
                    best_open = best_open or can_go_on
                if best == steps or every:
                    break
            if best == 0:
                break
            # The events: the earliest that can be added and still let the attempt come as far.
            for i in range(steps):
                found_rows[n, i] = -1
            dead[:count] = False
            taken = 0
            p = best_start
            while taken < best:
                if dead[kind_of[p - begin]]:
                    p += 1
                    continue
                owner[:] = -1
                fits = True
                for i in range(taken):
                    fits = fits and add(chosen[i])
                fits = fits and add(p)
                if not fits:
                    dead[kind_of[p - begin]] = True
                if fits and any_must:
                    served = taken + 1
                    for q in range(p + 1, stop):
                        if (
                            served >= best
                            or measure[q] - measure[best_start] > within
                            or limit[best_start] < row[q]
                        ):
                            break
                        if mask[q] & must:
                            if not add(q):
                                break
                            served += 1
                    # Whoever must be served is; the others fill up, as far as one may go.
                    for q in range(p + 1, stop):
                        if (
                            served >= best
                            or measure[q] - measure[best_start] > within
                            or limit[best_start] < row[q]
                        ):
                            break
                        if is_served(q):
                            continue
                        if add(q):
                            served += 1
                        elif mask[q] & must:
                            break
                    fits = served >= best
                if fits:
                    chosen[taken] = p
                    found_rows[n, taken] = row[p]
                    taken += 1
                p += 1
            found_list[n] = k
            found_far[n] = best - 1
            found_open[n] = best_open
            n += 1
            if not every:
                break
            # The next attempt may start once this one has converted, or its window is over.
            if best == steps:
                first_start = p
            else:
                first_start = best_start
                while first_start < stop and measure[first_start] - measure[best_start] <= within:
                    first_start += 1
    return n
