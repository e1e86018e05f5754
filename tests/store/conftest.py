"""The operational state, empty, on SQLite and on a PostgreSQL server that all tests here share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from periplus.settings import Settings
from periplus.store.state import State
from tests.store.postgres import Server, running


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running() as started:
        yield started


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Settings whose state is empty."""
    if request.param == "sqlite":
        return Settings()
    return Settings(state=request.getfixturevalue("server").fresh("contract"))


@pytest.fixture
def opened(settings: Settings, tmp_path: Path) -> Iterator[State]:
    here = State(tmp_path, settings)
    yield here
    here.close()
