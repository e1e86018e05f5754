"""What the door says to requests: taken, refused in part, refused as a whole; and what it leaves in the ledger."""

from __future__ import annotations

import gzip
import json
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pytest

from periplus import clock
from periplus.collect import door, rate, sources, steps
from periplus.errors import InputError
from periplus.store import inbox
from tests.collect.collector.conftest import Shop, track


def told(reply: Any) -> dict[str, Any]:
    return dict(json.loads(reply.body))


def test_what_is_answered_200_comes_into_the_store(shop: Shop) -> None:
    assert shop.send(track("m1", properties={"price": 3}), track("m2", type="page")).status == 200
    assert shop.ids() == []
    shop.flush()
    first, second = shop.events()
    assert (first["event"], first["properties"], first["source"]) == ("Product Viewed", {"price": 3}, "web")
    assert second["event"] == "Page Viewed"
    assert shop.counts() == {"accepted": 2, "duplicate": 0, "rejected": 0, "withheld": 0, "received": 2}


def test_a_bad_message_harms_no_other(shop: Shop) -> None:
    reply = shop.send(track("m1"), track("m2", event=" "), 7, track("m3", userId=[1]), track("m4"))
    assert reply.status == 200
    assert [row["index"] for row in told(reply)["rejected"]] == [1, 2, 3]
    assert [row["reason"] for row in told(reply)["rejected"]] == [
        "no_event_name",
        "not_an_object",
        "bad_identifier",
    ]
    shop.flush()
    assert shop.ids() == ["m1", "m4"]
    assert shop.counts() == {"accepted": 2, "duplicate": 0, "rejected": 3, "withheld": 0, "received": 5}
    rows = shop.ws.ledger(outcome="rejected")
    assert [json.loads(row["payload"]) for row in rows][-1]["messageId"] == "m2"
    assert {row["source"] for row in rows} == {"web"}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[]", b'{"batch": 1}', b'{"a":' * 20_000])
def test_a_body_that_cannot_be_read_is_400(shop: Shop, body: bytes) -> None:
    reply = shop.post(body)
    assert reply.status == 400
    assert told(reply)["code"] == "malformed"
    assert told(reply)["message"]


def test_a_wrong_key_is_401_and_never_404(shop: Shop) -> None:
    for key in (None, "nonsense", "x" * 5000):
        reply = shop.post({"batch": [track()]}, key=key)
        assert reply.status == 401
        assert set(told(reply)) >= {"code", "message"}
    assert shop.counts()["received"] == 0


def test_a_key_made_while_the_server_runs_is_good_at_once(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PATIENCE", 60.0)  # a look may take long here, and is waited for
    for name in ("till", "app", "kiosk"):
        key = shop.ws.add_source(name)
        with ThreadPoolExecutor(8) as pool:  # one looks it up, the others wait for that
            sent = [pool.submit(shop.post, {"batch": [track()]}, key=key) for _ in range(8)]
        assert {each.result().status for each in sent} == {200}


def test_guessing_keys_costs_few_looks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    real = shop.collector.sources.refresh
    monkeypatch.setattr(shop.collector.sources, "refresh", lambda: looks.append(real()))
    began = time.monotonic()
    for number in range(200):
        assert shop.collector.sources.by_key(f"guess {number}") is None
    assert len(looks) <= sources.SPARE + (time.monotonic() - began) / sources.LOOKS + 1


def test_paths_and_methods(shop: Shop) -> None:
    assert shop.post({}, "/v1/nothing").status == 404
    reply = shop.post(b"", "/v1/batch", method="GET")
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert shop.collector.door.knows("/v1/x/y")
    assert not shop.collector.door.knows("/map/shop")
    assert not shop.collector.door.knows("/v1x")


PACKED = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": lambda raw: zlib.compress(raw, wbits=-15),
    "zstd": lambda raw: pa.compress(raw, "zstd", asbytes=True),
    "gzip twice": lambda raw: gzip.compress(gzip.compress(raw)),
    "two members": lambda raw: gzip.compress(raw[:20]) + gzip.compress(raw[20:]),
}


