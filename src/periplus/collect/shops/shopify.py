"""Shopify: orders, refunds, parcels, carts, checkouts and customers of its webhook bodies.

Source of the shapes: the webhook reference and the REST resources Order, Refund, Fulfillment, Checkout and
Customer of shopify.dev. Amounts are decimal texts in the currency of the shop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from periplus.collect.shops.body import amount, count, entries, flag, identifier, moment, part, text
from periplus.collect.shops.message import Message, Person, identify, known, track
from periplus.money import decimal

Body = Mapping[str, Any]
STEPS = (("contact", "email"), ("address", "shipping_address"), ("delivery", "shipping_lines"))
"""Steps of a checkout in their order: the name, and the field that is filled once it is done."""


def order(body: Body, *, updated: bool = False) -> Iterator[Message]:
    """Everything an order's body proves; with `updated`, also that it was changed."""
    key = identifier(body, "id")
    if key is None:
        return
    who, total, currency = _buyer(body), amount(body.get("total_price")), text(body, "currency")
    placed = moment(body.get("processed_at")) or moment(body.get("created_at"))
    yield track(
        "Order Completed", key, placed, who, _placed(body, key), _context(body),
        "store" if text(body, "source_name") == "pos" else None,
    )  # fmt: skip
    internal = {"internal": True} if flag(body.get("test")) else {}
    if (cancelled := moment(body.get("cancelled_at"))) is not None:
        said = {"order_id": key, "total": total, "currency": currency, "reason": text(body, "cancel_reason")}
        yield track("Order Cancelled", f"{key}:cancelled", cancelled, who, said, internal)
    for each in entries(body, "refunds"):
        yield from refund(each, key, who, currency, internal)
    for each in entries(body, "fulfillments"):
        yield from fulfillment(each, key, who, internal)
    if updated:
        changed = moment(body.get("updated_at"))
        said = {
            "order_id": key,
            "total": total if (now := amount(body.get("current_total_price"))) is None else now,
            "currency": currency,
            "payment_status": text(body, "financial_status"),
            "fulfillment_status": text(body, "fulfillment_status"),
        }
        yield track("Order Updated", f"{key}:updated:{changed}", changed, who, said, internal)


def refund(
    body: Body, key: str | None = None, who: Person | None = None, currency: str | None = None,
    context: Mapping[str, Any] | None = None,
) -> Iterator[Message]:  # fmt: skip
    """Money given back; goods put back into stock without any are no refund.

    A delivery of its own names only the order, by which the person is found.
    """
    key, own = key or identifier(body, "order_id"), identifier(body, "id")
    if key is None or own is None:
        return
    back = Decimal(0)
    for each in entries(body, "transactions"):
        if text(each, "kind") == "refund" and text(each, "status") not in ("failure", "error"):
            back += decimal(each.get("amount")) or 0
            currency = text(each, "currency") or currency
    if not 0 < back < Decimal(10) ** 15:
        return
    goods = [
        _product(part(line, "line_item")) | known({"quantity": count(line.get("quantity"))})
        for line in entries(body, "refund_line_items")
    ]
    said = {
        "order_id": key,
        "refund_id": own,
        "total": amount(back),
        "currency": currency,
        "products": goods or None,
    }
    at = moment(body.get("processed_at")) or moment(body.get("created_at"))
    yield track("Order Refunded", f"refund:{own}", at, who or Person(), said, context)


def fulfillment(
    body: Body, key: str | None = None, who: Person | None = None, context: Mapping[str, Any] | None = None
) -> Iterator[Message]:
    """A parcel on its way, and delivered once the carrier says so."""
    key, own = key or identifier(body, "order_id"), identifier(body, "id")
    if key is None or own is None or text(body, "status") in ("cancelled", "error", "failure"):
        return
    who = who or Person(email=text(body, "email"))
    said = {
        "order_id": key,
        "shipment_id": own,
        "carrier": text(body, "tracking_company"),
        "tracking_number": text(body, "tracking_number"),
        "tracking_url": text(body, "tracking_url"),
    }
    yield track("Order Shipped", f"shipment:{own}", moment(body.get("created_at")), who, said, context)
    if text(body, "shipment_status") == "delivered":
        at = moment(body.get("updated_at"))
        yield track("Order Delivered", f"shipment:{own}:delivered", at, who, said, context)


