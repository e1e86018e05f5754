"""WooCommerce: orders with their refunds, and customers, of its webhook bodies.

Source of the shapes: the orders and customers of the REST API, v1 to v3, which webhooks send. Amounts are
decimal texts; times named `…_gmt` are UTC without an offset.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from periplus.collect.shops.body import amount, count, entries, identifier, moment, part, text
from periplus.collect.shops.message import Message, Person, identify, known, track
from periplus.money import decimal

Body = Mapping[str, Any]
PLACED = ("on-hold", "processing", "completed", "refunded")
"""States of an order that was placed; `pending` awaits its payment and is a checkout, `failed` got none."""
_MARKS = {"source": "utm_source", "medium": "utm_medium", "name": "utm_campaign", "content": "utm_content"}


def order(body: Body, *, updated: bool = False) -> Iterator[Message]:
    """Everything an order's body proves; with `updated`, also that it was changed."""
    key = identifier(body, "id")
    if key is None:
        return
    who, status, currency = _buyer(body), text(body, "status"), text(body, "currency")
    begun, changed = moment(body.get("date_created_gmt")), moment(body.get("date_modified_gmt"))
    total, context = amount(body.get("total")), _context(body)
    if status in PLACED or moment(body.get("date_paid_gmt")) is not None:
        yield track("Order Completed", key, begun, who, {"order_id": key, **_placed(body)}, context)
    elif status == "pending":
        said = {"checkout_id": key, "recovery_url": text(body, "payment_url"), **_placed(body)}
        yield track("Checkout Started", f"checkout:{key}", begun, who, said, context)
    about = {"order_id": key, "currency": currency}
    if status == "cancelled":
        yield track("Order Cancelled", f"{key}:cancelled", changed, who, about | {"total": total})
    given = list(entries(body, "refunds"))
    for each in given:
        back = decimal(each.get("total"))
        if (own := identifier(each, "id")) is not None and back is not None and back != 0:
            said = about | {"refund_id": own, "total": amount(abs(back)), "reason": text(each, "reason")}
            yield track("Order Refunded", f"refund:{own}", changed, who, said)
    if status == "refunded" and not given:
        yield track("Order Refunded", f"{key}:refunded", changed, who, about | {"total": total})
    done = moment(body.get("date_completed_gmt"))
    if done is not None and any(True for _ in entries(body, "shipping_lines")):
        yield track("Order Shipped", f"{key}:shipped", done, who, {"order_id": key})
    if updated:
        said = about | {"total": total, "status": status}
        yield track("Order Updated", f"{key}:updated:{changed}", changed, who, said)


def customer(body: Body) -> Iterator[Message]:
    """What a customer record says, as of its last change. WooCommerce itself keeps no consent to marketing."""
    key = identifier(body, "id")
    if key is None:
        return
    changed, home = moment(body.get("date_modified_gmt")), part(body, "billing")
    who = Person(key, text(body, "email") or text(home, "email"), text(home, "phone"))
    traits = {
        "email": who.email,
        "phone": who.phone,
        "firstName": text(body, "first_name"),
        "lastName": text(body, "last_name"),
        "username": text(body, "username"),
        "createdAt": moment(body.get("date_created_gmt")),
        "address": {
            "city": text(home, "city"),
            "state": text(home, "state"),
            "postalCode": text(home, "postcode"),
            "country": text(home, "country"),
        },
        "company": {"name": text(home, "company")},
    }
    yield identify(f"customer:{key}:{changed}", changed, who, traits)


def _buyer(body: Body) -> Person:
    """Whoever pays; the one the parcel goes to may be somebody else."""
    home = part(body, "billing")
    return Person(identifier(body, "customer_id"), text(home, "email"), text(home, "phone"))


def _placed(body: Body) -> dict[str, Any]:
    lines = list(entries(body, "line_items"))
    before = [decimal(line.get("subtotal")) for line in lines]
    small = [each for each in before if each is not None and abs(each) < 10**15]
    codes = [code for each in entries(body, "coupon_lines") if (code := text(each, "code"))]
    return {
        "order_name": text(body, "number"),
        "total": amount(body.get("total")),
        "subtotal": amount(sum(small, Decimal(0))) if small and len(small) == len(lines) else None,
        "shipping": amount(body.get("shipping_total")),
        "tax": amount(body.get("total_tax")),
        "discount": amount(body.get("discount_total")),
        "currency": text(body, "currency"),
        "coupon": ", ".join(codes) or None,
        "payment_method": text(body, "payment_method"),
        "products": [_product(line) for line in lines],
    }


def _product(line: Body) -> dict[str, Any]:
    variation = identifier(line, "variation_id")
    return known(
        {
            "product_id": identifier(line, "product_id"),
            "variant_id": variation,
            "sku": text(line, "sku"),
            "name": text(line, "parent_name") or text(line, "name"),
            "variant": text(line, "name") if variation and text(line, "parent_name") else None,
            "price": amount(line.get("price")),
            "quantity": count(line.get("quantity")),
            "image_url": text(part(line, "image"), "src"),
        }
    )


def _context(body: Body) -> dict[str, Any]:
    """Where the order came from, as WooCommerce's order attribution noted it."""
    marks = {
        name.removeprefix("_wc_order_attribution_"): each
        for each in entries(body, "meta_data")
        if (name := text(each, "key")) is not None and name.startswith("_wc_order_attribution_")
    }

    def mark(name: str) -> str | None:
        return text(marks.get(name, {}), "value")

    # `(direct)` and the like are WooCommerce's words for having no mark.
    campaign = {
        name: said for name, key in _MARKS.items() if (said := mark(key)) and not said.startswith("(")
    }
    return known(
        {
            "ip": text(body, "customer_ip_address"),
            "userAgent": text(body, "customer_user_agent"),
            "page": {"referrer": mark("referrer"), "url": mark("session_entry")},
            "campaign": campaign,
        }
    )
