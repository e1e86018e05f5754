"""What current releases of the real clients sent, byte for byte but for addresses: it is read whole and answered as they expect.

`tests/clients` sends with the clients themselves; these lines say what they sent, where they cannot be installed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from periplus.collect.dialects import ga4, kissmetrics, mixpanel, posthog, segment
from periplus.collect.wire import DIALECTS, Refused, Request
from periplus.event import Event
from tests.collect.dialects.sending import RECEIVED, fates, request

LOADED = (ga4, kissmetrics, mixpanel, posthog, segment)
LINES = [
    json.loads(line)
    for line in Path(__file__).with_name("captured.jsonl").read_text(encoding="utf-8").splitlines()
]
KEYS = {"segment": "KEY", "rudder": "KEY", "posthog": "KEY", "mixpanel": "TOKEN"}


def sent(line: dict[str, Any]) -> tuple[str, Request]:
    """The dialect whose route takes the request, and the request."""
    headers = {name.replace("-", "_"): value for name, value in line["headers"].items()}
    made = request(line["address"], line["body"].encode(), line["method"], **headers)
    (name,) = [
        name
        for name in DIALECTS
        for method, path in DIALECTS[name].routes
        if method == made.method
        and (made.path == path or (path.endswith("*") and made.path.startswith(path[:-1])))
    ]
    return name, made


@pytest.mark.parametrize(
    "line", LINES, ids=lambda line: f"{line['client']} {line['method']} {line['address'][:20]}"
)
def test_each_request_is_read_and_answered(line: dict[str, Any]) -> None:
    name, made = sent(line)
    reading = DIALECTS[name].read(made)
    assert reading.key == KEYS[line["client"].split("-")[0]]
    for message in reading.messages:
        if isinstance(message, Refused):
            assert "$delete" in message.message
            continue
        event = Event.from_segment(message, RECEIVED)
        assert event.message_id
        if event.type not in ("group",):
            assert event.user_id or event.anonymous_id
        assert "KEY" not in json.dumps(message)
        assert "TOKEN" not in json.dumps(message)
    reply = DIALECTS[name].reply(made, reading, fates(reading))
    assert reply.status == 200
    if name == "mixpanel":
        refused = any(isinstance(message, Refused) for message in reading.messages)
        verbose = "verbose=1" in line["body"]
        assert reply.body == (b'{"status":1,"error":null}' if verbose else b"0" if refused else b"1")


def read(client: str) -> list[Event]:
    """Every event of a client's requests."""
    found = []
    for line in LINES:
        if line["client"] == client:
            name, made = sent(line)
            messages = DIALECTS[name].read(made).messages
            found += [Event.from_segment(m, RECEIVED) for m in messages if not isinstance(m, Refused)]
    return found


CALLS = {
    "segment-python": ["track", "identify", "page", "screen", "group", "alias"],
    "segment-node": ["track", "identify", "page", "alias", "group"],
    "segment-browser": ["page", "identify", "track", "group", "alias"] * 2,
    "rudder-python": ["track", "identify", "alias", "page"],
    "rudder-node": ["track", "identify"],
    "posthog-python": ["track", "identify", "identify", "alias", "group", "page", "track", "track"],
    "posthog-node": ["track", "identify", "alias", "group"],
}


@pytest.mark.parametrize("client", CALLS)
def test_calls_keep_their_meaning(client: str) -> None:
    events = read(client)
    assert [event.type for event in events] == CALLS[client]
    (added,) = {(e.event, e.user_id, e.properties["price"]) for e in events if e.event == "Product Added"}
    assert added == ("Product Added", "u1", 10.5)
    stated = next(event for event in events if event.type == "identify")
    assert stated.user_id == "u1"
    if client != "rudder-node":
        assert stated.email == "x@y.z"


def test_ids_are_the_clients_own() -> None:
    assert {e.message_id for e in read("posthog-node")} >= {"01a20191-6ad9-7b07-b318-b1d042473cf9"}
    assert {e.message_id for e in read("mixpanel-python")} >= {"9eee1a9eda70471eb57bf789b0d25ae4"}
    for client in CALLS:
        ids = [event.message_id for event in read(client)]
        assert len(set(ids)) == len(ids)


def test_the_times_are_those_of_the_events() -> None:
    from periplus.clock import iso

    assert iso(read("segment-python")[0].time) == "2026-07-01T13:00:00Z"
    assert iso(read("rudder-node")[0].time) == "2026-11-22T04:43:56.604000Z"
    (old,) = {iso(e.time) for e in read("mixpanel-python") if e.event == "Imported"}
    assert old == "2026-07-01T13:00:00Z"
    (older,) = {iso(e.time) for e in read("mixpanel-node") if e.event == "Old"}
    assert older == "2026-01-01T00:00:00Z"


def test_a_person_made_up_by_a_library_is_no_user() -> None:
    nobody = next(event for event in read("posthog-python") if event.event == "no id")
    assert nobody.user_id is None
    assert nobody.anonymous_id
