"""Funnels with sessions, every attempt, thirty steps: against an oracle that enumerates, and one that matches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus.journeys.funnel import COUNTS
from tests.journeys import attempts_oracle, calendar, funnel_oracle
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
    written,
)
from tests.journeys.test_funnel import agree, by_start, conserve, funnels, journey_funnels

counts = st.integers(1, 3).map(lambda count: {"sessions": count})
units = st.sampled_from(["customers", "sessions"])
orders = st.sampled_from(["ordered", "ordered", "strict", "any"])


def compare(question: dict[str, Any], events: Any, now: int, period: Any, document: Any = None) -> Any:
    """Rows as the oracle has them, over the whole and by bucket; people behind each count; nothing is lost."""
    asked = {**question, "now": moment(now), "period": written(period)}
    found = answer(asked, events)
    attempts = funnel_oracle.attempts(events, question, now, period, document)
    agree(found, question, [attempt[:3] for attempt in attempts])
    conserve(found, question)
    return found, attempts


@st.composite
def of_sessions(draw: st.DrawFn, order: str) -> dict[str, Any]:
    """A funnel whose windows may be of sessions of a second or two."""
    question: dict[str, Any] = draw(funnels(order=order))
    question["sessions"] = {"gap": f"{draw(st.integers(1, 2))}s"}
    if draw(st.booleans()):
        question["within"] = draw(counts)
    for step in question["steps"][1:]:
        if order != "any" and draw(st.integers(0, 2)) == 0:
            step["within"] = draw(counts)
    return question


@examples(0.5)
@given(logs(most=6), orders.flatmap(of_sessions), nows, by_start, st.sampled_from(["best", "every"]))
def test_windows_of_sessions(events: Any, question: Any, now: int, period: Any, attempts: str) -> None:
    compare({**question, "attempts": attempts}, events, now, period)


@examples(0.3)
@given(logs(most=7), orders.flatmap(lambda order: funnels(order=order)), nows, by_start, st.integers(1, 2))
def test_sessions_are_counted(events: Any, question: Any, now: int, period: Any, gap: int) -> None:
    question |= {"unit": "sessions", "sessions": {"gap": f"{gap}s"}}
    found, _ = compare(question, events, now, period)
    compare({**question, "attempts": "every"}, events, now, period)
    for row in found.rows:
        check_people(found, row, COUNTS)


@examples(0.4)
@given(logs(most=6), orders.flatmap(lambda order: funnels(order=order)), nows, by_start)
def test_every_attempt_whatever_the_order(events: Any, question: Any, now: int, period: Any) -> None:
    """With properties held, in any order too: each value's attempts follow one another."""
    found, _ = compare({**question, "attempts": "every"}, events, now, period)
    for row in found.rows[:2]:
        check_people(found, row, COUNTS)


@examples(0.4)
@given(logs(), maps(), nows, periods(), orders, st.data())
def test_every_attempt_within_journeys(
    events: Any, document: Any, now: int, period: Any, order: str, data: Any
) -> None:
    question = data.draw(journey_funnels(document, order))
    found, _ = compare({**question, "attempts": "every"}, events, now, period, document)
    for row in found.rows:
        check_people(found, row, COUNTS)


@examples(0.3)
@given(
    logs(most=6),
    orders.flatmap(lambda order: funnels(order=order)),
    nows,
    by_start,
    st.sampled_from(["hour", "day", "week"]),
    st.sampled_from([None, "v"]),
    units,
)
def test_a_funnel_over_time_adds_up_to_the_funnel(
    events: Any, question: Any, now: int, period: Any, bucket: str, breakdown: str | None, unit: str
) -> None:
    """Seconds are a day and a third long here; an attempt is in the bucket in which it began."""
    step = 115_200
    events, now = calendar.spread(events, step), now * step
    period = {key: value if key == "by" else value * step for key, value in period.items()}
    question |= {"within": "200000s", "unit": unit, "sessions": {"gap": "1d"}}
    if question["order"] != "any":
        question["steps"] = [{k: v for k, v in each.items() if k != "within"} for each in question["steps"]]
    if breakdown:
        question["breakdown"] = breakdown
    found, attempts = compare(question, events, now, period)
    parts = answer({**question, "bucket": bucket, "now": moment(now), "period": written(period)}, events)
    sums: dict[tuple[Any, int], list[int]] = {}
    for row in parts.rows:
        check_people(parts, row, COUNTS) if row["bucket"] == parts.rows[-1]["bucket"] else None
        whole = sums.setdefault((row["breakdown"], row["step"]), [0, 0, 0])
        for place, field in enumerate(COUNTS):
            whole[place] += row[field]
        if breakdown is None:
            name, last = row["bucket"], row["step"]
            own = [a for a in attempts if calendar.name(a[3], bucket, "UTC") == name]
            wanted = attempts_oracle.funnel_rows(
                [a[:3] for a in own], len(question["steps"]), any_order=question["order"] == "any"
            )
            got = {field: row[field] for field in (*COUNTS, "rate", "median_seconds")}
            assert got == wanted[None, last]
    if parts.rows:
        assert sums == {
            (row["breakdown"], row["step"]): [row[field] for field in COUNTS] for row in found.rows
        }


# -- how long it takes ----------------------------------------------------------------------------


