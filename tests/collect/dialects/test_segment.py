"""Segment and RudderStack: keys, paths, times, and what is answered."""

from __future__ import annotations

from typing import Any

import pytest

from periplus.clock import iso
from periplus.collect.dialects import segment  # noqa: F401 -- registers itself
from periplus.collect.wire import DIALECTS, Refused
from periplus.errors import InputError
from tests.collect.dialects.sending import answer, event, message, read, request, said

ADDED = {"type": "track", "event": "Product Added", "userId": "u", "messageId": "m1"}


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("track", "track"),
        ("t", "track"),
        ("p", "page"),
        ("i", "identify"),
        ("s", "screen"),
        ("g", "group"),
        ("a", "alias"),
    ],
)
def test_the_path_says_the_type_of_a_single_message(path: str, kind: str) -> None:
    sent = {"event": "Product Added", "userId": "u", "messageId": "m1", "type": "nonsense"}
    assert event("segment", f"/v1/{path}", sent, key="K").type == kind


@pytest.mark.parametrize("path", ["/v1/batch", "/v1/import", "/v1/b"])
def test_a_batch_is_read_in_its_order(path: str) -> None:
    batch = [{**ADDED, "messageId": f"m{n}"} for n in range(3)] + ["nonsense", None]
    reading = read("segment", path, {"batch": batch, "sentAt": "2026-07-01T13:00:00Z"}, key="K")
    assert [m["messageId"] for m in reading.messages if not isinstance(m, Refused)] == ["m0", "m1", "m2"]
    assert [m.reason for m in reading.messages if isinstance(m, Refused)] == ["not_an_object"] * 2
    assert reading.sent_at == "2026-07-01T13:00:00Z"


@pytest.mark.parametrize(
    ("body", "key", "found"),
    [
        ({"batch": [ADDED]}, "basic", "basic"),
        ({"batch": [ADDED], "writeKey": "body"}, "basic", "basic"),
        ({"batch": [ADDED], "writeKey": "body"}, None, "body"),
        ({"batch": [{**ADDED, "writeKey": "inner"}]}, None, "inner"),
        ({"batch": [ADDED]}, None, None),
        ({"batch": [ADDED], "writeKey": 7}, None, None),
    ],
)
def test_where_the_key_stands(body: Any, key: str | None, found: str | None) -> None:
    reading = read("segment", "/v1/batch", body, key=key)
    assert reading.key == found
    assert "writeKey" not in reading.messages[0]


def test_a_bearer_token_and_a_broken_header_are_no_key() -> None:
    for header in ("Bearer abc", "Basic", "Basic !!!", "Basic w6k"):
        assert (
            read("segment", "/v1/batch", {"batch": [], "writeKey": "body"}, authorization=header).key
            == "body"
        )


def test_rudderstack_writes_time_traits_and_transport_elsewhere() -> None:
    sent = {
        "type": "identify", "userId": "u", "messageId": "m", "channel": "server",
        "originalTimestamp": "2026-07-01T12:00:00Z", "context": {"traits": {"email": "a@b.c"}},
    }  # fmt: skip
    told = event("segment", "/v1/batch", {"batch": [sent]}, key="K")
    assert (iso(told.time), told.traits, told.email) == ("2026-07-01T12:00:00Z", {"email": "a@b.c"}, "a@b.c")
    assert told.channel is None
    assert told.context == {"channel": "server"}


def test_a_channel_of_the_shop_stays() -> None:
    assert event("segment", "/v1/track", {**ADDED, "channel": "email"}, key="K").channel == "email"
    assert event("segment", "/v1/track", {**ADDED, "channel": "web"}, key="K").channel == "web"


def test_rudderstack_says_web_of_the_way_an_event_was_sent() -> None:
    context = {"library": {"name": "RudderLabs JavaScript SDK"}}
    told = event("segment", "/v1/track", {**ADDED, "channel": "web", "context": context}, key="K")
    assert (told.channel, told.context["channel"]) == (None, "web")


def test_rudderstacks_library_is_told_of_no_destinations() -> None:
    address = "/sourceConfig/?p=npm&v=3&writeKey=K"
    reading = read("segment", address, method="GET")
    assert (reading.key, list(reading.messages)) == ("K", [])
    source = said(answer("segment", address, method="GET"))["source"]
    assert (source["writeKey"], source["enabled"], source["destinations"]) == ("K", True, [])


