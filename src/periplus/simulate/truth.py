"""The truth file: what was planted, and the generator's own books of what came of it."""

from __future__ import annotations

from typing import Any

from periplus import clock
from periplus.simulate import events, plan

FORMAT = 1


def truth(books: Any, odds: Any, *, seed: int, days: int, currency: str) -> dict[str, Any]:
    """The truth document, as plain JSON values; docs/simulate.md says how each number is defined."""
    return {
        "format": FORMAT,
        "seed": seed,
        "start": clock.iso(int(odds["start"])),
        "end": clock.iso(int(odds["end"])),
        "days": days,
        "currency": currency,
        "events": int(books["events"].sum()),
        "events_by_name": {
            name: int(count) for name, count in zip(events.NAMES, books["events"], strict=True) if count
        },
        "people": int(books["people"]),
        "customers": int(books["customers"]),
        "visits": int(books["visits"].sum()),
        "visits_by_channel": _by(plan.CHANNELS, books["visits"]),
        "people_by_kind": _by([kind.name for kind in plan.KINDS], books["kinds"]),
        "people_by_country": _by(plan.COUNTRIES, books["countries"]),
        "orders": {
            "completed": int(books["orders"]),
            "total": int(books["ordered"]),
            "cancelled": int(books["cancelled"]),
            "refunded": int(books["refunded"]),
        },
        "funnel": _funnel(books, days),
        "rates": [*_steps(books, odds), _tickets(books, odds), *_mails(books, odds)],
        "breaks": _breaks(odds),
    }


def _by(names: Any, counts: Any) -> dict[str, int]:
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _funnel(books: Any, days: int) -> dict[str, Any]:
    steps = [events.NAMES[event] for event in events.FUNNEL]
    return {
        "steps": steps,
        "question": {
            "kind": "funnel",
            "steps": [{"event": name} for name in steps],
            "within": f"{days + 1}d",
            "breakdown": "context.device.type",
        },
        "reached": books["funnel"].tolist(),
        "reached_by_device_of_first_view": {
            device: books["by_first"][:, place].tolist() for place, device in enumerate(plan.DEVICES)
        },
        "customers_with_event_on_device": {
            device: books["by_device"][:, place].tolist() for place, device in enumerate(plan.DEVICES)
        },
    }


def _steps(books: Any, odds: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": id,
            "from": source,
            "to": target,
            "within": "1h",
            "per": "event",
            "cells": [
                {
                    "device": device,
                    "kind": kind.name,
                    "planted": round(float(odds["rates"][step, on, of]), 6),
                    "trials": int(books["trials"][step, on, of]),
                    "happened": int(books["happened"][step, on, of]),
                }
                for on, device in enumerate(plan.DEVICES)
                for of, kind in enumerate(plan.KINDS)
            ],
        }
        for step, (id, source, target) in enumerate(plan.STEPS)
    ]


def _tickets(books: Any, odds: Any) -> dict[str, Any]:
    slow = plan.COUNTRIES[plan.SLOW]
    cells = [
        (f"not {slow}", plan.TICKET_USUAL, books["tickets"][0]),
        (slow, plan.TICKET_SLOW, books["tickets"][1]),
    ]
    return {
        "id": "order_to_ticket",
        "from": "Order Completed",
        "to": "Support Ticket Created",
        "within": f"{plan.TICKET_WITHIN}d",
        "per": "order_id",
        "before": clock.iso(int(odds["end"]) - plan.TICKET_WITHIN * clock.UNITS["d"]),
        "cells": [
            {"country": country, "planted": planted, "trials": int(trials), "happened": int(happened)}
            for country, planted, (trials, happened) in cells
        ],
    }


def _mails(books: Any, odds: Any) -> list[dict[str, Any]]:
    names = ("Email Delivered", "Email Opened", "Email Link Clicked")
    return [
        {
            "id": f"newsletter_{'opened' if step == 0 else 'clicked'}",
            "from": names[step],
            "to": names[step + 1],
            "within": "7d",
            "per": "newsletter",
            "before": clock.iso(int(odds["end"]) - 7 * clock.UNITS["d"]),
            "cells": [
                {
                    "kind": kind.name,
                    "planted": kind.opens if step == 0 else kind.clicks,
                    "trials": int(books["mails"][step, of]),
                    "happened": int(books["mails"][step + 1, of]),
                }
                for of, kind in enumerate(plan.KINDS)
            ],
        }
        for step in range(2)
    ]


def _breaks(odds: Any) -> list[dict[str, Any]]:
    slow = plan.COUNTRIES[plan.SLOW]
    return [
        {
            "id": "mobile-payment",
            "what": "On a phone most checkouts end before payment: the address form does not work there.",
            "where": {"context.device.type": "mobile"},
            "from": "Checkout Started",
            "to": "Payment Info Entered",
            "rate": "checkout_to_payment",
            "factor": plan.MOBILE_PAYMENT,
            "never_back": {"mobile": plan.GIVES_UP_MOBILE, "elsewhere": plan.GIVES_UP},
        },
        {
            "id": "slow-delivery",
            "what": f"Parcels to {slow} take long: customers ask where they are, and come back less often.",
            "where": {"properties.country": slow},
            "from": "Order Shipped",
            "to": "Order Delivered",
            "rate": "order_to_ticket",
            "median_days": {"usual": plan.USUAL_DAYS, "slow": plan.SLOW_DAYS},
            "tickets": {"usual": plan.TICKET_USUAL, "slow": plan.TICKET_SLOW},
            "visits_factor_after": plan.DISCOURAGED,
        },
    ]
