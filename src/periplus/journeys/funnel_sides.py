"""Two sides of a funnel beside each other: two periods, two groups of attempts, two values of the breakdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from periplus import clock
from periplus.errors import QuestionError, unknown
from periplus.journeys import customers, labels, reading
from periplus.journeys.breakdown import Values
from periplus.journeys.funnel_find import Found
from periplus.journeys.funnel_plan import Plan
from periplus.journeys.moment import ALWAYS, Period, Span, resolve
from periplus.journeys.steps import condition_of
from periplus.question import Context, Document

if TYPE_CHECKING:
    from periplus.journeys.funnel import FunnelQuestion

REST = "(rest)"
BEFORE = ("previous", "year")


class Compared(Document):
    """What a funnel is compared with: a `period`, a `condition` on the event of `breakdown_step` (`with` another one,
    else with the rest), or two `values` of the breakdown (one: with the rest). `labels` names both sides."""

    title: ClassVar[str] = "a comparison"
    period: Period | None = None
    condition: dict[str, Any] | None = None
    with_: dict[str, Any] | None = Field(default=None, alias="with")
    values: list[Any] | None = None
    labels: list[str] | None = None


@dataclass(frozen=True)
class Side:
    """One side: its name, its plan, and which of the attempts found belong to it, bool[a] (None: all)."""

    label: str | None
    plan: Plan
    kept: Callable[[Found], np.ndarray] | None = None


def sides_of(question: FunnelQuestion, planned: Plan, values: Values | None, context: Context) -> list[Side]:
    """The one side of a funnel, or the two that are compared; raises QuestionError."""
    if question.compare is None:
        return [Side(None, planned)]
    if question.bucket is not None:
        raise _wrong(
            "A funnel over time cannot be compared side by side too.", "Leave out `bucket` or `compare`."
        )
    if isinstance(question.compare, str):
        if question.compare not in BEFORE:
            message, hint, allowed = unknown("comparison", question.compare, BEFORE)
            raise QuestionError(message, code="compare", hint=hint, allowed=allowed)
        other = replace(planned, span=_before(planned.span, question.compare))
        return [Side("period", planned), Side(question.compare, other)]
    if not isinstance(question.compare, Mapping):
        raise _wrong(f"compare is {question.compare!r:.60}, which is no comparison.", 'Such as "previous".')
    compared = Compared(**question.compare)
    given = [name for name in ("period", "condition", "values") if getattr(compared, name) is not None]
    if len(given) != 1 or (compared.with_ is not None and given != ["condition"]):
        raise _wrong(
            "A comparison is of one thing.",
            'Give one of "period", "condition" (and "with" another condition), "values".',
        )
    if compared.period is not None:
        sides = _of_periods(compared.period, question, planned, context)
    elif compared.condition is not None:
        sides = _of_conditions(compared, question, planned, context)
    else:
        sides = _of_values(compared.values or [], question, planned, values)
    if compared.labels is None:
        return sides
    if len(set(compared.labels)) != 2 or len(compared.labels) != 2:
        raise _wrong("The labels of a comparison are two different texts.", 'Such as ["before", "after"].')
    return [replace(side, label=label) for side, label in zip(sides, compared.labels, strict=True)]


def _of_periods(period: Period, question: FunnelQuestion, planned: Plan, context: Context) -> list[Side]:
    if period.by != planned.span.by and "by" in period.model_fields_set:
        raise _wrong("Both periods select by the same.", "Say `by` in the question's period only.")
    span = resolve(period, question.now, question.zone, context)
    other = replace(planned.span, since=span.since, until=span.until)
    return [Side("period", planned), Side("other period", replace(planned, span=other))]


def _of_conditions(
    compared: Compared, question: FunnelQuestion, planned: Plan, context: Context
) -> list[Side]:
    conditions = [condition_of(compared.condition or {}, "compare.condition", planned.journeys)]
    if compared.with_ is not None:
        conditions.append(condition_of(compared.with_, "compare.with", planned.journeys))
    masks = labels.masks(context.snapshot, conditions, customers.when(planned.span, context))

    def met(found: Found, bit: int) -> np.ndarray:
        rows = found.attempts.rows[:, question.breakdown_step]
        bits = masks.of(found.shard)[np.maximum(rows, 0)] if len(rows) else np.zeros(0, np.uint32)
        return np.asarray((rows >= 0) & ((bits >> np.uint32(bit)) & np.uint32(1)).astype(np.bool_))

    first = Side(conditions[0].english(), planned, lambda found: met(found, 0))
    if len(conditions) == 1:
        return [first, Side(REST, planned, lambda found: ~met(found, 0))]
    label = conditions[1].english()
    return [
        first,
        Side(f"{label} (2)" if label == first.label else label, planned, lambda found: met(found, 1)),
    ]


def _of_values(
    asked: list[Any], question: FunnelQuestion, planned: Plan, values: Values | None
) -> list[Side]:
    if values is None:
        raise _wrong("Values are compared of a breakdown.", 'Name it: "breakdown": "context.device.type".')
    if len(asked) not in (1, 2) or any(isinstance(each, list | dict) for each in asked):
        raise _wrong("One or two values of the breakdown are compared.", 'Such as ["mobile", "desktop"].')
    forms = [None if each is None else reading.form(each) for each in asked]
    if len(forms) == 2 and forms[0] == forms[1]:
        raise _wrong(f"{asked[0]!r} is compared with itself.", "Name two values.")
    known = {reading.form(value): code for code, value in enumerate(values.known)}
    codes = [-1 if form is None else known.get(form, -2) for form in forms]

    def has(found: Found, code: int) -> np.ndarray:
        rows = found.attempts.rows[:, question.breakdown_step].astype(np.int64)
        own = np.where(rows >= 0, values.at(found.shard.index, np.maximum(rows, 0)), -1)
        return np.asarray(own == code)

    sides = [Side(_shown(forms[0]), planned, lambda found: has(found, codes[0]))]
    if len(codes) == 1:
        return [*sides, Side(REST, planned, lambda found: ~has(found, codes[0]))]
    return [*sides, Side(_shown(forms[1]), planned, lambda found: has(found, codes[1]))]


def _shown(form: str | None) -> str:
    return "(none)" if form is None else form


def _before(span: Span, how: str) -> Span:
    """The period before, as long as this one: in calendar months where it is whole months, else in days; or a year back."""
    if span.since <= -ALWAYS or span.until >= ALWAYS:
        raise _wrong(
            f'"compare": "{how}" needs a period with both its ends.',
            'Such as "period": {"from": "2026-06-01", "to": "2026-07-01"}.',
        )
    low, high = (_local(moment, span) for moment in (span.since, span.until))
    whole_days = all(edge.time() == datetime.min.time() for edge in (low, high))
    if how == "year" or (whole_days and low.day == high.day == 1):
        months = 12 if how == "year" else (high.year - low.year) * 12 + high.month - low.month
        return replace(span, since=_months_back(low, months), until=_months_back(high, months))
    if whole_days:
        length = high.date() - low.date()
        return replace(span, since=_days_back(low, length), until=_days_back(high, length))
    return replace(span, since=span.since - (span.until - span.since), until=span.since)


def _local(moment: int, span: Span) -> datetime:
    return (clock.EPOCH + timedelta(microseconds=moment)).astimezone(span.zone)


def _days_back(local: datetime, length: timedelta) -> int:
    return clock.micros(datetime.combine(local.date() - length, local.time(), tzinfo=local.tzinfo))


def _months_back(local: datetime, months: int) -> int:
    """The same day so many months before; where there is none, the first day of the next month."""
    index = local.year * 12 + local.month - 1 - months
    if index < 12:
        raise _wrong("The period before lies before the calendar begins.", "Ask for a later period.")
    first = datetime(index // 12, index % 12 + 1, 1, tzinfo=local.tzinfo)
    following = datetime((index + 1) // 12, (index + 1) % 12 + 1, 1, tzinfo=local.tzinfo)
    day = first.date() + timedelta(days=local.day - 1)
    day = min(day, following.date())
    return clock.micros(datetime.combine(day, local.time(), tzinfo=local.tzinfo))


def _wrong(message: str, hint: str) -> QuestionError:
    return QuestionError(message, code="compare", hint=hint)
