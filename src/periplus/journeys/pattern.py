"""The question `pattern`: which journeys go a certain way, by a regular expression over their steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from periplus.errors import QuestionError
from periplus.journeys import chart, customers, entries, labels, notice
from periplus.journeys.apart import told_apart
from periplus.journeys.fold import chosen
from periplus.journeys.map import customers_at, journeys_at, with_stages
from periplus.journeys.moment import Period, Span, resolve
from periplus.journeys.pattern_match import Matched, matches
from periplus.journeys.pattern_text import Program, program
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.shards import each_shard
from periplus.journeys.walk import Walked, walk
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.snapshot import Shard

COUNTS = ("journeys", "customers")
TOTALS = ("journeys", "matched", "customers")
OTHER, NOTHING = "(other)", "(nothing)"
MOST_ROWS = 1000


class PatternQuestion(Question):
    """`{"kind": "pattern", "map": "shop", "pattern": "product+ .* cart (?!checkout).{0,20}$"}`."""

    title: ClassVar[str] = "a pattern question"
    kind: Literal["pattern"] = "pattern"
    map: str | dict[str, Any]
    pattern: str
    top: int = Field(default=20, ge=1, le=MOST_ROWS)
    unit: Literal["journeys"] = "journeys"
    period: Period | None = None
    now: Any = None
    zone: str | None = None


@dataclass(frozen=True)
class Plan:
    """A pattern question understood: the journeys of its map, and the states of its pattern."""

    rules: JourneyRules
    program: Program
    span: Span
    labels: labels.ByShard
    among: customers.Among

    def of(self, shard: Shard) -> Part:
        """The journeys of a shard that the period selects, and what is found in them."""
        span = self.span
        among = self.among(shard)
        walked = walk(shard, self.labels(shard), self.rules, span.now, span.since, span.until, among)
        _, journeys = chosen(walked, span)
        return Part(walked, journeys, matches(walked, journeys, self.program))

    def name(self, steps: bytes) -> str:
        """A match as rows show it: the ids of its steps."""
        return " ".join(self.rules.steps[step].id for step in steps) or NOTHING


@dataclass(frozen=True)
class Part:
    """One shard: its walk, the journeys of the period bool[j], and the matches in them."""

    walked: Walked
    chosen: np.ndarray
    matched: Matched

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """int64 journeys and customers by what was matched; those of all shards add up."""
        found = np.flatnonzero(self.matched.way >= 0)
        way, width = self.matched.way[found], len(self.matched.ways)
        once = np.unique(self.walked.customer[found].astype(np.int64) * width + way)
        return np.bincount(way, minlength=width), np.bincount(once % max(width, 1), minlength=width)

    def where(self, ways: frozenset[bytes], among: bool) -> np.ndarray:
        """The journeys whose match is `among` some ways, or is none of these."""
        wanted = np.array([(way in ways) == among for way in self.matched.ways] + [False])
        return np.flatnonzero(wanted[self.matched.way])


def plan(question: PatternQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises NotFoundError, DocumentError, QuestionError."""
    rules = with_stages(meanings["map"](question.map, context.documents))
    found = program(question.pattern, [step.id for step in rules.steps])
    span = resolve(question.period, question.now, question.zone, context)
    when = customers.of_map(span, context)
    by_shard = labels.codes(context.snapshot, [step.rule for step in rules.steps], when=when)
    return Plan(rules, found, span, by_shard, customers.among(question, span, context))


