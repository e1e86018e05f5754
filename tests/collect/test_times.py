"""Times: forms, zones, clock changes; Python's zoneinfo is the oracle for zones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.clock import iso, micros
from periplus.collect import times
from periplus.collect.times import ISO, Form
from periplus.errors import DocumentError
from periplus.store.door import connect

ZONES = [
    "UTC",
    "Europe/Athens",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/New_York",
    "Pacific/Apia",
]


CONNECTION = connect(threads=1)
SPAN = (micros(datetime(2022, 1, 1, tzinfo=UTC)), micros(datetime(2024, 1, 1, tzinfo=UTC)))


def read(text: str, form: Form = ISO, zone: str = "UTC") -> str | None:
    at = int(text[:4]) if text[:4].isdigit() and form == ISO else 2000
    span = tuple(micros(datetime(max(1970, min(at + more, 2200)), 1, 1, tzinfo=UTC)) for more in (0, 2))
    moment = times.in_range(times.utc("l", "z", zone, span))
    query = f"SELECT {moment} FROM (SELECT {times.local(form, 'x')} AS l, {times.has_offset(form, 'x')} AS z FROM (SELECT ? AS x))"
    found = CONNECTION.execute(query, [text]).fetchone()[0]
    return None if found is None else iso(found)


def why(text: str, form: Form = ISO, zone: str = "UTC", others: tuple[Form, ...] = ()) -> str | None:
    inner = (
        f"(SELECT x, {times.local(form, 'x')} AS l, {times.has_offset(form, 'x')} AS z FROM (SELECT ? AS x))"
    )
    query = f"SELECT {times.reason(form, 'x', 'l', 'o', others)} FROM (SELECT *, {times.utc('l', 'z', zone, SPAN)} AS o FROM {inner})"
    return CONNECTION.execute(query, [text]).fetchone()[0]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-07-01", "2026-07-01T00:00:00Z"), ("2026-07-01T13:00:00Z", "2026-07-01T13:00:00Z"),
        ("2026-07-01 13:00:00.5+03:00", "2026-07-01T10:00:00.500000Z"), ("2026-07-01T13:00+0300", "2026-07-01T10:00:00Z"),
        ("2026-07-01T13:00:00-03", "2026-07-01T16:00:00Z"), ("1970-01-01", "1970-01-01T00:00:00Z"), ("2200-12-31", "2200-12-31T00:00:00Z"),
        ("1969-12-31", None), ("2201-01-01", None), ("2026-02-30", None), ("2026-13-01", None), ("yesterday", None), ("epoch", None),
        ("infinity", None), ("2026-07-01 25:00", None), ("", None), ("2026-07-01 (BC)", None),
    ],
)  # fmt: skip
def test_iso(text: str, moment: str | None) -> None:
    assert read(text) == moment


@pytest.mark.parametrize(
    ("form", "text", "moment"),
    [
        (Form("unit", unit="s"), "1700000000", "2023-11-14T22:13:20Z"), (Form("unit", unit="s"), "1700000000.123456", "2023-11-14T22:13:20.123456Z"),
        (Form("unit", unit="ms"), "1700000000123", "2023-11-14T22:13:20.123000Z"), (Form("unit", unit="us"), "1538405774195002", "2018-10-01T14:56:14.195002Z"),
        (Form("unit", unit="s"), "999999999999999999", None), (Form("unit", unit="s"), "-5", None), (Form("unit", unit="s"), "1e9", None),
        (Form("format", format="%Y%m%d"), "19970101", "1997-01-01T00:00:00Z"), (Form("format", format="%d/%m/%Y %H:%M"), "3/1/2023 9:14", "2023-01-03T09:14:00Z"),
        (Form("format", format="%d/%m/%Y"), "01/02/23", None), (Form("format", format="%d.%m.%y"), "01.02.23", "2023-02-01T00:00:00Z"),
        (Form("format", format="%Y-%m-%dT%H:%M:%S%z"), "2026-07-01T13:00:00+0300", "2026-07-01T10:00:00Z"),
        (Form("iso", numbers=True), "1700000000", "2023-11-14T22:13:20Z"), (Form("iso", numbers=True), "1700000000123", "2023-11-14T22:13:20.123000Z"),
        (Form("iso", numbers=True), "1700000000123456", "2023-11-14T22:13:20.123456Z"), (Form("iso", numbers=True), "2023-11-14", "2023-11-14T00:00:00Z"),
    ],
)  # fmt: skip
def test_other_forms(form: Form, text: str, moment: str | None) -> None:
    assert read(text, form) == moment


@settings(max_examples=150, deadline=None)
@given(st.datetimes(datetime(1970, 1, 3), datetime(2199, 12, 30)), st.sampled_from(ZONES))
def test_local_times_are_pythons(local: datetime, zone: str) -> None:
    check(local, zone)


@pytest.mark.parametrize("zone", ZONES)
def test_around_every_clock_change_of_a_century(zone: str) -> None:
    place = ZoneInfo(zone)
    day = datetime(1971, 1, 1)
    moments = []
    while day < datetime(2040, 1, 1):
        before, after = (
            (day - timedelta(days=1)).replace(tzinfo=place).utcoffset(),
            day.replace(tzinfo=place).utcoffset(),
        )
        if before != after:
            moments += [
                day + timedelta(minutes=30 * step + extra) for step in range(-50, 50) for extra in (0, 1)
            ]
        day += timedelta(days=1)
    expected = [truth(local, place) for local in moments]
    listed = [(local - datetime(1970, 1, 1)) // timedelta(microseconds=1) for local in moments]
    found = (
        CONNECTION.execute(
            f"SELECT {times.utc('l', 'false', zone, (0, listed[-1]))} FROM (SELECT unnest(?::BIGINT[]) AS l)",
            [listed],
        ).fetchall()
        if listed
        else []
    )
    assert [row[0] for row in found] == expected


def truth(local: datetime, place: ZoneInfo) -> int | None:
    """The first moment shown as this local time, or None: a time and its way back, by zoneinfo."""
    moment = local.replace(tzinfo=place, fold=0)
    back = moment.astimezone(UTC).astimezone(place).replace(tzinfo=None)
    return micros(moment.astimezone(UTC)) if back == local else None


def check(local: datetime, zone: str) -> None:
    expected = truth(local, ZoneInfo(zone))
    found = read(local.isoformat(), zone=zone)
    assert found == (None if expected is None else iso(expected))


def test_a_local_time_that_does_not_exist_and_one_that_exists_twice() -> None:
    assert why("2023-03-26 03:20:00", zone="Europe/Athens") == times.NO_SUCH_LOCAL
    assert why("2023-03-26 03:20:00+03:00", zone="Europe/Athens") is None
    assert read("2023-10-29 03:30:00", zone="Europe/Athens") == "2023-10-29T00:30:00Z"


@pytest.mark.parametrize(
    ("text", "form", "reason"),
    [
        ("31/02/2023", Form("format", format="%d/%m/%Y"), times.NO_SUCH_DAY), ("2023-02-30", ISO, times.NO_SUCH_DAY), ("2023-02-03T25:00:00Z", ISO, times.NO_SUCH_DAY),
        ("2023-07-08", Form("format", format="%d/%m/%Y"), times.OTHER_FORMAT), ("n/a", ISO, times.NOT_A_TIME), ("2300-01-01", ISO, times.OUT_OF_RANGE),
        ("2023-07-08", ISO, None),
    ],
)  # fmt: skip
def test_reasons(text: str, form: Form, reason: str | None) -> None:
    assert why(text, form, others=(ISO,)) == reason


@pytest.mark.parametrize("text", ["day/month", "%Q", "dd.mm.yyyy"])
def test_a_format_nobody_can_read_by(text: str) -> None:
    with pytest.raises(DocumentError, match="time format"):
        times.check_format(text, "time")
