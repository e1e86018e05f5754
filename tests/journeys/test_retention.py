"""Retention against an oracle that asks the calendar of every event by itself; every field, and the people."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus.errors import QuestionError
from tests.journeys import oracle
from tests.journeys.calendar import between, name, spread
from tests.journeys.logs import answer, check_people, examples, logs, moment, nows, periods, written

DAY = 86_400


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    question: dict[str, Any] = {
        "kind": "retention",
        "start": {"event": draw(st.sampled_from(["A", ["A", "B"]]))},
        "return": draw(
            st.sampled_from([{"event": "A"}, {"event": "B"}, {"event": ["A", "C"], "where": {"v": "1"}}, {}])
        ),
        "bucket": draw(st.sampled_from(["hour", "day", "week", "month"])),
        "periods": draw(st.integers(0, 4)),
        "mode": draw(st.sampled_from(["classic", "rolling", "bracket"])),
        "cohort": draw(st.sampled_from(["first", "every"])),
        "zone": draw(st.sampled_from(["UTC", "Asia/Kathmandu"])),
    }
    if question["mode"] == "bracket":
        question["brackets"] = draw(
            st.lists(st.sampled_from([[0, 1], [1, 3], [0, 9], [2, 3]]), min_size=1, max_size=3)
        )
    return question


def expected(
    events: list[dict[str, Any]], question: dict[str, Any], now: int, period: dict[str, Any]
) -> dict[tuple[str, int], tuple[int, int, bool]]:
    """(cohort, period) → size, returned, open."""
    bucket, zone = question["bucket"], question["zone"]
    seen = [event["time"] for event in events if event["customer"]]
    order = between(min([*seen, now]), now, bucket, zone)
    spans = question.get("brackets") or [
        [n, 10**9 if question["mode"] == "rolling" else n + 1] for n in range(question["periods"] + 1)
    ]
    size: dict[str, int] = {}
    came: dict[tuple[str, int], int] = {}
    for mine in oracle.by_customer(events, now).values():
        starts = [place for place, event in enumerate(mine) if oracle.meets(event, question["start"])]
        if question["cohort"] == "first":
            starts = [place for place in starts[:1] if oracle.inside(mine[place]["time"], period)]
        else:
            by_bucket: dict[str, int] = {}
            for place in starts:
                if oracle.inside(mine[place]["time"], period):
                    by_bucket.setdefault(name(mine[place]["time"], bucket, zone), place)
            starts = list(by_bucket.values())
        for place in starts:
            cohort = name(mine[place]["time"], bucket, zone)
            size[cohort] = size.get(cohort, 0) + 1
            distances = {
                order.index(name(event["time"], bucket, zone)) - order.index(cohort)
                for event in mine[place + 1 :]
                if oracle.meets(event, question["return"])
            }
            for index, (low, high) in enumerate(spans):
                if any(low <= distance < high for distance in distances):
                    came[cohort, index] = came.get((cohort, index), 0) + 1
    current = len(order) - 1
    return {
        (cohort, index): (size[cohort], came.get((cohort, index), 0), order.index(cohort) + high > current)
        for cohort in size
        for index, (low, high) in enumerate(spans)
        if order.index(cohort) + low <= current
    }


def values(
    events: list[dict[str, Any]],
    question: dict[str, Any],
    now: int,
    period: dict[str, Any],
    row: dict[str, Any],
) -> tuple[float, float]:
    """What the cohort of a row opened with, and what came back in its period."""
    bucket, zone = question["bucket"], question["zone"]
    order = between(min([event["time"] for event in events if event["customer"]] + [now]), now, bucket, zone)
    low, high = ((question.get("brackets") or {}) and question["brackets"][row["period"]]) or (
        row["period"], 10**9 if question["mode"] == "rolling" else row["period"] + 1
    )  # fmt: skip
    opened = back = 0.0
    for mine in oracle.by_customer(events, now).values():
        met = [place for place, event in enumerate(mine) if oracle.meets(event, question["start"])]
        if question["cohort"] == "first":
            met = met[:1]
        inside = [place for place in met if oracle.inside(mine[place]["time"], period)]
        mine_here = [place for place in inside if name(mine[place]["time"], bucket, zone) == row["cohort"]][
            :1
        ]
        for place in mine_here:
            opened += float(mine[place]["properties"].get("v", 0))
            for event in mine[place + 1 :]:
                distance = order.index(name(event["time"], bucket, zone)) - order.index(row["cohort"])
                if oracle.meets(event, question["return"]) and low <= distance < high:
                    back += float(event["properties"].get("v", 0))
    return opened, back


@examples(0.5)
@given(questions(), logs(names=("A", "B", "C")), nows, periods(), st.sampled_from([1800, 20_000, 4 * DAY]))
def test_what_comes_back_in_money(question, events, now, period, step):
    events, now = spread(events, step), now * step
    period = {key: value if key == "by" else value * step for key, value in period.items()} | {"by": "start"}
    asked = {**question, "now": moment(now), "period": written(period)}
    found = answer({**asked, "measure": {"sum": "v"}}, events)
    added = ("value", "opening_value", "value_rate", "value_per_customer")
    assert [{key: row[key] for key in row if key not in added} for row in found.rows] == answer(
        asked, events
    ).rows
    for row in found.rows:
        opened, back = values(events, question, now, period, row)
        assert (row["opening_value"], row["value"]) == (opened, back)
        assert row["value_rate"] == (back / opened if opened else None)
        assert row["value_per_customer"] == back / row["size"]


@examples()
@given(questions(), logs(names=("A", "B", "C")), nows, periods(), st.sampled_from([1800, 20_000, 4 * DAY]))
def test_as_the_oracle_counts(question, events, now, period, step):
    events, now = spread(events, step), now * step
    period = {key: value if key == "by" else value * step for key, value in period.items()} | {"by": "start"}
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    want = expected(events, question, now, period)
    got = {(row["cohort"], row["period"]): (row["size"], row["returned"], row["open"]) for row in found.rows}
    assert got == want
    for row in found.rows:
        assert row["rate"] == row["returned"] / row["size"]
        check_people(found, row, ("size", "returned"))


def test_what_makes_no_sense_is_said():
    base = {"kind": "retention", "start": {"event": "A"}, "return": {"event": "B"}}
    for more, said in (
        ({"mode": "bracket"}, "needs its brackets"),
        ({"brackets": [[0, 1]]}, "belong to the mode"),
        ({"mode": "bracket", "brackets": [[2, 1]]}, "no bracket"),
        ({"period": {"from": "2026-01-01", "by": "goal"}}, "began"),
        ({"bucket": "fortnight"}, "ucket"),
        ({"measure": {"mean": "v"}}, "no measure"),
    ):
        with pytest.raises(QuestionError, match=said):
            answer({**base, **more}, [])
