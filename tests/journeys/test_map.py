"""The map against the oracle: every field of every row, the stages, the totals, and the people."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from periplus import clock
from periplus.journeys.map import STAGE_COUNTS, STEP_COUNTS, TOTAL_COUNTS
from periplus.question import ask
from tests.journeys import map_oracle, oracle
from tests.journeys.logs import (
    answer,
    check_people,
    context,
    examples,
    logs,
    maps,
    moment,
    nows,
    periods,
    written,
)

ORDERS = ("A", "Order Completed", "Order Completed", "Order Refunded", "Order Cancelled")


@examples()
@given(logs(), maps(), nows, periods())
def test_the_map_agrees_with_the_oracle(
    events: list[dict[str, Any]], document: dict[str, Any], now: int, period: dict[str, Any]
) -> None:
    found = answer(question(document, now, period), events)
    wanted = map_oracle.map_answer(events, document, clock.duration(document["lapse"]), now, period)
    same(found, wanted)


def same(found: Any, wanted: dict[str, Any]) -> None:
    rows = {row["step"]: row for row in found.rows}
    assert rows.keys() == wanted["rows"].keys()
    for step, fields in wanted["rows"].items():
        assert {name: rows[step][name] for name in fields} == fields, step
    assert found.totals == wanted["totals"]
    assert {row["stage"]: {key: row[key] for key in row if key != "stage"} for row in found.stages} == wanted[
        "stages"
    ]


def question(document: dict[str, Any], now: int, period: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "map", "map": document, "now": moment(now), "period": written(period)}


@examples()
@given(logs(), maps(), nows, periods())
def test_counts_are_conserved(
    events: list[dict[str, Any]], document: dict[str, Any], now: int, period: dict[str, Any]
) -> None:
    found = answer(question(document, now, period), events)
    for row in (*found.rows, *found.stages):
        assert row["visits"] == sum(row[outcome] for outcome in oracle.OUTCOMES)
    totals = found.totals
    assert totals["journeys"] == totals["reached"] + totals["stopped"] + totals["open"]


@examples(0.3)
@given(logs(), maps(), nows, periods())
def test_every_count_opens_into_its_people(
    events: list[dict[str, Any]], document: dict[str, Any], now: int, period: dict[str, Any]
) -> None:
    found = answer(question(document, now, period), events)
    for row in found.rows:
        check_people(found, row, STEP_COUNTS)
        assert len({entry["customer"] for entry in found.people(row, "customers")}) == row["customers"]
    for row in found.stages:
        check_people(found, row, STAGE_COUNTS)
    for field in TOTAL_COUNTS:
        assert len(found.people({}, field)) == found.totals[field]


prices = st.sampled_from(
    [
        {},
        {"total": 10},
        {"total": 9.995},
        {"total": "2.675"},
        {"revenue": 1.005},
        {"total": "n/a", "revenue": 3},
    ]
)


@st.composite
def shops(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Logs with orders, refunds and cancellations, some of them twice."""
    events = draw(logs(ORDERS, (None, "a", "b"), key="order_id"))
    for event in events:
        event["properties"] |= draw(prices)
    return events


@examples()
@given(shops(), maps(("A", *ORDERS), "order_id"), nows, periods())
def test_value_agrees_with_the_oracle(
    events: list[dict[str, Any]], document: dict[str, Any], now: int, period: dict[str, Any]
) -> None:
    found = answer(question(document, now, period), events)
    same(found, map_oracle.map_answer(events, document, clock.duration(document["lapse"]), now, period))


@examples(0.3)
@given(shops(), maps(("A", *ORDERS), "order_id"), st.lists(nows, min_size=2, max_size=4), periods())
def test_what_was_asked_before_changes_no_answer(
    events: list[dict[str, Any]], document: dict[str, Any], moments: list[int], period: dict[str, Any]
) -> None:
    """Of one version, at several moments: what orders come to is kept for when all of them are seen."""
    kept = context(events)
    for now in moments:
        found = ask(question(document, now, period), kept)
        same(found, map_oracle.map_answer(events, document, clock.duration(document["lapse"]), now, period))


def test_a_map_that_was_changed_is_another_one() -> None:
    event = {"customer": 1 << 61, "time": 0, "event": "A", "properties": {}}
    step: dict[str, Any] = {"name": "One", "rule": {"event": "A"}}
    document = {"name": "M", "goal": "one", "stages": [{"name": "S", "steps": [step]}]}
    visits = []
    for name in ("A", "B", "A"):
        step["rule"]["event"] = name
        visits.append(answer({"kind": "map", "map": document}, [event]).rows[0]["visits"])
    assert visits == [1, 0, 1]
