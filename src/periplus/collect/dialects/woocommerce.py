"""Webhooks of WooCommerce: topics, and the signature of the webhook's secret over the body.

When a webhook is saved, WooCommerce first posts `webhook_id=N`, unsigned, and wants 200 for it: that ping
says nothing and is let in; everything else must be signed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from periplus.collect.shops import signature, woocommerce
from periplus.collect.shops.body import whole
from periplus.collect.shops.hook import Hook, reading
from periplus.collect.shops.message import Message
from periplus.collect.wire import DIALECTS, Reading, Request
from periplus.errors import InputError

TOPICS: dict[str, Callable[[Mapping[str, Any]], Iterator[Message]]] = {
    "order.created": woocommerce.order,
    "order.updated": partial(woocommerce.order, updated=True),
    "order.restored": woocommerce.order,
    "customer.created": woocommerce.customer,
    "customer.updated": woocommerce.customer,
}
PRODUCTS = ("product.created", "product.updated", "product.restored", "product.deleted")
_PING = re.compile(rb"webhook_id=[0-9]{1,20}")


class WooCommerce(Hook):
    """`POST /hooks/woocommerce/SOURCE`. Bodies of product topics are handed on in `found["product"]`."""

    name = "woocommerce"
    title = "WooCommerce webhooks"
    routes: Sequence[tuple[str, str]] = (("POST", "/hooks/woocommerce/*"),)

    def verify(self, request: Request, secret: str) -> bool:
        if _PING.fullmatch(request.body):
            return True
        return signature.holds(secret, request.body, request.headers.get("x-wc-webhook-signature"))

    def read(self, request: Request) -> Reading:
        if _PING.fullmatch(request.body):
            return Reading(None, [], found={"ping": True})
        topic = request.headers.get("x-wc-webhook-topic", "").strip().lower()
        if not topic:
            raise InputError(
                "The header X-WC-Webhook-Topic is missing.",
                code="malformed",
                hint="Let WooCommerce deliver here, or send its headers along.",
            )
        body = whole(request.body)
        if topic in PRODUCTS:
            return Reading(
                None, [], found={"topic": topic, "product": body, "gone": topic == "product.deleted"}
            )
        if topic not in TOPICS:
            return Reading(None, [], found={"topic": topic, "ignored": True})
        return reading(TOPICS[topic](body), body, {"topic": topic})


DIALECTS.add(WooCommerce.name, WooCommerce())
