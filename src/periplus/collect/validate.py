"""Whether a message can become an event: what `Event.from_segment` accepts, and nothing else, only faster.

Nearly every message is plain: its outline, read in C, says that its fields are of the right kinds. What that
does not accept is asked of `from_segment`, whose reasons are the ones that are told. A message that passes
leaves with its time as a moment in UTC, corrected by how much the sender's clock is off.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from periplus import clock
from periplus.collect.outline import Outline, Sent, outlined
from periplus.collect.times import EARLIEST, LATEST
from periplus.errors import InputError, PeriplusError
from periplus.event import MAX_DEPTH, REASONS, Event

SKEW_FROM, SKEW_TO = 5 * clock.SECOND, 30 * clock.UNITS["d"]
"""By how much a sender's clock must be off, and may at most be, for times to be corrected.

Less is the time a request takes to arrive; more is a message that was kept and sent again, with the time
at which it was sent first.
"""
_TIME = r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?(?:Z|\+00:00)"
_plain_time = re.compile(rf"20[0-9]{{2}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8]){_TIME}").fullmatch
"""ISO 8601 in UTC and of this century, as nearly all times are, of a day that every month has."""
_late_time = re.compile(rf"20[0-9]{{2}}-(?:0[1-9]|1[0-2])-(?:29|30|31){_TIME}").fullmatch


def skew(sent_at: str | int | None, received: int, zone: ZoneInfo) -> int:
    """Microseconds by which the sender's clock is behind ours, 0 where it is right, unknown, or absurd."""
    if sent_at is None:
        return 0
    try:
        off = received - clock.instant(sent_at, zone)
    except (PeriplusError, ValueError, OverflowError):
        return 0
    return off if SKEW_FROM <= abs(off) <= SKEW_TO else 0


def validate(message: dict[str, Any] | Sent, received: int, zone: ZoneInfo, off: int) -> bytes:
    """The message as JSON, its `timestamp` set; raises InputError with a code of `event.REASONS`.

    A time without an offset is in `zone`; `off` is the sender's `skew`. `source` and `receivedAt` are not
    the sender's to say. A message that needs no change stays as it came; another is changed in place.
    """
    if isinstance(message, Sent):
        if not off and is_ready(message):
            return message.text
        message = message.document()
    return _written(message, received, zone, off)


def is_ready(sent: Sent) -> bool:
    """Whether a message can become an event as it came, from a sender whose clock is right."""
    outline, text = sent.outline, sent.text
    return (
        outline.timestamp is not None
        and (_plain_time(outline.timestamp) is not None or _is_plain(outline.timestamp))
        and _is_valid(outline)
        and text.count(b"{") + text.count(b"[") <= MAX_DEPTH
    )


def _written(message: dict[str, Any], received: int, zone: ZoneInfo, off: int) -> bytes:
    message.pop("source", None)
    message.pop("receivedAt", None)
    try:
        outline = outlined(message)
    except (ValueError, RecursionError):
        raise _judged(message, received, zone) from None
    if not _is_valid(outline):
        raise _judged(message, received, zone)
    at = outline.timestamp
    if at is None:
        _set_time(message, received)
    elif off or not _is_plain(at):
        try:
            time = clock.instant(at, zone)
        except (PeriplusError, ValueError, OverflowError):
            raise _judged(message, received, zone) from None
        _set_time(message, time + off)
    try:
        text = msgspec.json.encode(message)
    except RecursionError:
        raise _refused("too_deep") from None
    if _brackets(text) > MAX_DEPTH:
        _check(message, received, zone)
        if _is_deeper(message, MAX_DEPTH):  # in a field that an event has no place for
            raise _refused("too_deep")
    return text


def _is_valid(outline: Outline) -> bool:
    """What an outline does not tell by itself: a name where there must be one, an id that must be one."""
    if outline.type == "track":
        return isinstance(outline.event, str) and bool(outline.event.strip())
    return outline.type != "group" or type(outline.groupId) in (str, int, type(None))


def _is_plain(timestamp: str) -> bool:
    """Whether a time is ISO 8601 in UTC and of this century."""
    if _plain_time(timestamp) is not None:
        return True
    if _late_time(timestamp) is None:
        return False
    try:
        datetime.fromisoformat(timestamp)
    except ValueError:  # there is no such day
        return False
    return True


def _brackets(text: bytes) -> int:
    """Opening brackets: nothing lies deeper than there are of them."""
    return text.count(b"{") + text.count(b"[")


def _is_deeper(value: Any, left: int) -> bool:
    """Whether objects and lists lie more than `left` deep in an object, which `json` could write."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return left < 0 or any(_is_deeper(each, left - 1) for each in inner)


def _set_time(message: dict[str, Any], time: int) -> None:
    if not EARLIEST <= time <= LATEST:
        raise InputError(
            "'timestamp' is outside the years 1970 to 2200.", code="bad_time", hint=REASONS["bad_time"]
        )
    message["timestamp"] = clock.iso(time)


def _judged(message: dict[str, Any], received: int, zone: ZoneInfo) -> InputError:
    """Why a message that is not valid is refused, in the words of `from_segment`."""
    try:
        _check(message, received, zone)
    except InputError as problem:
        return problem
    return _refused("bad_field")


def _check(message: dict[str, Any], received: int, zone: ZoneInfo) -> None:
    try:
        Event.from_segment(message, received, zone)
    except RecursionError:
        raise _refused("too_deep") from None


def _refused(reason: str) -> InputError:
    said = "The message is nested too deeply." if reason == "too_deep" else "The message cannot be read."
    return InputError(said, code=reason, hint=REASONS[reason])