def cart(body: Body, *, created: bool = False) -> Iterator[Message]:
    """A cart as it stands now. Its first lines were added by whoever opened it; nobody is named yet."""
    token = _token(body, "token", "id")
    if token is None:
        return
    who, changed = Person(device=token), moment(body.get("updated_at")) or moment(body.get("created_at"))
    lines = [_product(line) for line in entries(body, "line_items")]
    if created:
        for line, said in zip(entries(body, "line_items"), lines, strict=True):
            own = identifier(line, "key", "id", "variant_id") or "?"
            yield track("Product Added", f"cart:{token}:{own}", changed, who, {"cart_id": token} | said)
        return
    worth = sum((_worth(line) for line in entries(body, "line_items")), Decimal(0))
    said = {"cart_id": token, "total": amount(worth), "products": lines}
    yield track("Cart Updated", f"cart:{token}:updated:{changed}", changed, who, said)


def checkout(body: Body) -> Iterator[Message]:
    """A checkout that was begun, and each step of it that is done, with the link that brings it back."""
    key = identifier(body, "id") or _token(body, "token")
    if key is None:
        return
    who, context = _buyer(body), _context(body)
    said = {
        "checkout_id": key,
        "cart_id": _token(body, "cart_token"),
        "recovery_url": text(body, "abandoned_checkout_url"),
        **_sums(body),
        "products": [_product(line) for line in entries(body, "line_items")],
    }
    yield track("Checkout Started", f"checkout:{key}", moment(body.get("created_at")), who, said, context)
    changed = moment(body.get("updated_at"))
    for number, (step, field) in enumerate(STEPS, 1):
        if not (body.get(field) or (step == "contact" and body.get("phone"))):
            continue
        done = {"checkout_id": key, "step": number, "step_name": step, "recovery_url": said["recovery_url"]}
        yield track("Checkout Step Completed", f"checkout:{key}:{step}", changed, who, done, context)


def customer(body: Body) -> Iterator[Message]:
    """What a customer record says, as of its last change."""
    key = identifier(body, "id")
    if key is None:
        return
    changed, home = moment(body.get("updated_at")), part(body, "default_address")
    tags = text(body, "tags")
    traits = {
        "email": text(body, "email"),
        "phone": text(body, "phone"),
        "firstName": text(body, "first_name"),
        "lastName": text(body, "last_name"),
        "createdAt": moment(body.get("created_at")),
        "tags": [tag.strip() for tag in tags.split(",") if tag.strip()] if tags else None,
        "address": {
            "city": text(home, "city"),
            "state": text(home, "province"),
            "postalCode": text(home, "zip"),
            "country": text(home, "country_code", "country"),
        },
        "company": {"name": text(home, "company")},
    }
    who = Person(key, text(body, "email"), text(body, "phone"), consent=_consent(body))
    yield identify(f"customer:{key}:{changed}", changed, who, traits)


def consent(body: Body) -> Iterator[Message]:
    """Consent to marketing as it is now; since version 2025-01 it is told apart from the customer's record."""
    key, given = identifier(body, "customer_id", "id"), _consent(body)
    stated = [
        part(body, f"{channel}_marketing_consent").get("consent_updated_at") for channel in ("email", "sms")
    ]
    changed = next((at for each in stated if (at := moment(each)) is not None), None)
    if key is None or not given:
        return
    email, phone = text(body, "email_address", "email"), text(body, "phone", "phone_number")
    who = Person(key, email, phone, consent=given)
    yield identify(
        f"consent:{key}:{','.join(sorted(given))}:{changed}", changed, who, {"email": email, "phone": phone}
    )


