"""The question `lifecycle`: of each bucket's customers, who is new, returning, back after a gap, or gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, no_type_check

import numpy as np

from periplus.errors import QuestionError
from periplus.journeys import chart, customers, entries, labels, notice
from periplus.journeys.apart import told_apart
from periplus.journeys.buckets import Bucket, Buckets, covering
from periplus.journeys.moment import ALWAYS, Period, Span, first_seen, resolve
from periplus.journeys.shards import each_shard
from periplus.journeys.steps import condition_of
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

STATES = ("new", "returning", "resurrecting", "dormant")
NEW, RETURNING, RESURRECTING, DORMANT = range(4)
COUNTS = ("customers",)


class LifecycleQuestion(Question):
    """`{"kind": "lifecycle", "of": {"event": "Order Completed"}, "bucket": "month"}`; `of` defaults to any event."""

    title: ClassVar[str] = "a lifecycle question"
    kind: Literal["lifecycle"] = "lifecycle"
    of: Any = None
    bucket: Bucket = "week"
    period: Period | None = None
    now: Any = None
    zone: str | None = None


@dataclass(frozen=True)
class Plan:
    """A lifecycle question understood; rows are shown for the buckets `first` to `last`."""

    span: Span
    buckets: Buckets
    first: int
    last: int
    mask: labels.Masks
    among: customers.Among
    asked: Row
    warnings: list[str]

    def states(
        self, shard: Shard, cell: tuple[int, int] | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """int64[buckets, states] of a shard; customers and rows of one (bucket, state) asked for."""
        counts = np.zeros((len(self.buckets), len(STATES)), np.int64)
        bucket, state = cell or (-1, -1)
        mask, among = self.mask.of(shard), self.among(shard)
        if among is not None:
            mask[~among] = 0
        room = len(shard.customers) if cell else 0
        customer, row = np.empty(room, np.int64), np.empty(room, np.int64)
        found = _lifecycle(
            np.asarray(shard.offsets), np.asarray(shard.time), mask, self.buckets.edges,
            self.span.now, bucket, state, counts, customer, row,
        )  # fmt: skip
        return counts, customer[:found], row[:found]


def plan(question: LifecycleQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError."""
    of = condition_of({} if question.of is None else question.of, "of", None)
    span = resolve(question.period, question.now, question.zone, context)
    if span.by != "start":
        raise QuestionError(
            "A lifecycle's period says which buckets are shown.", code="period", hint='Leave out "by".'
        )
    begin = first_seen(context, span.now)
    buckets = covering(question.bucket, span.zone, context.settings.week_start, begin, span.now)
    first = 0 if span.since <= -ALWAYS else max(int(buckets.of(span.since)), 0)
    last = (
        len(buckets) - 1 if span.until >= ALWAYS else min(int(buckets.of(span.until - 1)), len(buckets) - 1)
    )
    asked = question.document() | {"of": of.document()} | span.document()
    mask = labels.masks(context.snapshot, [of], customers.when(span, context))
    among = customers.by_now(question, span, context)
    return Plan(span, buckets, first, last, mask, among, asked, notice.never_seen([of], context.snapshot))


def answer(question: LifecycleQuestion, context: Context) -> Result:
    """Four rows per bucket, in the order of STATES."""
    planned = plan(question, context)
    counts = np.sum([states for states, _, _ in each_shard(context, planned.states)], axis=0)
    rows: list[Row] = [
        {"bucket": planned.buckets.labels[bucket], "state": name, "customers": int(counts[bucket, state])}
        for bucket in range(planned.first, planned.last + 1)
        for state, name in enumerate(STATES)
    ]
    span = planned.span
    return Result(planned.asked, rows, span.now, span.now_from, {}, [], planned.warnings)


def people(question: LifecycleQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is in a state of a bucket; `time` is the first event in the bucket (dormant: the last one before it)."""
    entries.check_row(row, ("bucket", "state"), COUNTS)
    entries.check_field(field, COUNTS, ("bucket", "state"))
    planned = plan(question, context)
    for key in ("bucket", "state"):
        if row.get(key) is None:
            raise QuestionError(
                f"The row lacks its {key!r}.", code="row", hint="A row has a bucket and a state."
            )
    known = planned.buckets.labels
    cell = entries.one_of(row, "bucket", known), entries.one_of(row, "state", STATES)

    def work(shard: Shard) -> list[Row]:
        _, customers, rows = planned.states(shard, cell)
        return [
            {"customer": int(shard.customers[customer]), "time": int(shard.time[at])}
            for customer, at in zip(customers, rows, strict=True)
        ]

    return entries.listed([entry for part in each_shard(context, work) for entry in part], context)


@compiled(
    "i8(Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), u4[::1], i8[::1], "
    "i8, i8, i8, i8[:, ::1], i8[::1], i8[::1])"
)
@no_type_check
def _lifecycle(offsets, time, mask, edges, now, wanted, wanted_state, counts, customer, row):
    """A customer's active buckets in order: what each is to the one before."""
    buckets = edges.shape[0] - 1
    found = 0
    for c in range(offsets.shape[0] - 1):
        active = np.int64(-1)  # the last active bucket
        latest = np.int64(-1)  # the last row in it
        here = np.int64(-1)
        for r in range(offsets[c], offsets[c + 1]):
            if time[r] > now:
                break
            if not mask[r] & np.uint32(1):
                continue
            while here + 1 < buckets and edges[here + 1] <= time[r]:
                here += 1
            if here != active:
                if active < 0:
                    state = NEW
                elif here == active + 1:
                    state = RETURNING
                else:
                    state = RESURRECTING
                    counts[active + 1, DORMANT] += 1
                    if wanted == active + 1 and wanted_state == DORMANT:
                        customer[found] = c
                        row[found] = latest
                        found += 1
                counts[here, state] += 1
                if wanted == here and wanted_state == state:
                    customer[found] = c
                    row[found] = r
                    found += 1
                active = here
            latest = r
        if active >= 0 and active + 1 < buckets:
            counts[active + 1, DORMANT] += 1
            if wanted == active + 1 and wanted_state == DORMANT:
                customer[found] = c
                row[found] = latest
                found += 1
    return found


def _chart(found: Answer) -> Any:
    if not found.rows:
        raise QuestionError("There is no bucket in this period: there is nothing to draw.", code="empty")
    return chart.stacked(found, "bucket", "state", "customers", STATES)


kinds.add("lifecycle", told_apart(QuestionKind(LifecycleQuestion, answer, people, _chart, customers=True)))
