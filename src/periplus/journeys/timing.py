"""The question `timing`: how long the steps of a funnel take, from each to the next, as quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from periplus.errors import QuestionError
from periplus.journeys import chart, entries, tables
from periplus.journeys.funnel import FunnelQuestion
from periplus.journeys.funnel_find import Found, attempts_of
from periplus.journeys.funnel_plan import Plan
from periplus.journeys.funnel_plan import plan as planned_funnel
from periplus.journeys.moment import Period
from periplus.journeys.session_rules import SessionOptions
from periplus.journeys.shards import each_shard
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds

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
    given = {name: getattr(question, name) for name in question.model_fields_set}
    for own in ("kind", "quantiles"):
        given.pop(own, None)
    return planned_funnel(FunnelQuestion(**given), context)


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

    def work(shard: Any) -> np.ndarray:
        pair, micros, _ = _pairs(attempts_of(planned, shard))
        return tables.keys(pair, micros)

    parts = each_shard(context, work)
    counts = np.sum([np.bincount(part >> tables.SHIFT, minlength=steps * steps) for part in parts], axis=0)
    found = [tables.quantiles(parts, steps * steps, q) for q in quantiles]
    rows: list[Row] = []
    for source in range(steps):
        for target in range(source + 1, steps):
            pair = source * steps + target
            if target > source + 1 and not counts[pair]:
                continue
            for q, seconds in zip(quantiles, found, strict=True):
                rows.append(
                    {
                        "source": source,
                        "target": target,
                        "source_label": planned.titles[source],
                        "target_label": planned.titles[target],
                        "quantile": q,
                        "seconds": seconds[pair],
                        "attempts": int(counts[pair]),
                    }
                )
    asked = {**planned.asked, "kind": "timing", "quantiles": quantiles}
    span = planned.span
    return Result(asked, rows, span.now, span.now_from, {}, [], planned.warnings)


def people(question: TimingQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who went from a step to the next (`{"source": 0, "target": 1}`): each with its `seconds`."""
    others = ("source_label", "target_label", "quantile", "seconds")
    entries.check_row(row, ("source", "target"), (*others, *COUNTS))
    entries.check_field(field, COUNTS, ("source", "target", *others))
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
    for part in each_shard(context, lambda shard: attempts_of(planned, shard)):
        pairs, micros, attempts = _pairs(part)
        shard, owner = part.shard, part.owner
        for place in np.flatnonzero(pairs == pair).tolist():
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
    return chart.table(found, ["source_label", "target_label", "quantile"], ["seconds", "attempts"])


kinds.add("timing", QuestionKind(TimingQuestion, answer, people, _chart, customers=True))
