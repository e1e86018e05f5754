"""A funnel understood: its steps, windows and exclusions, and what makes no sense together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys import labels, notice, reading
from periplus.journeys.attempts import FOREVER
from periplus.journeys.chains import MOST_BITS, ChainRules
from periplus.journeys.map import with_stages
from periplus.journeys.moment import Span, resolve
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.steps import Asked, condition_of, no_sessions, steps_of
from periplus.journeys.walk import OFF
from periplus.question import Context, Row

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
    mask: labels.Masks
    on_map: labels.ByShard | None
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
) -> labels.Masks:
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
    return replace(met, on=on_map, where=where)


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
