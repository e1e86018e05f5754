"""The replies that several dialects share: JSON, an image of nothing, and what was refused, by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from periplus.collect.wire import Fate, Outcome, Reply

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00"
    b",\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
"""A transparent image of one pixel."""
MOST_NAMED = 100
"""Refused messages that a reply names."""


def answered(document: Any, status: int = 200) -> Reply:
    """A document as JSON."""
    return Reply(status, msgspec.json.encode(document))


def pixel(status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """The image that beacons ask for; never kept by a cache."""
    return Reply(status, PIXEL, "image/gif", {"Cache-Control": "no-store", **(headers or {})})


def error(status: int, code: str, message: str) -> Reply:
    """A refusal as the Segment clients read it."""
    return answered({"success": False, "code": code, "message": message}, status)


def rejected(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The place, reason and message of those that were rejected, the first hundred."""
    found = [
        {"index": place, "reason": outcome.reason, "message": outcome.message}
        for place, outcome in enumerate(outcomes)
        if outcome.fate is Fate.REJECTED
    ]
    return found[:MOST_NAMED]


def all_rejected(outcomes: Sequence[Outcome]) -> bool:
    """Whether there were messages, and every one of them was rejected."""
    return bool(outcomes) and all(outcome.fate is Fate.REJECTED for outcome in outcomes)
