"""Sessions: runs of a customer's events with no long silence between two of them.

Where it is asked for, midnight and the arrival by another campaign end one too (`session_rules`).
"""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from periplus import clock
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

SILENCE = 30 * clock.UNITS["m"]
"""A gap of exactly this does not end a session."""


def sessions(
    shard: Shard, silence: int = SILENCE, day: np.ndarray | None = None, campaign: np.ndarray | None = None
) -> np.ndarray:
    """int32[n]: the session of each row of a shard, numbered from 0 over all its customers.

    A row of another `day` (int32[n]) than the one before begins a new one, and so does a row of another
    `campaign` (int32[n], 0: it says none) than the last one its session has seen.
    """
    found = np.empty(len(shard.time), np.int32)
    nothing = np.zeros(0, np.int32)
    _sessions(
        np.asarray(shard.offsets),
        np.asarray(shard.time),
        silence,
        nothing if day is None else np.asarray(day, np.int32),
        nothing if campaign is None else np.asarray(campaign, np.int32),
        found,
    )
    return found


@compiled(
    "void(Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), i8, "
    "i4[::1], i4[::1], i4[::1])"
)
@no_type_check
def _sessions(offsets, time, silence, day, campaign, session):
    """A customer's first row begins one, and each row after a longer silence, on another day, or by another campaign."""
    by_day = day.shape[0] > 0
    by_campaign = campaign.shape[0] > 0
    n = -1
    for c in range(offsets.shape[0] - 1):
        came = 0
        for r in range(offsets[c], offsets[c + 1]):
            first = r == offsets[c] or time[r] - time[r - 1] > silence
            if by_day and not first:
                first = day[r] != day[r - 1]
            if by_campaign:
                if not first:
                    first = campaign[r] != 0 and campaign[r] != came
                if first or campaign[r] != 0:
                    came = campaign[r]
            if first:
                n += 1
            session[r] = n
