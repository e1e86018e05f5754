"""The path of a support agent: found, why one person, a wrong merge seen and undone, a note; and the page of decisions."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import FormData

import periplus
from periplus.journeys.kept_questions import KeptQuestions
from periplus.people.identity_rules import IdentityRules
from periplus.web.pages import identity, identity_fields
from tests.people.test_matching import till
from tests.web.conftest import Served, _serve, expect, watched, write_jsonl


def shop() -> list[dict[str, Any]]:
    """A couple that shares an address, a tablet in the shop's own hall that one signed in on, an order for the other."""
    mail = {"email": "couple@shop.example"}
    rows: list[dict[str, Any]] = [
        {"event": "Product Viewed", "anonymousId": "hall-tablet"},
        {"event": "Product Viewed", "anonymousId": "hall-tablet", "userId": "u-anna", **mail},
        {
            "event": "Order Completed",
            "userId": "u-anna",
            **mail,
            "properties": {
                "order_id": "A-100",
                "total": 30,
                "recipient": {"name": "Ben", "email": "ben@shop.example"},
            },
        },
        {"event": "Product Viewed", "anonymousId": "hall-tablet"},
        {"event": "Product Viewed", "userId": "u-ben", **mail},
        {"event": "Page Viewed", "userId": "u-ben", "email": "Ben@shop.example"},
        {"event": "Order Delivered", "email": "ben@shop.example", "properties": {"order_id": "A-100"}},
    ]
    return [
        {
            "type": "track",
            "messageId": f"m{n}",
            "timestamp": f"2026-05-01T10:{n:02d}:00Z",
            "channel": "web",
            **row,
        }
        for n, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("identity")
    with periplus.init(folder / "shop", shards=2, threads=1) as ws:
        ws.import_file(write_jsonl(folder / "events.jsonl", shop()))
        kept = KeptQuestions(ws.state)
        steps = [{"event": "Product Viewed"}, {"event": "Order Completed"}]
        kept.keep("Looked and bought", {"kind": "funnel", "steps": steps})
        kept.keep("Orders <by day>", {"kind": "trend", "series": [{"of": steps[1]}], "bucket": "day"})
        kept.keep("On a map that is gone", {"kind": "map", "map": "gone"})
        yield from _serve(ws)


def events_of(served: Served, label: str) -> int:
    return next(row["events"] for row in served.ws.search(label)["rows"] if row["label"] == label)


@pytest.mark.browser
def test_a_wrong_merge_is_found_understood_seen_and_undone(chromium: Any, served: Served) -> None:
    for tab in watched(chromium, served):
        for said in (
            "COUPLE@shop.example",
            "A-100",
        ):  # who gave the present and who got it are found, and are two
            tab.goto("/people")
            tab.fill('input[name="search"]', said)
            tab.keyboard.press("Enter")
            tab.wait_for_url("**/people?*search=**")  # everybody is listed before
            found = tab.locator("main table a").all_inner_texts()
            assert {"u-anna", "u-ben"} <= set(found), found
        tab.click("main table a >> text=u-anna")
        tab.wait_for_url("**/people/*")
        assert tab.locator(".event-card").count() == 4
        assert "order id A-100" in tab.inner_text(".timeline")
        assert "For Ben" in tab.inner_text('[data-order="A-100"]')
        ids = tab.inner_text("#ids")
        assert "“Product Viewed” of 1 May 2026, 10:01 carried it together with u-anna" in ids
        assert "ben@shop.example" not in ids
        tablet = tab.locator("#ids li", has_text="hall-tablet").first
        tablet.locator("summary").click()
        assert "u-anna" in tablet.inner_text()
        assert "“Product Viewed” of 1 May 2026, 10:01" in tablet.inner_text()
        tablet.locator("text=This is somebody else").first.click()
        tab.wait_for_selector("text=Decide so")
        assert "1 customer would become 2" in tab.inner_text("h1")
        looked = tab.locator('[data-answer="Looked and bought"] tr', has_text="Product Viewed: reached")
        expect(looked.locator("td")).to_have_text(["2", "3", "+1"])
        page = tab.locator("[data-answer] tr", has_text="Product page: customers")
        expect(page.locator("td")).to_have_text(["2", "3", "+1"])
        expect(tab.locator("#numbers")).to_contain_text("others stay the same")
        expect(tab.locator("[data-same]")).to_contain_text("Orders <by day>")
        expect(tab.locator("[data-unanswered]")).to_contain_text("There is no map 'gone'")
        assert events_of(served, "u-anna") == 4
        tab.fill('input[name="why"]', "the tablet in our hall")
        tab.click("text=Decide so")
        tab.wait_for_selector("text=Every report follows")
        assert events_of(served, "u-anna") == 2
        assert events_of(served, "hall-tablet") == 2
        tab.click("text=See it")
        tab.wait_for_url("**/people/*")
        assert tab.locator(".event-card").count() == 2
        tab.fill("#note textarea", "Never used our tablet; separated.")
        tab.click("text=Keep the note")
        expect(tab.locator("#notes .text")).to_contain_text("Never used our tablet")
        tab.goto("/people/identity")
        assert "the tablet in our hall" in tab.inner_text("#log")
        tab.locator("#log tr", has_text="the tablet in our hall").locator("text=Take back").click()
        tab.wait_for_selector("text=Decide so")
        tab.click("text=Decide so")
        tab.wait_for_selector("text=is taken back")
        assert events_of(served, "u-anna") == 4
        assert "Never used our tablet" in served.ws.notes("u-anna")[0]["text"]
        tab.goto("/people/u-ben")
        assert "order id A-100" in tab.inner_text(".timeline")
        assert "Delivered" in tab.inner_text('[data-order="A-100"]')
        bought = [served.ws.dealings(name)["value"]["gross"] for name in ("u-anna", "u-ben")]
        assert bought == [3000, 0], "who got a present bought nothing"


def test_rules_are_switches_and_come_back_as_they_are() -> None:
    """What the page's form sends untouched is the rules in force, whatever they are."""
    rules = IdentityRules.parse(
        {"phone": False, "external": ["card"], "region": "gr", "limits": {"device": 3}}
    )
    sent = FormData(
        {"rules": "1", "why": "", **identity_fields.texts(rules)}
        | {row["key"]: "on" for row in identity_fields.rows(rules) if row["on"]}
        | {f"limit-{row['key']}": str(row["limit"]) for row in identity_fields.rows(rules) if row["limit"]}
    )
    assert json.loads(identity.written(sent)) == {"rules": rules.document()}
    assert rules.document() == {"phone": False, "external": ["card"], "region": "GR", "limits": {"device": 3}}


def test_records_are_matched_by_a_button_and_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("splink")
    with periplus.init(tmp_path / "shop", shards=2, threads=1, memory="500MB") as ws:
        ws.import_file(write_jsonl(tmp_path / "till.jsonl", till()))
        for served in _serve(ws):
            with served.signed_in() as client:
                place = "/people/identity/match"
                assert client.post(place, data={"threshold": "0.9"}).status_code == 403
                assert "Look for records" in client.get("/people/identity").text
                csrf = served.csrf(client)
                for wrong in ("2", "nan", "likely"):
                    assert (
                        "is no threshold" in client.post(place, data={"csrf": csrf, "threshold": wrong}).text
                    )
                said = client.post(place, data={"csrf": csrf, "threshold": "0.9"})
                twin = str(said.url) + ".json"
                limit = time.monotonic() + 60
                while (found := client.get(twin).json())["state"] == "running":
                    assert time.monotonic() < limit
                    time.sleep(0.1)
                assert found["result"]["kept"] >= 80
                assert "pairs may be one person" in client.get(str(said.url)).text
                page = client.get("/people/identity")
                assert page.text.count("likely by what records say") >= 80
                (first, *_) = client.get("/people/identity.json").json()["proposals"]["rows"]
                assert {"first_name", "birth_date"} <= set(first["agrees"])
                stopped = client.post(place, data={"csrf": csrf})
                client.post(f"{stopped.url}/stop", data={"csrf": csrf})
                monkeypatch.setitem(sys.modules, "splink", None)
                page = client.get("/people/identity")
                assert 'pip install "periplus[matching]"' in unescape(page.text)
                assert "Look for records" not in page.text
                told = unescape(client.post(place, data={"csrf": csrf}).text)
                assert 'pip install "periplus[matching]"' in told


@pytest.mark.browser
def test_on_a_large_shop_the_page_comes_before_its_lists(
    chromium: Any, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "AT_ONCE", 0)
    with served.signed_in() as client:
        page = client.get("/people/identity").text
        assert page.count("Looking through all ids") == 2
        assert "data-proposal" not in page
        whole = client.get("/people/identity", params={"part": "proposals"}).text
        assert "data-proposal" in whole
        assert "Looking through all ids" not in whole
        part = client.get("/people/identity", params={"part": "guarded"}, headers={"HX-Request": "true"}).text
        assert part.lstrip().startswith('<section id="guarded">')
        assert client.get("/people/identity.json").json()["proposals"]["total"] == 1
    for tab in watched(chromium, served):
        tab.goto("/people/identity")
        tab.locator("#proposals", has_text="couple@shop.example").wait_for()
        tab.locator("#guarded", has_text="None.").wait_for()
        tab.locator("#proposals button", has_text="One person").first.click()
        tab.wait_for_selector("text=Decide so")


def test_the_page_of_decisions_proposes_tries_and_says_what_is_wrong(served: Served) -> None:
    with served.signed_in() as client:
        csrf = served.csrf(client)
        page = client.get("/people/identity.json").json()
        (proposal,) = page["proposals"]["rows"]
        assert [each["value"] for each in proposal["accounts"]] == ["u-anna", "u-ben"]
        assert "couple@shop.example" in client.get("/people/identity").text
        assert client.post("/people/identity", data={"action": "adopt"}).status_code == 403

        def post(**form: str) -> str:
            place = "/people/identity/say" if {"act", "rules"} & form.keys() else "/people/identity"
            answer = client.post(place, data={"csrf": csrf, "action": "try", **form})
            limit = time.monotonic() + 60
            while "This takes a moment" in answer.text and time.monotonic() < limit:
                time.sleep(0.2)
                answer = client.get(str(answer.url))
            assert answer.status_code < 500
            return answer.text

        assert "would become" in post(document=json.dumps({"join": proposal["accounts"]}))
        assert "Did you mean &#39;couple@shop.example&#39;?" in post(
            act="block", one="email:cuple@shop.example"
        )
        assert "the same identifier twice" in post(act="join", one="user:u-anna", other="user: u-anna")
        assert "1,000,000 characters" not in post(act="block", one="user:" + "x" * 1_000_000)
        assert "There is no decision 99" in post(document='{"undo": 99}')
        assert "devise" in post(document="devise: false\n")
        assert "would become" in post(document="device: false\n")
        switched = dict.fromkeys(("alias", "email", "phone", "reference"), "on")
        assert "would become" in post(rules="1", why="tablets are shared", **switched)
        assert "is no country" in post(rules="1", region="XX", device="on", **switched)
        assert "limits.email" in post(rules="1", device="on", **switched, **{"limit-email": "many"})
        before = len(served.ws.identity.log())
        assert "holds" in post(document=json.dumps({"dismiss": proposal["accounts"]}), action="adopt")
        assert client.get("/people/identity.json").json()["proposals"]["total"] == 0
        number = served.ws.identity.log()[0]["id"]
        assert "is taken back" in post(document=json.dumps({"undo": number}), action="adopt")
        assert "taken back already" in post(document=json.dumps({"undo": number}), action="adopt")
        assert len(served.ws.identity.log()) == before + 1
        links = client.get("/people/u-anna.json").json()["links"]
        assert {row["by"] for row in links} == {"event"}
