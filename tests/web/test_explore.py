"""Explore: each kind asked by its controls is the question one would write, and each number opens as many people."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest
from starlette.datastructures import QueryParams

from periplus import question as questions
from periplus.journeys.kept_questions import KeptQuestions
from periplus.web.explore import filters, plot
from periplus.web.explore.conditions import Happened, code
from periplus.web.explore.kinds import EXPLORERS, path_of
from periplus.web.explore.offered import Offered

ORDER = {"event": "Order Completed"}
ASKED: dict[str, dict[str, Any]] = {
    "flow": {"kind": "flow", "map": "shop", "from": "product", "top": 10},
    "retention": {"kind": "retention", "start": {"event": "Product Viewed"}, "return": ORDER, "periods": 4},
    "trend": {
        "kind": "trend",
        "series": [
            {"of": {**ORDER, "where": {"total": {"gte": 10}}}},
            {"of": ORDER, "measure": {"sum": "total"}, "label": "takings"},
            {"of": {"touchpoint": "cart"}, "measure": "customers"},
        ],
        "map": "shop",
        "bucket": "month",
        "compare": "previous",
    },
    "timing": {
        "kind": "timing", "map": "shop", "unit": "journeys", "steps": [{"step": "product"}, {"step": "order"}],
        "quantiles": [0.1, 0.5],
    },
    "attribution": {
        "kind": "attribution", "touches": {"event": "Product Viewed"}, "goal": ORDER, "by": "context.device.type",
        "models": ["first", "linear"], "value": "properties.total",
    },
    "lifecycle": {"kind": "lifecycle", "of": {"event": "Product Viewed"}, "bucket": "month"},
    "pattern": {"kind": "pattern", "map": "shop", "pattern": "product .* cart", "top": 5},
    "drivers": {"kind": "drivers", "goal": ORDER, "of": {"event": "Product Viewed"}, "unit": "customers", "within": "7d"},
    "site": {"kind": "site", "reports": ["pages"], "views": {"event": "Product Viewed"}, "top": 5},
}  # fmt: skip
FRACTIONS = {"attribution"}
"""Kinds whose numbers may be parts: the shares of the people listed add up to them."""


def same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert {**one, "seconds": 0} == {**other, "seconds": 0}


def twin(client: httpx.Client, address: str) -> dict[str, Any]:
    path, _mark, query = address.partition("?")
    response = client.get(f"{path}.json?{query}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_each_kind_there_is_has_a_page(client: httpx.Client) -> None:
    assert set(EXPLORERS) == set(questions.kinds) - {"map"}
    for kind in EXPLORERS:
        page = client.get(path_of(kind))
        assert page.status_code == 200, kind
        # What a fresh page shows can be sent to somebody else by its address.
        shown = twin(client, path_of(kind))["question"]
        assert twin(client, page.headers["hx-push-url"])["question"] == shown, kind


@pytest.mark.parametrize("kind", ASKED)
def test_a_question_is_its_controls(site: Any, client: httpx.Client, kind: str) -> None:
    """As JSON it is shown on the page of its kind; the address of that page asks the same again."""
    asked = ASKED[kind]
    page = client.get("/explore", params={"question": json.dumps(asked)})
    assert page.status_code == 200
    assert page.url.path == path_of(kind)
    answer = site.ws.ask(asked)
    by_controls = twin(client, page.headers["hx-push-url"])
    assert by_controls["question"] == asked
    same(by_controls["answer"], answer.to_dict())
    assert "question=" not in page.headers["hx-push-url"]
    table = client.get(page.headers["hx-push-url"].replace(path_of(kind), f"{path_of(kind)}.csv", 1)).text
    assert len(list(csv.DictReader(io.StringIO(table)))) == len(answer.rows)
    # The form of the page says it too: its fields sent as they stand.
    assert twin(client, f"{path_of(kind)}?{urlencode(fields(page.text))}")["question"] == asked


def fields(page: str) -> list[tuple[str, str]]:
    """What a browser would send of the sentence's form."""
    form = page.split('<form id="ask"', 1)[1].split("</form>", 1)[0]
    found = []
    for tag in re.finditer(r'<input ([^>]*)>|<select name="([^"]*)".*?</select>', form, re.S):
        if tag[2]:
            listed = re.findall(r"<option([^>]*)>([^<]*)", tag[0])
            attributes, said = next((each for each in listed if " selected" in each[0]), listed[0])
            value = re.search(r'value="([^"]*)"', attributes)
            found.append((tag[2], unescape(value[1] if value else said)))
        else:
            attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag[1]))
            if "name" in attributes and ("checkbox" not in tag[1] or " checked" in tag[1]):
                found.append((attributes["name"], unescape(attributes.get("value", ""))))
    return found


