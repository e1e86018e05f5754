"""Webhooks of Shopify: what a topic's body is read as, and the signature of the app's secret over it.

Header `X-Shopify-Topic` says what the body is, `X-Shopify-Hmac-Sha256` signs the body as it was sent.
`X-Shopify-Webhook-Id` and `X-Shopify-Event-Id` tell deliveries and changes apart; they are not needed here,
for each fact has an id of its own, whatever delivery brings it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from periplus.collect.shops import shopify, signature
from periplus.collect.shops.body import whole
from periplus.collect.shops.hook import Hook, reading
from periplus.collect.shops.message import Message
from periplus.collect.wire import DIALECTS, Reading, Request
from periplus.errors import InputError

TOPICS: dict[str, Callable[[Mapping[str, Any]], Iterator[Message]]] = {
    "orders/create": shopify.order,
    "orders/paid": shopify.order,
    "orders/fulfilled": shopify.order,
    "orders/partially_fulfilled": shopify.order,
    "orders/cancelled": shopify.order,
    "orders/updated": partial(shopify.order, updated=True),
    "refunds/create": shopify.refund,
    "fulfillments/create": shopify.fulfillment,
    "fulfillments/update": shopify.fulfillment,
    "carts/create": partial(shopify.cart, created=True),
    "carts/update": shopify.cart,
    "checkouts/create": shopify.checkout,
    "checkouts/update": shopify.checkout,
    "customers/create": shopify.customer,
    "customers/update": shopify.customer,
    "customers/email_marketing_consent_update": shopify.consent,
    "customers/marketing_consent_update": shopify.consent,
}
PRODUCTS = ("products/create", "products/update", "products/delete")


class Shopify(Hook):
    """`POST /hooks/shopify/SOURCE`. Bodies of product topics are handed on in `found["product"]`."""

    name = "shopify"
    title = "Shopify webhooks"
    routes: Sequence[tuple[str, str]] = (("POST", "/hooks/shopify/*"),)

    def verify(self, request: Request, secret: str) -> bool:
        return signature.holds(secret, request.body, request.headers.get("x-shopify-hmac-sha256"))

    def read(self, request: Request) -> Reading:
        topic = request.headers.get("x-shopify-topic", "").strip().lower()
        if not topic:
            raise InputError(
                "The header X-Shopify-Topic is missing.",
                code="malformed",
                hint="Let Shopify deliver here, or send its headers along.",
            )
        body = whole(request.body)
        if topic in PRODUCTS:
            return Reading(
                None, [], found={"topic": topic, "product": body, "gone": topic == "products/delete"}
            )
        if topic not in TOPICS:
            return Reading(None, [], found={"topic": topic, "ignored": True})
        # A cart, refund or order without id is refused; a refund without money is an answer of nothing.
        return reading(TOPICS[topic](body), body, {"topic": topic})


DIALECTS.add(Shopify.name, Shopify())
