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
from periplus.journeys.trend_plan import plan
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds

FIELDS = ("value", "previous")


class TrendQuestion(Question):
    """`{"kind": "trend", "series": [{"of": {"event": "Order Completed"}, "measure": "customers"}], "bucket": "day"}`."""

    title: ClassVar[str] = "a trend question"
    kind: Literal["trend"] = "trend"
    series: list[Any] = Field(min_length=1, max_length=20)
    bucket: Bucket = "day"
    breakdown: str | None = None
    compare: Literal["previous", "year"] | None = None
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
            rows += [
                {
                    "bucket": label,
                    "series": series.label,
                    "breakdown": value,
                    "value": _shown(found, 0, place, bucket),
                    "previous": None if before is None else _shown(found, 1, place, before),
                }
                for label, bucket, before in zip(labels, planned.shown, planned.compared, strict=True)
            ]
    span = planned.span
    return Result(planned.asked, rows, span.now, span.now_from, {}, [], list(dict.fromkeys(warnings)))


def _shown(found: Counted, window: int, place: int, bucket: int) -> int | float | None:
    """A cell as JSON has it: counts whole, the mean of nothing null."""
    value = found.cells[window][place, bucket]
    if found.whole:
        return int(value)
    return None if np.isnan(value) else float(value)


def people(question: TrendQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is counted in a bucket of a series: one entry per event, customer, session or journey."""
    entries.check_row(row, ("bucket", "series", "breakdown"), FIELDS)
    entries.check_field(field, FIELDS, ("bucket", "series", "breakdown"))
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


kinds.add("trend", QuestionKind(TrendQuestion, answer, people, _chart, customers=True))
