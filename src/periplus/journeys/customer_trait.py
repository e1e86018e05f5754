"""Traits of customers as of moments: what was said last by then, by an event or a statement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from periplus.condition import Condition
from periplus.condition.customer import Trait
from periplus.condition.tree import Compare, Exists
from periplus.journeys.attempts import FOREVER
from periplus.journeys.customer_moments import Moments, runs
from periplus.store.columns import FileColumns
from periplus.store.shard import Shard
from periplus.store.snapshot import Snapshot


def ready(snapshot: Snapshot, part: Trait) -> Callable[[Shard, Moments], np.ndarray]:
    """bool per moment of a shard: whether the trait, as it was said last, is such.

    What is said at the very instant counts; a trait that nobody has named by then meets no comparison.
    """
    said = part.said
    assert isinstance(said, Exists | Compare)
    there, such = Condition(Exists(said.path, True)), Condition(said)

    def named(columns: FileColumns) -> tuple[str, list[Any]]:
        text, bound = there.sql(columns)
        # A group's traits speak of the group.
        return f"type <> 'group' AND {text}", bound

    told = snapshot.told(named, [such.sql])
    good = np.append(
        np.asarray(np.ma.filled(told.columns[0], False)).astype(np.bool_), said == Exists(said.path, False)
    )

    def holds(shard: Shard, moments: Moments) -> np.ndarray:
        customers = np.asarray(shard.customers)
        owner = np.searchsorted(customers, told.customer)
        owner[owner == len(customers)] = 0
        mine = np.flatnonzero(customers[owner] == told.customer) if len(customers) else np.zeros(0, np.int64)
        starts = np.searchsorted(owner[mine], np.arange(len(customers) + 1))
        time = told.time[mine]
        low, high = runs(starts, time, time, moments.offsets, moments.time, moments.time, FOREVER)
        last = np.append(mine, len(good) - 1)[np.where(high > low, high - 1, len(mine))]
        found: np.ndarray = good[last]
        return found

    return holds
