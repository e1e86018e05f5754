"""The clients of others, installed once into a folder beside the repository's own files that no commit sees."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".clients"
PATIENCE = 240
"""Seconds that an installation may take."""


_failed: dict[str, str] = {}
"""Why what could not be installed, in this process."""


class NotInstalled(Exception):
    """Why the clients are not there: the tests skip, and say so."""


def python(requirements: str = "requirements.txt") -> Path:
    """The interpreter of an environment with the Python clients; raises NotInstalled."""
    wanted = (HERE / requirements).read_text(encoding="utf-8")
    place = FOLDER / requirements.removesuffix(".txt")
    interpreter = place / "bin" / "python"
    with _alone(requirements):
        if not _is(place, wanted):
            shutil.rmtree(place, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(place)])
            pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, "--retries", "1", "--timeout", "20", "-r", str(HERE / requirements)])
            (place / "installed").write_text(wanted, encoding="utf-8")
    return interpreter


def node() -> Path:
    """The folder whose `node_modules` has the Node clients; raises NotInstalled."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotInstalled("Node.js is not installed")
    wanted = (HERE / "package.json").read_text(encoding="utf-8")
    place = FOLDER / "node"
    with _alone("node"):
        if not _is(place, wanted):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(parents=True)
            shutil.copy(HERE / "package.json", place)
            quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--loglevel=error"]
            _run(["npm", "install", *quiet, "--fetch-retries=1", "--fetch-timeout=20000"], place)
            (place / "installed").write_text(wanted, encoding="utf-8")
    return place


def _is(place: Path, wanted: str) -> bool:
    stamp = place / "installed"
    return stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted


def _run(command: list[str], folder: Path | None = None) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise NotInstalled(f"{Path(command[0]).name} did not finish: {problem}") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
        told = next((line for line in said if "rror" in line), said[-1])
        raise NotInstalled(f"{Path(command[0]).name} could not install the clients: {told[:200]}")


@contextmanager
def _alone(what: str) -> Iterator[None]:
    """One installation at a time, also among processes; one that failed is not tried again for the next client."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if what in _failed:
            raise NotInstalled(_failed[what])
        try:
            yield
        except NotInstalled as problem:
            _failed[what] = str(problem)
            raise
