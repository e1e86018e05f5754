"""Values that are times: which texts are, how they compare, in memory and in SQL. docs/conditions.md has the rules.

A text such as `2026-07-01`, `2026-07-01 13:00`, `2026-07-01T13:00:00.5Z` or `…+03:00` is a time; a bare date is its
midnight. One with an offset is an instant and is compared with instants; one without is what a clock on the wall shows,
and is compared with what the clock in the workspace's zone shows at that instant. So neither reading has to guess what
an hour means that the clock shows twice, or never.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from periplus import clock
from periplus.store.columns import UTC, quote_text, unquoted

__all__ = ["ABSOLUTE", "HINT", "OPERATORS", "RELATIVE", "UTC", "absolute", "lies", "relative", "time_of"]
ABSOLUTE = ("before", "after", "between")
RELATIVE = ("within", "ahead")
"""`within`: in the time before the event, and at it; `ahead`: in the time after it, and at it."""
OPERATORS = (*ABSOLUTE, *RELATIVE)
HINT = "Write a date such as '2026-07-01', or a time such as '2026-07-01T13:00:00Z'."

_DATE = r"(?:19|20|21|22)[0-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,9})?)?"
_OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])"
_TIME = re.compile(f"({_DATE})(?:({_CLOCK})({_OFFSET})?)?")
IS_TIME = f"{_DATE}(?:{_CLOCK}{_OFFSET}?)?"
"""Which texts are times, to Python's `re` and to RE2 alike; a day that its month lacks is none all the same."""
MINUTE, DAY = 60_000_000, 86_400_000_000
_FIRST, _LAST = datetime(1970, 1, 1), datetime(2200, 1, 2)


class Time(NamedTuple):
    """Microseconds since 1970 of what a clock shows, and of the instant it is (None: it has no offset)."""

    wall: int
    instant: int | None


class Bounds(NamedTuple):
    """Between which moments a time must lie, `since` in, `until` out; None: no bound. Both as the wall shows them, and
    as instants."""

    since: Time | None
    until: Time | None


