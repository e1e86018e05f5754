"""A product as it is sold: one row per variant, its money in minor units.

`id` is the sellable thing (a variant, where there are any), `parent` the product it is a variant of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from periplus.money import minor

LONGEST = {"id": 200, "parent": 200, "sku": 200, "title": 500, "variant": 500, "category": 500, "brand": 200}
"""Letters kept of a field; of others 2,000."""
MOST_ATTRIBUTES = 50
AVAILABILITY = {
    "in_stock": "in_stock", "instock": "in_stock", "available": "in_stock", "yes": "in_stock", "true": "in_stock",
    "1": "in_stock", "out_of_stock": "out_of_stock", "outofstock": "out_of_stock", "unavailable": "out_of_stock",
    "sold_out": "out_of_stock", "no": "out_of_stock", "false": "out_of_stock", "0": "out_of_stock",
    "preorder": "preorder", "pre_order": "preorder", "backorder": "backorder", "onbackorder": "backorder",
    "backordered": "backorder", "discontinued": "discontinued",
}  # fmt: skip
"""What files say of availability, in lower case with underscores, and the five words of ours."""
_CODE = re.compile(r"(?<![A-Za-z])[A-Za-z]{3}(?![A-Za-z])")
_NUMBER = re.compile(r"-?[0-9][0-9., '\u00a0\u202f]*")
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
_MOST = 1 << 53


@dataclass(frozen=True)
class Product:
    """One sellable thing; prices in minor units of `currency`, None where nothing is said."""

    id: str
    parent: str | None = None
    sku: str | None = None
    title: str | None = None
    variant: str | None = None
    price: int | None = None
    sale_price: int | None = None
    currency: str | None = None
    stock: int | None = None
    availability: str | None = None
    category: str | None = None
    brand: str | None = None
    image: str | None = None
    link: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unread:
    """A row that is no product: where it stands (a line, or the number of the entry), and why."""

    place: int
    message: str


def clean(value: Any, name: str = "") -> str | None:
    """A text without surrounding space and zero bytes, at the length that is kept; None if nothing is left."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**40 else None
    if not isinstance(value, str):
        return None
    return value.replace("\x00", "").strip()[: LONGEST.get(name, 2000)].strip() or None


def available(value: Any) -> str | None:
    """One of `in_stock`, `out_of_stock`, `preorder`, `backorder`, `discontinued`; None for other words."""
    if isinstance(value, bool):
        return "in_stock" if value else "out_of_stock"
    return AVAILABILITY.get(re.sub(r"[\s-]+", "_", str(value).strip().lower())) if value is not None else None


def whole(value: Any) -> int | None:
    """A whole number, as number or text; decimals of a stock are cut off."""
    found = minor(value.strip() if isinstance(value, str) else value, "CLP")
    return found if found is not None and abs(found) < _MOST else None


def money(value: Any, currency: str | None) -> tuple[int | None, str | None]:
    """(minor units, currency) of a price as files write it; the currency it names wins over the one given.

    >>> money("19.99 EUR", "USD"), money("USD 1,299.00", None), money("1.299,5", "EUR"), money("free", "EUR")
    ((1999, 'EUR'), (129900, 'USD'), (129950, 'EUR'), (None, 'EUR'))
    """
    if isinstance(value, str):
        code = _CODE.search(value)
        sign = next((name for sign, name in _SIGNS.items() if sign in value), None)
        currency = code[0].upper() if code else currency or sign
        number = _NUMBER.search(value)
        value = _plain(number[0]) if number else None
    if value is None or currency is None:
        return None, currency
    found = minor(value, currency)
    return (found if found is not None and abs(found) < _MOST else None), currency


def _plain(text: str) -> str:
    """A number with its thousands taken out and a point before its decimals.

    Of two marks the last is the decimal's; a single comma is, unless three digits follow it.
    """
    text = re.sub(r"[ '\u00a0\u202f]", "", text).rstrip(".,")
    if "," in text and "." in text:
        thousands = "," if text.rfind(",") < text.rfind(".") else "."
        text = text.replace(thousands, "")
    elif text.count(",") > 1 or re.fullmatch(r"-?[1-9][0-9]{0,2},[0-9]{3}", text):
        return text.replace(",", "")
    elif text.count(".") > 1:
        return text.replace(".", "")
    return text.replace(",", ".")


def known_currency(text: Any) -> str | None:
    """Three letters in capitals, else None."""
    code = clean(text)
    return code.upper() if code and _CODE.fullmatch(code) else None


def product(values: Mapping[str, Any], currency: str | None) -> Product | None:
    """The product of loose values by the names of `Product`; None without an id. Prices may be as written."""
    key = clean(values.get("id"), "id") or clean(values.get("sku"), "id")
    if key is None:
        return None
    own = known_currency(values.get("currency")) or currency
    price, named = money(values.get("price"), own)
    sale, _ = money(values.get("sale_price"), named)
    texts = ("parent", "sku", "title", "variant", "category", "brand", "image", "link")
    stock = whole(values.get("stock"))
    availability = available(values.get("availability"))
    if availability is None and stock is not None:
        availability = "in_stock" if stock > 0 else "out_of_stock"
    said = values.get("attributes")
    pairs = (
        ((clean(name, "sku"), clean(str(value))) for name, value in said.items())
        if isinstance(said, Mapping)
        else ()
    )
    kept = {name: value for name, value in pairs if name is not None and value is not None}
    return Product(
        key,
        **{name: clean(values.get(name), name) for name in texts},
        price=price,
        sale_price=sale if sale is not None and sale != price else None,
        currency=named if price is not None or sale is not None else None,
        stock=stock,
        availability=availability,
        attributes=dict(list(kept.items())[:MOST_ATTRIBUTES]),
    )
