"""The path of somebody who serves customers: found, read, understood, noted; the same by program and without scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

import periplus
from periplus.web.pages.life import PER_PAGE
from tests.web.conftest import Served, _serve, watched, write_jsonl

BUYER = {"userId": "u-eleni", "email": "Eleni@Example.org", "anonymousId": "laptop-eleni"}


def _at(day: int, hour: int, minute: int = 0) -> str:
    return f"2026-05-{day:02d}T{hour:02d}:{minute:02d}:00Z"


def shop() -> list[dict[str, Any]]:
    """One customer with two orders, a gift, a ticket and a shared tablet; somebody who got the gift; a busy one."""
    boots = {
        "order_id": "11937",
        "total": 148.5,
        "shipping": 3.9,
        "currency": "EUR",
        "recipient": {"name": "Nikos"},
    }
    boots["products"] = [{"product_id": "b-1", "name": "Ankle boots <Delphi>", "price": 129, "quantity": 1}]
    rows: list[dict[str, Any]] = [
        {"event": "Product Viewed", "anonymousId": "laptop-eleni", "timestamp": _at(1, 9), "channel": "web"},
        {"event": "Order Completed", **BUYER, "timestamp": _at(2, 9), "channel": "web", "properties": boots},
        {"event": "Order Shipped", "timestamp": _at(3, 9), "channel": "carrier", "properties": {"order_id": "11937"}},
        {
            "event": "Order Refunded", "userId": "u-eleni", "timestamp": _at(6, 9),
            "properties": {"order_id": "11937", "total": "12.00", "reason": "scratched"},
        },
        {
            "event": "Ticket Opened", "userId": "u-eleni", "timestamp": _at(7, 9), "channel": "e-mail",
            "properties": {"ticket_id": 4471, "subject": "Where is my parcel?", "order_id": "11937"},
        },
        {"event": "Page Viewed", "userId": "u-eleni", "anonymousId": "tablet", "timestamp": _at(7, 10), "channel": "web"},
        {"event": "Page Viewed", "userId": "u-nikos", "anonymousId": "tablet", "timestamp": _at(7, 11), "channel": "web"},
    ]  # fmt: skip
    rows[1]["context"] = {"consent": {"categoryPreferences": {"analytics": True, "marketing.email": False}}}
    for number in range(PER_PAGE + 150):
        rows.append(
            {
                "event": "Product Viewed", "userId": "u-busy", "timestamp": _at(1 + number // 60, 12, number % 60),
                "channel": "web", "properties": {"name": f"Thing {number}"},
            }
        )  # fmt: skip
    return [{"type": "track", "messageId": f"m{n}", **row} for n, row in enumerate(rows)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("support")
    with periplus.init(folder / "shop", zone="Europe/Athens") as ws:
        ws.import_file(write_jsonl(Path(folder) / "events.jsonl", shop()))
        yield from _serve(ws)


@pytest.fixture
def person(served: Served) -> str:
    return str(served.ws.customer("u-eleni")["customer"])


@pytest.fixture
def reader(served: Served) -> Iterator[httpx.Client]:
    with served.signed_in() as client:
        yield client


@pytest.mark.browser
@pytest.mark.parametrize("said", ["ELENI@EXAMPLE.ORG", "11937", "4471"])
def test_an_agent_finds_reads_and_notes(chromium: Any, served: Served, person: str, said: str) -> None:
    for tab in watched(chromium, served):
        tab.goto("/people")
        tab.fill("main input[name=search]", said)
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/people?*search=**")  # she is among those listed before as well
        tab.click("main table a >> text=u-eleni")
        tab.wait_for_url(f"**/people/{person}")
        assert "waited" in tab.inner_text("h1")
        order = tab.locator('[data-order="11937"]')
        for told in ("Ankle boots <Delphi>", "136.50", "Shipped", "Refunded", "For Nikos"):
            assert told in order.inner_text()
        assert "Where is my parcel?" in tab.inner_text('[data-ticket="4471"]')
        tab.click("text=Why one person")
        tab.wait_for_selector("#ids .note")
        ids = tab.inner_text("#ids")
        assert "“Order Completed” of 2 May 2026, 12:00 carried it together with u-eleni" in ids
        assert "Kept apart: device tablet" in ids
        assert tab.inner_text("#ids .apart a") == "u-nikos"
        tab.select_option("select[name=event]", "Order Refunded")
        tab.click(".filters button")
        tab.wait_for_url("**event=Order+Refunded**")
        assert tab.locator(".event-card").count() == 1
        assert "scratched" in tab.inner_text(".event-card")
        tab.click("text=Add a note")
        tab.focus("#note textarea")
        tab.keyboard.type(f"Found by {said} <b>& kept</b>")
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        tab.wait_for_selector(".written")
        assert tab.inner_text(".written .text >> nth=0") == f"Found by {said} <b>& kept</b>"
        tab.click(".written summary >> nth=0")
        tab.fill(".written textarea >> nth=0", "Called back")
        tab.click(".written button[value=change] >> nth=0")
        tab.wait_for_selector("text=Called back")
        tab.click(".written summary >> nth=0")
        tab.click(".written button[value=remove] >> nth=0")
        tab.wait_for_selector(".written", state="detached")
    assert served.ws.notes("u-eleni") == []


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1440])
def test_it_fits(chromium: Any, served: Served, person: str, width: int) -> None:
    for tab in watched(chromium, served):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto(f"/people/{person}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_the_twin_says_what_the_workspace_says(served: Served, reader: httpx.Client, person: str) -> None:
    twin = reader.get(f"/people/{person}.json").json()
    dealings = json.loads(json.dumps(served.ws.dealings(person)))
    assert {key: twin[key] for key in dealings} == dealings
    assert (dealings["value"]["gross"], dealings["value"]["net"]) == (14850, 13650)
    assert twin["consent"] == served.ws.consent(person)
    assert [row["event"] for row in twin["timeline"]] == [row["event"] for row in served.ws.timeline(person)]
    page = unescape(reader.get(f"/people/{person}").text)
    assert twin["customer"]["label"] in page
    assert "Offers by e-mail" in page


def test_buyer_and_recipient_are_two(served: Served, reader: httpx.Client) -> None:
    twin = reader.get(f"/people/{served.ws.customer('u-nikos')['customer']}.json").json()
    assert twin["orders"] == []
    assert twin["apart"][0]["others"][0]["label"] == "u-eleni"
    here = f"/people/{twin['customer']['customer']}"
    assert "Kept apart" not in reader.get(here).text
    assert "Kept apart: device tablet" in reader.get(here, params={"apart": 1}).text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"channel": "carrier"}, 1), ({"event": "Page Viewed"}, 1), ({"search": "SCRATCHED"}, 1),
        ({"search": "parcel", "channel": "e-mail"}, 1), ({"search": "nothing of that"}, 0), ({"event": "Unheard"}, 0),
        ({"channel": "web", "search": "delphi"}, 1),
    ],
)  # fmt: skip
def test_filters_work_without_scripts(
    served: Served, reader: httpx.Client, person: str, query: dict[str, str], found: int
) -> None:
    twin = reader.get(f"/people/{person}.json", params=query).json()
    assert (twin["found"], len(twin["timeline"])) == (found, found)
    assert reader.get(f"/people/{person}", params=query).text.count('class="event-card"') == found


def test_a_long_life_is_turned_over(served: Served, reader: httpx.Client) -> None:
    busy = served.ws.customer("u-busy")["customer"]
    seen: list[str] = []
    address: str | None = f"/people/{busy}"
    while address:
        page = reader.get(address).text
        assert page.count('class="event-card"') <= PER_PAGE
        seen += re.findall(r"<dd>(Thing \d+)</dd>", page)
        further = re.search(r'rel="next" href="([^"#]*)', page)
        address = unescape(further[1]) if further else None
    assert len(seen) == len(set(seen)) == PER_PAGE + 150


def test_a_note_needs_the_form_s_token(served: Served, reader: httpx.Client, person: str) -> None:
    refused = reader.post(f"/people/{person}/notes", data={"text": "no token"})
    assert refused.status_code == 403
    token = served.csrf(reader)
    for text in ("", "x" * 4001):
        assert reader.post(f"/people/{person}/notes", data={"csrf": token, "text": text}).status_code == 400
    assert reader.post(f"/people/{person}/notes/1", data={"csrf": token, "act": "burn"}).status_code == 400
    assert (
        reader.post(f"/people/{person}/notes/999", data={"csrf": token, "act": "remove"}).status_code == 404
    )
    assert reader.post("/people/nobody/notes", data={"csrf": token, "text": "x"}).status_code == 404
    assert served.ws.notes(person) == []


def test_notes_by_program(served: Served, person: str) -> None:
    bearer = {"Authorization": f"Bearer {served.ws.add_token('help desk')}"}
    with served.stranger() as client:
        assert client.get(f"/api/customers/{person}/notes").status_code == 401
        client.headers.update(bearer)
        made = client.post("/api/customers/u-eleni/notes", json={"text": "<i>from</i> outside"})
        assert made.status_code == 201
        assert made.json()["author"] == "help desk"
        number = made.json()["number"]
        assert client.get(f"/api/customers/{person}/notes").json() == [made.json()]
        assert client.put(f"/api/notes/{number}", json={"text": "mended"}).json()["text"] == "mended"
        for wrong in ({}, {"text": ""}, {"text": 7 * "x" * 1000}, {"text": None}):
            assert client.post("/api/customers/u-eleni/notes", json=wrong).status_code == 400
        assert client.delete(f"/api/notes/{number}").status_code == 204
        assert client.delete(f"/api/notes/{number}").status_code == 404
        assert client.get("/api/customers/nobody/notes").status_code == 404


def test_a_note_is_shown_as_it_was_written(served: Served, reader: httpx.Client, person: str) -> None:
    note = served.ws.add_note(person, "<script>alert(1)</script>\nsecond line")
    page = reader.get(f"/people/{person}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\nsecond line" in page
    served.ws.remove_note(note["number"])
