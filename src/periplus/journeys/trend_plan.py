"""A trend understood: its series, the buckets it shows, and the buckets those are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError, unknown
from periplus.journeys import customers, notice, reading
from periplus.journeys.breakdown import of_events
from periplus.journeys.buckets import Buckets, covering
from periplus.journeys.map import with_stages
from periplus.journeys.moment import ALWAYS, Span, first_seen, resolve
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.session_rules import Sessions, session_rules
from periplus.journeys.session_values import ROOT as SESSION
from periplus.journeys.steps import condition_of
from periplus.journeys.trend_expected import Expecting, expecting
from periplus.question import Context, Row

if TYPE_CHECKING:
    from periplus.journeys.trend import TrendQuestion

Unit = Literal["events", "customers", "sessions", "journeys"]
UNITS: tuple[Unit, ...] = ("events", "customers", "sessions", "journeys")
NUMBERS = ("sum", "mean")
KEYS = ("of", "measure", "label")


@dataclass(frozen=True)
class Series:
    """One series: which events, and what is counted of them, or which property is summed or averaged."""

    label: str | int
    of: Condition
    unit: Unit
    number: str | None = None
    path: str | None = None


@dataclass(frozen=True)
class Plan:
    """A trend question understood. `buckets` cover what is shown and what it is compared with; `shown` are the
    places of the one, `compared` those of the other (None: nothing). `windows` are the times since <= t < until
    that count, for each of the two; the last one is what came before all that is shown, where an average or an
    expected range (`average`, `expecting`) looks back, to the `first` event there is. `among` says at which events
    the customer is one of those asked about, where these are only `some`."""

    series: list[Series]
    span: Span
    buckets: Buckets
    shown: list[int]
    compared: list[int | None]
    windows: list[tuple[int, int]]
    first: int
    average: int | None
    expecting: Expecting | None
    breakdown: str | None
    journeys: JourneyRules | None
    sessions: Sessions | None
    among: customers.Among
    some: bool
    asked: Row
    warnings: list[str]


def plan(question: TrendQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError, NotFoundError."""
    rules = None
    if question.map is not None:
        rules = with_stages(meanings["map"](question.map, context.documents))
    series = [_series(document, index, rules) for index, document in enumerate(question.series)]
    span = resolve(question.period, question.now, question.zone, context)
    if span.by != "start":
        raise QuestionError(
            "A trend's period says when the events were.", code="period", hint='Leave out "by".'
        )
    first = first_seen(context, span.now) if span.since <= -ALWAYS else span.since
    last = max(min(span.until - 1, span.now), first)
    week = context.settings.week_start
    own = covering(question.bucket, span.zone, week, first, last)
    starts = [int(edge) for edge in own.edges[:-1]]
    shift = None if question.compare is None else _Shift(question, span, own, first, last)
    before = [None if shift is None else shift.start(start) for start in starts]
    known = [start for start in before if start is not None]
    expects = expecting(question.expected)
    looks_back = (question.average is not None or expects is not None) and span.since > -ALWAYS
    if looks_back:
        known.append(min(first_seen(context, span.now), starts[0]))
    buckets = own if not known else covering(question.bucket, span.zone, week, min(known), last)
    at = [int(buckets.of(start)) for start in starts]
    windows = [(span.since, span.until)]
    if shift is not None:
        windows.append(shift.window())
    if looks_back:
        windows.append((-ALWAYS, starts[0]))
    breakdown = question.breakdown
    if breakdown is not None and of_events(breakdown):
        breakdown = reading.full_path(breakdown, "breakdown")
    conditions = [each.of for each in series]
    asked, sessions = question.document() | span.document(), None
    by_session = (breakdown or "").startswith(SESSION)
    if question.sessions is not None or by_session or any(each.unit == "sessions" for each in series):
        sessions = Sessions(session_rules(question.sessions, span.zone, context), context)
        asked["sessions"] = sessions.rules.document()
    warnings = notice.never_seen(conditions, context.snapshot)
    named = [each.path for each in series if each.path is not None]
    if breakdown is not None and of_events(breakdown):
        named.append(breakdown)
    warnings += notice.of_values(named, context.snapshot.properties)
    return Plan(
        series=series,
        span=span,
        buckets=buckets,
        shown=at,
        compared=[None if start is None else int(buckets.of(start)) for start in before],
        windows=windows,
        first=first_seen(context, span.now),
        average=question.average,
        expecting=expects,
        breakdown=breakdown,
        journeys=rules,
        sessions=sessions,
        among=customers.among(question, span, context),
        some=question.customers is not None,
        asked=asked,
        warnings=warnings,
    )


