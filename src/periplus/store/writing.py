"""Writing a file of events: its rows sorted, its hot columns beside it, and its description.

There are two ways to the same rows. Where they are staged as they are to be, each column is taken in the order
of the rows (`taken.py`); what must be put together by SQL, or has no room in memory, DuckDB sorts.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from periplus.store import door, properties, taken
from periplus.store.arrays import array
from periplus.store.files import (
    FIXED,
    MARKED,
    ORDER,
    PARQUET,
    ROW_GROUP,
    EventFile,
    Marked,
    os_problem,
    shard_start,
    sync_folder,
)
from periplus.store.home import STAGING
from periplus.store.taken import Piece, Reading, Spilling, Taken

Hot = Callable[[str], np.ndarray]
"""A column of the whole file, in its order: section, customer, time, sequence, key_hi, key_lo, batch, or name (the code)."""
BESIDE = ("time", "name", "sequence", "key_hi", "key_lo")
"""The hot columns that are kept beside the file."""
IDENTIFIERS = ("user_id", "anonymous_id", "email", "phone")
"""Whom the list of people of a file names."""


@dataclass(frozen=True)
class _File:
    """What a file is told to be: where, its number, shredded columns, paths in the rest, names of events, shards."""

    root: Path
    name: str
    number: int
    columns: dict[str, str]
    rest: Sequence[str] | None
    names: list[str]
    shards: int

    @property
    def path(self) -> Path:
        return self.root / f"{self.name}.parquet"


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
    file = _File(root, name, number, columns, rest, names, shards)
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        if pieces and (reading is not None or taken.fits(connection, pieces)):
            with closing(reading or Reading(connection, pieces, columns)) as begun:
                described = _taken(connection, file, begun, pieces)
        elif pieces and taken.fits_in_turn(connection, pieces):
            with _aside(root) as folder, closing(Spilling(connection, pieces, columns, folder)) as begun:
                described = _taken(connection, file, begun, pieces)
        else:
            described = _sorted(connection, file, select)
    except duckdb.Error as problem:
        raise door.explain(problem, "writing the events") from None
    except OSError as problem:
        raise os_problem(problem, file.path) from None
    described.save()
    return described


@contextmanager
def _aside(root: Path) -> Iterator[Path]:
    """A new folder where columns are laid aside; what a killed process leaves there goes with the next import."""
    (root / "spill").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{STAGING}columns-", dir=root / "spill") as folder:
        yield Path(folder)


def _taken(connection: door.Connection, file: _File, begun: Reading, pieces: Sequence[Piece]) -> EventFile:
    """Write rows by taking, and beside that, in another thread, what is told of them."""
    found = taken.arranged(begun, connection, pieces)

    def beside() -> EventFile:
        with door.beside(connection) as own:
            return _beside(own, file, _of_taken(found, file.names), _who(own, found, pieces))

    with ThreadPoolExecutor(1) as aside:
        described = aside.submit(beside)
        told = taken.write(begun, found, file.columns, file.path)
        return replace(described.result(), properties=properties.taken(told, file.columns))


def _who(connection: door.Connection, found: Taken, pieces: Sequence[Piece]) -> str:
    """SQL of who is in the rows, as `_people` asks: of all of them, where the pieces do not say."""
    owned = [piece.owned.people for piece in pieces if piece.owned is not None]
    if len(owned) == len(pieces):
        for number, people in enumerate(owned):
            connection.register(f"people {number}", people)
        listed = (f"SELECT * FROM {door.quoted(f'people {number}')}" for number in range(len(owned)))
        return f"(SELECT *, 0 AS section FROM ({' UNION ALL BY NAME '.join(listed)}))"
    rows = {label: array(found.placed[label]) for label in ("section", "customer", "time")}
    texts = {label: found.columns[label].taken(0, len(rows["time"])) for label in IDENTIFIERS}
    table = pa.table({**rows, **texts})
    connection.register("rows of a file", pa.Table.from_batches(table.to_batches(ROW_GROUP), table.schema))
    return _each('"rows of a file"')


def _sorted(connection: door.Connection, file: _File, select: str) -> EventFile:
    """Write rows as DuckDB sorts them, and then what is told of them."""
    _sort(connection, select, file.columns, file.path)
    with ThreadPoolExecutor(1) as aside:
        # The disk takes its time: it begins with what is written while the rest is worked out.
        synced = aside.submit(sync_folder, file.path)
        found = _of_file(connection, file.path, file.names)
        rows = _each(f"read_parquet({door.file_list([file.path])})")
        described = _beside(connection, file, found, rows)
        synced.result()
    return replace(described, properties=properties.counted(connection, file.path, file.columns))


def _beside(connection: door.Connection, file: _File, hot: Hot, who: str) -> EventFile:
    """Write what lies beside a file of events; `who` is SQL of who is in it (`_people`)."""
    described = _describe(file, hot)
    _people(connection, who, described.people, f"section < {MARKED}")
    if described.marked is not None:
        _people(connection, who, described.marked_people, f"section >= {MARKED}")
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


def _each(rows: str) -> str:
    """SQL of who is in some rows, each of which is one event."""
    return f"(SELECT *, time AS first, time AS last, 1 AS events FROM {rows})"


def _people(connection: door.Connection, who: str, target: Path, where: str) -> None:
    """Write who is in some sections of a file; `who` has section, customer, identifiers, first, last and events."""
    connection.execute(
        f"COPY (SELECT customer, {', '.join(IDENTIFIERS)}, min(first) AS first, max(last) AS last, "
        f"sum(events)::BIGINT AS events FROM {who} WHERE {where} AND "
        f"(customer <> 0 OR coalesce({', '.join(IDENTIFIERS)}) IS NOT NULL) "
        f"GROUP BY ALL ORDER BY customer) TO {door.literal(str(target))} "
        "(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 1)"
    )


def _describe(file: _File, hot: Hot) -> EventFile:
    """Write the sidecars of a file, and say what is in it, but for its properties."""
    # rows are sorted by section: edge s is where section s begins
    edges = np.searchsorted(hot("section"), np.arange(2 * MARKED + 1, dtype=np.uint8)).tolist()
    batches = np.bincount(hot("batch"))
    owner, time, codes = hot("customer"), hot("time"), hot("name")
    parts = {"": 0} | ({"marked-": MARKED} if edges[-1] > edges[MARKED] else {})
    found: dict[str, Marked] = {}
    for kind, base in parts.items():
        start, stop = edges[base : base + 2]
        begins = _sidecars(file.root / f"{file.name}.{kind}", owner[start:stop], file.shards)
        events = slice(start, edges[base + 2])
        found[kind] = Marked(
            shards=[start + begin for begin in begins],
            names=_counted(codes[events], file.names),
            nameless=edges[base + 2] - stop,
            statements=edges[base + 3] - edges[base + 2],
            first_time=int(time[events].min()) if len(time[events]) else None,
            last_time=int(time[events].max()) if len(time[events]) else None,
        )
    del owner, time, codes
    for label in BESIDE:
        column = hot(label)
        for kind, base in parts.items():
            np.save(file.root / f"{file.name}.{kind}{label}.npy", column[edges[base] : edges[base + 1]])
    plain = found[""]
    return EventFile(
        name=file.name,
        number=file.number,
        rows=edges[-1],
        shards=plain.shards,
        columns=file.columns,
        rest=None if file.rest is None else list(file.rest),
        names=plain.names,
        batches={int(batch): int(batches[batch]) for batch in np.flatnonzero(batches)},
        nameless=plain.nameless,
        statements=plain.statements,
        first_time=plain.first_time,
        last_time=plain.last_time,
        properties={},
        marked=found.get("marked-"),
        root=file.root,
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
