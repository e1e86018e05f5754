"""The question `trend`: how many events, customers, sessions or journeys, or what sum or mean, in each bucket of time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from periplus.errors import QuestionError
from periplus.journeys import chart, entries
from periplus.journeys.buckets import Bucket
from periplus.journeys.moment import Period
from periplus.journeys.session_rules import SessionOptions
from periplus.journeys.trend_count import Counted, counted, matched
from periplus.journeys.trend_expected import averages, ranges, seasons
from periplus.journeys.trend_plan import Plan, plan
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds

FIELDS = ("value", "previous")
NUMBERS = ("average", "expected", "low", "high", "outside")


class TrendQuestion(Question):
    """`{"kind": "trend", "series": [{"of": {"event": "Order Completed"}, "measure": "customers"}], "bucket": "day"}`."""

    title: ClassVar[str] = "a trend question"
    kind: Literal["trend"] = "trend"
    series: list[Any] = Field(min_length=1, max_length=20)
    bucket: Bucket = "day"
    compare: Literal["previous", "year"] | None = None
    average: int | None = Field(default=None, ge=2, le=1000)
    expected: Any = None
    map: str | dict[str, Any] | None = None
    sessions: SessionOptions | None = None
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def answer(question: TrendQuestion, context: Context) -> Result:
    """A row per series, breakdown value and bucket, empty ones too; `previous` is None where nothing is compared."""
    planned = plan(question, context)
    rows: list[Row] = []
    warnings = list(planned.warnings)
    labels = [planned.buckets.label(bucket) for bucket in planned.shown]
    for series in planned.series:
        found = counted(planned, series, context)
        warnings += found.warnings
        for place, value in enumerate(found.values):
            looks = _looks_back(planned, found, place)
            rows += [
                {
                    "bucket": label,
                    "series": series.label,
                    "breakdown": value,
                    "value": _shown(found, 0, place, bucket),
                    "previous": None if before is None else _shown(found, 1, place, before),
                    **looks[bucket],
                }
                for label, bucket, before in zip(labels, planned.shown, planned.compared, strict=True)
            ]
    span = planned.span
    return Result(planned.asked, rows, span.now, span.now_from, {}, [], list(dict.fromkeys(warnings)))


def _looks_back(planned: Plan, found: Counted, place: int) -> dict[int, Row]:
    """By bucket that is shown: the moving average and the expected range, where they are asked for."""
    shown, how = planned.shown, planned.expecting
    rows: dict[int, Row] = {bucket: {} for bucket in shown}
    if not shown or (planned.average is None and how is None):
        return rows
    edges, span = planned.buckets.edges, planned.span
    begin = int(planned.buckets.of(min(planned.first, int(edges[shown[0]]))))
    places = range(max(begin, 0), shown[-1] + 1)
    values = [_shown(found, 0 if bucket >= shown[0] else -1, place, bucket) for bucket in places]
    if planned.average is not None:
        for bucket, mean in zip(places, averages(values, planned.average), strict=True):
            if bucket in rows:
                rows[bucket]["average"] = mean
    if how is not None:

        def whole(bucket: int) -> bool:
            """Neither the period nor `now` cuts it, nor the beginning of the data, where there is seldom a whole one."""
            since, until = int(edges[bucket]), int(edges[bucket + 1])
            inside = bucket < shown[0] or (span.since <= since and until <= span.until)
            return inside and until <= span.now + 1 and planned.first <= since

        learned = [value if whole(bucket) else None for bucket, value in zip(places, values, strict=True)]
        season = seasons(planned.buckets)[places[0] : places[-1] + 1]
        for bucket, value, each in zip(
            places, learned, ranges(learned, season, how, found.whole), strict=True
        ):
            if bucket in rows:
                rows[bucket] |= {
                    "expected": None if each is None else each.middle,
                    "low": None if each is None else each.low,
                    "high": None if each is None else each.high,
                    "outside": None if each is None or value is None else not each.low <= value <= each.high,
                }
    return rows


def _shown(found: Counted, window: int, place: int, bucket: int) -> int | float | None:
    """A cell as JSON has it: counts whole, the mean of nothing null."""
    value = found.cells[window][place, bucket]
    if found.whole:
        return int(value)
    return None if np.isnan(value) else float(value)


def people(question: TrendQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is counted in a bucket of a series: one entry per event, customer, session or journey."""
    entries.check_row(row, ("bucket", "series", "breakdown"), (*FIELDS, *NUMBERS))
    entries.check_field(field, FIELDS, ("bucket", "series", "breakdown", *NUMBERS))
    planned = plan(question, context)
    if row.get("bucket") is None:
        raise QuestionError(
            "The row lacks its 'bucket'.", code="row", hint="A row has a bucket and a series."
        )
    place = entries.one_of(row, "bucket", [planned.buckets.label(index) for index in planned.shown])
    window = 0 if field == "value" else 1
    bucket = planned.compared[place] if window else planned.shown[place]
    labels = [series.label for series in planned.series]
    series = planned.series[entries.one_of(row, "series", labels) if row.get("series") is not None else 0]
    if series.number is not None:
        raise QuestionError(
            "A sum or a mean is no count of people.",
            code="field",
            hint='Ask for the measure "events" with the same condition, and open that.',
        )
    if bucket is None:
        return []
    return entries.listed(matched(planned, series, window, bucket, row, context), context)


def _chart(found: Answer) -> Any:
    if not found.rows:
        raise QuestionError("There is no bucket in this period: there is nothing to draw.", code="empty")
    by = "breakdown" if found.question.get("breakdown") else "series"
    return chart.lines(found, "bucket", by, "value")


kinds.add("trend", QuestionKind(TrendQuestion, answer, people, _chart, customers=True, breakdown=True))
