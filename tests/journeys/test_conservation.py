"""What all kinds hold among each other, on one log of many customers: the same journeys in funnel, flow and map whichever
way a period selects them, and behind every number as many people as it says."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest

from periplus.question import Answer
from tests.journeys.logs import SECOND, answer, moment

NAMES = ("A", "B", "C", "D", "X")
MAP = {
    "id": "m", "name": "m", "goal": ["three"], "lapse": "2s", "end": "restart",
    "stages": [
        {"name": "S", "steps": [{"id": "one", "name": "one", "rule": {"event": "A"}}, {"id": "two", "name": "two", "rule": {"event": "B"}}]},
        {"name": "T", "steps": [{"id": "three", "name": "three", "rule": {"event": "C"}}, {"id": "four", "name": "four", "rule": {"event": "D"}}]},
    ],
}  # fmt: skip
NOW = moment(9 * SECOND)
WAYS = ("start", "goal", "activity")
SPANS = ({}, {"from": moment(2 * SECOND), "to": moment(5 * SECOND)})
A, B, C = {"event": "A"}, {"event": "B"}, {"event": "C"}


def log(customers: int = 120) -> list[dict[str, Any]]:
    """Customers with no event, with one, with many; equal times, the same event again, events of nobody."""
    dice = Random(11)
    found = []
    for number in range(customers):
        for _ in range(dice.choice([0, 1, 1, 4, 9])):
            event = {
                "customer": (number + 1) * (2**64 // (customers + 2)) if dice.randrange(25) else 0,
                "time": dice.randint(0, 8) * SECOND + dice.choice([0, 0, 1]),
                "event": dice.choice(NAMES),
                "properties": {"v": dice.choice(["1", "2", 3]), "path": dice.choice(["/a", "/b"])},
                "traits": dice.choice([{}, {"t": "x"}, {"t": "y"}]),
            }
            found += [event] * dice.choice([1, 1, 1, 2])
    return found


LOG = log()


def asked(question: dict[str, Any], by: str = "start", span: Any = None) -> Answer:
    period = {"by": by, **(SPANS[1] if span is None else span)}
    return answer({"now": NOW, "period": period, **question}, LOG)


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("by", WAYS)
def test_funnel_flow_and_map_agree_whichever_way_a_period_selects(by: str, span: Any) -> None:
    drawn = asked({"kind": "map", "map": MAP}, by, span)
    flow = asked({"kind": "flow", "map": MAP}, by, span)
    stages = asked({"kind": "flow", "map": MAP, "by": "stage"}, by, span)
    leaving, arriving = Counter[str](), Counter[str]()
    for row in flow.rows:
        leaving[row["source"]] += row["visits"]
        arriving[row["target"]] += row["visits"]
    for row in drawn.rows:
        assert leaving[row["step"]] == row["visits"]
        if (
            by != "activity"
        ):  # by activity only visits of the period are sources: what came before them is not there
            assert arriving[row["step"]] == row["visits"]
        outcomes = ("onward", "back", "goal", "again", "stopped", "ended", "running")
        assert sum(row[each] for each in outcomes) == row["visits"]
    if by != "activity":
        assert leaving["(start)"] == drawn.totals["journeys"]
    for name in ("stopped", "ended", "again", "goal", "running"):
        assert arriving[f"({name})"] == sum(row[name] for row in drawn.rows)
    totals = drawn.totals
    assert totals["journeys"] == totals["reached"] + totals["stopped"] + totals["open"]
    of_stages = Counter[str]()
    for row in stages.rows:
        of_stages[row["source"]] += row["visits"]
    for row in drawn.stages:
        assert of_stages[row["stage"]] == row["visits"]
    funnel = {"kind": "funnel", "unit": "journeys", "map": MAP}
    for row in drawn.rows:
        alone = asked({**funnel, "steps": [{"step": row["step"]}]}, by, span).rows
        assert alone[0]["reached"] == row["journeys"]
        if row["step"] != "three":
            both = asked({**funnel, "steps": [{"step": row["step"]}, {"step": "three"}]}, by, span).rows
            assert (both[0]["reached"], both[1]["reached"]) == (row["journeys"], row["reached"])
            assert both[0]["reached"] == both[1]["reached"] + both[0]["stopped"] + both[0]["open"]


@pytest.mark.parametrize("unit", ["customers", "sessions", "journeys"])
def test_a_funnel_over_time_and_apart_adds_up(unit: str) -> None:
    steps = [{"step": "one"}, {"step": "two"}, {"step": "three"}] if unit == "journeys" else [A, B, C]
    question: dict[str, Any] = {"kind": "funnel", "unit": unit, "steps": steps}
    question |= {"map": MAP} if unit == "journeys" else {"sessions": {"gap": "1s"}}
    for by in WAYS if unit == "journeys" else WAYS[:1]:
        whole = asked(question, by).rows
        for more in ({"bucket": "hour"}, {"breakdown": "v"}, {"breakdown": "traits.t", "bucket": "hour"}):
            parts = asked({**question, **more}, by).rows
            for row in whole:
                for field in ("reached", "stopped", "open"):
                    assert sum(each[field] for each in parts if each["step"] == row["step"]) == row[field]


ON_MAP = (
    "visits",
    "journeys",
    "customers",
    "onward",
    "back",
    "goal",
    "again",
    "stopped",
    "ended",
    "running",
    "reached",
)
FUNNEL = ("reached", "stopped", "open")
CELLS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"kind": "map", "map": MAP}, ON_MAP),
    ({"kind": "flow", "map": MAP}, ("visits", "journeys")),
    ({"kind": "flow", "steps": [A, B], "off_map": True, "lapse": "2s"}, ("visits", "journeys")),
    ({"kind": "flow", "by": "v", "lapse": "2s"}, ("visits", "journeys")),
    ({"kind": "pattern", "map": MAP, "pattern": "one .*"}, ("journeys", "customers")),
    ({"kind": "funnel", "steps": [A, B, C], "breakdown": "v"}, FUNNEL),
    ({"kind": "funnel", "steps": [A, B, C], "order": "any"}, FUNNEL),
    ({"kind": "funnel", "steps": [A, B, C], "attempts": "every", "hold": ["v"]}, FUNNEL),
    ({"kind": "funnel", "steps": [A, B], "unit": "sessions", "sessions": {"gap": "1s"}, "compare": {"condition": {"where": {"v": "1"}}}}, FUNNEL),
    ({"kind": "funnel", "steps": [{"step": "one"}, {"step": "three"}], "map": MAP, "unit": "journeys"}, FUNNEL),
    ({"kind": "timing", "steps": [A, B, C], "breakdown": "v"}, ("attempts",)),
    ({"kind": "retention", "start": A, "return": B, "bucket": "hour", "periods": 1}, ("size", "returned")),
    ({"kind": "lifecycle", "of": A, "bucket": "hour"}, ("customers",)),
    ({"kind": "trend", "series": [{"of": A}, {"of": B, "measure": "customers"}], "bucket": "hour", "breakdown": "v", "compare": "previous"}, ("value", "previous")),
    ({"kind": "trend", "series": [{"of": A, "measure": "sessions"}, {"of": A, "measure": "journeys"}], "map": MAP, "bucket": "hour", "breakdown": "session.number"}, ("value",)),
    ({"kind": "attribution", "touches": {"event": ["A", "B"]}, "goal": C, "by": "v", "models": ["first", "last"]}, ("conversions", "won", "repeated")),
    ({"kind": "drivers", "goal": C, "of": A, "within": "1s", "early": "0s"}, ("customers", "reached")),
    ({"kind": "site", "views": A, "searches": B}, ("views", "visits", "customers", "entries", "bounces", "exits")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "fields"), CELLS, ids=lambda each: str(each)[9:40] if isinstance(each, dict) else ""
)
def test_every_cell_opens_into_as_many(question: dict[str, Any], fields: tuple[str, ...]) -> None:
    journeys = question["kind"] in ("map", "flow", "pattern") or question.get("unit") == "journeys"
    for by in WAYS if journeys and "map" in question else WAYS[:1]:
        found = asked(question, by)
        assert any(row[field] for row in found.rows for field in fields)
        for row in found.rows:
            for field in fields:
                if row[field] is not None:
                    assert len(found.people(row, field)) == row[field], (row, field)


def test_what_is_hardly_meant_is_said_of_every_kind() -> None:
    """A time in which nothing can be, and customers who are described by what nobody ever did."""
    for question in {each["kind"]: each for each, _ in CELLS}.values():
        late = answer({**question, "period": {"from": "2100-01-01"}}, LOG)
        assert late.warnings[0].startswith("The period begins after now"), question["kind"]
        early = answer({**question, "now": "1969-12-31", "period": {"to": "1969-12-30"}}, LOG)
        assert early.warnings[0].startswith("Nothing had happened by now"), question["kind"]
        never = answer({**question, "customers": {"did": {"event": "a"}}}, LOG)
        assert never.warnings[0] == "No event is called 'a'. Did you mean 'A'?", question["kind"]
    past = answer({**CELLS[5][0], "period": {"to": "1969-12-30"}}, LOG)
    assert past.warnings[0].startswith("The period is over before the first event")
