"""The Measurement Protocol: what arrives, what is dropped, and what the validation says."""

from __future__ import annotations

from typing import Any

import pytest

from periplus.clock import iso
from periplus.collect.dialects import ga4  # noqa: F401 -- registers itself
from periplus.collect.dialects.ga4_limits import BACK
from periplus.collect.wire import Refused
from periplus.errors import InputError
from tests.collect.dialects.sending import RECEIVED, answer, event, message, read, said

TO = "/mp/collect?api_secret=K&measurement_id=G-1"
DEBUG = "/debug" + TO
ITEM = {"item_id": "p1", "item_name": "Lamp", "price": 59.5, "quantity": 2}
BOUGHT = {
    "name": "purchase",
    "params": {"transaction_id": "o1", "value": 119, "currency": "EUR", "items": [ITEM]},
}


def body(*events: Any, **fields: Any) -> dict[str, Any]:
    return {"client_id": "c1", "events": list(events)} | fields


def test_an_event_with_all_that_is_known_of_it() -> None:
    sent = body(
        BOUGHT,
        user_id="u1",
        timestamp_micros=RECEIVED - 5_000_000,
        user_properties={"tier": {"value": "gold"}, "plain": 3},
        consent={"ad_user_data": "DENIED", "ad_personalization": "GRANTED"},
        device={"category": "mobile", "operating_system": "Android", "browser": "Chrome", "language": "el"},
        user_location={"city": "Athens", "country_id": "GR"},
        user_agent="Mozilla/5.0",
    )
    assert read("ga4", TO, sent).key == "K"
    told = event("ga4", TO, sent)
    assert (told.type, told.event, told.user_id, told.anonymous_id) == ("track", "purchase", "u1", "c1")
    assert iso(told.time) == "2026-07-01T12:59:55Z"
    assert told.properties == BOUGHT["params"]
    assert told.traits == {"tier": "gold", "plain": 3}
    assert told.consent == {"marketing.ads": False}
    assert told.context["device"] == {"type": "mobile"}
    assert told.context["os"] == {"name": "Android"}
    assert told.context["location"] == {"city": "Athens", "country": "GR"}
    assert told.context["userAgent"] == "Mozilla/5.0"


def test_the_time_of_an_event_wins_over_that_of_the_body() -> None:
    sent = body(
        {"name": "a", "timestamp_micros": str(RECEIVED - 1_000_000)}, timestamp_micros=RECEIVED - 9_000_000
    )
    assert event("ga4", TO, sent).time == RECEIVED - 1_000_000
    assert event("ga4", TO, body({"name": "a"})).time == RECEIVED


def test_page_and_campaign_are_in_the_context_too() -> None:
    params = {
        "page_location": "https://s.example/a",
        "page_referrer": "https://g.example",
        "medium": "cpc",
        "source": "g",
    }
    told = event("ga4", TO, body({"name": "page_view", "params": params}))
    assert told.context["page"] == {"url": "https://s.example/a", "referrer": "https://g.example"}
    assert told.context["campaign"] == {"source": "g", "medium": "cpc"}
    only = event("ga4", TO, body({"name": "a", "params": {"source": "menu"}}))
    assert "campaign" not in only.context


def test_an_app_stream_names_its_instance() -> None:
    sent = {"app_instance_id": "i1", "events": [{"name": "a"}]}
    assert event("ga4", "/mp/collect?api_secret=K&firebase_app_id=1", sent).anonymous_id == "i1"


