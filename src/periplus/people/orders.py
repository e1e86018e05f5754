"""A customer's orders, from the events that tell of them: what was bought, what became of it, what it came to.

The rules are those of the value of journeys (docs/semantics.md): an order is an `Order Completed`, once per
`order_id`, the first one counts; refunds and cancellations that name it reduce it by their amount, or without one
to nothing, and never below nothing. A parcel that is told of before its order, or without one, is kept with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from periplus.clock import iso
from periplus.errors import QuestionError
from periplus.money import currency, decimal, digits

PLACED = "Order Completed"
BECAME = {
    "Order Shipped": "shipped",
    "Order Delivered": "delivered",
    "Return Requested": "returned",
    "Order Returned": "returned",
    "Order Cancelled": "cancelled",
    "Order Refunded": "refunded",
}
"""What events after an order say became of it."""
NAMES = frozenset({PLACED, *BECAME})
REDUCES = ("cancelled", "refunded")
DAY = 86_400_000_000
MOST_LINES = 100
"""Products of one order that are told."""
_TOO_MUCH = Decimal(10) ** 14

Rates = Callable[[str, int], float | None]
"""What one unit of a currency is worth in the workspace's on a day (days since 1970); None: no rate."""


@dataclass
class _Order:
    """What the events say of one order, before anything is summed."""

    number: str | None
    placed: Mapping[str, Any] | None = None
    told: int = 0
    after: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)


def orders(
    events: Iterable[Mapping[str, Any]],
    *,
    own: str = "EUR",
    value: str = "total",
    rates: Rates = lambda c, d: None,
) -> list[dict[str, Any]]:
    """The orders in some events of one customer (oldest first, with `micros`), the newest first.

    Each has `order_id`, `time` (None: only what followed is known), `told` (how often it was), `gross`, `refunded` and
    `net` in minor units of `own` (None without an amount or a rate), `sent` (amount and currency as sent, where that
    is another), `products` (name, id, quantity, price as sent), `extras` (shipping, tax, discount: name and amount as
    sent), `states` (state, time, `days` after the order, amount, reason, carrier, tracking) in their order, `state`
    (the last one), `recipient`, `coupon`, `source` and `channel`.
    """
    found: dict[str, _Order] = {}
    nameless: list[_Order] = []
    for event in events:
        name = str(event.get("event"))
        if name not in NAMES:
            continue
        number = text_of(_said(event).get("order_id"))
        if number is None:
            if name == PLACED:
                nameless.append(_Order(None, event, 1))
            continue
        order = found.setdefault(number, _Order(number))
        if name == PLACED:
            order.placed = order.placed or event
            order.told += 1
        else:
            order.after.append((BECAME[name], event))
    told = [_summed(order, own, value, rates) for order in (*found.values(), *nameless)]
    return sorted(told, key=lambda order: order["micros"], reverse=True)


