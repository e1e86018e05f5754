"""A refused message read once more: by the dialect it came in, where what was kept of it is enough for that.

A reject says in which form its payload stands: `ga4` is what the client sent, `ga4>segment` what that dialect had
read in it before another step refused it. For Segment's own dialect both are the same.
"""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from periplus.collect.lenient import decoded
from periplus.collect.outline import Sent
from periplus.collect.wire import DIALECTS, Reading, Refused
from periplus.errors import InputError

HOUSE = "segment"
"""The dialect whose form is the house's own."""
_READ = f">{HOUSE}"
NOT_KEPT = "not kept in a form that can be sent again"


class Rereading(Protocol):
    """What a dialect has besides whose messages can be read without the request they came in."""

    def again(self, payload: dict[str, Any], received: int) -> Reading:
        """The one message of a payload, received at a time in microseconds; raises InputError where it is none."""
        ...


def form(dialect: str) -> str:
    """How a reject names the form of a message that its dialect had read.

    >>> form("ga4"), form("segment")
    ('ga4>segment', 'segment')
    """
    return dialect if dialect == HOUSE else dialect + _READ


def reread(form: str, payload: bytes, received: int) -> tuple[str, dict[str, Any]]:
    """The dialect and the message of a payload that was kept whole; raises InputError, which says why it cannot be sent."""
    try:
        message = decoded(payload)
    except (InputError, msgspec.DecodeError):
        message = None
    name = form.removesuffix(_READ)
    if not isinstance(message, dict):
        raise InputError(NOT_KEPT)
    if form.endswith(_READ) or name == HOUSE:
        return name, message
    dialect: Any = DIALECTS[name]
    if not hasattr(dialect, "again"):
        raise InputError(
            f"{NOT_KEPT}: what {dialect.title} sends says too little without the request around it"
        )
    (read,) = dialect.again(message, received).messages
    if isinstance(read, Refused):
        raise InputError(f"rejected: {read.reason}")
    return name, read.document() if isinstance(read, Sent) else read
