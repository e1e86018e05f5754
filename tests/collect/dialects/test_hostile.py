"""Whatever is sent, to whatever path: messages, refusals, or an InputError, and never another exception."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.collect.dialects import ga4, kissmetrics, mixpanel, posthog, segment
from periplus.collect.wire import DIALECTS, Fate, Outcome, Reading, Refused, Reply, Request
from periplus.errors import InputError
from periplus.event import Event
from tests.collect.dialects.sending import RECEIVED, fates

SPOKEN = [
    one.name
    for one in (ga4.Ga4, kissmetrics.Kissmetrics, mixpanel.Mixpanel, posthog.PostHog, segment.Segment)
]
WORDS = (
    "batch", "type", "event", "name", "properties", "traits", "context", "timestamp", "originalTimestamp", "sentAt",
    "messageId", "writeKey", "userId", "anonymousId", "channel", "consent", "categoryPreferences", "integrations",
    "events", "params", "items", "client_id", "user_id", "timestamp_micros", "user_properties", "value", "device",
    "user_location", "token", "$token", "time", "$insert_id", "distinct_id", "$distinct_id", "$device_id", "$user_id",
    "$set", "$set_once", "$add", "$delete", "$group_id", "$group_key", "$identified_id", "$anon_id", "alias",
    "$distinct_ids", "$anon_distinct_id", "api_key", "uuid", "$groups", "$group_type", "$group_set", "offset", "sent_at",
    "$is_identified", "$process_person_profile", "$current_url", "utm_source", "data", "_k", "_p", "_n", "_t", "_d",
)  # fmt: skip
TEXTS = (
    "track", "alias", "identify", "group", "page", "$identify", "$create_alias", "$merge", "$pageview", "$screen",
    "$groupidentify", "$set", "$device:1", "u1", "2026-07-01T13:00:00Z", "1782910800", "1e999", "nan", "∞", "", "0",
    "GRANTED", "server", "𝕏", "a" * 300, "\x00", "￾", "-1", "99999999999999999999999",
)  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), st.sampled_from(TEXTS), st.text(max_size=8), st.integers(), st.integers(0, 2 * 10**15),
    st.floats(allow_nan=True), st.sampled_from([10**30, -(10**30), 1e300]),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
few = settings(
    max_examples=200, phases=[Phase.explicit, Phase.generate], deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip


def paths(dialect: str) -> list[tuple[str, str]]:
    return [(method, path.replace("*", "KEY/settings")) for method, path in DIALECTS[dialect].routes]


def survives(dialect: str, request: Request) -> Reading | None:
    """Reads and answers; fails for any exception but InputError, and for a message that Event cannot judge."""
    spoken = DIALECTS[dialect]
    malformed: InputError | None = None
    try:
        reading = spoken.read(request)
    except InputError as problem:
        malformed = problem
    if malformed is not None:
        assert malformed.code == "malformed"
        told = spoken.refusal(request, 400, malformed.code, malformed.message)
        assert told.status == 400
        return None
    assert reading.key is None or isinstance(reading.key, str)
    assert reading.sent_at is None or isinstance(reading.sent_at, str | int)
    outcomes = []
    for message, outcome in zip(reading.messages, fates(reading), strict=True):
        if not isinstance(message, Refused):
            assert isinstance(message, dict)
            assert message.get("messageId") not in (None, ""), "nothing tells this message from another"
            json.dumps(message)
            try:
                Event.from_segment(message, RECEIVED)
            except InputError as problem:
                outcome = Outcome(Fate.REJECTED, problem.code, problem.message)
        outcomes.append(outcome)
    told = spoken.reply(request, reading, outcomes)
    assert isinstance(told, Reply)
    assert 200 <= told.status < 500
    assert told.body
    return reading


@pytest.mark.parametrize("dialect", SPOKEN)
@few
@given(st.data(), values, st.sampled_from(["json", "form", "base64", "lines"]))
def test_any_json(dialect: str, data: st.DataObject, value: Any, form: str) -> None:
    method, path = data.draw(st.sampled_from(paths(dialect)))
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass")
    body = {
        "json": text,
        "form": b"verbose=1&data=" + quote_plus(text).encode(),
        "base64": b"data=" + b64encode(text),
        "lines": text + b"\n" + text,
    }[form]
    query = [(key, str(one)) for key, one in value.items()] if isinstance(value, dict) else []
    survives(dialect, Request(method, path, query, {"host": "shop.example"}, body, RECEIVED))


@pytest.mark.parametrize("dialect", SPOKEN)
@few
@given(st.data(), st.lists(values, max_size=3))
def test_any_json_in_the_place_of_messages(dialect: str, data: st.DataObject, items: list[Any]) -> None:
    method, path = data.draw(st.sampled_from(paths(dialect)))
    document: Any = items
    if dialect == "segment":
        document = {"batch": items, "writeKey": "KEY"}
    elif dialect == "posthog":
        document = {"batch": items, "api_key": "KEY"}
    elif dialect == "ga4":
        document = {"client_id": "c", "events": items} | data.draw(
            st.dictionaries(st.sampled_from(WORDS), values, max_size=3)
        )
        document["events"] = items
    text = json.dumps(document).encode()
    reading = survives(dialect, Request(method, path, [("_k", "K"), ("_p", "u")], {}, text, RECEIVED))
    if reading is not None and dialect == "segment" and path in ("/v1/batch", "/v1/import", "/v1/b"):
        assert len(reading.messages) == len(items), "each message sent has one fate"


@pytest.mark.parametrize("dialect", SPOKEN)
@few
@given(
    st.data(),
    st.binary(max_size=40),
    st.lists(st.tuples(st.sampled_from(WORDS), st.text(max_size=5)), max_size=6),
)
def test_any_bytes_and_any_query(
    dialect: str, data: st.DataObject, body: bytes, query: list[tuple[str, str]]
) -> None:
    method, path = data.draw(st.sampled_from(paths(dialect)))
    headers = {"authorization": data.draw(st.text(max_size=12) | st.just("Basic ////"))}
    survives(dialect, Request(method, path, query, headers, body, RECEIVED))


@pytest.mark.parametrize("dialect", SPOKEN)
@pytest.mark.parametrize("depth", [40, 300, 700, 1_000, 100_000])
def test_deep_nesting(dialect: str, depth: int) -> None:
    deep = b'{"properties":' * depth + b"1" + b"}" * depth
    wrapped = {
        "segment": b'{"batch":[{"type":"track","event":"a","properties":%b,"context":%b,"traits":%b,"userId":%b}]}',
        "posthog": b'[{"event":"a","distinct_id":"u","properties":%b,"$set":%b,"timestamp":%b,"uuid":%b}]',
        "ga4": b'{"client_id":"c","user_properties":%b,"consent":%b,"user_id":%b,"events":[{"name":"a","params":%b}]}',
        "mixpanel": b'[{"event":"a","properties":{"time":%b,"distinct_id":%b,"alias":%b,"$set":%b}}]',
        "kissmetrics": b"%b%b%b%b",
    }[dialect]
    lists = (
        b'{"batch":[{"type":"track","event":"a","properties":{"a":' + b"[" * depth + b"]" * depth + b"}}]}"
    )
    for method, path in paths(dialect):
        for body in (wrapped % (deep, deep, deep, deep), deep, lists):
            survives(dialect, Request(method, path, [("_p", "u"), ("_n", "e")], {}, body, RECEIVED))


GOOD: dict[str, list[tuple[str, Any]]] = {
    "segment": [
        (
            "/v1/batch",
            {
                "writeKey": "K",
                "sentAt": "2026-07-01T13:00:00Z",
                "batch": [
                    {
                        "type": "track", "event": "a", "userId": "u", "anonymousId": "d", "messageId": "m", "channel": "web",
                        "timestamp": "2026-07-01T13:00:00Z", "originalTimestamp": "2026-07-01T13:00:00Z", "sentAt": "x",
                        "properties": {"price": 1}, "integrations": {}, "_metadata": {}, "writeKey": "K",
                        "context": {"library": {"name": "rudder"}, "traits": {"a": 1}, "consent": {"categoryPreferences": {"a": True}}},
                    },
                    {"type": "identify", "userId": "u", "traits": {"email": "a@b.c"}, "context": {"traits": {"a": 1}}},
                    {"type": "page", "name": "n", "category": "c"},
                    {"type": "group", "groupId": "g"},
                    {"type": "alias", "previousId": "p"},
                ],
            },
        ),
    ],
    "ga4": [
        (
            path,
            {
                "client_id": "c", "user_id": "u", "timestamp_micros": RECEIVED, "non_personalized_ads": True,
                "user_properties": {"tier": {"value": "gold"}}, "consent": {"ad_user_data": "GRANTED"},
                "device": {"category": "mobile", "language": "el"}, "user_location": {"city": "Athens"}, "user_agent": "x",
                "events": [{"name": "a", "timestamp_micros": RECEIVED, "params": {"items": [{"item_id": "i"}], "page_location": "x", "medium": "m"}}],
            },
        )
        for path in ("/mp/collect", "/debug/mp/collect")
    ],
    "mixpanel": [
        ("/track", [{"event": name, "properties": {
            "token": "T", "time": 1, "$insert_id": "i", "distinct_id": "d", "$device_id": "d", "$user_id": "u", "alias": "a",
            "$anon_distinct_id": "b", "$anon_id": "b", "$identified_id": "u", "$distinct_ids": ["a", "b"], "$current_url": "x",
        }}])
        for name in ("a", "$identify", "$create_alias", "$merge")
    ] + [
        ("/engage", {"$token": "T", "$distinct_id": "u", "$device_id": "d", "$user_id": "u", "$time": 1, "$set": {"a": 1}, "$add": {"n": 1}}),
        ("/groups", {"$token": "T", "$group_key": "company", "$group_id": "g", "$time": 1, "$set": {"a": 1}}),
        ("/import", [{"event": "a", "properties": {"time": 1, "$insert_id": "i", "distinct_id": "d"}}]),
    ],
    "posthog": [
        ("/batch/", {"api_key": "K", "token": "K", "sent_at": "x", "batch": [{
            "event": name, "distinct_id": "u", "$distinct_id": "u", "uuid": "x", "timestamp": "2026-07-01T13:00:00Z", "offset": 3,
            "$set": {"a": 1}, "$set_once": {"a": 1}, "properties": {
                "token": "K", "distinct_id": "u", "$device_id": "d", "$set": {"a": 1}, "$groups": {"company": "x"}, "alias": "a",
                "$anon_distinct_id": "d", "$is_identified": True, "$process_person_profile": False, "$group_type": "company",
                "$group_key": "k", "$group_set": {"a": 1}, "$screen_name": "s", "$current_url": "x", "$device_type": "Mobile",
                "$is_server": True, "$insert_id": "i",
            },
        }]})
        for name in ("a", "$identify", "$create_alias", "$groupidentify", "$pageview", "$screen", "$set")
    ],
}  # fmt: skip
ODD = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    "",
    " ",
    "x",
    "1e999",
    [],
    {},
    [1],
    [[]],
    {"a": 1},
    [{}],
    {"": None},
)
"""What is put in the place of every value of a good request."""


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value inside a document, itself among them."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, one in inner for place in places(one, (*way, key)))]


def changed(document: Any, way: tuple[Any, ...], value: Any) -> Any:
    """A copy of a document with another value in one place."""
    if not way:
        return value
    copied = dict(document) if isinstance(document, dict) else list(document)
    copied[way[0]] = changed(document[way[0]], way[1:], value)
    return copied


@pytest.mark.parametrize(
    ("dialect", "place"), [(dialect, n) for dialect, good in GOOD.items() for n in range(len(good))]
)
def test_any_value_in_any_place_of_a_good_request(dialect: str, place: int) -> None:
    path, document = GOOD[dialect][place]
    for way in places(document):
        for value in ODD:
            text = json.dumps(changed(document, way, value)).encode()
            survives(dialect, Request("POST", path, [("api_secret", "K")], {}, text, RECEIVED))
