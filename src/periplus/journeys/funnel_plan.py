"""A funnel understood, and its attempts found: which loop it takes, over which segments of rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys import labels, notice, reading
from periplus.journeys.anyorder import any_attempts
from periplus.journeys.attempts import FOREVER, Attempts, plain_attempts, seen
from periplus.journeys.chains import MOST_BITS, ChainRules, chain_attempts, gather, held
from periplus.journeys.fold import chosen
from periplus.journeys.map import with_stages
from periplus.journeys.moment import ALWAYS, Span, resolve
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.steps import Asked, condition_of, no_sessions, steps_of
from periplus.journeys.walk import OFF, Walked, walk
from periplus.question import Context, Row
from periplus.store.snapshot import Shard

if TYPE_CHECKING:
    from periplus.journeys.funnel import FunnelQuestion

DEFAULT_WITHIN = "30d"
MOST_ANY = 12
"""Steps of a funnel in any order; matching events to them grows with their subsets."""


@dataclass(frozen=True)
class Plan:
    """A funnel question understood.

    `mask` gives the steps and exclusions an event may serve, `on_map` its step of the map (where one is
    named); `names[i]` the event names that may serve step i, None where any may.
    """

    titles: list[str]
    names: list[frozenset[str] | None]
    rules: ChainRules
    any_order: bool
    span: Span
    journeys: JourneyRules | None
    by_journey: bool
    mask: labels.ByShard
    on_map: labels.ByShard | None
    held: reading.Values | None
    breakdown: str | None
    asked: Row
    warnings: list[str]


@dataclass(frozen=True)
class Found:
    """The attempts of a shard. Their segments are customers, or places in `journey` (of `walked`)."""

    shard: Shard
    attempts: Attempts
    walked: Walked | None = None
    journey: np.ndarray | None = None


# -- understanding ------------------------------------------------------------------------------


def plan(question: FunnelQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError, NotFoundError, DocumentError."""
    journeys = None
    if question.map is not None:
        journeys = with_stages(meanings["map"](question.map, context.documents))
    steps = steps_of(question.steps, journeys)
    by_journey = question.unit == "journeys"
    _check(question, steps, journeys)
    exclusions = [
        _exclusion(document, index, question, len(steps), journeys)
        for index, document in enumerate(question.exclude or [])
    ]
    if len(steps) + len(exclusions) > MOST_BITS:
        raise QuestionError(
            f"{len(steps)} steps and {len(exclusions)} exclusions are too many.",
            code="too_many",
            hint=f"Together they may be {MOST_BITS}.",
        )
    within = _within(question, journeys)
    span = resolve(question.period, question.now, question.zone, context)
    conditions = [*(step.condition for step in steps), *(condition for condition, _, _ in exclusions)]
    on_map = None
    if journeys is not None and (by_journey or any(step.on is not None for step in steps)):
        on_map = labels.codes(context.snapshot, [step.rule for step in journeys.steps])
    hold = [reading.full_path(name, "hold") for name in question.hold or []]
    names = [_names(step, journeys) for step in steps]
    everything = None if any(each is None for each in names) else frozenset().union(*(n or () for n in names))
    breakdown = None if question.breakdown is None else reading.full_path(question.breakdown, "breakdown")
    properties = context.snapshot.properties if hold else {}
    return Plan(
        titles=_counted_labels(len(steps)) if question.order == "any" else [step.label for step in steps],
        names=names,
        rules=ChainRules(
            optional=[step.optional for step in steps],
            within=FOREVER if within is None else clock.duration(within),
            windows=[FOREVER if step.within is None else step.within for step in steps],
            exclusions=[(first, last) for _, first, last in exclusions],
            strict=question.order == "strict",
            every=question.attempts == "every",
        ),
        any_order=question.order == "any",
        span=span,
        journeys=journeys,
        by_journey=by_journey,
        mask=_masks(steps, conditions, on_map, context),
        on_map=on_map,
        held=reading.read(context.snapshot, hold, everything) if hold else None,
        breakdown=breakdown,
        asked=_asked(question, steps, within, span),
        warnings=[
            *notice.never_seen([each for each in conditions if each is not None], context.snapshot),
            *(
                notice.property_warning(path, properties)
                for path in hold
                if not notice.known(path, properties)
            ),
        ],
    )


