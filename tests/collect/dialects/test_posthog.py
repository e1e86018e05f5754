"""PostHog: forms of the body, who an event is of, and events that mean something by their name."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any
from urllib.parse import quote_plus

import pytest

from periplus.clock import iso
from periplus.collect.dialects import posthog  # noqa: F401 -- registers itself
from periplus.collect.wire import DIALECTS, Refused
from periplus.errors import InputError
from tests.collect.dialects.sending import RECEIVED, answer, event, message, read, request, said

UUID = "01a20191-6ad9-7b07-b318-b1d042473cf9"


def captured(name: str = "Product Added", **fields: Any) -> dict[str, Any]:
    return {
        "event": name,
        "distinct_id": "u1",
        "uuid": UUID,
        "timestamp": "2026-07-01T12:00:00Z",
        "properties": {},
    } | fields


ADDED = captured(properties={"price": 10.5, "token": "K"})


@pytest.mark.parametrize("path", ["/batch/", "/batch", "/capture/", "/e/", "/i/v0/e/"])
@pytest.mark.parametrize(
    "body",
    [
        {"api_key": "K", "batch": [ADDED]},
        {"api_key": "K", **ADDED},
        ADDED,
        [ADDED],
        b"data=" + quote_plus(b64encode(json.dumps([ADDED]).encode())).encode(),
        b"data=" + quote_plus(json.dumps(ADDED)).encode() + b"&compression=base64",
    ],
)
def test_every_form_of_the_body(path: str, body: Any) -> None:
    assert read("posthog", path, body).key == "K"
    told = event("posthog", path, body)
    assert (told.event, told.user_id, told.message_id, told.properties) == (
        "Product Added",
        "u1",
        UUID,
        {"price": 10.5},
    )
    assert iso(told.time) == "2026-07-01T12:00:00Z"


def test_when_it_was_sent() -> None:
    assert (
        read("posthog", "/batch/", {"batch": [], "sent_at": "2026-07-01T13:00:00Z"}).sent_at
        == "2026-07-01T13:00:00Z"
    )
    assert read("posthog", "/e/?ip=0&_=1782910800000", [ADDED]).sent_at == "2026-07-01T13:00:00Z"
    assert read("posthog", "/e/?_=soon", [ADDED]).sent_at is None


def test_an_event_may_say_how_long_ago_it_was() -> None:
    assert event("posthog", "/e/", {**captured(timestamp=None), "offset": 1500}).time == RECEIVED - 1_500_000


@pytest.mark.parametrize(
    ("fields", "user", "device"),
    [
        ({}, "u1", None),
        ({"properties": {"$device_id": "d1"}}, "u1", "d1"),
        ({"distinct_id": "d1", "properties": {"$device_id": "d1"}}, None, "d1"),
        ({"distinct_id": "d1", "properties": {"$is_identified": False}}, None, "d1"),
        ({"distinct_id": UUID, "properties": {"$process_person_profile": False}}, None, UUID),
        ({"distinct_id": "u1", "properties": {"$process_person_profile": False}}, "u1", None),
        ({"distinct_id": "$posthog_cookieless"}, None, None),
        ({"distinct_id": None, "properties": {"distinct_id": "u2"}}, "u2", None),
    ],
)
def test_who_it_is(fields: dict[str, Any], user: str | None, device: str | None) -> None:
    told = event("posthog", "/capture/", captured(**fields))
    assert (told.user_id, told.anonymous_id) == (user, device)


def test_signing_in_joins_visitor_and_user() -> None:
    properties = {
        "$anon_distinct_id": "d1",
        "$device_id": "d1",
        "$set": {"email": "a@b.c"},
        "$set_once": {"first": 1},
    }
    told = event("posthog", "/e/", captured("$identify", properties=properties))
    assert (told.type, told.user_id, told.anonymous_id, told.email) == ("identify", "u1", "d1", "a@b.c")
    assert told.traits == {"email": "a@b.c", "$set_once": {"first": 1}}


def test_what_is_set_of_a_person_beside_or_inside_the_properties() -> None:
    for sent in ({"$set": {"plan": "gold"}}, {"properties": {"$set": {"plan": "gold"}}}):
        told = event("posthog", "/batch/", {"batch": [captured("$set", **sent)]})
        assert (told.type, told.traits) == ("identify", {"plan": "gold"})
    bought = event(
        "posthog", "/capture/", captured("Order Completed", properties={"$set": {"plan": "gold"}, "total": 3})
    )
    assert (bought.type, bought.traits, bought.properties) == ("track", {"plan": "gold"}, {"total": 3})


def test_an_alias_joins_whichever_of_the_two_is_the_device() -> None:
    told = event(
        "posthog", "/batch/", captured("$create_alias", properties={"distinct_id": "d1", "alias": "u1"})
    )
    assert (told.type, told.user_id, told.previous_id, told.anonymous_id) == ("alias", "u1", "d1", "u1")


def test_pages_and_screens() -> None:
    page = event(
        "posthog",
        "/e/",
        captured("$pageview", properties={"$current_url": "https://s.example/a", "title": "A"}),
    )
    assert (page.type, page.event) == ("page", "Page Viewed")
    assert page.context["page"]["url"] == page.properties["$current_url"] == "https://s.example/a"
    screen = event("posthog", "/e/", captured("$screen", properties={"$screen_name": "Cart"}))
    assert (screen.type, screen.event, screen.properties["name"]) == ("screen", "Screen Viewed", "Cart")


def test_other_events_of_the_library_keep_their_names() -> None:
    told = event("posthog", "/e/", captured("$autocapture", properties={"$event_type": "click"}))
    assert (told.type, told.event, told.properties) == ("track", "$autocapture", {"$event_type": "click"})


def test_groups() -> None:
    told = event("posthog", "/e/", captured(properties={"$groups": {"company": "acme"}}))
    assert (told.context["groups"], told.context["groupId"]) == ({"company": "acme"}, "acme")
    properties = {"$group_type": "company", "$group_key": "acme", "$group_set": {"size": 7}}
    for nobody in ("$company_acme", UUID):
        group = event(
            "posthog", "/batch/", captured("$groupidentify", distinct_id=nobody, properties=properties)
        )
        assert (group.type, group.context["groupId"], group.traits, group.user_id) == (
            "group",
            "acme",
            {"size": 7},
            None,
        )
    assert event("posthog", "/batch/", captured("$groupidentify", properties=properties)).user_id == "u1"


def test_the_machine_of_a_server_is_not_the_customers() -> None:
    server = event(
        "posthog",
        "/batch/",
        captured(properties={"$os": "Linux", "$is_server": True, "$lib": "posthog-python"}),
    )
    assert server.context == {"library": {"name": "posthog-python"}}
    browser = event(
        "posthog",
        "/e/",
        captured(properties={"$os": "iOS", "$device_type": "Mobile", "$referrer": "$direct"}),
    )
    assert browser.context == {"os": {"name": "iOS"}, "device": {"type": "mobile"}}


def test_without_uuid_the_id_is_of_the_content() -> None:
    sent = captured(uuid=None)
    assert (
        message("posthog", "/e/", sent)["messageId"]
        == message("posthog", "/e/", sent, received=2**50)["messageId"]
    )
    assert (
        message("posthog", "/e/", sent)["messageId"]
        != message("posthog", "/e/", captured(uuid=None, event="b"))["messageId"]
    )


def test_replies() -> None:
    assert said(answer("posthog", "/batch/", {"batch": [ADDED]})) == {"status": 1}
    assert said(answer("posthog", "/batch/", {"batch": [ADDED, 7]}))["rejected"][0]["index"] == 1
    none = answer("posthog", "/batch/", {"batch": [7]})
    assert none.status == 400
    assert said(none)["detail"]
    told = DIALECTS["posthog"].refusal(request("/batch/"), 401, "bad_key", "No source has this key.")
    assert (told.status, said(told)["detail"]) == (401, "No source has this key.")


@pytest.mark.parametrize("body", [b"", b"{", b'"a"x', b"data=", b'{"batch": 7}'])
def test_what_is_no_batch_is_malformed(body: bytes) -> None:
    with pytest.raises(InputError):
        read("posthog", "/batch/", body)


def test_what_is_no_event_is_refused() -> None:
    reasons = [m.reason for m in read("posthog", "/batch/", {"batch": [7, {}, captured(properties=7), captured(timestamp=[])]}).messages
               if isinstance(m, Refused)]  # fmt: skip
    assert reasons == ["not_an_object", "no_event_name", "not_an_object", "bad_time"]
