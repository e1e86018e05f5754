"""The tracking plan: one message and the whole store are judged by the same rules."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import periplus
from periplus.collect.deviations import Deviations
from periplus.collect.plan_report import report, suggested
from periplus.collect.tracking_plan import KIND, Deviation, TrackingPlan
from periplus.errors import DocumentError, NotFoundError

PLAN = TrackingPlan.parse(
    """
events:
  Order Completed:
    owner: shop
    extra: false
    properties:
      order_id: {type: text, required: true}
      total: {type: number, required: true}
      currency: {type: text, values: [EUR, USD]}
      paid: boolean
      at: time
      products: list
      address.city: text
      address: object
      rating: {values: [1, 2.5, "x"]}
  Page Viewed: {}
"""
)


def wrongs(**properties: Any) -> set[tuple[str, str]]:
    return {
        (one.wrong, one.property)
        for one in PLAN.check({"event": "Order Completed", "properties": properties})
    }


GOOD = {"order_id": "1", "total": 3}


def test_what_is_as_planned_is_no_deviation() -> None:
    full = {
        **GOOD,
        "currency": "EUR",
        "paid": False,
        "at": "2026-01-01T10:00Z",
        "products": [],
        "rating": 2.5,
        "address": {"city": "x"},
    }
    assert wrongs(**full) == set()
    assert PLAN.check({"type": "page"}) == []
    assert PLAN.check({"type": "identify", "traits": {"x": 1}}) == []


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"total": 3}, {("missing property", "order_id")}),
        ({**GOOD, "order_id": None}, {("missing property", "order_id")}),
        ({**GOOD, "order_id": 5}, {("wrong type", "order_id")}),
        ({**GOOD, "total": True}, {("wrong type", "total")}),
        ({**GOOD, "at": "yesterday"}, {("wrong type", "at")}),
        ({**GOOD, "currency": "EUX"}, {("value not allowed", "currency")}),
        ({**GOOD, "rating": 2}, {("value not allowed", "rating")}),
        ({**GOOD, "rating": 1.0}, set()),
        ({**GOOD, "totl": 3}, {("unknown property", "totl")}),
        ({**GOOD, "a.b": 3}, {("unknown property", r"a\.b")}),
        ({**GOOD, "x": None, "y": {"z": None}}, set()),
        ({**GOOD, "address": {"city": 3}}, {("wrong type", "address.city")}),
        ({**GOOD, "address": "Main Street"}, {("wrong type", "address")}),
    ],
)
def test_each_deviation(properties: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert wrongs(**properties) == expected


def test_the_nearest_right_word_is_named() -> None:
    def hint(message: dict[str, Any]) -> str:
        return PLAN.hint(PLAN.check(message)[0])

    assert hint({"event": "Order Complete"}) == "Order Completed"
    assert hint({"event": "Order Completed", "properties": {**GOOD, "totl": 3}}) == "total"
    assert hint({"event": "Order Completed", "properties": {**GOOD, "total": "3"}}) == "number"
    assert hint({"event": "Order Completed", "properties": {**GOOD, "currency": "EURO"}}) == "EUR"


def test_other_events_may_be_allowed() -> None:
    assert TrackingPlan.parse({"extra": True, "events": {"A": {}}}).check({"event": "B"}) == []


def test_a_plan_is_read_again_as_it_was_written() -> None:
    assert TrackingPlan.parse(PLAN.to_yaml()) == PLAN
    assert TrackingPlan.parse(PLAN.document()) == PLAN


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "no `events`"),
        ("events: {A: {properties: {x: nmber}}}", "'number'"),
        ("events: {A: {propertis: {}}}", "Did you mean 'properties'?"),
        ("events: {A: {properties: {x: {requird: true}}}}", "Did you mean 'required'?"),
        ("events: {A: {properties: {x: {values: []}}}}", "values"),
        ("events: {}", "events"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, said: str) -> None:
    with pytest.raises(DocumentError) as problem:
        TrackingPlan.parse(text)
    assert said in str(problem.value)


names = st.sampled_from(
    ["order_id", "total", "currency", "paid", "at", "products", "address", "rating", "odd", "a.b"]
)
values = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, 1.0, 2.5, 3, 2**60, 2**70, 1e300])
    | st.sampled_from(["EUR", "x", "", "1", "2026-01-01", "2026-01-01T10:00:00Z", "true"])
    | st.lists(st.integers(0, 2), max_size=2)
    | st.dictionaries(st.sampled_from(["city", "zip"]), st.sampled_from([None, "x", 3, [], {}]), max_size=2)
)
messages = st.builds(
    lambda event, properties: {"type": "track", "event": event, "properties": properties},
    st.sampled_from(["Order Completed", "Order Completed", "Page Viewed", "Else"]),
    st.dictionaries(names, values, max_size=7),
)


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(messages, min_size=1, max_size=40), st.integers(1, 3))
def test_the_store_is_judged_as_each_message_is(tmp_path_factory, log, parts) -> None:
    folder: Path = tmp_path_factory.mktemp("plan")
    expected: Counter[tuple[str, str, str]] = Counter()
    for number, message in enumerate(log):
        message |= {"userId": "u", "messageId": str(number), "timestamp": f"2026-01-01T00:00:{number:02d}Z"}
        expected.update((one.wrong, one.event, one.property) for one in PLAN.check(message))
    with periplus.init(folder / "shop", shards=1, threads=1, memory="500MB") as ws:
        for part in range(parts):
            if rows := log[part::parts]:
                path = folder / f"{part}.jsonl"
                path.write_text("".join(json.dumps(row) + "\n" for row in rows))
                ws.import_file(path)
        found = report(ws.snapshot(), PLAN)
        assert {(row.wrong, row.event, row.property): row.events for row in found} == dict(expected)
        for row in found:
            first = next(
                m
                for m in log
                if (row.wrong, row.event, row.property)
                in {(d.wrong, d.event, d.property) for d in PLAN.check(m)}
            )
            assert row.message_id == first["messageId"]
        assert report(ws.snapshot(), suggested(ws.snapshot())) == []


def test_a_period_a_hint_and_the_first_and_last(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    rows = [
        {
            "event": "Ordr Completed",
            "userId": "u",
            "messageId": str(day),
            "timestamp": f"2026-01-0{day}T00:00:00Z",
        }
        for day in range(1, 6)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with periplus.init(tmp_path / "shop", shards=1) as ws:
        ws.import_file(path)
        with pytest.raises(NotFoundError):
            ws.tracking_plan.check()
        assert ws.tracking_plan.adopt(PLAN)["version"] == 1
        (found,) = ws.tracking_plan.check(since="2026-01-02", until="2026-01-05")
        assert found.to_dict() == {
            "wrong": "unknown event", "event": "Ordr Completed", "property": "", "events": 3, "example": "",
            "first": "2026-01-02T00:00:00Z", "last": "2026-01-04T00:00:00Z", "message_id": "2", "hint": "Order Completed",
        }  # fmt: skip
        assert ws.state.document(KIND, KIND) == PLAN.document()


def test_what_is_noticed_in_passing_is_added_up_until_another_plan(tmp_path: Path) -> None:
    with periplus.init(tmp_path / "shop", shards=1) as ws:
        ws.tracking_plan.adopt(PLAN)
        counted = Deviations()
        for time in (30, 10, 20):
            counted.add([Deviation("wrong type", "Order Completed", "total", "x")], time, f"m{time}")
            counted.save(ws.state)
        counted.save(ws.state)
        (row,) = ws.tracking_plan.noticed()
        assert (row["events"], row["first"], row["last"]) == (
            3,
            "1970-01-01T00:00:00.000010Z",
            "1970-01-01T00:00:00.000030Z",
        )
        assert (row["example"], row["message_id"], row["hint"]) == ("x", "m30", "number")
        ws.tracking_plan.adopt(PLAN)
        assert len(ws.tracking_plan.noticed()) == 1
        ws.tracking_plan.adopt({"events": {"A": {}}})
        assert ws.tracking_plan.noticed() == []


def test_nothing_is_suggested_of_nothing(tmp_path: Path) -> None:
    with periplus.init(tmp_path / "shop", shards=1) as ws, pytest.raises(NotFoundError):
        ws.tracking_plan.suggest()


def test_a_suggested_plan_knows_what_all_have_and_the_few_values(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    path.write_text(
        "".join(
            json.dumps({"event": "A", "userId": "u", "messageId": str(n), "timestamp": "2026-01-01T00:00:00Z",
                        "properties": {"kind": "ab"[n % 2], "n": n, **({"odd": 1} if n else {}), "mixed": n if n % 2 else str(n)}}) + "\n"
            for n in range(300)
        )
    )  # fmt: skip
    with periplus.init(tmp_path / "shop", shards=1) as ws:
        ws.import_file(path)
        assert ws.tracking_plan.suggest().document()["events"]["A"]["properties"] == {
            "kind": {"type": "text", "required": True, "values": ["a", "b"]},
            "mixed": {"required": True},
            "n": {"type": "number", "required": True},
            "odd": "number",
        }
