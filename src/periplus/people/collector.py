"""The collector of a workspace, running: the door, the inbox behind it, and the thread that brings it into the store.

There is one per workspace at a time; the inbox's folder is locked. What an earlier one left in the inbox
is brought in at the start.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import msgspec

from periplus import clock
from periplus.collect.catalogue.told import Told
from periplus.collect.consent import Consents
from periplus.collect.door import Door
from periplus.collect.finish import Finisher
from periplus.collect.hashing import Hashing
from periplus.collect.marks import TrafficRules
from periplus.collect.pipeline import Pipeline
from periplus.collect.replay import NOT_KEPT, reread
from periplus.collect.sources import Sources
from periplus.collect.steps import (
    Passage,
    consenting,
    covering,
    covering_refused,
    keying,
    marking,
    planning,
    validating,
)
from periplus.collect.wire import Outcome, Reading, Reply, Request
from periplus.collect.withholding import Means, withholding
from periplus.errors import InputError, PeriplusError
from periplus.people import hashed
from periplus.people.erased import Erased
from periplus.people.flush import Flush
from periplus.people.flush_apart import FlushApart
from periplus.store import ledger, manifest
from periplus.store.home import Home
from periplus.store.inbox import Inbox
from periplus.store.manifest import Manifest
from periplus.store.state import State

EVERY = 1.0
"""Seconds between two looks into the inbox."""
PATIENCE = 30.0
"""The longest pause, in seconds, after the store could not be written."""
RECENT = 200
"""Messages that are remembered as they came, for whoever looks on."""
SHOWN = 16 << 10
"""Bytes of each that are remembered."""

log = logging.getLogger("periplus.collect")


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A message as it came in a moment ago, and what became of it; times in microseconds UTC."""

    received: int
    source: str
    dialect: str
    outcome: Outcome
    message: bytes


