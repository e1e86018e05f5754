"""Products of Shopify: bodies of webhooks and the API, and `products_export.csv`.

The export has no ids: a variant is known by its SKU, else by its handle and options.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from periplus.collect.catalogue.kinds import KINDS, Found, Kind, Rows
from periplus.collect.catalogue.product import Unread, money, product, whole
from periplus.collect.shops.body import entries, flag, part, text


def entry(number: int, body: Mapping[str, Any], currency: str | None) -> Found:
    """The variants of one product; `Default Title` is Shopify's word for having none."""
    parent = text(body, "id")
    image = text(part(body, "image"), "src") or next(
        (text(each, "src") for each in entries(body, "images")), None
    )
    options = [text(each, "name") for each in entries(body, "options")]
    read = False
    for variant in entries(body, "variants"):
        title = text(variant, "title")
        found = product(
            {
                "id": text(variant, "id"),
                "parent": parent,
                "sku": text(variant, "sku"),
                "title": text(body, "title"),
                "variant": None if title == "Default Title" else title,
                **_prices(variant.get("price"), variant.get("compare_at_price")),
                **_stock(variant),
                "category": text(body, "product_type"),
                "brand": text(body, "vendor"),
                "image": image,
                "link": text(body, "link"),
                "attributes": {
                    **{
                        name: value
                        for place, name in enumerate(options, 1)
                        if name and name != "Title" and (value := text(variant, f"option{place}"))
                    },
                    "barcode": text(variant, "barcode") or "",
                    "tags": text(body, "tags") or "",
                    "status": text(body, "status") or "",
                },
            },
            currency,
        )
        if found is not None:
            read = True
            yield found
    if not read:
        yield Unread(number, "The product has no variant with an id.")


def rows(table: Rows, currency: str | None) -> Found:
    """Rows of the export: a product's first row says what all its variants share; rows of images are none."""
    shared: Mapping[str, str] = {}
    for line, row in table:
        if not row.get("Handle"):
            yield Unread(line, "The row has no handle.")
            continue
        if row.get("Handle") != shared.get("Handle"):
            shared = row
        if not row.get("Variant Price") and not row.get("Variant SKU"):
            continue
        chosen = list(_options(row, shared))
        variant = " / ".join(value for _, value in chosen)
        key = row.get("Variant SKU", "").lstrip("'") or "/".join(
            [row["Handle"], *(value for _, value in chosen)]
        )
        tracked = bool(row.get("Variant Inventory Tracker"))
        found = product(
            {
                "id": key,
                "parent": row["Handle"],
                "sku": row.get("Variant SKU", "").lstrip("'"),
                "title": shared.get("Title"),
                "variant": variant,
                **_prices(row.get("Variant Price"), row.get("Variant Compare At Price")),
                "stock": row.get("Variant Inventory Qty") if tracked else None,
                "availability": _sellable(
                    row.get("Variant Inventory Qty"),
                    tracked,
                    row.get("Variant Inventory Policy") == "continue",
                ),
                "category": shared.get("Type") or shared.get("Product Category"),
                "brand": shared.get("Vendor"),
                "image": row.get("Variant Image") or shared.get("Image Src"),
                "attributes": {
                    **dict(chosen),
                    "barcode": row.get("Variant Barcode", "").lstrip("'"),
                    "tags": shared.get("Tags", ""),
                    "status": shared.get("Status", ""),
                },
            },
            currency,
        )
        yield found or Unread(line, "The row has no SKU and no handle.")


def _options(row: Mapping[str, str], shared: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for place in (1, 2, 3):
        value = row.get(f"Option{place} Value")
        if value and value != "Default Title":
            yield shared.get(f"Option{place} Name") or f"Option {place}", value


def _prices(price: Any, compare: Any) -> dict[str, Any]:
    """What it costs now stands under `price`; where there is a higher price to compare, that is the full one."""
    now, before = money(price, "EUR")[0], money(compare, "EUR")[0]
    if now is not None and before is not None and before > now:
        return {"price": compare, "sale_price": price}
    return {"price": price}


def _stock(variant: Mapping[str, Any]) -> dict[str, Any]:
    tracked = text(variant, "inventory_management") is not None or "inventory_management" not in variant
    there = variant.get("inventory_quantity")
    sellable = _sellable(there, tracked, text(variant, "inventory_policy") == "continue")
    if (said := flag(variant.get("available"))) is not None:
        sellable = "in_stock" if said else "out_of_stock"
    return {"stock": there if tracked else None, "availability": sellable}


def _sellable(stock: Any, tracked: bool, oversold: bool) -> str | None:
    """Whether it can be bought; `continue` sells on when nothing is left."""
    if not tracked:
        return "in_stock"
    pieces = whole(stock)
    if pieces is None:
        return None
    return "in_stock" if pieces > 0 else "backorder" if oversold else "out_of_stock"


KINDS.add(
    "shopify",
    Kind(
        "Products of Shopify: export file, or JSON of its API",
        entry=entry,
        table=rows,
        headers=frozenset({"Handle", "Option1 Value", "Variant SKU", "Variant Price"}),
        keys=frozenset({"variants", "vendor", "product_type", "handle", "body_html"}),
    ),
)
