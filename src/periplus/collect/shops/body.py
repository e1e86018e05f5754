"""Reading somebody else's JSON, in which any field may be missing or of any kind.

Every reader gives the value in the form asked for, or nothing: a damaged field costs itself, not the event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from periplus.clock import instant as instant_of
from periplus.clock import iso
from periplus.clock import zone as zone_of
from periplus.errors import InputError, QuestionError
from periplus.money import decimal

LONGEST_TEXT = 2000
MOST_ENTRIES = 1000
"""Entries of one list that are read: an order of more lines than this is no order of a shop."""
LAST = 7_258_118_400_000_000
"""The year 2200: times before 1970 or from here on are mistakes."""
UTC = zone_of("UTC")


def decoded(raw: bytes) -> Any:
    """The JSON of a body; raises InputError (`malformed`) where it is none."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as problem:
        raise InputError(
            f"The body is not JSON: {problem}.",
            code="malformed",
            hint="Send it as the shop system writes it, whole.",
        ) from None


def whole(raw: bytes) -> Mapping[str, Any]:
    """The JSON object of a body; raises InputError (`malformed`) where it is none."""
    body = decoded(raw)
    if not isinstance(body, dict):
        raise InputError(
            "The body is not a JSON object.", code="malformed", hint="Send one object a request."
        )
    return body


def part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`, or an empty one."""
    value = body.get(name)
    return value if isinstance(value, Mapping) else {}


def entries(body: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    """The objects of the list under `name`, as many as are read at all."""
    value = body.get(name)
    for entry in value[:MOST_ENTRIES] if isinstance(value, list) else ():
        if isinstance(entry, Mapping):
            yield entry


def text(body: Mapping[str, Any], *names: str) -> str | None:
    """The first text or whole number under these names, as text without surrounding space."""
    for name in names:
        value = body.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**40:
            value = str(value)
        if isinstance(value, str) and (short := value.strip()[:LONGEST_TEXT]):
            return short
    return None


def identifier(body: Mapping[str, Any], *names: str) -> str | None:
    """As `text`; zero, which shop systems write for nobody, is nothing."""
    for name in names:
        found = text(body, name)
        if found is not None and found.strip("0"):
            return found
    return None


def amount(value: Any) -> float | str | None:
    """A decimal number as it was written: a float where that is exact, else its text; None if it is none.

    >>> amount("59.90"), amount(3), amount("0.1000000000000000055"), amount("free")
    (59.9, 3.0, '0.1000000000000000055', None)
    """
    exact = decimal(value.strip() if isinstance(value, str) else value)
    if exact is None:
        return None
    near = float(exact)
    return near if decimal(near) == exact else str(exact)


def count(value: Any) -> int | None:
    """A whole number, also where it is written as text."""
    exact = decimal(value)
    return (
        int(exact)
        if exact is not None and exact == exact.to_integral_value() and abs(exact) < 2**53
        else None
    )


def moment(value: Any) -> str | None:
    """An ISO time (without an offset: UTC) as ISO in UTC; None where it is none or outside 1970 to 2200.

    >>> moment("2026-03-02 14:00:00 +0200"), moment("2026-03-02T14:00:00"), moment("soon, I hope")
    ('2026-03-02T12:00:00Z', '2026-03-02T14:00:00Z', None)
    """
    if not isinstance(value, str) or not 8 <= len(value.strip()) <= 40:
        return None
    written = value.strip()
    if written[-6:-4] in (" +", " -"):  # Ecwid's `2026-03-02 14:00:00 +0000`
        written = written[:-6] + written[-5:]
    try:
        at = instant_of(written, UTC)
    except (QuestionError, ValueError, OverflowError):
        return None
    return iso(at) if 0 <= at < LAST else None


def seconds(value: Any) -> str | None:
    """Whole seconds since 1970 as ISO in UTC."""
    at = count(value)
    return iso(at * 1_000_000) if at is not None and 0 <= at * 1_000_000 < LAST else None


def flag(value: Any) -> bool | None:
    """A truth value; None where it is none."""
    return value if isinstance(value, bool) else None
