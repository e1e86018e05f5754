"""The question `funnel`: how far customers, journeys or sessions get along some steps, and where they are gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np

from periplus.errors import QuestionError
from periplus.journeys import chart, entries, funnel_times, tables
from periplus.journeys.breakdown import values_of
from periplus.journeys.buckets import Bucket
from periplus.journeys.funnel_difference import difference
from periplus.journeys.funnel_find import Found, attempts_of
from periplus.journeys.funnel_groups import MOST_VALUES, Groups, groups_of
from periplus.journeys.funnel_plan import Plan, plan
from periplus.journeys.funnel_sides import Side, sides_of
from periplus.journeys.funnel_tally import Tally, some, tallied
from periplus.journeys.moment import Period
from periplus.journeys.session_rules import SessionOptions
from periplus.journeys.shards import each_shard
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.snapshot import Shard

__all__ = ["COUNTS", "MOST_VALUES", "FunnelQuestion", "answer", "people"]
COUNTS = ("reached", "stopped", "open")
OTHERS = ("label", "rate", "median_seconds", "quantiles", "histogram", "difference", "low", "high", "p")


class FunnelQuestion(Question):
    """`{"kind": "funnel", "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}]}`."""

    title: ClassVar[str] = "a funnel question"
    kind: Literal["funnel"] = "funnel"
    steps: list[Any]
    map: str | dict[str, Any] | None = None
    order: Literal["ordered", "strict", "any"] = "ordered"
    within: Any = None
    exclude: list[Any] | None = None
    hold: list[str] | None = None
    breakdown_step: int = 0
    bucket: Bucket | None = None
    compare: Any = None
    quantiles: list[Any] | None = None
    histogram: Any = None
    unit: Literal["customers", "journeys", "sessions"] = "customers"
    attempts: Literal["best", "every"] = "best"
    sessions: SessionOptions | None = None
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def answer(question: FunnelQuestion, context: Context) -> Result:
    """Rows by side, breakdown value, bucket and step; those who are gone stand at the last step they did."""
    planned = plan(question, context)
    quantiles = None if question.quantiles is None else funnel_times.quantiles_of(question.quantiles)
    histogram = question.histogram
    bins = None if histogram is None or histogram is False else funnel_times.bins_of(histogram)
    timed = quantiles is not None or bins is not None
    asked, counted = _counted(question, planned, timed, context)
    steps, groups = len(planned.titles), asked.groups
    order = groups.order(np.sum([side.counts["reached"][:, 0] for side in counted], axis=0))
    rows: list[Row] = []
    for side, there in zip(asked.sides, counted, strict=True):
        more = _times(there, groups.width * steps, quantiles, bins)
        own = _rows(asked, side, there, order, planned.titles)
        if more or len(counted) == 2:
            for row, (group, step) in zip(own, _cells(groups, order, steps), strict=True):
                row |= {name: values[group * steps + step] if step else None for name, values in more.items()}
                if len(counted) == 2:
                    row |= _against(counted, side is asked.sides[0], group, step)
        rows += own
    totals = _totals(counted[0])
    if timed:
        totals["median_seconds"] = _median_of_converted(counted[0], steps)
    warnings = [*planned.warnings, *groups.warnings, *asked.warnings]
    return Result(planned.asked, rows, planned.span.now, planned.span.now_from, totals, [], warnings)


@dataclass(frozen=True)
class _Asked:
    """The sides of a funnel with the attempts found on each, and the groups they are counted in: those of side k
    are the k-th of as many equal parts of `groups.of`."""

    sides: list[Side]
    found: list[list[Found]]
    groups: Groups
    warnings: list[str]

    def of(self, side: int) -> list[tuple[Found, np.ndarray]]:
        """The parts of a side, with the group of each attempt; -1: it is not on this side."""
        shards = len(self.found[side])
        kept = self.sides[side].kept
        parts = zip(self.found[side], self.groups.of[side * shards : (side + 1) * shards], strict=True)
        return [(part, of if kept is None else np.where(kept(part), of, -1)) for part, of in parts]


@dataclass(frozen=True)
class _Counted:
    """What one side comes to: counts int64[groups, steps] by field, the partial tallies, keys of the times from the
    start where they are asked for."""

    counts: dict[str, np.ndarray]
    parts: list[Tally]
    since_start: list[np.ndarray]


def _asked(question: FunnelQuestion, planned: Plan, context: Context) -> _Asked:
    """The attempts of all sides. Their groups are known only when all are found."""
    values = None
    if planned.breakdown is not None:
        names = None if question.order == "any" else planned.names[question.breakdown_step]
        values = values_of(planned.breakdown, names, planned.sessions, planned.span.now, context)
    sides = sides_of(question, planned, values, context)
    # Sides that look at the same attempts need them found once.
    plans = list({id(side.plan): side.plan for side in sides}.values())
    by_plan = {id(each): each_shard(context, partial(attempts_of, each)) for each in plans}
    found = [by_plan[id(side.plan)] for side in sides]
    breaking = None if isinstance(question.compare, Mapping) and "values" in question.compare else values
    groups = groups_of(question, planned, breaking, [part for parts in found for part in parts], context)
    return _Asked(sides, found, groups, _shared(sides, found))


def _shared(sides: list[Side], found: list[list[Found]]) -> list[str]:
    """A sentence on attempts that are on both sides."""
    if len(sides) < 2 or any(side.kept is None for side in sides):
        return []
    kept = [side.kept for side in sides if side.kept is not None]
    both = sum(int((kept[0](part) & kept[1](part)).sum()) for part in found[0])
    if not both:
        return []
    return [f"{both} are on both sides: the interval and p of the difference suppose that nobody is."]


def _counted(
    question: FunnelQuestion, planned: Plan, timed: bool, context: Context
) -> tuple[_Asked, list[_Counted]]:
    """The counts of each side. With nothing to tell apart, attempts are counted where they are found."""
    if not timed and question.breakdown is None and question.bucket is None and question.compare is None:

        def work(shard: Shard) -> Tally:
            return tallied(attempts_of(planned, shard).attempts, None, 1, shard.time)

        alone = _Asked([Side(None, planned)], [], Groups([None], None, [], -1, []), [])
        return alone, [_summed(each_shard(context, work), [])]
    asked = _asked(question, planned, context)
    counted = []
    for side in range(len(asked.sides)):
        parts, since_start = [], []
        for part, group in asked.of(side):
            attempts, own = part.attempts, group
            if (group < 0).any():
                attempts, own = some(part.attempts, group >= 0), group[group >= 0]
            parts.append(tallied(attempts, own, asked.groups.width, part.shard.time))
            if timed:
                since_start.append(funnel_times.since_start(attempts, own, part.shard.time))
        counted.append(_summed(parts, since_start))
    return asked, counted


def _summed(parts: list[Tally], since_start: list[np.ndarray]) -> _Counted:
    counts = {field: np.sum([getattr(part, field) for part in parts], axis=0) for field in COUNTS}
    return _Counted(counts, parts, since_start)


def _cells(groups: Groups, order: list[int], steps: int) -> Iterator[tuple[int, int]]:
    """(group, step) of the rows of a side, in their order."""
    span = groups.span
    for place in order:
        for group in range(place * span, (place + 1) * span):
            for step in range(steps):
                yield group, step


def _rows(asked: _Asked, side: Side, there: _Counted, order: list[int], titles: list[str]) -> list[Row]:
    """The rows of a side: by breakdown value, bucket and step."""
    groups, steps, span = asked.groups, len(titles), asked.groups.span
    medians = tables.medians([part.seconds for part in there.parts], groups.width * steps)
    reached, stopped, still_open = (there.counts[field].tolist() for field in COUNTS)
    buckets = None if groups.buckets is None else [groups.buckets.label(n) for n in range(span)]
    rows = []
    for group, step in _cells(groups, order, steps):
        row: Row = {"step": step, "label": titles[step], "breakdown": groups.values[group // span]}
        if buckets is not None:
            row["bucket"] = buckets[group % span]
        if len(asked.sides) > 1:
            row["side"] = side.label
        first = reached[group][0]
        row["reached"] = reached[group][step]
        row["stopped"] = stopped[group][step]
        row["open"] = still_open[group][step]
        row["rate"] = reached[group][step] / first if first else None
        row["median_seconds"] = medians[group * steps + step]
        rows.append(row)
    return rows


def _times(
    there: _Counted, groups: int, quantiles: list[float] | None, bins: int | list[int] | None
) -> dict[str, list[Any]]:
    """The fields on how long it takes from the start, each by group * steps + step."""
    found: dict[str, list[Any]] = {}
    if quantiles is not None:
        each = [tables.quantiles(there.since_start, groups, q) for q in quantiles]
        names = [f"{q:g}" for q in quantiles]
        found["quantiles"] = [dict(zip(names, cell, strict=True)) for cell in zip(*each, strict=True)]
    if bins is not None:
        found["histogram"] = funnel_times.histogram(there.since_start, groups, bins)
    return found


def _median_of_converted(there: _Counted, steps: int) -> float | None:
    """The median time from the first step to the last, of all groups together."""
    last = [
        keys[(keys >> tables.SHIFT) % steps == steps - 1] & ((1 << tables.SHIFT) - 1)
        for keys in there.since_start
    ]
    return tables.medians(last, 1)[0]


def _against(counted: list[_Counted], first: bool, group: int, step: int) -> Row:
    """The rate of the first side less that of the other, on the rows of the first."""
    if not first or not step:
        return dict.fromkeys(("difference", "low", "high", "p"))
    pairs = [
        (int(side.counts["reached"][group, step]), int(side.counts["reached"][group, 0])) for side in counted
    ]
    return difference(pairs[0], pairs[1])


def _totals(there: _Counted) -> Row:
    reached = there.counts["reached"]
    return {
        "entered": int(reached[:, 0].sum()),
        "converted": int(reached[:, -1].sum()),
        "stopped": int(there.counts["stopped"].sum()),
        "open": int(there.counts["open"].sum()),
    }


def people(question: FunnelQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who reached a step, or stopped or is open there: `{"step": 1}`, with a `breakdown`, `bucket` and `side` if
    these were asked for.

    `time` is that of the event which served the step; journeys and sessions have their `start` and `end`.
    """
    keys = ("step", "breakdown", "bucket", "side")
    entries.check_row(row, keys, (*OTHERS, *COUNTS))
    entries.check_field(field, COUNTS, (*keys, *OTHERS))
    planned = plan(question, context)
    steps = len(planned.titles)
    step = row.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < steps:
        raise QuestionError(
            f"The row's step is {step!r}.",
            code="row",
            hint=f'Name a step from 0 to {steps - 1}: {{"step": 1}}.',
        )
    asked = _asked(question, planned, context)
    side = 0
    if len(asked.sides) > 1 and row.get("side") is not None:
        side = entries.one_of(row, "side", [each.label for each in asked.sides])
    named = asked.groups.of_row(row)
    listed: list[Row] = []
    for part, group in asked.of(side):
        tried = part.attempts
        kept = (tried.rows[:, step] >= 0) & (group >= 0)
        kept &= named[np.maximum(group, 0)]
        if field != "reached":
            kept &= (tried.furthest == step) & (step < steps - 1)
            kept &= tried.open if field == "open" else ~tried.open
        listed += part.entries(np.flatnonzero(kept), step)
    return entries.listed(listed, context)


def _chart(found: Answer) -> Any:
    if found.question.get("bucket"):
        last = max((row["step"] for row in found.rows), default=0)
        rates = replace(found, rows=[row for row in found.rows if row["step"] == last])
        return chart.lines(rates, "bucket", "breakdown", "rate")
    if found.question.get("compare"):
        sides = [row | {"breakdown": row["side"]} for row in found.rows]
        found = replace(found, rows=sides, question=found.question | {"breakdown": "side"})
    return chart.funnel(found)


kinds.add("funnel", QuestionKind(FunnelQuestion, answer, people, _chart, customers=True, breakdown=True))
