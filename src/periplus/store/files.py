"""Files of events: immutable Parquet, sorted, with the hot columns beside them as memory-mapped arrays.

A file holds three sections in this order: 0, events of journeys; 1, events nobody can be named for;
2, statements (identify, group, alias). Within a section rows are sorted by (customer, time, sequence,
key). As a shard is a range of customers, each shard's journey events are one run of rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from periplus.errors import StoreError
from periplus.store import door

FIXED = {
    "section": "UTINYINT",
    "customer": "UBIGINT",
    "time": "BIGINT",
    "sequence": "BIGINT",
    "own_sequence": "BIGINT",
    "key_hi": "UBIGINT",
    "key_lo": "UBIGINT",
    "batch": "INTEGER",
    "type": "VARCHAR",
    "event": "VARCHAR",
    "original": "VARCHAR",
    "source": "VARCHAR",
    "channel": "VARCHAR",
    "department": "VARCHAR",
    "user_id": "VARCHAR",
    "anonymous_id": "VARCHAR",
    "email": "VARCHAR",
    "phone": "VARCHAR",
    "previous_id": "VARCHAR",
    "message_id": "VARCHAR",
    "received_at": "BIGINT",
    "consent": "VARCHAR",
}
"""Physical columns every file has, with their SQL types; shredded ones and `rest` follow."""

ORDER = ("section", "customer", "time", "sequence", "key_hi", "key_lo")
PARQUET = "FORMAT PARQUET, PARQUET_VERSION V2, COMPRESSION SNAPPY, ROW_GROUP_SIZE 122880"
"""How event files are written: encodings of the second version, which are smaller and faster to write here."""
SAMPLE = 250_000
"""Rows a file's frequent values are taken from; as customers lie in the order of a hash, the first are a fair sample."""
FREQUENT = 40
"""How many of a property's most frequent values a file remembers, as suggestions."""


@dataclass(frozen=True)
class EventFile:
    """One file of events and what must be known to read it without opening it.

    `number` grows with every file written; `shards` are row offsets, one more than there are shards:
    the journey events of shard i are rows shards[i]:shards[i+1]. `columns` maps a shredded path to its
    kind, `rest` lists the paths that occur in the rest column (None: unknown). `names` counts the
    journey and nameless events by name, `properties` holds for each path the number of rows that have it and its
    frequent values, `batches` counts rows by batch.
    """

    name: str
    number: int
    rows: int
    shards: list[int]
    columns: dict[str, str]
    rest: list[str] | None
    names: dict[str, int]
    batches: dict[int, int]
    nameless: int
    statements: int
    first_time: int | None
    last_time: int | None
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)
    root: Path = Path()

    @property
    def path(self) -> Path:
        return self.root / f"{self.name}.parquet"

    @property
    def people(self) -> Path:
        """Parquet of (customer, user_id, anonymous_id, email, phone, first, last, events): who is in the file."""
        return self.root / f"{self.name}.people.parquet"

    @property
    def journey_rows(self) -> int:
        return self.shards[-1]

    def hot(self, column: str) -> np.ndarray:
        """A hot column of the journey events, memory-mapped: time, name, sequence, key_hi or key_lo."""
        # Copy-on-write rather than read-only: compiled loops take plain writable arrays, and none writes.
        loaded: np.ndarray = np.load(self.root / f"{self.name}.{column}.npy", mmap_mode="c")
        return loaded

    def remove(self) -> None:
        """Delete the file and its sidecars: for one that turned out empty, and is in no version."""
        for path in self.path.parent.glob(f"{self.path.stem}.*"):
            path.unlink()

    def save(self) -> None:
        """Write the description beside the Parquet file, durably."""
        document = asdict(self)
        del document["root"]
        write_durably(self.root / f"{self.name}.json", json.dumps(document, ensure_ascii=False).encode())


