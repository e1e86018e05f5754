"""The question `retention`: of those who began in a bucket of time, how many came back in the buckets after."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys import chart, customers, entries, labels, notice, reading
from periplus.journeys.amounts import Amounts, amounts, summed
from periplus.journeys.apart import told_apart
from periplus.journeys.buckets import Bucket, Buckets, covering
from periplus.journeys.cohort_value import worth
from periplus.journeys.cohorts import COUNTS_HERE, Cohorts, cohorts, with_bit
from periplus.journeys.moment import Period, Span, first_seen, resolve
from periplus.journeys.shards import each_shard
from periplus.journeys.steps import condition_of
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.snapshot import Shard

COUNTS = ("size", "returned")
VALUES = ("value", "opening_value", "value_rate", "value_per_customer")
MOST_PERIODS = 1000
FOREVER = 1 << 40
"""More buckets than there are: the end of a span that has none."""


class RetentionQuestion(Question):
    """`{"kind": "retention", "start": {"event": "Order Completed"}, "return": {"event": "Order Completed"}}`."""

    title: ClassVar[str] = "a retention question"
    kind: Literal["retention"] = "retention"
    start: Any
    return_: Any = Field(alias="return")
    bucket: Bucket = "week"
    periods: int = Field(default=8, ge=0, le=MOST_PERIODS)
    mode: Literal["classic", "rolling", "bracket"] = "classic"
    brackets: list[Any] | None = None
    cohort: Literal["first", "every"] = "first"
    measure: Any = "customers"
    period: Period | None = None
    now: Any = None
    zone: str | None = None


@dataclass(frozen=True)
class Plan:
    """A retention question understood: its two conditions as bits, the buckets of its data, and the spans
    int64[s, 2] of buckets after the opening one that its rows stand for (the end excluded)."""

    span: Span
    buckets: Buckets
    spans: np.ndarray
    every: bool
    mask: labels.Masks
    among: customers.Among
    amounts: Amounts | None
    asked: Row
    warnings: list[str]

    def of(self, shard: Shard, cell: tuple[int, int] | None = None) -> Cohorts:
        span = self.span
        return cohorts(
            shard, with_bit(self.mask.of(shard), COUNTS_HERE, self.among(shard)), self.buckets.edges, self.spans,
            since=span.since, until=span.until, now=span.now, every=self.every, cell=cell,
        )  # fmt: skip


def plan(question: RetentionQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError."""
    start = condition_of(question.start, "start", None)
    back = condition_of(question.return_, "return", None)
    span = resolve(question.period, question.now, question.zone, context)
    if span.by != "start":
        raise QuestionError(
            "A retention's period says when people began.", code="period", hint='Leave out "by".'
        )
    spans = _spans(question)
    path, amounts_ = _path(question.measure), None
    if path is not None:
        personal = start.speaks_of_customer() or back.speaks_of_customer()
        of = {} if personal else {"any": [start.document(), back.document()]}
        amounts_ = amounts(context.snapshot, Condition.parse(of), path)
    asked = question.document() | {"start": start.document(), "return": back.document()} | span.document()
    return Plan(
        span=span,
        buckets=covering(
            question.bucket, span.zone, context.settings.week_start, first_seen(context, span.now), span.now
        ),
        spans=np.array(spans, np.int64).reshape(-1, 2),
        every=question.cohort == "every",
        mask=labels.masks(context.snapshot, [start, back], customers.when(span, context)),
        among=customers.among(question, span, context),
        amounts=amounts_,
        asked=asked,
        warnings=notice.never_seen([start, back], context.snapshot)
        + notice.of_values([] if path is None else [path], context.snapshot.properties),
    )


def _path(measure: Any) -> str | None:
    """The property whose amounts are summed beside the customers."""
    if measure == "customers":
        return None
    if not isinstance(measure, Mapping) or list(measure) != ["sum"] or not isinstance(measure["sum"], str):
        raise QuestionError(
            f"{measure!r:.80} is no measure of retention.",
            code="measure",
            hint='Write {"sum": "revenue"}, or leave it out to count customers only.',
        )
    return reading.full_path(measure["sum"], "measure")


def _spans(question: RetentionQuestion) -> list[tuple[int, int]]:
    """The buckets after the opening one that each row stands for."""
    if question.mode != "bracket":
        if question.brackets is not None:
            raise QuestionError(
                "Brackets belong to the mode bracket.", code="brackets", hint='Add "mode": "bracket".'
            )
        last = FOREVER if question.mode == "rolling" else 0
        return [(n, last or n + 1) for n in range(question.periods + 1)]
    found = []
    for bracket in question.brackets or ():
        ends = list(bracket) if isinstance(bracket, list | tuple) else []
        whole = all(isinstance(end, int) and not isinstance(end, bool) for end in ends)
        if len(ends) != 2 or not whole or not 0 <= ends[0] < ends[1]:
            raise QuestionError(
                f"{bracket!r} is no bracket.",
                code="brackets",
                hint="Write two whole numbers, the end excluded, such as [1, 4].",
            )
        found.append((ends[0], ends[1]))
    if not found or len(found) > MOST_PERIODS:
        raise QuestionError(
            "The mode bracket needs its brackets.",
            code="brackets",
            hint='Such as "brackets": [[0, 1], [1, 4]].',
        )
    return found


