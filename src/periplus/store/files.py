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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

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

MARKED = 3
"""What is added to the section of an event that is marked; `section % MARKED` says what it is."""
ORDER = ("section", "customer", "time", "sequence", "key_hi", "key_lo")
ROW_GROUP = 122_880
"""Rows of a group: what DuckDB reads at a time."""
PARQUET = f"FORMAT PARQUET, PARQUET_VERSION V2, COMPRESSION SNAPPY, ROW_GROUP_SIZE {ROW_GROUP}"
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


_SYNCED = 8
"""Files that are brought to the disk at the same time."""


def sync_files(folder: Path, pattern: str) -> None:
    """Make the files of `folder` that match, and their names, survive a power cut."""
    try:
        with ThreadPoolExecutor(_SYNCED) as pool:  # each waits for the disk, which takes several at once
            list(pool.map(sync_folder, folder.glob(pattern)))
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


def shard_start(index: int, shards: int) -> int:
    """The least customer hash of a shard: shards are equal ranges of the 64 bits."""
    return -(-(index << 64) // shards)
