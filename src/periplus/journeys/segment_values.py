"""Whether customers are in a segment, as a value of their events: for breakdowns by segment."""

from __future__ import annotations

from typing import Any

import numpy as np

from periplus.condition import Condition
from periplus.journeys import customer_condition
from periplus.journeys.customer_condition import When
from periplus.question import Context

ROOT = "segment."
"""How such a value is named: `segment.vip`."""


class SegmentValues:
    """True or false, as of each event: `known[code]` for each code that `at` gives."""

    def __init__(self, name: str, when: When, context: Context) -> None:
        condition = Condition.parse({"segment": name.removeprefix(ROOT)}, where="breakdown")
        self.known: list[Any] = [False, True]
        self._snapshot = context.snapshot
        self._met = customer_condition.by_row(context.snapshot, condition, when)

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray:
        """int64 per row asked for: 1 where the customer was in the segment just before the event."""
        return np.asarray(self._met(self._snapshot.shard(shard))[rows], np.int64)
