"""Identifiers kept hashed, as people ask for it: which kinds are, and the change that puts others in force."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from periplus.errors import InputError, unknown
from periplus.people import erasure, hashed, rehashing
from periplus.store import door, files, inbox, locks, manifest, moved_hashes, tombstones
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Manifest
from periplus.store.pseudonyms import FORMS, Form
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress
from periplus.store.state import State

READERS = 2.0
"""Seconds for which questions that are being answered keep the files of the version before."""


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


@dataclass(frozen=True)
class HashingBook:
    """What `ws.hashing` is. `stored` gives the operational state where any was made."""

    home: Home
    snapshot: Callable[[], Snapshot]
    stored: Callable[[], State | None]

    def kinds(self) -> tuple[Form, ...]:
        """The kinds of identifiers that are kept hashed."""
        return hashed.kinds(self.snapshot().manifest)

    def keep(self, *wanted: str, progress: Progress = _silent, readers: float = READERS) -> dict[str, Any]:
        """Keep these kinds (`email`, `phone`) hashed and no others, from now on, and in all that is stored.

        What is hashed already cannot be turned back; asked for again, whatever was stopped before its end is
        finished. Returns `kinds`, the `events` that were written anew, and
        `clear`: kinds that were hashed until now, of which new events are kept in clear. Raises InputError for a
        kind that cannot be hashed, BusyError if another writer does not end.
        """
        chosen = _checked(wanted)
        state = self.stored()
        if state is not None:
            erasure.drain(self.home, state)
        with locks.held(self.home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus identity hash"):
            before = manifest.read(self.home.root)
            own = hashed.kinds(before)
            clear = [kind for kind in own if kind not in chosen]
            if chosen == own:
                self._cleaned(before, state, {})
                return {"kinds": list(chosen), "events": 0, "clear": clear}
            if set(chosen) <= set(own):
                manifest.publish(self.home.root, replace(before, hashed={"kinds": list(chosen)}))
                return {"kinds": list(chosen), "events": 0, "clear": clear}
            tombstones.secret(self.home.root, make=before.tombstones is None and not before.hashed)
            live = self._rewritten(before, chosen, state, progress, readers)
        events = sum(files.load(self.home.root, name).rows for name in live.files)
        return {"kinds": list(chosen), "events": events, "clear": clear}

    def _rewritten(
        self,
        before: Manifest,
        chosen: tuple[Form, ...],
        state: State | None,
        progress: Progress,
        readers: float,
    ) -> Manifest:
        """Publish the version in which all is hashed, and take what is in clear out of every other place."""
        root = self.home.root
        manifest.sweep(root, before)
        self.home.clear_spill()
        hashing = hashed.made(root, before, chosen)
        with self.home.connect() as connection, self.home.staging() as folder:
            try:
                moved = rehashing.renamed(self.home, connection, before, hashing)
                after = rehashing.rewritten(self.home, connection, before, hashing, folder, progress)
            except door.EngineError as problem:
                raise door.explain(problem, "hashing identifiers") from None
            except OSError as problem:
                raise files.os_problem(problem, Path(str(problem.filename or root / "runs"))) from None
        if state is not None:
            moved_hashes.copied(state, moved)
        live = manifest.publish(root, replace(after, hashed={"kinds": list(chosen)}))
        time.sleep(readers if before.files else 0)
        self._cleaned(live, state, moved)
        return live

    def _cleaned(self, live: Manifest, state: State | None, moved: Mapping[str, str]) -> None:
        """Remove the files of earlier versions, and what stands in clear in the databases."""
        hashing = hashed.of(self.home.root, live)
        if hashing is not None:
            self.home.clear_spill()
            manifest.sweep(self.home.root, live, grace=0)
            cursor = live.cursors.get(inbox.CURSOR, 0)
            rehashing.cleared(self.home, state, moved, cursor, hashing)


def _checked(wanted: Sequence[str]) -> tuple[Form, ...]:
    for each in wanted:
        if each not in FORMS:
            message, hint, allowed = unknown("kind of identifier that can be kept hashed", each[:80], FORMS)
            raise InputError(message, code="identifier", hint=hint, allowed=allowed)
    return tuple(kind for kind in FORMS if kind in wanted)
