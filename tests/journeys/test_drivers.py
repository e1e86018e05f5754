"""Drivers against an oracle of lists; the statistics against whole fractions; a planted effect, and pure noise."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import periplus
from periplus.errors import QuestionError
from periplus.journeys.drivers_odds import corrected, odds, p_value
from periplus.question import ask
from tests.journeys import oracle
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
from tests.journeys.test_store import DAY, DOCUMENT, NOW, _file, log

SECOND = 1_000_000
TIMES = ("0", "1", "2–3", "4–7", "8–15", "16 and more")
FEATURES: list[Any] = [
    "v",
    {"property": "v", "at": "early"},
    {"done": {"event": ["A", "B"], "where": {"v": "1"}}, "label": "one"},
    {"count": {"event": "A"}, "label": "As"},
    {"count": {}, "label": "events"},
    {"done": "each"},
]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    within = draw(st.integers(0, 5))
    return {
        "kind": "drivers",
        "goal": draw(st.sampled_from([{"event": "C"}, {"event": ["B", "C"]}])),
        "of": draw(st.sampled_from([{}, {"event": "A"}, {"event": ["A", "C"], "where": {"v": "1"}}])),
        "within": f"{within}s",
        "early": f"{draw(st.integers(0, within))}s",
        "features": FEATURES,
    }


def lives(
    events: list[dict[str, Any]], question: dict[str, Any], now: int, period: dict[str, Any]
) -> list[Any]:
    """What is looked at as one life, as its events: of customers, or of journeys with their steps."""
    if question.get("unit") != "journeys":
        return list(oracle.by_customer(events, now).values())
    found = []
    for mine in oracle.by_customer(events, now).values():
        document = question["map"]
        played = oracle.play(mine, document, int(document["lapse"][:-1]) * SECOND, now)[0]
        found += [
            [event | {"step": step} for event, step in journey["events"]]
            for journey in oracle.select(played, period)
        ]
    return found


def expected(
    events: list[dict[str, Any]], question: dict[str, Any], now: int, period: dict[str, Any]
) -> tuple[Counter[Any], Counter[Any], dict[str, int]]:
    """Customers and reached by (feature, value), and the totals."""
    within, early = (int(question[key][:-1]) * SECOND for key in ("within", "early"))
    customers, reached, totals = Counter[Any](), Counter[Any](), Counter[str]()
    for mine in lives(events, question, now, period):
        place = next((place for place, event in enumerate(mine) if oracle.meets(event, question["of"])), None)
        if place is None or (
            question.get("unit") != "journeys" and not oracle.inside(mine[place]["time"], period)
        ):
            continue
        begun = mine[place]["time"]
        if begun + within > now:
            totals["recent"] += 1
            continue
        after = [
            e for e in mine[place + 1 :] if oracle.meets(e, question["goal"]) and e["time"] - begun <= within
        ]
        values = {("v", mine[place]["properties"].get("v"))}
        totals["customers"] += 1
        totals["reached"] += bool(after)
        if not after or after[0]["time"] - begun > early:
            first = [event for event in mine[place:] if event["time"] - begun <= early]
            known = [event["properties"]["v"] for event in first if "v" in event["properties"]]
            values.add(("early v", known[0] if known else None))
            if any(oracle.meets(event, FEATURES[2]["done"]) for event in first):
                values.add(("one", True))
            for label, count in (("As", sum(e["event"] == "A" for e in first)), ("events", len(first))):
                values.add((label, TIMES[0 if not count else min(int(math.log2(count)) + 1, 5)]))
            values |= {(f"did {event.get('step') or event['event']}", True) for event in first}
            totals["early_customers"] += 1
            totals["early_reached"] += bool(after)
        customers.update(values)
        if after:
            reached.update(values)
    names = ("customers", "reached", "early_customers", "early_reached", "recent")
    return customers, reached, {name: totals[name] for name in names}


def check(found: Any, want: tuple[Counter[Any], Counter[Any], dict[str, int]]) -> None:
    customers, reached, totals = want
    got = {(row["feature"], row["value"]): row for row in found.rows}
    assert len(got) == len(found.rows)
    assert {key: row["customers"] for key, row in got.items()} == customers
    assert {key: row["reached"] for key, row in got.items() if row["reached"]} == reached
    assert {name: found.totals[name] for name in totals} == totals
    ps = [row["p"] for row in found.rows if row["p"] is not None]
    assert ps == sorted(ps)
    for (feature, _), row in got.items():
        base = "" if feature == "v" else "early_"
        others = totals[f"{base}customers"] - row["customers"]
        missing = totals[f"{base}reached"] - row["reached"]
        assert row["rate"] == row["reached"] / row["customers"]
        assert row["others_rate"] == (missing / others if others else None)
        assert row["p_single"] == odds(row["reached"], row["customers"], missing, others).p
        check_people(found, row, ("customers", "reached"))
    for name in totals:
        assert len(found.people({}, name)) == totals[name]


@examples()
@given(questions(), logs(names=("A", "B", "C")), nows, periods(("start",)))
def test_as_the_oracle_counts(question, events, now, period):
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    check(found, expected(events, question, now, period))
    assert ask(found.question, context(events)).rows == found.rows


@examples(0.5)
@given(questions(), maps(), logs(), nows, periods(("start",)))
def test_of_journeys_too(question, document, events, now, period):
    question = {**question, "unit": "journeys", "map": document}
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    check(found, expected(events, question, now, period))


@examples()
@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_the_statistics_against_fractions(n, m, data):
    a, c = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    found = odds(a, n, c, m)
    whole, reached = n + m, a + c
    exact = [
        Fraction(math.comb(n, k) * math.comb(m, reached - k), math.comb(whole, reached))
        for k in range(max(0, reached - m), min(n, reached) + 1)
    ]
    seen = Fraction(math.comb(n, a) * math.comb(m, c), math.comb(whole, reached))
    fisher = float(sum(p for p in exact if p <= seen))
    expected_counts = [Fraction(x * y, whole) for x in (n, m) for y in (reached, whole - reached)]
    if min(expected_counts) < 5:
        assert found.p == pytest.approx(fisher, rel=1e-9)
    else:
        chi = sum((k - e) ** 2 / e for k, e in zip((a, n - a, c, m - c), expected_counts, strict=True))
        assert found.p == pytest.approx(math.erfc(math.sqrt(float(chi) / 2)), rel=1e-9)
    assert found.lift == (None if not c else pytest.approx((a / n) / (c / m)))
    if a and c:
        assert found.low <= found.lift <= found.high
    elif a or c:
        assert (found.low, found.high)[0 if not a else 1] == (0.0 if not a else None)


def test_published_examples():
    # Katz' interval as in Pagano and Gauvreau's convention for empty cells; R's fisher.test for the same table.
    found = odds(8, 508, 0, 500)
    assert (round(found.low, 2), found.high, round(found.p, 5)) == (0.97, None, 0.00761)
    # Aspirin and heart attacks (Agresti, Categorical Data Analysis, 2.1.3): 1.82, from 1.43 to 2.31.
    found = odds(189, 11034, 104, 11037)
    assert [round(each, 2) for each in (found.lift, found.low, found.high)] == [1.82, 1.43, 2.31]
    assert p_value(3, 4, 1, 4) == pytest.approx(17 / 35)  # Fisher's tea
    # Benjamini and Hochberg's own example (1995, section 3.2): at 0.05 the first four of fifteen stand.
    ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
          0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]  # fmt: skip
    assert [p < 0.05 for p in corrected(ps)] == [True] * 4 + [False] * 11
    assert corrected(ps)[:4] == pytest.approx([0.0015, 0.003, 0.0095, 0.035625])


def shop(seed: int, customers: int = 1500, effect: float = 1.0) -> list[dict[str, Any]]:
    """Visitors with properties and early events that mean nothing, but that coupons multiply the rate by `effect`."""
    dice = random.Random(seed)
    events = []
    for number in range(customers):
        who, begun = (number + 1) << 40, dice.randrange(100) * 3600 * SECOND
        coupon = dice.random() < 0.3
        early = [dice.choice("DEFGHIJK") for _ in range(dice.randrange(4))] + ["Coupon"] * coupon
        properties = {"colour": dice.choice("abcdef"), "size": dice.choice("xyz")}
        events.append({"customer": who, "time": begun, "event": "Landed", "properties": properties})
        for name in early:
            events.append(
                {
                    "customer": who,
                    "time": begun + dice.randrange(1800) * SECOND,
                    "event": name,
                    "properties": {},
                }
            )
        if dice.random() < 0.1 * (effect if coupon else 1):
            time = begun + dice.randrange(7200, 80_000) * SECOND
            events.append({"customer": who, "time": time, "event": "Order", "properties": {}})
    return events


def test_what_was_planted_comes_first_and_noise_stays_noise():
    question = {
        "kind": "drivers", "goal": {"event": "Order"}, "of": {"event": "Landed"}, "within": "1d",
        "features": ["colour", "size", {"done": "each"}, {"count": {}, "label": "events"}], "now": "1970-02-01",
    }  # fmt: skip
    found = answer(question, shop(1, effect=2.5))
    first = found.rows[0]
    assert (first["feature"], first["value"]) == ("did Coupon", True)
    assert first["low"] < 2.5 < first["high"]
    assert first["p"] < 1e-6
    single = corrected_ones = tests = 0
    for seed in range(2, 12):
        rows = [row for row in answer(question, shop(seed)).rows if row["p"] is not None]
        tests += len(rows)
        single += sum(row["p_single"] < 0.05 for row in rows)
        corrected_ones += sum(row["p"] < 0.05 for row in rows)
    assert 0.01 < single / tests < 0.1  # one in twenty
    assert corrected_ones <= 3  # of some 200


def test_most_values_and_the_rest_add_up():
    dice = random.Random(5)
    events = []
    for number in range(200):
        who = (number + 1) << 40
        events.append(
            {"customer": who, "time": 0, "event": "A", "properties": {"v": f"x{dice.randrange(40)}"}}
        )
    found = answer(
        {"kind": "drivers", "goal": {"event": "B"}, "features": ["v"], "now": "1970-03-01"}, events
    )
    assert len(found.rows) == 21
    assert sum(row["customers"] for row in found.rows) == 200
    assert all(row["lift"] is None and row["p"] == 1 for row in found.rows)
    check_people(found, next(row for row in found.rows if row["value"] == "(other)"), ("customers",))


def test_from_the_store(tmp_path):
    events = log(3)
    with periplus.init(tmp_path / "shop") as ws:
        for part in (0, 1):
            ws.import_file(
                _file(tmp_path / f"{part}.jsonl", [e for e in events if e["time"] // DAY % 2 == part])
            )
        question = {
            "kind": "drivers", "goal": {"event": "C"}, "of": {"event": "A"}, "within": f"{9 * 86400}s", "early": f"{2 * 86400}s",
            "features": FEATURES,
        }  # fmt: skip
        found = ws.ask({**question, "now": moment(NOW)})
        check(found, expected(events, question, NOW, {"by": "start"}))
        usual = ws.ask({"kind": "drivers", "map": DOCUMENT, "unit": "journeys", "now": moment(NOW)})
        assert {row["feature"] for row in usual.rows} >= {"channel", "events", "did b"}
        assert usual.chart().to_dict() if any(row["lift"] for row in usual.rows) else True


def test_what_makes_no_sense_is_said():
    base = {"kind": "drivers", "goal": {"event": "B"}}
    for question, said in (
        ({"kind": "drivers"}, "goal is missing"),
        ({**base, "early": "2d", "within": "1d"}, "longer than"),
        ({**base, "unit": "journeys"}, "need a map"),
        ({**base, "features": []}, "no features"),
        ({**base, "features": ["v", "v"]}, "Two features"),
        ({**base, "features": [{"propety": "v"}]}, "propety"),
        ({**base, "features": [{"property": "v", "at": "end"}]}, "end"),
        ({**base, "features": [{"done": {"event": "A"}, "count": {}}]}, "needs one of"),
        ({**base, "features": [7]}, "no feature"),
        ({**base, "features": [{"done": {"event": f"E{n}"}} for n in range(31)]}, "too many"),
        ({**base, "period": {"from": "2026-01-01", "by": "goal"}}, "began"),
    ):
        with pytest.raises(QuestionError, match=said):
            answer(question, [])
    found = answer({**base, "features": ["v"]}, [])
    for row, field, said in (
        ({"feature": "v"}, "customers", "value"),
        ({"feature": "w", "value": 1}, "customers", "w"),
        ({"feature": "v", "value": "x"}, "lift", "no count"),
    ):
        with pytest.raises(QuestionError, match=said):
            found.people(row, field)
