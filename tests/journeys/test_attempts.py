"""The plain loop and the general one find the same attempts where both can, whatever the steps have in common."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from periplus.journeys.attempts import plain_attempts
from periplus.journeys.chains import ChainRules, Clock, gather
from periplus.journeys.chains_solve import chain_attempts

CUSTOMERS, LONGEST = 3_000, 14


@pytest.mark.parametrize("served", [0.15, 0.5, 0.9])
@pytest.mark.parametrize("steps", [1, 2, 4, 9, 32])
def test_both_loops_agree(steps: int, served: float) -> None:
    random = np.random.default_rng(steps)
    offsets = np.concatenate(([0], np.cumsum(random.integers(0, LONGEST, CUSTOMERS))))
    rows = int(offsets[-1])
    time = random.integers(0, 30, rows)  # so many are equal
    for begin, end in pairwise(offsets):
        time[begin:end].sort()
    # Of the few kinds of events some serve no step, some one, some several, as steps that repeat an event do.
    serves = random.random((6, steps)) < served
    serves[0, 0] = True
    kinds = serves @ (np.uint32(1) << np.arange(steps, dtype=np.uint32))
    mask = kinds.astype(np.uint32)[random.integers(0, len(kinds), rows)]
    # Segments that leave rows out at both ends, as journeys do.
    lo = np.minimum(offsets[:-1] + random.integers(0, 2, CUSTOMERS), offsets[1:])
    hi = np.maximum(offsets[1:] - random.integers(0, 2, CUSTOMERS), lo)
    within, now = 12, 30
    found = plain_attempts(lo, hi, time, mask.copy(), steps, within, now)
    rules = ChainRules([False] * steps, within)
    items = gather(lo, hi, mask, np.zeros(0, np.uint32), rules)
    clock = Clock(time, now, np.zeros(0, np.int64), np.zeros(0, np.int64))
    wanted = chain_attempts(items, rules, clock, np.arange(rows, dtype=np.int32), (hi - 1).astype(np.int32))
    assert len(wanted.segment)
    for field in ("segment", "rows", "furthest", "open"):
        np.testing.assert_array_equal(getattr(found, field), getattr(wanted, field), field)
