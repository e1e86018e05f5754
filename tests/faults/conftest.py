"""Loops are compiled before any process is started that has only so much time, or is measured by what it writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from periplus.workspace import init
from tests.faults import shops
from tests.faults.victim import load_everything
from tests.terminal import run


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    load_everything()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with one good batch of 20 events."""
    folder = tmp_path_factory.mktemp("bad")
    init(folder / "shop", shards=2, threads=1, memory="500MB").close()
    good = shops.write(folder / "good.jsonl", shops.log(20))
    assert run("import", good, "-w", folder / "shop").code == 0
    return folder / "shop"