@examples(0.3)
@given(logs(most=6), orders.flatmap(lambda order: funnels(order=order)), nows, by_start, st.integers(1, 5))
def test_time_to_convert(events: Any, question: Any, now: int, period: Any, bins: int) -> None:
    question |= {"quantiles": [0.25, 0.9], "histogram": bins}
    found, attempts = compare(question, events, now, period)
    for row in found.rows[1:]:
        taken = []
        for mine, attempt, *_ in attempts:
            numbered = enumerate(attempt) if question["order"] == "any" else attempt
            at = [
                pair[1] if isinstance(pair, tuple) else pair for step, pair in numbered if step == row["step"]
            ]
            if at:
                taken.append((mine[at[0]]["time"] - mine[attempt[0][1]]["time"]) // SECOND)
        quantiles = [row["quantiles"]["0.25"], row["quantiles"]["0.9"]]
        assert quantiles == (
            [pytest.approx(np.quantile(taken, q)) for q in (0.25, 0.9)] if taken else [None, None]
        )
        assert len(row["histogram"]) <= bins
        for part in row["histogram"]:
            assert part["count"] == sum(part["from"] <= each < part["to"] for each in taken)
        assert sum(part["count"] for part in row["histogram"]) == len(taken) == row["reached"]
    last = found.rows[-1]
    if len(found.rows) > 1 and last["reached"]:
        again = answer(
            {**question, "quantiles": [0.5], "now": moment(now), "period": written(period)}, events
        )
        assert found.totals["median_seconds"] == again.rows[-1]["quantiles"]["0.5"]


# -- many steps -----------------------------------------------------------------------------------


@st.composite
def long_logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to sixty events of one customer on thirty names, mostly in their order, some names missing."""
    random = draw(st.randoms(use_true_random=False))
    listed = [number for number in range(30) for _ in range(random.choice([0, 1, 1, 1, 2, 3]))]
    for _ in range(random.randint(0, 12)):
        a, b = random.randrange(len(listed)), random.randrange(len(listed))
        listed[a], listed[b] = listed[b], listed[a]
    time, events = 0, []
    for number in listed:
        time += random.choice([0, 0, 1, 1, 2]) * SECOND
        events.append({"customer": 1 << 61, "time": time, "event": f"E{number}", "properties": {}})
    return events


@examples(0.2)
@given(long_logs(), st.integers(5, 90), st.integers(0, 3), st.randoms(use_true_random=False))
def test_thirty_steps_in_any_order_are_a_matching(events: Any, within: int, wide: int, random: Any) -> None:
    """Each step takes its own name and some others; Kuhn's algorithm says how many can be served from each start."""
    steps = [
        {"event": sorted({f"E{number}", *(f"E{random.randrange(30)}" for _ in range(wide))})}
        for number in range(30)
    ]
    question = {"kind": "funnel", "steps": steps, "order": "any", "within": f"{within}s", "now": "1971-01-01"}
    rows = answer(question, events).rows
    most = 0
    for start, first in enumerate(events):
        near = [event for event in events[start:] if event["time"] - first["time"] <= within * SECOND]
        served = matching(
            [[n for n, step in enumerate(steps) if event["event"] in step["event"]] for event in near]
        )
        most = max(most, served)
    assert [row["reached"] for row in rows] == [1] * most + [0] * (30 - most)


def matching(choices: list[list[int]]) -> int:
    """How many steps can be served, one event to one step."""
    owner: dict[int, int] = {}

    def serve(event: int, tried: set[int]) -> bool:
        for step in choices[event]:
            if step not in tried:
                tried.add(step)
                if step not in owner or serve(owner[step], tried):
                    owner[step] = event
                    return True
        return False

    return sum(serve(event, set()) for event in range(len(choices)))


@examples(0.2)
@given(long_logs(), st.integers(5, 90), st.integers(0, 4), st.booleans(), st.randoms(use_true_random=False))
def test_thirty_steps_one_after_another(
    events: Any, within: int, own: int, excluded: bool, random: Any
) -> None:
    """Windows, optional steps and exclusions: the furthest step, and the most optional ones, by going through all states."""
    steps: list[dict[str, Any]] = [{"event": [f"E{n}", f"E{random.randrange(30)}"]} for n in range(30)]
    for number in range(1, 29):
        if random.random() < 0.5:
            steps[number]["optional"] = True
        if random.random() < 0.3:
            steps[number]["within"] = f"{own}s"
    exclude = (
        [{"event": f"E{random.randrange(30)}", "from": n, "to": n + 3} for n in range(0, 27)]
        if excluded
        else []
    )
    question = {
        "kind": "funnel",
        "steps": steps,
        "within": f"{within}s",
        "exclude": exclude,
        "now": "1971-01-01",
    }
    rows = answer(question, events).rows
    far, optional = furthest(events, steps, exclude, within)
    reached = [row["step"] for row in rows if row["reached"]]
    assert (reached[-1] if reached else -1) == far
    assert sum(bool(steps[step].get("optional")) for step in reached) == optional


def furthest(events: Any, steps: Any, exclude: Any, within: int) -> tuple[int, int]:
    """The furthest step any attempt gets to, and the most optional steps on the way."""
    best = (-1, 0)
    for start, first in enumerate(events):
        if first["event"] not in steps[0]["event"]:
            continue
        states: list[set[tuple[int, int]]] = [set() for _ in events]
        states[start] = {(0, 0)}
        for here in range(start, len(events)):
            if not states[here]:
                continue
            for there in range(here + 1, len(events)):
                event = events[there]
                if event["time"] - first["time"] > within * SECOND:
                    break
                for step, done in list(states[here]):
                    for later in range(step + 1, 30):
                        fits = event["event"] in steps[later]["event"]
                        window = steps[later].get("within")
                        if window and event["time"] - events[here]["time"] > int(window[:-1]) * SECOND:
                            fits = False
                        names = {e["event"] for e in exclude if step < e["to"] and later > e["from"]}
                        if any(between["event"] in names for between in events[here + 1 : there]):
                            fits = False
                        if fits:
                            states[there].add((later, done + bool(steps[later].get("optional"))))
                        if not steps[later].get("optional"):
                            break
        best = max([best, *(state for found in states for state in found)])
    return best
