"""The flush in a process of its own, so that it takes no time from the requests that come in meanwhile.

The server's thread says `warm`, `once` or `tidy` on the process's standard input, a word a line, and gets
a line of JSON back. When the input ends, because the server stopped or was killed, the process ends. Two
of them at once would do no harm: the cursor moves under the write lock.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from periplus.errors import PeriplusError, StoreError
from periplus.people.flush import Flush, Flushed
from periplus.store.home import Home

COMMAND = "from periplus.people.flush_apart import main; main()"
NICE = 5
"""How much the process gives way to the server."""


class FlushApart:
    """What `Flush` does, done by another process; used by one thread. The process is started when it is needed."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.told = Flushed()
        self.cursor = 0
        self._process: subprocess.Popen[bytes] | None = None

    def once(self) -> int:
        """Bring in one piece; returns how many events it had. Raises StoreError where that cannot be done."""
        return int(self._say("once"))

    def tidy(self) -> None:
        self._say("tidy")

    def warm(self) -> None:
        self._say("warm")

    def close(self) -> None:
        """End the process, after what it is doing."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None and process.stdout is not None:
            with contextlib.suppress(OSError):
                process.stdin.close()
            process.wait()
            process.stdout.close()

    def _say(self, word: str) -> int:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, str(self.home.root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = b""
        with contextlib.suppress(OSError):
            self._process.stdin.write(f"{word}\n".encode())
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            self.close()
            raise StoreError(
                "The process that brings events into the store ended.",
                code="flush",
                hint="It is started again.",
            )
        answer: dict[str, Any] = json.loads(line)
        self.told, self.cursor = Flushed(**answer["told"]), answer["cursor"]
        if (problem := answer["problem"]) is not None:
            raise StoreError(problem["message"], code=problem["code"], hint=problem["hint"])
        return int(answer["events"])


def main() -> None:
    """The process: obeys until its input ends."""
    from periplus.collect.finish import Finisher
    from periplus.collect.sources import Sources
    from periplus.store import compiled, home
    from periplus.store.state import State

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # whoever stops the server stops us by ending our input
    with contextlib.suppress(OSError):
        os.nice(NICE)
    here = home.open_home(Path(sys.argv[1]))
    compiled.use_cache(here.settings.kernel_cache)
    state = State(here.root, here.settings)
    sources = Sources(state, here.settings.zone)
    finisher = Finisher(state, sources)
    flush = Flush(here, finisher.line)
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        events, problem = 0, None
        try:
            if line.strip() == "once":
                sources.tick()
                finisher.refresh()
                events = flush.once()
                finisher.deviations.save(state)
            elif line.strip() == "tidy":
                flush.tidy()
            else:
                flush.warm()
        except (PeriplusError, OSError, MemoryError) as known:
            told = known if isinstance(known, PeriplusError) else StoreError(str(known), code="os")
            problem = told.to_dict()
        said = {"events": events, "cursor": flush.cursor, "told": asdict(flush.told), "problem": problem}
        answers.write(json.dumps(said) + "\n")
        answers.flush()
    with contextlib.suppress(PeriplusError):
        finisher.deviations.save(state)
    state.close()
