"""The collector's ledger (`ledger.db`): what became of every message received, per source and hour, for good.

It is derived. The counts and rejects of an inbox file are taken in once, by its number, before the file
is unlinked; whoever reads adds those of the files that are still there. What the store refuses at the
flush, although the door took it, is noted here by its sequence number and counted as rejected instead of
accepted. So accepted + duplicate + rejected + withheld = received, always.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from periplus.clock import UNITS
from periplus.errors import StoreError
from periplus.store import inbox_file
from periplus.store.inbox_file import ADD_COUNT, Counts

MOST_REJECTS = 200_000
"""Rejects that are kept with their payload, the newest."""
PLACES = 1_000_000_000
"""A reject's id is its inbox file's number times this, plus its place there."""
HOUR = UNITS["h"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS taken_in (file INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS counts (source TEXT NOT NULL, hour INTEGER NOT NULL, outcome TEXT NOT NULL,
    number INTEGER NOT NULL, PRIMARY KEY (source, hour, outcome)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rejects (id INTEGER PRIMARY KEY, source TEXT NOT NULL, dialect TEXT NOT NULL,
    received INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, payload BLOB NOT NULL, whole INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS rejects_received ON rejects (received);
CREATE TABLE IF NOT EXISTS replayed (id INTEGER PRIMARY KEY, at INTEGER NOT NULL);
"""


@dataclass(frozen=True)
class Reject:
    """A refused message: why, what to do, and what came, as JSON; `whole` unless it was shortened."""

    id: int
    source: str
    dialect: str
    received: int
    reason: str
    message: str
    payload: bytes
    whole: bool
    replayed: int | None = None


def take_in(root: Path, file: int, inbox: sqlite3.Connection) -> None:
    """Add the counts and rejects of an inbox file, once: a second time changes nothing."""
    with _writing(root) as ledger:
        if ledger.execute("INSERT OR IGNORE INTO taken_in VALUES (?)", (file,)).rowcount:
            ledger.executemany(ADD_COUNT, [(*at, n) for at, n in inbox_file.counts(inbox).items()])
            rows = ((file * PLACES + row[0], *row[1:]) for row in inbox_file.rejects(inbox))
            ledger.executemany("INSERT OR IGNORE INTO rejects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            ledger.execute(
                "DELETE FROM rejects WHERE id IN (SELECT id FROM rejects ORDER BY received DESC LIMIT -1 OFFSET ?)",
                (MOST_REJECTS,),
            )


def refuse(root: Path, refused: Sequence[Reject], outcome: str = "rejected") -> None:
    """Note events that the store would not take, though the door had: `id` is minus the sequence number.

    Each counts once, however often it is noted.
    """
    with _writing(root) as ledger:
        for row in refused:
            values = (
                row.id,
                row.source,
                row.dialect,
                row.received,
                row.reason,
                row.message,
                row.payload,
                row.whole,
            )
            added = ledger.execute("INSERT OR IGNORE INTO rejects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
            if added.rowcount:
                hour = row.received - row.received % HOUR
                ledger.execute(ADD_COUNT, (row.source, hour, "accepted", -1))
                ledger.execute(ADD_COUNT, (row.source, hour, outcome, 1))


def mark_replayed(root: Path, ids: Sequence[int], at: int) -> None:
    """Note when rejects were sent through the door once more."""
    with _writing(root) as ledger:
        ledger.executemany("INSERT OR REPLACE INTO replayed VALUES (?, ?)", [(id_, at) for id_ in ids])


def counts(root: Path) -> Counts:
    """By (source, hour of receipt in µs, outcome): what became of everything received up to now."""
    parts = [(file, found) for file, _, found in _files(root, inbox_file.counts)]
    with _reading(root) as ledger:
        if ledger is None:
            total, known = {}, set()
        else:
            total = inbox_file.counts(ledger)
            known = _taken_in(ledger)
    for file, found in parts:
        for at, number in found.items() if file not in known else ():
            total[at] = total.get(at, 0) + number
    return {at: number for at, number in total.items() if number}


def rejects(
    root: Path,
    *,
    source: str | None = None,
    limit: int = 100,
    offset: int = 0,
    ids: Sequence[int] | None = None,
) -> list[Reject]:
    """Refused messages, the newest first; those of `ids` where they are given."""
    found: dict[int, Reject] = {}
    for file, _, rows in _files(root, inbox_file.rejects):
        for row in rows:
            reject = _reject((file * PLACES + row[0], *row[1:]))
            found[reject.id] = reject
    replayed: dict[int, int] = {}
    with _reading(root) as ledger:
        if ledger is not None:
            where, values = "", list[object]()
            if ids is not None:
                where, values = f"WHERE id IN ({', '.join('?' * len(ids))})", [*ids]
            elif source is not None:
                where, values = "WHERE source = ?", [source]
            rows = ledger.execute(
                f"SELECT * FROM rejects {where} ORDER BY received DESC, id DESC LIMIT ?",
                [*values, limit + offset if ids is None else len(ids)],
            )
            found |= {row[0]: _reject(row) for row in rows}
            replayed = dict(ledger.execute("SELECT id, at FROM replayed").fetchall())
    chosen = [
        Reject(row.id, row.source, row.dialect, row.received, row.reason, row.message, row.payload, row.whole,
               replayed.get(row.id))
        for row in found.values()
        if (source is None or row.source == source) and (ids is None or row.id in ids)
    ]  # fmt: skip
    chosen.sort(key=lambda row: (row.received, row.id), reverse=True)
    return chosen if ids is not None else chosen[offset : offset + limit]


def _reject(row: tuple[Any, ...]) -> Reject:
    id_, source, dialect, received, reason, message, payload, whole = row
    return Reject(id_, source, dialect, received, reason, message, payload, bool(whole))


def last_file(root: Path) -> int:
    """The highest number of an inbox file that was taken in; 0 where none was."""
    with _reading(root) as ledger:
        return max(_taken_in(ledger), default=0) if ledger is not None else 0


def _taken_in(ledger: sqlite3.Connection) -> set[int]:
    return {row[0] for row in ledger.execute("SELECT file FROM taken_in")}


def _files(root: Path, read):  # type: ignore[no-untyped-def]
    """(number, path, what `read` finds) of every inbox file; one that goes meanwhile is in the ledger by then."""
    found = []
    for path in inbox_file.files(root / "inbox"):
        try:
            with closing(inbox_file.open_to_read(path)) as connection:
                found.append((inbox_file.number(path), path, read(connection)))
        except sqlite3.OperationalError:
            if path.exists():
                raise
    return found


@contextmanager
def _writing(root: Path) -> Iterator[sqlite3.Connection]:
    path = root / "ledger.db"
    try:
        with closing(inbox_file.connect(path)) as ledger:
            ledger.executescript(_SCHEMA)
            ledger.execute("BEGIN IMMEDIATE")
            yield ledger
            ledger.execute("COMMIT")
    except sqlite3.Error as problem:
        raise StoreError(
            f"{path} cannot be written: {problem}.", code="ledger", hint="Look at the disk: how full it is."
        ) from None


@contextmanager
def _reading(root: Path) -> Iterator[sqlite3.Connection | None]:
    path = root / "ledger.db"
    if not path.exists() or not path.stat().st_size:
        yield None
        return
    try:
        with closing(inbox_file.open_to_read(path)) as ledger:
            ready = ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'replayed'").fetchone()
            yield ledger if ready else None
    except sqlite3.Error as problem:
        raise StoreError(
            f"{path} cannot be read: {problem}.", code="ledger", hint="Look at the disk."
        ) from None