def _placed(body: Body, key: str) -> dict[str, Any]:
    """The properties of an order that stay as they are for as long as it lives."""
    paid_by = body.get("payment_gateway_names")
    return {
        "order_id": key,
        "order_name": text(body, "name"),
        "checkout_id": identifier(body, "checkout_id"),
        "cart_id": _token(body, "cart_token"),
        **_sums(body),
        "payment_method": text({"first": paid_by[0]}, "first")
        if isinstance(paid_by, list) and paid_by
        else None,
        "products": [_product(line) for line in entries(body, "line_items")],
    }


def _sums(body: Body) -> dict[str, Any]:
    codes = [code for each in entries(body, "discount_codes") if (code := text(each, "code"))]
    prices = [decimal(each.get("price")) for each in entries(body, "shipping_lines")]
    sent = part(part(body, "total_shipping_price_set"), "shop_money").get("amount")
    if amount(sent) is None and prices and None not in prices:
        sent = sum((price for price in prices if price is not None), Decimal(0))
    return {
        "total": amount(body.get("total_price")),
        "subtotal": amount(body.get("subtotal_price")),
        "shipping": amount(sent),
        "tax": amount(body.get("total_tax")),
        "discount": amount(body.get("total_discounts")),
        "currency": text(body, "currency"),
        "coupon": ", ".join(codes) or None,
    }


def _product(line: Body) -> dict[str, Any]:
    return known(
        {
            "product_id": identifier(line, "product_id"),
            "variant_id": identifier(line, "variant_id"),
            "sku": text(line, "sku"),
            "name": text(line, "title", "name"),
            "variant": text(line, "variant_title"),
            "brand": text(line, "vendor"),
            "category": text(line, "product_type"),
            "price": amount(line.get("price")),
            "quantity": count(line.get("quantity")),
        }
    )


def _worth(line: Body) -> Decimal:
    price, pieces = decimal(line.get("price")), count(line.get("quantity"))
    small = price is not None and pieces is not None and abs(price) < 10**12 and abs(pieces) < 10**6
    return price * pieces if small and price is not None and pieces is not None else Decimal(0)


def _buyer(body: Body) -> Person:
    who = part(body, "customer")
    consent = _consent(who)
    if flag(body.get("buyer_accepts_marketing")):
        consent.setdefault("marketing.email", True)
    return Person(
        identifier(who, "id"),
        text(body, "email", "contact_email") or text(who, "email"),
        text(body, "phone") or text(who, "phone") or text(part(body, "billing_address"), "phone"),
        _token(body, "cart_token"),
        consent,
    )


def _consent(body: Body) -> dict[str, bool]:
    """Consent to marketing by channel; a question still open (`pending`) is no consent yet."""
    said: dict[str, bool] = {}
    for channel in ("email", "sms"):
        if (state := text(part(body, f"{channel}_marketing_consent"), "state")) is not None:
            said[f"marketing.{channel}"] = state.lower() == "subscribed"
    if (accepts := flag(body.get("accepts_marketing"))) is not None:
        said.setdefault("marketing.email", accepts)
    return said


def _token(body: Body, *names: str) -> str | None:
    """A cart's token; what follows a question mark is its key, which not every body repeats."""
    found = identifier(body, *names)
    return found.split("?")[0] or None if found else None


def _context(body: Body) -> dict[str, Any]:
    """Where the order came from: the page it began on, the campaign in its address, the browser."""
    client, landing = part(body, "client_details"), text(body, "landing_site")
    try:
        marks = dict(parse_qsl(urlsplit(landing or "").query, max_num_fields=50))
    except ValueError:
        marks = {}
    names = {"source": "utm_source", "medium": "utm_medium", "name": "utm_campaign", "content": "utm_content"}
    return known(
        {
            "internal": True if flag(body.get("test")) else None,
            "ip": text(body, "browser_ip") or text(client, "browser_ip"),
            "userAgent": text(client, "user_agent"),
            "locale": text(body, "customer_locale"),
            "page": {"referrer": text(body, "referring_site"), "path": landing},
            "campaign": {name: marks.get(mark) for name, mark in names.items()},
        }
    )
