"""The values of a trait of customers as of their events: what was said of it last by then."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from periplus.journeys import reading
from periplus.question import Context
from periplus.store.columns import FileColumns

TRAITS = "traits."


class TraitValues:
    """The values of a trait, `known[code]` for each code that `at` gives: the value said last, by an event or a
    statement, at the event's time or before; -1 where nobody has said one yet."""

    def __init__(self, path: str, context: Context) -> None:
        snapshot = context.snapshot
        value = reading.tagged(path)

        def named(columns: FileColumns) -> tuple[str, list[Any]]:
            sql, bound = value(columns)
            # A group's traits speak of the group.
            return f"type <> 'group' AND ({sql}) IS NOT NULL", bound

        told = snapshot.told(named, [value])
        self._customer, self._time = told.customer, told.time
        self.known, self._code = reading.numbered(np.asarray(np.ma.getdata(told.columns[0]), object))
        self._shards = [snapshot.shard(index) for index in range(snapshot.shard_count)]

    def often(self) -> Counter[str]:
        """How many times each value was said, by its text form."""
        counts = np.bincount(self._code, minlength=len(self.known)).tolist()
        return Counter({reading.form(value): n for value, n in zip(self.known, counts, strict=True) if n})

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray:
        """int64 per row asked for: the code of the trait as of then."""
        if not len(self._code):
            return np.full(len(rows), -1, np.int64)
        mine = self._shards[shard]
        owner = np.searchsorted(np.asarray(mine.offsets), rows, "right") - 1
        customer, time = np.asarray(mine.customers)[owner], np.asarray(mine.time)[rows]
        low = np.searchsorted(self._customer, customer, "left")
        begin, high = low.copy(), np.searchsorted(self._customer, customer, "right")
        while (low < high).any():  # the first one said after, of all rows at once
            middle = (low + high) // 2
            before = (low < high) & (self._time[np.minimum(middle, len(self._time) - 1)] <= time)
            high = np.where((low < high) & ~before, middle, high)
            low = np.where(before, middle + 1, low)
        return np.where(low > begin, self._code[np.maximum(low - 1, 0)], -1)
