"""Files of events: immutable Parquet, sorted, with the hot columns beside them as memory-mapped arrays.

A file holds three sections in this order: 0, events of journeys; 1, events nobody can be named for;
2, statements (identify, group, alias). Sections 3, 4 and 5 are the same three of marked events: those of
bots and internal traffic, which are left out unless asked for. Within a section rows are sorted by
(customer, time, sequence, key). As a shard is a range of customers, each shard's journey events are one
run of rows, and so are its marked ones.
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
from periplus.store import door, properties

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

MARKED = 3
"""What is added to the section of an event that is marked; `section % MARKED` says what it is."""
ORDER = ("section", "customer", "time", "sequence", "key_hi", "key_lo")
PARQUET = "FORMAT PARQUET, PARQUET_VERSION V2, COMPRESSION SNAPPY, ROW_GROUP_SIZE 122880"
"""How event files are written: encodings of the second version, which are smaller and faster to write here."""


@dataclass(frozen=True)
class Marked:
    """The marked events of a file, described as the others are: row offsets of the shards, counts, times."""

    shards: list[int]
    names: dict[str, int]
    nameless: int
    statements: int
    first_time: int | None
    last_time: int | None


@dataclass(frozen=True)
class EventFile:
    """One file of events and what must be known to read it without opening it.

    `number` grows with every file written; `shards` are row offsets, one more than there are shards:
    the journey events of shard i are rows shards[i]:shards[i+1]. `columns` maps a shredded path to its
    kind, `rest` lists the paths that occur in the rest column (None: unknown). `names` counts the
    journey and nameless events by name, `properties` holds for each path the number of rows that have it and its
    frequent values, `batches` counts rows by batch. All of this but `rows`, `properties` and `batches` is said
    without the events in `marked` (None: there are none).
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
    marked: Marked | None = None
    root: Path = Path()

    @property
    def path(self) -> Path:
        return self.root / f"{self.name}.parquet"

    @property
    def people(self) -> Path:
        """Parquet of (customer, user_id, anonymous_id, email, phone, first, last, events): who is in the file.

        The customer 0 has the identifiers of events that are nobody's.
        """
        return self.root / f"{self.name}.people.parquet"

    @property
    def marked_people(self) -> Path:
        """The same of the marked events; only where there are any."""
        return self.root / f"{self.name}.marked-people.parquet"

    @property
    def journey_rows(self) -> int:
        return self.shards[-1]

    @property
    def plain_rows(self) -> int:
        """Rows that are not marked: the first of the file."""
        return self.shards[-1] + self.nameless + self.statements

    def hot_rows(self, column: str, start: int, stop: int) -> np.ndarray:
        """Rows start:stop of a hot column, all of one section: journey events, or marked ones."""
        if start < self.plain_rows:
            return self.hot(column)[start:stop]
        return self.hot(f"marked-{column}")[start - self.plain_rows : stop - self.plain_rows]

    def customers(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Customers and offsets of the rows start:stop, all of one section; shards never cut through a customer."""
        kind, base = ("", 0) if start < self.plain_rows else ("marked-", self.plain_rows)
        offsets = self.hot(f"{kind}offsets")
        first, last = np.searchsorted(offsets, [start - base, stop - base])
        return self.hot(f"{kind}customers")[first:last], np.asarray(offsets[first : last + 1]) - (
            start - base
        )

    def hot(self, column: str) -> np.ndarray:
        """A hot column of the journey events, memory-mapped: time, name, sequence, key_hi or key_lo."""
        # Copy-on-write rather than read-only: compiled loops take plain writable arrays, and none writes.
        try:
            loaded: np.ndarray = np.load(self.root / f"{self.name}.{column}.npy", mmap_mode="c")
        except FileNotFoundError:  # an erasure leaves nobody the old files
            raise door.gone() from None
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
    if document.get("marked"):
        document["marked"] = Marked(**document["marked"])
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
        _people(connection, path, root / f"{name}.people.parquet", f"section < {MARKED}")
        described = _describe(connection, root, name, number, columns, rest, names, shards)
        if described.marked is not None:
            _people(connection, path, root / f"{name}.marked-people.parquet", f"section >= {MARKED}")
    except duckdb.Error as problem:
        raise door.explain(problem, "writing the events") from None
    except OSError as problem:
        raise os_problem(problem, path) from None
    described.save()
    return described


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
    sizes = dict(connection.execute(f"SELECT section, count(*) FROM {source} GROUP BY section").fetchall())
    journeys, nameless, statements, *beside = (sizes.get(section, 0) for section in range(2 * MARKED))
    _sidecars(connection, root, name, source, 0, journeys, names)
    plain = journeys + nameless + statements
    first, last, counted = _counted(connection, source, 0)
    marked = None
    if any(beside):
        _sidecars(connection, root, name, source, MARKED, beside[0], names)
        edges = [plain + edge for edge in _edges(root, f"{name}.marked-", beside[0], shards)]
        early, late, events = _counted(connection, source, MARKED)
        marked = Marked(edges, events, beside[1], beside[2], early, late)
    batches = connection.execute(f"SELECT batch, count(*) FROM {source} GROUP BY batch").fetchall()
    return EventFile(
        name=name,
        number=number,
        rows=plain + sum(beside),
        shards=_edges(root, f"{name}.", journeys, shards),
        columns=columns,
        rest=None if rest is None else list(rest),
        names=counted,
        batches={int(batch): int(count) for batch, count in sorted(batches)},
        nameless=nameless,
        statements=statements,
        first_time=first,
        last_time=last,
        properties=properties.counted(
            connection, door.file_list([root / f"{name}.parquet"]), columns, plain + sum(beside)
        ),
        marked=marked,
        root=root,
    )


def _counted(
    connection: door.Connection, source: str, base: int
) -> tuple[int | None, int | None, dict[str, int]]:
    """First and last time, and the events by name, of the journey and nameless events from section `base` on."""
    where = f"WHERE section IN ({base}, {base + 1})"
    first, last = _one(connection, f"SELECT min(time), max(time) FROM {source} {where}")
    counted = connection.execute(f"SELECT event, count(*) FROM {source} {where} GROUP BY event").fetchall()
    return first, last, {event: int(count) for event, count in sorted(counted)}


def _edges(root: Path, prefix: str, rows: int, shards: int) -> list[int]:
    """Where each shard begins among the rows of a section, and the end of the last."""
    customers = np.load(root / f"{prefix}customers.npy", mmap_mode="r")
    offsets = np.load(root / f"{prefix}offsets.npy", mmap_mode="r")
    bounds = [shard_start(index, shards) for index in range(1, shards)]
    cuts = (
        np.searchsorted(customers, np.array(bounds, np.uint64), "left") if bounds else np.zeros(0, np.int64)
    )
    return [0, *(int(offsets[cut]) for cut in cuts), rows]


def _one(connection: door.Connection, sql: str) -> tuple[Any, ...]:
    return tuple(connection.execute(sql).fetchall()[0])


def _sidecars(
    connection: door.Connection,
    root: Path,
    name: str,
    source: str,
    section: int,
    journeys: int,
    names: list[str],
) -> None:
    """Hot columns of the journey events (or the marked ones), and the customers with the offsets of their rows."""
    connection.execute("DROP TYPE IF EXISTS event_names")
    listed = ", ".join(door.literal(event) for event in names)
    connection.execute(f"CREATE TYPE event_names AS ENUM ({listed})" if names else "SELECT 1")
    code = "enum_code(event::event_names)::USMALLINT" if names else "0::USMALLINT"

    kind = "marked-" if section == MARKED else ""

    def save(label: str, values: np.ndarray) -> None:
        np.save(root / f"{name}.{kind}{label}.npy", values)

    head = f"FROM {source} WHERE section = {section}"
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


def shard_start(index: int, shards: int) -> int:
    """The least customer hash of a shard: shards are equal ranges of the 64 bits."""
    return -(-(index << 64) // shards)
