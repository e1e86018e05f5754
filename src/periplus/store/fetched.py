"""Rows of events fetched with what they say: those of a condition, at their places in the shards, and those of nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from periplus.store import door, merge
from periplus.store.shard import Found

if TYPE_CHECKING:
    from periplus.store.snapshot import Expression, Snapshot


def fetch(snapshot: Snapshot, where: Expression, values: Sequence[Expression]) -> Found:
    """The journey events that meet `where`, in order, with `values` read from each of them."""
    rows: dict[int, np.ndarray] = {}
    read: dict[int, list[np.ndarray]] = {}
    for number, file in enumerate(snapshot.files):
        columns = snapshot.columns_of(file)
        test, bound = where(columns)
        listed, arguments = [], []
        for position, value in enumerate(values):
            sql, more = value(columns)
            listed.append(f"{sql} AS v{position}")
            arguments.extend(more)
        # Values are bound in the order in which they stand: those of the SELECT list come first.
        found = snapshot.query(
            f"SELECT {', '.join(['file_row_number AS r', *listed])} "
            f"FROM read_parquet({door.file_list([file.path])}, file_row_number = true) "
            f"WHERE {snapshot.section(0)} AND ({test})",
            [*arguments, *bound],
        )
        # DuckDB hands rows over in the order of the file.
        rows[number] = np.asarray(found["r"], np.int64)
        read[number] = [found[f"v{position}"] for position in range(len(values))]
    return _placed(snapshot, rows, read, len(values))


def _placed(
    snapshot: Snapshot, rows: dict[int, np.ndarray], read: dict[int, list[np.ndarray]], width: int
) -> Found:
    shards: list[np.ndarray] = []
    placed: list[np.ndarray] = []
    columns: list[list[np.ndarray]] = [[] for _ in range(width)]
    for index in range(snapshot.shard_count):
        opened = snapshot.opened(index)
        laid = 0
        at: list[np.ndarray] = []
        picked: list[list[np.ndarray]] = [[] for _ in range(width)]
        for source in opened.sources:
            low, high = np.searchsorted(rows[source.file], [source.start, source.stop])
            position = rows[source.file][low:high] - source.start + laid
            merged = merge.placed(position, opened.spans)
            kept = slice(None) if opened.spans is None else merged >= 0
            at.append(merged[kept])
            for column, target in zip(read[source.file], picked, strict=True):
                target.append(column[low:high][kept])
            laid += source.stop - source.start
        where = np.concatenate(at) if at else np.zeros(0, np.int64)
        # The rows of one source are in order already.
        order = slice(None) if len(at) == 1 else np.argsort(where, kind="stable")
        shards.append(np.full(len(where), index, np.int32))
        placed.append(where[order])
        for target, parts in zip(columns, picked, strict=True):
            if parts:
                target.append((parts[0] if len(parts) == 1 else _end_to_end(parts))[order])
    return Found(
        np.concatenate(shards),
        np.concatenate(placed),
        [_end_to_end(column) if column else np.zeros(0) for column in columns],
    )


def fetch_unidentified(
    snapshot: Snapshot, where: Expression, values: Sequence[Expression]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Time int64[n] of the events of nobody that meet `where`, with `values` read from each of them."""
    times: list[np.ndarray] = []
    read: list[list[np.ndarray]] = [[] for _ in values]
    for number, file in enumerate(snapshot.files):
        mine = [part.nameless for at, _, part in snapshot.parts() if at == number]
        if (
            not any(mine)
            or 0 in snapshot.manifest.retired.get(file.name, ())
            or 0 in snapshot.masked(file.number)
        ):
            continue
        columns = snapshot.columns_of(file)
        test, bound = where(columns)
        listed, arguments = [], []
        for position, value in enumerate(values):
            sql, more = value(columns)
            listed.append(f", {sql} AS v{position}")
            arguments.extend(more)
        found = snapshot.query(
            f"SELECT time{''.join(listed)} FROM read_parquet({door.file_list([file.path])}) "
            f"WHERE {snapshot.section(1)} AND ({test})",
            [*arguments, *bound],
        )
        times.append(np.asarray(found["time"], np.int64))
        for position, column in enumerate(read):
            column.append(found[f"v{position}"])
    columns_ = [_end_to_end(column) if column else np.zeros(0) for column in read]
    return np.concatenate(times) if times else np.zeros(0, np.int64), columns_


def _end_to_end(parts: list[np.ndarray]) -> np.ndarray:
    """Columns with NULLs are masked arrays; they stay so."""
    whole: np.ndarray = np.ma.concatenate(parts)  # type: ignore[no-untyped-call]
    return whole