def _check(question: FunnelQuestion, steps: list[Asked], journeys: JourneyRules | None) -> None:
    """What makes no sense together."""

    def wrong(message: str, hint: str) -> QuestionError:
        return QuestionError(message, code="funnel", hint=hint)

    if not steps:
        raise wrong(
            "A funnel needs steps.", 'Such as [{"event": "Product Viewed"}, {"event": "Order Completed"}].'
        )
    if not 0 <= question.breakdown_step < len(steps):
        raise wrong(
            f"breakdown_step is {question.breakdown_step}, and there are {len(steps)} steps.",
            f"Steps are counted from 0: the last one is {len(steps) - 1}.",
        )
    if question.unit == "journeys":
        if journeys is None:
            raise wrong("A funnel of journeys needs a map.", 'Name it: "map": "shop".')
        if question.attempts == "every":
            raise wrong(
                "In a funnel of journeys each journey counts once.",
                "Leave out `attempts`, or count customers.",
            )
    elif question.period is not None and question.period.by != "start":
        raise wrong(
            "A funnel of customers is selected by when attempts start.",
            'Leave out `by`, or count journeys: "unit": "journeys".',
        )
    if question.attempts == "every" and question.hold:
        raise wrong("Every attempt cannot be counted with `hold` yet.", "Leave out `attempts` or `hold`.")
    if question.order != "any":
        for index in (0, len(steps) - 1):
            if steps[index].optional:
                raise wrong(f"steps[{index}] is optional.", "The first and the last step cannot be.")
        return
    if len(steps) > MOST_ANY:
        raise wrong(f"{len(steps)} steps are too many in any order.", f"At most {MOST_ANY} fit.")
    if question.attempts == "every":
        raise wrong("Every attempt cannot be counted in any order yet.", "Leave out `attempts` or `order`.")
    for index, step in enumerate(steps):
        if step.optional or step.within is not None:
            word = "optional" if step.optional else "within"
            raise wrong(
                f"steps[{index}]: `{word}` makes no sense in any order.", f"Leave out `{word}` or `order`."
            )


def _exclusion(
    document: Any, index: int, question: FunnelQuestion, steps: int, journeys: JourneyRules | None
) -> tuple[Condition, int, int]:
    at = f"exclude[{index}]"
    if not isinstance(document, Mapping):
        raise QuestionError(f"{at} is {document!r:.60}, which is no condition.", code="value")
    given = [key for key in ("from", "to") if key in document]
    if question.order == "any" and given:
        raise QuestionError(
            f"{at}: `{given[0]}` makes no sense in any order.",
            code="funnel",
            hint="It is between first and last.",
        )
    ends = []
    for key, default in (("from", 0), ("to", steps - 1)):
        step = document.get(key, default)
        if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < steps:
            raise QuestionError(
                f"{at}: `{key}` is {step!r}, and there are {steps} steps.",
                code="range",
                hint=f"Steps are counted from 0: the last one is {steps - 1}.",
            )
        ends.append(step)
    if ends[0] >= ends[1] and steps > 1:
        raise QuestionError(f"{at}: `from` comes before `to`.", code="range", hint="Such as from 0 to 1.")
    rest = {key: value for key, value in document.items() if key not in ("from", "to")}
    return condition_of(rest, at, journeys), ends[0], ends[1]


def _within(question: FunnelQuestion, journeys: JourneyRules | None) -> str | None:
    """The window in all, as written: a customer's funnel always has one, a journey's only if it is given."""
    if isinstance(question.within, Mapping):
        raise no_sessions("within")
    if question.within is not None:
        clock.duration(question.within)
        return str(question.within)
    if question.unit == "journeys":
        return None
    return DEFAULT_WITHIN if journeys is None else clock.duration_text(journeys.lapse)


def _names(step: Asked, journeys: JourneyRules | None) -> frozenset[str] | None:
    """Event names that may serve a step; None where any may."""
    if step.condition is not None and (own := step.condition.names()) is not None:
        return own
    if step.on is None or journeys is None:
        return None
    found: set[str] = set()
    for index in step.on:
        rule = journeys.steps[index].rule
        names = frozenset[str]() if rule is None else rule.names()
        if names is None:
            return None
        found |= names
    return frozenset(found)


def _counted_labels(steps: int) -> list[str]:
    return ["1 step" if count == 1 else f"{count} steps" for count in range(1, steps + 1)]


def _masks(
    steps: list[Asked], conditions: list[Condition | None], on_map: labels.ByShard | None, context: Context
) -> labels.ByShard:
    """Per event the steps (and above them the exclusions) it meets, by condition and place on the map."""
    met = labels.masks(context.snapshot, conditions)
    if on_map is None or all(step.on is None for step in steps):
        return met
    where = np.full(OFF + 1, np.uint32(0xFFFFFFFF), np.uint32)
    for bit, step in enumerate(steps):
        if step.on is not None:
            elsewhere = np.ones(OFF + 1, np.bool_)
            elsewhere[list(step.on)] = False
            where[elsewhere] &= ~np.uint32(1 << bit)
    place = on_map
    return lambda shard: met(shard) & where[place(shard)]


def _asked(question: FunnelQuestion, steps: list[Asked], within: str | None, span: Span) -> Row:
    """The question as it was understood."""
    asked: Row = {"kind": "funnel"}
    if question.map is not None:
        asked["map"] = question.map
    asked["steps"] = [dict(step.document) for step in steps]
    asked["order"] = question.order
    if within is not None:
        asked["within"] = within
    for key in ("exclude", "hold", "breakdown"):
        if (value := getattr(question, key)) is not None:
            asked[key] = value
    if question.breakdown is not None:
        asked["breakdown_step"] = question.breakdown_step
    return {**asked, "unit": question.unit, "attempts": question.attempts, **span.document()}


