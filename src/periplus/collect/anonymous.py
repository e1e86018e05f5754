"""A message kept by nobody's name: what happened, where on the site, on what sort of device; not who, nor anything that leads there.

What is known to be harmless stays of `context`; of properties everything goes that names a person, a place
to reach one, or one particular order, cart or visit. An order number alone would lead to its customer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from periplus.collect.identifying import hashed

CONTEXT = frozenset(
    {
        "app", "bot", "campaign", "channel", "device", "internal", "library", "locale", "os", "browser", "page",
        "screen", "timezone",
    }
)  # fmt: skip
"""Parts of `context` that stay; of `device` only what sort it is."""
DEVICE = frozenset({"type", "manufacturer", "model"})
TOP = frozenset({"type", "event", "original", "name", "category", "timestamp", "originalTimestamp", "sentAt", "receivedAt",
                 "messageId", "channel", "department", "source", "properties", "context"})  # fmt: skip
"""Fields of a message that stay."""

THINGS = frozenset(
    {
        "product", "item", "variant", "list", "category", "collection", "promotion", "creative", "shop", "store",
        "location", "brand", "content", "page", "post", "article", "experiment", "variation", "coupon", "sku",
    }
)  # fmt: skip
"""Whose ids stay: things of the shop. Any other id goes."""
PERSONAL = frozenset(
    {
        "email", "mail", "phone", "mobile", "telephone", "tel", "fax", "firstname", "lastname", "surname", "fullname",
        "givenname", "familyname", "username", "customer", "user", "person", "recipient", "contact", "address", "addresses",
        "street", "zip", "zipcode", "postcode", "postalcode", "birthday", "birthdate", "dateofbirth", "dob", "age", "gender",
        "ip", "ipaddress", "useragent", "latitude", "longitude", "lat", "lng", "lon", "geo", "token", "cookie", "fingerprint",
        "session", "visit", "order", "ordernumber", "orderno", "ordername", "reference", "ticket", "ticketnumber", "invoice",
        "invoicenumber", "trackingnumber", "tracking", "iban", "card", "account", "vat", "taxnumber", "gclid", "fbclid", "msclkid",
        "dclid", "wbraid", "gbraid", "ttclid", "traits", "message", "comment", "note", "text", "body", "billing", "shipto", "billto",
    }
)  # fmt: skip
"""Properties that go, written without separators."""
LAST_WORDS = frozenset({"email", "mail", "phone", "address", "ip", "token", "hash"})
"""So does a name of several words that ends in one of these."""
PERSONAL_ENDS = ("email", "phone", "address", "firstname", "lastname", "fullname")

_SPLIT = re.compile(r"[^0-9a-zA-Z]+|(?<=[a-z0-9])(?=[A-Z])")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_URL = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.\-]*://)?([^\s?#]*)[?#]\S*$")


def stripped(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message without identifiers and personal data, marked `context.anonymous`.

    >>> said = {"type": "track", "event": "Product Viewed", "userId": "ann", "properties": {"product_id": "p", "email": "a@b.gr"}}
    >>> stripped(said)
    {'type': 'track', 'event': 'Product Viewed', 'properties': {'product_id': 'p'}, 'context': {'anonymous': True}}
    """
    told = {key: value for key, value in message.items() if key in TOP}
    if (message_id := told.get("messageId")) is not None:  # a shop's webhook is named after its order
        told["messageId"] = hashed("message", str(message_id))
    properties, context = message.get("properties"), message.get("context")
    if isinstance(properties, Mapping):
        told["properties"] = _cleaned(properties)
    kept = (
        {key: value for key, value in context.items() if key in CONTEXT}
        if isinstance(context, Mapping)
        else {}
    )
    if isinstance(device := kept.get("device"), Mapping):
        kept["device"] = {key: value for key, value in device.items() if key in DEVICE}
    told["context"] = {**_cleaned(kept), "anonymous": True}
    return told


def personal(name: str) -> bool:
    """Whether a property of this name speaks of one person, or of one order, cart or visit of theirs.

    >>> [personal(name) for name in ("orderId", "product_id", "billing_address", "cart id", "price", "customerEmail")]
    [True, False, True, True, False, True]
    """
    words = [word.lower() for word in _SPLIT.split(name) if word]
    plain = "".join(words)
    if words and words[-1] in ("id", "ids", "uuid", "guid", "number", "no", "key"):
        return len(words) < 2 or words[-2] not in THINGS
    return plain in PERSONAL or plain.endswith(PERSONAL_ENDS) or not LAST_WORDS.isdisjoint(words[-1:])


def _cleaned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _cleaned(inner)
            for key, inner in value.items()
            if not personal(str(key)) and not _reaches(inner)
        }
    if isinstance(value, list):
        return [_cleaned(inner) for inner in value if not _reaches(inner)]
    if isinstance(value, str) and (url := _URL.match(value)):
        return f"{url[1] or ''}{url[2]}"
    return value


def _reaches(value: Any) -> bool:
    """Whether a text holds an e-mail address."""
    return isinstance(value, str) and "@" in value and _ADDRESS.search(value) is not None
