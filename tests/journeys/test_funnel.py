"""Funnels against the oracle, which enumerates every attempt: all options, every field, the people."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from periplus import clock
from periplus.journeys.funnel import COUNTS
from periplus.question import Answer
from tests.journeys import attempts_oracle, oracle
from tests.journeys.logs import (
    SECOND,
    answer,
    check_people,
    examples,
    logs,
    maps,
    moment,
    nows,
    periods,
    times,
    written,
)

seconds = st.integers(0, 4).map(lambda second: f"{second}s")
names = st.one_of(
    st.sampled_from(["A", "B", "C"]), st.sampled_from([["A", "B"], ["B", "C"], ["A", "B", "C"]])
)


@st.composite
def funnels(
    draw: st.DrawFn, *, plain: bool = False, order: str = "ordered", least: int = 1
) -> dict[str, Any]:
    """A funnel question of customers, without its moment."""
    single = st.sampled_from(["A", "B", "C", "X"])
    count = draw(st.sampled_from([least, 2, 2, 3, 3, 4]))
    steps: list[dict[str, Any]] = []
    for index in range(count):
        step: dict[str, Any] = {"event": draw(single if plain else names)}
        if not plain and draw(st.integers(0, 5)) == 0:
            step["where"] = {"v": "1"}
        if not plain and order != "any":
            if 0 < index < count - 1 and draw(st.booleans()):
                step["optional"] = True
            if index and draw(st.booleans()):
                step["within"] = draw(seconds)
        steps.append(step)
    question: dict[str, Any] = {"kind": "funnel", "steps": steps, "order": order}
    if draw(st.integers(0, 3)):
        question["within"] = draw(seconds)
    if not plain and draw(st.booleans()):
        question["exclude"] = draw(st.lists(exclusions(count, order), min_size=1, max_size=2))
    if not plain and draw(st.integers(0, 3)) == 0:
        question["hold"] = ["v"]
    return question


@st.composite
def exclusions(draw: st.DrawFn, steps: int, order: str) -> dict[str, Any]:
    exclusion: dict[str, Any] = {"event": draw(st.sampled_from(["X", "X", "B", ["X", "C"]]))}
    if order != "any" and steps > 1 and draw(st.booleans()):
        exclusion["from"] = draw(st.integers(0, steps - 2))
        exclusion["to"] = draw(st.integers(exclusion["from"] + 1, steps - 1))
    return exclusion


def compare(
    question: dict[str, Any], events: list[dict[str, Any]], now: int, period: dict[str, Any]
) -> Answer:
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    within = clock.duration(question.get("within", "30d"))
    attempts = attempts_oracle.funnel_attempts(
        events, question, within=within, windows=windows(question), now=now, period=period
    )
    agree(found, question, attempts)
    return found


def windows(question: dict[str, Any]) -> list[int | None]:
    return [clock.duration(step["within"]) if "within" in step else None for step in question["steps"]]


def agree(found: Answer, question: dict[str, Any], attempts: list[Any]) -> None:
    wanted = attempts_oracle.funnel_rows(
        attempts,
        len(question["steps"]),
        question.get("breakdown"),
        question.get("breakdown_step", 0),
        question.get("order") == "any",
    )
    got = {(row["breakdown"], row["step"]): row for row in found.rows}
    assert got.keys() == wanted.keys()
    for key, fields in wanted.items():
        assert {name: got[key][name] for name in fields} == fields, key


def conserve(found: Answer, question: dict[str, Any]) -> None:
    """Who entered is somewhere; without optional steps also step by step."""
    by_value: dict[Any, list[dict[str, Any]]] = {}
    for row in found.rows:
        by_value.setdefault(row["breakdown"], []).append(row)
    optional = any(step.get("optional") for step in question["steps"])
    for rows in by_value.values():
        gone = sum(row["stopped"] + row["open"] for row in rows)
        assert rows[0]["reached"] == gone + rows[-1]["reached"]
        if not optional:
            for here, there in pairwise(rows):
                assert here["reached"] == there["reached"] + here["stopped"] + here["open"]


by_start = periods(("start",))


@examples()
@given(logs(), funnels(plain=True), nows, by_start)
def test_plain(events: Any, question: Any, now: int, period: Any) -> None:
    conserve(compare(question, events, now, period), question)


@examples()
@given(logs(most=7), funnels(), nows, by_start)
def test_ordered(events: Any, question: Any, now: int, period: Any) -> None:
    conserve(compare(question, events, now, period), question)


@examples()
@given(logs(most=7), funnels(order="strict"), nows, by_start)
def test_strict(events: Any, question: Any, now: int, period: Any) -> None:
    conserve(compare(question, events, now, period), question)


@examples()
@given(logs(most=6), funnels(order="any"), nows, by_start)
def test_any(events: Any, question: Any, now: int, period: Any) -> None:
    conserve(compare(question, events, now, period), question)


@examples()
@given(logs(most=7), funnels(), nows, by_start)
def test_every_attempt(events: Any, question: Any, now: int, period: Any) -> None:
    question.pop("hold", None)
    question["attempts"] = "every"
    conserve(compare(question, events, now, period), question)


@examples(0.5)
@given(logs(most=7), funnels(), nows, by_start, st.integers(0, 3))
def test_breakdown(events: Any, question: Any, now: int, period: Any, step: int) -> None:
    question["breakdown"] = "v"
    question["breakdown_step"] = min(step, len(question["steps"]) - 1)
    conserve(compare(question, events, now, period), question)


@examples(0.3)
@given(logs(most=7), funnels(), nows, by_start, st.booleans())
def test_every_count_opens_into_its_people(
    events: Any, question: Any, now: int, period: Any, broken: bool
) -> None:
    if broken:
        question["breakdown"] = "v"
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    for row in found.rows:
        check_people(found, row, COUNTS)


@st.composite
def journey_funnels(draw: st.DrawFn, document: dict[str, Any], order: str = "ordered") -> dict[str, Any]:
    """A funnel of journeys by steps of the map."""
    ids = [step["id"] for step in oracle.step_list(document)]
    count = draw(st.integers(1, 3))
    steps: list[dict[str, Any]] = [{"step": draw(st.sampled_from(ids))} for _ in range(count)]
    for index, step in enumerate(steps):
        if order != "any" and 0 < index < count - 1 and draw(st.booleans()):
            step["optional"] = True
    question: dict[str, Any] = {
        "kind": "funnel",
        "map": document,
        "unit": "journeys",
        "steps": steps,
        "order": order,
    }
    if draw(st.integers(0, 2)) == 0:
        question["within"] = draw(seconds)
    return question


@examples()
@given(logs(), maps(), nows, periods(), st.sampled_from(["ordered", "strict", "any"]), st.data())
def test_journeys(events: Any, document: Any, now: int, period: Any, order: str, data: Any) -> None:
    question = data.draw(journey_funnels(document, order))
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    attempts = attempts_oracle.journey_attempts(
        events,
        question,
        document,
        clock.duration(document["lapse"]),
        within=clock.duration(question["within"]) if "within" in question else None,
        windows=windows(question),
        now=now,
        period=period,
    )
    agree(found, question, attempts)
    conserve(found, question)
    for row in found.rows:
        check_people(found, row, COUNTS)


@examples()
@given(logs(), maps(), nows, periods())
def test_funnels_of_journeys_equal_the_map(events: Any, document: Any, now: int, period: Any) -> None:
    moments = {"now": moment(now), "period": written(period)}
    rows = answer({"kind": "map", "map": document, **moments}, events).rows

    def reached(*steps: Any) -> int:
        asked = [{"step": step} for step in steps]
        question = {"kind": "funnel", "unit": "journeys", "map": document, "steps": asked, **moments}
        return int(answer(question, events).rows[-1]["reached"])

    for row in rows:
        assert reached(row["step"]) == row["journeys"]
        if row["step"] not in document["goal"]:
            assert reached(row["step"], document["goal"]) == row["reached"]


@examples(0.5)
@given(times, st.integers(0, 3), st.integers(-2, 2))
def test_the_end_of_a_window_is_inside(start: int, length: int, off: int) -> None:
    """At exactly the end an event counts; a microsecond later it does not, and then nothing is open."""
    window = length * SECOND
    events = [
        {"customer": 1 << 61, "time": start, "event": "A", "properties": {}},
        {"customer": 1 << 61, "time": max(start, start + window + off), "event": "B", "properties": {}},
    ]
    gap = events[1]["time"] - start
    question = {"kind": "funnel", "steps": [{"event": "A"}, {"event": "B"}], "within": f"{length}s"}
    rows = answer({**question, "now": moment(events[1]["time"])}, events).rows
    assert rows[1]["reached"] == (gap <= window)
    before = answer({**question, "now": moment(start + max(window + off, 0))}, events[:1]).rows
    assert before[0]["open"] == (max(window + off, 0) < window)
