"""The built-in vocabulary of each dialect: online sales come out in the names of the Segment e-commerce spec."""

from __future__ import annotations

from typing import Any

import pytest

from periplus.collect.dialects import ga4, kissmetrics, mixpanel, posthog  # noqa: F401 -- they register themselves
from periplus.collect.vocabulary import Vocabularies, as_sent, builtin
from periplus.event import Event
from tests.collect.dialects.sending import RECEIVED, message

SPEC = {
    "Products Searched", "Product List Viewed", "Product List Filtered", "Promotion Viewed", "Promotion Clicked",
    "Product Clicked", "Product Viewed", "Product Added", "Product Removed", "Cart Viewed", "Checkout Started",
    "Checkout Step Viewed", "Checkout Step Completed", "Payment Info Entered", "Order Updated", "Order Completed",
    "Order Refunded", "Order Cancelled", "Coupon Entered", "Coupon Applied", "Coupon Denied", "Coupon Removed",
    "Product Added to Wishlist", "Product Removed from Wishlist", "Product Shared", "Cart Shared", "Product Reviewed",
}  # fmt: skip
BESIDES = {"Page Viewed", "Screen Viewed", "Signed Up", "Signed In", "Site Visited"}
BOUGHT = {
    "ga4": ("/mp/collect", {"client_id": "c", "events": [{"name": "purchase", "params": {"transaction_id": "o1", "value": 9}}]}),
    "mixpanel": ("/track", {"event": "Purchase", "properties": {"distinct_id": "u", "Order ID": "o1", "Amount": 9}}),
    "kissmetrics": ("/e?_p=u&_n=Purchased&Order+ID=o1&Order+Total=9", b""),
    "posthog": ("/batch/", {"event": "Order Completed", "distinct_id": "u", "properties": {"order_id": "o1", "total": 9}}),
}  # fmt: skip


@pytest.mark.parametrize("dialect", BOUGHT)
def test_every_house_name_is_one_of_the_spec(dialect: str) -> None:
    assert {entry.to for entry in builtin()[dialect].events.values()} <= SPEC | BESIDES


@pytest.mark.parametrize("dialect", BOUGHT)
def test_an_order_is_the_same_order_whoever_sends_it(dialect: str) -> None:
    address, body = BOUGHT[dialect]
    sent: dict[str, Any] = message(
        dialect, address, body, method="GET" if dialect == "kissmetrics" else "POST"
    )
    told = Vocabularies().of("shop", dialect).apply(sent)
    event = Event.from_segment(told, RECEIVED)
    assert event.event == "Order Completed"
    assert event.properties["order_id"] == "o1"
    assert float(event.properties["total"]) == 9
    assert as_sent(told)["event"] == sent["event"]


def test_pages_have_their_address_under_the_houses_name() -> None:
    sent = {"event": "$pageview", "distinct_id": "u", "properties": {"$current_url": "https://s.example/a"}}
    told = Vocabularies().of("shop", "posthog").apply(message("posthog", "/e/", sent))
    assert told["properties"]["url"] == told["properties"]["$current_url"] == "https://s.example/a"
