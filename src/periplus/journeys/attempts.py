"""The best attempt of a funnel in its plain form: steps in order, one window in all, nothing else.

This is the fast loop nearly every funnel takes; `chains` has the loop for everything more.
Both find, per segment of rows (a customer's, or a journey's), the attempt that gets furthest and, of
those, the one that starts first, each step at the earliest event that keeps it so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled

FOREVER = 1 << 61
"""A window without end, in microseconds; small enough that times can be added to it."""
_NEVER = -(1 << 62)


@dataclass(frozen=True)
class Attempts:
    """The attempts that count, one row each, in the order of their segments.

    `segment` int32[a] (index into the segments given), `rows` int32[a, steps] (row of the event that serves
    each step, -1: not done), `furthest` int8[a] (last step done), `open` bool[a] (an event after now could
    carry it, or one as far, on).
    """

    segment: np.ndarray
    rows: np.ndarray
    furthest: np.ndarray
    open: np.ndarray


def seen(offsets: np.ndarray, time: np.ndarray, now: int) -> np.ndarray:
    """int64[c]: the end of each customer's rows that are not after `now`."""
    until = np.array(offsets[1:], np.int64)
    # Each customer's last row is their latest: the others need not be looked at.
    if len(time) and int(time[until - 1].max()) > now:
        _seen(np.asarray(offsets), np.asarray(time), now, until)
    return until


def plain_attempts(
    lo: np.ndarray, hi: np.ndarray, time: np.ndarray, code: np.ndarray,
    steps: int, within: int, now: int,
) -> Attempts:  # fmt: skip
    """Best attempts over the segments lo:hi (int64[s]) of rows with `time` int64[n] and `code` uint8[n].

    A code is the one step the event serves, or steps + 1.
    """
    furthest = np.empty(len(lo), np.int8)
    is_open = np.empty(len(lo), np.bool_)
    rows = np.empty((len(lo), steps), np.int32)
    segment = np.empty(len(lo), np.int32)
    count = _plain(lo, hi, np.asarray(time), code, steps, within, now,
                   segment, rows, furthest, is_open)  # fmt: skip
    return Attempts(segment[:count], rows[:count], furthest[:count], is_open[:count])


_READ_I8 = "Array(int64, 1, 'C', readonly=True)"


@compiled(f"void({_READ_I8}, {_READ_I8}, i8, i8[::1])")
@no_type_check
def _seen(offsets, time, now, until):
    """Binary search in each customer's rows for the first one after now."""
    for c in range(until.shape[0]):
        low = offsets[c]
        high = offsets[c + 1]
        while low < high:
            middle = (low + high) // 2
            if time[middle] <= now:
                low = middle + 1
            else:
                high = middle
        until[c] = low


@compiled(
    f"i8({_READ_I8}, {_READ_I8}, {_READ_I8}, Array(uint8, 1, 'C', readonly=True), i8, i8, i8, "
    "i4[::1], i4[:, ::1], i1[::1], b1[::1])"
)
@no_type_check
def _plain(lo, hi, time, code, steps, within, now, segment, rows, furthest, is_open):
    """One pass keeps, per step, the latest start that gets there: no attempt has more window left.

    `latest[s + 1]` is the time of the latest start that reached step s; `latest[0]` is the present event,
    should it be one. An event on no step reads a start that never was, so that the loop has
    no branch the processor could guess wrong.

    `first[f]` is the event at which step f was first reached. Chains are monotone (a later start never
    arrives earlier), so the earliest start that gets to f within the window is the first start not more than
    the window before `first[f]`; the steps between are then the first events that serve them.
    """
    latest = np.empty(steps + 3, np.int64)
    first = np.empty(steps, np.int64)
    n = 0
    for g in range(lo.shape[0]):
        latest[:] = _NEVER
        far = -1
        for r in range(lo[g], hi[g]):
            s = np.int64(code[r])
            t = time[r]
            latest[0] = t
            start = latest[s]
            fits = t - start <= within
            latest[s + 1] = start if fits else latest[s + 1]
            if fits and s > far:
                far = s
                first[s] = r
                if far == steps - 1:
                    break
        if far < 0:
            continue
        segment[n] = g
        furthest[n] = far
        is_open[n] = far < steps - 1 and now - latest[far + 1] < within
        for i in range(steps):
            rows[n, i] = -1
        r = first[0]
        if far > 0:
            bar = time[first[far]] - within
            while not (code[r] == 0 and time[r] >= bar):
                r += 1
        rows[n, 0] = r
        for i in range(1, far + 1):
            r += 1
            while code[r] != i:
                r += 1
            rows[n, i] = r
        n += 1
    return n
