"""Products of WooCommerce: bodies of webhooks and the API, and the export file of its product list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periplus.collect.catalogue.kinds import KINDS, Found, Kind, Rows
from periplus.collect.catalogue.product import Unread, product
from periplus.collect.shops.body import entries, flag, identifier, text


def entry(number: int, body: Mapping[str, Any], currency: str | None) -> Found:
    """One product. Its variations are products of their own, told by deliveries or entries of their own."""
    categories = [name for each in entries(body, "categories") if (name := text(each, "name"))]
    attributes: dict[str, str] = {}
    for each in entries(body, "attributes"):
        said, options = text(each, "option"), each.get("options")
        value = said or (", ".join(map(str, options[:50])) if isinstance(options, list) else None)
        if (name := text(each, "name")) and value:
            attributes[name] = value
    found = product(
        {
            "id": text(body, "id"),
            "parent": identifier(body, "parent_id"),
            "sku": text(body, "sku"),
            "title": text(body, "name"),
            "price": text(body, "regular_price") or text(body, "price"),
            "sale_price": text(body, "sale_price") if flag(body.get("on_sale")) is not False else None,
            "stock": body.get("stock_quantity"),
            "availability": text(body, "stock_status"),
            "category": " > ".join(categories),
            "brand": next((text(each, "name") for each in entries(body, "brands")), None),
            "image": next((text(each, "src") for each in entries(body, "images")), None),
            "link": text(body, "permalink"),
            "attributes": attributes
            | {"status": text(body, "status") or "", "type": text(body, "type") or ""},
        },
        currency,
    )
    yield found or Unread(number, "The product has no id.")


def rows(table: Rows, currency: str | None) -> Found:
    """Rows of the export. A variation names its product as `id:123`, or by its SKU."""
    for line, row in table:
        parent = row.get("Parent", "").removeprefix("id:")
        attributes = {
            row.get(f"Attribute {place} name", ""): row.get(f"Attribute {place} value(s)", "")
            for place in range(1, 11)
        }
        images = row.get("Images", "").split(",")
        found = product(
            {
                "id": row.get("ID"),
                "parent": parent,
                "sku": row.get("SKU"),
                "title": row.get("Name"),
                "price": row.get("Regular price"),
                "sale_price": row.get("Sale price"),
                "stock": row.get("Stock"),
                "availability": row.get("In stock?"),
                # `Clothing > T-shirts, Sale`: the first one says most
                "category": row.get("Categories", "").split(",")[0],
                "brand": row.get("Brands", "").split(",")[0],
                "image": images[0],
                "attributes": attributes | {"tags": row.get("Tags", ""), "type": row.get("Type", "")},
            },
            currency,
        )
        yield found or Unread(line, "The row has no ID and no SKU.")


KINDS.add(
    "woocommerce",
    Kind(
        "Products of WooCommerce: export file, or JSON of its API",
        entry=entry,
        table=rows,
        headers=frozenset({"ID", "Type", "Regular price", "In stock?", "Parent"}),
        keys=frozenset({"permalink", "stock_status", "regular_price", "catalog_visibility"}),
    ),
)
