"""Rules of retention as people work with them: show, try, adopt, carry out; and once a day by the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from periplus import clock
from periplus.errors import PeriplusError
from periplus.people import retention
from periplus.people.retention_rules import KIND, NAME, RetentionRules
from periplus.store import actions
from periplus.store.home import Home
from periplus.store.staged import Progress
from periplus.store.state import State

DAILY = 24 * 3600.0
SOON = 60.0
"""Seconds from the start of a server to its first run, and between two of them."""
Written = RetentionRules | Mapping[str, Any] | str | Path

log = logging.getLogger("periplus.people")


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


@dataclass(frozen=True)
class RetentionBook:
    """What `ws.retention` is."""

    home: Home
    stored: Callable[[], State | None]
    state: Callable[[], State]

    def rules(self) -> RetentionRules:
        """The rules in force."""
        return retention.in_force(self.home)

    def versions(self) -> list[dict[str, Any]]:
        """The versions of the rules, the newest first."""
        state = self.stored()
        return state.versions(KIND, NAME) if state is not None else []

    def trial(self, rules: Written, now: int | None = None, progress: Progress = _silent) -> dict[str, Any]:
        """What rules would remove at `now` (microseconds UTC; default: now); changes nothing."""
        return retention.trial(
            self.home, RetentionRules.parse(rules), clock.wall() if now is None else now, progress
        )

    def adopt(self, rules: Written, who: str = "by hand") -> int:
        """Put rules in force; returns their version. What is there already leaves with `run`."""
        parsed = RetentionRules.parse(rules)
        version = self.state().save(KIND, NAME, parsed.document())
        retention.adopt(self.home, parsed)
        actions.add(self.state(), actions.RULED, who, {"retention": dict(parsed.sources), "version": version})
        return version

    def run(
        self, now: int | None = None, who: str = "by hand", progress: Progress = _silent
    ) -> dict[str, Any]:
        """Remove what is older than the rules in force keep it; counts by source and place, which are also noted."""
        moment = clock.wall() if now is None else now
        told = retention.run(self.home, self.rules(), moment, progress)
        if told["events"] or told["places"]:
            detail = {"events": told["events"], "sources": told["sources"], "version": told["version"]}
            actions.add(self.state(), actions.RETAINED, who, detail)
        return told


class Daily:
    """Carries the rules out once a day in a thread, while a server runs; use it in a `with` block."""

    def __init__(self, book: RetentionBook, first: float = SOON, every: float = DAILY) -> None:
        self.book, self.first, self.every = book, first, every
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="periplus retention", daemon=True)

    def __enter__(self) -> Daily:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join(30.0)

    def _run(self) -> None:
        pause = self.first
        while not self._stopping.wait(pause):
            pause = self.every
            try:
                if self.book.rules().sources:
                    told = self.book.run(who="server")
                    if told["events"]:
                        log.info("%d events were older than they are kept, and are gone", told["events"])
            except PeriplusError as problem:
                log.warning("what is too old could not be removed: %s", problem)
            except Exception:
                log.exception("what is too old could not be removed")
