"""Deliveries of shop systems, made of the bodies in `fixtures/` and signed as those systems sign."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from periplus.collect.dialects.ecwid import Ecwid
from periplus.collect.dialects.shopify import Shopify
from periplus.collect.dialects.woocommerce import WooCommerce
from periplus.collect.wire import Refused, Request

FIXTURES = Path(__file__).parent / "fixtures"
SECRET = "hush"
RECEIVED = 1_772_500_000_000_000
SYSTEMS: dict[str, Any] = {"shopify": Shopify(), "woocommerce": WooCommerce(), "ecwid": Ecwid()}
_HEADERS = {
    "shopify": ("x-shopify-topic", "x-shopify-hmac-sha256"),
    "woocommerce": ("x-wc-webhook-topic", "x-wc-webhook-signature"),
    "ecwid": ("", "x-ecwid-webhook-signature"),
}


def body(system: str, name: str) -> Any:
    return json.loads((FIXTURES / system / f"{name}.json").read_text(encoding="utf-8"))


def sent(system: str, raw: bytes, topic: str = "", *, signed: bytes | None = None) -> Request:
    """A delivery of some bytes; `signed` are the bytes that are signed, where they are not those sent."""
    headers = {"content-type": "application/json"}
    topic_header, signature_header = _HEADERS[system]
    if topic:
        headers[topic_header] = topic
    if signed is None:
        signed = raw
        if system == "ecwid":
            said = json.loads(raw)
            signed = f"{said['eventCreated']}.{said['eventId']}".encode()
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    headers[signature_header] = base64.b64encode(digest).decode()
    return Request("POST", f"/hooks/{system}/shop", [], headers, raw, RECEIVED)


def delivery(system: str, name: str, topic: str = "") -> Request:
    return sent(system, (FIXTURES / system / f"{name}.json").read_bytes(), topic)


def read(system: str, name: str, topic: str = "") -> list[dict[str, Any]]:
    """The messages of a fixture; none of them refused."""
    messages = SYSTEMS[system].read(delivery(system, name, topic)).messages
    assert not [each for each in messages if isinstance(each, Refused)]
    return list(messages)


def taken(deliveries: Iterable[Iterable[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What is kept of messages that arrive in this order: of one message id the first."""
    kept: dict[str, dict[str, Any]] = {}
    for messages in deliveries:
        for message in messages:
            kept.setdefault(message["messageId"], message)
    return kept


def names(messages: Iterable[dict[str, Any]]) -> list[str]:
    return [message.get("event", message["type"]) for message in messages]
