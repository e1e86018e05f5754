"""What the tests of faults share: a warm terminal, and small files of events."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.forking import Terminal, terminal


@pytest.fixture(scope="session")
def shell() -> Iterator[Terminal]:
    """The command line in forked processes, for commands that are killed, limited or run as somebody else."""
    with terminal() as opened:
        yield opened
