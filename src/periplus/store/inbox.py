"""The inbox: where an event is safe before its sender is told so.

One thread writes. Requests wait in a queue; the writer takes what waits as one group, leaves out what
was seen before, and commits events, counts and rejects in one transaction. Only then is anybody told. A
full queue, a full disk, or a store that has fallen too far behind is said at once, before memory grows.

Sequence numbers ascend over all files and are never given twice. The manifest's cursor says up to which
one the store has the events; a file whose last event it has passed is unlinked, after its counts are in
the ledger.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from periplus.clock import UNITS
from periplus.errors import BusyError, PeriplusError, StoreError
from periplus.store import inbox_file, ledger, locks, manifest
from periplus.store.inbox_file import Counts, Piece, RejectRow
from periplus.store.seen import OTHERS, OURS, Seen

CURSOR = "inbox"
"""The name of the manifest's cursor."""
QUEUE_EVENTS, QUEUE_BYTES = 20_000, 64 << 20
"""What may wait for the writer; beyond it senders are told to come again."""
GROUP_EVENTS = 5_000
"""Events of one transaction, more or less."""
PIECE = 1_000
"""Events of one row of a file, more or less."""
MOST_WAITING = 2_000_000
"""Events that may wait for the store; their keys are in memory."""
FILE_BYTES, FILE_SECONDS = 64 << 20, 300.0
"""Size and age at which a new file is begun."""
RESERVE = 16 << 20
"""Bytes of the disk that are left to the store, so that it can take in what has been received."""
LOOK = 0.2
"""Seconds between two looks at the disk and at the newest version; keys a moment old do no harm."""
HOUR = UNITS["h"]

log = logging.getLogger("periplus.collect")


@dataclass(slots=True)
class Parcel:
    """What one request brings: of each event its place in the request, its key of 16 bytes and its message as JSON;
    rejects; the number withheld.

    `done` is called by the writer's thread once the outcome is on disk, with a flag per event whether it
    was a duplicate (None where none was), or with what went wrong; then nothing of the parcel was kept. `size` is in bytes.
    """

    source: str
    dialect: str
    received: int
    places: Sequence[int]
    keys: Sequence[bytes]
    messages: Sequence[bytes]
    rejects: Sequence[RejectRow]
    withheld: int
    size: int
    done: Callable[[Sequence[bool] | PeriplusError | None], None]

    @property
    def weight(self) -> int:
        return len(self.keys) + len(self.rejects) + 1


