"""What a value of an event is to a comparison: its text, its number, its truth. The rules both readings obey.

A *slot* is one value that a path leads to: the value itself, or one for each element of a list on the
way. docs/conditions.md has the rules as a table.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from periplus.store.columns import INTEGER_TEXT, NUMBER_TEXT

INT64 = range(-(2**63), 2**63)
MISSING = None
_NUMBER = re.compile(NUMBER_TEXT)
_INTEGER = re.compile(INTEGER_TEXT)


def text_of(value: object) -> str | None:
    """The text form: NFC; whole numbers without a decimal point; None for lists, objects and nothing.

    >>> text_of(5.0), text_of(0.1), text_of(True), text_of([1])
    ('5', '0.1', 'true', None)
    """
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    number = number_of(value) if isinstance(value, int | float) else None
    if isinstance(number, float) and number.is_integer() and int(number) in INT64:
        number = int(number)
    return None if number is None else repr(number)


def number_of(value: object) -> int | float | None:
    """The number: exact as int64, else as a double; also of a text that is one. None where there is none.

    >>> number_of("007"), number_of("1e3"), number_of(" 12"), number_of(True)
    (7, 1000.0, None, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if value in INT64 else _double(value)
    if isinstance(value, float):
        return _double(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        if _INTEGER.fullmatch(value) and int(value) in INT64:
            return int(value)
        return _double(value)
    return None


def truth_of(value: object) -> bool | None:
    """True and false, also as the texts "true" and "false"."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value) if isinstance(value, str) else None


def slots(event: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Any]:
    """The values a path leads to in an event; None for each place where it leads nowhere.

    Outside lists an object without any leaf is nothing (the store keeps leaves only). An element that
    is itself a list is not looked into.
    """
    value: Any = event
    for place, key in enumerate(path):
        if isinstance(value, list | tuple):
            yield from _within(value, path[place:])
            return
        value = value.get(key) if isinstance(value, Mapping) else MISSING
        if value is MISSING:
            break
    if isinstance(value, list | tuple):
        yield from _within(value, ())
    else:
        yield value if not isinstance(value, Mapping) or _has_leaf(value) else MISSING


def _within(elements: list[Any] | tuple[Any, ...], path: tuple[str, ...]) -> Iterator[Any]:
    for element in elements:
        if not path:
            yield element
            continue
        value = element.get(path[0]) if isinstance(element, Mapping) else MISSING
        if isinstance(value, list | tuple):
            yield from _within(value, path[1:])
        else:
            yield from _within((value,), path[1:])


def _has_leaf(value: Mapping[str, Any]) -> bool:
    return not value or any(
        _has_leaf(each) if isinstance(each, Mapping) else each is not None and number_is_finite(each)
        for each in value.values()
    )


def number_is_finite(value: object) -> bool:
    """False for NaN and infinities, which no event keeps."""
    return not isinstance(value, float) or math.isfinite(value)


def _double(value: int | float | str) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
