"""Times in the form that nearly all have, `2026-03-01T10:00:00.123Z`, read by a compiled loop."""

from __future__ import annotations

import numpy as np

from periplus.store.compiled import compiled

_DAYS = np.array([0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365], np.int64)
"""Days of a common year before each month."""


@compiled("i8(Array(uint8, 1, 'C', readonly=True), i8, i8)")
def number(data, first, count):  # type: ignore[no-untyped-def]
    """The number that some digits are; -1 where one of them is none."""
    found = np.int64(0)
    for at in range(first, first + count):
        digit = np.int64(data[at]) - 48
        if digit < 0 or digit > 9:
            return np.int64(-1)
        found = np.int64(10) * found + digit
    return found


@compiled(
    "void(Array(int32, 1, 'C', readonly=True), Array(uint8, 1, 'C', readonly=True), "
    "i8, i8, i8[::1], b1[::1], b1[::1])"
)
def iso_times(offsets, data, start, stop, written, zulu, others):  # type: ignore[no-untyped-def]
    """Microseconds of each text start:stop as it is written, and whether a Z is behind it.

    Of the years 1970 to 2200, with a T or a blank between date and time, and up to nine places of a second, of which six count; `others`
    are those that read otherwise, or are none.
    """
    for row in range(start, stop):
        others[row] = True
        first, last = np.int64(offsets[row]), np.int64(offsets[row + 1])
        ends = last > first and data[last - 1] == 90
        if ends:
            last -= 1
        size = last - first
        if size < 19 or size == 20 or size > 29:
            continue
        between = data[first + 10]
        if (
            data[first + 4] != 45
            or data[first + 7] != 45
            or data[first + 13] != 58
            or data[first + 16] != 58
            or (between != 84 and between != 32)
        ):
            continue
        year, month, day = number(data, first, 4), number(data, first + 5, 2), number(data, first + 8, 2)
        hour, minute = number(data, first + 11, 2), number(data, first + 14, 2)
        second = number(data, first + 17, 2)
        if (
            year < 1970
            or year > 2200
            or month < 1
            or month > 12
            or day < 1
            or hour < 0
            or minute < 0
            or second < 0
        ):
            continue
        leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        longest = _DAYS[month] - _DAYS[month - 1] + (1 if leap and month == 2 else 0)
        if day > longest or hour > 23 or minute > 59 or second > 59:
            continue
        micros = 0
        if size > 19:
            if data[first + 19] != 46 or number(data, first + 20, size - 20) < 0:
                continue
            micros = number(data, first + 20, 6 if size > 26 else size - 20)
            for _ in range(26 - size):
                micros *= 10
        before = year - 1
        days = 365 * before + before // 4 - before // 100 + before // 400 - 719162
        days += _DAYS[month - 1] + (1 if leap and month > 2 else 0) + day - 1
        written[row] = ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + micros
        zulu[row] = ends
        others[row] = False
