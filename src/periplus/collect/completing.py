"""Requests that only name things, completed from the shop's API: a few at a time, beside the door, and in time.

The door takes one request after another and may not wait. What has to be fetched is fetched here, by a few
threads; a shop that sent a webhook waits some ten seconds for the reply, so after eight it is told to send again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from periplus.collect.wire import Reading
from periplus.errors import BusyError, PeriplusError

WORKERS = 4
"""Fetches at a time."""
MOST = 64
"""Requests that wait for one at most."""
PATIENCE = 8.0
"""Seconds from receipt until the shop is told to send again."""

Done = Callable[[Reading | Exception], None]
log = logging.getLogger("periplus.collect")


class Completer:
    """Runs fetches for the door. Every one that was started is told of exactly once."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="periplus fetch")
        self._waiting: dict[object, Done] = {}
        self._problems: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def problems(self) -> list[str]:
        """By which sources the last fetch failed, and why."""
        with self._lock:
            return [f"{source}: {said}" for source, said in self._problems.items()]

    def start(self, source: str, work: Callable[[], Reading], done: Done) -> None:
        """Do `work` and tell `done` what came of it, from another thread; raises BusyError where too much waits."""
        turn = object()
        with self._lock:
            if len(self._waiting) >= MOST:
                raise BusyError("Too many requests wait for the shop's API.", hint="Send it again.")
            self._waiting[turn] = done
        late = BusyError("The shop's API did not answer in time.", hint="Send it again.")
        timer = threading.Timer(self.patience, self._settle, (source, turn, late))
        timer.daemon = True
        timer.start()

        def run() -> None:
            if turn not in self._waiting:  # it is too late already
                return
            try:
                result: Reading | Exception = work()
            except Exception as problem:
                result = problem
            timer.cancel()
            self._settle(source, turn, result)

        try:
            self._pool.submit(run)
        except RuntimeError:  # the collector stops
            timer.cancel()
            self._settle(source, turn, BusyError("The collector stops.", hint="Send it again."))

    def stop(self) -> None:
        """Tell all that wait to come again; what is fetched after this is dropped."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        self._pool.shutdown(wait=False, cancel_futures=True)
        for done in waiting.values():
            done(BusyError("The collector stops.", hint="Send it again."))

    def _settle(self, source: str, turn: object, result: Reading | Exception) -> None:
        with self._lock:
            done = self._waiting.pop(turn, None)
            if done is None:
                return
            known = self._problems.pop(source, None)
            said = str(result) if isinstance(result, PeriplusError) else None
            if said is not None:
                self._problems[source] = said
        if said is not None and known is None:
            log.warning("what %s names could not be fetched: %s", source, said)
        done(result)
