"""Loops are compiled before any process is started that has only so much time, or is measured by what it writes."""

from __future__ import annotations

import pytest

from tests.faults.victim import load_everything


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    load_everything()
