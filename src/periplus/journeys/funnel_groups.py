"""The groups whose attempts a funnel counts apart: values of the breakdown, and buckets of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from periplus.errors import QuestionError
from periplus.journeys import entries, notice, reading
from periplus.journeys.breakdown import OTHER, Values
from periplus.journeys.buckets import Buckets, covering
from periplus.journeys.funnel_find import Found
from periplus.journeys.funnel_plan import Plan
from periplus.journeys.moment import ALWAYS, first_seen
from periplus.question import Context

if TYPE_CHECKING:
    from periplus.journeys.funnel import FunnelQuestion

MOST_VALUES = 1000
MOST_ROWS = 200_000
AN_ID = 20 * MOST_VALUES
"""With more values than this a property is no breakdown: it is nearly another one for everybody."""


@dataclass(frozen=True)
class Groups:
    """The groups of a funnel: place * buckets + bucket, for each of `values` and of `buckets` (None: all in one).

    `of[k]` int64[a] is the group of each attempt of part k; -1: in none. `other` is the place of the values beyond
    the limit, -1 where all are shown.
    """

    values: list[Any]
    buckets: Buckets | None
    of: list[np.ndarray]
    other: int
    warnings: list[str]

    @property
    def span(self) -> int:
        """How many buckets a value has."""
        return 1 if self.buckets is None else len(self.buckets)

    @property
    def width(self) -> int:
        return len(self.values) * self.span

    def order(self, entered: np.ndarray) -> list[int]:
        """Places of values by how many entered, then by value; what has no value and what is `(other)` last."""
        of_value = entered.reshape(len(self.values), self.span).sum(axis=1)

        def last(place: int) -> int:
            return 2 if self.values[place] is None else 1 if place == self.other else 0

        return sorted(
            range(len(self.values)),
            key=lambda place: (last(place), -int(of_value[place]), reading.form(self.values[place])),
        )

    def of_row(self, row: Mapping[str, Any]) -> np.ndarray:
        """bool per group: those that a row names; values by their text form, so that "7" opens the row 7."""
        kept = np.ones((len(self.values), self.span), np.bool_)
        if "breakdown" in row and self.values != [None]:
            value = row["breakdown"]
            if value is None:
                place = self.values.index(None) if None in self.values else -1
            else:
                forms = [None if each is None else reading.form(each) for each in self.values]
                place = entries.one_of({"breakdown": reading.form(value)}, "breakdown", forms)
            kept[[each for each in range(len(self.values)) if each != place]] = False
        if self.buckets is not None and row.get("bucket") is not None:
            labels = [self.buckets.label(index) for index in range(self.span)]
            kept[:, np.arange(self.span) != entries.one_of(row, "bucket", labels)] = False
        return kept.reshape(-1)


def groups_of(
    question: FunnelQuestion, planned: Plan, values: Values | None, found: Sequence[Found], context: Context
) -> Groups:
    """The group of each attempt found; raises QuestionError where there would be too many rows."""
    shown: list[Any] = [None]
    of = [np.zeros(len(part.attempts.segment), np.int64) for part in found]
    other, warnings = -1, []
    if values is not None:
        warnings = _unknown(question, context)
        for place, part in enumerate(found):
            at = part.attempts.rows[:, question.breakdown_step].astype(np.int64)
            of[place] = np.where(at >= 0, values.at(part.shard.index, np.maximum(at, 0)), -1)
        shown, of, other, said = _most_frequent(values, of)
        warnings += said
    buckets = None
    if question.bucket is not None:
        buckets = _buckets(question, planned, context)
        of = [
            place * len(buckets) + np.clip(buckets.of(part.moment), 0, len(buckets) - 1)
            for place, part in zip(of, found, strict=True)
        ]
    groups = Groups(shown, buckets, of, other, warnings)
    if groups.width * len(planned.titles) > MOST_ROWS:
        raise QuestionError(
            f"There would be {groups.width * len(planned.titles):,} rows.",
            code="too_many",
            hint="Ask for larger buckets, a shorter period, fewer steps, or no breakdown.",
        )
    return groups


def _unknown(question: FunnelQuestion, context: Context) -> list[str]:
    """A sentence for a property that no event has a value of."""
    name = question.breakdown or ""
    if name.startswith(("session.", "segment.")):
        return []
    return notice.of_values([reading.full_path(name, "breakdown")], context.snapshot.properties)


def _buckets(question: FunnelQuestion, planned: Plan, context: Context) -> Buckets:
    assert question.bucket is not None
    span = planned.span
    first = first_seen(context, span.now) if span.since <= -ALWAYS else span.since
    last = max(min(span.until - 1, span.now), first)
    return covering(question.bucket, span.zone, context.settings.week_start, first, last)


def _most_frequent(
    values: Values, of: list[np.ndarray]
) -> tuple[list[Any], list[np.ndarray], int, list[str]]:
    """Values in the order of their codes, then `(other)` for those beyond the limit, then None; the place of each
    attempt among them, that of `(other)` or -1, and what to say of it."""
    known = len(values.known)
    counts = np.zeros(known, np.int64)
    for codes in of:
        counts += np.bincount(codes[codes >= 0], minlength=known)
    order = [code for code in np.argsort(-counts, kind="stable").tolist() if counts[code]]
    place = np.full(known + 1, -1, np.int64)
    kept = sorted(order[:MOST_VALUES])
    shown = [values.known[code] for code in kept]
    place[kept] = np.arange(len(kept))
    other, said = -1, []
    if len(order) > MOST_VALUES:
        other = len(shown)
        place[order[MOST_VALUES:]] = other
        shown.append(OTHER)
        said.append(
            f"The breakdown has {len(order)} values; {len(order) - MOST_VALUES} of them are together in {OTHER}."
        )
        if len(order) > AN_ID:
            said.append(
                "So many values tell nothing apart. Break down by a property with fewer, not by an id."
            )
    if any((codes < 0).any() for codes in of):
        place[known] = len(shown)
        shown.append(None)
    # Code -1, no value, is the last entry of `place`.
    return shown, [place[codes] for codes in of], other, said