def worth(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Orders, gross, refunded and net in minor units, and the times of the first and the last order."""
    placed = [order for order in told if order["time"] is not None]
    return {
        "orders": len(placed),
        **{name: sum(order[name] or 0 for order in placed) for name in ("gross", "refunded", "net")},
        "first": min((order["time"] for order in placed), default=None),
        "last": max((order["time"] for order in placed), default=None),
    }


def _summed(order: _Order, own: str, value: str, rates: Rates) -> dict[str, Any]:
    placed = order.placed
    begun = None if placed is None else int(placed["micros"])
    said = {} if placed is None else _said(placed)
    gross, sent = (None, None) if placed is None else _amount(placed, own, value, rates)
    states = []
    taken, whole = 0, False
    for state, event in sorted(order.after, key=lambda pair: pair[1]["micros"]):
        about, at = _said(event), int(event["micros"])
        row: dict[str, Any] = {"state": state, "time": iso(at)}
        row["days"] = None if begun is None or at < begun else (at - begun) // DAY
        if state in REDUCES:
            row["amount"], back = _amount(event, own, value, rates)
            if row["amount"] is not None:
                row["amount"] = abs(row["amount"])
                taken += row["amount"]
            elif back is None:
                whole = True
        for ours, theirs in (("reason", "reason"), ("carrier", "carrier"), ("tracking", "tracking_number")):
            if (text := text_of(about.get(theirs))) is not None:
                row[ours] = text
        states.append(row)
    net = None if gross is None else 0 if whole else max(gross - taken, 0)
    return {
        "order_id": order.number,
        "time": None if begun is None else iso(begun),
        "micros": begun if begun is not None else max(int(event["micros"]) for _, event in order.after),
        "told": order.told,
        "gross": gross,
        "refunded": None if gross is None or net is None else gross - net,
        "net": net,
        "sent": sent,
        "products": _products(said),
        "extras": _extras(said),
        "states": states,
        "state": states[-1]["state"] if states else "placed",
        "recipient": _recipient(said),
        "coupon": text_of(said.get("coupon")),
        "source": None if placed is None else placed.get("source"),
        "channel": None if placed is None else placed.get("channel"),
    }


def _said(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event's properties, with what the catalogue adds to them."""
    said = event.get("known") or event.get("properties")
    return said if isinstance(said, Mapping) else {}


def _amount(
    event: Mapping[str, Any], own: str, value: str, rates: Rates
) -> tuple[int | None, dict[str, Any] | None]:
    """An event's amount in minor units of `own`, and as it was sent where that is another currency."""
    said = event.get("properties")
    said = said if isinstance(said, Mapping) else {}
    names = ("total", "revenue") if value == "total" else ("revenue", "total")
    exact = next((number for name in names if (number := decimal(said.get(name))) is not None), None)
    if exact is None or abs(exact) >= _TOO_MUCH:
        return None, None
    code = _currency(said.get("currency"), own)
    if code == own:
        return _minor(exact, own), None
    sent = {"amount": float(exact), "currency": code}
    rate = rates(code, int(event["micros"]) // DAY)
    return (None if rate is None else _minor(exact * Decimal(str(rate)), own)), sent


def _currency(said: object, own: str) -> str:
    try:
        return currency(said)
    except QuestionError:
        return own


def _minor(amount: Decimal, code: str) -> int:
    """Minor units, rounded half up as the value of journeys is."""
    return int(amount.scaleb(digits(code)).quantize(Decimal(1), ROUND_HALF_UP))


def _products(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The lines of an order; of one without a list, the product that the order itself names."""
    listed = said.get("products")
    lines = listed if isinstance(listed, list) else [said] if any(said.get(key) for key in _NAMED) else []
    return [
        {
            "name": next((text for key in _NAMED if (text := text_of(line.get(key))) is not None), None),
            "id": next((text for key in _IDS if (text := text_of(line.get(key))) is not None), None),
            "variant": text_of(line.get("variant")),
            "quantity": line.get("quantity") if isinstance(line.get("quantity"), int | float) else None,
            "price": None if (price := decimal(line.get("price"))) is None else float(price),
        }
        for line in lines[:MOST_LINES]
        if isinstance(line, Mapping)
    ]


def _extras(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What an order's total holds beside its products, where the order says so; a discount is below nothing."""
    sums = {name: decimal(said.get(name)) for name in ("shipping", "tax", "discount")}
    return [
        {"name": name, "amount": float(-abs(amount) if name == "discount" else amount)}
        for name, amount in sums.items()
        if amount
    ]


_NAMED = ("name", "title", "product_name", "sku", "variant_id", "product_id")
_IDS = ("sku", "variant_id", "product_id")
_RECIPIENT = ("recipient_name", "recipient", "gift_recipient", "recipient_email")


def _recipient(said: Mapping[str, Any]) -> str | None:
    """Who gets a gift, as the order says; a name on an order is no identifier, so nobody is joined by it."""
    for key in _RECIPIENT:
        value = said.get(key)
        if isinstance(value, Mapping):
            value = value.get("name") or value.get("email")
        if (text := text_of(value)) is not None:
            return text
    return None


def text_of(value: object) -> str | None:
    """A number or text of an event as text, as numbers of orders are compared: 7, 7.0 and "7" are one.

    >>> text_of(7), text_of(7.0), text_of(" 7 "), text_of(""), text_of(True)
    ('7', '7', '7', None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, int | float | str):
        return str(value).strip()[:500] or None
    return None
