"""Kissmetrics beacons: three paths, an image, and ids of the content."""

from __future__ import annotations

import pytest

from periplus.clock import iso
from periplus.collect.dialects import kissmetrics  # noqa: F401 -- registers itself
from periplus.collect.wire import DIALECTS, Refused
from tests.collect.dialects.sending import RECEIVED, answer, event, message, read, request


def test_an_event_with_its_time_and_properties() -> None:
    address = "/e?_k=K&_p=bob&_n=Signed+Up&_t=1782907200&_d=1&gender=male&Billing+Amount=50"
    assert read("kissmetrics", address, method="GET").key == "K"
    told = event("kissmetrics", address, method="GET")
    assert (told.event, told.user_id, iso(told.time)) == ("Signed Up", "bob", "2026-07-01T12:00:00Z")
    assert told.properties == {"gender": "male", "Billing Amount": "50"}


@pytest.mark.parametrize("end", ["&_t=1262304000", "&_t=1262304000&_d=0", "&_d=1", ""])
def test_without_the_word_that_it_is_meant_the_time_is_that_of_receipt(end: str) -> None:
    assert event("kissmetrics", f"/e?_k=K&_p=bob&_n=a{end}", method="GET").time == RECEIVED


def test_properties_of_a_person_are_traits() -> None:
    told = event("kissmetrics", "/s?_k=K&_p=bob&plan=gold", method="GET")
    assert (told.type, told.user_id, told.traits) == ("identify", "bob", {"plan": "gold"})


def test_an_alias_joins_two_ids() -> None:
    told = event("kissmetrics", "/a?_k=K&_p=bob&_n=bob%40shop.example", method="GET")
    assert (told.type, told.user_id, told.previous_id) == ("alias", "bob", "bob@shop.example")


def test_the_same_beacon_is_the_same_event_and_the_time_tells_beacons_apart() -> None:
    def found(end: str, received: int = RECEIVED) -> str:
        return str(
            message("kissmetrics", f"/e?_k=K&_p=bob&_n=a{end}", method="GET", received=received)["messageId"]
        )

    assert found("") == found("", RECEIVED + 10)
    assert found("") != found("", RECEIVED + 1_000_000)
    assert found("&_t=5") == found("&_t=5", RECEIVED + 9_000_000)
    assert found("&_t=5") != found("&_t=6")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("/e?_k=K&_n=a", "bad_identifier"),
        ("/e?_k=K&_p=bob", "no_event_name"),
        ("/a?_k=K&_p=bob", "bad_identifier"),
        ("/e?_k=K&_p=bob&_n=a&_t=99999999999999999999&_d=1", "bad_time"),
    ],
)
def test_what_is_missing_is_refused_and_the_image_comes_all_the_same(address: str, reason: str) -> None:
    (one,) = read("kissmetrics", address, method="GET").messages
    assert isinstance(one, Refused)
    assert one.reason == reason
    told = answer("kissmetrics", address, method="GET")
    assert (told.status, told.content_type, told.headers["X-Rejected"]) == (200, "image/gif", reason)
    assert told.body.startswith(b"GIF89a")


def test_the_image_also_comes_with_a_refusal() -> None:
    told = DIALECTS["kissmetrics"].refusal(
        request("/e", method="GET"), 401, "bad_key", "No source has this key."
    )
    assert (told.status, told.content_type) == (401, "image/gif")
