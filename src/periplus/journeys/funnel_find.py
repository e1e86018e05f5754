"""The attempts of a funnel found: over which segments of rows, and by which loop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from periplus.journeys.anyorder import any_attempts
from periplus.journeys.attempts import FOREVER, Attempts, plain_attempts, seen
from periplus.journeys.chains import NO_TURNS, Clock, gather, held
from periplus.journeys.chains_solve import chain_attempts
from periplus.journeys.fold import chosen
from periplus.journeys.funnel_plan import Plan
from periplus.journeys.funnel_starts import best, together
from periplus.journeys.moment import ALWAYS
from periplus.journeys.walk import OFF, Walked, walk
from periplus.question import Row
from periplus.store.snapshot import Shard


@dataclass(frozen=True)
class Segments:
    """Rows lo:hi (int64[s]) of a shard in which attempts are looked for: of each customer, journey or session.

    `owner` int64[s] is the customer (index into the shard's); `whole` says that a segment is a journey or session,
    from its first event to its last.
    """

    lo: np.ndarray
    hi: np.ndarray
    owner: np.ndarray
    whole: bool = False


@dataclass(frozen=True)
class Found:
    """The attempts of a shard, in its segments; `at` int[a] is the row by whose time the period selects each."""

    shard: Shard
    attempts: Attempts
    segments: Segments
    at: np.ndarray

    @property
    def moment(self) -> np.ndarray:
        """int64[a]: the time by which the period selects each attempt."""
        found: np.ndarray = np.asarray(self.shard.time)[self.at]
        return found

    @property
    def owner(self) -> np.ndarray:
        """int64[a]: the customer (index into the shard's) of each attempt."""
        found: np.ndarray = self.segments.owner[self.attempts.segment]
        return found

    def entries(self, kept: np.ndarray, step: int) -> list[Row]:
        """One entry per attempt of some, at the event that served a step; for journeys and sessions with their times."""
        time, customers = np.asarray(self.shard.time), np.asarray(self.shard.customers)
        listed: list[Row] = [
            {"customer": int(customer), "time": int(moment)}
            for customer, moment in zip(
                customers[self.owner[kept]], time[self.attempts.rows[kept, step]], strict=True
            )
        ]
        if self.segments.whole:
            segment = self.attempts.segment[kept]
            begun, ended = time[self.segments.lo[segment]], time[self.segments.hi[segment] - 1]
            for entry, start, end in zip(listed, begun.tolist(), ended.tolist(), strict=True):
                entry |= {"start": start, "end": end}
        return listed


def attempts_of(planned: Plan, shard: Shard) -> Found:
    """The attempts that count in a shard."""
    if planned.unit == "journeys":
        return _of_journeys(planned, shard)
    if planned.unit == "sessions":
        return _of_sessions(planned, shard)
    return _of_customers(planned, shard)


def _of_customers(planned: Plan, shard: Shard) -> Found:
    span = planned.span
    may_start = None
    if span.since > -ALWAYS or span.until < ALWAYS:
        time = np.asarray(shard.time)
        may_start = (time >= span.since) & (time < span.until)
    among = planned.among(shard)
    if among is not None:
        may_start = among if may_start is None else may_start & among
    hi = seen(shard, span.now)
    lo = np.asarray(shard.offsets)[:-1]
    segments = Segments(lo, hi, np.arange(len(lo)))
    found = _attempts(planned, _Rows(shard, segments, None, may_start, None))
    return Found(shard, found, segments, found.rows[:, 0])


def _of_journeys(planned: Plan, shard: Shard) -> Found:
    """Attempts inside the journeys that the period selects; an event off the map is in no journey."""
    span = planned.span
    assert planned.journeys is not None
    assert planned.on_map is not None
    label = planned.on_map(shard)
    among = planned.among(shard)
    walked = walk(shard, label, planned.journeys, span.now, span.since, span.until, among)
    visits, journeys = chosen(walked, span)
    # As a map by activity counts visits that began in the period, so an attempt begins on such a visit.
    may_start = _rows_of_visits(walked, visits) if span.by == "activity" else None
    selected = np.flatnonzero(journeys)
    lo, hi = walked.begin[selected].astype(np.int64), walked.end[selected].astype(np.int64) + 1
    segments = Segments(lo, hi, walked.customer[selected].astype(np.int64), whole=True)
    found = _attempts(planned, _Rows(shard, segments, label == OFF, may_start, walked))
    journey = selected[found.segment]
    at = (walked.goal if span.by == "goal" else walked.begin)[journey]
    if span.by == "activity":  # the visit it begins on
        at = walked.first[np.searchsorted(walked.first, found.rows[:, 0], "right") - 1]
    going_on = _going_on(planned, found, walked.running[journey] == 1)
    return Found(shard, going_on, segments, at)


def _of_sessions(planned: Plan, shard: Shard) -> Found:
    """Attempts inside the sessions that began in the period."""
    span = planned.span
    assert planned.sessions is not None
    session, time = planned.sessions.of(shard), np.asarray(shard.time)
    offsets = np.asarray(shard.offsets)
    lo = np.flatnonzero(np.diff(session, prepend=-1))
    end = np.append(lo[1:], len(session))
    owner = np.searchsorted(offsets, lo, "right") - 1
    until = seen(shard, span.now)
    begun = time[lo]
    kept = (begun >= span.since) & (begun < span.until) & (begun <= span.now)
    among = planned.among(shard)
    if among is not None:
        kept &= among[lo]
    lo, hi, owner = lo[kept], np.minimum(end, until[owner])[kept], owner[kept]
    segments = Segments(lo, hi, owner, whole=True)
    found = _attempts(planned, _Rows(shard, segments, None, None, None))
    # A customer's last session may go on.
    goes_on = (hi == until[owner]) & planned.sessions.goes_on(shard, hi - 1, span.now)
    going_on = _going_on(planned, found, goes_on[found.segment])
    return Found(shard, going_on, segments, lo[found.segment])


def _going_on(planned: Plan, found: Attempts, goes_on: np.ndarray) -> Attempts:
    """Open are those not converted in a journey or session that goes on: of several attempts only what an event after
    now could carry on."""
    is_open = goes_on & (found.furthest < planned.rules.steps - 1)
    if planned.rules.every:
        is_open &= found.open
    return Attempts(found.segment, found.rows, found.furthest, is_open)


def _rows_of_visits(walked: Walked, visits: np.ndarray) -> np.ndarray:
    """bool per row: within one of some visits."""
    edge = np.zeros(len(walked.label) + 1, np.int8)
    # The last row of a visit is never the first of another one, so each place changes by one at most.
    edge[walked.first[visits]] += 1
    edge[walked.last[visits] + 1] -= 1
    return np.cumsum(edge, dtype=np.int8)[:-1] > 0


@dataclass(frozen=True)
class _Rows:
    """The rows of some segments, those that are `away` (bool[n]) left out; `may_start` bool[n] says at which rows
    attempts may start. None: none are away, all may start."""

    shard: Shard
    segments: Segments
    away: np.ndarray | None
    may_start: np.ndarray | None
    walked: Walked | None


def _attempts(planned: Plan, part: _Rows) -> Attempts:
    """The attempts in some segments; where steps look at the customer as of the start, by what holds there."""
    if planned.starts is None:
        return _walked(planned, part)
    signature, segments = planned.starts.signature(part.shard), part.segments
    at = signature[segments.lo] if segments.whole else signature
    found: list[tuple[np.ndarray, Attempts]] = []
    for each in np.unique(at).tolist() or [0]:
        mask, excluding = planned.starts.masks(each)
        settled = replace(planned, mask=mask, excluding=excluding)
        if segments.whole:
            own = np.flatnonzero(at == each)
            some = Segments(segments.lo[own], segments.hi[own], segments.owner[own], whole=True)
            found.append((own, _walked(settled, replace(part, segments=some))))
        else:
            may_start = at == each if part.may_start is None else part.may_start & (at == each)
            everybody = np.arange(len(segments.lo))
            found.append((everybody, _walked(settled, replace(part, may_start=may_start))))
    if segments.whole:
        return together(found)
    return best([each for _, each in found], [not planned.any_order and on for on in planned.rules.optional])


def _walked(planned: Plan, part: _Rows) -> Attempts:
    """The attempts in some segments, by the loop that the rules call for."""
    rules, segments = planned.rules, part.segments
    time = np.asarray(part.shard.time)
    mask = planned.mask.of(part.shard)
    if part.away is not None:
        mask[part.away] = 0
    if part.may_start is not None and not rules.every and not planned.any_order:
        mask &= part.may_start | ~np.uint32(1)
    if _is_plain(planned):
        return plain_attempts(
            segments.lo, segments.hi, time, mask, rules.steps, rules.within, planned.span.now
        )
    excluding = np.zeros(0, np.uint32) if planned.excluding is None else planned.excluding.of(part.shard)
    if part.away is not None:
        excluding[part.away[: len(excluding)]] = 0
    clock = _clock(planned, part)
    if planned.any_order:
        anywhere = np.ones(len(time), np.bool_) if part.may_start is None or rules.every else part.may_start
        found = any_attempts(
            segments.lo, segments.hi, mask, excluding, rules, clock, anywhere, part.shard.index, planned.held
        )
    else:
        found = _chained(planned, part, mask, excluding, clock)
    if part.may_start is None or not rules.every:
        return found
    # Attempts follow one another through all of a customer's history; the period selects among them.
    kept = part.may_start[found.rows[:, 0]]
    return Attempts(found.segment[kept], found.rows[kept], found.furthest[kept], found.open[kept])


def _is_plain(planned: Plan) -> bool:
    rules = planned.rules
    return not (
        planned.any_order
        or any(rules.optional)
        or any(window != FOREVER for window in rules.windows)
        or any(turns != NO_TURNS for turns in rules.turns)
        or rules.by_session
        or rules.exclusions
        or rules.strict
        or rules.every
        or planned.held is not None
    )


def _clock(planned: Plan, part: _Rows) -> Clock:
    """What windows are measured by; sessions only where a window is of them."""
    shard, now = part.shard, planned.span.now
    if not planned.rules.reads_sessions:
        return Clock(shard.time, now, np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert planned.sessions is not None
    turn = planned.sessions.of(shard).astype(np.int64)
    # Of each customer with a segment, the last row seen: an event after now is in its session, or in a next one.
    last = seen(shard, now)[part.segments.owner] - 1
    last = np.maximum(last, 0)
    after = turn[last] if len(turn) else last
    goes_on = planned.sessions.goes_on(shard, last, now) if len(turn) else np.zeros(0, np.bool_)
    return Clock(shard.time, now, turn, np.where(goes_on, after, after + 1))


def _chained(planned: Plan, part: _Rows, mask: np.ndarray, excluding: np.ndarray, clock: Clock) -> Attempts:
    rules, segments = planned.rules, part.segments
    items = gather(segments.lo, segments.hi, mask, excluding, rules)
    if planned.held is not None:
        items = held(items, planned.held.at(part.shard.index, items.row))
    place, end = np.arange(len(mask), dtype=np.int32), (segments.hi - 1).astype(np.int32)
    if part.walked is not None:
        place, end = _visit_numbers(part.walked, segments.hi)
    return chain_attempts(items, rules, clock, place, end)


def _visit_numbers(walked: Walked, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int32 per row: its visit; int32 per segment: the visit of its last row."""
    place = np.zeros(len(walked.label), np.int32)
    place[walked.first[1:]] = 1
    place = np.cumsum(place, dtype=np.int32)
    return place, place[hi - 1] if len(hi) else np.zeros(0, np.int32)