@pytest.mark.parametrize("kind", ["funnel", *ASKED])
def test_every_number_opens_as_many_people(client: httpx.Client, kind: str) -> None:
    address = path_of(kind) + (f"?question={json.dumps(ASKED[kind])}" if kind in ASKED else "")
    page = client.get(address).text
    links = re.findall(r'<a href="(/people\?question=[^"]*)">([\d\u202f.]+)</a>', page)
    assert links
    random.Random(3).shuffle(links)
    for link, number in links[:8]:
        people = client.get(unescape(link).replace("/people?", "/people.json?", 1)).json()
        wanted = float(number.replace("\u202f", ""))
        if "takings" in link.split("row=", 1)[1]:
            continue  # a sum opens into the events that it is of
        if kind in FRACTIONS and people["rows"] and "credit" in people["rows"][0]:
            assert sum(row["credit"] for row in people["rows"]) == pytest.approx(wanted, abs=0.051)
        else:
            assert people["total"] == wanted, link
        title = client.get(unescape(link)).text
        assert "<h1>" in title


def test_filters_are_written_and_read_back(site: Any) -> None:
    condition = {"event": "A", "where": {"price": {"gte": 10, "lt": 20.5}, "brand": {"in": ["x", "y"]}}}
    written, rows = code(condition)
    assert written == "event:A"
    assert rows == [("price", "gte", "10"), ("price", "lt", "20.5"), ("brand", "in", "x, y")]
    pairs = Happened("start", lambda: "").pairs({"start": condition})
    offered = Offered({}, None, [], {}, {}, (), (), [], True)
    assert Happened("start", lambda: "").read(QueryParams(pairs), offered) == {"start": condition}
    cleared = [*pairs, ("clear", "start.1")]
    left = Happened("start", lambda: "").read(QueryParams(cleared), offered)["start"]
    assert left["where"] == {"price": {"gte": 10}, "brand": {"in": ["x", "y"]}}
    for beyond in ({"any": [{"event": "A"}]}, {"event": ["A", "B"]}, {"where": {"p": {"every": 1}}}):
        assert code(beyond)[0].startswith("json:")
    twice = filters.where([("p", "ne", "a"), ("p", "ne", "b"), ("q", "there", "")], lambda _p: "VARCHAR")
    assert twice == {
        "where": {"p": {"ne": "a"}, "q": {"exists": True}},
        "all": [{"where": {"p": {"ne": "b"}}}],
    }
    assert filters.rows_of(twice) == [("p", "ne", "a"), ("q", "there", ""), ("p", "ne", "b")]


def test_values_are_offered_for_a_property(client: httpx.Client) -> None:
    page = client.get("/explore/values", params={"start.p": "context.device.type"}).text
    assert {"mobile", "desktop", "tablet"} == set(re.findall(r'value="(\w+)"', page))
    assert client.get("/explore/values?x=nothing").text.strip() == ""


@pytest.mark.parametrize(
    ("address", "beside"),
    [
        ("/explore/pattern?map=shop&pattern=cart (", "The pattern"),
        ("/explore/pattern?map=shop&pattern=carts", "Did you mean 'cart'?"),
        ("/explore/retention?bucket=fortnight&start=event:A&return=event:B", "fortnight"),
        ("/explore/retention?periods=many&start=event:A&return=event:B", "Periods"),
        ("/explore/attribution?touches=event:A&goal=event:B&models=guess", "guess"),
        ("/explore/timing?step=step:nowhere&step=step:order&unit=journeys:shop", "nowhere"),
        ("/explore/trend?of=event:A&measure=often", "often"),
        ("/explore/flow?map=nowhere", "nowhere"),
        ("/explore/lifecycle?from=2026-02-01&to=2026-01-01", "ends before it begins"),
    ],
)
def test_a_problem_stands_beside_its_control(client: httpx.Client, address: str, beside: str) -> None:
    page = client.get(address)
    assert 400 <= page.status_code < 500
    said = re.search(r'<span class="wrong" role="alert">(.*?)</span>', page.text, re.S)
    assert said is not None
    assert beside in unescape(said[1])
    assert '<form id="ask"' in page.text


