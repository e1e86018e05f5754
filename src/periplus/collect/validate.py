"""Whether a message can become an event: what `Event.from_segment` accepts, and nothing else, only faster.

Nearly every message is plain: one conversion in C says that its fields are of the right kinds. What that
does not accept is asked of `from_segment`, whose reasons are the ones that are told. A message that passes
leaves with its time as a moment in UTC, corrected by how much the sender's clock is off.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from periplus import clock
from periplus.collect.times import EARLIEST, LATEST
from periplus.errors import InputError, PeriplusError
from periplus.event import MAX_DEPTH, REASONS, Event

SKEW_FROM, SKEW_TO = 5 * clock.SECOND, 30 * clock.UNITS["d"]
"""By how much a sender's clock must be off, and may at most be, for times to be corrected.

Less is the time a request takes to arrive; more is a message that was kept and sent again, with the time
at which it was sent first.
"""
_LONGEST = len("2026-07-01T13:00:00.123456Z")
_Id = str | int | None


class _Plain(msgspec.Struct, gc=False):
    """The fields of a message by their kinds; stricter than `from_segment`, never laxer."""

    type: Literal["track", "page", "screen", "identify", "group", "alias"] = "track"
    event: str | None = None
    timestamp: datetime | None = None
    userId: _Id = None  # noqa: N815
    anonymousId: _Id = None  # noqa: N815
    previousId: _Id = None  # noqa: N815
    messageId: _Id = None  # noqa: N815
    groupId: _Id = None  # noqa: N815
    channel: str | None = None
    department: str | None = None
    original: str | None = None
    properties: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    traits: dict[str, Any] | None = None


def skew(sent_at: str | int | None, received: int, zone: ZoneInfo) -> int:
    """Microseconds by which the sender's clock is behind ours, 0 where it is right, unknown, or absurd."""
    if sent_at is None:
        return 0
    try:
        off = received - clock.instant(sent_at, zone)
    except (PeriplusError, ValueError, OverflowError):
        return 0
    return off if SKEW_FROM <= abs(off) <= SKEW_TO else 0


def validate(message: dict[str, Any], received: int, zone: ZoneInfo, off: int) -> bytes:
    """The message as JSON, its `timestamp` set; raises InputError with a code of `event.REASONS`.

    A time without an offset is in `zone`; `off` is the sender's `skew`. `source` and `receivedAt` are not
    the sender's to say.
    """
    message.pop("source", None)
    message.pop("receivedAt", None)
    try:
        plain = msgspec.convert(message, _Plain)
    except (msgspec.ValidationError, RecursionError):
        plain = None
    if plain is None or (plain.type == "track" and not (plain.event and plain.event.strip())):
        event = _judged(message, received, zone)
        _set_time(message, event.time if message.get("timestamp") is None else event.time + off)
    elif (moment := plain.timestamp) is None:
        _set_time(message, received)
    elif off or not _is_plain(message["timestamp"]):
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        _set_time(message, clock.micros(aware) + off)
    try:
        text = msgspec.json.encode(message)
    except RecursionError:
        raise _too_deep() from None
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH:
        _judged(message, received, zone)
    return text


def _is_plain(timestamp: str) -> bool:
    """Whether a time, known to be ISO 8601, is in UTC and of this century, as nearly all are."""
    return timestamp.startswith("20") and timestamp.endswith("Z") and len(timestamp) <= _LONGEST


def _set_time(message: dict[str, Any], time: int) -> None:
    if not EARLIEST <= time <= LATEST:
        raise InputError(
            "'timestamp' is outside the years 1970 to 2200.", code="bad_time", hint=REASONS["bad_time"]
        )
    message["timestamp"] = clock.iso(time)


def _judged(message: dict[str, Any], received: int, zone: ZoneInfo) -> Event:
    try:
        return Event.from_segment(message, received, zone)
    except RecursionError:
        raise _too_deep() from None


def _too_deep() -> InputError:
    return InputError("The message is nested too deeply.", code="too_deep", hint=REASONS["too_deep"])
