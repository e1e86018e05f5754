"""What cohorts were worth: the amounts of the events that opened, and of those that came back, by cohort and span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from periplus.journeys.amounts import Amounts
from periplus.journeys.buckets import Buckets
from periplus.journeys.cohorts import RETURNS, Cohorts
from periplus.store.snapshot import Shard


@dataclass(frozen=True)
class Worth:
    """The amounts of one shard, to be summed: of openings `bucket` int64[o] and `opened` float64[o]; of what came back
    `cell` int64[r], cohort × spans + span, and `back` float64[r]. One that comes back to several spans is in each."""

    bucket: np.ndarray
    opened: np.ndarray
    cell: np.ndarray
    back: np.ndarray


def worth(
    shard: Shard,
    mask: np.ndarray,
    found: Cohorts,
    amounts: Amounts,
    buckets: Buckets,
    spans: np.ndarray,
    now: int,
) -> Worth:
    """The amounts of a shard's cohorts; `mask` uint32[n] has the bit RETURNS."""
    time = np.asarray(shard.time)
    back = np.flatnonzero((mask & RETURNS != 0) & (time <= now))
    low = np.searchsorted(back, found.opening, "right")
    high = np.searchsorted(back, np.asarray(shard.offsets)[found.owner + 1])
    many = high - low
    # Each opening beside each of the rows that come back after it.
    opening = np.repeat(np.arange(len(low)), many)
    row = back[np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many) + low[opening]]
    after = buckets.of(time[row]) - found.bucket[opening]
    number = amounts.at(shard.index, row)
    cells, numbers = [np.zeros(0, np.int64)], [np.zeros(0)]
    for place, (since, until) in enumerate(spans.tolist()):
        inside = (after >= since) & (after < until) & (number != 0)
        cells.append(found.bucket[opening[inside]] * len(spans) + place)
        numbers.append(number[inside])
    return Worth(
        found.bucket, amounts.at(shard.index, found.opening), np.concatenate(cells), np.concatenate(numbers)
    )
