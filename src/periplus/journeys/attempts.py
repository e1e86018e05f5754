"""The best attempt of a funnel in its plain form: steps in order, one window in all, nothing else.

This is the fast loop nearly every funnel takes; `chains` has the loop for everything more. An event may meet several
steps here too, and serves one of them.
Both find, per segment of rows (a customer's, or a journey's), the attempt that gets furthest and, of
those, the one that starts first, each step at the earliest event that keeps it so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled
from periplus.store.shard import Shard

FOREVER = 1 << 61
"""A window without end, in microseconds; small enough that times can be added to it."""


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


def seen(shard: Shard, now: int) -> np.ndarray:
    """int64[c]: the end of each customer's rows that are not after `now`."""
    until = np.array(shard.offsets[1:], np.int64)
    if shard.last_time is not None and shard.last_time > now:
        _seen(np.asarray(shard.offsets), np.asarray(shard.time), now, until)
    return until


def plain_attempts(
    lo: np.ndarray, hi: np.ndarray, time: np.ndarray, mask: np.ndarray,
    steps: int, within: int, now: int,
) -> Attempts:  # fmt: skip
    """Best attempts over the segments lo:hi (int64[s]; one after another) of rows with `time` int64[n] and `mask`
    uint32[n], the steps an event may serve as bits."""
    row = np.empty(len(mask) + 1, np.int32)
    _served(mask, row)
    furthest = np.empty(len(lo), np.int8)
    is_open = np.empty(len(lo), np.bool_)
    rows = np.empty((len(lo), steps), np.int32)
    segment = np.empty(len(lo), np.int32)
    count = _plain(lo, hi, np.asarray(time), mask, row, steps, within, now,
                   segment, rows, furthest, is_open)  # fmt: skip
    return Attempts(segment[:count], rows[:count], furthest[:count], is_open[:count])


_READ_I8 = "Array(int64, 1, 'C', readonly=True)"
_MIXED = 0x077CB531
_BIT = np.zeros(32, np.int64)
"""Which bit is set of a number with one bit, by the upper five bits of its product with _MIXED, a de Bruijn sequence (Leiserson,
Prokop, Randall 1998): all 32 differ."""
for _bit in range(32):
    _BIT[(_MIXED << _bit & 0xFFFFFFFF) >> 27] = _bit


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


@compiled("void(u4[::1], i4[::1])")
@no_type_check
def _served(mask, row):
    """The rows that may serve a step, in order, and after them one that is beyond all.

    Each row is written, and written over by the next unless it counts: no branch the processor could guess wrong.
    """
    n = 0
    for r in range(mask.shape[0]):
        row[n] = r
        n += mask[r] != 0
    row[n] = mask.shape[0]


@compiled(
    f"i8({_READ_I8}, {_READ_I8}, {_READ_I8}, u4[::1], i4[::1], i8, i8, i8, "
    "i4[::1], i4[:, ::1], i1[::1], b1[::1])"
)
@no_type_check
def _plain(lo, hi, time, mask, row, steps, within, now, segment, rows, furthest, is_open):
    """One pass over the rows that serve a step keeps, per step, the latest start that gets there: no attempt has more
    window left.

    `latest[s]` is the time of the latest start that reached step s. Nobody gets further than one step beyond the
    furthest so far, so only what has been reached is read. An event serves one step: higher ones come first, so that
    it is not counted as its own successor.

    `first[f]` is the place in `row` at which step f was first reached. Chains are monotone (a later start never
    arrives earlier), so the earliest start that gets to f within the window is the first start not more than
    the window before `first[f]`; the steps between are then the first events that serve them.
    """
    latest = np.empty(steps, np.int64)
    first = np.empty(steps, np.int64)
    n = 0
    k = 0  # place in `row`
    for g in range(lo.shape[0]):
        while row[k] < lo[g]:
            k += 1
        far = -1
        while row[k] < hi[g]:
            m = mask[row[k]]
            t = time[row[k]]
            if m > 1 and m & (m - np.uint32(1)) == 0:  # it serves one step that is not the first, as most do
                s = _BIT[np.uint32(m * np.uint32(_MIXED)) >> np.uint32(27)]
                if s <= far + 1 and t - latest[s - 1] <= within:
                    latest[s] = latest[s - 1]
                    if s > far:
                        far = s
                        first[s] = k
            elif m > 1:
                for s in range(min(far + 1, steps - 1), 0, -1):
                    if (m >> np.uint32(s)) & np.uint32(1) and t - latest[s - 1] <= within:
                        latest[s] = latest[s - 1]
                        if s > far:
                            far = s
                            first[s] = k
            if m & np.uint32(1):
                latest[0] = t
                if far < 0:
                    far = 0
                    first[0] = k
            if far == steps - 1:
                break
            k += 1
        if far < 0:
            continue
        segment[n] = g
        furthest[n] = far
        is_open[n] = far < steps - 1 and now - latest[far] < within
        p = first[0]
        if far > 0:
            bar = time[row[first[far]]] - within
            while time[row[p]] < bar:
                p += 1
        for i in range(far + 1):
            while not (mask[row[p]] >> np.uint32(i)) & np.uint32(1):
                p += 1
            rows[n, i] = row[p]
            p += 1
        for i in range(far + 1, steps):
            rows[n, i] = -1
        n += 1
    return n
