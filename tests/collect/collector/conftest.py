"""A small workspace with a source, and its collector, whose flush is done by hand."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus import clock
from periplus.collect.wire import Reply, Request
from periplus.people.collector import Collector
from periplus.workspace import Workspace


class Shop:
    """A workspace whose collector runs without its thread: `flush` says when events come in."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.ws: Workspace = periplus.init(path, **settings)
        self.key = self.ws.add_source("web")
        self.collector: Collector = self.ws.collector()

    def restart(self) -> None:
        """As after `kill -9`: nothing is brought in, the inbox is as it was."""
        self.collector.inbox.close()
        self.collector = self.ws.collector()

    def request(
        self,
        body: Any,
        path: str = "/v1/batch",
        *,
        key: str | None = "",
        headers: dict[str, str] | None = None,
        method: str = "POST",
        received: int | None = None,
    ) -> Request:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        known = {} if key is None else {"authorization": basic(key or self.key)}
        return Request(
            method, path, (), {**known, **(headers or {})}, raw, received or clock.wall(), "192.0.2.1"
        )

    def post(self, body: Any, path: str = "/v1/batch", **options: Any) -> Reply:
        return self.collector.ask(self.request(body, path, **options))

    def send(self, *messages: Any, **options: Any) -> Reply:
        return self.post({"batch": list(messages)}, **options)

    def flush(self) -> None:
        self.collector.sources.refresh()
        self.collector.finisher.refresh()
        self.collector.bring_in()

    def events(self) -> list[dict[str, Any]]:
        """Every event that is in the store, as it is exported."""
        out = self.ws.path.parent / "out.jsonl"
        self.ws.export(out)
        return [json.loads(line) for line in out.read_text().splitlines()]

    def ids(self) -> list[str]:
        return sorted(event["messageId"] for event in self.events())

    def counts(self) -> dict[str, int]:
        """What the ledger says of the source, over all hours; its parts add up to what was received."""
        rows = self.ws.ledger_counts("web")
        outcomes = ("accepted", "duplicate", "rejected", "withheld", "received")
        total = {name: sum(row[name] for row in rows if row["kind"] == "collector") for name in outcomes}
        assert sum(total[name] for name in outcomes[:-1]) == total["received"]
        return total


def basic(key: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def track(message_id: str = "m", **fields: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Product Viewed", "anonymousId": "a", "messageId": message_id} | fields


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    made: list[Shop] = []

    def new(**settings: Any) -> Shop:
        made.append(Shop(tmp_path / f"shop{len(made)}" / "ws", **settings))
        return made[-1]

    yield new
    for shop in made:
        shop.collector.inbox.close()
        shop.ws.close()


@pytest.fixture
def shop(make: Callable[..., Shop]) -> Shop:
    return make()
