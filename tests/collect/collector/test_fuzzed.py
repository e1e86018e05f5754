"""Whatever comes to any door: the right status, never one of our mistakes, and nothing beside it is lost."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from periplus.collect.dialects.told import MOST_MESSAGES
from periplus.collect.wire import DIALECTS
from tests.collect.collector.conftest import Shop, track

MILLION = 1_000_000
DEEP = 100_000
VALUES = {
    "text": b'"x"', "number": b"7", "fraction": b"1.5", "yes": b"true", "null": b"null", "list": b"[1]", "empty": b"{}",
    "NaN": b"NaN", "Infinity": b"-Infinity", "1e999": b"1e999", "long number": b"9" * 5000, "bad letters": b'"\xff\xfe"',
    "half a letter": b'"\\ud83d"', "zero": b'"\\u0000"', "year 1": b'"0001-01-01T00:00:00Z"', "year 9999": b'"9999-12-31T23:59:59+14:00"',
    "offset": b'"2026-07-01T10:00:00-12:00"', "long": b'"' + b"x" * MILLION + b'"', "long key": b'{"' + b"k" * MILLION + b'": 1}',
    "twice": b'{"a": 1, "a": {"a": 2}}', "deep": b'{"a":' * 40 + b"1" + b"}" * 40, "deeper": b"[" * 2000 + b"]" * 2000,
    "dots": b'{"": {"": 1}, ".": 2, "a.b": 3, "a\\\\": 4}', "negative": b"-1", "nothing": b"", "brace": b"}",
}  # fmt: skip
FORMS = {
    "segment": b'{"writeKey": "KEY", "sentAt": "2026-07-01T10:00:00Z", "batch": [{"type": "track", "event": "Beside", "userId": "u",'
    b'"messageId": "ID", "timestamp": "2026-07-01T10:00:00Z"}, {"type": "track", "event": "E", "userId": "u", "messageId": "x-ID", PLACE}]}',
    "posthog": b'{"api_key": "KEY", "batch": [{"event": "Beside", "distinct_id": "u", "uuid": "ID"}, {"event": "E", "distinct_id": "u", PLACE}]}',
    "mixpanel": b'[{"event": "Beside", "properties": {"token": "KEY", "distinct_id": "u", "$insert_id": "ID"}}, {"event": "E", PLACE}]',
    "ga4": b'{"client_id": "c", "events": [{"name": "beside_ID"}, {"name": "e", PLACE}]}',
}  # fmt: skip
PLACES = {
    "segment": ("event", "type", "userId", "timestamp", "messageId", "properties", "context", "traits", "channel", "groupId", "consent", "writeKey"),
    "posthog": ("event", "distinct_id", "timestamp", "uuid", "properties", "$set", "offset"),
    "mixpanel": ("event", "properties", "time"),
    "ga4": ("name", "params", "timestamp_micros"),
}  # fmt: skip
PATHS = {
    "segment": "/v1/batch",
    "posthog": "/batch/",
    "mixpanel": "/mixpanel/import",
    "ga4": "/mp/collect?api_secret=KEY",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = Shop(tmp_path_factory.mktemp("fuzzed") / "ws")
    yield made
    made.collector.inbox.close()
    made.ws.close()


def post(shop: Shop, path: str, raw: bytes, method: str = "POST", **headers: str) -> int:
    path, _, query = path.partition("?")
    request = shop.request(raw, path, key=None, method=method, headers=headers)
    pairs = [tuple(pair.split("=", 1)) for pair in query.split("&") if pair]
    from dataclasses import replace

    return shop.collector.ask(replace(request, query=pairs)).status


def test_any_value_anywhere_beside_a_good_message(shop: Shop) -> None:
    expected, statuses = [], set()
    for dialect, whole in FORMS.items():
        for field in PLACES[dialect]:
            for name, value in VALUES.items():
                number = f"{dialect}-{field}-{name}".replace(" ", "_")
                raw = whole.replace(b"PLACE", b'"%b": %b' % (field.encode(), value))
                # The key last: its random letters may spell one of the other marks.
                raw = raw.replace(b"ID", number.encode()).replace(b"KEY", shop.key.encode())
                status = post(shop, PATHS[dialect].replace("KEY", shop.key), raw)
                statuses.add(status)
                assert status in (200, 400), (number, status)
                if name not in ("nothing", "brace", "deeper", "deep"):
                    # In Mixpanel's words 400 says that some were refused; the others are in.
                    assert status == 200 or dialect == "mixpanel", number
                    expected.append((dialect, number))
    assert statuses == {200, 400}
    shop.flush()
    assert shop.collector.flush.told.refused == 0
    events = shop.events()
    ids = {event["messageId"] for event in events}
    names = {event["event"] for event in events}
    lost = [
        name
        for dialect, name in expected
        if (f"beside_{name}" not in names if dialect == "ga4" else name not in ids)
    ]
    assert [name for name in lost if not name.startswith("ga4")] == []
    shop.counts()


def test_bodies_that_are_none(shop: Shop) -> None:
    whole = json.dumps({"batch": [track("whole")], "writeKey": shop.key, "api_key": shop.key}).encode()
    bomb = b'{"batch":["' + b"a" * 50 * MILLION + b'"]}'
    bodies = {
        "empty": b"", "zero bytes": b"\0" * 1000, "cut": whole[:-5], "a list": b"[]", "a text": b'"x"', "spaces": b" " * 1000,
        "deep": b"[" * DEEP, "deep objects": b'{"batch":[' + b'{"properties":' * DEEP + b"}" * DEEP + b"]}",
        "gzip bomb": gzip.compress(bomb), "zlib bomb": zlib.compress(bomb), "twice": gzip.compress(gzip.compress(bomb)),
        "zstd bomb": pa.compress(bomb, "zstd", asbytes=True), "brotli": b"\x0b\x02\x80\x03" + b"\xff" * 60,
        "10 MB": b'{"batch":[{"type":"track","event":"' + b"x" * 10 * MILLION + b'"}]}', "cut gzip": gzip.compress(whole)[:-9],
        "surrogates": b'{"batch":"\xed\xa0\x80\xed\xb0\x80"}', "latin": "{\"batch\":[\"é\"]}".encode("latin-1"), "utf-16": whole.decode().encode("utf-16"),
    }  # fmt: skip
    before = shop.counts()["received"]
    for name, raw in bodies.items():
        for dialect in DIALECTS:
            for method, path in DIALECTS[dialect].routes:
                asked = path.replace("*", "web") + f"?api_secret={shop.key}&_k={shop.key}"
                for packing in ("", "br", "deflate"):
                    status = post(shop, asked, raw, method, **{"content-encoding": packing})
                    assert status < 500, (name, path, packing, status)
                    if "bomb" in name and path == "/v1/batch":
                        assert status == 413
                if path in ("/v1/b", "/capture", "/track", "/mp/collect"):
                    continue
                if len(raw) > 2 * MILLION or "bomb" in name or name == "twice":
                    break  # once for each dialect is enough
    assert shop.send(track("after all that")).status == 200
    assert shop.counts()["received"] >= before + 1


def test_too_many_things_that_are_no_messages(shop: Shop) -> None:
    ones = b"[" + b"1," * 2 * MILLION + b"1]"
    before = shop.counts()["received"]
    key = shop.key.encode()
    for path, raw in (
        ("/v1/batch", b'{"writeKey":"%b","sentAt":"2026-07-01T10:00:00Z","batch":%b}' % (key, ones)),
        ("/v1/batch", b'{"writeKey":"%b","batch":%b}' % (key, ones)),
        ("/batch/", b'{"api_key":"%b","batch":%b}' % (key, ones)),
        ("/mixpanel/track?token=KEY", ones),
        ("/mixpanel/track?token=KEY", b"1\n" * 2 * MILLION + b"{"),
        ("/mp/collect?api_secret=KEY", b'{"client_id":"c","events":%b}' % ones),
    ):
        assert post(shop, path.replace("KEY", shop.key), raw) == 413, path
    few = json.dumps({"writeKey": shop.key, "batch": [1] * MOST_MESSAGES}).encode()
    assert shop.counts()["received"] == before
    assert post(shop, "/v1/batch", few) == 400
    assert shop.counts()["received"] == before + MOST_MESSAGES


def test_refused_messages_are_read_again_as_what_they_came_as(shop: Shop) -> None:
    """By the dialect they came in where what was kept is enough for it, else that is said."""
    late = 4_102_444_800 * 1_000_000_000
    key = shop.key

    def refused(status: int) -> list[dict[str, Any]]:
        assert status in (200, 400)
        return shop.ws.rejects(source="web", limit=1)

    bad = {"name": "purchase", "params": {"transaction_id": "o-9"}}
    shop.ws.save_source({"name": "web", "strict": True})
    shop.ws.tracking_plan.adopt({"events": {"Product Viewed": {}}})
    shop.collector.sources.refresh()
    shop.collector.finisher.refresh()
    body = json.dumps({"client_id": "c9", "events": [bad]}).encode()
    (row,) = refused(post(shop, f"/mp/collect?api_secret={key}", body))
    assert (row["dialect"], row["reason"]) == ("ga4>segment", "off_plan")
    shop.ws.save_source({"name": "web"})
    shop.collector.sources.refresh()
    assert shop.collector.replay([row["id"]]) == {row["id"]: "accepted"}

    wrong = {"event": "Seen", "properties": {"token": key, "distinct_id": "u9", "time": late}}
    (row,) = refused(post(shop, "/track", json.dumps(wrong).encode()))
    assert (row["dialect"], row["reason"]) == ("mixpanel", "bad_time")
    assert shop.collector.replay([row["id"]]) == {row["id"]: "rejected: bad_time"}

    (row,) = refused(post(shop, f"/mp/collect?api_secret={key}", b'{"client_id":"c","events":[{"name":""}]}'))
    told = shop.collector.replay([row["id"]])[row["id"]]
    assert told.startswith("not kept in a form that can be sent again: what GA4")
    shop.flush()
    order = next(event for event in shop.events() if event.get("anonymousId") == "c9")
    assert (order["event"], order["original"]) == ("Order Completed", "purchase"), "its dialect's words"
    assert order["properties"]["order_id"] == "o-9"
