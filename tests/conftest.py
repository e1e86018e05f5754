"""What tests of several areas share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.compiling import compile_once

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