class Collector:
    """Use `start` and `stop`, or a `with` block; `receive` takes one request.

    With `apart` the flush runs in a process of its own, as a server wants it.
    """

    def __init__(self, home: Home, state: State, *, apart: bool = False) -> None:
        self.home = home
        self.state = state
        self.sources = Sources(state, home.settings.zone)
        self.consents = Consents(
            state, no_analytics=home.settings.no_analytics, defaults=self.sources.consent
        )
        self.finisher = Finisher(state, self.sources)
        self.pipeline = Pipeline(
            [
                ("validate", validating(home.settings.event_bytes)),
                ("plan", planning(self.finisher.off_plan)),
                ("erased", withholding(self._is_erased)),
                ("mark", marking(self._rules)),
                ("consent", consenting(self.consents, self._rules)),
                ("key", keying()),
                ("hash", covering(self._hashing)),
            ],
            covering_refused(self._hashing),
        )
        self.problem: PeriplusError | None = None
        """Why the store could not take in what waits; None while it can."""
        self._traffic = TrafficRules.parse(manifest.read(home.root).traffic)
        self._erased: Erased | None = None
        self._tombstones: tuple[str | None, str | None] = (None, None)
        self._traffic_of = -1
        self._hashed: Any = None
        self._recent: deque[Seen] = deque(maxlen=RECENT)
        self._look_at_tombstones(manifest.read(home.root))
        self._look_at_hashing(manifest.read(home.root))
        self._stopping = threading.Event()
        self.inbox = Inbox(home.root)
        self.door = Door(self.sources, self.pipeline, self.inbox, limit=home.settings.request_bytes)
        self.door.watchers.append(self._remember)
        self.products = Told(state, home.settings.currency)
        self.door.readers.append(self.products.note)
        self.flush: Flush | FlushApart = FlushApart(home) if apart else Flush(home, self.finisher.line)
        self._thread = threading.Thread(target=self._run, name="periplus flush", daemon=True)

    def start(self) -> Collector:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Take nothing more in, write what waits, and bring all of it into the store, if that can be done at once."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self.door.completer.stop()
        self.inbox.finish()
        try:
            self.bring_in()
            self.inbox.forget_stored()
            self.consents.save()
            self.products.take_in(clock.wall())
            self.finisher.deviations.save(self.state)
        except (PeriplusError, OSError) as problem:
            log.error("what is in the inbox is brought in at the next start: %s", problem)
        finally:
            self.flush.close()
            self.inbox.close()

    def bring_in(self) -> None:
        """Bring all that waits into the store; raises StoreError where it cannot be written."""
        while self.inbox.waiting:
            self.flush.once()
            self.inbox.stored(self.flush.cursor)

    def __enter__(self) -> Collector:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def receive(self, request: Request, answer: Callable[[Reply], None]) -> None:
        """Take one request; `answer` is called once, when what it brought is on disk. By one thread at a time."""
        self.door.receive(request, answer)

    def ask(self, request: Request, wait: float = 60.0) -> Reply:
        """`receive`, waited for; for programs and tests."""
        done = threading.Event()
        replies: list[Reply] = []

        def answer(reply: Reply) -> None:
            replies.append(reply)
            done.set()

        self.receive(request, answer)
        if not done.wait(wait):
            raise TimeoutError("no answer")
        return replies[0]

    # -- what it is doing -----------------------------------------------------------------------

    def stats(self) -> dict[str, Any]:
        """Counts and timings since the start: by step, of the inbox and of the flush, requests by dialect and status."""
        steps = {name: asdict(told) for name, told in self.pipeline.told.items()}
        steps["dedupe"] = {"kept": self.inbox.written, "seconds": self.inbox.dedupe_seconds}
        steps["commit"] = {"groups": self.inbox.groups, "seconds": self.inbox.commit_seconds}
        problems = [str(problem) for problem in (self.inbox.problem, self.problem) if problem is not None]
        problems += self.door.completer.problems
        return {
            "steps": steps,
            "requests": {f"{name or '-'} {status}": n for (name, status), n in self.door.answered.items()},
            "waiting": self.inbox.waiting,
            "queued": self.inbox.queued,
            "flush": asdict(self.flush.told),
            "problems": problems,
        }

    def recent(self, source: str | None = None, limit: int = RECENT) -> list[dict[str, Any]]:
        """The last messages that came in, the newest first, with what became of them."""
        found = [seen for seen in reversed(self._recent.copy()) if source is None or seen.source == source]
        return [
            {
                "received": clock.iso(seen.received),
                "source": seen.source,
                "dialect": seen.dialect,
                "outcome": seen.outcome.fate.value,
                "reason": seen.outcome.reason,
                "message": seen.message.decode("utf-8", "replace"),
            }
            for seen in found[:limit]
        ]

    def replay(self, ids: Sequence[int]) -> dict[int, str]:
        """Send refused messages through the door again; returns the outcome of each: a fate, or why it cannot be sent.

        Only what was kept whole can be, and only where its dialect can read it without the request it came in.
        """
        told: dict[int, str] = {}
        again = []
        for reject in ledger.rejects(self.home.root, ids=list(ids)):
            try:
                if not reject.whole:
                    raise InputError(NOT_KEPT)
                dialect, message = reread(reject.dialect, reject.payload, reject.received)
            except InputError as problem:
                told[reject.id] = problem.message
                continue
            again.append(reject)
            told[reject.id] = self._replayed(reject.source, dialect, message)
        ledger.mark_replayed(self.home.root, [reject.id for reject in again], clock.wall())
        return told

    def _replayed(self, name: str, dialect: str, message: dict[str, Any]) -> str:
        source = self.sources.by_name(name)
        if source is None:
            return "its source is gone"
        passage = Passage.of(source, dialect, clock.wall(), None, Reading(None, [message]))
        done = threading.Event()
        problems: list[PeriplusError] = []

        def written(problem: PeriplusError | None) -> None:
            problems.extend([problem] if problem is not None else [])
            done.set()

        self.door.send(passage, written)
        done.wait(60)
        outcome = passage.outcomes[0]
        if problems:
            return str(problems[0])
        return outcome.fate.value if outcome.reason is None else f"{outcome.fate.value}: {outcome.reason}"

    # -- in the background ----------------------------------------------------------------------

    def _run(self) -> None:
        self._try(self.flush.warm)
        pause = EVERY
        while True:
            began = time.monotonic()
            try:
                self._beat()
                self.problem, pause = None, EVERY
            except (PeriplusError, OSError, MemoryError) as problem:
                told = problem if isinstance(problem, PeriplusError) else PeriplusError(str(problem))
                if self.problem is None or self.problem.code != told.code:
                    log.error("what came in waits in the inbox: %s", told)
                self.problem, pause = told, min(PATIENCE, pause * 2)
            except Exception:
                log.exception("unforeseen problem of the collector; it goes on")
                pause = min(PATIENCE, pause * 2)
            if self._stopping.wait(max(0.05, pause - (time.monotonic() - began))):
                return

    def _beat(self) -> None:
        now = clock.wall()
        self.sources.tick()
        self.consents.defaults = self.sources.consent
        self.finisher.refresh()
        self._look_at_rules()
        self.consents.save()
        if self.inbox.waiting:
            events = self.flush.once()
            self.inbox.stored(self.flush.cursor)
            if events:
                self.flush.tidy()
        self.inbox.forget_stored()
        self.products.take_in(now)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("the collector could not be warmed up; it goes on")

    def _rules(self) -> TrafficRules:
        """The traffic rules of the live version, a moment old."""
        return self._traffic

    def _look_at_rules(self) -> None:
        number = manifest.live_number(self.home.root)
        if number != self._traffic_of:
            live = manifest.read(self.home.root)
            self._look_at_tombstones(live)
            self._look_at_hashing(live)
            document = live.traffic
            if document != self._traffic.document():
                self._traffic = TrafficRules.parse(document)
            self._traffic_of = number

    def _hashing(self) -> Hashing | None:
        """What the live version keeps hashed, a moment old."""
        return self.consents.hashing

    def _look_at_hashing(self, live: Manifest) -> None:
        """Hash as the live version does; what is remembered of messages as they came before is forgotten."""
        now = (live.hashed, live.decisions, live.traffic)
        if now != self._hashed:
            self._hashed, self.consents.hashing = now, hashed.of(self.home.root, live)
            self._recent.clear()

    def _is_erased(self) -> Means | None:
        erased = self._erased
        return None if erased is None else erased.means

    def _look_at_tombstones(self, live: Manifest) -> None:
        """Keep out who was erased since, and forget what is remembered of them."""
        if (live.tombstones, live.decisions) == self._tombstones:
            return
        self._erased = Erased.of(self.home.root, live)
        self._tombstones = (live.tombstones, live.decisions)
        erased = self._erased
        if erased is None:
            return
        for seen in self._recent.copy():
            with suppress(ValueError, msgspec.DecodeError):
                message = msgspec.json.decode(seen.message)
                if isinstance(message, dict) and erased.means(message, seen.source, seen.received):
                    self._recent.remove(seen)

    def _remember(self, passage: Passage) -> None:
        outcomes, received = passage.outcomes, passage.received
        texts = {item.place: item.text for item in passage.pending[-RECENT:]}
        texts |= {row[2] - received: row[5] for row in passage.rejects}
        name, dialect = passage.source.name, passage.dialect
        self._recent.extend(
            [
                Seen(received + place, name, dialect, outcomes[place], texts.get(place, b"")[:SHOWN])
                for place in range(max(0, len(outcomes) - RECENT), len(outcomes))
            ]
        )
