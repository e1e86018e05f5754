"""The question `map`: every step of a map with who came, and where they went from there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from periplus.errors import QuestionError
from periplus.journeys import chart, customers, entries, labels, notice, tables, value
from periplus.journeys.apart import told_apart
from periplus.journeys.fold import (
    CUSTOMERS,
    GROSS,
    JOURNEYS,
    NET,
    WITH_GOAL,
    Folded,
    Part,
    chosen,
    fold,
    stage_runs,
    summed,
)
from periplus.journeys.moment import Period, Span, resolve
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.shards import each_shard
from periplus.journeys.walk import OUTCOMES, STATES, Walked, in_no_journey, walk
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds

STEP_COUNTS = ("visits", "journeys", "customers", *OUTCOMES, "reached")
STAGE_COUNTS = ("visits", *OUTCOMES)
TOTAL_COUNTS = ("journeys", *STATES, "off_map", "outside", "unidentified")
_MONEY = ("value", "value_gross")


class MapQuestion(Question):
    """`{"kind": "map", "map": "shop"}`: a map by name or as a whole document."""

    title: ClassVar[str] = "a map question"
    kind: Literal["map"] = "map"
    map: str | dict[str, Any]
    unit: Literal["journeys"] = "journeys"
    period: Period | None = None
    now: Any = None
    zone: str | None = None


@dataclass(frozen=True)
class Plan:
    """A map question understood: the rules of its journeys, when, and how events are labelled."""

    rules: JourneyRules
    span: Span
    labels: labels.ByShard
    among: customers.Among

    @property
    def stage(self) -> np.ndarray:
        """int64[steps]: the stage of each step."""
        return np.array([self.rules.stages.index(step.stage) for step in self.rules.steps], np.int64)

    def walk(self, shard: Any) -> Walked:
        span = self.span
        among = self.among(shard)
        return walk(shard, self.labels(shard), self.rules, span.now, span.since, span.until, among)


def plan(question: MapQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises NotFoundError, DocumentError, QuestionError."""
    rules = with_stages(meanings["map"](question.map, context.documents))
    span = resolve(question.period, question.now, question.zone, context)
    return Plan(
        rules,
        span,
        labels.codes(
            context.snapshot, [step.rule for step in rules.steps], when=customers.of_map(span, context)
        ),
        customers.among(question, span, context),
    )


def with_stages(rules: JourneyRules) -> JourneyRules:
    """The rules with their stages listed, in the order in which they first occur."""
    from dataclasses import replace

    if rules.stages:
        return rules
    return replace(rules, stages=tuple(dict.fromkeys(step.stage for step in rules.steps)))


def answer(question: MapQuestion, context: Context) -> Result:
    """Counts of steps, of stages and of the map."""
    planned = plan(question, context)
    rules, span, stage = planned.rules, planned.span, planned.stage
    orders = value.read_orders(context)
    worth = value.on_journeys(orders, span.now)

    def work(shard: Any) -> Part:
        walked = planned.walk(shard)
        return fold(walked, span, stage, *worth(walked))

    found = summed(each_shard(context, work), stage, len(rules.stages))
    medians = tables.medians(found.seconds, len(rules.steps), found.zeros)
    unseen = notice.steps_without_events([(step.id, step.rule) for step in rules.steps], context.snapshot)
    return Result(
        question={"kind": "map", "map": question.map, "unit": "journeys", **span.document()},
        rows=[
            _row(rules, index, found, medians[index])
            for index, step in enumerate(rules.steps)
            if step.rule is not None
        ],
        totals={
            "journeys": int(found.totals[: len(STATES)].sum()),
            **{state: int(found.totals[index]) for index, state in enumerate(STATES)},
            "value": int(found.totals[3]),
            "value_gross": int(found.totals[4]),
            "off_map": found.off_map,
            "outside": found.outside,
            "unidentified": int(_nobody(question, span, context).sum()),
        },
        stages=[
            {"stage": name, "visits": int(counts.sum()), **_outcomes(counts)}
            for name, counts in zip(rules.stages, found.stages, strict=True)
        ],
        now=span.now,
        now_from=span.now_from,
        warnings=[*unseen, *(orders.warnings if orders else [])],
    )


def _row(rules: JourneyRules, index: int, found: Folded, median: float | None) -> Row:
    step, counts = rules.steps[index], found.counts[index]
    return {
        "stage": step.stage,
        "step": step.id,
        "name": step.name,
        "visits": int(found.outcomes[index].sum()),
        "journeys": int(counts[JOURNEYS]),
        "customers": int(counts[CUSTOMERS]),
        **_outcomes(found.outcomes[index]),
        "reached": int(counts[WITH_GOAL]),
        "median_seconds": median,
        "value": int(counts[NET]),
        "value_gross": int(counts[GROSS]),
    }


def _outcomes(counts: np.ndarray) -> Row:
    return {name: int(counts[place]) for place, name in enumerate(OUTCOMES)}


def _nobody(question: MapQuestion, span: Span, context: Context) -> np.ndarray:
    """bool per unidentified event: seen, and in the period. Where some customers are meant, nobody is none of them."""
    time, _ = context.snapshot.unidentified()
    return (question.customers is None) & (time >= span.since) & (time < span.until) & (time <= span.now)


# -- people ------------------------------------------------------------------------------------


