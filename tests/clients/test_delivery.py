"""Clients of others, unchanged, send through bad weather: every event arrives once, as it was meant."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from periplus.clock import iso
from tests.clients import installed
from tests.clients.conftest import Received, source
from tests.clients.weather import BUSY, FINE, LOST, STORM, UNANSWERED, UNAVAILABLE, Weather, weather

SEND = Path(__file__).with_name("send")
EVENTS = 20
PATIENCE = 300
"""Seconds that a client may take to send them all."""


@dataclass(frozen=True)
class Client:
    """A script of `send/`, where its client is installed, and what of it cannot be as with the others."""

    script: str
    requirements: str | None = None
    users: bool = True
    """Whether each event has one of three users (else: the first)."""
    stated: bool = True
    """Whether what is known of a person comes as a statement of its own."""


PYTHON = "requirements.txt"
CLIENTS = {
    "segment-analytics-python": Client("segment_python.py", PYTHON),
    "segment-analytics-python 2.3": Client("segment_python_old.py", "requirements-old.txt"),
    "rudder-sdk-python": Client("rudder_python.py", PYTHON),
    "posthog": Client("posthog_python.py", PYTHON),
    "mixpanel": Client("mixpanel_python.py", PYTHON),
    "@segment/analytics-node": Client("segment_node.js"),
    "@rudderstack/rudder-sdk-node": Client("rudder_node.js"),
    "posthog-node": Client("posthog_node.js"),
    "mixpanel (Node)": Client("mixpanel_node.js"),
    "GA4 by hand": Client("ga4.py", PYTHON, users=False, stated=False),
    "Kissmetrics by hand": Client("kissmetrics.py", PYTHON),
}


AT_ONCE = 4
"""Clients that send at the same time: mostly they wait."""


@dataclass(frozen=True)
class Sent:
    """What a client did: its exit, what it said, what the proxy did to it, and what arrived."""

    status: int
    said: str
    proxy: Weather
    received: Received


def command(client: Client) -> tuple[list[str], dict[str, str]]:
    """How to run a client, and its environment; raises NotInstalled."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    if client.requirements is not None:
        return [str(installed.python(client.requirements)), str(SEND / client.script)], environment
    modules = str(installed.node() / "node_modules")
    return ["node", str(SEND / client.script)], environment | {"NODE_PATH": modules}


def send(client: Client, received: Received) -> Sent | str:
    """Let a client send through the storm; the reason where it is not installed."""
    try:
        run, environment = command(client)
    except installed.NotInstalled as problem:
        return str(problem)
    with weather(received.base, STORM) as proxy:
        done = subprocess.run(
            [*run, proxy.base, received.key, str(EVENTS)],
            env=environment, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
    return Sent(done.returncode, done.stderr[-2000:], proxy, received)


@pytest.fixture(scope="module")
def sending(
    server: tuple[Any, Any, str], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Sent | str]]]:
    """Every client that a test was chosen for, sending."""
    chosen = {item.callspec.params["name"] for item in request.session.items if item.path == Path(__file__)}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(send, CLIENTS[name], source(server, name, tmp_path_factory.mktemp("sent")))
            for name in CLIENTS
            if name in chosen
        }


@pytest.mark.parametrize("name", CLIENTS)
def test_each_event_arrives_once(name: str, sending: dict[str, Future[Sent | str]]) -> None:
    client, sent = CLIENTS[name], sending[name].result()
    if isinstance(sent, str):
        pytest.skip(sent)
    assert sent.status == 0, sent.said
    events = sent.received.events()
    added = [event for event in events if event.event == "Product Added"]
    assert Counter(int(event.properties["n"]) for event in added) == Counter(range(EVENTS))
    for event in added:
        n = int(event.properties["n"])
        assert iso(event.time) == f"2026-03-01T12:00:{n:02}Z"
        assert event.user_id == (f"user-{n % 3}" if client.users else "user-0")
        assert float(event.properties["price"]) == n + 0.5
        assert event.properties["note"] == "Καλημέρα 🛒"
        assert event.message_id
    if client.stated:
        (statement,) = [event for event in events if event.type == "identify"]
        assert (statement.user_id, statement.email) == ("user-0", "user-0@shop.example")
    else:
        assert {event.email for event in added} == {"user-0@shop.example"}
    assert len(events) == EVENTS + client.stated
    assert {what for what in (UNANSWERED, UNAVAILABLE, LOST, BUSY, FINE) if sent.proxy.happened[what]} == set(
        STORM
    )
    assert set(sent.proxy.statuses) == {200}
    fates = sent.received.fates()
    assert fates["accepted"] == len(events)
    assert fates["duplicate"] > 0, "what was not acknowledged was sent again"
    assert fates["received"] == fates["accepted"] + fates["duplicate"]
