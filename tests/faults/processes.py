"""Commands in processes of their own, for what must not be done to the process that runs the tests.

Each is one Python (`victim.py`) that runs a few commands and ends, by itself after eight minutes at the latest. Nothing is
ever killed but by the object that started it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.faults.victim import LIMIT
from tests.terminal import Said

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How a process ended: `killed`, or with something `said` to each of its commands, and the `changes` of files."""

    killed: bool
    said: list[Said]
    changes: list[str]


class Process:
    """Commands under way; in a `with` block, at whose end nothing of it is left."""

    def __init__(self, *commands: tuple[object, ...], **order: Any) -> None:
        text = json.dumps({"commands": [[str(word) for word in words] for words in commands], **order})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.victim"],
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(text.encode())
        self._process.stdin.close()
        self._process.stdin = None

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self.end()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()  # does nothing to one that has ended

    def kill_when(self, moment: Callable[[], bool]) -> Ended:
        """Look until the moment has come, then kill -9; it may end before."""
        until = time.monotonic() + LIMIT
        while self.runs and not moment() and time.monotonic() < until:
            time.sleep(0.0005)
        self.kill()
        return self.end()

    def kill_after(self, seconds: float) -> Ended:
        """Kill -9 after so long; it may end before."""
        until = time.monotonic() + seconds
        return self.kill_when(lambda: time.monotonic() >= until)

    def end(self) -> Ended:
        """Wait for its end; what is no command's doing (an exception of ours, too long a time) fails the test."""
        out, err = self._process.communicate(timeout=LIMIT + 30)
        killed = self._process.returncode == -signal.SIGKILL
        assert killed or self._process.returncode == 0, (self._process.returncode, err.decode())
        # What is killed may have broken off in a line, or have said all already and have been about to end.
        lines = [json.loads(line) for line in out.decode().splitlines() if line.endswith("}")]
        said = [Said(*line["said"]) for line in lines if "said" in line]
        changes = [change for line in lines for change in line.get("changes", ())]
        return Ended(killed, said, changes)


def run(*words: object, **order: Any) -> Ended:
    """One command in a process of its own, to its end."""
    return run_all([words], **order)


def run_all(commands: list[tuple[object, ...]], **order: Any) -> Ended:
    """Commands one after another in one process of their own."""
    with Process(*commands, **order) as process:
        return process.end()
