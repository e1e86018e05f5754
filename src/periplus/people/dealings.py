"""What passed between a customer and the shop: orders with their value, tickets, answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from periplus.people import orders, said, tickets
from periplus.people.history import History
from periplus.people.orders import Rates
from periplus.settings import Settings

NAMES = orders.NAMES | tickets.NAMES | said.NAMES
Events = list[dict[str, Any]]


class Seen(Protocol):
    """The events of a customer that are looked at: which rows of the history, oldest first."""

    @property
    def history(self) -> History: ...

    @property
    def places(self) -> np.ndarray: ...


def dealings(
    seen: Seen, told: Callable[[Events], Events], settings: Settings, rates: Rates
) -> dict[str, Any]:
    """`orders`, `value`, `tickets`, `answers` of the events that are seen, and the `currency` of the amounts.

    `told` adds to events what the catalogue knows. Only the events that speak of such things are read.
    """
    names = seen.history.column("event")
    events = told(seen.history.events([place for place in seen.places.tolist() if names[place] in NAMES]))
    bought = orders.orders(events, own=settings.currency, value=settings.order_value, rates=rates)
    return {
        "currency": settings.currency,
        "orders": bought,
        "value": orders.worth(bought),
        "tickets": tickets.tickets(events),
        "answers": said.answers(events),
    }
