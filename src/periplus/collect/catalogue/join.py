"""Events joined to the catalogue: names, categories, prices and pictures where an event has only an id.

What an event says itself is never overwritten; what is added is what the catalogue says at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from periplus.money import Money

IDS = ("variant_id", "sku", "product_id")
"""What an event names a product by, in the order in which they are asked: the nearest to what was sold first."""
Lookup = Callable[[str], Mapping[str, Any] | None]
"""The product of an id, SKU or parent id, by the names of `product.Product`; None where there is none."""
_FILLED = {
    "name": "title",
    "variant": "variant",
    "category": "category",
    "brand": "brand",
    "image_url": "image",
    "url": "link",
}
MOST = 1000


class Index:
    """Products by id, then by SKU, then by what they are variants of; of several the first holds.

    >>> index = Index([{"id": "7", "sku": "S-7", "parent": "1", "title": "Sandal"}])
    >>> index("S-7")["title"], index("1")["title"], index("8")
    ('Sandal', 'Sandal', None)
    """

    def __init__(self, products: Iterable[Mapping[str, Any]]) -> None:
        self._by: tuple[dict[str, Mapping[str, Any]], ...] = ({}, {}, {})
        for product in products:
            for known, name in zip(self._by, ("id", "sku", "parent"), strict=True):
                if (key := product.get(name)) is not None:
                    known.setdefault(str(key), product)

    def __call__(self, key: str) -> Mapping[str, Any] | None:
        for known in self._by[:2]:
            if (found := known.get(key)) is not None:
                return found
        whole = self._by[2].get(key)
        # Of a product with variants only what they share is known: not which of them, nor its price.
        return (
            None
            if whole is None
            else {name: whole.get(name) for name in ("title", "category", "brand", "image", "link")}
        )

    def __len__(self) -> int:
        return len(self._by[0])


def attach(message: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """The message with what the catalogue knows of its products: of itself, where its properties name one,
    and of every entry of `products`. The message given is left as it is.
    """
    properties = message.get("properties")
    if not isinstance(properties, Mapping):
        return dict(message)
    filled = _filled(properties, lookup)
    listed = properties.get("products")
    if isinstance(listed, list):
        filled["products"] = [
            _filled(each, lookup) if isinstance(each, Mapping) and place < MOST else each
            for place, each in enumerate(listed)
        ]
    return {**message, "properties": filled}


def beside(event: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    """The event as it is, and under `known` its properties with what the catalogue adds, where it adds anything."""
    filled = attach(event, lookup).get("properties")
    return {**event, "known": filled} if filled != event.get("properties") else dict(event)


def _filled(said: Mapping[str, Any], lookup: Lookup) -> dict[str, Any]:
    filled = dict(said)
    for name in IDS:
        key = said.get(name)
        if isinstance(key, int) and not isinstance(key, bool) and abs(key) < 10**40:
            key = str(key)
        if not isinstance(key, str) or (found := lookup(key.strip())) is None:
            continue
        for ours, theirs in _FILLED.items():
            if filled.get(ours) is None and found.get(theirs):
                filled[ours] = found[theirs]
        worth = price(found)
        own = said.get("currency")
        if worth is not None and filled.get("price") is None and own in (None, found.get("currency")):
            filled["price"] = float(worth)
            filled.setdefault("currency", found["currency"])
    return filled


def price(product: Mapping[str, Any]) -> Decimal | None:
    """What a product costs now, in major units: the sale price where there is one."""
    minor = product.get("sale_price") if product.get("sale_price") is not None else product.get("price")
    currency = product.get("currency")
    return Money(minor, currency).major if isinstance(minor, int) and isinstance(currency, str) else None
