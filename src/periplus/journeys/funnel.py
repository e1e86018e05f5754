"""The question `funnel`: how far customers, or journeys, get along some steps, and where they are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np

from periplus.errors import QuestionError
from periplus.journeys import chart, entries, notice, reading, tables
from periplus.journeys.funnel_find import Found, attempts_of
from periplus.journeys.funnel_plan import Plan, plan
from periplus.journeys.funnel_tally import Tally, tallied
from periplus.journeys.moment import Period
from periplus.journeys.session_rules import SessionOptions
from periplus.journeys.shards import each_shard
from periplus.question import Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.snapshot import Shard

COUNTS = ("reached", "stopped", "open")
OTHER = "(other)"
MOST_VALUES = 1000


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
    breakdown: str | None = None
    breakdown_step: int = 0
    unit: Literal["customers", "journeys", "sessions"] = "customers"
    attempts: Literal["best", "every"] = "best"
    sessions: SessionOptions | None = None
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def answer(question: FunnelQuestion, context: Context) -> Result:
    """Rows by breakdown value and step; those who are gone stand at the last step they did."""
    planned = plan(question, context)
    steps = len(planned.titles)
    groups, parts = _tallies(question, planned, context)
    width = len(groups.values)
    counts = {field: np.sum([getattr(part, field) for part in parts], axis=0) for field in COUNTS}
    medians = tables.medians([part.seconds for part in parts], width * steps)
    rows: list[Row] = []
    for place in groups.order(counts["reached"][:, 0]):
        first = int(counts["reached"][place, 0])
        for step, label in enumerate(planned.titles):
            reached = int(counts["reached"][place, step])
            rows.append(
                {
                    "step": step,
                    "label": label,
                    "breakdown": groups.values[place],
                    "reached": reached,
                    "stopped": int(counts["stopped"][place, step]),
                    "open": int(counts["open"][place, step]),
                    "rate": reached / first if first else None,
                    "median_seconds": medians[place * steps + step],
                }
            )
    totals = {
        "entered": int(counts["reached"][:, 0].sum()),
        "converted": int(counts["reached"][:, -1].sum()),
        "stopped": int(counts["stopped"].sum()),
        "open": int(counts["open"].sum()),
    }
    warnings = [*planned.warnings, *groups.warnings]
    return Result(planned.asked, rows, planned.span.now, planned.span.now_from, totals, [], warnings)


def _tallies(question: FunnelQuestion, planned: Plan, context: Context) -> tuple[_Groups, list[Tally]]:
    """The counts of each shard, and the groups they are by.

    Without a breakdown an attempt is counted where it is found; with one, its value is known only when all are.
    """
    if planned.breakdown is None:

        def work(shard: Shard) -> Tally:
            return tallied(attempts_of(planned, shard).attempts, None, 1, shard.time)

        return _Groups(question, planned, [], context), each_shard(context, work)
    found = each_shard(context, lambda shard: attempts_of(planned, shard))
    groups = _Groups(question, planned, found, context)
    width = len(groups.values)

    def count(shard: Shard) -> Tally:
        return tallied(found[shard.index].attempts, groups.of[shard.index], width, shard.time)

    return groups, each_shard(context, count)


class _Groups:
    """Which breakdown value each attempt has. Without a breakdown all have the one value None."""

    def __init__(self, question: FunnelQuestion, planned: Plan, found: list[Found], context: Context) -> None:
        self.values: list[Any] = [None]
        self.warnings: list[str] = []
        self.of = [np.zeros(len(part.attempts.segment), np.int64) for part in found]
        if planned.breakdown is None:
            return
        properties = context.snapshot.properties
        if not notice.known(planned.breakdown, properties):
            self.warnings.append(notice.property_warning(planned.breakdown, properties))
        names = None if question.order == "any" else planned.names[question.breakdown_step]
        values = reading.read(context.snapshot, [planned.breakdown], names)
        for place, part in enumerate(found):
            at = part.attempts.rows[:, question.breakdown_step].astype(np.int64)
            code = values.at(part.shard.index, np.maximum(at, 0))
            self.of[place] = np.where(at >= 0, code, -1)
        self._keep_most_frequent(values)

    def _keep_most_frequent(self, values: reading.Values) -> None:
        """Values in the order of their codes, None, and `(other)` for those beyond the limit."""
        known = len(values.known)
        counts = np.sum([np.bincount(of[of >= 0], minlength=known) for of in self.of], axis=0)
        order = [code for code in np.argsort(-counts, kind="stable").tolist() if counts[code]]
        place = np.full(known + 1, -1, np.int64)
        kept = sorted(order[:MOST_VALUES])
        self.values = [values.known[code] for code in kept]
        place[kept] = np.arange(len(kept))
        if len(order) > MOST_VALUES:
            place[order[MOST_VALUES:]] = len(self.values)
            self.values.append(OTHER)
            self.warnings.append(
                f"The breakdown has {len(order)} values; "
                f"{len(order) - MOST_VALUES} of them are together in {OTHER}."
            )
        if any((of < 0).any() for of in self.of):
            place[known] = len(self.values)
            self.values.append(None)
        # Code -1, no value, is the last entry of `place`.
        self.of = [place[of] for of in self.of]

    def order(self, entered: np.ndarray) -> list[int]:
        """Groups by how many entered, then by value; what has no value and what is `(other)` last."""

        def last(place: int) -> int:
            value = self.values[place]
            return 2 if value is None else 1 if place == self._other else 0

        return sorted(
            range(len(self.values)),
            key=lambda place: (last(place), -int(entered[place]), reading.form(self.values[place])),
        )

    @property
    def _other(self) -> int:
        """The place of the `(other)` made here (a value may be called so too); -1 where there is none."""
        return MOST_VALUES if len(self.values) > MOST_VALUES and self.values[MOST_VALUES] == OTHER else -1

    def place(self, value: Any) -> int:
        """The group that a row names; by text form, so that "7" opens the row 7."""
        if value is None:
            return self.values.index(None) if None in self.values else -1
        forms = [None if each is None else reading.form(each) for each in self.values]
        return entries.one_of({"breakdown": reading.form(value)}, "breakdown", forms)


def people(question: FunnelQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who reached a step, or stopped or is open there: `{"step": 1}`, with a `breakdown` if it was asked for.

    `time` is that of the event which served the step; `steps` the times of all steps done.
    """
    others = ("label", "rate", "median_seconds")
    entries.check_row(row, ("step", "breakdown"), (*others, *COUNTS))
    entries.check_field(field, COUNTS, ("step", "breakdown", *others))
    planned = plan(question, context)
    steps = len(planned.titles)
    step = row.get("step")
    if not isinstance(step, int) or isinstance(step, bool) or not 0 <= step < steps:
        raise QuestionError(
            f"The row's step is {step!r}.",
            code="row",
            hint=f'Name a step from 0 to {steps - 1}: {{"step": 1}}.',
        )
    found = each_shard(context, lambda shard: attempts_of(planned, shard))
    group = None
    if planned.breakdown is not None and "breakdown" in row:
        groups = _Groups(question, planned, found, context)
        group = (groups.of, groups.place(row["breakdown"]))
    listed: list[Row] = []
    for place, part in enumerate(found):
        tried = part.attempts
        kept = tried.rows[:, step] >= 0
        if field != "reached":
            kept &= (tried.furthest == step) & (step < steps - 1)
            kept &= tried.open if field == "open" else ~tried.open
        if group is not None:
            kept &= group[0][place] == group[1]
        listed += part.entries(np.flatnonzero(kept), step)
    return entries.listed(listed, context)


kinds.add("funnel", QuestionKind(FunnelQuestion, answer, people, chart.funnel, customers=True))
