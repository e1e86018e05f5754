"""Ecwid's webhooks through the running collector, completed from an API that runs here: fast, slow, busy, closed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

import periplus
from periplus.collect.completing import MOST, Completer
from periplus.collect.dialects.ecwid import Ecwid
from periplus.collect.shops.ecwid_api import EcwidApi
from periplus.collect.sources import SourceDocument
from periplus.collect.wire import Reading
from periplus.errors import BusyError, DocumentError
from periplus.people.collector import Collector
from periplus.workspace import Workspace
from tests.collect.hooks.deliveries import SECRET, body, delivery

TOKEN = "secret_1"
ORDER = delivery("ecwid", "order_created")


HELD = 90
"""Seconds that the API holds back at most, and that are waited for its answers."""


class Api:
    """The shop's API; `mood` says how it is today: held back, it answers once it is `let_go`."""

    def __init__(self) -> None:
        self.mood: Any = 200
        self.let_go = threading.Event()
        self.asked: list[str] = []
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked.append(self.path)
                if self.headers["Authorization"] != f"Bearer {TOKEN}":
                    return self.say(401, b"{}")
                if api.mood == "held":
                    api.let_go.wait(HELD)
                if api.mood in (429, 500):
                    return self.say(api.mood, b"{}")
                return self.say(200, msgspec.json.encode(body("ecwid", "api_order")))

            def say(self, status: int, raw: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args: Any) -> None:
                del args

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}/api/v3"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    made = Api()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(Ecwid, "access", lambda self, store, token: EcwidApi(store, token, made.base, HELD))
    yield made
    made.let_go.set()
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with periplus.init(tmp_path / "shop", shards=1) as made:
        made.add_source("shop", secret=SECRET, store="1003", token=TOKEN)
        yield made


@pytest.fixture
def collector(shop: Workspace) -> Iterator[Collector]:
    """Its thread does not run: events are brought in when it stops."""
    made = shop.collector()
    made.door.completer.patience = HELD
    yield made
    made.stop()


def completed(ws: Workspace) -> int:
    return int(ws.ask({"kind": "map", "map": "shop", "now": "2030-01-01"}).totals["reached"])


def test_an_order_stands_on_the_map_once_however_often_it_is_told(
    api: Api, shop: Workspace, collector: Collector
) -> None:
    for _ in range(3):
        assert collector.ask(ORDER).status == 200
    assert api.asked == ["/api/v3/1003/orders/XJ12H"] * 3
    collector.bring_in()
    assert completed(shop) == 1
    counts = shop.ledger_counts("shop")
    assert sum(row["received"] for row in counts) == sum(
        row[name] for row in counts for name in ("accepted", "duplicate", "rejected", "withheld")
    )
    assert sum(row["duplicate"] for row in counts) > 0


def test_three_at_the_same_time_are_one_order(api: Api, shop: Workspace, collector: Collector) -> None:
    statuses: list[int] = []
    over = threading.Barrier(4)

    def answer(reply: Any) -> None:
        statuses.append(reply.status)
        if len(statuses) == 3:
            over.abort()

    for _ in range(3):
        collector.receive(ORDER, answer)
    with pytest.raises(threading.BrokenBarrierError):
        over.wait(30)
    assert statuses == [200, 200, 200]
    collector.bring_in()
    assert completed(shop) == 1


@pytest.mark.parametrize("mood", [429, 500])
def test_a_busy_shop_is_asked_again(api: Api, shop: Workspace, collector: Collector, mood: int) -> None:
    api.mood = mood
    reply = collector.ask(ORDER)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert any(str(mood) in said for said in collector.stats()["problems"])
    assert shop.ledger_counts("shop") == []  # nothing of it was taken
    api.mood = 200
    assert collector.ask(ORDER).status == 200
    assert collector.stats()["problems"] == []
    collector.bring_in()
    assert completed(shop) == 1


def test_a_slow_shop_holds_nobody_up(api: Api, shop: Workspace, collector: Collector) -> None:
    api.mood = "held"
    completer = collector.door.completer
    completer.patience = 0.4
    replies: list[Any] = []
    told = threading.Event()

    def answer(reply: Any) -> None:
        replies.append(reply)
        told.set()

    began = time.monotonic()
    collector.receive(ORDER, answer)
    assert told.wait(HELD)
    assert time.monotonic() - began < HELD / 2, "neither the door nor the shop that sent it waits for the API"
    assert (replies[0].status, replies[0].headers["Retry-After"]) == (503, "5")
    assert "in time" in replies[0].body.decode()
    api.let_go.set()
    completer._pool.shutdown(wait=True)  # the answer came, too late, and was dropped
    assert len(replies) == 1
    assert shop.ledger_counts("shop") == []


def test_a_wrong_token_is_said_and_never_shown(
    api: Api, shop: Workspace, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    shop.add_source("shop", token="stale_token_9")
    collector.sources.refresh()
    with caplog.at_level(logging.DEBUG):
        reply = collector.ask(ORDER)
    assert reply.status == 503
    (said,) = collector.stats()["problems"]
    assert "read_orders" in said
    for text in (
        said,
        caplog.text,
        reply.body.decode(),
        str(shop.sources()),
        repr(collector.sources.by_name("shop")),
    ):
        assert "stale_token_9" not in text
        assert SECRET not in text
    shop.add_source("shop", token=TOKEN)
    collector.sources.refresh()
    assert collector.ask(ORDER).status == 200


def test_what_is_not_signed_is_not_fetched(api: Api, collector: Collector) -> None:
    unsigned = {name: value for name, value in ORDER.headers.items() if "signature" not in name}
    assert collector.ask(replace(ORDER, headers=unsigned)).status == 401
    assert api.asked == []


def test_too_many_are_told_to_come_again_and_the_end_tells_all() -> None:
    held, told = threading.Event(), list[Any]()
    completer = Completer(patience=HELD)

    def work() -> Reading:
        held.wait(HELD)
        return Reading(None, [])

    for _ in range(MOST):
        completer.start("shop", work, told.append)
    with pytest.raises(BusyError):
        completer.start("shop", work, told.append)
    completer.stop()
    held.set()
    assert len(told) == MOST
    assert all(isinstance(each, BusyError) for each in told)
    completer.start("shop", work, told.append)
    assert isinstance(told[-1], BusyError)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"store": "1003"}, "token"),
        ({"token": "t0ps3cret"}, "store"),
        ({"store": "my shop", "token": "t0ps3cret"}, "store"),
        ({"store": "1003", "token": "t0ps3cret\nX-Evil: 1"}, "token"),
        ({"secret": ["t0ps3cret"]}, "secret"),
    ],
)
def test_access_is_checked_and_errors_keep_its_secret(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(DocumentError) as problem:
        SourceDocument.parse({"name": "shop", **fields})
    assert said in str(problem.value)
    assert "t0ps3cret" not in str(problem.value)
    assert SourceDocument.parse("{name: shop, store: 1003, token: abc}").store == "1003"
