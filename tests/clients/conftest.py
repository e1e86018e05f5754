"""The real server on loopback, with a source of its own for each client, and what of it has reached the store."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import periplus
from periplus.event import Event
from periplus.web.app import create_app

PATIENCE = 120
"""Seconds until what was acknowledged is in the store."""


@dataclass
class Received:
    """What arrived from one source: where to send, with which key, and what is stored of it."""

    base: str
    key: str
    source: str
    ws: Any
    collector: Any
    folder: Path

    def events(self) -> list[Event]:
        """Everything of this source in the store, once nothing waits before it any more."""
        limit = time.monotonic() + PATIENCE
        while self.collector.inbox.waiting:
            assert time.monotonic() < limit, "what is in the inbox does not reach the store"
            time.sleep(0.05)
        out = self.folder / "events.jsonl"
        self.ws.export(out)
        told = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        return [Event.from_segment(one, 0) for one in told if one["source"] == self.source]

    def fates(self) -> Counter[str]:
        """How many messages of this source became what, as the ledger has it."""
        counts: Counter[str] = Counter()
        for row in self.ws.ledger_counts(self.source):
            counts.update(
                {fate: row[fate] for fate in ("accepted", "duplicate", "rejected", "withheld", "received")}
            )
        return counts


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any, str]]:
    """A workspace, its running collector, and the address of the server in front of both."""
    with (
        periplus.init(tmp_path_factory.mktemp("clients") / "shop", shards=2) as ws,
        ws.collector() as collector,
        socket.socket() as place,
    ):
        place.bind(("127.0.0.1", 0))
        app = create_app(ws, announce=lambda _: None, collector=collector)
        running = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=running.run, args=([place],), daemon=True)
        thread.start()
        limit = time.monotonic() + PATIENCE
        while not running.started:
            assert time.monotonic() < limit, "the server did not start"
            time.sleep(0.02)
        yield ws, collector, f"http://127.0.0.1:{place.getsockname()[1]}"
        running.should_exit = True
        thread.join(PATIENCE)


def source(server: tuple[Any, Any, str], name: str, folder: Path) -> Received:
    """A source of its own at the running server."""
    ws, running, base = server
    plain = "".join(c if c.isalnum() else "-" for c in name)[:80]
    key = ws.add_source(plain)
    running.sources.refresh()  # a look that takes long lets a new key be refused, and clients do not send that again
    return Received(base, key, plain, ws, running, folder)


@pytest.fixture
def collector(server: tuple[Any, Any, str], request: pytest.FixtureRequest, tmp_path: Path) -> Received:
    """A source of the test's own."""
    return source(server, request.node.name, tmp_path)