@pytest.mark.parametrize("at", [1782910800, 1782910800000, "1782910800.000"])
def test_a_time_as_a_number_is_read_by_its_size(at: Any) -> None:
    assert (
        iso(event("segment", "/v1/track", {**ADDED, "timestamp": at}, key="K").time) == "2026-07-01T13:00:00Z"
    )


def test_a_message_without_id_gets_one_of_its_content() -> None:
    sent = {
        "event": "Product Added",
        "userId": "u",
        "timestamp": "2026-07-01T12:00:00Z",
        "sentAt": "2026-07-01T12:00:01Z",
    }
    first = message("segment", "/v1/track", sent, key="K")
    later = message(
        "segment", "/v1/track", {**sent, "sentAt": "2026-07-01T12:00:09Z"}, key="K", received=2**50
    )
    other = message("segment", "/v1/track", {**sent, "userId": "v"}, key="K")
    assert first["messageId"] == later["messageId"] != other["messageId"]


def test_equal_messages_of_one_batch_without_ids_are_two() -> None:
    one, two = read("segment", "/v1/batch", {"batch": [{"event": "a"}, {"event": "a"}]}, key="K").messages
    assert not isinstance(one, Refused)
    assert not isinstance(two, Refused)
    assert one["messageId"] != two["messageId"]


def test_consent_categories_arrive_as_they_were_said() -> None:
    consent = {"consent": {"categoryPreferences": {"Advertising": False, "Analytics": True}}}
    told = event("segment", "/v1/track", {**ADDED, "context": consent}, key="K")
    assert told.consent == {"Advertising": False, "Analytics": True}


def test_values_no_json_has_cost_themselves_not_the_batch() -> None:
    body = (
        b'{"batch": [{"type": "track", "event": "a", "userId": "u", "properties": {"n": NaN, "t": "\\ud83d!", "b": %s}}]}'
        % (b"9" * 5000)
    )
    told = event(
        "segment",
        "/v1/batch",
        b"\xef\xbb\xbf" + body,
        key="K",
        content_type="application/x-www-form-urlencoded",
    )
    assert told.properties["n"] is None
    assert told.properties["t"] == "?!"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"{}", b'{"batch": {}}', b"\xff\xfe", b"[" * 5000]
)
def test_what_is_no_batch_is_malformed(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read("segment", "/v1/batch", body, key="K")
    assert caught.value.code == "malformed"
    assert caught.value.hint


def test_replies() -> None:
    assert said(answer("segment", "/v1/batch", {"batch": [ADDED]}, key="K")) == {"success": True}
    partly = said(answer("segment", "/v1/batch", {"batch": [ADDED, 7]}, key="K"))
    assert partly["success"] is True
    assert partly["rejected"][0]["index"] == 1
    none = answer("segment", "/v1/batch", {"batch": [7]}, key="K")
    assert none.status == 400
    assert set(said(none)) >= {"success", "code", "message"}
    told = DIALECTS["segment"].refusal(request("/v1/batch"), 401, "bad_key", "No source has this key.")
    assert (told.status, said(told)) == (
        401,
        {"success": False, "code": "bad_key", "message": "No source has this key."},
    )


@pytest.mark.parametrize(
    ("headers", "host", "protocol"),
    [
        ({"host": "127.0.0.1:8123"}, "127.0.0.1:8123", "http"),
        ({"host": "events.shop.example"}, "events.shop.example", "https"),
        ({"host": "events.shop.example", "x-forwarded-proto": "http"}, "events.shop.example", "http"),
    ],
)
def test_the_browser_is_told_to_send_here_and_nowhere_else(
    headers: dict[str, str], host: str, protocol: str
) -> None:
    sent = {name.replace("-", "_"): value for name, value in headers.items()}
    reading = read("segment", "/v1/projects/K/settings", method="GET", **sent)
    assert (reading.key, list(reading.messages)) == ("K", [])
    told = said(answer("segment", "/v1/projects/K/settings", method="GET", **sent))
    assert told["integrations"]["Segment.io"]["apiHost"] == f"{host}/v1"
    assert told["integrations"]["Segment.io"]["protocol"] == protocol
    assert list(told["integrations"]) == ["Segment.io"]
    assert told["metrics"] == {"sampleRate": 0}
