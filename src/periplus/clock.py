"""Moments and durations: how they are written, and the integer microseconds they become.

Inside Periplus time is `int64` microseconds since 1970, UTC; a duration is microseconds too.
The present moment is an argument everywhere; `wall` is the one place that asks the clock.
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from periplus.errors import QuestionError, unknown

SECOND = 1_000_000
UNITS = {"s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND, "d": 86_400 * SECOND, "w": 604_800 * SECOND}
LONGEST = 1 << 60
"""The longest duration, some 36,000 years: it can be added to any time and still be an int64."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")


def wall() -> int:
    """Now, in microseconds UTC."""
    return time.time_ns() // 1000


def duration(text: str) -> int:
    """Microseconds of a written duration: a whole number and one of s, m, h, d, w.

    >>> duration("30m") // SECOND
    1800
    """
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise QuestionError(
            f"{text!r} is not a duration.",
            code="duration",
            hint="Write a whole number and one of s, m, h, d, w, such as '30m' or '14d'.",
        )
    length = int(match[1]) * UNITS[match[2]]
    if length > LONGEST:
        raise QuestionError(
            f"{text} is longer than any time.", code="duration", hint="Leave it out, or shorten it."
        )
    return length


def duration_text(micros: int) -> str:
    """The shortest writing of a duration of whole seconds.

    >>> duration_text(14 * UNITS["d"]), duration_text(90 * SECOND)
    ('2w', '90s')
    """
    for unit in ("w", "d", "h", "m", "s"):
        if micros % UNITS[unit] == 0:
            return f"{micros // UNITS[unit]}{unit}"
    raise ValueError(f"{micros} microseconds are not whole seconds")


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name; the error names the nearest ones."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        from zoneinfo import available_timezones

        message, hint, allowed = unknown("time zone", str(name), available_timezones())
        raise QuestionError(message, code="zone", hint=hint, allowed=allowed[:5]) from None


def micros(moment: datetime) -> int:
    """An aware datetime as microseconds UTC, exactly (no float in between)."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def instant(value: str | int | datetime | date, display: ZoneInfo) -> int:
    """A moment as someone writes it: an ISO time, or a bare date, which is midnight in `display`.

    A time without an offset is in `display` too. Integers are microseconds already.

    >>> instant("1970-01-02", ZoneInfo("UTC"))
    86400000000
    """
    if isinstance(value, bool):
        raise QuestionError(f"{value!r} is not a time.", code="time", hint=_TIME_HINT)
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    else:
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise QuestionError(f"{value!r} is not a time.", code="time", hint=_TIME_HINT) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=display)
    try:
        return micros(moment)
    except OverflowError:
        raise QuestionError(f"{value!r} is out of range.", code="time", hint=_TIME_HINT) from None


_TIME_HINT = "Write a date such as '2026-07-01', or a time such as '2026-07-01T13:00:00Z'."


def iso(moment: int, display: ZoneInfo | None = None) -> str:
    """Microseconds as ISO 8601, in UTC (`…Z`) or with the offset of `display`; microseconds only if any.

    >>> iso(0), iso(1)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000001Z')
    """
    when = EPOCH + timedelta(microseconds=moment)
    if display is not None:
        return when.astimezone(display).isoformat()
    return when.isoformat().replace("+00:00", "Z")
