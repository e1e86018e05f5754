"""Mixpanel: forms of the body, who an event is of, people and groups, imports and their replies."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote_plus

import pytest

from periplus.clock import iso
from periplus.collect.dialects import mixpanel  # noqa: F401 -- registers itself
from periplus.collect.wire import DIALECTS, Refused
from periplus.errors import InputError
from tests.collect.dialects.sending import answer, event, message, read, request, said


def record(name: str = "Product Added", **properties: Any) -> dict[str, Any]:
    return {"event": name, "properties": {"token": "T", "time": 1782907200, "$insert_id": "i1"} | properties}


def packed(value: Any) -> bytes:
    return json.dumps(value).encode()


ADDED = record(distinct_id="u1", price=10.5)
BODIES = {
    "json": packed(ADDED),
    "array": packed([ADDED]),
    "form": b"verbose=1&data=" + quote_plus(packed(ADDED)).encode(),
    "base64": b"data=" + quote_plus(b64encode(packed(ADDED))).encode(),
    "base64, not escaped": b"data=" + b64encode(packed(record(distinct_id="u1", price=10.5, x="???>>>~~~"))),
    "base64 of addresses": b"data="
    + urlsafe_b64encode(packed(record(distinct_id="u1", price=10.5, x="???>>>"))).rstrip(b"="),
}


@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize("path", ["/track", "/track/", "/import", "/mixpanel/import"])
def test_every_form_of_the_body(form: str, path: str) -> None:
    reading = read("mixpanel", path, BODIES[form], content_type="text/plain")
    assert reading.key == "T"
    told = event("mixpanel", path, BODIES[form])
    assert (told.event, told.user_id, told.message_id, told.properties["price"]) == (
        "Product Added",
        "u1",
        "i1",
        10.5,
    )
    assert iso(told.time) == "2026-07-01T12:00:00Z"
    assert not {"token", "time", "distinct_id", "$insert_id"} & set(told.properties)


def test_base64_of_halves_of_an_emoji_as_the_library_for_browsers_packs_it() -> None:
    whole = json.dumps(record(distinct_id="u1", note="🛒 ώ"), ensure_ascii=False)
    packed_apart = whole.replace("🛒", "\ud83d\uded2").encode("utf-8", "surrogatepass")
    assert b"\xed\xa0\xbd" in packed_apart
    assert event("mixpanel", "/track", b"data=" + b64encode(packed_apart)).properties["note"] == "🛒 ώ"


def test_data_in_the_query() -> None:
    told = event("mixpanel", f"/track?data={quote_plus(b64encode(packed(ADDED)))}", method="GET")
    assert told.message_id == "i1"


def test_lines_of_json_and_one_that_is_none() -> None:
    body = b"\n".join(
        [
            packed(ADDED),
            b'{broken "token": "SECRET"',
            packed(record(distinct_id="u2", **{"$insert_id": "i2"})),
        ]
    )
    reading = read("mixpanel", "/import?strict=1", body, key="SECRET", content_type="application/x-ndjson")
    assert [m if isinstance(m, Refused) else m["messageId"] for m in reading.messages][:2] == ["i1", "i2"]
    broken = reading.messages[2]
    assert isinstance(broken, Refused)
    assert broken.payload == '{broken "token": "…"'


@pytest.mark.parametrize(
    ("body", "key", "found"),
    [
        (ADDED, "SECRET", "T"),
        ({"event": "a", "properties": {}}, "SECRET", "SECRET"),
        (b"api_key=A&data={}", None, "A"),
        ({"event": "a", "properties": {}}, None, None),
    ],
)
def test_where_the_key_stands(body: Any, key: str | None, found: str | None) -> None:
    assert read("mixpanel", "/import", body, key=key).key == found


@pytest.mark.parametrize(
    ("said_of", "user", "device"),
    [
        ({"distinct_id": "u1"}, "u1", None),
        ({"distinct_id": 17}, "17", None),
        ({"distinct_id": "$device:d1", "$device_id": "d1"}, None, "d1"),
        ({"distinct_id": "d1", "$device_id": "d1"}, None, "d1"),
        ({"distinct_id": "$device:d1"}, None, "d1"),
        ({"distinct_id": "u1", "$device_id": "d1", "$user_id": "u1"}, "u1", "d1"),
        ({"distinct_id": "u1", "$device_id": "d1"}, "u1", "d1"),
        ({"distinct_id": ""}, None, None),
    ],
)
def test_who_it_is(said_of: dict[str, Any], user: str | None, device: str | None) -> None:
    told = event("mixpanel", "/track", record(**said_of))
    assert (told.user_id, told.anonymous_id) == (user, device)


def test_signing_in() -> None:
    browser = record(
        "$identify",
        distinct_id="u1",
        **{"$user_id": "u1", "$device_id": "d1", "$anon_distinct_id": "$device:d1"},
    )
    told = event("mixpanel", "/track", browser)
    assert (told.type, told.user_id, told.anonymous_id) == ("identify", "u1", "d1")
    server = event("mixpanel", "/track", record("$identify", **{"$identified_id": "u1", "$anon_id": "d1"}))
    assert (server.type, server.user_id, server.previous_id) == ("alias", "u1", "d1")


@pytest.mark.parametrize(
    "sent",
    [
        record("$create_alias", alias="u1", distinct_id="d1"),
        record("$merge", **{"$distinct_ids": ["u1", "d1"]}),
    ],
)
def test_two_ids_of_one_person(sent: dict[str, Any]) -> None:
    told = event("mixpanel", "/import", sent)
    assert (told.type, told.user_id, told.previous_id, told.anonymous_id) == ("alias", "u1", "d1", "u1")


def test_an_alias_of_one_id_is_refused() -> None:
    for sent in (record("$create_alias", alias="u1"), record("$merge", **{"$distinct_ids": ["u1"]})):
        (one,) = read("mixpanel", "/track", sent).messages
        assert isinstance(one, Refused)
        assert one.reason == "bad_identifier"


def test_people() -> None:
    sent = {
        "$token": "T",
        "$distinct_id": "u1",
        "$time": 1782907200000,
        "$set": {"$email": "a@b.c", "plan": "gold"},
        "$add": {"n": 1},
    }
    assert read("mixpanel", "/engage", sent).key == "T"
    told = event("mixpanel", "/engage", sent)
    assert (told.type, told.user_id, told.email, iso(told.time)) == (
        "identify",
        "u1",
        "a@b.c",
        "2026-07-01T12:00:00Z",
    )
    assert told.traits == {"email": "a@b.c", "plan": "gold", "$add": {"n": 1}}


def test_groups() -> None:
    sent = {"$token": "T", "$group_key": "company", "$group_id": "acme", "$set": {"size": 7}}
    told = event("mixpanel", "/groups", sent)
    assert (told.type, told.context["groupId"], told.context["groupType"], told.traits) == (
        "group",
        "acme",
        "company",
        {"size": 7},
    )
    assert told.user_id is None


@pytest.mark.parametrize(
    ("path", "sent", "reason"),
    [
        ("/engage", {"$set": {"a": 1}}, "bad_identifier"),
        ("/engage", {"$distinct_id": "u"}, "not_an_object"),
        ("/engage", {"$distinct_id": "u", "$delete": ""}, "unknown_type"),
        ("/groups", {"$set": {"a": 1}}, "bad_identifier"),
        ("/track", {"properties": {}}, "no_event_name"),
        ("/track", record(time="yesterday at noon", distinct_id="u"), None),
        ("/track", record(time=[], distinct_id="u"), "bad_time"),
        ("/track", {"event": "a", "properties": 7}, "not_an_object"),
    ],
)
def test_what_is_refused(path: str, sent: Any, reason: str | None) -> None:
    (one,) = read("mixpanel", path, sent).messages
    if reason is None:  # a text is judged with all other times
        with pytest.raises(InputError):
            event("mixpanel", path, sent)
    else:
        assert isinstance(one, Refused)
        assert one.reason == reason
        assert "T" not in json.dumps(one.payload, default=str).replace("$", "").split('"')


def test_without_ids_equal_events_are_told_apart_by_time_and_place() -> None:
    sent = {"event": "a", "properties": {"token": "T", "distinct_id": "u"}}
    one, two = (m for m in read("mixpanel", "/track", [sent, sent]).messages if not isinstance(m, Refused))
    assert one["messageId"] != two["messageId"]
    assert message("mixpanel", "/track", sent)["messageId"] == one["messageId"]


def test_page_device_and_campaign_are_in_the_context() -> None:
    told = event(
        "mixpanel",
        "/track",
        record(distinct_id="u", **{"$current_url": "https://s.example", "$os": "iOS", "utm_source": "g"}),
    )
    assert told.context == {
        "page": {"url": "https://s.example"},
        "os": {"name": "iOS"},
        "campaign": {"source": "g"},
    }
    assert told.properties["$current_url"] == "https://s.example"


def test_replies() -> None:
    quiet = answer("mixpanel", "/track", ADDED)
    assert (quiet.status, quiet.body, quiet.content_type) == (200, b"1", "text/plain")
    assert said(answer("mixpanel", "/track?verbose=1", ADDED)) == {"status": 1, "error": None}
    assert said(answer("mixpanel", "/track?verbose=1", [ADDED, 7])) == {"status": 1, "error": None}
    none = said(answer("mixpanel", "/track?verbose=1", [7]))
    assert (none["status"], bool(none["error"])) == (0, True)
    form = b"verbose=1&data=" + quote_plus(packed(ADDED)).encode()
    assert said(answer("mixpanel", "/import", form)) == {"status": 1, "error": None}
    told = DIALECTS["mixpanel"].refusal(request("/track", form), 401, "bad_key", "No source has this key.")
    assert (told.status, said(told)) == (401, {"status": 0, "error": "No source has this key."})


def test_an_import_is_told_which_records_failed_while_the_others_are_in() -> None:
    assert said(answer("mixpanel", "/import?strict=1", [ADDED])) == {
        "code": 200,
        "num_records_imported": 1,
        "status": "OK",
    }
    partly = answer(
        "mixpanel", "/import?strict=1", [ADDED, {"event": "", "properties": {"$insert_id": "i2"}}]
    )
    assert partly.status == 400
    assert said(partly)["num_records_imported"] == 1
    (failed,) = said(partly)["failed_records"]
    assert (failed["index"], failed["insert_id"]) == (1, "i2")


@pytest.mark.parametrize("body", [b"", b"{", b"data=", b"data=%%%", b"data=bm9wZQ==", b"a\nb"])
def test_what_is_no_body_is_malformed(body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read("mixpanel", "/track", body)
    assert caught.value.code == "malformed"
