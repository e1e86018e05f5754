"""Plain tables of products: CSV or tab-separated, with the column names that shops and feeds commonly use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from periplus.collect.catalogue.kinds import KINDS, Found, Kind, Rows
from periplus.collect.catalogue.product import Unread, product

NAMES = {
    "id": ("id", "product_id", "variant_id", "item_id", "code"),
    "parent": ("parent", "item_group_id", "parent_id", "parent_sku", "handle"),
    "sku": ("sku", "product_sku", "variant_sku", "mpn"),
    "title": ("title", "name", "product_name", "product_title"),
    "variant": ("variant", "variant_title"),
    "price": ("price", "product_price", "regular_price", "variant_price", "unit_price"),
    "sale_price": ("sale_price", "special_price"),
    "currency": ("currency", "currency_code"),
    "stock": ("stock", "quantity", "inventory", "product_quantity", "stock_quantity", "quantity_to_sell_on_facebook"),
    "availability": ("availability", "in_stock", "stock_status"),
    "category": ("category", "product_type", "categories", "product_category", "google_product_category"),
    "brand": ("brand", "vendor", "manufacturer"),
    "image": ("image", "image_link", "image_url", "image_src"),
    "link": ("link", "url", "product_url", "permalink"),
}  # fmt: skip
"""Our names, and those of columns, in lower case with underscores; the first that is there is taken."""
_LEFT_OUT = ("description", "body", "html", "text")
_OWNERS = {column: name for name, columns in NAMES.items() for column in columns}


def named(row: Mapping[str, Any]) -> dict[str, object]:
    """The values of a row by our names; columns nobody knows are attributes."""
    plain = {re.sub(r"\W+", "_", name.strip().lower()).strip("_"): value for name, value in row.items()}
    values: dict[str, object] = {
        name: next((plain[column] for column in columns if plain.get(column)), None)
        for name, columns in NAMES.items()
    }
    values["attributes"] = {
        name: value
        for name, value in plain.items()
        if value and name not in _OWNERS and not any(word in name for word in _LEFT_OUT)
    }
    return values


def read(rows: Rows, currency: str | None) -> Found:
    """Each row a product; one without id and SKU is unread."""
    for line, row in rows:
        found = product(named(row), currency)
        yield found or Unread(line, "The row has no id and no SKU.")


def entry(number: int, body: Mapping[str, Any], currency: str | None) -> Found:
    """A JSON object whose keys are named as columns would be."""
    flat = {name: value for name, value in body.items() if isinstance(value, str | int | float)}
    yield product(named(flat), currency) or Unread(number, "The entry has no id and no SKU.")


KINDS.add(
    "csv", Kind("A table (or JSON objects) with columns such as id, title, price", entry=entry, table=read)
)
