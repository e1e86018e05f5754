"""What dialects say of single messages: refusals as data, times in any unit, ids for those that have none."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from periplus.clock import iso
from periplus.collect.wire import Refused
from periplus.errors import InputError
from periplus.event import REASONS

Message = dict[str, Any]
MOST_MESSAGES = 20_000
"""Messages of one request."""
LAST = 7_258_118_400
"""The year 2200 in seconds: a time from there on is a mistake."""
SECRETS = frozenset({"token", "$token", "api_key", "api_secret", "writeKey"})
"""Names under which clients put their key: it stays out of what is kept of a refused message."""


def each(items: Sequence[Any], translate: Callable[[dict[str, Any]], Message]) -> list[Message | Refused]:
    """Every item translated; one that is no object, or that `translate` raises InputError for, as a refusal.

    Raises InputError (`too_many`) for more than a request may have, of whatever kind they are.
    """
    if len(items) > MOST_MESSAGES:
        raise too_many()
    found: list[Message | Refused] = []
    for item in items:
        try:
            if not isinstance(item, dict):
                raise refused("not_an_object", "The message is not an object.")
            found.append(translate(item))
        except InputError as problem:
            found.append(Refused(problem.code, str(problem), without_secrets(item)))
    return found


def too_many() -> InputError:
    """The error of a request with more messages than one may have; nothing of it is taken."""
    return InputError(
        f"More than {MOST_MESSAGES:,} messages in one request.",
        code="too_many",
        hint="Send them in several requests.",
    )


def refused(reason: str, message: str, hint: str | None = None) -> InputError:
    """The error of one message; `reason` is one of `event.REASONS`, whose hint holds unless another is given."""
    return InputError(message, code=reason, hint=REASONS[reason] if hint is None else hint)


def without_secrets(item: Any) -> Any:
    """The item without the keys of `SECRETS`, its own and those of its properties."""
    if not isinstance(item, dict):
        return item
    plain = {name: value for name, value in item.items() if name not in SECRETS}
    properties = plain.get("properties")
    if isinstance(properties, dict):
        plain["properties"] = {name: value for name, value in properties.items() if name not in SECRETS}
    return plain


def part(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The object under `name`, empty where there is none; raises `not_an_object` for anything else."""
    value = item.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise refused("not_an_object", f"{name!r} is not an object.")
    return value


def name_of(item: Mapping[str, Any], field: str = "event") -> str:
    """The name of an event; raises `no_event_name` where there is none."""
    name = item.get(field)
    if not isinstance(name, str) or not name.strip():
        raise refused("no_event_name", "The message has no event name.", f"Name the event in `{field}`.")
    return name


def iso_time(value: Any, field: str) -> str | None:
    """A time as ISO 8601: a number by its size (`micros`); text is a time already, or will be refused later.

    >>> iso_time(1782910800, "time"), iso_time("2026-07-01", "time")
    ('2026-07-01T13:00:00Z', '2026-07-01')
    """
    if isinstance(value, str) and (value[4:5] == "-" or _number(value) is None):
        return value or None
    at = micros(value, field)
    return None if at is None else iso(at)


def micros(value: Any, field: str) -> int | None:
    """A number, or the text of one, as microseconds: seconds, milliseconds or microseconds by its size.

    None where there is none; raises `bad_time` for anything else, and for times outside 1970 to 2200.

    >>> micros(1782910800, "time") == micros("1782910800000", "time") == micros(1782910800000000.0, "time")
    True
    """
    if value is None or value == "":
        return None
    number = _number(value)
    if number is None:
        raise refused("bad_time", f"{field!r} is not a time.")
    scale = 1_000_000 if number < 1e11 else 1_000 if number < 1e14 else 1
    if not 0 <= number * scale < LAST * 1_000_000:
        raise refused("bad_time", f"{field!r} is outside the years 1970 to 2200.")
    return round(number * scale)


def _number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        text = value.strip()
        if len(text) > 30 or not text.replace(".", "", 1).isdecimal() or not text.isascii():
            return None
        return float(text) if "." in text else int(text)
    if isinstance(value, float) and math.isfinite(value):
        return value
    return None


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without nulls, empty texts and objects in which nothing is left; for objects of our own making, never deep.

    >>> known({"a": None, "b": {"c": ""}, "d": 0})
    {'d': 0}
    """
    kept = {name: known(value) if isinstance(value, dict) else value for name, value in values.items()}
    return {name: value for name, value in kept.items() if value is not None and value != "" and value != {}}


class Ids:
    """Ids for the messages of one request that bring none: a hash of the content, within the second.

    A message sent again gives the same id if it says its own time, or comes within the second of receipt.
    Equal messages of one request are told apart by how many equal ones came before.
    """

    def __init__(self, dialect: str, received: int) -> None:
        self.dialect = dialect
        self.second = received // 1_000_000
        self._seen: dict[str, int] = {}

    def of(self, content: Any, timed: bool) -> str:
        """The id of a content; `timed` says that its own time is in it. Raises `too_deep`."""
        try:
            said = msgspec.json.encode((content, None if timed else self.second), order="deterministic")
        except RecursionError:
            raise refused("too_deep", "The message is nested too deeply.") from None
        hashed = hashlib.md5(said, usedforsecurity=False).hexdigest()
        before = self._seen.get(hashed, 0)
        self._seen[hashed] = before + 1
        return f"{self.dialect}:{hashed}" if before == 0 else f"{self.dialect}:{hashed}:{before}"
