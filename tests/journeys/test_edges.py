"""Edges by hand: warnings, breakdowns with many values, currencies, touchpoints, robots."""

from __future__ import annotations

import time
from typing import Any

import pytest

from periplus.errors import QuestionError
from periplus.journeys import notice
from periplus.journeys.funnel import MOST_VALUES
from periplus.question import Context, ask
from periplus.settings import Settings
from periplus.store.snapshot import PropertyInfo
from tests.journeys.logs import SECOND, answer, context
from tests.journeys.memory import Memory

ONE = 1 << 61


def event(name: str, second: int, customer: int = ONE, **properties: Any) -> dict[str, Any]:
    return {"customer": customer, "time": second * SECOND, "event": name, "properties": properties}


def funnel(*names: str, **more: Any) -> dict[str, Any]:
    return {"kind": "funnel", "steps": [{"event": name} for name in names], **more}


# -- warnings ------------------------------------------------------------------------------------


def test_what_the_data_has_never_seen_is_said_with_the_nearest_words() -> None:
    events = [event("Product Viewed", 1, color="red", items=[{"sku": "a"}])]
    step = {"event": "Prodct Viewed", "where": {"colour": "red", "items.sku": "a"}}
    found = answer({"kind": "funnel", "steps": [step], "breakdown": "colr"}, events)
    assert found.warnings == [
        "No event is called 'Prodct Viewed'. Did you mean 'Product Viewed'?",
        "No event has the property 'colour'. Did you mean 'color'?",
        "No event has the property 'colr'. Did you mean 'color'?",
    ]
    seldom = answer({"kind": "funnel", "steps": [{"where": {"color": "redd"}}]}, events)
    assert seldom.warnings == ["color is never 'redd'. Did you mean 'red'?"]
    assert answer({"kind": "funnel", "steps": [{"where": {"color": "red"}}]}, events).warnings == []


def test_the_property_of_a_measure_that_nobody_sent_is_said() -> None:
    series = [{"measure": {"sum": "totl"}}, {"measure": {"mean": "totl"}}, {"measure": {"sum": "total"}}]
    found = answer({"kind": "trend", "series": series}, [event("Order Completed", 1, total="5")])
    assert found.warnings == ["No event has the property 'totl'. Did you mean 'total'?"]


def test_what_stands_in_a_list_is_no_one_value_and_that_is_said() -> None:
    kept = {
        "properties.items": PropertyInfo("JSON", 3, []),
        "properties.seldom": PropertyInfo("JSON", 0, []),
        "properties.total": PropertyInfo("DOUBLE", 3, []),
    }
    asked = ["properties.items.price", "properties.seldom", "properties.total", "properties.items", "channel"]
    assert notice.of_values(asked, kept) == [
        "items.price stands in a list: such an event has no one value of it.",
        "items stands in a list: such an event has no one value of it.",
    ]
    events = [event("Order Completed", 1, items=[{"sku": "a", "price": 3}])]
    trend: dict[str, Any] = {"kind": "trend", "series": [{"measure": {"sum": "items.price"}}]}
    funnel = {"kind": "funnel", "steps": [{}], "breakdown": "items.price"}
    for question in (trend, funnel, {"kind": "flow", "by": "items.price"}):
        assert "items.price stands in a list" in answer(question, events).warnings[0]


def test_a_map_says_which_properties_its_rules_name_in_vain() -> None:
    steps = [
        {"name": "Cart", "rule": {"event": "Cart", "where": {"colour": "red"}}},
        {"name": "Sale", "rule": {"event": "Cart", "not": {"where": {"color": {"in": ["red", "blue"]}}}}},
        {"name": "Silent", "rule": {"event": "Qqq", "where": {"xyz": 1}}},
    ]
    document = {"name": "m", "goal": "cart", "stages": [{"name": "S", "steps": steps}]}
    found = answer({"kind": "flow", "map": document}, [event("Cart", 1, color="red")])
    assert found.warnings == [
        "No events have been seen for these steps: silent.",
        "No event has the property 'colour'. Did you mean 'color'?",
    ]


def test_a_map_says_in_one_sentence_which_steps_were_never_seen() -> None:
    def step(name: str) -> dict[str, Any]:
        return {"name": name, "rule": {"event": name}}

    document = {
        "name": "m",
        "goal": "Cart",
        "stages": [{"name": "S", "steps": [step("Cart"), step("Cartt"), step("Qqq")]}],
    }
    document["goal"] = "cart"
    found = answer({"kind": "map", "map": document}, [event("Cart", 1)])
    assert found.warnings == [
        "No event is called 'Cartt'. Did you mean 'Cart'?",
        "No events have been seen for these steps: qqq.",
    ]


