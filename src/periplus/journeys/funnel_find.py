"""The attempts of a funnel found: over which segments of rows, and by which loop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from periplus.journeys.anyorder import any_attempts
from periplus.journeys.attempts import FOREVER, Attempts, plain_attempts, seen
from periplus.journeys.chains import chain_attempts, gather, held
from periplus.journeys.fold import chosen
from periplus.journeys.funnel_plan import Plan
from periplus.journeys.moment import ALWAYS
from periplus.journeys.walk import OFF, Walked, walk
from periplus.store.snapshot import Shard


@dataclass(frozen=True)
class Found:
    """The attempts of a shard. Their segments are customers, or places in `journey` (of `walked`)."""

    shard: Shard
    attempts: Attempts
    walked: Walked | None = None
    journey: np.ndarray | None = None


def attempts_of(planned: Plan, shard: Shard) -> Found:
    """The attempts that count in a shard."""
    return _of_journeys(planned, shard) if planned.by_journey else _of_customers(planned, shard)


def _of_customers(planned: Plan, shard: Shard) -> Found:
    span = planned.span
    may_start = None
    if span.since > -ALWAYS or span.until < ALWAYS:
        time = np.asarray(shard.time)
        may_start = (time >= span.since) & (time < span.until)
    hi = seen(shard.offsets, shard.time, span.now)
    part = _Rows(shard, np.asarray(shard.offsets)[:-1], hi, None, may_start, None)
    return Found(shard, _attempts(planned, part))


def _of_journeys(planned: Plan, shard: Shard) -> Found:
    """Attempts inside the journeys that the period selects; an event off the map is in no journey."""
    span = planned.span
    assert planned.journeys is not None
    assert planned.on_map is not None
    label = planned.on_map(shard)
    walked = walk(shard, label, planned.journeys, span.now, span.since, span.until)
    visits, journeys = chosen(walked, span)
    # As a map by activity counts visits that began in the period, so an attempt begins on such a visit.
    may_start = _rows_of_visits(walked, visits) if span.by == "activity" else None
    selected = np.flatnonzero(journeys)
    lo, hi = walked.begin[selected].astype(np.int64), walked.end[selected].astype(np.int64) + 1
    found = _attempts(planned, _Rows(shard, lo, hi, label == OFF, may_start, walked))
    running = walked.running[selected[found.segment]] == 1
    is_open = running & (found.furthest < len(planned.titles) - 1)
    return Found(shard, Attempts(found.segment, found.rows, found.furthest, is_open), walked, selected)


def _rows_of_visits(walked: Walked, visits: np.ndarray) -> np.ndarray:
    """bool per row: within one of some visits."""
    edge = np.zeros(len(walked.label) + 1, np.int8)
    # The last row of a visit is never the first of another one, so each place changes by one at most.
    edge[walked.first[visits]] += 1
    edge[walked.last[visits] + 1] -= 1
    return np.cumsum(edge, dtype=np.int8)[:-1] > 0


@dataclass(frozen=True)
class _Rows:
    """Segments `lo`:`hi` int64[s] of a shard's rows, those that are `away` (bool[n]) left out; `may_start`
    bool[n] says at which rows attempts may start. None: none are away, all may start."""

    shard: Shard
    lo: np.ndarray
    hi: np.ndarray
    away: np.ndarray | None
    may_start: np.ndarray | None
    walked: Walked | None


def _attempts(planned: Plan, part: _Rows) -> Attempts:
    """The attempts in some segments, by the loop that the rules call for."""
    rules, now = planned.rules, planned.span.now
    time = np.asarray(part.shard.time)
    if _is_plain(planned):
        code = planned.mask.codes(part.shard, rules.steps)
        if code is not None:
            if part.away is not None:
                code[part.away] = rules.steps + 1
            if part.may_start is not None:
                code[~part.may_start & (code == 0)] = rules.steps + 1
            return plain_attempts(part.lo, part.hi, time, code, rules.steps, rules.within, now)
    mask = planned.mask.of(part.shard)
    if part.away is not None:
        mask[part.away] = 0
    if planned.any_order:
        anywhere = np.ones(len(time), np.bool_) if part.may_start is None else part.may_start
        return any_attempts(
            part.lo, part.hi, time, mask, rules, now, anywhere, part.shard.index, planned.held
        )
    if part.may_start is not None and not rules.every:
        mask[~part.may_start] &= ~np.uint32(1)
    return _chained(planned, part, mask)


def _is_plain(planned: Plan) -> bool:
    rules = planned.rules
    return not (
        planned.any_order
        or any(rules.optional)
        or any(window != FOREVER for window in rules.windows)
        or rules.exclusions
        or rules.strict
        or rules.every
        or planned.held is not None
    )


def _chained(planned: Plan, part: _Rows, mask: np.ndarray) -> Attempts:
    rules, time = planned.rules, np.asarray(part.shard.time)
    items = gather(part.lo, part.hi, mask, rules)
    if planned.held is not None:
        items = held(items, planned.held.at(part.shard.index, items.row))
    place, end = np.arange(len(time), dtype=np.int32), (part.hi - 1).astype(np.int32)
    if part.walked is not None:
        place, end = _visit_numbers(part.walked, part.hi)
    found = chain_attempts(items, rules, time, place, end, planned.span.now)
    if part.may_start is None or not rules.every:
        return found
    # Attempts follow one another through all of a customer's history; the period selects among them.
    kept = part.may_start[found.rows[:, 0]]
    return Attempts(found.segment[kept], found.rows[kept], found.furthest[kept], found.open[kept])


def _visit_numbers(walked: Walked, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int32 per row: its visit; int32 per segment: the visit of its last row."""
    place = np.zeros(len(walked.label), np.int32)
    place[walked.first[1:]] = 1
    place = np.cumsum(place, dtype=np.int32)
    return place, place[hi - 1] if len(hi) else np.zeros(0, np.int32)
