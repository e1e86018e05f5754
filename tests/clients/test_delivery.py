"""Clients of others, unchanged, send through bad weather: every event arrives once, as it was meant."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from periplus.clock import iso
from tests.clients import installed
from tests.clients.weather import BUSY, FINE, LOST, STORM, UNANSWERED, UNAVAILABLE, weather

SEND = Path(__file__).with_name("send")
EVENTS = 20
PATIENCE = 60
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
    retries: bool = True
    """Whether it sends again what was refused with 429."""


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


def command(client: Client) -> tuple[list[str], dict[str, str]]:
    """How to run a client, and its environment; skips where it is not installed."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    try:
        if client.requirements is not None:
            return [str(installed.python(client.requirements)), str(SEND / client.script)], environment
        modules = str(installed.node() / "node_modules")
        return ["node", str(SEND / client.script)], environment | {"NODE_PATH": modules}
    except installed.NotInstalled as problem:
        pytest.skip(str(problem))


@pytest.mark.parametrize("name", CLIENTS)
def test_each_event_arrives_once(name: str, collector: Any) -> None:
    client = CLIENTS[name]
    run, environment = command(client)
    with weather(collector.base, STORM) as proxy:
        done = subprocess.run(
            [*run, proxy.base, collector.key, str(EVENTS)],
            env=environment, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    events = collector.events()
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
    assert {what for what in (UNANSWERED, UNAVAILABLE, LOST, BUSY, FINE) if proxy.happened[what]} == set(
        STORM
    )
    assert set(proxy.statuses) == {200}
