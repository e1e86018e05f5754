"""Trends against an oracle that looks at each event by itself: every measure, breakdown, comparison, and the people."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus import clock
from periplus.errors import QuestionError
from tests.journeys import oracle
from tests.journeys.calendar import between, name, spread
from tests.journeys.logs import answer, check_people, examples, logs, maps, moment, nows, written

HALF_HOUR = 30 * 60 * 1_000_000


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    series = []
    for place in range(draw(st.integers(1, 2))):
        one: dict[str, Any] = {
            "measure": draw(
                st.sampled_from(["events", "customers", "sessions", {"sum": "v"}, {"mean": "v"}])
            ),
        }
        if draw(st.booleans()):
            one["of"] = draw(
                st.sampled_from([{"event": "A"}, {"event": ["A", "B"], "where": {"v": "1"}}, {}])
            )
        if place:
            one["label"] = "the second"
        series.append(one)
    question: dict[str, Any] = {
        "kind": "trend",
        "series": series,
        "bucket": draw(st.sampled_from(["hour", "day", "week", "month"])),
        "zone": draw(st.sampled_from(["UTC", "Asia/Kathmandu"])),
    }
    if draw(st.booleans()):
        question["breakdown"] = "v"
    return question


def units(events: list[dict[str, Any]], measure: Any, now: int) -> list[tuple[dict[str, Any], Any]]:
    """Each event with what it is counted as: equal units count once in a cell."""
    found: list[tuple[dict[str, Any], Any]] = []
    for owner, mine in oracle.by_customer(events, now).items():
        session = 0
        for place, event in enumerate(mine):
            if place and event["time"] - mine[place - 1]["time"] > HALF_HOUR:
                session += 1
            unit: Any = {"customers": owner, "sessions": (owner, session)}.get(
                measure if isinstance(measure, str) else "", object()
            )
            found.append((event, unit))
    if measure not in ("customers", "sessions"):
        found += [(event, object()) for event in events if not event["customer"] and event["time"] <= now]
    return found


def cells(
    events: list[dict[str, Any]],
    question: dict[str, Any],
    one: dict[str, Any],
    now: int,
    period: dict[str, Any],
) -> dict[tuple[str, Any], Any]:
    """(bucket, breakdown) → value."""
    measure = one.get("measure", "events")
    met: dict[tuple[str, Any], list[tuple[dict[str, Any], Any]]] = defaultdict(list)
    for event, unit in units(events, measure, now):
        if oracle.meets(event, one.get("of", {})) and oracle.inside(event["time"], period):
            value = event["properties"].get("v") if question.get("breakdown") else None
            number = event["properties"].get("v")
            if isinstance(measure, dict) and number is None:
                continue
            met[name(event["time"], question["bucket"], question["zone"]), value].append((event, unit))
    found: dict[tuple[str, Any], Any] = {}
    for cell, mine in met.items():
        if isinstance(measure, dict):
            numbers = [float(event["properties"]["v"]) for event, _ in mine]
            found[cell] = math.fsum(numbers) / (len(numbers) if "mean" in measure else 1)
        else:
            found[cell] = len({unit for _, unit in mine})
    return found


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    low, high = sorted((draw(st.integers(0, 6)), draw(st.integers(0, 6))))
    return ({"from": low * 1_000_000} if draw(st.booleans()) else {}) | (
        {"to": high * 1_000_000} if draw(st.booleans()) else {}
    )


@examples()
@given(questions(), logs(names=("A", "B", "C")), nows, spans(), st.sampled_from([600, 1800, 40_000, 600_000]))
def test_as_the_oracle_counts(question, events, now, period, step):
    events, now = spread(events, step), now * step
    period = {key: value * step for key, value in period.items()}
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    shown = list(dict.fromkeys(row["bucket"] for row in found.rows))
    seen = [event["time"] for event in events if event["customer"]]
    first = period.get("from", min([*seen, now]))
    last = max(min(period.get("to", 10**18) - 1, now), first)
    assert shown == between(first, last, question["bucket"], question["zone"])
    for number, one in enumerate(question["series"]):
        label = one.get("label", number)
        want = {
            cell: value
            for cell, value in cells(events, question, one, now, period).items()
            if cell[0] in shown
        }
        got = {(row["bucket"], row["breakdown"]): row for row in found.rows if row["series"] == label}
        nothing = None if "mean" in one["measure"] else 0
        assert {cell: row["value"] for cell, row in got.items() if row["value"] != nothing} == {
            cell: value for cell, value in want.items() if value != nothing
        }
        assert all(row["previous"] is None for row in got.values())
        assert len(got) == len(shown) * len({value for _, value in got})
        if isinstance(one["measure"], str):
            empty = [row for row in got.values() if not row["value"]]
            # Months of empty hours open into nobody all alike: of those the first few.
            for row in [row for row in got.values() if row["value"]] + empty[:10]:
                check_people(found, row, ("value",))


@examples(0.5)
@given(maps(), logs(names=("A", "B", "C", "D")), nows)
def test_journeys_count_in_the_buckets_of_their_events(document, events, now):
    found = answer(
        {"kind": "trend", "series": [{"measure": "journeys"}, {"measure": "journeys", "of": {"event": "A"}}], "map": document,
         "bucket": "year", "now": moment(now)},
        events,
    )  # fmt: skip
    lapse = clock.duration(document.get("lapse", "30d"))
    played = [
        journey
        for mine in oracle.by_customer(events, now).values()
        for journey in oracle.play(mine, document, lapse, now)[0]
    ]
    with_a = [journey for journey in played if any(event["event"] == "A" for event, _ in journey["events"])]
    assert [row["value"] for row in found.rows] == [len(played), len(with_a)]
    for row in found.rows:
        check_people(found, row, ("value",))


DAY = 86_400_000_000


def log(*days: str) -> list[dict[str, Any]]:
    times = [clock.instant(day, clock.zone("UTC")) for day in days]
    return [{"customer": 1 << 61, "time": time, "event": "A", "properties": {}} for time in times]


def compared(question: dict[str, Any], events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    found = answer({"kind": "trend", "series": [{}], "now": "2030-01-01", **question}, events)
    for row in found.rows:
        check_people(found, row, ("value",))
        if row["previous"] is not None:
            check_people(found, row, ("previous",))
    return [(row["bucket"], row["value"], row["previous"]) for row in found.rows]


def test_months_are_compared_with_months():
    events = log("2026-01-15", "2026-02-01", "2026-02-28", "2026-03-31", "2026-03-31")
    march = {"period": {"from": "2026-03-01", "to": "2026-04-01"}, "compare": "previous"}
    assert compared({**march, "bucket": "month"}, events) == [("2026-03-01", 2, 2)]
    by_day = compared({**march, "bucket": "day"}, events)
    assert by_day[0] == ("2026-03-01", 0, 1)
    assert by_day[27] == ("2026-03-28", 0, 1)
    assert by_day[30] == ("2026-03-31", 2, None)  # February has no 31st


def test_other_periods_are_compared_with_as_many_days_before():
    events = log("2026-03-02", "2026-03-08", "2026-03-09")
    week = {"period": {"from": "2026-03-09", "to": "2026-03-16"}, "compare": "previous"}
    assert compared({**week, "bucket": "week"}, events) == [("2026-03-09", 1, 2)]
    assert [row[2] for row in compared({**week, "bucket": "day"}, events)] == [1, 0, 0, 0, 0, 0, 1]


def test_a_year_ago():
    events = log("2024-02-29", "2025-03-01", "2026-03-01")
    spring = {"period": {"from": "2025-03-01", "to": "2025-03-02"}, "compare": "year"}
    assert compared({**spring, "bucket": "day"}, events) == [("2025-03-01", 1, 0)]
    leap = {"period": {"from": "2024-02-29", "to": "2024-03-01"}, "compare": "year"}
    assert compared({**leap, "bucket": "day"}, events) == [("2024-02-29", 1, None)]
    quarter = {"period": {"from": "2026-01-01", "to": "2026-04-01"}, "compare": "year", "bucket": "quarter"}
    assert compared(quarter, events) == [("2026-01-01", 1, 1)]


def test_a_bucket_cut_by_the_period_counts_only_what_is_in_it():
    events = log("2026-03-02T06:00", "2026-03-02T18:00", "2026-03-01T06:00", "2026-03-01T18:00")
    asked = {
        "period": {"from": "2026-03-02T12:00", "to": "2026-03-03T00:00"},
        "compare": "previous",
        "bucket": "day",
    }
    assert compared(asked, events)[0][:2] == ("2026-03-02", 1)


def test_what_makes_no_sense_is_said():
    for question, said in (
        ({"series": [{"measure": "event"}]}, "measure"),
        ({"series": [{"measure": {"median": "v"}}]}, "no measure"),
        ({"series": [{"measure": "journeys"}]}, "need a map"),
        ({"series": [{"off": {}}]}, "'off'"),
        ({"series": []}, "eries"),
    ):
        with pytest.raises(QuestionError, match=said):
            answer({"kind": "trend", **question}, [])
    found = answer({"kind": "trend", "series": [{"measure": {"sum": "v"}}]}, log("2026-01-01"))
    with pytest.raises(QuestionError, match="no count of people"):
        found.people(found.rows[0], "value")


def test_equal_sums_whatever_the_order_of_the_numbers():
    events = [
        {"customer": owner << 60, "time": 0, "event": "A", "properties": {"v": value}}
        for owner, value in enumerate(("1e16", "1", "-1e16", "0.1", "0.2"), 1)
    ]
    for some in (events, events[::-1]):
        (row,) = answer({"kind": "trend", "series": [{"measure": {"sum": "v"}}], "bucket": "day"}, some).rows
        assert row["value"] == math.fsum([1e16, 1, -1e16, 0.1, 0.2])


def test_numbers_beyond_all_reason_are_left_out():
    events = [
        {"customer": owner, "time": 0, "event": "A", "properties": {"v": value}}
        for owner, value in ((1 << 60, "1e9999"), (2 << 60, "-1e5000"), (3 << 60, "7"), (0, "1e9999"))
    ]
    (row,) = answer({"kind": "trend", "series": [{"measure": {"sum": "v"}}], "bucket": "day"}, events).rows
    assert row["value"] == 7


def test_neighbouring_buckets_have_no_gap():
    found = answer(
        {"kind": "trend", "series": [{}], "bucket": "month", "now": "2026-02-02"},
        log("2025-11-30", "2026-02-01"),
    )
    labels = [row["bucket"] for row in found.rows]
    assert labels == ["2025-11-01", "2025-12-01", "2026-01-01", "2026-02-01"]
    assert all(a < b for a, b in pairwise(labels))


def test_what_nobody_did_before_the_first_customer_is_in_no_bucket():
    hour = 3_600_000_000
    events = [
        {"customer": who, "time": at * hour, "event": "A", "properties": {"v": v}}
        for who, at, v in ((0, 0, "2"), (1 << 61, 9, "1"), (0, 9, "2"))
    ]
    asked = {"kind": "trend", "series": [{"measure": "events"}], "bucket": "hour", "breakdown": "v"}
    for known in (events, events[:1]):  # with a customer, and with none at all
        rows = answer({**asked, "now": moment(10 * hour)}, known).rows
        found = {(row["bucket"][11:16], row["breakdown"]): row["value"] for row in rows if row["value"]}
        assert found == ({("09:00", "1"): 1, ("09:00", "2"): 1} if len(known) > 1 else {})
