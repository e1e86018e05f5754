"""The loop of retention: who opened in which bucket, and in which buckets after it they came back.

A row that opens is the customer's first on a start event (or, for cohorts of every bucket, the first in
each bucket). Only later rows come back; the opening one itself does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

STARTS, RETURNS, COUNTS_HERE = np.uint32(1), np.uint32(2), np.uint32(4)


@dataclass(frozen=True)
class Cohorts:
    """Partial counts that add up: `size` int64[buckets] who opened in each, `returned` int64[buckets, spans]
    who came back in each span of buckets after it. `customer` and `row` int64 list those of one cell asked for.
    `owner`, `opening` and `bucket` int64[o] are all openings: whose, at which row, in which bucket."""

    size: np.ndarray
    returned: np.ndarray
    customer: np.ndarray
    row: np.ndarray
    owner: np.ndarray
    opening: np.ndarray
    bucket: np.ndarray


def with_bit(mask: np.ndarray, bit: np.uint32, rows: np.ndarray | None) -> np.ndarray:
    """The mask with a bit set at some rows (bool[n]; None: at all)."""
    return mask | (bit if rows is None else np.where(rows, bit, np.uint32(0)))


def cohorts(
    shard: Shard,
    mask: np.ndarray,
    edges: np.ndarray,
    spans: np.ndarray,
    *,
    since: int,
    until: int,
    now: int,
    every: bool,
    cell: tuple[int, int] | None = None,
) -> Cohorts:
    """The cohorts of a shard whose rows have bits STARTS and RETURNS in `mask` uint32[n], and COUNTS_HERE where the
    customer is one of those who count.

    `edges` int64[buckets + 1] part time; `spans` int64[s, 2] are buckets after the opening one, from and to
    (excluded). The opening lies in since <= time < until. With `cell` (cohort, span; span -1: all who opened)
    its people are listed, at the row that opened or that came back first.
    """
    offsets, time = np.asarray(shard.offsets), np.asarray(shard.time)
    room = int(np.count_nonzero(mask & STARTS)) if every else len(shard.customers)
    owner, opening, bucket = (np.empty(room, np.int64) for _ in range(3))
    opened = _open(offsets, time, mask, edges, since, until, now, every, owner, opening, bucket)
    owner, opening, bucket = owner[:opened], opening[:opened], bucket[:opened]
    returned = np.zeros((len(edges) - 1, len(spans)), np.int64)
    wanted, span = (-2, -2) if cell is None else cell
    listed = np.empty((2, 0 if cell is None else len(shard.customers)), np.int64)
    found = _return(
        offsets, time, mask, edges, np.ascontiguousarray(spans, np.int64), now,
        owner, opening, bucket, wanted, span, returned, listed,
    )  # fmt: skip
    size = np.bincount(bucket, minlength=len(edges) - 1)
    return Cohorts(size, returned, listed[0, :found], listed[1, :found], owner, opening, bucket)


_READ_I8 = "Array(int64, 1, 'C', readonly=True)"


@compiled(f"i8({_READ_I8}, {_READ_I8}, u4[::1], i8[::1], i8, i8, i8, b1, i8[::1], i8[::1], i8[::1])")
@no_type_check
def _open(offsets, time, mask, edges, since, until, now, every, customer, row, bucket):
    """Who opens, where, and in which bucket."""
    buckets = edges.shape[0] - 1
    n = 0
    for c in range(offsets.shape[0] - 1):
        here = np.int64(-1)  # the bucket of row r; times only rise
        opened_in = np.int64(-1)
        for r in range(offsets[c], offsets[c + 1]):
            if time[r] > now:
                break
            if not mask[r] & np.uint32(1):
                continue
            if not every and opened_in >= 0:
                break
            if not since <= time[r] < until:
                if not every:
                    break  # the first ever lies outside the period
                continue
            while here + 1 < buckets and edges[here + 1] <= time[r]:
                here += 1
            if here == opened_in:
                continue
            opened_in = here
            if not mask[r] & np.uint32(4):
                continue  # whoever does not count at the opening event is in no cohort of its bucket
            customer[n] = c
            row[n] = r
            bucket[n] = here
            n += 1
    return n


@compiled(
    f"i8({_READ_I8}, {_READ_I8}, u4[::1], i8[::1], i8[:, ::1], i8, i8[::1], i8[::1], i8[::1], i8, i8, "
    "i8[:, ::1], i8[:, ::1])"
)
@no_type_check
def _return(
    offsets, time, mask, edges, spans, now, customer, row, bucket, wanted, wanted_span, returned, listed
):  # fmt: skip
    """Each opening looks at the rows after it; a span counts once for it."""
    buckets = edges.shape[0] - 1
    came = np.zeros(spans.shape[0], np.bool_)
    last = spans[:, 1].max()
    found = 0
    for o in range(row.shape[0]):
        here = bucket[o]
        if here == wanted and wanted_span == -1:
            listed[0, found] = customer[o]
            listed[1, found] = row[o]
            found += 1
        came[:] = False
        missing = spans.shape[0]
        there = here
        for q in range(row[o] + 1, offsets[customer[o] + 1]):
            if time[q] > now:
                break
            if not mask[q] & np.uint32(2):
                continue
            while there + 1 < buckets and edges[there + 1] <= time[q]:
                there += 1
            after = there - here
            if missing == 0 or after >= last:
                break
            for s in range(spans.shape[0]):
                if not came[s] and spans[s, 0] <= after < spans[s, 1]:
                    came[s] = True
                    missing -= 1
                    returned[here, s] += 1
                    if here == wanted and s == wanted_span:
                        listed[0, found] = customer[o]
                        listed[1, found] = q
                        found += 1
    return found
