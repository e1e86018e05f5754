"""Requests as the door hands them to a dialect."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from periplus.clock import iso
from periplus.collect.wire import DIALECTS, Fate, Outcome, Reading, Refused, Reply, Request
from periplus.event import Event

RECEIVED = 1_782_910_800_000_000
"""2026-07-01T13:00:00Z."""


def request(
    address: str,
    body: Any = b"",
    method: str = "POST",
    key: str | None = None,
    received: int = RECEIVED,
    **headers: str,
) -> Request:
    """A request to an address with its query; what is no bytes goes as JSON, a key as Basic authentication."""
    parts = urlsplit(address)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {"host": "shop.example", **{name.replace("_", "-"): value for name, value in headers.items()}}
    if key is not None:
        named["authorization"] = "Basic " + b64encode(f"{key}:".encode()).decode()
    return Request(method, parts.path, parse_qsl(parts.query, keep_blank_values=True), named, raw, received)


def read(dialect: str, *args: Any, **options: Any) -> Reading:
    return DIALECTS[dialect].read(request(*args, **options))


def message(dialect: str, *args: Any, **options: Any) -> dict[str, Any]:
    """The only message of a request."""
    (found,) = read(dialect, *args, **options).messages
    assert not isinstance(found, Refused), found
    return found


def event(dialect: str, *args: Any, **options: Any) -> Event:
    """The event that the only message of a request becomes."""
    return Event.from_segment(message(dialect, *args, **options), RECEIVED)


def fates(reading: Reading) -> list[Outcome]:
    """What the pipeline would make of a reading, were there nothing to object to."""
    return [
        Outcome(Fate.REJECTED, one.reason, one.message)
        if isinstance(one, Refused)
        else Outcome(Fate.ACCEPTED)
        for one in reading.messages
    ]


def answer(dialect: str, *args: Any, **options: Any) -> Reply:
    """The reply to a request, all of whose readable messages were accepted."""
    sent = request(*args, **options)
    spoken = DIALECTS[dialect]
    reading = spoken.read(sent)
    return spoken.reply(sent, reading, fates(reading))


def said(reply: Reply) -> Any:
    return json.loads(reply.body)


def timed(moment: int) -> str:
    return iso(moment)
