"""Sessions: runs of a customer's events with no silence longer than half an hour between two of them."""

from __future__ import annotations

from typing import no_type_check

import numpy as np

from periplus import clock
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

SILENCE = 30 * clock.UNITS["m"]
"""A gap of exactly this does not end a session."""


def sessions(shard: Shard, silence: int = SILENCE) -> np.ndarray:
    """int32[n]: the session of each row of a shard, numbered from 0 over all its customers."""
    found = np.empty(len(shard.time), np.int32)
    _sessions(np.asarray(shard.offsets), np.asarray(shard.time), silence, found)
    return found


@compiled("void(Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), i8, i4[::1])")
@no_type_check
def _sessions(offsets, time, silence, session):
    """A customer's first row begins one, and each row after a longer silence."""
    n = -1
    for c in range(offsets.shape[0] - 1):
        for r in range(offsets[c], offsets[c + 1]):
            if r == offsets[c] or time[r] - time[r - 1] > silence:
                n += 1
            session[r] = n
