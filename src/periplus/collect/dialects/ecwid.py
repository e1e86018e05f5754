"""Webhooks of Ecwid: events by id, signed over their time and id, and completed from the shop's API.

The signature covers `eventCreated.eventId` only, not the rest of the body: deliver over HTTPS, and give
the source access to the API, so that what counts is fetched rather than believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from periplus.collect.shops import ecwid, signature
from periplus.collect.shops.body import identifier, part, seconds, text, whole
from periplus.collect.shops.ecwid_api import EcwidApi
from periplus.collect.shops.hook import Hook
from periplus.collect.shops.message import Message
from periplus.collect.wire import DIALECTS, Fetch, Reading, Refused, Request
from periplus.errors import InputError, NotFoundError

READERS: dict[str, Callable[[Mapping[str, Any], str | None], Iterator[Message]]] = {
    "orders": ecwid.order,
    "carts": ecwid.cart,
    "customers": ecwid.customer,
}


class Ecwid(Hook):
    """`POST /hooks/ecwid/SOURCE`. Products are fetched and handed on in `found["product"]`."""

    name = "ecwid"
    title = "Ecwid webhooks"
    routes: Sequence[tuple[str, str]] = (("POST", "/hooks/ecwid/*"),)

    def verify(self, request: Request, secret: str) -> bool:
        try:
            body = whole(request.body)
        except InputError:
            return False
        created, own = text(body, "eventCreated"), text(body, "eventId")
        if created is None or own is None:
            return False
        return signature.holds(
            secret, f"{created}.{own}".encode(), request.headers.get("x-ecwid-webhook-signature")
        )

    def read(self, request: Request) -> Reading:
        body = whole(request.body)
        kind = text(body, "eventType")
        found = {"topic": kind, "at": body.get("eventCreated"), **_named(body, kind or "")}
        messages: list[Message | Refused] = list(ecwid.noticed(body))
        if kind is None or (found.get("missing") and not messages):
            messages = [Refused("bad_identifier", "The body does not say what happened to what.", body)]
        return Reading(None, messages, found=found)

    def access(self, store: str, token: str) -> Fetch:
        return EcwidApi(store, token)

    def complete(self, request: Request, reading: Reading, fetch: Fetch) -> Reading:
        """The reading with what the webhook names, fetched; as it was where that is gone."""
        del request
        path = reading.found.get("path")
        if not isinstance(path, str):
            return reading
        try:
            document = fetch(path)
        except NotFoundError:
            return reading
        resource = path.split("/")[0]
        if resource == "products":
            return Reading(None, reading.messages, found={**reading.found, "product": document})
        at = seconds(reading.found.get("at"))
        told = list(READERS[resource](document, at))
        known = {message["messageId"] for message in told}
        # What was noticed and is not told better: an order's change stays, an empty cart or customer does not.
        kept = [
            message
            for message in reading.messages
            if not isinstance(message, dict)
            or (message["messageId"] not in known and (resource == "orders" or not told))
        ]
        return Reading(None, [*told, *kept], found=reading.found)


def _named(body: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The path of what a webhook names, under the shop's API; `missing` where it should name something."""
    about, _, action = kind.partition(".")
    entity = identifier(body, "entityId")
    if action == "deleted":
        return {"gone": entity} if about == "product" else {}
    path = {
        "order": ("orders", ecwid.order_id(body)),
        "unfinished_order": ("carts", identifier(part(body, "data"), "cartId")),
        "customer": ("customers", entity),
        "product": ("products", entity),
    }.get(about)
    if path is None or action not in ("created", "updated"):
        return {}
    if path[1] is None or not path[1].strip("."):
        return {"missing": True}
    return {"path": f"{path[0]}/{quote(path[1], safe='')}"}


DIALECTS.add(Ecwid.name, Ecwid())
