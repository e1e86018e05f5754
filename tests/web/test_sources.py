"""Sources in the browser's words: a key is made and shown once, what comes in is seen, what was refused is sent again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.web.conftest import Served, _serve


@pytest.fixture
def taking(empty: Any) -> Iterator[Served]:
    """The application of an empty workspace whose collector runs."""
    with empty.collector() as collector:
        yield from _serve(empty, collector=collector)


def token(page: str) -> str:
    return page.split('name="csrf" value="', 1)[1].split('"', 1)[0]


def make(client: httpx.Client, name: str) -> str:
    """A new source, made in the form; returns the key that the answer shows."""
    csrf = token(client.get("/sources").text)
    made = client.post("/sources", data={"csrf": csrf, "name": name})
    assert made.status_code == 200
    found = re.search(r'<p class="note"><code>([^<]+)</code>', made.text)
    assert found is not None
    return found[1]


def send(base: str, key: str, *messages: dict[str, Any]) -> None:
    said = httpx.post(
        f"{base}/v1/batch", auth=(key, ""), json={"batch": list(messages)}, timeout=30, verify=False
    )
    assert said.status_code in (200, 400)


ADDED = {"type": "track", "event": "Product Added", "userId": "u1", "messageId": "m1"}
NAMELESS = {"type": "track", "event": " ", "userId": "u1", "messageId": "m2"}


def test_from_a_new_source_to_what_became_of_its_messages(taking: Served) -> None:
    with taking.signed_in() as client:
        key = make(client, "web shop")
        assert key not in client.get("/sources/web%20shop").text  # it is shown once
        send(taking.base, key, ADDED, ADDED, NAMELESS)
        twin = client.get("/sources/web%20shop.json").json()
        assert {name: twin["total"][name] for name in ("accepted", "duplicate", "rejected", "withheld", "received")} == {
            "accepted": 1, "duplicate": 1, "rejected": 1, "withheld": 0, "received": 3,
        }  # fmt: skip
        assert sum(hour["received"] for hour in twin["hours"]) == 3
        assert [row["reason"] for row in twin["rejects"]] == ["no_event_name"]
        assert twin["source"]["name"] == "web shop"
        assert "secret" not in twin["source"]
        page = client.get("/sources/web%20shop").text
        assert "no_event_name" in page
        assert "Product Added" in page
        listed = client.get("/sources.json").json()
        assert listed["total"] == twin["total"]
        limit = time.monotonic() + 120
        while not taking.ws.search("u1")["total"]:
            assert time.monotonic() < limit
            time.sleep(0.1)


def test_the_live_view_is_a_part_of_the_page(taking: Served) -> None:
    with taking.signed_in() as client:
        send(taking.base, make(client, "app"), ADDED)
        part = client.get("/sources/app/recent", headers={"HX-Request": "true"}).text
        assert "Product Added" in part
        assert "<html" not in part
        assert [row["event"] for row in client.get("/sources/app/recent").json()["recent"]] == [
            "Product Added"
        ]


def test_settings_are_kept_and_take_effect_at_once(taking: Served) -> None:
    with taking.signed_in() as client:
        key = make(client, "till")
        csrf = token(client.get("/sources/till").text)
        form = {"csrf": csrf, "zone": "Europe/Athens", "origins": "https://a.example https://b.example", "rate": "0",
                "consent": "on", "secret": "s3cret"}  # fmt: skip
        assert client.post("/sources/till/settings", data=form).status_code == 200
        source = client.get("/sources/till.json").json()["source"]
        assert (source["zone"], source["signed"], source["active"]) == ("Europe/Athens", True, False)
        assert source["origins"] == ["https://a.example", "https://b.example"]
        assert "s3cret" not in client.get("/sources/till").text
        refused = httpx.post(f"{taking.base}/v1/batch", auth=(key, ""), json={"batch": [ADDED]}, verify=False)
        assert refused.status_code == 401  # it may not send
        assert (
            client.post("/sources/till/settings", data={**form, "active": "on", "secret": ""}).status_code
            == 200
        )
        send(taking.base, key, ADDED)
        again = client.get("/sources/till.json").json()
        assert (again["total"]["accepted"], again["source"]["signed"]) == (1, True)
        wrong = client.post("/sources/till/settings", data={**form, "zone": "Europe/Athen"})
        assert wrong.status_code == 422
        assert "Europe/Athens" in wrong.text


def test_access_to_a_shop_is_kept_and_never_shown(taking: Served) -> None:
    with taking.signed_in() as client:
        make(client, "ecwid")
        form = {
            "csrf": token(client.get("/sources/ecwid").text),
            "active": "on",
            "store": "1003",
            "token": "t0ken9",
        }
        assert "t0ken9" not in client.post("/sources/ecwid/settings", data=form).text
        twin = client.get("/sources/ecwid.json")
        assert (twin.json()["source"]["store"], twin.json()["source"]["fetches"]) == ("1003", True)
        assert "t0ken9" not in twin.text
        client.post("/sources/ecwid/settings", data={**form, "token": ""})
        assert taking.ws.document("source", "ecwid")["token"] == "t0ken9"  # an empty field keeps it
        wrong = client.post("/sources/ecwid/settings", data={**form, "store": "my shop"})
        assert (wrong.status_code, "t0ken9" in wrong.text) == (422, False)
        client.post("/sources/ecwid/settings", data={**form, "store": "", "token": ""})
        assert client.get("/sources/ecwid.json").json()["source"]["fetches"] is False


def test_what_was_refused_is_sent_again(taking: Served) -> None:
    with taking.signed_in() as client:
        key = make(client, "web")
        big = {**ADDED, "messageId": "big", "properties": {"text": "x" * 5000}}
        taking.ws.state.save("source", "web", {"name": "web"})
        send(taking.base, key, NAMELESS, big)
        (row,) = client.get("/sources/web.json").json()["rejects"]
        csrf = token(client.get("/sources/web").text)
        told = client.post("/sources/web/replay", data={"csrf": csrf, "id": str(row["id"])})
        assert "rejected: no_event_name" in told.text
        after = client.get("/sources/web.json").json()
        assert any(each["replayed"] for each in after["rejects"])
        assert after["total"]["received"] == sum(
            after["total"][name] for name in ("accepted", "duplicate", "rejected", "withheld")
        )


def test_without_a_collector_the_pages_say_so(fresh: Served) -> None:
    with fresh.signed_in() as client:
        make(client, "web")
        assert "Nothing takes events in" in client.get("/sources/web").text
        csrf = token(client.get("/sources/web").text)
        assert client.post("/sources/web/replay", data={"csrf": csrf}).status_code == 500


def test_an_unknown_source_names_the_nearest(fresh: Served) -> None:
    with fresh.signed_in() as client:
        make(client, "web shop")
        said = client.get("/sources/web%20shp.json")
        assert said.status_code == 404
        assert said.json()["allowed"] == ["web shop"]


def test_a_document_written_by_hand_keeps_the_secrets(empty: Any) -> None:
    empty.add_source("shop", secret="s3cret")
    empty.save_source({"name": "shop", "strict": True})
    (source,) = [row for row in empty.sources() if row["name"] == "shop"]
    assert (source["signed"], source["strict"]) == (True, True)
    empty.save_source({"name": "shop", "secret": None})
    assert not next(row for row in empty.sources() if row["name"] == "shop")["signed"]
