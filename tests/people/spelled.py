"""What an event says of who, once its identifiers are read as the rules have it: written plainly, for the oracle.

Spelling, junk and guards come before everything else: an identifier that means nobody, or that too many use, is
as if it had not been sent. So the customers of a log are `owners(understood(log))`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

Event = dict[str, Any]

NOBODY = {"", "null", "undefined", "guest", "test", "0"}
NO_MAIL = {"test@test.com", "null@null.com"}
LIMITS = {"email": 5, "phone": 5, "device": 10, "reference": 5}
BESIDE = {
    "email": ("user_id", "phone"),
    "phone": ("user_id", "email"),
    "device": ("user_id", "email", "phone"),
    "reference": ("user_id", "email", "phone"),
}
COLUMN = {"email": "email", "phone": "phone", "device": "anonymous_id", "reference": "order_id"}


def understood(log: list[Event], limits: dict[str, int] = LIMITS) -> list[Event]:
    """The events with identifiers as they are compared; what is junk, or blocked by `limits`, is None."""
    read = [
        event
        | {name: _plain(event.get(name)) for name in ("user_id", "anonymous_id", "previous_id", "order_id")}
        | {"email": _mail(event.get("email")), "phone": _number(event.get("phone"))}
        for event in log
    ]
    void = {(kind, value) for kind, value, _ in crowded(read, limits)}
    users = {event["user_id"] for event in read if not event.get("marked")}
    void_before = {value for kind, value in void if kind == "device"} - users  # else an alias names a user
    return [
        event
        | {column: None for kind, column in COLUMN.items() if (kind, event[column]) in void}
        | ({"previous_id": None} if event["previous_id"] in void_before else {})
        for event in read
    ]


def crowded(read: list[Event], limits: dict[str, int]) -> list[tuple[str, str, int]]:
    """(kind, value, how many) of identifiers that unmarked events carry with too many others of one kind."""
    beside: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for event in read:
        if not event.get("marked"):
            for kind, column in COLUMN.items():
                for other in BESIDE[kind]:
                    if event[column] and event[other]:
                        beside[kind, event[column], other].add(event[other])
    most: dict[tuple[str, str], int] = defaultdict(int)
    for (kind, value, _), others in beside.items():
        most[kind, value] = max(most[kind, value], len(others))
    return [(kind, value, count) for (kind, value), count in most.items() if count > limits[kind]]


def _plain(text: str | None) -> str | None:
    value = (text or "").strip(" \t\r\n")
    return None if value.lower() in NOBODY or not value.strip("0-") else value


def _mail(text: str | None) -> str | None:
    value = _plain(text)
    if value is None or "@" not in value or value.lower() in NO_MAIL:
        return None
    local = value.lower().split("@")[0]
    return None if local in ("noreply", "no-reply", "guest") else value.lower()


def _number(text: str | None) -> str | None:
    digits = "".join(char for char in text or "" if char in "0123456789+")
    if len(digits) < 6 or not digits.strip("0+"):
        return None
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    bare = digits.strip("+")
    if len(set(bare)) == 1 or bare in "1234567890" or bare in "0123456789":
        return None
    return digits