# -- breakdown ------------------------------------------------------------------------------------


def test_values_beyond_the_limit_are_together_and_said() -> None:
    many = MOST_VALUES + 5
    events = [event("A", 1, customer=ONE + n, v=f"value {min(n, many - 1)}") for n in range(many + 1)]
    events += [event("A", 1, customer=ONE - 1)]
    found = answer(funnel("A", breakdown="v"), events)
    assert len(found.rows) == MOST_VALUES + 2
    # The value of two customers is among the frequent ones; of those with one, the first by name stay.
    assert found.rows[0]["breakdown"] == f"value {many - 1}"
    assert [row["breakdown"] for row in found.rows[-2:]] == ["(other)", None]
    assert sum(row["reached"] for row in found.rows) == many + 2
    assert found.warnings == [f"The breakdown has {many} values; 5 of them are together in (other)."]
    assert len(found.people(found.rows[-2], "reached")) == found.rows[-2]["reached"] == 5


def test_a_value_is_shown_as_it_was_sent_and_compared_by_its_text() -> None:
    events = [
        event("A", 1, customer=ONE + n, v=v) for n, v in enumerate([7, 7.0, 1.5, True, "x", "8", 8, [1]])
    ]
    found = answer(funnel("A", breakdown="v"), events)
    shown = {repr(row["breakdown"]): row["reached"] for row in found.rows}
    assert shown == {"7": 2, "1.5": 1, "True": 1, "'x'": 1, "'8'": 2, "None": 1}
    assert len(found.people({"step": 0, "breakdown": "7"}, "reached")) == 2


def test_the_null_row_opens_into_those_without_a_value() -> None:
    events = [event("A", 1, v="x"), event("A", 2, customer=ONE + 1)]
    found = answer(funnel("A", breakdown="v"), events)
    assert [entry["customer"] for entry in found.people({"step": 0, "breakdown": None}, "reached")] == [
        f"{ONE + 1:016x}"
    ]
    assert len(found.people({"step": 0}, "reached")) == 2


# -- value ----------------------------------------------------------------------------------------

ORDER = {"name": "order", "rule": {"event": "Order Completed"}}
SHOP = {"name": "m", "goal": "order", "end": "lapse", "stages": [{"name": "S", "steps": [ORDER]}]}


def worth(events: list[dict[str, Any]], rates: Any = None, **settings: Any) -> tuple[Any, Any, list[str]]:
    asked = Context(Memory(events), Settings(**settings), 10**17)  # type: ignore[arg-type]
    if rates is not None:
        asked = Context(asked.snapshot, asked.settings, asked.wall, rates=rates)
    found = ask({"kind": "map", "map": SHOP}, asked)
    return found.totals["value"], found.totals["value_gross"], found.warnings


@pytest.mark.parametrize(("currency", "minor"), [("EUR", 101), ("JPY", 1), ("KWD", 1005)])
def test_amounts_are_rounded_half_up_to_the_minor_unit(currency: str, minor: int) -> None:
    assert worth([event("Order Completed", 1, order_id="a", total=1.005)], currency=currency)[0] == minor


def test_which_property_is_the_value_is_a_setting_and_the_other_stands_in() -> None:
    both = event("Order Completed", 1, order_id="a", total=10, revenue=8)
    other = event("Order Completed", 2, order_id="b", revenue=3)
    assert worth([both, other])[0] == 1300
    assert worth([both, other], order_value="revenue")[0] == 1100


def test_refunds_reduce_the_order_they_name_and_never_below_nothing() -> None:
    orders = [event("Order Completed", n, order_id=name, total=10) for n, name in enumerate("abcd")]
    back = [
        event("Order Refunded", 5, order_id="a", total=4),
        event("Order Refunded", 6, order_id="a", total=4),
        event("Order Cancelled", 7, order_id="b"),
        event("Order Refunded", 8, order_id="c", total=25),
        event("Order Refunded", 9, order_id="z"),
        event("Order Refunded", 9, customer=ONE + 1, order_id="d"),
    ]
    assert worth([*orders, *back])[:2] == (200 + 0 + 0 + 1000, 4000)


