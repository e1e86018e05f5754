"""The question `timing`: how long the steps of a funnel take, from each to the next, as quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from periplus.errors import QuestionError
from periplus.journeys import chart, entries, tables
from periplus.journeys.breakdown import values_of
from periplus.journeys.funnel import FunnelQuestion
from periplus.journeys.funnel_find import Found, attempts_of
from periplus.journeys.funnel_groups import Groups, groups_of
from periplus.journeys.funnel_plan import Plan
from periplus.journeys.funnel_plan import plan as planned_funnel
from periplus.journeys.moment import Period
from periplus.journeys.session_rules import SessionOptions
from periplus.journeys.shards import each_shard
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.snapshot import Shard

MOST_QUANTILES = 100
COUNTS = ("attempts",)


class TimingQuestion(Question):
    """`{"kind": "timing", "steps": [{"event": "Product Added"}, {"event": "Order Completed"}]}`."""

    title: ClassVar[str] = "a timing question"
    kind: Literal["timing"] = "timing"
    steps: list[Any]
    quantiles: list[Any] = Field(default_factory=lambda: [0.5, 0.9])
    map: str | dict[str, Any] | None = None
    order: Literal["ordered", "strict"] = "ordered"
    within: Any = None
    exclude: list[Any] | None = None
    hold: list[str] | None = None
    breakdown_step: int = 0
    unit: Literal["customers", "journeys", "sessions"] = "customers"
    attempts: Literal["best", "every"] = "best"
    sessions: SessionOptions | None = None
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def _plan(question: TimingQuestion, context: Context) -> Plan:
    """The funnel whose attempts are timed."""
    if len(question.steps) < 2:
        raise QuestionError(
            "A timing needs two steps or more.",
            code="timing",
            hint='Such as [{"event": "Product Added"}, {"event": "Order Completed"}].',
        )
    return planned_funnel(_funnel(question), context)


def _funnel(question: TimingQuestion) -> FunnelQuestion:
    """The same attempts, asked for as a funnel."""
    given = {name: getattr(question, name) for name in question.model_fields_set}
    for own in ("kind", "quantiles"):
        given.pop(own, None)
    return FunnelQuestion(**given)


def _quantiles(question: TimingQuestion) -> list[float]:
    asked = question.quantiles
    good = all(isinstance(q, int | float) and not isinstance(q, bool) and 0 <= q <= 1 for q in asked)
    if not asked or not good or len(asked) > MOST_QUANTILES:
        raise QuestionError(
            f"The quantiles are {asked!r:.80}.",
            code="quantiles",
            hint="Write numbers from 0 to 1, such as [0.5, 0.9].",
        )
    return [float(q) for q in asked]


def _pairs(part: Found) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pair (of steps, source * steps + target), microseconds and attempt of each way from a step to the next done."""
    rows, time = part.attempts.rows, np.asarray(part.shard.time)
    steps = rows.shape[1]
    before, at = rows[:, 0].copy(), np.zeros(len(rows), np.int64)
    pairs, micros, attempts = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for step in range(1, steps):
        done = np.flatnonzero(rows[:, step] >= 0)
        pairs.append(at[done] * steps + step)
        micros.append(time[rows[done, step]] - time[before[done]])
        attempts.append(done)
        before[done], at[done] = rows[done, step], step
    return np.concatenate(pairs), np.concatenate(micros), np.concatenate(attempts)