@pytest.mark.parametrize(
    "query",
    [
        "of=json:{&measure=sum",
        "of=event:A&measure=sum&property=",
        "of=event:A&of.0.p=x&of.0.o=gte&of.0.v=",
        "of=event:A&of.0.p=" + "x" * 3000 + "&of.0.o=matches&of.0.v=(",
        "of=event:A&drop=9999&clear=of.0.0&add=1",
        "series=5&extra={}",
        "question=[1]",
        'question={"kind":"trend","series":[{"of":5}]}',
        'question={"kind":"trend","series":[{"label":"a"},{"label":"a"}]}',
        'question={"kind":"trend","series":[{"of":{}}],"period":5,"breakdown":["a"]}',
        'question={"kind":"nonsense"}',
        'question={"kind":"retention","start":1,"return":null}',
        'question={"kind":"timing","steps":[[]],"quantiles":"a"}',
        'question={"kind":"attribution","touches":{},"goal":{},"spend":7}',
        'question={"kind":"pattern","map":{"a":1},"pattern":[1]}',
        'question={"kind":"site","reports":[{}]}',
        'question={"kind":"drivers","features":3,"goal":{}}',
        'question={"kind":"map","map":"shop"}',
    ],
)
def test_hostile_questions_are_told_what_is_wrong(client: httpx.Client, query: str) -> None:
    params = parse_qsl(query, keep_blank_values=True)
    for path in ("/explore/trend", "/explore/json", "/explore/json.json"):
        response = client.get(path, params=params)
        assert response.status_code < 500, (path, query, response.text[:300])


def test_a_kind_without_a_sentence_is_asked_as_json(client: httpx.Client) -> None:
    asked = {"kind": "map", "map": "shop"}
    page = client.get("/explore/json", params={"question": json.dumps(asked)})
    assert page.status_code == 200
    links = re.findall(r'<a href="(/people\?question=[^"]*)">([\d\u202f]+)</a>', page.text)
    people = client.get(unescape(links[0][0]).replace("/people?", "/people.json?", 1)).json()
    assert people["total"] == int(links[0][1].replace("\u202f", ""))
    for copied in ("ws = periplus.open", "curl http", "&#34;kind&#34;: &#34;map&#34;"):
        assert copied in page.text


def test_a_question_is_kept_found_and_taken_off_the_list(fresh: Any) -> None:
    with fresh.signed_in() as client:
        csrf, asked = fresh.csrf(client), {"kind": "lifecycle", "bucket": "month"}
        kept = KeptQuestions(fresh.ws.state)
        sent = {"csrf": csrf, "name": "  By   month ", "question": json.dumps(asked)}
        assert client.post("/explore/kept", data={**sent, "csrf": ""}).status_code == 403
        assert client.post("/explore/kept", data={**sent, "name": " "}).status_code == 422
        assert client.post("/explore/kept", data={**sent, "question": '{"kind": "x"}'}).status_code == 400
        assert client.post("/explore/kept", data=sent).status_code == 200
        assert kept.listed() == [{"name": "By month", "question": asked, "version": 1}]
        assert kept.keep("By month", {**asked, "bucket": "week"}) == 2
        assert ">By month</a>" in client.get("/explore/json").text
        gone = {"csrf": csrf, "name": "By month"}
        assert client.post("/explore/kept/remove", data=gone).status_code == 200
        assert kept.listed() == []
        assert client.post("/explore/kept/remove", data=gone).status_code == 404
        assert kept.keep("By month", asked) == 4


def test_scales_are_round_and_hold_everything() -> None:
    for top in (0.3, 1, 7, 12, 87, 99, 101, 250, 1234, 1e9):
        ticks = plot.ticks(top)
        assert ticks[0] == 0
        assert ticks[-1] >= top
        assert len(ticks) <= 6
    assert plot.is_open("2026-07-20", "week", "2026-07-22T00:00:00Z")
    assert not plot.is_open("2026-07-13", "week", "2026-07-22T00:00:00Z")
    assert plot.bucket_name("2026-04-01", "quarter") == "Q2 2026"
    assert plot.said_in("2026-07-13", "week") == "in the week of 13 Jul 2026"
