"""Ecwid: what a webhook says by itself, and the orders, carts and customers it names, once they are fetched.

A webhook carries ids and states only. Without access to the shop's API it tells that an order was
changed, cancelled, refunded in full, shipped or delivered; who bought what, and for how much, comes with
the order itself: fetched, or imported from the export file. So `Order Completed` is never told from a
webhook alone, or the empty event would stand in the way of the full one.

Source of the shapes: the pages on webhooks, orders, carts and customers of docs.ecwid.com. Amounts are
numbers in the currency of the shop, which orders do not name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from periplus.collect.shops.body import amount, count, entries, flag, identifier, moment, part, seconds, text
from periplus.collect.shops.message import Message, Person, identify, known, track

Body = Mapping[str, Any]


def noticed(hook: Body) -> Iterator[Message]:
    """What a webhook's body says by itself."""
    kind, data, at = text(hook, "eventType") or "", part(hook, "data"), seconds(hook.get("eventCreated"))
    own, entity = text(hook, "eventId"), identifier(hook, "entityId")
    about, _, action = kind.partition(".")
    if about == "order" and action in ("created", "updated"):
        if (key := order_id(hook)) is not None:
            said = {
                "order_id": key,
                "payment_status": text(data, "newPaymentStatus"),
                "fulfillment_status": text(data, "newFulfillmentStatus"),
            }
            yield track("Order Updated", f"{key}:updated:{own}", at, Person(), said)
            yield from _states(key, said["payment_status"], said["fulfillment_status"], at, Person(), None)
    elif about == "unfinished_order" and action in ("created", "updated"):
        if (cart := identifier(data, "cartId")) is not None:
            yield track("Cart Updated", f"cart:{cart}:updated:{own}", at, Person(), {"cart_id": cart})
    elif about == "customer" and action in ("created", "updated") and entity is not None:
        email = text(data, "customerEmail")
        yield identify(f"customer:{entity}:{own}", at, Person(entity, email), {"email": email})


def order_id(hook: Body) -> str | None:
    """The id of the order that customers see; older shops send only its number."""
    return identifier(part(hook, "data"), "orderId") or identifier(hook, "entityId")


def order(body: Body, at: str | None) -> Iterator[Message]:
    """Everything a fetched order proves; `at` is when the webhook said that it changed."""
    key = identifier(body, "id", "vendorOrderNumber", "orderNumber")
    payment = text(body, "paymentStatus")
    if key is None or payment == "INCOMPLETE":
        return
    who = _buyer(body)
    placed = seconds(body.get("createTimestamp")) or moment(body.get("createDate"))
    context = known(
        {"ip": text(body, "ipAddress"), "page": {"referrer": text(body, "globalReferer", "refererUrl")}}
    )
    yield track("Order Completed", key, placed, who, {"order_id": key, **_sums(body)}, context)
    refunds = list(entries(body, "refunds"))
    for each in refunds:
        when, back = moment(each.get("date")), amount(each.get("amount"))
        if back:
            said = {"order_id": key, "total": back, "reason": text(each, "reason")}
            yield track("Order Refunded", f"{key}:refund:{text(each, 'date')}", when or at, who, said)
    state = None if payment == "REFUNDED" and refunds else payment
    yield from _states(key, state, text(body, "fulfillmentStatus"), at, who, amount(body.get("total")))


def cart(body: Body, at: str | None) -> Iterator[Message]:
    """A fetched cart that was left at the checkout."""
    key = identifier(body, "cartId", "id")
    if key is None:
        return
    begun = seconds(body.get("createTimestamp")) or moment(body.get("createDate"))
    said = {"checkout_id": key, "cart_id": key, **_sums(body)}
    yield track("Checkout Started", f"checkout:{key}", begun or at, _buyer(body), said)


def customer(body: Body, at: str | None) -> Iterator[Message]:
    """What a fetched customer record says."""
    key = identifier(body, "id")
    if key is None:
        return
    home = part(body, "billingPerson")
    accepts = flag(body.get("acceptMarketing"))
    email, changed = text(body, "email"), moment(body.get("updated")) or at
    who = Person(
        key, email, text(home, "phone"), consent={} if accepts is None else {"marketing.email": accepts}
    )
    traits = {
        "email": email,
        "phone": who.phone,
        "firstName": text(home, "firstName"),
        "lastName": text(home, "lastName"),
        "name": text(home, "name"),
        "createdAt": moment(body.get("registered")),
        "address": {
            "city": text(home, "city"),
            "state": text(home, "stateOrProvinceCode"),
            "postalCode": text(home, "postalCode"),
            "country": text(home, "countryCode"),
        },
        "company": {"name": text(home, "companyName")},
    }
    yield identify(f"customer:{key}:{changed}", changed, who, traits)


def _states(
    key: str, payment: str | None, fulfillment: str | None, at: str | None, who: Person, total: Any
) -> Iterator[Message]:
    """What the two states of an order mean; each is told once, when it is first seen."""
    said = {"order_id": key, "total": total}
    if payment == "CANCELLED":
        yield track("Order Cancelled", f"{key}:cancelled", at, who, said)
    if payment == "REFUNDED":
        yield track("Order Refunded", f"{key}:refunded", at, who, said)
    if fulfillment in ("SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"):
        yield track("Order Shipped", f"{key}:shipped", at, who, {"order_id": key})
    if fulfillment == "DELIVERED":
        yield track("Order Delivered", f"{key}:delivered", at, who, {"order_id": key})


def _buyer(body: Body) -> Person:
    accepts = flag(body.get("acceptMarketing"))
    return Person(
        identifier(body, "customerId"),
        text(body, "email"),
        text(part(body, "billingPerson"), "phone"),
        consent={"marketing.email": True} if accepts else {},
    )


def _sums(body: Body) -> dict[str, Any]:
    coupon = part(body, "discountCoupon")
    return {
        "total": amount(body.get("total")),
        "subtotal": amount(body.get("subtotal")),
        "shipping": amount(part(body, "shippingOption").get("shippingRate")),
        "tax": amount(body.get("tax")),
        "discount": _discount(body),
        "currency": text(body, "currency"),
        "coupon": text(coupon, "code"),
        "payment_method": text(body, "paymentMethod"),
        "products": [_product(line) for line in entries(body, "items")],
    }


def _discount(body: Body) -> Any:
    """Both sorts of discount together: Ecwid gives that of the coupon apart."""
    parts = [amount(body.get(name)) for name in ("discount", "couponDiscount")]
    numbers = [each for each in parts if isinstance(each, float)]
    return amount(round(sum(numbers), 4)) if numbers else None


def _product(line: Body) -> dict[str, Any]:
    chosen = [value for each in entries(line, "selectedOptions") if (value := text(each, "value"))]
    return known(
        {
            "product_id": identifier(line, "productId"),
            "variant_id": identifier(line, "combinationId"),
            "sku": text(line, "sku"),
            "name": text(line, "name"),
            "variant": ", ".join(chosen) or None,
            "price": amount(line.get("price")),
            "quantity": count(line.get("quantity")),
            "image_url": text(line, "imageUrl"),
        }
    )
