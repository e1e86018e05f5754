"""A funnel understood: its steps, windows and exclusions, over which events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.condition.customer import CustomerPart
from periplus.errors import QuestionError
from periplus.journeys import customers, labels, notice, reading
from periplus.journeys.attempts import FOREVER
from periplus.journeys.chains import NO_TURNS, ChainRules
from periplus.journeys.funnel_check import check, doubts, exclusion
from periplus.journeys.funnel_starts import Both, Starts, looked_up, put, starts
from periplus.journeys.map import with_stages
from periplus.journeys.moment import Span, resolve
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.session_rules import Sessions, session_rules
from periplus.journeys.session_values import ROOT
from periplus.journeys.steps import Asked, Window, steps_of, window
from periplus.journeys.walk import OFF
from periplus.question import Context, Row

if TYPE_CHECKING:
    from periplus.journeys.funnel import FunnelQuestion

DEFAULT_WITHIN = "30d"
Unit = Literal["customers", "journeys", "sessions"]


@dataclass(frozen=True)
class Plan:
    """A funnel question understood.

    `mask` gives the steps an event may serve, `excluding` the exclusions it meets, `on_map` its step of the map
    (where one is named); `sessions` are there where they are needed. Where steps look at the customer as of the
    start, `starts` gives `mask` and `excluding` for it. `names[i]` are the event names that may serve
    step i, None where any may.
    """

    titles: list[str]
    names: list[frozenset[str] | None]
    rules: ChainRules
    any_order: bool
    span: Span
    journeys: JourneyRules | None
    unit: Unit
    sessions: Sessions | None
    mask: labels.Masks
    excluding: labels.Masks | None
    on_map: labels.ByShard | None
    among: customers.Among
    starts: Starts | None
    held: reading.Values | None
    breakdown: str | None
    asked: Row
    warnings: list[str]


def plan(question: FunnelQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError, NotFoundError, DocumentError."""
    journeys = None
    if question.map is not None:
        journeys = with_stages(meanings["map"](question.map, context.documents))
    steps = steps_of(question.steps, journeys)
    by_journey = question.unit == "journeys"
    within = _within(question, journeys)
    check(question, steps, within, journeys)
    exclusions = [
        exclusion(document, index, question, len(steps), journeys)
        for index, document in enumerate(question.exclude or [])
    ]
    rules = _rules(question, steps, within, [(first, last) for _, first, last in exclusions])
    span = resolve(question.period, question.now, question.zone, context)
    sessions = None
    of_sessions = (question.breakdown or "").startswith(ROOT)
    if question.unit == "sessions" or rules.reads_sessions or of_sessions or question.sessions is not None:
        sessions = Sessions(session_rules(question.sessions, span.zone, context), context)
    excluded = [condition for condition, _, _ in exclusions]
    conditions = [*(step.condition for step in steps), *excluded]
    when = customers.of_map(span, context)
    whole = looked_up(conditions, when)
    on_map = None
    if journeys is not None and (by_journey or any(step.on is not None for step in steps)):
        on_map = labels.codes(context.snapshot, [step.rule for step in journeys.steps], when=when)
    hold = [reading.full_path(name, "hold") for name in question.hold or []]
    names = [_names(step, journeys) for step in steps]
    everything = None if any(each is None for each in names) else frozenset().union(*(n or () for n in names))
    properties = context.snapshot.properties if hold else {}

    def masks_of(values: dict[CustomerPart, bool]) -> Both:
        """The masks of the steps and exclusions, once what they say of the customer at the start is settled."""
        put_in = put(whole, values)
        own, others = put_in[: len(steps)], put_in[len(steps) :]
        excluding = labels.masks(context.snapshot, others, when) if others else None
        return _masks(steps, own, on_map, when, context), excluding

    at_start = starts(context.snapshot, whole, when, masks_of)
    if at_start is not None and question.attempts == "every" and question.unit == "customers":
        raise QuestionError(
            "Every attempt cannot be counted where a step looks at the customer as of the start.",
            code="funnel",
            hint="Write as_of: event beside it, or leave out `attempts`.",
        )
    mask, excluding = masks_of({}) if at_start is None else at_start.masks(0)
    return Plan(
        titles=_counted_labels(len(steps)) if question.order == "any" else [step.label for step in steps],
        names=names,
        rules=rules,
        any_order=question.order == "any",
        span=span,
        journeys=journeys,
        unit=question.unit,
        sessions=sessions,
        mask=mask,
        excluding=excluding,
        on_map=on_map,
        among=customers.among(question, span, context),
        starts=at_start,
        held=reading.read(context.snapshot, hold, everything) if hold else None,
        breakdown=question.breakdown,
        asked=_asked(question, steps, within, sessions, span),
        warnings=[
            *doubts(question, steps, within, journeys),
            *notice.never_seen([each for each in conditions if each is not None], context.snapshot),
            *notice.of_values(hold, properties),
        ],
    )


def _within(question: FunnelQuestion, journeys: JourneyRules | None) -> Window | None:
    """The window in all: a customer's funnel always has one, a journey's or session's only if it is given."""
    if question.within is not None:
        return window(question.within, "within")
    if question.unit != "customers":
        return None
    return Window(micros=clock.duration(DEFAULT_WITHIN) if journeys is None else journeys.lapse)


def _rules(
    question: FunnelQuestion, steps: list[Asked], within: Window | None, exclusions: list[tuple[int, int]]
) -> ChainRules:
    own = [step.within or Window() for step in steps]
    whole = within or Window()
    longest = FOREVER if whole.micros is None else whole.micros
    return ChainRules(
        optional=[step.optional for step in steps],
        within=longest if whole.sessions is None else whole.sessions - 1,
        windows=[FOREVER if each.micros is None else each.micros for each in own],
        turns=[NO_TURNS if each.sessions is None else each.sessions - 1 for each in own],
        by_session=whole.sessions is not None,
        exclusions=exclusions,
        strict=question.order == "strict",
        every=question.attempts == "every",
    )


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
    steps: list[Asked],
    conditions: Sequence[Condition | None],
    on_map: labels.ByShard | None,
    when: labels.When,
    context: Context,
) -> labels.Masks:
    """Per event the steps it meets, by their conditions and places on the map."""
    met = labels.masks(context.snapshot, conditions, when)
    if on_map is None or all(step.on is None for step in steps):
        return met
    where = np.full(OFF + 1, np.uint32(0xFFFFFFFF), np.uint32)
    for bit, step in enumerate(steps):
        if step.on is not None:
            elsewhere = np.ones(OFF + 1, np.bool_)
            elsewhere[list(step.on)] = False
            where[elsewhere] &= ~np.uint32(1 << bit)
    return replace(met, on=on_map, where=where)


def _asked(
    question: FunnelQuestion, steps: list[Asked], within: Window | None, sessions: Sessions | None, span: Span
) -> Row:
    """The question as it was understood."""
    asked: Row = {"kind": "funnel"}
    if question.map is not None:
        asked["map"] = question.map
    asked["steps"] = [dict(step.document) for step in steps]
    asked["order"] = question.order
    if within is not None:
        asked["within"] = within.written() if question.within is None else question.within
    for key in ("exclude", "hold", "breakdown", "bucket", "compare", "quantiles", "histogram"):
        if (value := getattr(question, key)) is not None:
            asked[key] = value
    if sessions is not None:
        asked["sessions"] = sessions.rules.document()
    if question.breakdown is not None:
        asked["breakdown_step"] = question.breakdown_step
    return {**asked, "unit": question.unit, "attempts": question.attempts, **span.document()}
