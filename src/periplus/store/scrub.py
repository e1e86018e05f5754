"""Texts about somebody taken out of the databases: inbox files, the ledger, the operational state.

SQLite overwrites what is deleted (`secure_delete`), its log is emptied afterwards, and files in which rows were
deleted before are written anew, so that neither pages, free pages nor the log hold it still.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from periplus.errors import StoreError
from periplus.store import inbox_file
from periplus.store.state import State, consents, deviations, documents, notes, sightings, turns

About = Callable[[bytes], bool]
AT_ONCE = 500
NOTHING = b"null"
"""What stands in the place of a payload that was taken out."""


@dataclass
class Count:
    """How many rows of how many files or tables, and their bytes."""

    files: int = 0
    rows: int = 0
    bytes: int = 0


def last_received(root: Path) -> int:
    """The highest sequence number in the files of the inbox, 0 where there is no event."""
    found = 0
    for path in inbox_file.files(root / "inbox"):
        with _opened(path) as database:
            if database is not None:
                found = max(found, inbox_file.last_seq(database))
    return found


def inbox(root: Path, cursor: int, about: About, *, remove: bool) -> Count:
    """Messages in the inbox that the store has (up to `cursor`), and refused ones; with `remove` they are taken out."""
    found = Count()
    for path in inbox_file.files(root / "inbox"):
        with _opened(path) as database:
            if database is None:
                continue
            held = [
                (seq, len(message))
                for seq, message in inbox_file.messages(database, cursor)
                if about(message)
            ]
            refused = _rejects(database, about)
            if not held and not refused:
                continue
            found.files += 1
            found.rows += len(held) + len(refused)
            found.bytes += sum(size for _, size in [*held, *refused])
            if remove:
                with _changing(database):
                    inbox_file.blank(database, [seq for seq, _ in held])
                    _blank(database, refused)
                _emptied(database, path)
    return found


def ledger(root: Path, about: About, *, remove: bool) -> Count:
    """Payloads of messages that the collector refused; with `remove` they are taken out, and the counts stay."""
    found = Count()
    with _opened(root / "ledger.db") as database:
        ready = "SELECT 1 FROM sqlite_master WHERE name = 'rejects'"
        if database is None or not database.execute(ready).fetchone():
            return found
        refused = _rejects(database, about)
        if refused:
            found = Count(1, len(refused), sum(size for _, size in refused))
        if remove:
            with _changing(database):
                _blank(database, refused)
            database.execute("VACUUM")  # rows that made way for newer ones left free pages behind
            _emptied(database, root / "ledger.db")
    return found


def expired(root: Path, limit: Callable[[str], int | None], *, remove: bool) -> Count:
    """Payloads of refused messages that were received before the `limit` of their source (microseconds UTC)."""
    found = Count()
    with _opened(root / "ledger.db") as database:
        ready = "SELECT 1 FROM sqlite_master WHERE name = 'rejects'"
        if database is None or not database.execute(ready).fetchone():
            return found
        old: list[tuple[int, int]] = []
        for (source,) in database.execute("SELECT DISTINCT source FROM rejects").fetchall():
            if (since := limit(source)) is not None:
                old += database.execute(
                    "SELECT id, length(payload) FROM rejects WHERE source = ? AND received < ? AND payload <> ?",
                    (source, since, NOTHING),
                ).fetchall()
        if old:
            found = Count(1, len(old), sum(size for _, size in old))
        if old and remove:
            with _changing(database):
                _blank(database, old)
            _emptied(database, root / "ledger.db")
    return found


def _rejects(database: sqlite3.Connection, about: About) -> list[tuple[int, int]]:
    rows = database.execute("SELECT id, payload, message FROM rejects WHERE payload <> ?", (NOTHING,))
    return [
        (id_, len(payload)) for id_, payload, said in rows if about(bytes(payload)) or about(said.encode())
    ]


def _blank(database: sqlite3.Connection, refused: Sequence[tuple[int, int]]) -> None:
    database.executemany(
        "UPDATE rejects SET payload = ?, whole = 0, message = reason WHERE id = ?",
        [(NOTHING, id_) for id_, _ in refused],
    )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A database that is there, for writing; None for one that has gone meanwhile."""
    if not path.exists() or not path.stat().st_size:
        yield None
        return
    try:
        with closing(inbox_file.open_to_read(path)) as database:
            database.execute("PRAGMA query_only=OFF")
            database.execute("PRAGMA secure_delete=ON")
            yield database
    except sqlite3.OperationalError as problem:
        if path.exists():
            raise _problem(path, problem) from None
        yield None
    except sqlite3.Error as problem:
        raise _problem(path, problem) from None