@pytest.mark.parametrize("form", PACKED)
@pytest.mark.parametrize("said", [None, "gzip", "identity", "deflate"])
def test_bodies_are_unpacked_by_their_content(shop: Shop, form: str, said: str | None) -> None:
    if form == "raw deflate" and said != "deflate":
        return  # it has no sign of its own
    body = PACKED[form](json.dumps({"batch": [track("packed")]}).encode())
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        **({"content-encoding": said} if said else {}),
    }
    assert shop.post(body, headers=headers).status == 200
    assert shop.collector.inbox.waiting == 1


@pytest.mark.parametrize("form", ["gzip", "deflate", "zstd", "gzip twice"])
def test_a_small_body_does_not_become_a_large_one(make: Callable[..., Shop], form: str) -> None:
    shop = make(request_bytes=100_000)
    reply = shop.post(PACKED[form](b" " * 50_000_000))
    assert reply.status == 413
    assert told(reply)["code"] == "too_large"


def test_damaged_packing_is_400(shop: Shop) -> None:
    whole = gzip.compress(json.dumps({"batch": [track()]}).encode())
    for body in (whole[:-10], whole[:30] + b"\0\0\0" + whole[33:], b"\x28\xb5\x2f\xfdnonsense"):
        assert shop.post(body).status == 400


def test_too_large_a_message_is_refused_alone(make: Callable[..., Shop]) -> None:
    shop = make(event_bytes=2000)
    reply = shop.send(track("m1"), track("m2", properties={"text": "x" * 3000}))
    assert [row["reason"] for row in told(reply)["rejected"]] == ["too_large"]
    shop.flush()
    assert shop.ids() == ["m1"]