def answer(question: PatternQuestion, context: Context) -> Result:
    """A row per way that was matched, the most frequent first, and the rest as `(other)`."""
    planned = plan(question, context)
    parts = each_shard(context, planned.of)
    kept, different = _ranked(parts, question.top)
    rows: list[Row] = [
        {"match": planned.name(steps), "journeys": journeys, "customers": customers}
        for steps, (journeys, customers) in kept
    ]
    if different > len(kept):
        shown = frozenset(steps for steps, _ in kept)
        rest = [part.walked.customer[part.where(shown, among=False)] for part in parts]
        rows.append(
            {
                "match": OTHER,
                "journeys": sum(len(each) for each in rest),
                "customers": sum(len(np.unique(each)) for each in rest),
            }
        )
    totals: Row = {
        "journeys": sum(int(np.count_nonzero(part.chosen)) for part in parts),
        "matched": sum(int(np.count_nonzero(part.matched.way >= 0)) for part in parts),
        "customers": sum(len(np.unique(part.walked.customer[part.matched.way >= 0])) for part in parts),
        "different": different,
    }
    unseen = notice.steps_without_events(
        [(step.id, step.rule) for step in planned.rules.steps], context.snapshot
    )
    asked = question.document() | planned.span.document()
    return Result(asked, rows, planned.span.now, planned.span.now_from, totals, [], unseen)


def _ranked(parts: list[Part], top: int) -> tuple[list[tuple[bytes, tuple[int, int]]], int]:
    """What was matched in all shards, the `top` most frequent first, the shorter one of equally frequent ones; and how
    many different matches there are."""
    ways = pa.array([way for part in parts for way in part.matched.ways], pa.binary()).dictionary_encode()
    of, texts = ways.indices.to_numpy(), ways.dictionary
    counts = np.zeros((2, len(texts)), np.int64)
    for total, each in zip(counts, zip(*(part.counts() for part in parts), strict=True), strict=True):
        np.add.at(total, of, np.concatenate(each))
    journeys, customers_ = counts
    # Only what may be among the first is put in order: there can be as many ways as there are journeys.
    least = np.partition(journeys, -top)[-top] if len(journeys) > top else 0
    listed = [
        (texts[place].as_py(), (int(journeys[place]), int(customers_[place])))
        for place in np.flatnonzero(journeys >= least).tolist()
    ]
    listed.sort(key=lambda each: (-each[1][0], len(each[0]), each[0]))
    return listed[:top], len(texts)


def people(question: PatternQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who went a way (`{"match": "cart checkout"}`), or of all (`{}`): one entry per journey, or per customer.

    `time` is where the match begins.
    """
    entries.check_row(row, ("match",), (*TOTALS, "different"))
    whole = row.get("match") is None
    entries.check_field(field, TOTALS if whole else COUNTS, ("match", "different"))
    planned = plan(question, context)
    parts = each_shard(context, planned.of)
    if whole:
        picked = [
            np.flatnonzero(part.chosen if field == "journeys" else part.matched.way >= 0) for part in parts
        ]
    else:
        ranked, different = _ranked(parts, question.top)
        kept = [steps for steps, _ in ranked]
        shown = [planned.name(steps) for steps in kept] + ([OTHER] if different > len(kept) else [])
        place = entries.one_of(row, "match", shown)
        among = place < len(kept)
        ways = frozenset(kept[place : place + 1] if among else kept)
        picked = [part.where(ways, among) for part in parts]
    listed = [
        entry
        for part, journeys in zip(parts, picked, strict=True)
        for entry in _entries(part, journeys, field)
    ]
    return entries.listed(listed, context)


def _entries(part: Part, journeys: np.ndarray, field: str) -> list[Row]:
    walked, begin = part.walked, part.matched.begin
    if field == "customers":
        _, first = np.unique(walked.customer[journeys], return_index=True)
        journeys = journeys[first]
    # A match of nothing at the end of a journey stands at its last visit, one that is missing at the first.
    visit = np.clip(begin[journeys], walked.visits[journeys], walked.visits[journeys + 1] - 1)
    rows = walked.first[visit]
    if field == "customers":
        return customers_at(walked, walked.customer[journeys], rows)
    return journeys_at(walked, journeys, rows)


def _chart(found: Answer) -> Any:
    if not found.rows:
        raise QuestionError("No journey matches: there is nothing to draw.", code="empty")
    return chart.table(found, ["match"], COUNTS)


kinds.add("pattern", told_apart(QuestionKind(PatternQuestion, answer, people, _chart, customers=True)))