class Inbox:
    """The inbox of a workspace, open for writing. One per workspace: its folder is locked meanwhile."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "inbox"
        self.problem: PeriplusError | None = None
        """Why the last group could not be written; None once one could."""
        self.groups = self.written = 0
        self.dedupe_seconds = self.commit_seconds = 0.0
        self._held = ExitStack()
        self._seen = Seen(root)
        self._fresh: list[tuple[int, set[bytes]]] = []
        """Keys of what waits for the store, each set with its last sequence number."""
        self._now: set[bytes] = set()
        self._live: sqlite3.Connection | None = None
        self._ended: dict[Path, sqlite3.Connection] = {}
        self._files = threading.Lock()
        """Held while files are begun, ended or unlinked."""
        self._opened, self._bytes, self._looked = 0.0, 0, 0.0
        self._queue: deque[Parcel] = deque()
        self._queued_events = self._queued_bytes = 0
        self._condition = threading.Condition()
        self._closing = self._stale = False
        self.folder.mkdir(exist_ok=True)
        try:
            self._held.enter_context(locks.folder(self.folder, wait=False))
        except BlockingIOError:
            raise BusyError(
                f"Another server collects for {root}.", hint="Stop it, or send the events to it."
            ) from None
        try:
            self._find_left()
        except (sqlite3.Error, OSError) as problem:
            self._held.close()
            raise _plain(problem, self.folder) from None
        except BaseException:
            self._held.close()
            raise
        self._thread = threading.Thread(target=self._run, name="periplus inbox", daemon=True)
        self._thread.start()

    def _find_left(self) -> None:
        """What earlier processes left: the keys of events the store does not have yet, and the numbers to go on from."""
        self._seen.refresh()
        self._cursor = manifest.read(self.root).cursors.get(CURSOR, 0)
        self._last, self._number = self._cursor, ledger.last_file(self.root)
        for path in inbox_file.files(self.folder):
            connection = inbox_file.create(path)
            try:
                end = inbox_file.last_seq(connection)
                if end > self._cursor:
                    self._fresh.append((end, inbox_file.keys_after(connection, self._cursor)))
            finally:
                connection.close()
            self._last, self._number = max(self._last, end), max(self._number, inbox_file.number(path))

    # -- for requests ---------------------------------------------------------------------------

    def refusal(self) -> BusyError | None:
        """Why nothing more can be taken at the moment, or None."""
        if self._closing:
            return BusyError("The server is stopping.", code="stopping", hint="Send it again.")
        if self._queued_events >= QUEUE_EVENTS or self._queued_bytes >= QUEUE_BYTES:
            return BusyError("More comes in than can be written.", code="busy", hint="Send it again.")
        if self.waiting >= MOST_WAITING:
            return BusyError("The store has fallen behind.", code="behind", hint="Send it again later.")
        return None

    def put(self, parcel: Parcel) -> None:
        """Hand a parcel to the writer, which calls its `done`; raises BusyError where nothing can be taken."""
        with self._condition:
            if (refusal := self.refusal()) is not None:
                raise refusal
            self._queue.append(parcel)
            self._queued_events += parcel.weight
            self._queued_bytes += parcel.size
            self._condition.notify()

    @property
    def waiting(self) -> int:
        """Events that the store does not have yet."""
        return self._last - self._cursor

    @property
    def queued(self) -> int:
        """Events, more or less, that are not on disk yet."""
        return self._queued_events

    # -- for the flush, which reads the files by itself ------------------------------------------

    def stored(self, cursor: int) -> None:
        """The store has everything up to `cursor`, and has published that."""
        with self._condition:
            self._cursor = max(self._cursor, cursor)
            self._stale = True
            self._condition.notify()

    def forget_stored(self) -> None:
        """Put the counts of ended files whose events are all in the store into the ledger, and unlink them."""
        with self._files:
            known = inbox_file.files(self.folder)
            ended = known[:-1] if self._live is not None else known
        for path in ended:  # which the writer has done with: it need not wait for what follows
            connection = self._ended.get(path) or inbox_file.create(path)
            self._ended[path] = connection
            if inbox_file.last_seq(connection) > self._cursor:
                continue
            ledger.take_in(self.root, inbox_file.number(path), connection)
            del self._ended[path]
            inbox_file.remove(path)
            connection.execute("PRAGMA synchronous=OFF")  # what it still writes is nobody's
            connection.close()

    # -- the writer -----------------------------------------------------------------------------

    def finish(self) -> None:
        """Take nothing more, and write what waits; what is on disk can still be read and forgotten."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join()
        self._end_file()

    def close(self) -> None:
        self.finish()
        with self._files:
            while self._ended:
                self._ended.popitem()[1].close()
        self._held.close()

    def _run(self) -> None:
        while True:
            with self._condition:
                while not (self._queue or self._closing or self._stale or self._due()):
                    self._condition.wait(5.0)
                group = self._group()
                stale, self._stale = self._stale, False
                if self._closing and not group:
                    return
            try:
                if stale:
                    self._forget_keys()
                if self._due():
                    self._end_file()
            except (PeriplusError, OSError, sqlite3.Error):  # keys are kept longer, the file grows: no harm
                log.exception("the inbox could not look at the store")
            if group:
                self._commit(group)

    def _group(self) -> list[Parcel]:
        group, events = [], 0
        while self._queue and events < GROUP_EVENTS:
            parcel = self._queue.popleft()
            events += parcel.weight
            self._queued_bytes -= parcel.size
            group.append(parcel)
        self._queued_events -= events
        return group

    def _forget_keys(self) -> None:
        """Drop the keys that the newest version has; what came since then is a set of its own."""
        cursor = self._cursor  # before the look: what is said meanwhile may be of a newer version
        self._seen.refresh()
        if self._now:
            self._fresh.append((self._last, self._now))
            self._now = set()
        self._fresh = [(end, known) for end, known in self._fresh if end > cursor]

    def _commit(self, group: list[Parcel]) -> None:
        began = time.perf_counter()
        pieces: list[Piece] = []
        try:
            if began - self._looked > LOOK:
                self._look()
            counted, flags = self._sort_out(group, pieces)
            sorted_out = time.perf_counter()
            self.dedupe_seconds += sorted_out - began
            last = self._save(pieces, counted, group)
        except (PeriplusError, OSError, sqlite3.Error, MemoryError) as problem:
            for piece in pieces:
                self._now.difference_update(piece.keys)
            told = _plain(problem, self.folder)
            if self.problem is None:
                log.error("events cannot be written: %s", told)
            self.problem = told
            for parcel in group:
                parcel.done(told)
            return
        self.problem = None
        self.groups += 1
        self.written += last - self._last
        self._last = last
        self.commit_seconds += time.perf_counter() - sorted_out
        for parcel, own in zip(group, flags, strict=True):
            parcel.done(own)

    def _look(self) -> None:
        """Look, now and then, at the newest version and at the disk."""
        self._looked = time.perf_counter()
        self._seen.refresh()
        if shutil.disk_usage(self.folder).free < RESERVE:
            self._looked = 0.0
            raise StoreError("The disk is full.", code="full", hint="Free some space.")

    def _sort_out(
        self, group: list[Parcel], pieces: list[Piece]
    ) -> tuple[Counts, list[Sequence[bool] | None]]:
        """Fill `pieces` with what is to be written; returns the counts, and per parcel which events are duplicates."""
        keys = [key for parcel in group for key in parcel.keys]
        halves = np.frombuffer(b"".join(keys), ">u8").astype(np.uint64).reshape(-1, 2)
        codes: bytes = self._seen.look(halves[:, 0], halves[:, 1]).tobytes()
        waiting: set[bytes] = set()
        for _, known in self._fresh:
            waiting |= known.intersection(keys)
        counted: Counts = {}
        flags: list[Sequence[bool] | None] = []
        place = 0
        for parcel in group:
            number = len(parcel.keys)
            piece = _piece(pieces, parcel)
            own = self._told_apart(parcel, codes[place : place + number], waiting, piece)
            place += number
            flags.append(own)
            again, hour = sum(own) if own else 0, parcel.received - parcel.received % HOUR
            for outcome, amount in (
                ("accepted", number - again),
                ("duplicate", again),
                ("rejected", len(parcel.rejects)),
                ("withheld", parcel.withheld),
            ):
                if amount:
                    at = (parcel.source, hour, outcome)
                    counted[at] = counted.get(at, 0) + amount
        return counted, flags

    def _told_apart(
        self, parcel: Parcel, codes: bytes, waiting: set[bytes], piece: Piece
    ) -> Sequence[bool] | None:
        """Add to `piece` the events of a parcel that are new, or claimed; returns which are duplicates, None where none is.

        `codes` says of each what the store knows of it.
        """
        keys, received, now = parcel.keys, parcel.received, self._now
        if not any(codes) and now.isdisjoint(keys) and waiting.isdisjoint(keys):
            fresh = set(keys)
            if len(fresh) == len(keys):  # as nearly always
                now |= fresh
                piece.add(
                    keys, [received + place for place in parcel.places], bytes(len(keys)), parcel.messages
                )
                return None
        own = []
        for place, key, message, code in zip(parcel.places, keys, parcel.messages, codes, strict=True):
            if code == OURS or key in now or key in waiting:
                own.append(True)
                continue
            now.add(key)
            own.append(code == OTHERS)
            piece.add([key], [received + place], bytes([code == OTHERS]), [message])
        return own

    def _save(self, pieces: list[Piece], counted: Counts, group: list[Parcel]) -> int:
        """Write a group; returns the sequence number of its last event."""
        connection = self._open_file()
        rejects = [row for parcel in group for row in parcel.rejects]
        connection.execute("BEGIN IMMEDIATE")
        try:
            last = inbox_file.add_events(connection, pieces, self._last)
            connection.executemany(inbox_file.ADD_COUNT, [(*at, number) for at, number in counted.items()])
            if rejects:
                connection.executemany(inbox_file.ADD_REJECT, rejects)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._bytes += sum([parcel.size + 32 * parcel.weight for parcel in group]) + 256 * len(rejects) + 8192
        return last

    # -- files ----------------------------------------------------------------------------------

    def _due(self) -> bool:
        return self._live is not None and (
            self._bytes > FILE_BYTES or time.monotonic() - self._opened > FILE_SECONDS
        )

    def _open_file(self) -> sqlite3.Connection:
        if self._live is None:
            with self._files:
                self._number += 1
                self._path = self.folder / f"{self._number:06d}.db"
                self._live = inbox_file.create(self._path)
            self._opened, self._bytes = time.monotonic(), 0
        return self._live

    def _end_file(self) -> None:
        """Write to this file no more; it stays open, as closing it would write all of it once again."""
        with self._files:
            if self._live is not None:
                self._ended[self._path], self._live = self._live, None


def _piece(pieces: list[Piece], parcel: Parcel) -> Piece:
    """The piece that a parcel's events go into: the last one, where that is of the same kind and not too long yet."""
    kind = (parcel.source, parcel.dialect)
    if not pieces or (pieces[-1].source, pieces[-1].dialect) != kind or len(pieces[-1].keys) >= PIECE:
        pieces.append(Piece(*kind))
    return pieces[-1]


def _plain(problem: BaseException, folder: Path) -> PeriplusError:
    if isinstance(problem, PeriplusError):
        return problem
    full = any(word in str(problem).lower() for word in ("full", "space"))
    return StoreError(
        "The disk is full." if full else f"{folder} cannot be written: {problem}.",
        code="full" if full else "unwritable",
        hint="Free some space." if full else "Look at the disk, and at this user's rights in that folder.",
    )
