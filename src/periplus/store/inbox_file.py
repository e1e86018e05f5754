"""One file of the inbox: what the collector received, in the order of receipt, on disk before anybody is told so.

    events   seq (over all files ascending), key (16 bytes), dialect, source, received (µs), message (JSON);
             `again` is 1 for one that an import had brought already: it is kept as the collector's claim
    counts   source, hour of receipt (µs), outcome, number
    rejects  source, dialect, received (µs), reason, message (what to do), payload (JSON), whole (not shortened)

SQLite in WAL mode with `synchronous=FULL`; the log is never folded back while the file grows, since the
whole file goes as soon as its events are in the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, key BLOB NOT NULL, dialect TEXT NOT NULL,
    source TEXT NOT NULL, received INTEGER NOT NULL, again INTEGER NOT NULL, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS counts (source TEXT NOT NULL, hour INTEGER NOT NULL, outcome TEXT NOT NULL,
    number INTEGER NOT NULL, PRIMARY KEY (source, hour, outcome)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejects (id INTEGER PRIMARY KEY, source TEXT NOT NULL, dialect TEXT NOT NULL,
    received INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, payload BLOB NOT NULL, whole INTEGER NOT NULL);
"""
ADD_COUNT = (
    "INSERT INTO counts VALUES (?, ?, ?, ?) "
    "ON CONFLICT (source, hour, outcome) DO UPDATE SET number = number + excluded.number"
)
ADD_REJECT = "INSERT INTO rejects (source, dialect, received, reason, message, payload, whole) VALUES (?, ?, ?, ?, ?, ?, ?)"

AT_ONCE = (512, 128, 32, 8, 1)
_ADD_EVENTS = {
    size: f"INSERT INTO events VALUES {', '.join(['(?, ?, ?, ?, ?, ?, ?)'] * size)}" for size in AT_ONCE
}

EventRow = tuple[int, bytes, str, str, int, int, bytes]
"""(seq, key, dialect, source, received, again, message)"""
RejectRow = tuple[str, str, int, str, str, bytes, int]
Counts = dict[tuple[str, int, str], int]
"""By (source, hour of receipt in µs, outcome)."""


@dataclass(frozen=True)
class Received:
    """An event as it waits in the inbox: the message as JSON, times in microseconds UTC."""

    seq: int
    dialect: str
    source: str
    received: int
    message: bytes


def files(folder: Path) -> list[Path]:
    """The files of an inbox, the oldest first."""
    return sorted(folder.glob("[0-9]*.db"))


def number(path: Path) -> int:
    return int(path.stem)


def connect(path: Path) -> sqlite3.Connection:
    """Open a database for durable writing, by hand-made transactions, from any thread."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA busy_timeout=10000")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def create(path: Path) -> sqlite3.Connection:
    """Open a file for writing, new or left by a process that was killed; raises sqlite3.Error."""
    connection = connect(path)
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a database that somebody may be writing; raises sqlite3.OperationalError if it is gone."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout=10000")
    connection.execute("PRAGMA query_only=ON")
    return connection


def add_events(connection: sqlite3.Connection, rows: Sequence[EventRow]) -> None:
    """Add events, many with one statement.

    Python's SQLite lets other threads run at every statement, and then waits for its turn again. With
    one statement an event, the requests that are being read would starve the writer.
    """
    start = 0
    for size in AT_ONCE:
        while len(rows) - start >= size:
            flat = chain.from_iterable(rows[start : start + size])
            connection.execute(_ADD_EVENTS[size], tuple(flat))
            start += size


def read(folder: Path, after: int, most: int, most_bytes: int) -> list[Received]:
    """The events of an inbox after a sequence number, in order, up to a number and (about) a size in bytes."""
    found: list[Received] = []
    size = 0
    for path in files(folder):
        try:
            connection = open_to_read(path)
        except sqlite3.OperationalError:
            if path.exists():
                raise
            continue  # the store has all of it
        try:
            rows = connection.execute(
                "SELECT seq, dialect, source, received, message FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
                (after, most - len(found)),
            )
            for row in rows:
                found.append(Received(*row))
                size += len(found[-1].message)
                if size >= most_bytes or len(found) >= most:
                    return found
        finally:
            connection.close()
    return found


def keys_after(connection: sqlite3.Connection, after: int) -> set[bytes]:
    return {row[0] for row in connection.execute("SELECT key FROM events WHERE seq > ?", (after,))}


def last_seq(connection: sqlite3.Connection) -> int:
    """The highest sequence number, 0 where there is no event."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def counts(connection: sqlite3.Connection) -> Counts:
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute("SELECT * FROM counts")}


def rejects(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """(id, source, dialect, received, reason, message, payload, whole), the oldest first."""
    return connection.execute("SELECT * FROM rejects ORDER BY id").fetchall()


def remove(path: Path) -> None:
    """Unlink a file, its log and its index; numbers are never given again, so an orphaned log harms nobody."""
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
