"""Rounds of the watches in a thread, for as long as the server runs."""

from __future__ import annotations

import logging
import threading
from types import TracebackType

from periplus import clock
from periplus.errors import BusyError, PeriplusError
from periplus.watch import runner
from periplus.workspace import Workspace

TICK = 15.0
"""Seconds between two looks at whose turn it is."""

log = logging.getLogger("periplus.watch")


class _Stopped(Exception):
    """Raised inside an import when the server stops."""


class Scheduler:
    """Looks every `tick` seconds whose turn it is; use it in a `with` block, or start and stop it."""

    def __init__(self, workspace: Workspace, tick: float = TICK) -> None:
        self.workspace, self.tick = workspace, tick
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._rounds, name="periplus-watch", daemon=True)
        self._thread.start()

    def stop(self, wait: float = 30.0) -> None:
        """End the thread; an import under way is given up before it writes, or ends what it writes."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(wait)
            self._thread = None

    def __enter__(self) -> Scheduler:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _rounds(self) -> None:
        while not self._stopping.is_set():
            try:
                self.round()
            except _Stopped:
                return
            except BusyError:
                pass  # somebody else has this round
            except PeriplusError as problem:
                log.warning("The watches could not be looked at: %s", problem)
            except Exception:
                log.exception("The watches could not be looked at")
            self._stopping.wait(self.tick)

    def round(self) -> list[runner.Done]:
        """One round now; what failed goes to the log, without secrets."""
        done = runner.run(self.workspace, clock.wall(), progress=self._asked)
        for each in done:
            if each.outcome == "failed":
                log.warning("Watch %s, %s: %s", each.watch, each.file or "its turn", each.message)
        return done

    def _asked(self, done: int, total: int, what: str) -> None:
        del done, total, what
        if self._stopping.is_set():
            raise _Stopped