def test_too_many_messages_are_413(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MOST_MESSAGES", 3)
    assert shop.send(*[track(f"m{i}") for i in range(4)]).status == 413
    assert shop.counts()["received"] == 0


def test_the_sender_s_clock_is_corrected(shop: Shop) -> None:
    now = clock.micros(clock.EPOCH.replace(year=2026))
    hour = 3600 * clock.SECOND

    def sent(message: str, off: int, ago: int = 60 * clock.SECOND) -> None:
        at, sent_at = clock.iso(now + off - ago), clock.iso(now + off)
        shop.post({"batch": [track(message, timestamp=at)], "sentAt": sent_at}, received=now)

    sent("behind", -hour)
    sent("ahead", 26 * hour)
    sent("right", 2 * clock.SECOND)
    sent("kept for a year", -365 * 24 * hour)
    shop.post({"batch": [track("no time")], "sentAt": clock.iso(now - hour)}, received=now)
    shop.post({"batch": [track("nonsense", timestamp=clock.iso(now))], "sentAt": "soon"}, received=now)
    shop.flush()
    times = {event["messageId"]: event["timestamp"] for event in shop.events()}
    minute = clock.iso(now - 60 * clock.SECOND)
    assert times["behind"] == times["ahead"] == minute
    assert times["right"] == clock.iso(now - 58 * clock.SECOND)
    assert times["kept for a year"] == clock.iso(now - 365 * 24 * hour - 60 * clock.SECOND)
    assert times["no time"] == times["nonsense"] == clock.iso(now)


ODD = {
    "year 1": (track(timestamp="0001-01-01T00:00:00Z"), "bad_time"),
    "year 9999": (track(timestamp="9999-12-31T23:59:59Z"), "bad_time"),
    "before 1970": (track(timestamp="1969-12-31T23:59:59Z"), "bad_time"),
    "no day": (track(timestamp="2026-02-30T00:00:00Z"), "bad_time"),
    "negative offset": (track(timestamp="2026-07-01T10:00:00-07:00"), None),
    "nanoseconds": (track(timestamp="2026-07-01T10:00:00.123456789Z"), None),
    "no offset": (track(timestamp="2026-07-01 10:00:00"), None),
    "a day": (track(timestamp="2026-07-01"), None),
    "deep": (track(properties=json.loads('{"a":' * 40 + "1" + "}" * 40)), "too_deep"),
    "wide": (track(properties={"list": [{"n": n} for n in range(100)]}), None),
    "large number": (track(properties={"n": 10**30, "f": 1e308}), None),
    "zero byte": (track(properties={"a\0b": "c\0d"}, userId="u\0"), None),
    "lone surrogate": (track(event="a\ud83d"), None),
    "letters": (track(event="Ω≈ç√ 購入 🛒", properties={"": 1, ".": 2, "a.b": {"": 3}}), None),
    "strange id": (track("x" * 3000), None),
    "number as id": (track(messageId=7, userId=7), None),
    "boolean as id": (track(userId=True), "bad_identifier"),
    "unknown type": (track(type="tarck"), "unknown_type"),
    "properties are a list": (track(properties=[1]), "not_an_object"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_messages(shop: Shop, name: str) -> None:
    message, reason = ODD[name]
    reply = shop.send(track("beside"), message | {"messageId": message.get("messageId", "m")})
    assert reply.status == 200
    found = told(reply).get("rejected", [])
    assert [row["reason"] for row in found] == ([reason] if reason else [])
    shop.flush()
    assert len(shop.ids()) == (1 if reason else 2)
    assert "beside" in shop.ids()
    assert shop.collector.flush.told.refused == 0


def test_not_a_number_and_bad_letters(shop: Shop) -> None:
    body = b'{"batch":[{"type":"track","event":"E","messageId":"m","properties":{"price":NaN,"x":"\xff","y":Infinity}}]}'
    assert shop.post(body).status == 200
    shop.flush()
    assert shop.events()[0]["properties"] == {"x": "�"}


def test_a_source_has_a_limit(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "BURST", 1.0)
    shop.collector.door._rates.now = lambda: 0.0  # however long the requests take
    shop.ws.save_source({"name": "web", "rate": 5})
    shop.collector.sources.refresh()
    replies = [shop.send(track(f"m{i}")) for i in range(12)]
    assert [reply.status for reply in replies] == [200] * 5 + [429] * 7
    assert int(replies[-1].headers["Retry-After"]) >= 1
    assert shop.counts()["received"] == 5


def test_a_source_names_its_sites_and_ways(shop: Shop) -> None:
    shop.ws.save_source({"name": "web", "origins": ["https://shop.example"], "dialects": ["segment"]})
    shop.collector.sources.refresh()
    assert shop.send(track("m1"), headers={"origin": "https://shop.example"}).status == 200
    assert shop.send(track("m2"), headers={"origin": "https://evil.example"}).status == 403
    assert shop.send(track("m3")).status == 200
    reply = shop.post({"api_key": shop.key, "batch": []}, "/batch/", key=None)
    assert reply.status in (200, 403)


def test_what_a_source_says_of_its_messages(shop: Shop) -> None:
    shop.ws.save_source({"name": "web", "zone": "Europe/Athens", "channel": "store", "department": "Sales"})
    shop.collector.sources.refresh()
    shop.send(track("m1", timestamp="2026-07-01T10:00:00", channel="web"), track("m2"))
    shop.flush()
    first = next(event for event in shop.events() if event["messageId"] == "m1")
    other = next(event for event in shop.events() if event["messageId"] == "m2")
    assert (first["timestamp"], first["channel"]) == ("2026-07-01T07:00:00Z", "web")
    assert (other["channel"], other["department"]) == ("store", "Sales")


def test_consent_withholds_and_counts(shop: Shop) -> None:
    no = {"consent": {"categoryPreferences": {"analytics": False}}}
    shop.send(track("m1", context=no, anonymousId="b"), track("m2"))
    shop.flush()
    assert shop.ids() == ["m2"]
    assert shop.counts()["withheld"] == 1


def test_a_full_queue_is_503_before_memory_grows(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "QUEUE_EVENTS", 0)
    reply = shop.send(track("m1"))
    assert reply.status == 503
    assert int(reply.headers["Retry-After"]) >= 1
    monkeypatch.setattr(inbox, "QUEUE_EVENTS", 100)
    monkeypatch.setattr(inbox, "MOST_WAITING", 0)
    assert shop.send(track("m1")).status == 503
    monkeypatch.setattr(inbox, "MOST_WAITING", 100)
    assert shop.send(track("m1")).status == 200
    assert shop.counts()["received"] == 1


def test_a_full_disk_is_503_and_what_was_refused_can_come_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shop.send(track("m1")).status == 200
    monkeypatch.setattr(inbox, "RESERVE", 1 << 60)
    monkeypatch.setattr(inbox, "LOOK", 0.0)
    reply = shop.send(track("m1"), track("m2"))
    assert reply.status == 503
    assert "disk is full" in told(reply)["message"]
    assert shop.collector.stats()["problems"]
    monkeypatch.setattr(inbox, "RESERVE", 0)
    assert shop.send(track("m1"), track("m2")).status == 200
    shop.flush()
    assert shop.ids() == ["m1", "m2"]
    assert shop.counts() == {"accepted": 2, "duplicate": 1, "rejected": 0, "withheld": 0, "received": 3}


def test_what_it_does_can_be_read(shop: Shop) -> None:
    shop.send(track("m1"), track("m2", event=""))
    stats = shop.collector.stats()
    assert stats["steps"]["parse"]["messages"] == 2
    assert stats["steps"]["validate"] | {"seconds": 0} == {
        "requests": 1,
        "messages": 2,
        "kept": 1,
        "seconds": 0,
    }
    assert stats["steps"]["commit"]["groups"] == 1
    assert stats["requests"] == {"segment 200": 1}
    assert [row["outcome"] for row in shop.collector.recent()] == ["rejected", "accepted"]


def test_what_is_answered_is_among_what_came_in(shop: Shop) -> None:
    shop.collector.door.watchers.insert(0, lambda passage: time.sleep(0.1))
    for number in range(1, 4):
        shop.send(track(f"m{number}"))
        assert len(shop.collector.recent()) == number


def test_refused_messages_can_be_sent_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    said_no = InputError("Not today.", code="bad_field")
    with monkeypatch.context() as patched:
        patched.setattr(steps, "validate", Mock(side_effect=said_no))
        shop.send(track("m1"), 7)
    assert shop.counts()["rejected"] == 2
    whole, number = {row["payload"][:1]: row["id"] for row in shop.ws.rejects()}["{"], None
    number = next(row["id"] for row in shop.ws.rejects() if row["id"] != whole)
    assert shop.collector.replay([whole, number]) == {
        whole: "accepted",
        number: "not kept in a form that can be sent again",
    }
    shop.flush()
    assert shop.ids() == ["m1"]
    assert shop.counts() == {"accepted": 1, "duplicate": 0, "rejected": 2, "withheld": 0, "received": 3}
    assert [bool(row["replayed"]) for row in shop.ws.rejects()] == [
        row["id"] == whole for row in shop.ws.rejects()
    ]


IDS = ["7", 7, "é" * 20, "key:" + "0a" * 16, "KEY:x", "F47AC10B-58CC-4372-A567-0E02B2C3D479", "f47ac10b58cc4372a5670e02b2c3d470",
       "{" + "a" * 34 + "}", "urn:uuid:" + "1" * 27, " padded ", "a\0b", "\n", "null", "NaN", "0", -5, 10**25, "x" * 2000]  # fmt: skip


def test_the_store_gives_an_event_the_key_that_the_door_gave_it(shop: Shop) -> None:
    sent = [track(name) for name in IDS] + [track("")]
    assert told(shop.send(*sent)) == {"success": True}
    shop.flush()
    number = len(shop.events())
    assert shop.counts()["accepted"] == number
    again = len(IDS) - 1  # "7" and 7 are one
    shop.collector.inbox._looked = 0.0
    shop.send(*[track(name) for name in IDS])
    assert shop.counts()["accepted"] == number
    assert shop.counts()["duplicate"] == len(IDS) + 1
    assert number == again + 1
