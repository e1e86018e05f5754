"""One file of the inbox: what the collector received, in the order of receipt, on disk before anybody is told so.

    events   a piece: consecutive events of one source and dialect. seq is that of the last one (over all files
             ascending); keys (16 bytes each), received (µs, int64 each), again (a byte each: 1 for one that an import
             had brought already, and which is kept as the collector's claim), sizes (uint32 each) of the messages
             (JSON), which stand one after another. A message of no bytes was taken out again
    counts   source, hour of receipt (µs), outcome, number
    rejects  source, dialect, received (µs), reason, message (what to do), payload (JSON), whole (not shortened)

SQLite in WAL mode with `synchronous=FULL`; the log is never folded back while the file grows, since the
whole file goes as soon as its events are in the store. Numbers are little-endian.
"""

from __future__ import annotations

import sqlite3
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

SCHEMA = """
CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, source TEXT NOT NULL, dialect TEXT NOT NULL, keys BLOB NOT NULL,
    received BLOB NOT NULL, again BLOB NOT NULL, sizes BLOB NOT NULL, messages BLOB NOT NULL);
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
_ADD_PIECE = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

RejectRow = tuple[str, str, int, str, str, bytes, int]
Counts = dict[tuple[str, int, str], int]
"""By (source, hour of receipt in µs, outcome)."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """An event as it waits in the inbox: the message as JSON, times in microseconds UTC."""

    seq: int
    dialect: str
    source: str
    received: int
    message: bytes


@dataclass(slots=True)
class Piece:
    """Consecutive events of one source and dialect, as the columns of what is written in one row."""

    source: str
    dialect: str
    keys: list[bytes] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    again: bytearray = field(default_factory=bytearray)
    messages: list[bytes] = field(default_factory=list)

    def add(
        self, keys: Sequence[bytes], received: Sequence[int], again: bytes, messages: Sequence[bytes]
    ) -> None:
        self.keys += keys
        self.received += received
        self.again += again
        self.messages += messages

    def row(self, last: int) -> tuple[Any, ...]:
        """What is written; `last` is the sequence number of the last event."""
        number = len(self.keys)
        return (
            last,
            self.source,
            self.dialect,
            b"".join(self.keys),
            struct.pack(f"<{number}q", *self.received),
            bytes(self.again),
            *_packed(self.messages),
        )


def _packed(messages: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The sizes of some messages, and the messages one after another."""
    return struct.pack(f"<{len(messages)}I", *map(len, messages)), b"".join(messages)


def _cut(messages: bytes, sizes: bytes) -> list[bytes]:
    """The messages of a piece, each by itself."""
    ends = [0, *accumulate(struct.unpack(f"<{len(sizes) // 4}I", sizes))]
    return [messages[start:end] for start, end in pairwise(ends)]


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
        write_ahead(connection)
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def write_ahead(connection: sqlite3.Connection, wait: float = 10.0) -> None:
    """Have a database keep a write-ahead log; wait up to `wait` seconds where others do that at the same moment.

    The busy timeout does not hold for it: of two that do it at once SQLite refuses one on the spot.
    """
    until = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(0.01)


def create(path: Path) -> sqlite3.Connection:
    """Open a file for writing, new or left by a process that was killed; raises sqlite3.Error."""
    connection = connect(path)
    try:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        _bring_up_to_date(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Rewrite a file of the first form, which had a row for each event."""
    if "key" not in [row[1] for row in connection.execute("PRAGMA table_info(events)")]:
        return
    old = "SELECT seq, source, dialect, key, received, again, message FROM single"
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ALTER TABLE events RENAME TO single")
    connection.execute(SCHEMA.strip().partition(";")[0])
    for seq, source, dialect, key, received, again, message in connection.execute(old).fetchall():
        piece = Piece(source, dialect, [key], [received], bytearray([again]), [message])
        connection.execute(_ADD_PIECE, piece.row(seq))
    connection.execute("DROP TABLE single")
    connection.execute("COMMIT")


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a database that somebody may be writing; raises sqlite3.OperationalError if it is gone."""
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA busy_timeout=10000")
    connection.execute("PRAGMA query_only=ON")
    return connection


def add_events(connection: sqlite3.Connection, pieces: Sequence[Piece], last: int) -> int:
    """Add events after the sequence number `last`; returns the new last one.

    Python's SQLite lets other threads run at every statement, and then waits for its turn again; a statement a
    piece is few, and costs less than one an event.
    """
    for piece in pieces:
        if not piece.keys:
            continue
        last += len(piece.keys)
        connection.execute(_ADD_PIECE, piece.row(last))
    return last


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
            wanted = "SELECT seq, source, dialect, received, sizes, messages FROM events WHERE seq > ? ORDER BY seq"
            for last, source, dialect, received, sizes, messages in connection.execute(wanted, (after,)):
                times = struct.unpack(f"<{len(received) // 8}q", received)
                first = last - len(times) + 1
                events = [
                    Received(seq, dialect, source, time, message)
                    for seq, (time, message) in enumerate(
                        zip(times, _cut(messages, sizes), strict=True), first
                    )
                ]
                found += events[max(0, after + 1 - first) :]
                size += len(messages)
                if size >= most_bytes or len(found) >= most:
                    return found[:most]
        finally:
            connection.close()
    return found


def messages(connection: sqlite3.Connection, upto: int) -> Iterator[tuple[int, bytes]]:
    """The messages up to a sequence number, each with its own; those that were taken out are left out."""
    wanted = "SELECT seq, sizes, messages FROM events ORDER BY seq"
    for last, sizes, packed in connection.execute(wanted):
        for seq, message in enumerate(_cut(packed, sizes), last - len(sizes) // 4 + 1):
            if seq > upto:
                return
            if message:
                yield seq, message


def blank(connection: sqlite3.Connection, seqs: Iterable[int]) -> None:
    """Take the messages of some sequence numbers out, which the store must have by then; their places stay."""
    holding = "SELECT seq, sizes, messages FROM events WHERE seq >= ? ORDER BY seq LIMIT 1"
    for seq in seqs:
        last, sizes, packed = connection.execute(holding, (seq,)).fetchone()
        parts = _cut(packed, sizes)
        parts[seq - last - 1] = b""
        connection.execute("UPDATE events SET sizes = ?, messages = ? WHERE seq = ?", (*_packed(parts), last))


def keys_after(connection: sqlite3.Connection, after: int) -> set[bytes]:
    found: set[bytes] = set()
    for last, packed in connection.execute("SELECT seq, keys FROM events WHERE seq > ?", (after,)):
        first = last - len(packed) // 16 + 1
        found |= {
            packed[place : place + 16] for place in range(16 * max(0, after + 1 - first), len(packed), 16)
        }
    return found


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
