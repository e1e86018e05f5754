"""Moving averages and expected ranges against the trend of everything, season by season; a planted day, and plain chance."""

from __future__ import annotations

import math
import random
from statistics import fmean, median
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from periplus import clock
from periplus.errors import QuestionError
from tests.journeys.calendar import spread
from tests.journeys.logs import answer, examples, logs, moment, nows, periods, written
from tests.journeys.test_store import DAY


def season(label: str, bucket: str) -> Any:
    local = clock.EPOCH.fromisoformat(label)
    return {"hour": (local.weekday(), local.hour), "day": local.weekday(), "month": local.month}.get(bucket)


def check(
    found: Any, whole: Any, question: dict[str, Any], now: int, period: dict[str, Any], first: int
) -> int:
    """Each field from the values before; `whole` has those before the period. How many ranges there were."""
    width, of_season = question["expected"]["width"], question["expected"]["seasons"]
    ranges = 0
    for series in {row["series"] for row in found.rows}:
        shown = [row for row in found.rows if row["series"] == series]
        before = [row for row in whole.rows if row["series"] == series and row["bucket"] < shown[0]["bucket"]]
        edges = [clock.instant(row["bucket"], clock.zone("UTC")) for row in [*before, *shown]]
        values = [row["value"] for row in [*before, *shown]]
        learned: dict[Any, list[float]] = {}
        for place, row in enumerate([*before, *shown]):
            own = season(row["bucket"], question["bucket"])
            earlier = learned.setdefault(own, [])
            known = [
                value
                for value in values[max(0, place + 1 - question["average"]) : place + 1]
                if value is not None
            ]
            end = edges[place] + {"hour": DAY // 24, "day": DAY, "week": 7 * DAY}[question["bucket"]]
            cut = end > now + 1 or edges[place] < first
            if place >= len(before):
                cut |= edges[place] < period.get("from", -1) or end > period.get("to", 10**18)
                mean = fmean(known) if known and place + 1 >= question["average"] else None
                assert row["average"] == (None if mean is None else pytest.approx(mean))
                wanted: tuple[Any, ...] = (None, None, None, None)
                if len(earlier) >= 4:
                    last = earlier[-of_season:]
                    middle = median(last)
                    spread_ = 1.4826 * median([abs(value - middle) for value in last])
                    low, high = middle - width * spread_, middle + width * spread_
                    if series == "counts":
                        spread_ = max(spread_, math.sqrt(middle))
                        low, high = max(middle - width * spread_, 0), middle + width * spread_
                    inside = None if cut or row["value"] is None else not low <= row["value"] <= high
                    wanted = (middle, pytest.approx(low), pytest.approx(high), inside)
                    ranges += 1
                assert (row["expected"], row["low"], row["high"], row["outside"]) == wanted
            if not cut and values[place] is not None:
                earlier.append(values[place])
    return ranges


SERIES = [
    {"of": {"event": ["A", "B"]}, "label": "counts"},
    {"of": {"event": "A"}, "measure": {"mean": "v"}, "label": "means"},
]


@examples(0.5)
@given(
    logs(names=("A", "B")), nows, periods(("start",)), st.sampled_from([("hour", 9_000), ("day", 600_000), ("week", 2_000_000)]),
    st.integers(2, 4), st.integers(4, 6),
)  # fmt: skip
def test_as_the_oracle_computes(events, now, period, pace, average, seasons):
    bucket, step = pace
    events, now = spread(events, step), now * step
    period = {key: value if key == "by" else value * step for key, value in period.items()}
    assume(period.get("from", 0) <= now)
    expected = {"width": 1, "seasons": seasons}
    question = {"kind": "trend", "series": SERIES, "bucket": bucket, "average": average, "expected": expected}
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    plain = {key: value for key, value in question.items() if key not in ("average", "expected")}
    whole = answer({**plain, "now": moment(now)}, events)
    owned = [event["time"] for event in events if event["customer"]]
    check(found, whole, question, now, period, min([*owned, now]))
    same = answer({**plain, "now": moment(now), "period": written(period)}, events)
    kept = ("bucket", "series", "breakdown", "value", "previous")
    assert [{key: row[key] for key in kept} for row in found.rows] == same.rows


def daily(seed: int, days: int, extra: dict[int, int]) -> list[dict[str, Any]]:
    """Some 30 events a day, twice as many at weekends; and a few days that are out of the ordinary."""
    dice = random.Random(seed)
    events = []
    for day in range(days):
        usual = 60 if (day + 3) % 7 >= 5 else 30  # 1970-01-01 was a Thursday
        for _ in range(extra.get(day, round(dice.gauss(usual, math.sqrt(usual))))):
            events.append(
                {"customer": 1 << 61, "time": day * DAY + dice.randrange(DAY), "event": "A", "properties": {}}
            )
    return events


def test_a_planted_day_is_outside_and_chance_seldom_is():
    events = daily(1, 140, {100: 0, 120: 95})
    question = {
        "kind": "trend", "series": SERIES[:1], "average": 7, "expected": True, "now": moment(140 * DAY),
        "period": {"from": moment(60 * DAY), "to": moment(140 * DAY)},
    }  # fmt: skip
    found = answer(question, events)
    outside = [row["bucket"] for row in found.rows if row["outside"]]
    assert {"1970-04-11", "1970-05-01"} <= set(outside)
    assert len(outside) <= 4
    whole = answer({"kind": "trend", "series": SERIES[:1], "now": moment(140 * DAY)}, events)
    asked = {**question, "bucket": "day", "expected": {"width": 3, "seasons": 8}}
    period = {"from": 60 * DAY, "to": 140 * DAY}
    assert check(found, whole, asked, 140 * DAY, period, min(event["time"] for event in events)) == 80


def test_what_makes_no_sense_is_said():
    for more in ({"average": 1}, {"expected": "yes"}, {"expected": {"widht": 2}}, {"expected": {"width": 0}},
                 {"expected": {"seasons": 2}}, {"expected": {"width": True}}):  # fmt: skip
        with pytest.raises(QuestionError):
            answer({"kind": "trend", "series": [{}], **more}, [])