def load(root: Path, name: str) -> EventFile:
    """The description of a file; raises StoreError if it is gone or unreadable."""
    try:
        document = json.loads((root / f"{name}.json").read_bytes())
    except (OSError, ValueError):
        raise StoreError(
            f"The workspace lacks the file {name}.json.",
            code="damaged",
            hint="Restore the workspace from a backup, or import its files again.",
        ) from None
    document["batches"] = {int(batch): rows for batch, rows in document["batches"].items()}
    return EventFile(**document, root=root)


def write_durably(path: Path, content: bytes) -> None:
    """Write aside, fsync, rename, fsync the folder: after a crash the old or the new content is there whole."""
    aside = path.with_name(path.name + ".new")
    try:
        with aside.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    except OSError as problem:
        raise os_problem(problem, path) from None


def sync_folder(folder: Path) -> None:
    """Make renames and new names in `folder`, or the content of a file, survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_files(folder: Path, pattern: str) -> None:
    """Make the files of `folder` that match, and their names, survive a power cut."""
    try:
        for path in folder.glob(pattern):
            sync_folder(path)
        sync_folder(folder)
    except OSError as problem:
        raise os_problem(problem, folder / pattern) from None


def os_problem(problem: OSError, path: Path) -> StoreError:
    """A failed write as one plain sentence."""
    import errno

    # NumPy says of an array that was not written whole only that, without a number.
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None):
        return StoreError(
            f"The disk of {path.parent} is full; nothing was changed.",
            code="disk_full",
            hint="Free some room on that disk and run it again.",
        )
    return StoreError(
        f"{path} cannot be written: {problem.strerror}.",
        code="unwritable",
        hint="Give this user the right to write there, or name another place.",
    )


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
) -> EventFile:
    """Write the rows of `select` (all physical columns, any order) as a sorted file with its sidecars.

    `names` is the workspace's list of event names and must hold every name in the rows.
    """
    folder = (root / name).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise os_problem(problem, folder / "events") from None
    path = root / f"{name}.parquet"
    listed = [door.quoted(column) for column in (*FIXED, *columns, "rest")]
    try:
        connection.execute(
            f"COPY (SELECT {', '.join(listed)} FROM ({select}) ORDER BY {', '.join(ORDER)}) "
            f"TO {door.literal(str(path))} ({PARQUET})"
        )
        connection.execute(
            "COPY (SELECT customer, user_id, anonymous_id, email, phone, min(time) AS first, max(time) AS last, "
            f"count(*) AS events FROM read_parquet({door.file_list([path])}) WHERE customer <> 0 GROUP BY ALL "
            f"ORDER BY customer) TO {door.literal(str(root / f'{name}.people.parquet'))} "
            "(FORMAT PARQUET, COMPRESSION ZSTD, COMPRESSION_LEVEL 1)"
        )
        described = _describe(connection, root, name, number, columns, rest, names, shards)
    except duckdb.Error as problem:
        raise door.explain(problem, "writing the events") from None
    except OSError as problem:
        raise os_problem(problem, path) from None
    described.save()
    return described


def _describe(
    connection: door.Connection,
    root: Path,
    name: str,
    number: int,
    columns: dict[str, str],
    rest: Sequence[str] | None,
    names: list[str],
    shards: int,
) -> EventFile:
    source = f"read_parquet({door.file_list([root / f'{name}.parquet'])})"
    journeys, nameless, statements = (
        int(count)
        for count in _one(
            connection,
            "SELECT count(*) FILTER (section = 0), count(*) FILTER (section = 1), count(*) FILTER (section = 2) "
            f"FROM {source}",
        )
    )
    _sidecars(connection, root, name, source, journeys, names)
    customers = np.load(root / f"{name}.customers.npy", mmap_mode="r")
    offsets = np.load(root / f"{name}.offsets.npy", mmap_mode="r")
    bounds = [shard_start(index, shards) for index in range(1, shards)]
    cuts = (
        np.searchsorted(customers, np.array(bounds, np.uint64), "left") if bounds else np.zeros(0, np.int64)
    )
    edges = [0, *(int(offsets[cut]) for cut in cuts), journeys]
    first, last = _one(connection, f"SELECT min(time), max(time) FROM {source} WHERE section < 2")
    counted = connection.execute(
        f"SELECT event, count(*) FROM {source} WHERE section < 2 GROUP BY event"
    ).fetchall()
    batches = connection.execute(f"SELECT batch, count(*) FROM {source} GROUP BY batch").fetchall()
    return EventFile(
        name=name,
        number=number,
        rows=journeys + nameless + statements,
        shards=edges,
        columns=columns,
        rest=None if rest is None else list(rest),
        names={event: int(count) for event, count in sorted(counted)},
        batches={int(batch): int(count) for batch, count in sorted(batches)},
        nameless=nameless,
        statements=statements,
        first_time=first,
        last_time=last,
        properties=_properties(
            connection, door.file_list([root / f"{name}.parquet"]), columns, journeys + nameless + statements
        ),
        root=root,
    )


def _one(connection: door.Connection, sql: str) -> tuple[Any, ...]:
    return tuple(connection.execute(sql).fetchall()[0])


def _sidecars(
    connection: door.Connection, root: Path, name: str, source: str, journeys: int, names: list[str]
) -> None:
    """Hot columns of the journey events, and the customers with the offsets of their rows."""
    connection.execute("DROP TYPE IF EXISTS event_names")
    listed = ", ".join(door.literal(event) for event in names)
    connection.execute(f"CREATE TYPE event_names AS ENUM ({listed})" if names else "SELECT 1")
    code = "enum_code(event::event_names)::USMALLINT" if names else "0::USMALLINT"

    def save(label: str, values: np.ndarray) -> None:
        np.save(root / f"{name}.{label}.npy", values)

    head = f"FROM {source} WHERE section = 0"
    for label, expression in (
        ("time", "time"),
        ("name", code),
        ("sequence", "sequence"),
        ("key_hi", "key_hi"),
        ("key_lo", "key_lo"),
    ):
        values = connection.execute(f"SELECT {expression} AS v {head}").fetchnumpy()["v"]
        save(label, np.ascontiguousarray(values))
    owner = np.asarray(connection.execute(f"SELECT customer AS v {head}").fetchnumpy()["v"], np.uint64)
    starts = (
        np.flatnonzero(np.concatenate(([True], owner[1:] != owner[:-1])))
        if journeys
        else np.zeros(0, np.int64)
    )
    save("customers", owner[starts])
    save("offsets", np.append(starts, journeys).astype(np.int64))


def _properties(
    connection: door.Connection, files_sql: str, columns: dict[str, str], rows: int
) -> dict[str, dict[str, Any]]:
    """For each shredded path: rows that have it and, for texts and booleans, the frequent values."""
    if not columns:
        return {}
    source = f"read_parquet({files_sql})"
    paths = list(columns)
    # The file's own statistics say how many rows have a column; nothing needs to be read for it.
    nulls = dict(
        connection.execute(
            f"SELECT path_in_schema, sum(coalesce(stats_null_count, 0)) FROM parquet_metadata({files_sql}) GROUP BY 1"
        ).fetchall()
    )
    found: dict[str, dict[str, Any]] = {
        path: {"rows": rows - int(nulls.get(path, 0)), "values": []} for path in paths
    }
    texts = [path for path in paths if columns[path] in ("VARCHAR", "BOOLEAN") and found[path]["rows"]]
    if texts:
        # These are suggestions and the ground of "never seen" hints, not answers: a sample is enough.
        sampled = ", ".join(f"approx_top_k({door.quoted(path)}, {FREQUENT})" for path in texts)
        row = _one(connection, f"SELECT {sampled} FROM (SELECT * FROM {source} LIMIT {SAMPLE})")
        for path, values in zip(texts, row, strict=True):
            found[path]["values"] = [str(value)[:200] for value in values or () if value is not None]
    return found


def shard_start(index: int, shards: int) -> int:
    """The least customer hash of a shard: shards are equal ranges of the 64 bits."""
    return -(-(index << 64) // shards)
