"""When: the period a question selects by, the present moment it is asked at, and its zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from periplus import clock
from periplus.errors import QuestionError
from periplus.question import Context, Document

ALWAYS = 1 << 61
"""Beyond every time, on both sides, with room to add a window."""
By = Literal["start", "goal", "activity"]


class Period(Document):
    """`from` is in, `to` is out; `by` says what must lie between: a start, a first goal, or activity."""

    title: ClassVar[str] = "a period"
    from_: Any = Field(default=None, alias="from")
    to: Any = None
    by: By = "start"


@dataclass(frozen=True)
class Span:
    """A period and a moment, resolved: microseconds UTC; `since` and `until` are ∓ALWAYS where unbounded."""

    since: int
    until: int
    by: By
    now: int
    now_from: str
    zone: ZoneInfo

    def document(self) -> dict[str, Any]:
        """`period`, `now` and `zone` as the question was understood."""
        period: dict[str, Any] = {"by": self.by}
        if self.since > -ALWAYS:
            period["from"] = clock.iso(self.since)
        if self.until < ALWAYS:
            period["to"] = clock.iso(self.until)
        return {"period": period, "now": clock.iso(self.now), "zone": str(self.zone)}


def resolve(period: Period | None, now: Any, zone: str | None, context: Context) -> Span:
    """The span of a question; without `now` it is the clock where a source is live, else the last event."""
    display = clock.zone(zone or context.settings.zone)
    asked = period or Period()
    since = -ALWAYS if asked.from_ is None else _instant(asked.from_, "period.from", display)
    until = ALWAYS if asked.to is None else _instant(asked.to, "period.to", display)
    if until < since:
        raise QuestionError(
            "The period ends before it begins.", code="period", hint="`from` is in, `to` is out: swap them."
        )
    if now is not None:
        return Span(since, until, asked.by, _instant(now, "now", display), "question", display)
    last = context.snapshot.last_time
    if context.snapshot.live or last is None:
        return Span(since, until, asked.by, context.wall, "clock", display)
    return Span(since, until, asked.by, min(last, context.wall), "last event", display)


def first_seen(context: Context, now: int) -> int:
    """The time of the first event of all customers; `now` where there is none before it."""
    first = context.snapshot.first_time
    return now if first is None else min(first, now)


def _instant(value: Any, where: str, display: ZoneInfo) -> int:
    if not isinstance(value, str | date) or (isinstance(value, str) and not value.strip()):
        raise QuestionError(
            f"{where} is {value!r}, which is no time.",
            code="time",
            hint="Write a date such as '2026-07-01', or a time such as '2026-07-01T13:00:00Z'.",
        )
    return clock.instant(value, display)