def test_ids_are_of_the_content_within_the_second() -> None:
    sent = body(BOUGHT)
    first = message("ga4", TO, sent)["messageId"]
    assert message("ga4", TO, sent, received=RECEIVED + 900_000)["messageId"] == first
    assert message("ga4", TO, sent, received=RECEIVED + 1_000_000)["messageId"] != first
    assert message("ga4", TO, body(BOUGHT, client_id="c2"))["messageId"] != first
    timed = body(BOUGHT, timestamp_micros=RECEIVED)
    assert (
        message("ga4", TO, timed)["messageId"]
        == message("ga4", TO, timed, received=RECEIVED * 2)["messageId"]
    )


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (body({"params": {}}), "no_event_name"),
        (body({"name": "_bad"}), "no_event_name"),
        (body({"name": "with space"}), "no_event_name"),
        (body({"name": "x" * 41}), "no_event_name"),
        (body({"name": "a", "params": []}), "not_an_object"),
        (body("a"), "not_an_object"),
        (body({"name": "a", "timestamp_micros": "yesterday"}), "bad_time"),
        (body({"name": "a", "timestamp_micros": -5}), "bad_time"),
        ({"events": [{"name": "a"}]}, "bad_identifier"),
    ],
)
def test_what_is_dropped_is_said(sent: Any, reason: str) -> None:
    (one,) = read("ga4", TO, sent).messages
    assert isinstance(one, Refused)
    assert one.reason == reason
    for address in (TO, DEBUG):
        (told,) = said(answer("ga4", address, sent))["validationMessages"]
        assert told["fieldPath"] == "events[0]"
        assert told["validationCode"] in ("NAME_INVALID", "VALUE_INVALID", "VALUE_REQUIRED")
        assert told["description"]


def test_more_than_25_events_are_dropped_from_the_26th_on() -> None:
    reading = read("ga4", TO, body(*({"name": f"e{n}"} for n in range(27))))
    assert [isinstance(one, Refused) for one in reading.messages] == [False] * 25 + [True] * 2
    for address in (TO, DEBUG):
        told = said(answer("ga4", address, body(*({"name": f"e{n}"} for n in range(27)))))[
            "validationMessages"
        ]
        assert [one["fieldPath"] for one in told] == ["events[25]", "events[26]"]
        assert {one["validationCode"] for one in told} == {"EXCEEDED_MAX_ENTITIES"}


@pytest.mark.parametrize(
    ("event_sent", "code"),
    [
        ({"name": "session_start"}, "NAME_RESERVED"),
        ({"name": "a", "params": {f"p{n}": n for n in range(26)}}, "EXCEEDED_MAX_ENTITIES"),
        ({"name": "a", "params": {"p": "x" * 101}}, "VALUE_OUT_OF_BOUNDS"),
        ({"name": "a", "params": {"p q": 1}}, "NAME_INVALID"),
        ({"name": "a", "params": {"items": "x"}}, "VALUE_INVALID"),
        ({"name": "a", "timestamp_micros": RECEIVED - BACK - 1}, "VALUE_OUT_OF_BOUNDS"),
        ({"name": "a", "timestamp_micros": RECEIVED + 1}, "VALUE_OUT_OF_BOUNDS"),
    ],
)
def test_what_google_would_cut_is_kept_and_debug_says_so(event_sent: Any, code: str) -> None:
    told = event("ga4", TO, body(event_sent))
    assert told.properties == event_sent.get("params", {})
    assert said(answer("ga4", TO, body(event_sent))) == {"validationMessages": []}
    assert [
        one["validationCode"] for one in said(answer("ga4", DEBUG, body(event_sent)))["validationMessages"]
    ] == [code]


def test_debug_takes_nothing_in_and_never_fails() -> None:
    assert list(read("ga4", DEBUG, body(BOUGHT)).messages) == []
    assert said(answer("ga4", DEBUG, body(BOUGHT))) == {"validationMessages": []}
    for broken in (b"{", b"{}", b"7"):
        assert len(said(answer("ga4", DEBUG, broken))["validationMessages"]) == 1
    (told,) = said(answer("ga4", DEBUG, body({"name": "a"}, client_id=1.5)))["validationMessages"]
    assert told["validationCode"] == "VALUE_REQUIRED"


@pytest.mark.parametrize("broken", [b"{", b"{}", b'{"events": 7}', b"[]"])
def test_a_body_without_events_is_malformed(broken: bytes) -> None:
    with pytest.raises(InputError):
        read("ga4", TO, broken)
