"""Buckets of time as obviously as possible, for the oracles: the calendar asked day by day, sharing no code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def name(time: int, bucket: str, zone: str) -> str:
    """The label of the bucket that a time falls in; weeks begin on Monday."""
    local = (EPOCH + timedelta(microseconds=time)).astimezone(ZoneInfo(zone))
    day = local.date()
    if bucket == "hour":
        return local.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")
    if bucket == "week":
        while day.weekday() != 0:
            day -= timedelta(days=1)
    if bucket in ("month", "quarter", "year"):
        day = day.replace(day=1)
    if bucket == "quarter":
        while day.month not in (1, 4, 7, 10):
            day = (day - timedelta(days=1)).replace(day=1)
    if bucket == "year":
        day = day.replace(month=1)
    return day.isoformat()


def between(first: int, last: int, bucket: str, zone: str) -> list[str]:
    """The labels of all buckets from one time to another, found by walking an hour at a time."""
    found: dict[str, None] = {}
    step = 900 if bucket == "hour" else 3600
    time = first
    while time <= last:
        found[name(time, bucket, zone)] = None
        time += step * 1_000_000
    found[name(last, bucket, zone)] = None
    return list(found)


def spread(events: list[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    """The events with each second of theirs made `step` seconds long."""
    return [event | {"time": event["time"] * step} for event in events]
