"""Writing a file of events: its rows sorted, its hot columns beside it, and its description.

There are two ways to the same rows. Where they are staged as they are to be, each column is taken in the order
of the rows (`taken.py`); what must be put together by SQL, or has no room in memory, DuckDB sorts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from periplus.store import door, properties, taken
from periplus.store.files import (
    FIXED,
    MARKED,
    ORDER,
    PARQUET,
    EventFile,
    Marked,
    os_problem,
    shard_start,
    sync_folder,
)
from periplus.store.taken import Piece, Reading, Taken

Hot = Callable[[str], np.ndarray]
"""A column of the whole file, in its order: section, customer, time, sequence, key_hi, key_lo, batch, or name (the code)."""
BESIDE = ("time", "name", "sequence", "key_hi", "key_lo")
"""The hot columns that are kept beside the file."""


def write(
    connection: door.Connection,
    root: Path,
    name: str,
    number: int,
    *,
    select: str,
    columns: dict[str, str],
    rest: Sequence[str] | None,
    names: list[str],
    shards: int,
    pieces: Sequence[Piece] = (),
    reading: Reading | None = None,
) -> EventFile:
    """Write the rows of `select` (all physical columns, any order) as a sorted file with its sidecars.

    `pieces`, where there are any, are the same rows as they lie in staged files; `reading` may be reading their columns
    already. `names` is the workspace's list of event names and must hold every name in the rows.
    """
    path = root / f"{name}.parquet"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if pieces and (reading is not None or taken.fits(connection, pieces)):
            found = taken.write(connection, pieces, columns, path, reading)
            hot, told = _of_taken(found, names), properties.taken(found, columns)
        else:
            _sort(connection, select, columns, path)
            hot = _of_file(connection, path, names)
            told = properties.counted(connection, path, columns)
        # The disk takes its time: it begins with what is written while the rest is worked out.
        with ThreadPoolExecutor(1) as aside:
            synced = aside.submit(sync_folder, path)
            described = _describe(root, name, number, hot, columns, rest, names, shards, told)
            _people(connection, path, described.people, f"section < {MARKED}")
            if described.marked is not None:
                _people(connection, path, described.marked_people, f"section >= {MARKED}")
            synced.result()
    except duckdb.Error as problem:
        raise door.explain(problem, "writing the events") from None
    except OSError as problem:
        raise os_problem(problem, path) from None
    described.save()
    return described


def _sort(connection: door.Connection, select: str, columns: dict[str, str], path: Path) -> None:
    listed = ", ".join(door.quoted(column) for column in (*FIXED, *columns, "rest"))
    connection.execute(
        f"COPY (SELECT {listed} FROM ({select}) ORDER BY {', '.join(ORDER)}) "
        f"TO {door.literal(str(path))} ({PARQUET})"
    )


def _of_file(connection: door.Connection, path: Path, names: Sequence[str]) -> Hot:
    """Hot columns read from the file, one at a time."""
    connection.execute("DROP TYPE IF EXISTS event_names")
    code = "0"
    if names:
        connection.execute(f"CREATE TYPE event_names AS ENUM ({', '.join(map(door.literal, names))})")
        code = "coalesce(enum_code(TRY_CAST(event AS event_names)), 0)"

    def column(name: str) -> np.ndarray:
        sql = f"{code}::USMALLINT" if name == "name" else name
        source = f"read_parquet({door.file_list([path])})"
        found = connection.execute(f"SELECT {sql} AS v FROM {source}").fetchnumpy()["v"]
        return np.ascontiguousarray(found)

    return column


def _of_taken(found: Taken, names: Sequence[str]) -> Hot:
    """Hot columns that are at hand."""
    return lambda name: found.columns["event"].codes(names) if name == "name" else found.placed[name]


def _people(connection: door.Connection, path: Path, target: Path, where: str) -> None:
    """Write who is in some sections of a file."""
    connection.execute(
        "COPY (SELECT customer, user_id, anonymous_id, email, phone, min(time) AS first, max(time) AS last, "
        f"count(*) AS events FROM read_parquet({door.file_list([path])}) WHERE {where} AND "
        "(customer <> 0 OR coalesce(user_id, anonymous_id, email, phone) IS NOT NULL) "
        f"GROUP BY ALL ORDER BY customer) TO {door.literal(str(target))} "
        "(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 1)"
    )


def _describe(
    root: Path,
    name: str,
    number: int,
    hot: Hot,
    columns: dict[str, str],
    rest: Sequence[str] | None,
    names: Sequence[str],
    shards: int,
    told: dict[str, dict[str, Any]],
) -> EventFile:
    """Write the sidecars of a file, and say what is in it."""
    # rows are sorted by section: edge s is where section s begins
    edges = np.searchsorted(hot("section"), np.arange(2 * MARKED + 1, dtype=np.uint8)).tolist()
    batches = np.bincount(hot("batch"))
    owner, time, codes = hot("customer"), hot("time"), hot("name")
    parts = {"": 0} | ({"marked-": MARKED} if edges[-1] > edges[MARKED] else {})
    found: dict[str, Marked] = {}
    for kind, base in parts.items():
        start, stop = edges[base : base + 2]
        begins = _sidecars(root / f"{name}.{kind}", owner[start:stop], shards)
        events = slice(start, edges[base + 2])
        found[kind] = Marked(
            shards=[start + begin for begin in begins],
            names=_counted(codes[events], names),
            nameless=edges[base + 2] - stop,
            statements=edges[base + 3] - edges[base + 2],
            first_time=int(time[events].min()) if len(time[events]) else None,
            last_time=int(time[events].max()) if len(time[events]) else None,
        )
    del owner, time, codes
    for label in BESIDE:
        column = hot(label)
        for kind, base in parts.items():
            np.save(root / f"{name}.{kind}{label}.npy", column[edges[base] : edges[base + 1]])
    plain = found[""]
    return EventFile(
        name=name,
        number=number,
        rows=edges[-1],
        shards=plain.shards,
        columns=columns,
        rest=None if rest is None else list(rest),
        names=plain.names,
        batches={int(batch): int(batches[batch]) for batch in np.flatnonzero(batches)},
        nameless=plain.nameless,
        statements=plain.statements,
        first_time=plain.first_time,
        last_time=plain.last_time,
        properties=told,
        marked=found.get("marked-"),
        root=root,
    )


def _sidecars(prefix: Path, owner: np.ndarray, shards: int) -> list[int]:
    """Write the customers of a section with the offsets of their rows; returns where each shard begins, and the end."""
    changes = np.flatnonzero(owner[1:] != owner[:-1]) + 1
    offsets = np.concatenate(([0], changes, [len(owner)] if len(owner) else [])).astype(np.int64)
    customers = owner[offsets[:-1]]
    np.save(f"{prefix}customers.npy", customers)
    np.save(f"{prefix}offsets.npy", offsets)
    bounds = np.array([shard_start(shard, shards) for shard in range(1, shards)], np.uint64)
    return [0, *(int(offsets[cut]) for cut in np.searchsorted(customers, bounds)), len(owner)]


def _counted(codes: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    """How many events there are by name, of those that occur."""
    counts = np.bincount(codes, minlength=len(names))
    return {name: int(count) for name, count in sorted(zip(names, counts, strict=True)) if count}
