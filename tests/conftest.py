"""What tests of several areas share."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.compiling import compile_once
from tests.faults.victim import load_modules

TESTS = Path(__file__).parent
LONG = (
    "test_docs.py",
    "faults",
    "people",
    "journeys",
    "clients",
    "simulate",
    "web",
    "tracker",
    "cli",
    "test_cli.py",
)
"""Whose files take long: they come first, so that at the end no worker is left alone with one."""

PROCESSES = {
    "clients",
    "collector",
    "faults",
    "hooks",
    "test_cli.py",
    "test_docs.py",
    "test_identity_book.py",
    "test_renaming.py",
    "test_state.py",
    "test_surface.py",
    "tracker",
    "watch",
    "web",
}
"""Whose tests drive browsers, servers, threads and processes, or kill them: what fails there is tried once more. The closing
line counts such tests and the summary names them (RERUN): each is a fault yet to be found, there or in the product."""

MEMORY, ROOM = Path("/dev/shm"), 4 << 30
"""Where temporary files may lie, and how much memory must be free for it: what is stored is brought to the disk file by
file, and a test that imports ten rows would wait for thirty of them. Processes that are killed lose nothing there either."""

# Examples take as long as the machine is busy, which is no fault of what is tested. The suite takes the same ones each
# time, so that it says something of the change at hand; PERIPLUS_EXAMPLES asks for so many, and for new ones.
settings.register_profile(
    "any machine",
    settings.default,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="PERIPLUS_EXAMPLES" not in os.environ,
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that starts the workers compiles, before it does; all put temporary files in the same place."""
    if "TMPDIR" not in os.environ and _in_memory():
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
    workers = config.getoption("numprocesses", None)
    if workers and not hasattr(config, "workerinput"):
        compile_once(workers)


def _in_memory() -> bool:
    """Whether there is a file system in memory with room, from which programs may be started."""
    try:
        there = os.statvfs(MEMORY)
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(told["MemAvailable"].split()[0]) * 1024
    except (AttributeError, OSError, KeyError):
        return False
    return min(there.f_bavail * there.f_frsize, free) >= ROOM and not there.f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Hypothesis tries the constants of the modules that are loaded: all of ours are, else examples would depend on which
    # tests ran before.
    load_modules()

    def place(item: pytest.Item) -> int:
        area = item.path.relative_to(TESTS).parts[0]
        return LONG.index(area) if area in LONG else len(LONG)

    items.sort(key=place)
    for item in items:
        if PROCESSES.intersection(item.path.relative_to(TESTS).parts):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser to drive; skipped with the reason where there is none."""
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    path = next((name for name in found if name), None)
    if path is None:
        pytest.skip("No Chromium is on the PATH")
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*flags, "--disable-component-update", "--disable-sync"]
        )
        yield browser
        browser.close()