# -- finding ------------------------------------------------------------------------------------


def attempts_of(planned: Plan, shard: Shard) -> Found:
    """The attempts that count in a shard."""
    return _of_journeys(planned, shard) if planned.by_journey else _of_customers(planned, shard)


def _of_customers(planned: Plan, shard: Shard) -> Found:
    span = planned.span
    lo = np.asarray(shard.offsets)[:-1]
    hi = seen(shard.offsets, shard.time, span.now)
    may_start = None
    if span.since > -ALWAYS or span.until < ALWAYS:
        time = np.asarray(shard.time)
        may_start = (time >= span.since) & (time < span.until)
    return Found(shard, _attempts(planned, shard, planned.mask(shard), lo, hi, may_start, None))


def _of_journeys(planned: Plan, shard: Shard) -> Found:
    """Attempts inside the journeys that the period selects; an event off the map is in no journey."""
    span = planned.span
    assert planned.journeys is not None
    assert planned.on_map is not None
    label = planned.on_map(shard)
    walked = walk(shard, label, planned.journeys, span.now, span.since, span.until)
    visits, journeys = chosen(walked, span)
    mask = np.where(label == OFF, np.uint32(0), planned.mask(shard))
    may_start = None
    if span.by == "activity":
        # As a map counts visits that began in the period, so an attempt begins on such a visit.
        may_start = _rows_of_visits(walked, visits)
    selected = np.flatnonzero(journeys)
    lo = walked.begin[selected].astype(np.int64)
    hi = walked.end[selected].astype(np.int64) + 1
    found = _attempts(planned, shard, mask, lo, hi, may_start, walked)
    running = walked.running[selected[found.segment]] == 1
    is_open = running & (found.furthest < len(planned.titles) - 1)
    return Found(shard, Attempts(found.segment, found.rows, found.furthest, is_open), walked, selected)


def _rows_of_visits(walked: Walked, visits: np.ndarray) -> np.ndarray:
    """bool per row: within one of some visits."""
    edge = np.zeros(len(walked.label) + 1, np.int64)
    np.add.at(edge, walked.first[visits], 1)
    np.add.at(edge, walked.last[visits] + 1, -1)
    return np.cumsum(edge)[:-1] > 0


def _attempts(
    planned: Plan, shard: Shard, mask: np.ndarray, lo: np.ndarray, hi: np.ndarray,
    may_start: np.ndarray | None, walked: Walked | None,
) -> Attempts:  # fmt: skip
    """The attempts over some segments of rows, by the loop that the rules call for.

    `may_start` bool[n] says at which rows attempts may start; None: at all of them.
    """
    rules, now = planned.rules, planned.span.now
    time = np.asarray(shard.time)
    if planned.any_order:
        anywhere = np.ones(len(time), np.bool_) if may_start is None else may_start
        return any_attempts(lo, hi, time, mask, rules, now, anywhere, shard.index, planned.held)
    if may_start is not None and not rules.every:
        mask = np.where(may_start, mask, mask & ~np.uint32(1))
    if _is_plain(rules, planned) and not (mask & (mask - np.uint32(1))).any():
        code = np.full(len(mask), rules.steps + 1, np.uint8)
        for step in range(rules.steps):
            code[mask == np.uint32(1 << step)] = step
        return plain_attempts(lo, hi, time, code, rules.steps, rules.within, now)
    items = gather(lo, hi, mask, rules)
    if planned.held is not None:
        items = held(items, planned.held.at(shard.index, items.row))
    place, end = np.arange(len(time), dtype=np.int32), (hi - 1).astype(np.int32)
    if walked is not None:
        place, end = _visit_numbers(walked, hi)
    found = chain_attempts(items, rules, time, place, end, now)
    if may_start is None or not rules.every:
        return found
    # Attempts follow one another through all of a customer's history; the period selects among them.
    kept = may_start[found.rows[:, 0]]
    return Attempts(found.segment[kept], found.rows[kept], found.furthest[kept], found.open[kept])


def _is_plain(rules: ChainRules, planned: Plan) -> bool:
    return (
        not any(rules.optional)
        and all(window == FOREVER for window in rules.windows)
        and not rules.exclusions
        and not rules.strict
        and not rules.every
        and planned.held is None
    )


def _visit_numbers(walked: Walked, hi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int32 per row: its visit; int32 per segment: the visit of its last row."""
    place = np.zeros(len(walked.label), np.int32)
    place[walked.first[1:]] = 1
    place = np.cumsum(place, dtype=np.int32)
    return place, place[hi - 1] if len(hi) else np.zeros(0, np.int32)