@lru_cache(maxsize=4096)
def time_of(text: str) -> Time | None:
    """The time a text is; None where it is none.

    >>> time_of("1970-01-02"), time_of("1970-01-01T02:00:00.5+02:00")
    (Time(wall=86400000000, instant=None), Time(wall=7200500000, instant=500000))
    """
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    date, hours, offset = match.groups()
    try:
        day = datetime(int(date[:4]), int(date[5:7]), int(date[8:]))
    except ValueError:
        return None
    wall = (day - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    if hours:
        wall += (int(hours[1:3]) * 60 + int(hours[4:6])) * MINUTE + int(hours[7:9] or 0) * 1_000_000
        wall += int(hours[10:16].ljust(6, "0"))
    if offset is None:
        return Time(wall, None)
    return Time(wall, wall - _offset(offset))


def bound(text: str, zone: ZoneInfo) -> Time:
    """A moment that a condition names, both ways; without an offset it is that of the zone's clock."""
    said = time_of(text)
    assert said is not None
    if said.instant is None:
        return Time(said.wall, clock.instant(text, zone))
    return Time(said.instant + shift(said.instant, zone), said.instant)


def absolute(operator: str, operands: tuple[str, ...], zone: ZoneInfo) -> Bounds:
    """The bounds of `before`, `after` and `between`; of the last one an empty text is no bound."""
    ends = [bound(text, zone) if text else None for text in operands]
    if operator == "before":
        return Bounds(None, ends[0])
    if operator == "after":
        return Bounds(ends[0], None)
    return Bounds(ends[0], ends[1])


def relative(operator: str, length: int, moment: int, zone: ZoneInfo) -> Bounds:
    """The bounds of `within` and `ahead` around the event's time; both its ends are in."""
    wall = moment + shift(moment, zone)
    low, high = (-length, 0) if operator == "within" else (0, length)
    return Bounds(Time(wall + low, moment + low), Time(wall + high + 1, moment + high + 1))


def lies(value: object, bounds: Bounds) -> bool:
    """Whether a value is a time within bounds."""
    said = time_of(value) if isinstance(value, str) else None
    if said is None:
        return False

    def met(low: int | None, high: int | None, at: int) -> bool:
        return (low is None or at >= low) and (high is None or at < high)

    since, until = bounds
    if said.instant is None:
        return met(since and since.wall, until and until.wall, said.wall)
    return met(since and since.instant, until and until.instant, said.instant)


def shift(moment: int, zone: ZoneInfo) -> int:
    """By how many microseconds the zone's clock is ahead of UTC at an instant."""
    edges, shifts = changes(zone)
    return shifts[bisect_right(edges, moment)]


@lru_cache(maxsize=32)
def changes(zone: ZoneInfo) -> tuple[list[int], list[int]]:
    """The instants from 1970 to 2200 at which a zone's clock is put on or back, and by how much it is ahead of UTC
    before the first and from each of them on."""

    def at(moment: int) -> int:
        local = (clock.EPOCH + timedelta(microseconds=moment)).astimezone(zone)
        return (local.utcoffset() or timedelta(0)) // timedelta(microseconds=1)

    edges: list[int] = []
    shifts = [at(0)]
    moment, end = 0, (_LAST - _FIRST) // timedelta(microseconds=1)
    while moment < end:
        following = moment + DAY
        if at(following) != shifts[-1]:
            low, high = moment, following
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if at(middle) == shifts[-1] else (low, middle)
            edges.append(high)
            shifts.append(at(high))
        moment = following
    return edges, shifts


def _offset(text: str) -> int:
    if text == "Z":
        return 0
    digits = text[1:].replace(":", "")
    length = (int(digits[:2]) * 60 + int(digits[2:])) * MINUTE
    return -length if text[0] == "-" else length


# -- in SQL -----------------------------------------------------------------------------------------

Bind = Callable[[object], str]
_EVENT = '"time"'


def absolute_sql(bounds: Bounds, kind: str, value: str, bind: Bind) -> str:
    """Whether a value of a column of some kind is a time within bounds."""

    def met(place: int) -> Callable[[str], str]:
        def test(at: str) -> str:
            parts = []
            if bounds.since is not None:
                parts.append(f"{at} >= {bind(bounds.since[place])}")
            if bounds.until is not None:
                parts.append(f"{at} < {bind(bounds.until[place])}")
            return " AND ".join(parts) or "true"

        return test

    return _compared(kind, value, met(0), met(1))


def relative_sql(operator: str, length: int, zone: ZoneInfo, kind: str, value: str, bind: Bind) -> str:
    """Whether a value is a time in the stretch before, or after, the event's own."""
    low, high = (length, 0) if operator == "within" else (0, length)

    def met(moment: str) -> Callable[[str], str]:
        return lambda at: f"{at} >= {moment} - {bind(low)} AND {at} <= {moment} + {bind(high)}"

    edges, shifts = changes(zone)
    wall = f"({_EVENT} + {bind(shifts[0])})"
    if edges:
        place = f"len(list_filter({bind(edges)}::BIGINT[], lambda c: c <= {_EVENT}))"
        wall = f"({_EVENT} + list_extract({bind(shifts)}::BIGINT[], 1 + {place}))"
    return _compared(kind, value, met(wall), met(_EVENT))


def _compared(kind: str, value: str, of_wall: Callable[[str], str], of_instant: Callable[[str], str]) -> str:
    """SQL of two tests of a time: of what the wall shows where it has no offset, else of the instant."""
    if kind not in ("VARCHAR", "JSON"):
        return "false"
    text = value if kind == "VARCHAR" else f"CASE WHEN starts_with({value}, '\"') THEN {unquoted(value)} END"
    day = "epoch_us(CAST(TRY_CAST(left(t, 10) AS DATE) AS TIMESTAMP))"
    hours = (
        "CASE WHEN length(t) > 10 THEN CAST(substr(t, 12, 2) AS BIGINT) * 3600000000"
        " + CAST(substr(t, 15, 2) AS BIGINT) * 60000000"
        " + coalesce(TRY_CAST(substring(regexp_extract(t, '^.{16}:([0-9]{2})', 1), 1, 2) AS BIGINT), 0) * 1000000"
        " + CAST(rpad(left(regexp_extract(t, '[.]([0-9]+)', 1), 6), 6, '0') AS BIGINT) ELSE 0 END"
    )
    offset = "regexp_extract(t, '[0-9](Z|[+-][0-9]{2}:?[0-9]{2})$', 1)"
    length = (
        f"CASE WHEN {offset} = 'Z' THEN 0 ELSE (CASE WHEN {offset}[1] = '-' THEN -1 ELSE 1 END) * "
        f"(CAST(substr({offset}, 2, 2) AS BIGINT) * 60 + CAST(right({offset}, 2) AS BIGINT)) * 60000000 END"
    )
    wall = f"({day} + {hours})"
    # A bare date ends in something that looks like an offset.
    test = (
        f"CASE WHEN length(t) = 10 OR {offset} = '' THEN {of_wall(wall)} "
        f"ELSE {of_instant(f'({wall} - ({length}))')} END"
    )
    whole = f"CASE WHEN regexp_full_match(t, {quote_text(IS_TIME)}) THEN {test} END"
    return f"list_contains(list_transform([{text}], lambda t: {whole}), true)"
