"""Answers split by segment or trait: whatever the kind, the parts add up to the whole, and each opens into its people."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus.errors import QuestionError
from periplus.question import Context, ask
from tests.journeys.logs import CROWD, check_people, context, examples, maps, moment, nows, periods, written
from tests.journeys.test_customers import lives

A, B, C = {"event": "A"}, {"event": "B"}, {"event": "C"}
SEGMENTS = {"seg": {"name": "seg", "condition": {"any": [{"trait": {"t": "x"}}, {"did": {"event": "B"}}]}}}
WAYS: dict[str, tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "retention": ({"start": A, "return": B, "bucket": "hour", "periods": 1}, ("cohort", "period"), ("size", "returned")),
    "lifecycle": ({"of": A, "bucket": "hour"}, ("bucket", "state"), ("customers",)),
    "attribution": ({"touches": A, "goal": C, "by": "v", "models": ["first", "last"], "lookback": "3s"}, ("model", "channel"), ("conversions", "won", "repeated")),
    "drivers": ({"goal": C, "of": A, "within": "2s", "early": "1s", "features": ["v"]}, ("feature", "value"), ("customers", "reached")),
    "site": ({"views": A, "searches": B, "reports": ["pages", "landing"], "sessions": {"gap": "1s"}}, ("report", "key"), ("views", "visits", "entries", "exits")),
    "funnel": ({"steps": [A, B, C], "within": "4s"}, ("step",), ("reached", "stopped", "open")),
    "timing": ({"steps": [A, B, C], "within": "4s", "quantiles": [0.5]}, ("source", "target"), ("attempts",)),
    "trend": ({"series": [{"of": A}, {"of": B}], "bucket": "hour"}, ("series", "bucket"), ("value",)),
}  # fmt: skip
"""Of each kind a question, the fields that name a row, and those that add up."""
ON_MAPS: dict[str, tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "map": ({}, ("step",), ("visits", "journeys", "onward", "back", "goal", "again", "stopped", "ended", "running", "reached")),
    "flow": ({}, ("source", "target"), ("visits", "journeys")),
    "pattern": ({"pattern": ".+", "top": 1000}, ("match",), ("journeys",)),
}  # fmt: skip


def stored(events: list[dict[str, Any]]) -> Context:
    def documents(kind: str, name: str) -> Any:
        return SEGMENTS.get(name) if kind == "segment" else None

    return replace(context(events), documents=documents, names=lambda kind: list(SEGMENTS))


def add_up(
    question: dict[str, Any], events: list[dict[str, Any]], keys: tuple[str, ...], counts: tuple[str, ...]
) -> None:
    there = stored(events)
    whole = ask({key: value for key, value in question.items() if key != "breakdown"}, there)
    split = ask(question, there)
    assert split.totals == whole.totals
    sums: dict[Any, dict[str, Any]] = defaultdict(lambda: dict.fromkeys(counts, 0))
    for place, row in enumerate(split.rows):
        for field in counts:
            sums[tuple(row[key] for key in keys)][field] += row[field]
        if place % (40 if CROWD else 3) == 0 and question["kind"] != "attribution":
            check_people(split, row, counts[:1])
    wanted = {tuple(row[key] for key in keys): {field: row[field] for field in counts} for row in whole.rows}
    got = {key: each for key, each in sums.items() if any(each.values())}
    assert got == {key: each for key, each in wanted.items() if any(each.values())}


breakdowns = st.sampled_from(["segment.seg", "traits.t", "traits.u", "traits.never"])


@examples(0.3)
@given(st.sampled_from(sorted(WAYS)), lives(), nows, periods(("start",)), breakdowns)
def test_the_parts_add_up_to_the_whole(kind, events, now, period, by):
    question, keys, counts = WAYS[kind]
    if kind == "lifecycle":
        keys, counts = ("bucket", "state"), ("customers",)
    asked = {"kind": kind, **question, "breakdown": by, "now": moment(now), "period": written(period)}
    add_up(asked, events, keys, counts)


@examples(0.2)
@given(st.sampled_from(sorted(ON_MAPS)), lives(), maps(), nows, periods(), breakdowns)
def test_journeys_add_up_too(kind, events, document, now, period, by):
    question, keys, counts = ON_MAPS[kind]
    asked = {
        "kind": kind,
        "map": document,
        **question,
        "breakdown": by,
        "now": moment(now),
        "period": written(period),
    }
    add_up(asked, events, keys, counts)  # fmt: skip


@examples(0.2)
@given(lives(), nows, st.sampled_from(["first", "every"]), breakdowns)
def test_cohorts_of_every_bucket_add_up(events, now, cohort, by):
    question, keys, counts = WAYS["retention"]
    add_up({"kind": "retention", **question, "cohort": cohort, "breakdown": by, "now": moment(now)}, events, keys, counts)  # fmt: skip


EVENTS = [
    {"customer": 1 << 61, "time": second * 1_000_000, "event": name, "properties": {}, "traits": {"t": value}}
    for second, name, value in ((1, "A", "x"), (2, "B", ["x", "y"]), (3, "A", 7))
]


def test_a_breakdown_that_makes_no_sense_is_told() -> None:
    there = stored(EVENTS)
    asked = {"kind": "lifecycle", "of": A}
    with pytest.raises(QuestionError, match="split by what customers are") as problem:
        ask({**asked, "breakdown": "category"}, there)
    assert "traits.t" in problem.value.allowed
    with pytest.raises(QuestionError) as problem:
        ask({**asked, "breakdown": "segment.sec"}, there)
    assert "seg" in problem.value.allowed
    split = ask({**asked, "breakdown": "traits.t"}, there)
    assert split.question["breakdown"] == "traits.t"
    assert {row["breakdown"] for row in split.rows} <= {"x", 7, None}
    with pytest.raises(QuestionError, match="no value"):
        split.people({**split.rows[0], "breakdown": "z"}, "customers")
    assert any("traits.never" in said for said in ask({**asked, "breakdown": "traits.never"}, there).warnings)
    split.chart().to_dict()


def test_a_trait_of_very_many_values() -> None:
    """The most frequent have parts of their own; the rest are together."""
    events = [
        {"customer": (n + 1) << 55, "time": n * 1_000_000, "event": "A", "properties": {}, "traits": {"t": f"v{n % 30:02}"}}
        for n in range(60)
    ]  # fmt: skip
    question, keys, counts = WAYS["retention"]
    asked = {"kind": "retention", **question, "breakdown": "traits.t"}
    found = ask(asked, stored(events))
    assert any("(other)" in said for said in found.warnings)
    assert {row["breakdown"] for row in found.rows} == {*(f"v{n:02}" for n in range(20)), "(other)"}
    add_up(asked, events, keys, counts)
