from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from periplus.errors import InputError
from periplus.event import REASONS, Event, flatten, join_path, split_path, unflatten

TRACK = {"type": "track", "event": "Product Added", "userId": "u1", "timestamp": "2026-07-01T13:00:00Z"}


def sent(**fields: Any) -> Event:
    return Event.from_segment(TRACK | fields, received=5)


def test_a_track_message() -> None:
    event = sent(
        properties={"price": 3},
        context={"ip": "::1"},
        messageId="m",
        anonymousId="a",
        channel="web",
        source="s",
    )
    assert (event.type, event.event, event.time) == ("track", "Product Added", 1782910800000000)
    assert (event.user_id, event.anonymous_id, event.message_id) == ("u1", "a", "m")
    assert (event.channel, event.source, event.department) == ("web", "s", None)
    assert event.facts()["properties"] == {"price": 3}


def test_views_are_named_and_keep_their_title() -> None:
    page = Event.from_segment(
        {"type": "page", "name": "Home", "category": "Shop", "properties": {"path": "/"}}, 7
    )
    assert (page.event, page.time, page.received_at) == ("Page Viewed", 7, 7)
    assert page.properties == {"path": "/", "name": "Home", "category": "Shop"}
    assert Event.from_segment({"type": "screen", "name": "Cart"}, 7).event == "Screen Viewed"


def test_statements_are_named_by_their_type() -> None:
    alias = Event.from_segment({"type": "alias", "previousId": "old", "userId": "new"}, 0)
    assert (alias.event, alias.previous_id, alias.user_id) == ("alias", "old", "new")


def test_email_and_phone_come_from_the_traits() -> None:
    traits = {"email": "a@example.org", "phone": 30210}
    assert sent(traits=traits).email == "a@example.org"
    assert sent(traits=traits).phone == "30210"
    assert sent(context={"traits": {"email": "b@example.org"}}).email == "b@example.org"
    assert sent(traits=traits, context={"traits": {"email": "b@example.org"}}).email == "a@example.org"
    assert sent(email="c@example.org", traits=traits).email == "c@example.org"
    assert sent(traits={"email": {"home": "x"}}).email is None
    group = Event.from_segment({"type": "group", "groupId": "g", "userId": "u", "traits": traits}, 0)
    assert group.email is None
    assert group.context == {"groupId": "g"}


def test_ids_are_text_and_never_floats() -> None:
    assert sent(userId=2**60 + 1).user_id == str(2**60 + 1)
    assert sent(userId="").user_id is None


def test_the_name_is_in_nfc() -> None:
    assert sent(event="Ka\u0308ufer").event == "K\u00e4ufer"


def test_times() -> None:
    assert sent(timestamp=None).time == 5
    assert sent(timestamp="1970-01-01").time == 0
    assert sent(timestamp="1970-01-01T00:00:00.123456789Z").time == 123456
    local = Event.from_segment(TRACK | {"timestamp": "1970-01-01T02:00:00"}, 0, ZoneInfo("Europe/Athens"))
    assert local.time == 0
    assert sent(receivedAt="1970-01-01T00:00:01Z").received_at == 1_000_000


def test_consent_is_taken_from_where_the_spec_keeps_it() -> None:
    event = sent(context={"consent": {"categoryPreferences": {"analytics": False}}, "ip": "::1"})
    assert event.consent == {"analytics": False}
    assert event.context == {"ip": "::1"}
    assert event.to_segment()["context"]["consent"] == {"categoryPreferences": {"analytics": False}}


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("text", "not_an_object"),
        (TRACK | {"properties": [1]}, "not_an_object"),
        (TRACK | {"type": "trak"}, "unknown_type"),
        (TRACK | {"type": ["track"]}, "unknown_type"),
        ({"type": "track"}, "no_event_name"),
        (TRACK | {"event": "  "}, "no_event_name"),
        (TRACK | {"event": 5}, "no_event_name"),
        (TRACK | {"timestamp": "yesterday"}, "bad_time"),
        (TRACK | {"timestamp": 1782910800}, "bad_time"),
        (TRACK | {"timestamp": "0001-01-01T00:00:00+14:00"}, None),
        (TRACK | {"userId": {"$oid": "1"}}, "bad_identifier"),
        (TRACK | {"userId": 1.5}, "bad_identifier"),
        (TRACK | {"userId": True}, "bad_identifier"),
        (TRACK | {"channel": 5}, "bad_field"),
    ],
)
def test_refusals_have_a_reason_of_the_list(document: Any, reason: str | None) -> None:
    if reason is None:
        assert Event.from_segment(document, 0).time < 0
        return
    with pytest.raises(InputError) as caught:
        Event.from_segment(document, 0)
    assert caught.value.code == reason
    assert reason in REASONS
    assert caught.value.message
    assert caught.value.hint


def test_too_deep() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = {"a": deep}
    with pytest.raises(InputError) as caught:
        sent(properties=deep)
    assert caught.value.code == "too_deep"


def test_the_misspelt_type_is_named() -> None:
    with pytest.raises(InputError, match="Did you mean 'track'"):
        sent(type="trak")


keys = st.text(st.sampled_from("ab.\\é"), max_size=3)
leaves = st.integers() | st.text(max_size=3) | st.booleans() | st.lists(st.none() | st.integers(), max_size=2)
nested = st.dictionaries(
    keys, st.recursive(leaves, lambda inner: st.dictionaries(keys, inner, max_size=3)), max_size=3
)


@given(nested)
def test_flattening_loses_nothing(properties: dict[str, Any]) -> None:
    flat = flatten(properties, "properties")
    assert unflatten(flat).get("properties", {}) == properties
    assert not any(isinstance(leaf, dict) and leaf for leaf in flat.values())


@given(st.lists(keys, min_size=1).map(tuple))
def test_paths_read_back(parts: tuple[str, ...]) -> None:
    assert split_path(join_path(parts)) == parts


def test_flattening_leaves_out_nothings() -> None:
    nothing = {"a": None, "b": {"c": None}, "n": float("nan"), "i": float("inf"), "l": [None], "o": {}}
    assert flatten(nothing, "traits") == {"traits.l": [None], "traits.o": {}}


texts = st.none() | st.sampled_from(["x", "é"])
messages = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["track", "page", "screen", "identify", "group", "alias"]),
        "event": st.sampled_from(["Product Added", "Ka\u0308ufer"]),
        "timestamp": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    },
    optional={
        **dict.fromkeys(("userId", "anonymousId", "messageId", "channel", "department", "source"), texts),
        **dict.fromkeys(("email", "phone", "name", "groupId", "previousId"), texts),
        "properties": nested,
        "traits": nested | st.just({"email": "t@example.org"}),
        "context": nested
        | st.just({"traits": {"phone": "1"}})
        | st.just({"consent": {"categoryPreferences": {"ads": True}, "more": 1}}),
    },
)


@given(messages)
def test_an_event_is_exported_and_read_back(message: dict[str, Any]) -> None:
    event = Event.from_segment(message, received=9)
    exported = msgspec.json.decode(msgspec.json.encode(event.to_segment()))
    assert Event.from_segment(exported, received=0) == event