def test_an_order_sent_twice_counts_once_and_one_without_an_id_each_time() -> None:
    twice = [event("Order Completed", n, order_id="a", total=10) for n in range(2)]
    nameless = [event("Order Completed", n, total=1) for n in range(2)]
    assert worth([*twice, *nameless])[0] == 1200


def test_other_currencies_are_converted_by_day_or_left_out_and_said() -> None:
    events = [
        event("Order Completed", 1, order_id="a", total=10, currency="EUR"),
        event("Order Completed", 86_400, order_id="b", total=10, currency="usd"),
        event("Order Completed", 3, order_id="c", total=10, currency="GBP"),
    ]
    found = worth(events, rates=lambda currency, day: 0.5 if (currency, day) == ("USD", 1) else None)
    assert found == (1500, 1500, ["1 amounts in GBP are left out: there is no rate from GBP to EUR."])


# -- steps ----------------------------------------------------------------------------------------


def test_touchpoints_and_stages_in_a_condition_are_the_map_s() -> None:
    document = {
        "name": "m",
        "goal": "order",
        "stages": [
            {
                "name": "Look",
                "steps": [{"name": "View", "rule": {"event": "V"}}, {"name": "List", "rule": {"event": "L"}}],
            },
            {"name": "Buy", "steps": [ORDER]},
        ],
    }
    events = [event("L", 1), event("Order Completed", 2), event("V", 3, customer=ONE + 1)]
    steps = [{"stage": "Look"}, {"touchpoint": "order"}]
    found = answer({"kind": "funnel", "map": document, "steps": steps}, events)
    assert [row["reached"] for row in found.rows] == [2, 1]
    with pytest.raises(QuestionError, match="Did you mean 'Look'"):
        answer({"kind": "funnel", "map": document, "steps": [{"stage": "Loook"}]}, events)
    with pytest.raises(QuestionError, match="needs a map"):
        answer({"kind": "funnel", "steps": [{"stage": "Look"}]}, events)


def test_without_a_window_it_is_thirty_days_and_with_a_map_its_lapse_time() -> None:
    events = [event("Order Completed", 1)]
    assert answer(funnel("A"), events).question["within"] == "30d"
    document = SHOP | {"lapse": "3d"}
    assert answer(funnel("A", map=document), events).question["within"] == "3d"
    by_journey = {"kind": "funnel", "map": document, "unit": "journeys", "steps": [{"step": "order"}]}
    assert "within" not in answer(by_journey, events).question


def test_an_unmeasured_step_is_drawn_but_not_counted() -> None:
    document = {"name": "m", "goal": "order", "stages": [{"name": "S", "steps": [{"name": "Talk"}, ORDER]}]}
    found = answer({"kind": "map", "map": document}, [event("Order Completed", 1)])
    assert [row["step"] for row in found.rows] == ["order"]


def test_a_stage_is_left_and_entered_again() -> None:
    """Steps of one stage make one run; going back to an earlier stage is back."""
    names = {"One": "AB", "Two": "C"}
    stages = [
        {"name": stage, "steps": [{"name": name, "rule": {"event": name}} for name in steps]}
        for stage, steps in names.items()
    ]
    document = {"name": "m", "goal": "c", "end": "lapse", "stages": stages}
    log = [event(name, second) for second, name in enumerate("ABACB")]
    found = answer({"kind": "map", "map": document}, log)
    one, two = found.stages
    assert (one["visits"], one["onward"], one["running"]) == (2, 1, 1)
    assert (two["visits"], two["back"]) == (1, 1)


# -- speed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"order": "any"},
        {"order": "strict"},
        {"attempts": "every"},
        {"hold": ["v"]},
        {"exclude": [{"event": "X"}]},
        {"steps": [{"event": ["A", "B"]}, {"event": "B", "optional": True, "within": "9s"}, {"event": "C"}]},
    ],
)
def test_a_robot_is_walked_in_time_that_grows_with_its_events_only(more: dict[str, Any]) -> None:
    """100,000 events of one customer: quadratic work would take minutes."""
    log = [event("ABABABAX"[n % 8], n // 3, v=str(n % 5)) for n in range(100_000)] + [
        event("C", 40_000, v="1")
    ]
    asked = context(log)
    question = {**funnel("A", "B", "C"), **more}
    ask(question, context(log[:100]))  # compiled by now
    before = time.process_time()
    ask(question, asked)
    assert time.process_time() - before < 20
