"""Orders out of events, by hand: each case is one a shop's support has seen."""

from __future__ import annotations

from typing import Any

import pytest

from periplus.clock import UNITS
from periplus.people.orders import orders, text_of, worth

DAY = UNITS["d"]
HOUR = UNITS["h"]
BEGIN = 20_000 * DAY


def event(name: str, at: int, known: dict[str, Any] | None = None, /, **properties: Any) -> dict[str, Any]:
    made = {"event": name, "micros": BEGIN + at, "properties": properties}
    return made | ({"known": known} if known else {})


def placed(at: int = 0, total: Any = 50, **properties: Any) -> dict[str, Any]:
    return event("Order Completed", at, order_id="A", total=total, **properties)


def one(*events: dict[str, Any], **options: Any) -> dict[str, Any]:
    (found,) = orders(events, **options)
    return found


def test_an_order_on_its_way() -> None:
    found = one(
        placed(),
        event("Order Shipped", 6 * HOUR, order_id="A", carrier="Kestrel", tracking_number="K1"),
        event("Order Delivered", 2 * DAY + HOUR, order_id="A"),
    )
    assert (found["order_id"], found["gross"], found["refunded"], found["net"]) == ("A", 5000, 0, 5000)
    assert [(row["state"], row["days"]) for row in found["states"]] == [("shipped", 0), ("delivered", 2)]
    assert found["states"][0]["carrier"] == "Kestrel"
    assert found["states"][0]["tracking"] == "K1"
    assert found["state"] == "delivered"


@pytest.mark.parametrize(
    ("reductions", "net"),
    [
        ([], 5000),
        ([("Order Refunded", 12.345)], 3765),
        ([("Order Refunded", 10), ("Order Refunded", "15.5")], 2450),
        ([("Order Refunded", -20)], 3000),
        ([("Order Refunded", 80)], 0),
        ([("Order Refunded", None)], 0),
        ([("Order Cancelled", None)], 0),
        ([("Order Cancelled", 50), ("Order Refunded", 50)], 0),
    ],
)
def test_what_is_left_of_an_order(reductions: list[tuple[str, Any]], net: int) -> None:
    after = [
        event(name, DAY, order_id="A", **({} if amount is None else {"total": amount}))
        for name, amount in reductions
    ]
    found = one(placed(), *after)
    assert found["net"] == net
    assert found["refunded"] == 5000 - net
    assert [row["amount"] for row in found["states"] if row["amount"] is not None] == [
        round(abs(float(amount)) * 100 + 1e-9) for _, amount in reductions if amount is not None
    ]


def test_an_order_told_twice_is_one_and_the_first_counts() -> None:
    found = one(placed(total=50), placed(HOUR, total=70))
    assert (found["gross"], found["told"]) == (5000, 2)


def test_numbers_of_orders_are_compared_as_text() -> None:
    found = one(
        event("Order Completed", 0, order_id=7, total=5), event("Order Shipped", DAY, order_id="7"),
        event("Order Delivered", 2 * DAY, order_id=7.0),
    )  # fmt: skip
    assert (found["order_id"], len(found["states"])) == ("7", 2)


def test_a_parcel_before_its_order_has_no_days() -> None:
    found = one(event("Order Delivered", -DAY, order_id="A"), placed())
    assert (found["gross"], found["states"][0]["days"], found["state"]) == (5000, None, "delivered")


def test_a_parcel_without_its_order_is_kept_and_is_worth_nothing() -> None:
    rows = orders([event("Order Shipped", 0, order_id="B"), placed(DAY)])
    assert [(row["order_id"], row["time"] is None, row["gross"]) for row in rows] == [
        ("A", False, 5000),
        ("B", True, None),
    ]
    assert worth(rows) | {"first": 0, "last": 0} == {
        "orders": 1, "gross": 5000, "refunded": 0, "net": 5000, "first": 0, "last": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "gross"),
    [
        ({"total": "49.90"}, 4990), ({"total": "n/a", "revenue": 12}, 1200), ({"total": None}, None),
        ({"total": "12,50"}, None), ({"total": 0.005}, 1), ({"total": 1e15}, None), ({"total": float("nan")}, None),
        ({"total": True}, None), ({"total": {"amount": 3}}, None), ({"total": 0}, 0), ({}, None),
    ],
)  # fmt: skip
def test_amounts_as_they_come(said: dict[str, Any], gross: int | None) -> None:
    found = one(event("Order Completed", 0, order_id="A", **said))
    assert (found["gross"], found["net"]) == (gross, gross)


def test_the_setting_says_which_amount_counts() -> None:
    assert one(placed(total=50, revenue=42), value="revenue")["gross"] == 4200


def test_money_of_another_country() -> None:
    rates = lambda code, day: 0.5 if code == "USD" and day >= 20_000 else None  # noqa: E731
    refund = event("Order Refunded", DAY, order_id="A", total=10, currency="usd")
    found = one(placed(currency="USD"), refund, rates=rates)
    assert (found["gross"], found["net"], found["sent"]) == (2500, 2000, {"amount": 50.0, "currency": "USD"})
    unknown = one(placed(currency="GBP"), rates=rates)
    assert (unknown["gross"], unknown["net"], unknown["sent"]["currency"]) == (None, None, "GBP")
    # A refund that cannot be converted takes nothing away.
    assert one(placed(), event("Order Refunded", DAY, order_id="A", total=10, currency="GBP"))["net"] == 5000


def test_currencies_without_cents() -> None:
    assert one(placed(total=1500), own="JPY")["gross"] == 1500


def test_orders_without_a_number_stand_alone() -> None:
    rows = orders(
        [event("Order Completed", at, total=5) for at in (0, DAY)] + [event("Order Refunded", DAY, total=5)]
    )
    assert [(row["order_id"], row["net"]) for row in rows] == [(None, 500), (None, 500)]


def test_products_are_named_by_the_catalogue() -> None:
    sent = [{"product_id": 7, "quantity": 2, "price": "9.5"}, "nonsense"]
    known = {"order_id": "A", "total": 19, "products": [{**sent[0], "name": "Sandal"}, "nonsense"]}
    found = one(event("Order Completed", 0, known, order_id="A", total=19, products=sent))
    assert found["products"] == [{"name": "Sandal", "id": "7", "variant": None, "quantity": 2, "price": 9.5}]


def test_an_order_that_names_its_one_product_itself() -> None:
    assert one(placed(name="Sandal", price=50))["products"][0]["name"] == "Sandal"
    assert one(placed())["products"] == []


def test_whom_a_gift_is_for() -> None:
    assert one(placed(recipient={"name": "Ben", "email": "ben@example.org"}))["recipient"] == "Ben"
    assert one(placed(recipient_email="ben@example.org"))["recipient"] == "ben@example.org"


def test_other_events_and_broken_ones_are_no_orders() -> None:
    assert orders([event("Product Viewed", 0, order_id="A"), {"event": "Order Shipped", "micros": 1}]) == []
    assert text_of({"a": 1}) is None
