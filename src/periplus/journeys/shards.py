"""A question over shards: the same work on each, on as many threads as there are cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from periplus.question import Context
from periplus.store.snapshot import Shard

T = TypeVar("T")


def each_shard(context: Context, work: Callable[[Shard], T]) -> list[T]:
    """`work` of every shard, in the order of the shards. The loops let other threads run meanwhile."""
    snapshot = context.snapshot
    threads = context.settings.threads or os.cpu_count() or 1
    if threads == 1 or snapshot.shard_count == 1:
        return [work(snapshot.shard(index)) for index in range(snapshot.shard_count)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda index: work(snapshot.shard(index)), range(snapshot.shard_count)))