def answer(question: RetentionQuestion, context: Context) -> Result:
    """A row per cohort that has anybody, and span that has begun."""
    planned = plan(question, context)
    parts = each_shard(context, planned.of)
    size = np.sum([part.size for part in parts], axis=0)
    returned = np.sum([part.returned for part in parts], axis=0)
    opened, back = _worth(planned, parts, context)
    rows: list[Row] = []
    for cohort in np.flatnonzero(size).tolist():
        for index, (low, high) in enumerate(planned.spans.tolist()):
            if cohort + low >= len(planned.buckets):
                continue  # the last bucket is the one with `now`: later ones have not begun
            rows.append(
                {
                    "cohort": planned.buckets.label(cohort),
                    "period": index,
                    "size": int(size[cohort]),
                    "returned": int(returned[cohort, index]),
                    "rate": int(returned[cohort, index]) / int(size[cohort]),
                    "open": cohort + high >= len(planned.buckets),
                    **_value(planned, opened, back, int(size[cohort]), cohort, index),
                }
            )
    totals: Row = {"size": int(size.sum())}
    if planned.amounts is not None:
        totals["opening_value"] = math.fsum(opened.tolist())
    return Result(planned.asked, rows, planned.span.now, planned.span.now_from, totals, [], planned.warnings)


def _worth(planned: Plan, parts: list[Cohorts], context: Context) -> tuple[np.ndarray, np.ndarray]:
    """float64[cohorts] of what openings were worth, float64[cohorts, spans] of what came back."""
    cohorts_, spans = len(planned.buckets), len(planned.spans)
    if planned.amounts is None:
        return np.zeros(0), np.zeros((0, 0))
    found = []
    for index, part in enumerate(parts):
        shard = context.snapshot.shard(index)
        found.append(
            worth(
                shard,
                planned.mask.of(shard),
                part,
                planned.amounts,
                planned.buckets,
                planned.spans,
                planned.span.now,
            )
        )
    opened = summed(
        np.concatenate([each.bucket for each in found]),
        np.concatenate([each.opened for each in found]),
        cohorts_,
    )
    back = summed(
        np.concatenate([each.cell for each in found]),
        np.concatenate([each.back for each in found]),
        cohorts_ * spans,
    )
    return opened, back.reshape(cohorts_, spans)


def _value(planned: Plan, opened: np.ndarray, back: np.ndarray, size: int, cohort: int, span: int) -> Row:
    """What came back in a span, by itself and beside what the cohort opened with."""
    if planned.amounts is None:
        return {}
    value, first = float(back[cohort, span]), float(opened[cohort])
    rate = value / first if first else math.inf
    return {
        "value": value,
        "opening_value": first,
        "value_rate": rate if math.isfinite(rate) else None,
        "value_per_customer": value / size,
    }


def people(question: RetentionQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is in a cohort (`{"cohort": "2026-07-06"}`, `size`), or came back in a period (`returned`).

    `time` is that of the event which opened, or came back first.
    """
    entries.check_row(row, ("cohort", "period"), ("rate", "open", *COUNTS, *VALUES))
    entries.check_field(field, COUNTS, ("cohort", "period", "rate", "open", *VALUES))
    planned = plan(question, context)
    if row.get("cohort") is None:
        raise QuestionError(
            "The row lacks its 'cohort'.", code="row", hint="A row has a cohort and a period."
        )
    known = planned.buckets.labels
    cohort, span = entries.one_of(row, "cohort", known), -1
    if field == "returned":
        if row.get("period") is None:
            raise QuestionError(
                "The row lacks its 'period'.", code="row", hint="A row has a cohort and a period."
            )
        span = entries.one_of(row, "period", list(range(len(planned.spans))))
    found = each_shard(context, lambda shard: _listed(shard, planned.of(shard, (cohort, span))))
    return entries.listed([entry for part in found for entry in part], context)


def _listed(shard: Shard, found: Cohorts) -> list[Row]:
    return [
        {"customer": int(shard.customers[customer]), "time": int(shard.time[row])}
        for customer, row in zip(found.customer, found.row, strict=True)
    ]


def _chart(found: Answer) -> Any:
    if not found.rows:
        raise QuestionError("Nobody began in this period: there is nothing to draw.", code="empty")
    return chart.table(found, ["cohort", "period"], ["size", "returned"])


kinds.add("retention", told_apart(QuestionKind(RetentionQuestion, answer, people, _chart, customers=True)))
