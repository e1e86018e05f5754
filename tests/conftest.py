"""What tests of several areas share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.compiling import compile_once

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

# Examples take as long as the machine is busy, which is no fault of what is tested.
settings.register_profile(
    "any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that starts the workers compiles, before it does."""
    workers = config.getoption("numprocesses", None)
    if workers and not hasattr(config, "workerinput"):
        compile_once(workers)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        area = item.path.relative_to(TESTS).parts[0]
        return LONG.index(area) if area in LONG else len(LONG)

    items.sort(key=place)


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