def _series(document: Any, index: int, rules: JourneyRules | None) -> Series:
    where = f"series[{index}]"
    if not isinstance(document, Mapping):
        raise QuestionError(
            f"{where} is {document!r:.60}, which is no series.", code="value", hint='Write {"of": {…}}.'
        )
    for key in document:
        if key not in KEYS:
            message, hint, allowed = unknown("key", str(key), KEYS)
            raise QuestionError(f"{message[:-1]} in {where}.", code="unknown_key", hint=hint, allowed=allowed)
    label = document.get("label")
    if label is not None and not isinstance(label, str):
        raise QuestionError(f"{where}: a label is a text, not {label!r}.", code="value")
    of = condition_of(document.get("of") or {}, f"{where}.of", rules)
    name = index if label is None else label
    measure = document.get("measure", "events")
    if isinstance(measure, Mapping):
        if (
            len(measure) != 1
            or next(iter(measure)) not in NUMBERS
            or not isinstance(next(iter(measure.values())), str)
        ):
            raise QuestionError(
                f"{where}: {dict(measure)!r:.80} is no measure.",
                code="measure",
                hint='Write {"sum": "revenue"} or {"mean": "revenue"}.',
            )
        ((number, path),) = measure.items()
        return Series(name, of, "events", number, reading.full_path(path, f"{where}.measure"))
    if measure not in UNITS:
        message, hint, allowed = unknown("measure", str(measure), [*UNITS, *NUMBERS])
        raise QuestionError(f"{where}: {message}", code="measure", hint=hint, allowed=allowed)
    if measure == "journeys" and rules is None:
        raise QuestionError(f"{where}: journeys need a map.", code="map", hint='Name it: "map": "shop".')
    return Series(name, of, measure)


class _Shift:
    """How far back a bucket looks: a year, or the length of the period, in months where it is whole months."""

    def __init__(self, question: TrendQuestion, span: Span, own: Buckets, first: int, last: int) -> None:
        self.zone, self.span = span.zone, span
        self.months, self.days, self.micros = 0, 0, 0
        end = span.until if span.until < ALWAYS else int(own.edges[-1])
        begin = span.since if span.since > -ALWAYS else int(own.edges[0])
        low, high = self._local(begin), self._local(end)
        if question.compare == "year":
            if question.bucket == "week":
                self.days = 364
            else:
                self.months = 12
        elif question.bucket == "week":
            self.days = 7 * len(own)
        elif low.day == high.day == 1 and _midnight(low) and _midnight(high):
            self.months = (high.year - low.year) * 12 + high.month - low.month
        elif _midnight(low) and _midnight(high):
            self.days = (high.date() - low.date()).days
        else:
            self.micros = end - begin
        self.begin, self.end = begin, end

    def start(self, moment: int) -> int | None:
        """The moment that far back; None where the calendar has none such (the 31st of a shorter month)."""
        if self.micros:
            return moment - self.micros
        local = self._local(moment)
        day = (
            _months_back(local.date(), self.months)
            if self.months
            else local.date() - timedelta(days=self.days)
        )
        if day is None:
            return None
        return clock.micros(datetime.combine(day, local.time(), tzinfo=self.zone).replace(fold=local.fold))

    def window(self) -> tuple[int, int]:
        """The period that far back; open where the period is."""
        since = -ALWAYS if self.span.since <= -ALWAYS else self._edge(self.begin)
        until = ALWAYS if self.span.until >= ALWAYS else self._edge(self.end)
        return since, until

    def _edge(self, moment: int) -> int:
        back = self.start(moment)
        if back is not None:
            return back
        local = self._local(moment)  # the month is shorter: its end
        following = _months_back(local.date().replace(day=1), self.months - 1)
        assert following is not None
        return clock.micros(datetime(following.year, following.month, 1, tzinfo=self.zone))

    def _local(self, moment: int) -> datetime:
        return (clock.EPOCH + timedelta(microseconds=moment)).astimezone(self.zone)


def _midnight(local: datetime) -> bool:
    return (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)


def _months_back(day: date, months: int) -> date | None:
    index = day.year * 12 + day.month - 1 - months
    try:
        return day.replace(year=index // 12, month=index % 12 + 1)
    except ValueError:
        return None


def inside(time: np.ndarray, window: tuple[int, int], now: int) -> np.ndarray:
    """bool per time: seen at `now`, and in a window."""
    since, until = window
    return np.asarray((time >= since) & (time < until) & (time <= now))
