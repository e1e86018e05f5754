"""From the inbox to the store: what waits is finished, staged as an import is, and admitted with the cursor.

The cursor moves in the same publication as the events come in. Killed before, all of it is done again;
killed after, none of it. Events that the store will not take, which should never be, go to the ledger as
rejected, with their payload; a piece that cannot be staged at all is halved until the one event is found.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.parquet as pq

from periplus import clock
from periplus.collect.replay import form
from periplus.collect.stage import stage
from periplus.errors import PeriplusError, StoreError
from periplus.people import admission, hashed, withheld
from periplus.people.admission import StaleError, Stream
from periplus.store import compact, inbox, inbox_file, ledger, manifest
from periplus.store.home import Home
from periplus.store.inbox_file import Received
from periplus.store.ledger import Reject
from periplus.store.staged import Staged

MOST, MOST_BYTES = 200_000, 128 << 20
"""Events, and bytes, of one piece."""
TRIES = 3
"""Times that a single event is tried before it is refused."""

log = logging.getLogger("periplus.collect")


@dataclass
class Flushed:
    """What the flush has done since the start; `seconds` of the last piece, in all and by its parts."""

    pieces: int = 0
    events: int = 0
    refused: int = 0
    seconds: float = 0.0
    finish: float = 0.0
    stage: float = 0.0
    admit: float = 0.0


class Flush:
    """Brings the inbox's events into the store, a piece at a time. Used by one thread."""

    def __init__(self, home: Home, line: Callable[[Received], bytes]) -> None:
        self.home = home
        self.line = line
        self.told = Flushed()
        self.cursor = 0
        """Up to where the store has the events, as it was last seen."""
        self._most = MOST
        self._tries = 0

    def once(self) -> int:
        """Bring in one piece; returns how many events it had. Raises StoreError where the store cannot be written."""
        after = manifest.read(self.home.root).cursors.get(inbox.CURSOR, 0)
        self.cursor = max(self.cursor, after)
        events = inbox_file.read(self.home.root / "inbox", after, self._most, MOST_BYTES)
        if not events:
            return 0
        stream = Stream(inbox.CURSOR, after, events[-1].seq)
        began = time.perf_counter()
        try:
            self._bring(events, stream)
        except StaleError:
            return 0
        except (StoreError, OSError, MemoryError):
            raise
        except Exception as problem:
            self._halve(events, stream, problem)
            return 0
        self._most, self._tries = min(MOST, self._most * 2), 0
        self.cursor = stream.upto
        self.told.pieces += 1
        self.told.events += len(events)
        self.told.seconds = time.perf_counter() - began
        return len(events)

    def tidy(self) -> None:
        """Merge runs that have become too many, or compact a shard: the one thing that is most due."""
        compact.tidy_one(self.home)

    def close(self) -> None:
        """Nothing is held open."""

    def warm(self) -> None:
        """Stage one event and leave it at that: the first piece after a start is then as quick as the others."""
        message = b'{"type":"track","event":"Warmed Up","anonymousId":"a","messageId":"m"}'
        with self.home.staging() as folder:
            path = folder / "warm.jsonl"
            path.write_bytes(self.line(Received(0, "segment", "none", clock.wall(), message)) + b"\n")
            stage([path], folder=folder, settings=self.home.settings, source="none")

    def _bring(self, events: Sequence[Received], stream: Stream) -> None:
        with self.home.staging() as folder:
            path = folder / "collected.jsonl"
            began = time.perf_counter()
            path.write_bytes(b"\n".join([self.line(event) for event in events]) + b"\n")
            finished = time.perf_counter()
            hashing = hashed.of(self.home.root, manifest.read(self.home.root))
            staged = stage(
                [path], folder=folder, settings=self.home.settings, source="collector", hashing=hashing
            )
            self._note_refused(events, staged)
            staged = self._sieved(events, staged)
            prepared = time.perf_counter()
            admission.admit(self.home, staged, now=clock.wall(), stream=stream)
            admitted = time.perf_counter()
        self.told.finish, self.told.stage = finished - began, prepared - finished
        self.told.admit = admitted - prepared

    def _note_refused(self, events: Sequence[Received], staged: Staged) -> None:
        """Put into the ledger what the importer refused or withheld, before the cursor passes it."""
        if staged.rejects is None and not staged.withheld:
            return
        rejected: dict[int, str] = {}
        if staged.rejects is not None:
            read = pq.read_table(staged.rejects, columns=["line", "reason"]).to_pydict()
            rejected = dict(zip(read["line"], read["reason"], strict=True))
        there = _lines(staged)
        refused = [
            refused_as(event, rejected[line])
            for line, event in enumerate(events, 1)
            if line in rejected and line not in there
        ]
        withheld = [
            replace(refused_as(event, "no consent to analytics"), payload=b"null", whole=False)
            for line, event in enumerate(events, 1)
            if line not in rejected and line not in there
        ]
        if refused:
            log.error("the store refused %d events that the door took: %s", len(refused), refused[0].message)
        ledger.refuse(self.home.root, refused)
        ledger.refuse(self.home.root, withheld, "withheld")
        self.told.refused += len(refused)

    def _sieved(self, events: Sequence[Received], staged: Staged) -> Staged:
        """Leave out what is not to be kept, and count it as withheld, before the cursor passes it."""
        live = manifest.read(self.home.root)
        if live.tombstones is None and not live.retention:
            return staged
        with self.home.connect() as connection:
            kept = withheld.sieved(connection, self.home.root, live, staged, clock.wall())
        if kept is not staged:
            gone = _lines(staged) - _lines(kept)
            left_out = [
                replace(
                    refused_as(event, "of somebody who was erased, or older than its source is kept"),
                    payload=b"null",
                    whole=False,
                )
                for line, event in enumerate(events, 1)
                if line in gone
            ]
            ledger.refuse(self.home.root, left_out, "withheld")
        return kept

    def _halve(self, events: Sequence[Received], stream: Stream, problem: Exception) -> None:
        """Look for the event that cannot be staged; alone, and tried often enough, it is refused."""
        if len(events) > 1:
            self._most = len(events) // 2
            log.warning("%d events could not be brought in together: %s", len(events), problem)
            return
        self._tries += 1
        if self._tries < TRIES:
            return
        log.error("one event cannot be brought in, and is refused", exc_info=problem)
        said = str(problem) if isinstance(problem, PeriplusError) else "it cannot be read"
        ledger.refuse(self.home.root, [refused_as(events[0], said)])
        admission.skip(self.home, stream)
        self.cursor = stream.upto
        self.told.refused += 1
        self._tries = 0


def _lines(staged: Staged) -> set[int]:
    """The lines of which there are events."""
    made = [np.asarray(pq.read_table(file, columns=["line"])["line"]) for file in staged.events]
    return {int(line) for lines in made for line in lines}


def refused_as(event: Received, why: str) -> Reject:
    """The reject of an event that the door took and the store does not."""
    return Reject(
        -event.seq, event.source, form(event.dialect), event.received, "not_stored", why, event.message, True
    )
