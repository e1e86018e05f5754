"""What a snapshot hands out: the journey events of one shard as arrays, and rows found in the shards."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Shard:
    """The journey events of a range of customers, in the order of (customer, time, sequence, key).

    `customers` uint64[c] ascending; `offsets` int64[c+1]; `time` int64[n], microseconds UTC; `name`
    uint16[n], codes into `Snapshot.names`. Rows offsets[j]:offsets[j+1] are customer j's.
    """

    index: int
    customers: np.ndarray
    offsets: np.ndarray
    time: np.ndarray
    name: np.ndarray

    @cached_property
    def last_time(self) -> int | None:
        """The time of its latest event, None without any: that of some customer's last row."""
        return int(self.time[self.offsets[1:] - 1].max()) if len(self.time) else None


@dataclass(frozen=True)
class Found:
    """Some rows of the shards with values read from them: `shard` int32[n], `row` int64[n], `columns`."""

    shard: np.ndarray
    row: np.ndarray
    columns: list[np.ndarray]
