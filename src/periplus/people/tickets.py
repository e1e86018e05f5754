"""A customer's tickets, from the events that tell of them: asked when and why, answered and solved when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from periplus.clock import iso
from periplus.people.orders import text_of

BECAME = {
    "Ticket Opened": "opened",
    "Support Ticket Created": "opened",
    "Ticket Answered": "answered",
    "Support Ticket Answered": "answered",
    "Ticket Solved": "solved",
    "Support Ticket Solved": "solved",
    "Ticket Reopened": "opened",
    "Ticket Rated": "rated",
}
"""What events say of a ticket."""
NAMES = frozenset(BECAME)
_TOLD = {
    "reason": ("reason", "category"),
    "subject": ("subject", "title"),
    "text": ("text", "message", "description"),
    "order_id": ("order_id",),
    "priority": ("priority",),
    "satisfaction": ("satisfaction", "rating", "score"),
}
"""What a ticket says, and under which names; the last word counts for satisfaction, the first for the rest."""


def tickets(events: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tickets in some events of one customer (oldest first, with `micros`), the newest first.

    Each has `ticket_id`, the times `opened`, `answered` (first) and `solved` (last), None where not told, `reopened`
    (how often after it was solved), `open`, `answer_seconds` and `solve_seconds` since it was opened, `reason`,
    `subject`, `text`, `order_id`, `priority`, `satisfaction`, `channel` and `source`.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    nameless = 0
    for event in events:
        if event.get("event") not in NAMES:
            continue
        number = text_of(_said(event).get("ticket_id"))
        if number is None:
            if BECAME[str(event["event"])] != "opened":
                continue
            nameless += 1
        # A key no ticket's number can be: numbers have no space in front.
        found.setdefault(number or f" {nameless}", []).append(event)
    told = [_ticket(key, rows) for key, rows in found.items()]
    return sorted(told, key=lambda ticket: ticket["micros"], reverse=True)


def _ticket(key: str, rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    rows = sorted(rows, key=lambda event: int(event["micros"]))
    times: dict[str, list[int]] = {"opened": [], "answered": [], "solved": [], "rated": []}
    said: dict[str, Any] = dict.fromkeys(_TOLD)
    for event in rows:
        times[BECAME[str(event["event"])]].append(int(event["micros"]))
        about = _said(event)
        for ours, theirs in _TOLD.items():
            value = next((text for name in theirs if (text := text_of(about.get(name))) is not None), None)
            if value is not None and (said[ours] is None or ours == "satisfaction"):
                said[ours] = value
    opened = min(times["opened"], default=None)
    answered = min(times["answered"], default=None)
    solved = max(times["solved"], default=None)
    reopened = sum(time > min(times["solved"]) for time in times["opened"]) if times["solved"] else 0
    still_open = solved is None or (bool(times["opened"]) and max(times["opened"]) > solved)
    return {
        "ticket_id": None if key.startswith(" ") else key,
        "micros": int(rows[0]["micros"]),
        "opened": None if opened is None else iso(opened),
        "answered": None if answered is None else iso(answered),
        "solved": None if still_open or solved is None else iso(solved),
        "reopened": reopened,
        "open": still_open,
        "answer_seconds": _between(opened, answered),
        "solve_seconds": None if still_open else _between(opened, solved),
        **said,
        "channel": next((event["channel"] for event in rows if event.get("channel")), None),
        "source": rows[0].get("source"),
    }


def _between(first: int | None, last: int | None) -> int | None:
    """Whole seconds from one moment to a later one; None where the later came first, or one is not told."""
    return None if first is None or last is None or last < first else (last - first) // 1_000_000


def _said(event: Mapping[str, Any]) -> Mapping[str, Any]:
    said = event.get("properties")
    return said if isinstance(said, Mapping) else {}
