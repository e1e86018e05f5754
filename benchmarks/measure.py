"""Measuring: medians of warm runs, peak memory, and tasks in processes of their own."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
HERE = Path(__file__).parent


def warm(call: Callable[[int], T], repeat: int) -> tuple[float, T]:
    """Seconds of the median of `repeat` runs after a first one that is not counted, and the last result.

    The call is given the number of the run, so that it can ask something slightly different each time.
    """
    result = call(0)
    seconds = []
    for run in range(1, repeat + 1):
        begun = time.perf_counter()
        result = call(run)
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds), result


def peak() -> float:
    """The most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(script: str, arguments: Sequence[object], python: str = sys.executable) -> dict[str, Any]:
    """Run a script of this folder in a process of its own; what it printed as JSON on its last line.

    Raises RuntimeError with the end of what it said if it failed.
    """
    done = subprocess.run(
        [python, str(HERE / script), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{script} failed:\n{done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def report(found: dict[str, Any]) -> None:
    """Print what a child found, for `child` to read."""
    print(json.dumps({**found, "peak_mb": peak()}), flush=True)