def answer(question: TimingQuestion, context: Context) -> Result:
    """A row per pair of neighbouring steps and quantile; a pair that leaves optional steps out has rows of its own."""
    quantiles = _quantiles(question)
    planned = _plan(question, context)
    steps = len(planned.titles)

    attempts, groups = _grouped(question, planned, context)
    width, pairs = 1 if groups is None else groups.width, steps * steps

    def work(shard: Shard, part: Found | None, group: np.ndarray | None) -> np.ndarray:
        pair, micros, attempt = _pairs(attempts_of(planned, shard) if part is None else part)
        return tables.keys(pair if group is None else group[attempt] * pairs + pair, micros)

    if groups is None:
        parts = each_shard(context, lambda shard: work(shard, None, None))
    else:
        parts = [work(part.shard, part, group) for part, group in zip(attempts, groups.of, strict=True)]
    counts = np.sum([np.bincount(part >> tables.SHIFT, minlength=width * pairs) for part in parts], axis=0)
    found = [tables.quantiles(parts, width * pairs, q) for q in quantiles]
    order = [0] if groups is None else groups.order(_entered(groups))
    rows = [
        {
            **({} if groups is None else {"breakdown": groups.values[group]}),
            "source": source,
            "target": target,
            "source_label": planned.titles[source],
            "target_label": planned.titles[target],
            "quantile": q,
            "seconds": seconds[group * pairs + source * steps + target],
            "attempts": int(counts[group * pairs + source * steps + target]),
        }
        for group in order
        for source in range(steps)
        for target in range(source + 1, steps)
        if target == source + 1 or counts[group * pairs + source * steps + target]
        for q, seconds in zip(quantiles, found, strict=True)
    ]
    asked = {**planned.asked, "kind": "timing", "quantiles": quantiles}
    warnings = [*planned.warnings, *([] if groups is None else groups.warnings)]
    span = planned.span
    return Result(asked, rows, span.now, span.now_from, {}, [], warnings)


def _grouped(question: TimingQuestion, planned: Plan, context: Context) -> tuple[list[Found], Groups | None]:
    """The attempts of all shards with the groups of the breakdown; without one they need not be kept."""
    if planned.breakdown is None:
        return [], None
    names = planned.names[question.breakdown_step]
    values = values_of(planned.breakdown, names, planned.sessions, planned.span.now, context)
    found = each_shard(context, lambda shard: attempts_of(planned, shard))
    return found, groups_of(_funnel(question), planned, values, found, context)


def _entered(groups: Groups) -> np.ndarray:
    """int64 per group: how many attempts there are."""
    return np.bincount(np.concatenate(groups.of), minlength=groups.width)


def people(question: TimingQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who went from a step to the next (`{"source": 0, "target": 1}`): each with its `seconds`."""
    others = ("source_label", "target_label", "quantile", "seconds")
    entries.check_row(row, ("source", "target", "breakdown"), (*others, *COUNTS))
    entries.check_field(field, COUNTS, ("source", "target", "breakdown", *others))
    planned = _plan(question, context)
    steps = len(planned.titles)
    ends = [row.get(key) for key in ("source", "target")]
    if not all(isinstance(end, int) and not isinstance(end, bool) and 0 <= end < steps for end in ends):
        raise QuestionError(
            f"The row goes from {ends[0]!r} to {ends[1]!r}.",
            code="row",
            hint=f'Name two steps from 0 to {steps - 1}: {{"source": 0, "target": 1}}.',
        )
    pair = int(ends[0] or 0) * steps + int(ends[1] or 0)
    listed: list[Row] = []
    found, groups = _grouped(question, planned, context)
    named = None if groups is None else groups.of_row(row)
    for number, part in enumerate(found or each_shard(context, lambda shard: attempts_of(planned, shard))):
        pairs, micros, attempts = _pairs(part)
        shard, owner = part.shard, part.owner
        kept = pairs == pair
        if groups is not None and named is not None:
            kept &= named[groups.of[number][attempts]]
        for place in np.flatnonzero(kept).tolist():
            attempt = attempts[place]
            at = part.attempts.rows[attempt, pair % steps]
            listed.append(
                {
                    "customer": int(shard.customers[owner[attempt]]),
                    "time": int(shard.time[at]),
                    "seconds": int(micros[place]) // 1_000_000,
                }
            )
    return entries.listed(listed, context)


def _chart(found: Answer) -> Any:
    by = ["breakdown"] if found.question.get("breakdown") else []
    return chart.table(found, [*by, "source_label", "target_label", "quantile"], ["seconds", "attempts"])


kinds.add("timing", QuestionKind(TimingQuestion, answer, people, _chart, customers=True, breakdown=True))