def people(question: MapQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is behind a count of a step (`{"step": …}`), of a stage (`{"stage": …}`) or of the map (`{}`)."""
    entries.check_row(
        row, ("step", "stage"), ("name", "median_seconds", *_MONEY, *STEP_COUNTS, *TOTAL_COUNTS)
    )
    planned = plan(question, context)
    if row.get("step") is not None:
        entries.check_field(field, STEP_COUNTS, (*_MONEY, "median_seconds", "stage", "step", "name"))
        step = entries.one_of(row, "step", [step.id for step in planned.rules.steps])
        found = each_shard(context, lambda shard: _of_step(planned, planned.walk(shard), step, field))
    elif row.get("stage") is not None:
        entries.check_field(field, STAGE_COUNTS, ("stage",))
        stage = entries.one_of(row, "stage", planned.rules.stages)
        found = each_shard(context, lambda shard: _of_stage(planned, planned.walk(shard), stage, field))
    else:
        entries.check_field(field, TOTAL_COUNTS, _MONEY)
        if field == "unidentified":
            return _unidentified(question, planned.span, context)
        found = each_shard(context, lambda shard: _of_map(planned, planned.walk(shard), field, context))
    return entries.listed([entry for part in found for entry in part], context)


def _of_step(planned: Plan, walked: Walked, step: int, field: str) -> list[Row]:
    visits, _ = chosen(walked, planned.span)
    here = np.flatnonzero(visits & (walked.step == step))
    if field in OUTCOMES:
        here = here[walked.outcome[here] == OUTCOMES.index(field)]
    if field == "visits" or field in OUTCOMES:
        return _visits(planned, walked, here, here)
    _, first = np.unique(walked.journey[here], return_index=True)
    once = here[first]
    if field == "reached":
        once = once[walked.last_goal[walked.journey[once]] >= walked.first[once]]
    if field == "customers":
        _, first = np.unique(walked.customer[walked.journey[once]], return_index=True)
        return customers_at(walked, walked.customer[walked.journey[once[first]]], walked.first[once[first]])
    return journeys_at(walked, walked.journey[once], walked.first[once])


def _of_stage(planned: Plan, walked: Walked, stage: int, field: str) -> list[Row]:
    visits, _ = chosen(walked, planned.span)
    first, last, outcome = stage_runs(walked, planned.stage)
    kept = visits[first] & (planned.stage[walked.step[first]] == stage)
    if field != "visits":
        kept &= outcome == OUTCOMES.index(field)
    return _visits(planned, walked, first[kept], last[kept])


def _of_map(planned: Plan, walked: Walked, field: str, context: Context) -> list[Row]:
    if field in ("off_map", "outside"):
        return _events(planned, walked, field, context)
    _, journeys = chosen(walked, planned.span)
    if field != "journeys":
        journeys &= walked.state == STATES.index(field)
    kept = np.flatnonzero(journeys)
    return journeys_at(walked, kept, walked.begin[kept])


def _visits(planned: Plan, walked: Walked, first: np.ndarray, last: np.ndarray) -> list[Row]:
    """One entry per visit (or run of visits), with its step and its times."""
    time, customers = walked.shard.time, walked.shard.customers
    return [
        {
            "customer": int(customers[walked.customer[walked.journey[a]]]),
            "time": int(time[walked.first[a]]),
            "start": int(time[walked.first[a]]),
            "end": int(time[walked.last[b]]),
            "step": planned.rules.steps[walked.step[a]].id,
        }
        for a, b in zip(first, last, strict=True)
    ]


def journeys_at(walked: Walked, journeys: np.ndarray, rows: np.ndarray) -> list[Row]:
    """One entry per journey: `time` is that of the row given, `start` and `end` are the journey's."""
    time, customers, end = walked.shard.time, walked.shard.customers, walked.end
    return [
        {
            "customer": int(customers[walked.customer[journey]]),
            "time": int(time[row]),
            "start": int(time[walked.begin[journey]]),
            "end": int(time[end[journey]]),
        }
        for journey, row in zip(journeys, rows, strict=True)
    ]


def customers_at(walked: Walked, customers: np.ndarray, rows: np.ndarray) -> list[Row]:
    """One entry per customer (index into the shard's), at the time of a row."""
    return [
        {"customer": int(walked.shard.customers[customer]), "time": int(walked.shard.time[row])}
        for customer, row in zip(customers, rows, strict=True)
    ]


def _events(planned: Plan, walked: Walked, field: str, context: Context) -> list[Row]:
    """Events off the map, or on it but in no journey: one entry each."""
    shard, span = walked.shard, planned.span
    time = np.asarray(shard.time)
    off_map, outside = in_no_journey(walked, span.now, span.since, span.until)
    rows = np.flatnonzero(off_map if field == "off_map" else outside)
    owner = np.searchsorted(np.asarray(shard.offsets), rows, "right") - 1
    return [
        {
            "customer": int(shard.customers[customer]),
            "time": int(time[row]),
            "event": context.snapshot.names[shard.name[row]],
        }
        for customer, row in zip(owner, rows, strict=True)
    ]


def _unidentified(question: MapQuestion, span: Span, context: Context) -> list[Row]:
    time, name = context.snapshot.unidentified()
    kept = _nobody(question, span, context)
    found = [
        {"customer": 0, "time": int(moment), "event": context.snapshot.names[code]}
        for moment, code in zip(time[kept], name[kept], strict=True)
    ]
    return entries.listed(found, context)


def _chart(found: Answer) -> Any:
    if not found.rows:
        raise QuestionError("This map has no measured step to draw.", code="empty")
    return chart.table(found, ["stage", "name"], ["visits", "journeys", "customers", *OUTCOMES, "reached"])


kinds.add("map", told_apart(QuestionKind(MapQuestion, answer, people, _chart, customers=True)))
