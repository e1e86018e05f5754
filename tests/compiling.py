"""Compiled loops are made once for all: before the workers of a run start, by as many processes.

Otherwise each worker, and each program that a test starts meanwhile, would compile the same loops at the same time.
Run as a script it makes those that no other process has claimed in a folder: `python -m tests.compiling FOLDER`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def compile_once(processes: int) -> None:
    """Every loop is in the cache folder when this returns; one that does not compile fails the tests that need it."""
    with tempfile.TemporaryDirectory() as claims:
        command = [sys.executable, "-m", "tests.compiling", claims]
        for started in [subprocess.Popen(command, cwd=ROOT) for _ in range(processes)]:
            started.wait()


def _compile(claims: Path) -> None:
    from periplus.simulate import simulate
    from periplus.store import compiled
    from tests.faults.victim import load_modules

    def simulated() -> None:  # its loops are compiled for what they are called with
        simulate(claims / "events.jsonl", 1000, seed=1, truth=claims / "truth.json")

    load_modules()
    for number, make in enumerate([simulated, *(loop.ready for loop in compiled._loops)]):
        try:
            (claims / str(number)).touch(exist_ok=False)
        except FileExistsError:
            continue
        make()


if __name__ == "__main__":
    _compile(Path(sys.argv[1]))
