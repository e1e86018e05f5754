"""WooCommerce's bodies as documented, and what they come to."""

from __future__ import annotations

from periplus.collect.shops import woocommerce
from periplus.event import Event
from tests.collect.hooks.deliveries import RECEIVED, SYSTEMS, body, names, read, sent


def test_an_order_that_awaits_its_payment_is_a_checkout() -> None:
    (started,) = read("woocommerce", "order_pending", "order.created")
    assert (started["event"], started["messageId"]) == ("Checkout Started", "checkout:727")
    assert "pay_for_order" in started["properties"]["recovery_url"]


def test_a_placed_order_is_completed_at_the_time_it_was_begun() -> None:
    (order,) = read("woocommerce", "order_processing", "order.created")
    assert (order["event"], order["messageId"], order["timestamp"]) == (
        "Order Completed", "727", "2026-03-22T14:28:02Z",
    )  # fmt: skip
    assert (order["userId"], order["email"], order["phone"]) == ("26", "jon@example.com", "+4791234567")
    said = order["properties"]
    products = said.pop("products")
    assert said == {
        "order_id": "727", "order_name": "727", "total": 36.35, "subtotal": 30.0, "shipping": 10.0, "tax": 1.35,
        "discount": 5.0, "currency": "EUR", "coupon": "5OFF", "payment_method": "bacs",
    }  # fmt: skip
    assert products[1] == {
        "product_id": "22", "variant_id": "23", "sku": "SYI-B", "name": "Ship Your Idea",
        "variant": "Ship Your Idea - Black", "price": 19.0, "quantity": 1, "image_url": "https://cdn.example/syi.jpg",
    }  # fmt: skip
    assert "variant_id" not in products[0], "0 is no variation"
    assert order["context"]["campaign"] == {"source": "newsletter", "medium": "email"}
    assert Event.from_segment(order, RECEIVED).time == 1774189682000000


def test_a_guest_is_known_by_address_only() -> None:
    order, *_ = woocommerce.order(body("woocommerce", "order_processing") | {"customer_id": 0})
    assert "userId" not in order
    assert order["email"] == "jon@example.com"


def test_an_order_on_hold_is_placed_and_a_failed_one_is_not() -> None:
    held = body("woocommerce", "order_pending") | {"status": "on-hold"}
    assert names(woocommerce.order(held)) == ["Order Completed"]
    assert names(woocommerce.order(held | {"status": "failed"})) == []


def test_a_completed_order_is_on_its_way_if_there_was_something_to_send() -> None:
    told = read("woocommerce", "order_completed", "order.updated")
    assert names(told) == ["Order Completed", "Order Shipped", "Order Updated"]
    assert told[1]["timestamp"] == "2026-03-23T08:00:00Z"
    download = body("woocommerce", "order_completed") | {"shipping_lines": []}
    assert names(woocommerce.order(download)) == ["Order Completed"]


def test_each_refund_is_told_once() -> None:
    partly = read("woocommerce", "order_partly_refunded", "order.updated")
    full = read("woocommerce", "order_refunded", "order.updated")
    back = {
        each["messageId"]: each["properties"]
        for each in [*partly, *full]
        if each["event"] == "Order Refunded"
    }
    assert {key: value["total"] for key, value in back.items()} == {"refund:731": 9.0, "refund:740": 27.35}
    assert back["refund:731"]["reason"] == "Broken"


def test_a_refund_by_status_alone_takes_back_all_of_it() -> None:
    alone = body("woocommerce", "order_refunded") | {"refunds": []}
    refunds = [each for each in woocommerce.order(alone) if each["event"] == "Order Refunded"]
    assert [each["properties"]["total"] for each in refunds] == [36.35]


def test_a_cancelled_order() -> None:
    (cancelled,) = read("woocommerce", "order_cancelled", "order.created")
    assert (cancelled["event"], cancelled["properties"]["total"]) == ("Order Cancelled", 36.35)


def test_a_customer_says_who() -> None:
    (said,) = read("woocommerce", "customer", "customer.updated")
    assert (said["type"], said["userId"], said["messageId"]) == (
        "identify", "26", "customer:26:2026-02-21T14:13:01Z",
    )  # fmt: skip
    assert said["traits"]["address"] == {"city": "Oslo", "postalCode": "0150", "country": "NO"}


def test_the_ping_is_let_in_unsigned_and_says_nothing() -> None:
    woo = SYSTEMS["woocommerce"]
    ping = sent("woocommerce", b"webhook_id=4", signed=b"something else")
    assert woo.verify(ping, "hush")
    assert list(woo.read(ping).messages) == []
    assert woo.reply(ping, woo.read(ping), []).status == 200
    for raw in (b"webhook_id=", b"webhook_id=4&x=1", b'webhook_id=4{"id":1}', b" webhook_id=4"):
        assert not woo.verify(sent("woocommerce", raw, signed=b"?"), "hush")
