"""Long work in the background: started by a page, watched by its number, and it can be stopped.

Jobs live as long as the server; what they did is in the workspace.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from periplus.errors import InputError, NotFoundError, PeriplusError, StoreError
from periplus.web.words import _

log = logging.getLogger("periplus.web")
State = Literal["running", "done", "failed", "stopped"]


class StoppedError(Exception):
    """Raised inside a job at its next report of progress after somebody stopped it."""


@dataclass
class Job:
    """One piece of work: `done` of `total` (0: not known yet) units, then a result or a problem."""

    id: str
    state: State = "running"
    what: str = ""
    done: int = 0
    total: int = 0
    result: Any = None
    problem: PeriplusError | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def progress(self, done: int, total: int, what: str) -> None:
        """The work reports here; raises StoppedError once somebody asked for that."""
        if self._stop.is_set():
            raise StoppedError
        self.done, self.total, self.what = done, total, what

    def stop(self) -> None:
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set() and self.state == "running"

    def wait(self, seconds: float) -> bool:
        """Whether it is over after at most so many seconds."""
        return self._over.wait(seconds)


class Jobs:
    """The jobs of one server, each on its own thread; few at a time, or a new one is refused."""

    LIMIT = 4

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, work: Callable[[Job], Any]) -> Job:
        """Begin `work(job)` on a thread; raises InputError (retry later) where too many are running."""
        job = Job(secrets.token_hex(8))
        with self._lock:
            if sum(other.state == "running" for other in self._jobs.values()) >= self.LIMIT:
                raise InputError(_("The server is busy with other files."), hint=_("Try again in a minute."))
            for old in [name for name, other in self._jobs.items() if other.state != "running"][:-50]:
                del self._jobs[old]
            self._jobs[job.id] = job
        threading.Thread(target=self._run, args=(job, work), name=f"job-{job.id}", daemon=True).start()
        return job

    def get(self, name: str) -> Job:
        with self._lock:
            if name in self._jobs:
                return self._jobs[name]
        raise NotFoundError(_("There is no such job."), hint=_("The server may have been started anew."))

    @staticmethod
    def _run(job: Job, work: Callable[[Job], Any]) -> None:
        try:
            job.result = work(job)
            job.state = "done"
        except StoppedError:
            job.state = "stopped"
        except PeriplusError as problem:
            job.problem, job.state = problem, "failed"
        except Exception:
            log.exception("a job failed")
            job.problem = StoreError("Something went wrong here.", hint="The server's log has the details.")
            job.state = "failed"
        finally:
            job._over.set()
