"""Calendar buckets: hours, days, weeks, months, quarters and years in a zone, as edges in time.

Days begin at local midnight, so one at a change of the clocks has 23 or 25 hours; an hour that the clocks
go through twice is two buckets, told apart by their offsets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np

from periplus import clock
from periplus.errors import QuestionError

Bucket = Literal["hour", "day", "week", "month", "quarter", "year"]
MOST = 100_000
"""Buckets one question may have."""
HOUR, DAY = clock.UNITS["h"], clock.UNITS["d"]
WEEKDAYS = {"monday": 0, "saturday": 5, "sunday": 6}


@dataclass(frozen=True)
class Buckets:
    """Consecutive buckets: bucket i is edges[i] <= time < edges[i + 1] (`edges` int64[n + 1], microseconds UTC)."""

    kind: Bucket
    zone: ZoneInfo
    edges: np.ndarray

    def __len__(self) -> int:
        return len(self.edges) - 1

    def of(self, time: np.ndarray | int) -> np.ndarray:
        """int64: the bucket of each time; -1 before the first, n after the last."""
        return np.searchsorted(self.edges, time, "right") - 1

    def label(self, index: int) -> str:
        """The first day of a bucket, or an hour with its offset.

        >>> covering("month", ZoneInfo("UTC"), "monday", 0, 0).label(0)
        '1970-01-01'
        """
        when = clock.EPOCH + timedelta(microseconds=int(self.edges[index]))
        local = when.astimezone(self.zone)
        if self.kind == "hour":
            return local.isoformat(timespec="minutes")
        # Where midnight is skipped the day begins an hour late; it is the same day.
        return local.date().isoformat()

    @cached_property
    def labels(self) -> list[str]:
        """Of every bucket its label, in order."""
        return [self.label(index) for index in range(len(self))]


@lru_cache(maxsize=4)
def covering(kind: Bucket, zone: ZoneInfo, week_start: str, first: int, last: int) -> Buckets:
    """The buckets from the one with `first` up to the one with `last` (microseconds UTC).

    The last few are kept: a question and the lists of people behind its numbers are of the same.
    """
    try:
        edges = _hours(zone, first, last) if kind == "hour" else _days(kind, zone, week_start, first, last)
    except OverflowError:
        raise QuestionError(
            "The calendar ends before the period does.", code="time", hint="Years are 1 to 9999."
        ) from None
    return Buckets(kind, zone, np.array(edges, np.int64))


def _local(zone: ZoneInfo, time: int) -> datetime:
    return (clock.EPOCH + timedelta(microseconds=time)).astimezone(zone)


def _hours(zone: ZoneInfo, first: int, last: int) -> list[int]:
    """Starts of local hours; a step of one hour may land inside an hour where offsets change by half of one."""

    def begin(time: int) -> int:
        local = _local(zone, time)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return time - into // timedelta(microseconds=1)

    def offset(time: int) -> timedelta | None:
        return _local(zone, time).utcoffset()

    edges = [begin(first)]
    while edges[-1] <= last:
        here, tomorrow = edges[-1], edges[-1] + DAY
        if tomorrow <= last and begin(tomorrow) == tomorrow and offset(here) == offset(tomorrow):
            # No zone changes its clocks and changes them back within a day.
            edges += range(here + HOUR, tomorrow + 1, HOUR)
        else:
            after = begin(here + HOUR)
            edges.append(after if after > here else here + HOUR)
        _check(edges)
    return edges


def _days(kind: Bucket, zone: ZoneInfo, week_start: str, first: int, last: int) -> list[int]:
    day = _first_day(kind, _local(zone, first).date(), week_start)
    edges = [_midnight(day, zone)]
    while edges[-1] <= last:
        day = _next(kind, day)
        edges.append(_midnight(day, zone))
        _check(edges)
    return edges


def _midnight(day: date, zone: ZoneInfo) -> int:
    return clock.micros(datetime(day.year, day.month, day.day, tzinfo=zone))


def _first_day(kind: Bucket, day: date, week_start: str) -> date:
    """The first day of the bucket that holds a day."""
    if kind == "week":
        return day - timedelta(days=(day.weekday() - WEEKDAYS[week_start]) % 7)
    if kind == "day":
        return day
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}[kind]
    return day.replace(month=month, day=1)


def _next(kind: Bucket, day: date) -> date:
    """The first day of the bucket after the one that begins on a day."""
    if kind in ("day", "week"):
        return day + timedelta(days=1 if kind == "day" else 7)
    months = {"month": 1, "quarter": 3, "year": 12}[kind]
    month = day.month - 1 + months
    if day.year + month // 12 > 9999:
        raise OverflowError
    return day.replace(year=day.year + month // 12, month=month % 12 + 1)


def _check(edges: list[int]) -> None:
    if len(edges) > MOST:
        raise QuestionError(
            f"There would be more than {MOST:,} buckets.",
            code="too_many",
            hint="Ask for a shorter period, or larger buckets.",
        )
