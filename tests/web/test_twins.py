"""Every page has its twin, and both say what the workspace says."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

MAP = {"kind": "map", "map": "shop"}
FUNNEL = {
    "kind": "funnel",
    "map": "shop",
    "unit": "journeys",
    "steps": [{"step": "product"}, {"step": "cart"}, {"step": "order"}],
}


def figure(n: int) -> str:
    return f"{n:,}".replace(",", "\u202f")


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_the_first_screen_is_the_map(client: httpx.Client) -> None:
    response = client.get("/")
    assert response.url.path == "/map/shop"
    assert "<svg" in response.text


def test_the_map(site: Any, client: httpx.Client) -> None:
    answer = site.ws.ask(MAP)
    twin = client.get("/map/shop.json").json()
    same(twin["answer"], answer.to_dict())
    same(twin["flow"], site.ws.ask({"kind": "flow", "map": "shop"}).to_dict())
    page = client.get("/map/shop").text
    assert twin["title"] in page
    for name in ("journeys", "reached", "stopped", "open"):
        assert figure(answer.totals[name]) in page


def test_the_map_of_a_period(site: Any, client: httpx.Client) -> None:
    period = {"from": "2026-03-10", "to": "2026-04-01", "by": "activity"}
    answer = site.ws.ask({**MAP, "period": period})
    assert answer.totals != site.ws.ask(MAP).totals
    same(client.get("/map/shop.json", params=period).json()["answer"], answer.to_dict())


def test_a_step(site: Any, client: httpx.Client) -> None:
    row = next(row for row in site.ws.ask(MAP).rows if row["step"] == "product")
    twin = client.get("/map/shop/step/product.json").json()
    assert twin["row"] == row
    assert (
        sum(r["visits"] for r in twin["come_from"])
        == row["visits"]
        == sum(r["visits"] for r in twin["go_to"])
    )
    part = client.get("/map/shop/step/product", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    for outcome in ("onward", "back", "goal", "again", "stopped", "ended", "running", "visits"):
        shown = re.search(rf'data-outcome="{outcome}">(?:<[^>]*>)*([^<]*)<', part)
        assert shown is not None
        assert shown[1] == figure(row[outcome]), outcome
    whole = client.get("/map/shop/step/product").text
    assert "<html" in whole
    assert 'class="with-panel"' in whole


def test_a_flow(site: Any, client: httpx.Client) -> None:
    rows = site.ws.ask({"kind": "flow", "map": "shop"}).rows
    row = next(r for r in rows if (r["source"], r["target"]) == ("product", "cart"))
    twin = client.get("/map/shop/flow/product/cart.json").json()
    assert twin["row"] == row
    assert twin["of_source"] == sum(r["visits"] for r in rows if r["source"] == "product")
    assert figure(row["visits"]) in client.get("/map/shop/flow/product/cart").text


@pytest.mark.parametrize("breakdown", [None, "context.device.type"])
def test_a_funnel(site: Any, client: httpx.Client, breakdown: str | None) -> None:
    question = {**FUNNEL, **({"breakdown": breakdown} if breakdown else {})}
    query = {"question": json.dumps(question)}
    answer, whole = site.ws.ask(question), site.ws.ask(FUNNEL)
    twin = client.get("/explore.json", params=query).json()
    same(twin["answer"], answer.to_dict())
    same(twin["whole"], whole.to_dict())
    page = client.get("/explore", params=query).text
    for row in whole.rows:
        shown = re.search(rf'data-reached="{row["step"]}">(?:<[^>]*>)*([^<]*)<', page)
        assert shown is not None
        assert shown[1] == figure(row["reached"])
    table = list(csv.DictReader(io.StringIO(client.get("/explore.csv", params=query).text)))
    assert [int(row["reached"]) for row in table] == [row["reached"] for row in answer.rows]


def test_a_funnel_of_controls_is_the_same_question(site: Any, client: httpx.Client) -> None:
    controls = urlencode(
        [
            ("unit", "journeys:shop"),
            *(("step", f"step:{s['step']}") for s in FUNNEL["steps"]),
            ("within", "2d"),
        ]
    )
    twin = client.get(f"/explore.json?{controls}").json()
    assert twin["question"] == {**FUNNEL, "within": "2d"}
    same(twin["answer"], site.ws.ask({**FUNNEL, "within": "2d"}).to_dict())


def test_the_funnel_s_ends_add_up(site: Any, client: httpx.Client) -> None:
    page = client.get("/explore", params={"question": json.dumps(FUNNEL)}).text
    inside = page.split("Who are they", 1)[1].split("</table>", 1)[0]
    numbers = [
        int(n.replace("\u202f", "")) for n in re.findall(r'"figure">(?:<[^>]*>)*([\d\u202f]+)<', inside)
    ]
    assert sum(numbers[:-1]) == numbers[-1] == site.ws.ask(FUNNEL).rows[0]["reached"]


def test_every_number_of_a_page_opens_as_many_people(site: Any, client: httpx.Client) -> None:
    checked = 0
    for path in ("/map/shop", "/map/shop/step/product", f"/explore?question={json.dumps(FUNNEL)}"):
        page = client.get(path, headers={"HX-Request": "true"} if "step" in path else {}).text
        links = re.findall(r'<a href="(/people\?question=[^"]*)">([\d\u202f]+)</a>', page)
        assert links, path
        for address, number in links[:25]:
            twin = client.get(address.replace("&amp;", "&").replace("/people?", "/people.json?", 1)).json()
            assert twin["total"] == int(number.replace("\u202f", "")), (path, address)
            checked += 1
    assert checked > 30


def test_people_of_several_rows_follow_each_other(site: Any, client: httpx.Client) -> None:
    rows = [{"step": 0}, {"step": 1}]
    pairs = [
        ("question", json.dumps(FUNNEL)),
        *(("row", json.dumps(row)) for row in rows),
        ("field", "stopped"),
    ]
    twin = client.get("/people.json?" + urlencode(pairs)).json()
    assert twin["total"] == sum(len(site.ws.people(FUNNEL, row, "stopped")) for row in rows)


def test_search(site: Any, client: httpx.Client) -> None:
    found = client.get("/people.json", params={"search": "shopper-1"}).json()
    wanted = site.ws.search("shopper-1", limit=100)
    assert found["total"] == wanted["total"] > 0
    assert found["rows"] == wanted["rows"]
    assert "shopper-" in client.get("/people", params={"search": "shopper-1"}).text


def test_a_customer(site: Any, client: httpx.Client) -> None:
    row = site.ws.search("shopper-", limit=1)["rows"][0]
    twin = client.get(f"/people/{row['customer']}.json").json()
    assert twin["customer"] == site.ws.customer(row["customer"])
    assert len(twin["timeline"]) == row["events"]
    page = client.get(f"/people/{row['customer']}").text
    assert row["label"] in page
    assert page.count('class="event-card"') == row["events"]


def test_another_id_of_a_customer_leads_there(site: Any, client: httpx.Client) -> None:
    row = site.ws.search("shopper-", limit=1)["rows"][0]
    for ending in ("", ".json"):
        response = client.get(f"/people/{row['label']}{ending}")
        assert response.url.path == f"/people/{row['customer']}{ending}"


def test_search_in_a_customer_s_events(site: Any, client: httpx.Client) -> None:
    row = site.ws.search("shopper-", limit=1)["rows"][0]
    timeline = client.get(f"/people/{row['customer']}.json").json()["timeline"]
    wanted = sum("order completed" in json.dumps(event).lower() for event in timeline)
    page = client.get(f"/people/{row['customer']}", params={"search": "Order Completed"}).text
    assert page.count('class="event-card"') == wanted


def test_an_empty_workspace_teaches(fresh: Any) -> None:
    with fresh.signed_in() as client:
        for path in (
            "/",
            "/map/shop",
            "/map/shop/step/cart",
            "/explore",
            "/explore/flow",
            "/explore/trend",
            "/explore/site",
            "/explore/pattern",
            "/people",
            "/import",
        ):
            response = client.get(path)
            assert response.status_code == 200, path
        assert 'href="/import"' in client.get("/map/shop").text
        assert "The map waits for its first events" in client.get("/map/shop").text
        assert client.get("/people.json").json()["total"] == 0
        assert client.get("/explore.json").status_code == 200
