"""Products of Ecwid, as its API has them: a product, or `{"items": […]}`; combinations are its variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periplus.collect.catalogue.kinds import KINDS, Found, Kind
from periplus.collect.catalogue.product import Unread, product
from periplus.collect.shops.body import amount, entries, flag, identifier, text


def entry(number: int, body: Mapping[str, Any], currency: str | None) -> Found:
    """The product itself, and a row for each combination of its options."""
    attributes = {
        name: value
        for each in entries(body, "attributes")
        if (name := text(each, "name")) and (value := text(each, "value"))
    }
    brand = next(
        (text(each, "value") for each in entries(body, "attributes") if text(each, "type") == "BRAND"), None
    )
    shared = {
        "title": text(body, "name"),
        "category": identifier(body, "defaultCategoryId"),
        "brand": brand,
        "image": text(body, "imageUrl", "originalImageUrl"),
        "link": text(body, "url"),
        "attributes": attributes,
    }
    main = product({"id": identifier(body, "id"), **shared, **_sold(body)}, currency)
    yield main or Unread(number, "The product has no id.")
    for each in entries(body, "combinations"):
        chosen = [value for option in entries(each, "options") if (value := text(option, "value"))]
        more = {"id": identifier(each, "id"), "parent": text(body, "id"), "variant": " / ".join(chosen)}
        if more["id"] and (found := product({**shared, **more, **_sold(each, body)}, currency)) is not None:
            yield found


def _sold(body: Mapping[str, Any], parent: Mapping[str, Any] | None = None) -> dict[str, Any]:
    price, full = body.get("price"), amount(body.get("compareToPrice"))
    if price is None and parent is not None:
        price = parent.get("price")
    now = amount(price)
    reduced = isinstance(full, float) and isinstance(now, float) and full > now
    unlimited = flag(body.get("unlimited"))
    return {
        "sku": text(body, "sku"),
        "price": full if reduced else price,
        "sale_price": price if reduced else None,
        "stock": None if unlimited else body.get("quantity"),
        "availability": flag(body.get("inStock")),
    }


KINDS.add(
    "ecwid",
    Kind(
        "Products of Ecwid: JSON of its API",
        entry=entry,
        keys=frozenset({"defaultCategoryId", "categoryIds", "unlimited", "inStock", "compareToPrice"}),
    ),
)
