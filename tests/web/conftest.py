"""A small shop with known journeys, imported through the door everybody uses, served by a real server."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

import periplus
from periplus.web.app import create_app, sign_in_link

WAY = (
    ("Product List Viewed", 0.9),
    ("Product Viewed", 0.8),
    ("Product Added", 0.45),
    ("Cart Viewed", 0.8),
    ("Checkout Started", 0.6),
    ("Payment Info Entered", 0.8),
    ("Order Completed", 0.85),
)
"""Each event of the way to an order, and how likely the next one follows it."""

DEVICES = ("mobile", "desktop", "tablet")


def events(customers: int = 240, seed: int = 7) -> list[dict[str, Any]]:
    """Segment events of shoppers who walk some of the way, each on one device; the same for a seed."""
    chance = random.Random(seed)
    begin = datetime(2026, 3, 1, 8, tzinfo=UTC)
    found: list[dict[str, Any]] = []
    for number in range(customers):
        device = chance.choices(DEVICES, (6, 3, 1))[0]
        when = begin + timedelta(minutes=chance.randrange(60 * 24 * 60))
        for event, on in WAY:
            if event == "Product List Viewed" and chance.random() < 0.3:
                continue
            properties: dict[str, Any] = {"price": round(chance.uniform(5, 90), 2)}
            if event == "Order Completed":
                properties = {"order_id": f"o-{number}", "total": 64.5, "currency": "EUR"}
            found.append(
                {
                    "type": "track",
                    "event": event,
                    "anonymousId": f"device-{number}",
                    **(
                        {"userId": f"shopper-{number}"}
                        if event in ("Checkout Started", "Order Completed")
                        else {}
                    ),
                    "messageId": f"m-{number}-{event}",
                    "timestamp": when.isoformat().replace("+00:00", "Z"),
                    "properties": properties,
                    "context": {"device": {"type": device}},
                }
            )
            when += timedelta(minutes=chance.randrange(1, 300))
            if chance.random() > on:
                break
    return found


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A workspace with the events of `events()`, only to be read."""
    folder = tmp_path_factory.mktemp("filled")
    with periplus.init(folder / "shop", zone="Europe/Athens") as ws:
        ws.import_file(write_jsonl(folder / "events.jsonl", events()))
        yield ws


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Any]:
    """A new workspace of one's own."""
    with periplus.init(tmp_path / "shop") as ws:
        yield ws


@dataclass
class Served:
    """A running application: its address, and clients with and without a session.

    No client here reads the authorities of the world for an address of http: that takes longer than a page.
    """

    app: Any
    ws: Any
    base: str
    announced: list[str]

    def stranger(self) -> httpx.Client:
        return httpx.Client(base_url=self.base, timeout=180, verify=False)

    @contextmanager
    def signed_in(self) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.base, timeout=180, follow_redirects=True, verify=False) as client:
            assert client.get(sign_in_link(self.app, self.base)).status_code == 200
            yield client

    def csrf(self, client: httpx.Client) -> str:
        """The token that the forms of a client's session carry."""
        page = client.get("/import").text
        return page.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def _serve(ws: Any, **options: Any) -> Iterator[Served]:
    announced: list[str] = []
    app = create_app(ws, announce=announced.append, **options)
    # The server gets the socket itself: a port that is only known to be free is somebody else's a moment later.
    place = socket.socket()
    place.bind(("127.0.0.1", 0))
    port = place.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
    thread.start()
    limit = time.monotonic() + 120
    while not server.started:
        assert time.monotonic() < limit, "the server did not start"
        time.sleep(0.02)
    yield Served(app, ws, f"http://127.0.0.1:{port}", announced)
    server.should_exit = True
    thread.join(60)
    place.close()


@pytest.fixture(scope="session")
def site(filled: Any) -> Iterator[Served]:
    """The application of the filled workspace."""
    yield from _serve(filled)


@pytest.fixture
def fresh(empty: Any) -> Iterator[Served]:
    """The application of an empty workspace; its uploads may have 200 KB."""
    yield from _serve(empty, upload_limit=200_000)


@pytest.fixture(scope="session")
def client(site: Served) -> Iterator[httpx.Client]:
    with site.signed_in() as signed_in:
        yield signed_in


Opened = Callable[..., Any]

PATIENCE = 120_000
"""Milliseconds that a tab waits for anything."""


@pytest.fixture
def tab(chromium: Any, site: Served) -> Iterator[Any]:
    """A signed-in tab on the filled shop, that fails the test for any error or refusal in its console."""
    yield from watched(chromium, site)


@pytest.fixture
def fresh_tab(chromium: Any, fresh: Served) -> Iterator[Any]:
    """The same on an empty workspace."""
    yield from watched(chromium, fresh)


def expect(shown: Any) -> Any:
    """Playwright's assertions of a page or a place in it, which look until they hold: as long as a tab waits for anything."""
    from playwright import sync_api

    sync_api.expect.set_options(timeout=PATIENCE)
    return sync_api.expect(shown)


def watched(chromium: Any, site: Served, **options: Any) -> Iterator[Any]:
    context = chromium.new_context(base_url=site.base, viewport={"width": 1440, "height": 900}, **options)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: said.append(str(e)))
    page.goto(sign_in_link(site.app, site.base))
    yield page
    context.close()
    assert said == []
