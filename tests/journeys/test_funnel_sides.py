"""Two sides of a funnel beside each other: each as it is alone, their difference as published."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from periplus.errors import QuestionError
from periplus.journeys.funnel_difference import difference, wilson
from tests.journeys.logs import answer, check_people

DAY = 86_400_000_000
FUNNEL: dict[str, Any] = {
    "kind": "funnel",
    "steps": [{"event": "A"}, {"event": "B"}, {"event": "C"}],
    "within": "10d",
    "now": "1970-03-10",
}
COUNTS = ("reached", "stopped", "open")


def _log() -> list[dict[str, Any]]:
    rng = random.Random(7)
    return [
        {
            "customer": (customer * 7919 + 1) << 41,
            "time": rng.randint(0, 60 * 86400) * 1_000_000,
            "event": rng.choice("ABC"),
            "properties": {"v": rng.choice("xyz")},
            "context": {"device": {"type": rng.choice(["mobile", "desktop"])}},
        }
        for customer in range(200)
        for _ in range(rng.randint(1, 6))
    ]


EVENTS = _log()


def rows_of(question: dict[str, Any], side: str | None = None) -> list[dict[str, Any]]:
    keys = ("breakdown", "step", *COUNTS, "rate", "median_seconds")
    rows = answer({**FUNNEL, **question}, EVENTS).rows
    return [{key: row[key] for key in keys} for row in rows if row.get("side") == side]


FEBRUARY = {"from": "1970-02-01", "to": "1970-03-01"}


@pytest.mark.parametrize(
    ("compare", "other", "label"),
    [
        ("previous", {"from": "1970-01-01", "to": "1970-02-01"}, "previous"),
        ("year", {"from": "1969-02-01", "to": "1969-03-01"}, "year"),
        ({"period": {"from": "1970-01-05", "to": "1970-01-20"}}, {"from": "1970-01-05", "to": "1970-01-20"}, "other period"),
    ],
)  # fmt: skip
def test_each_period_is_as_it_is_alone(compare: Any, other: dict[str, str], label: str) -> None:
    asked = {"period": FEBRUARY, "compare": compare}
    assert rows_of(asked, "period") == rows_of({"period": FEBRUARY})
    assert rows_of(asked, label) == rows_of({"period": other})
    broken = rows_of({**asked, "breakdown": "v"}, "period")
    alone = rows_of({"period": FEBRUARY, "breakdown": "v"})
    assert sorted(map(json.dumps, broken)) == sorted(map(json.dumps, alone))


def test_a_period_of_days_is_compared_with_as_many_days_before() -> None:
    asked = {"period": {"from": "1970-01-15", "to": "1970-01-25"}, "compare": "previous"}
    assert rows_of(asked, "previous") == rows_of({"period": {"from": "1970-01-05", "to": "1970-01-15"}})


def test_values_and_conditions_are_the_rows_of_the_breakdown() -> None:
    by = {row["breakdown"]: [] for row in rows_of({"breakdown": "v"})}
    for row in rows_of({"breakdown": "v"}):
        by[row["breakdown"]].append({**row, "breakdown": None})
    values = {"breakdown": "v", "compare": {"values": ["x", "y"]}}
    assert rows_of(values, "x") == by["x"]
    assert rows_of(values, "y") == by["y"]
    conditions = {"condition": {"where": {"v": "x"}}, "with": {"where": {"v": "z"}}, "labels": ["X", "Z"]}
    assert rows_of({"compare": conditions}, "X") == by["x"]
    assert rows_of({"compare": conditions}, "Z") == by["z"]
    rest = rows_of({"compare": {"condition": {"where": {"v": "x"}}, "labels": ["X", "others"]}}, "others")
    assert rest == rows_of({"breakdown": "v", "compare": {"values": ["x"]}}, "(rest)")
    whole = rows_of({})
    for row, one, other in zip(whole, by["x"], rest, strict=True):
        assert [row[field] for field in COUNTS] == [one[field] + other[field] for field in COUNTS]


def test_the_difference_has_its_interval_and_every_count_opens() -> None:
    found = answer({**FUNNEL, "breakdown": "v", "compare": {"values": ["x", "y"]}, "histogram": 4}, EVENTS)
    first, second = found.rows[:3], found.rows[3:]
    for one, other in zip(first, second, strict=True):
        check_people(found, one, COUNTS)
        check_people(found, other, COUNTS)
        assert other["difference"] is None
        if one["step"]:
            assert one["difference"] == pytest.approx(one["rate"] - other["rate"])
            assert one["low"] < one["difference"] < one["high"]
            assert 0 <= one["p"] <= 1
    both = {"condition": {"where": {"v": {"in": ["x", "y"]}}}, "with": {"where": {"v": {"in": ["y", "z"]}}}}
    (said,) = answer({**FUNNEL, "compare": both}, EVENTS).warnings
    assert "are on both sides" in said


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [  # Newcombe 1998, table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)  # fmt: skip
def test_the_interval_is_the_published_one(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    found = difference(one, other)
    assert (found["low"], found["high"]) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert wilson(*one)[0] <= one[0] / one[1] <= wilson(*one)[1]


@pytest.mark.parametrize(
    ("asked", "said", "hint"),
    [
        ({"compare": "previus"}, "Unknown comparison 'previus'.", "previous"),
        ({"compare": "previous"}, "needs a period with both its ends", "from"),
        ({"compare": {"values": ["x", "y"]}}, "Values are compared of a breakdown.", "breakdown"),
        ({"compare": {"values": ["x", "x"]}, "breakdown": "v"}, "'x' is compared with itself.", "two"),
        ({"compare": {"with": {"event": "A"}}}, "A comparison is of one thing.", "condition"),
        ({"compare": {"valus": []}}, "Unknown key 'valus' in a comparison.", "values"),
        ({"compare": {"condition": {"event": "A"}}, "bucket": "week"}, "cannot be compared side by side", "bucket"),
        ({"compare": 7}, "compare is 7", "previous"),
        ({"quantiles": [50]}, "The quantiles are [50].", "0 to 1"),
        ({"histogram": ["1d", "1h"]}, "The histogram is", "rising"),
        ({"bucket": "hour", "breakdown": "v", "period": {"from": "1960-01-01"}}, "There would be", "larger buckets"),
        ({"bucket": "fortnight"}, "Unknown `bucket` 'fortnight' in a funnel question.", "month, quarter"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said(asked: dict[str, Any], said: str, hint: str) -> None:
    with pytest.raises(QuestionError) as problem:
        answer({**FUNNEL, **asked}, EVENTS)
    assert said in problem.value.message
    assert hint in problem.value.hint


def test_doubts_are_answered_with_a_warning() -> None:
    steps = [{"event": "A"}, {"event": "B", "within": "20d"}]
    found = answer({**FUNNEL, "steps": steps, "period": {"from": "1970-04-01"}}, EVENTS)
    assert [said.split(":")[0] for said in found.warnings] == [
        "The period begins after now (1970-03-10T00",
        "steps[1].within is 20d, longer than the window in all of 10d",
    ]
