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
    ):
        with pytest.raises(QuestionError, match=said):
            answer({**base, **more}, [])