@contextmanager
def _changing(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def _emptied(database: sqlite3.Connection, path: Path) -> None:
    """Bring the log into the file and cut it to nothing."""
    (busy, *_) = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError(
            f"{path} is being read all the time, so its log could not be emptied.",
            code="busy",
            hint="Stop what reads it, then run `periplus doctor`.",
        )


def _problem(path: Path, problem: sqlite3.Error) -> StoreError:
    return StoreError(f"{path} cannot be changed: {problem}.", code="scrub", hint="Look at the disk.")


@dataclass
class Stated:
    """What the operational state holds: counts by table, and documents (kind, name) that only people can change."""

    tables: dict[str, int] = field(default_factory=dict)
    documents: list[str] = field(default_factory=list)


def state(
    held: State, hashes: Sequence[str], messages: Sequence[str], about: Callable[[str], bool], *, remove: bool
) -> Stated:
    """Consents and notes under hashes of identifiers, and examples in reports; with `remove` they are taken out."""
    found = Stated()
    with held.connected() as connection:
        for name, table in (("consents", consents), ("notes", notes)):
            rows = 0
            for start in range(0, len(hashes), AT_ONCE):
                mine = table.c.identifier.in_(list(hashes[start : start + AT_ONCE]))
                counted = sa.select(sa.func.count()).select_from(table).where(mine)
                rows += int(connection.scalar(counted) or 0)
                if remove:
                    connection.execute(table.delete().where(mine))
            found.tables[name] = rows
        known = set(messages)
        hit = [
            row
            for row in connection.execute(sa.select(deviations))
            if (row.message_id and row.message_id in known) or about(row.value) or about(row.message_id)
        ]
        found.tables["deviations"] = len(hit)
        for row in hit if remove else ():
            here = sa.and_(
                *(deviations.c[key] == getattr(row, key) for key in ("wrong", "event", "property"))
            )
            connection.execute(deviations.update().where(here).values(value="", message_id=""))
        found.tables["watches"] = 0
        for watched, own in ((sightings, ("watch", "name")), (turns, ("watch",))):
            for row in connection.execute(sa.select(watched)):
                if about(row.message):
                    found.tables["watches"] += 1
                    here = sa.and_(*(watched.c[key] == getattr(row, key) for key in own))
                    if remove:
                        connection.execute(watched.update().where(here).values(message=""))
        rows_ = connection.execute(sa.select(documents.c.kind, documents.c.name, documents.c.body).distinct())
        found.documents = sorted(
            {f"{kind} {name}" for kind, name, body in rows_ if about(_plain(body)) or about(name)}
        )
    if remove:
        compact(held)
    return found


def _plain(body: str) -> str:
    """A document's text with its letters as people write them."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def compact(held: State) -> None:
    """Write the tables anew, so that no free page and no log holds what was deleted."""
    connection = held.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    with closing(connection):
        try:
            if held.engine.dialect.name == "sqlite":
                connection.exec_driver_sql("VACUUM")
                (busy, *_) = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
                if busy:
                    raise StoreError(
                        "The operational state is being read all the time, so its log could not be emptied.",
                        code="busy",
                        hint="Stop what reads it, then run `periplus doctor`.",
                    )
            else:
                for table in (consents, notes, deviations, sightings, turns, documents):
                    connection.exec_driver_sql(f"VACUUM FULL {table.name}")
        except sa.exc.SQLAlchemyError as problem:
            raise StoreError(
                f"The operational state could not be written anew: {problem}.", code="state"
            ) from None
