"""What customers' events and statements say, with whose and when: what the shards, which hold events alone, lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from periplus.store import door, standing
from periplus.store.files import MARKED

if TYPE_CHECKING:
    from periplus.store.snapshot import Expression, Snapshot

STATED = (0, 2)
"""Sections with a customer: events of journeys, and statements."""


@dataclass(frozen=True)
class Told:
    """Rows in the order of (customer, time, sequence, key): `customer` uint64[n], `time` int64[n], `columns`."""

    customer: np.ndarray
    time: np.ndarray
    columns: list[np.ndarray]


def told(snapshot: Snapshot, where: Expression, values: Sequence[Expression]) -> Told:
    """The events and statements that meet `where`, with `values` read from each of them."""
    order = ("customer", "time", "sequence", "key_hi", "key_lo")
    sections = [s + MARKED * marked for marked in range(1 + snapshot.with_marked) for s in STATED]
    parts: list[list[np.ndarray]] = []
    for file in snapshot.files:
        columns = snapshot.columns_of(file)
        test, bound = where(columns)
        listed, arguments = [], []
        for place, value in enumerate(values):
            sql, more = value(columns)
            listed.append(f"{sql} AS v{place}")
            arguments.extend(more)
        found = snapshot.query(
            f"SELECT {', '.join([*order, *listed])} FROM read_parquet({door.file_list([file.path])}) AS e "
            f"WHERE section IN ({', '.join(map(str, sections))}) AND {standing.stands(snapshot.manifest, file)} "
            f"AND ({test})",
            [*arguments, *bound],
        )
        parts.append([found[name] for name in (*order, *(f"v{place}" for place in range(len(values))))])
    if not parts:
        return Told(np.zeros(0, np.uint64), np.zeros(0, np.int64), [np.zeros(0) for _ in values])
    whole = [np.ma.concatenate(column) for column in zip(*parts, strict=True)]  # type: ignore[no-untyped-call]
    by = np.lexsort([np.asarray(whole[place]) for place in (4, 3, 2, 1, 0)])
    whole = [column[by] for column in whole]
    return Told(np.asarray(whole[0], np.uint64), np.asarray(whole[1], np.int64), whole[5:])
