"""Bots and internal traffic on the pages: left out, one click brings them back, and the address keeps it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

import periplus
from tests.web.conftest import Served, _serve, events, write_jsonl

ROBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The shop of the other tests, and as many visits again by bots."""
    folder = tmp_path_factory.mktemp("traffic")
    rows = events(120)
    bots = [
        row
        | {"messageId": f"b-{row['messageId']}", "anonymousId": f"bot-{row['anonymousId']}"}
        | {"context": {"userAgent": ROBOT}}
        for row in events(60, seed=8)
    ]
    for bot in bots:
        bot.pop("userId", None)
    with periplus.init(folder / "shop") as ws:
        ws.import_file(write_jsonl(folder / "events.jsonl", rows + bots))
        yield from _serve(ws)


@pytest.fixture
def client(shop: Served) -> Iterator[httpx.Client]:
    with shop.signed_in() as signed_in:
        yield signed_in


def switch_of(page: str) -> tuple[str, str]:
    """What the page says of traffic, and the address of its switch."""
    found = re.search(r'<p class="muted small traffic">(.*?) <a href="(.*?)">', page)
    assert found is not None, "no switch"
    return found[1], unescape(found[2])


@pytest.mark.parametrize(
    "address", ["/map/shop", "/map/shop?from=2026-03-10&to=2026-04-20", "/explore", "/explore/flow?map=shop"]
)
def test_a_page_says_what_it_leaves_out_and_one_click_brings_it_back(
    client: httpx.Client, address: str
) -> None:
    page = client.get(address)
    said, there = switch_of(page.text)
    path, _, query = address.partition("?")
    plain = client.get(f"{path}.json?{query}").json()["answer"]
    assert f"{plain['totals']['left_out']:,}".replace(",", "") in re.sub(r"\D", "", said)
    assert plain["totals"]["left_out"] > 20
    whole = client.get(there)
    assert whole.status_code == 200
    assert "traffic=all" in there
    said, back = switch_of(whole.text)
    assert "shown too" in said
    assert "traffic" not in back
    shown = client.get(there.replace(path, f"{path}.json", 1)).json()["answer"]
    assert shown["totals"]["left_out"] == 0
    assert shown["question"]["traffic"] == "all"
    count = "entered" if path == "/explore" else "journeys"
    assert shown["totals"][count] > plain["totals"][count]
    again = client.get(back.replace(path, f"{path}.json", 1)).json()["answer"]
    assert again["rows"] == plain["rows"]


def test_links_of_a_page_with_all_traffic_keep_it(client: httpx.Client) -> None:
    page = client.get("/map/shop?traffic=all").text
    steps = re.findall(r'data-panel href="(/map/shop/step/[^"]*)"', page)
    assert steps
    assert all("traffic=all" in unescape(link) for link in steps)
    assert '<input type="hidden" name="traffic" value="all">' in page
    panel = client.get(
        unescape(steps[0]) + ".json" if "?" not in steps[0] else unescape(steps[0]).replace("?", ".json?", 1)
    )
    assert panel.status_code == 200
    explore = client.get(
        "/explore?traffic=all&step=event:Product Viewed&step=event:Order Completed&unit=customers"
    ).text
    assert '<input type="hidden" name="traffic" value="all">' in explore


def test_a_fresh_question_keeps_what_the_address_says(client: httpx.Client) -> None:
    asked = client.get("/explore.json?traffic=all&from=2026-03-10").json()["answer"]["question"]
    assert asked["traffic"] == "all"
    assert asked["period"]["from"].startswith("2026-03-10") or asked["period"]["from"].startswith(
        "2026-03-09"
    )


def test_people_and_a_customer_only_bots_know(shop: Served, client: httpx.Client) -> None:
    plain, whole = client.get("/people.json").json(), client.get("/people.json?traffic=all").json()
    assert plain["total"] < whole["total"]
    assert "traffic=all" in switch_of(client.get("/people").text)[1]
    bot = shop.ws.search("bot-device", traffic="all")["rows"][0]["customer"]
    page = client.get(f"/people/{bot}")
    assert page.status_code == 200, "who follows a link to a bot sees it"
    assert "traffic=all" in str(page.url)
    assert "a known bot" in page.text
    assert client.get("/people?traffic=bots").status_code == 400


def test_a_shop_without_such_traffic_has_no_switch(tmp_path: Path) -> None:
    with periplus.init(tmp_path / "shop") as ws:
        ws.import_file(write_jsonl(tmp_path / "events.jsonl", events(20)))
        served: Any = _serve(ws)
        with next(served).signed_in() as client:
            for address in ("/map/shop", "/explore", "/people"):
                assert "small traffic" not in client.get(address).text
        next(served, None)
