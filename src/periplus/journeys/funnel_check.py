"""What makes no sense in a funnel: what is refused, and what is answered with a doubt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys.rules import JourneyRules
from periplus.journeys.steps import Asked, Window, condition_of, meant_event

if TYPE_CHECKING:
    from periplus.journeys.funnel import FunnelQuestion

MOST_STEPS = 30
MOST_EXCLUSIONS = 30
ONE_SESSION = "A window of sessions makes no sense within one session."


def check(
    question: FunnelQuestion, steps: list[Asked], within: Window | None, journeys: JourneyRules | None
) -> None:
    """Raise QuestionError for what makes no sense together."""
    _steps_or_too_many(question, steps)
    _unit(question, steps, within, journeys)
    if question.order != "any":
        for index in (0, len(steps) - 1):
            if steps[index].optional:
                raise _wrong(f"steps[{index}] is optional.", "The first and the last step cannot be.")
        return
    for index, step in enumerate(steps):
        if step.optional or step.within is not None:
            word = "optional" if step.optional else "within"
            raise _wrong(
                f"steps[{index}]: `{word}` makes no sense in any order.", f"Leave out `{word}` or `order`."
            )


def _steps_or_too_many(question: FunnelQuestion, steps: list[Asked]) -> None:
    if not steps:
        raise _wrong(
            "A funnel needs steps.", 'Such as [{"event": "Product Viewed"}, {"event": "Order Completed"}].'
        )
    for many, most, what in (
        (len(steps), MOST_STEPS, "steps"),
        (len(question.exclude or []), MOST_EXCLUSIONS, "exclusions"),
    ):
        if many > most:
            raise QuestionError(
                f"{many} {what} are too many.", code="too_many", hint=f"At most {most} fit in a funnel."
            )
    if not 0 <= question.breakdown_step < len(steps):
        raise _wrong(
            f"breakdown_step is {question.breakdown_step}, and there are {len(steps)} steps.",
            f"Steps are counted from 0: the last one is {len(steps) - 1}.",
        )


def _unit(
    question: FunnelQuestion, steps: list[Asked], within: Window | None, journeys: JourneyRules | None
) -> None:
    """What a customer's, a journey's or a session's funnel cannot have."""
    if question.unit == "journeys":
        if journeys is None:
            raise _wrong("A funnel of journeys needs a map.", 'Name it: "map": "shop".')
        return
    if question.period is not None and question.period.by != "start":
        if question.unit == "customers":
            raise _wrong(
                "A funnel of customers is selected by when attempts start.",
                'Leave out `by`, or count journeys: "unit": "journeys".',
            )
        raise _wrong("A funnel of sessions is selected by when they start.", "Leave out `by`.")
    if question.unit == "sessions":
        if within is not None and within.sessions is not None:
            raise _wrong(f"within: {ONE_SESSION}", "Leave it out, or count customers.")
        for index, step in enumerate(steps):
            if step.within is not None and step.within.sessions is not None:
                raise _wrong(f"steps[{index}].within: {ONE_SESSION}", "Leave it out, or count customers.")


def exclusion(
    document: Any, index: int, question: FunnelQuestion, steps: int, journeys: JourneyRules | None
) -> tuple[Condition, int, int]:
    """An exclusion: its condition, and the steps between which it holds."""
    at = f"exclude[{index}]"
    if not isinstance(document, Mapping):
        raise QuestionError(
            f"{at} is {document!r:.60}, which is no condition.", code="value", hint=meant_event(document)
        )
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


def doubts(
    question: FunnelQuestion,
    steps: list[Asked],
    within: Window | None,
    journeys: JourneyRules | None,
) -> list[str]:
    """Sentences on what can be counted and yet is hardly meant: windows that change nothing, steps nothing follows."""
    said = []
    for index, step in enumerate(steps):
        own = step.within.micros if step.within is not None else None
        whole = within.micros if within is not None else None
        if own is not None and whole is not None and own > whole:
            said.append(
                f"steps[{index}].within is {clock.duration_text(own)}, longer than the window in all of "
                f"{clock.duration_text(whole)}: it changes nothing. Lengthen `within`, or leave it out."
            )
    if (
        question.unit == "journeys"
        and journeys is not None
        and journeys.end == "goal"
        and question.order != "any"
    ):
        for index, step in enumerate(steps[:-1]):
            if step.on is not None and set(step.on) <= journeys.goal:
                said.append(
                    f"Nothing can follow steps[{index}]: it is the goal, where journeys of this map end. "
                    "Put it last, or count customers."
                )
    return said


def _wrong(message: str, hint: str) -> QuestionError:
    return QuestionError(message, code="funnel", hint=hint)
