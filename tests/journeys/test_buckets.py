"""Calendar buckets: clock changes, odd offsets, week starts, and the labels people read."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from periplus import clock
from periplus.errors import QuestionError
from periplus.journeys.buckets import covering

ATHENS = ZoneInfo("Europe/Athens")


def at(text: str, zone: str = "UTC") -> int:
    return clock.instant(text, ZoneInfo(zone))


def labels(kind, zone, first, last, week="monday"):
    found = covering(kind, ZoneInfo(zone), week, at(first, zone), at(last, zone))
    return [found.label(index) for index in range(len(found))]


def test_days_of_a_clock_change_have_23_and_25_hours():
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        found = covering("day", ATHENS, "monday", at(day, "Europe/Athens"), at(day, "Europe/Athens"))
        assert np.diff(found.edges).tolist() == [hours * clock.UNITS["h"]]


def test_an_hour_that_comes_twice_is_two_buckets():
    assert labels("hour", "Europe/Athens", "2026-10-25T02:00", "2026-10-25T05:00") == [
        "2026-10-25T02:00+03:00", "2026-10-25T03:00+03:00", "2026-10-25T03:00+02:00",
        "2026-10-25T04:00+02:00", "2026-10-25T05:00+02:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "zone", ["Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca"]
)
def test_hours_are_found_as_by_going_through_the_minutes(zone):
    """A local hour begins at each minute that is a full one, or that another offset makes one."""
    first, last = at("1986-01-01"), at("1987-12-31")
    found = covering("hour", ZoneInfo(zone), "monday", first, last)
    minutes = np.arange(found.edges[0], found.edges[-1] + 1, clock.UNITS["m"] * 15)
    local = [(clock.EPOCH + timedelta(microseconds=int(each))).astimezone(ZoneInfo(zone)) for each in minutes]
    full = [int(minute) for minute, moment in zip(minutes, local, strict=True) if moment.minute == 0]
    assert len(set(full) ^ set(found.edges.tolist())) <= 8  # about changes of half an hour or less


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC"])
def test_hours_begin_at_local_hours_whatever_the_offset(zone):
    first, last = at("2026-01-01"), at("2026-12-31")
    found = covering("hour", ZoneInfo(zone), "monday", first, last)
    assert found.edges[0] <= first < found.edges[1]
    assert found.edges[-2] <= last < found.edges[-1]
    for low, high in pairwise(found.edges.tolist()):
        assert 0 < high - low <= 2 * clock.UNITS["h"]
    local = [
        (clock.EPOCH + timedelta(microseconds=int(edge))).astimezone(ZoneInfo(zone)) for edge in found.edges
    ]
    assert sum(moment.minute != 0 for moment in local) <= 2  # at Lord Howe's half-hour changes


def test_weeks_begin_when_the_workspace_says():
    assert labels("week", "UTC", "2026-07-01", "2026-07-01") == ["2026-06-29"]
    assert labels("week", "UTC", "2026-07-01", "2026-07-01", "sunday") == ["2026-06-28"]
    assert labels("week", "UTC", "2026-07-01", "2026-07-01", "saturday") == ["2026-06-27"]


def test_months_quarters_and_years():
    assert labels("month", "UTC", "2025-12-31T23:59", "2026-02-01") == [
        "2025-12-01",
        "2026-01-01",
        "2026-02-01",
    ]
    assert labels("quarter", "UTC", "2026-05-05", "2026-07-01") == ["2026-04-01", "2026-07-01"]
    assert labels("year", "UTC", "2025-12-31", "2026-01-01") == ["2025-01-01", "2026-01-01"]


def test_a_day_whose_midnight_is_skipped_keeps_its_name():
    # In Cairo clocks went from 00:00 to 01:00 on the last Friday of April 2026.
    assert labels("day", "Africa/Cairo", "2026-04-24T12:00", "2026-04-24T12:00") == ["2026-04-24"]


def test_times_fall_into_the_bucket_whose_edges_hold_them():
    found = covering("day", ZoneInfo("UTC"), "monday", at("2026-01-01"), at("2026-01-03"))
    times = np.array([at("2025-12-31T23:59:59"), at("2026-01-01"), at("2026-01-03T23:59"), at("2026-01-04")])
    assert found.of(times).tolist() == [-1, 0, 2, 3]


def test_too_many_buckets_and_the_end_of_the_calendar_are_said():
    with pytest.raises(QuestionError, match="100,000 buckets"):
        covering("hour", ZoneInfo("UTC"), "monday", at("1990-01-01"), at("2026-01-01"))
    with pytest.raises(QuestionError, match="calendar ends"):
        covering(
            "year",
            ZoneInfo("UTC"),
            "monday",
            at("9999-12-01"),
            clock.micros(datetime(9999, 12, 31, tzinfo=clock.UTC)),
        )
