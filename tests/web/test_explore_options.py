"""Every documented option of a kind is reached by its controls: what one would write is what the page says."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import httpx
import pytest

from periplus import question as questions
from periplus.question import Question
from periplus.web.explore.kinds import EXPLORERS, path_of
from tests.web.test_explore import fields, twin

ORDER = {"event": "Order Completed"}
VIEWED, ADDED = {"event": "Product Viewed"}, {"event": "Product Added"}
STEPS = [VIEWED, ADDED, ORDER]
MOBILE = {"where": {"context.device.type": "mobile"}}
SESSIONS = {"gap": "1h", "midnight": True, "campaign": False}
FUNNEL = {"kind": "funnel", "unit": "customers", "steps": STEPS}
ASKED: dict[str, dict[str, Any]] = {
    "over time": {**FUNNEL, "bucket": "week", "quantiles": [0.5, 0.9], "histogram": 10},
    "bins": {**FUNNEL, "histogram": ["1h", "6h", "1d"], "zone": "Asia/Tokyo", "attempts": "every"},
    "the year before": {
        **FUNNEL, "compare": "year", "period": {"from": "2026-03-01", "to": "2026-04-01"}, "breakdown": "segment.keen",
    },
    "two periods": {
        **FUNNEL, "period": {"from": "2026-03-01", "to": "2026-04-01"},
        "compare": {"period": {"from": "2026-04-01"}, "labels": ["one", "two"]},
    },
    "two values": {
        **FUNNEL, "breakdown": "context.device.type", "breakdown_step": 1, "compare": {"values": ["mobile", "desktop"]},
    },
    "a segment": {**FUNNEL, "compare": {"condition": {"segment": "keen"}}, "breakdown_step": 1},
    "two segments": {**FUNNEL, "compare": {"condition": {"segment": "keen"}, "with": {"segment": "late"}}},
    "a filter": {**FUNNEL, "compare": {"condition": MOBILE}, "customers": {"not": {"segment": "late"}}},
    "steps": {
        **FUNNEL,
        "steps": [
            VIEWED,
            {**ADDED, "label": "cart", "within": "2h", "optional": True},
            {**ORDER, **MOBILE, "within": {"sessions": 2}},
        ],
        "exclude": [{"event": "Cart Viewed", "from": 1, "to": 2}, {**MOBILE, "event": "Product List Viewed"}],
        "hold": ["context.device.type", "cart_id"],
        "within": {"sessions": 3},
        "sessions": SESSIONS,
        "customers": {"did_not": ORDER},
    },
    "timing": {
        "kind": "timing", "unit": "customers", "steps": [VIEWED, {**ORDER, "within": "7d"}], "attempts": "every",
        "exclude": [ADDED], "hold": ["context.device.type"], "sessions": SESSIONS, "customers": {"segment": "keen"},
    },
    "trend": {
        "kind": "trend", "series": [{"of": ORDER, "measure": "sessions"}], "average": 3, "expected": {"width": 2},
        "sessions": SESSIONS, "customers": {"did": ADDED}, "zone": "UTC",
    },
    "retention": {
        "kind": "retention", "start": VIEWED, "return": ORDER, "mode": "bracket", "brackets": [[0, 1], [1, 4]],
        "measure": {"sum": "total"}, "customers": {"segment": "keen"}, "zone": "UTC",
    },
    "attribution": {
        "kind": "attribution", "touches": VIEWED, "goal": ORDER, "models": ["position", "time_decay", "shapley"],
        "weights": [0.5, 0.25, 0.25], "half_life": "1d", "markov_order": 2, "groups": 5, "lookback": "14d",
        "said": {"of": ADDED, "property": "price"}, "customers": {"segment": "keen"},
    },
    "flow": {"kind": "flow", "map": "shop", "by": "stage", "customers": {"segment": "keen"}},
    "flow of steps": {
        "kind": "flow", "steps": [VIEWED, ADDED], "off_map": True, "collapse": False, "lapse": "1d", "zone": "UTC",
    },
    "split timing": {
        "kind": "timing", "unit": "customers", "steps": [VIEWED, ORDER], "breakdown": "context.device.type", "breakdown_step": 1,
    },
    "split lifecycle": {"kind": "lifecycle", "of": VIEWED, "bucket": "month", "breakdown": "segment.late"},
    "lifecycle": {"kind": "lifecycle", "of": ORDER, "customers": {"segment": "keen"}, "zone": "UTC"},
    "pattern": {"kind": "pattern", "map": "shop", "pattern": "product", "customers": {"segment": "keen"}},
    "drivers": {
        "kind": "drivers", "goal": ORDER, "of": VIEWED, "unit": "customers", "customers": {"segment": "keen"},
        "features": [{"done": "each"}, "channel", {"property": "properties.price", "at": "early"}, {"count": ADDED}],
    },
    "site": {
        "kind": "site", "views": VIEWED, "sessions": SESSIONS, "automatic": ["Page Left", "Cart Viewed"],
        "customers": {"segment": "keen"},
    },
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def segments(filled: Any) -> None:
    keen = {"did": {**VIEWED, "count": {"gte": 1}}}
    for name, condition in (("keen", keen), ("late", {"did": ADDED})):
        filled.segments.add({"name": name, "condition": condition})


@pytest.mark.parametrize("name", ASKED)
def test_an_option_is_said_by_its_control(client: httpx.Client, name: str) -> None:
    """The address the page shows, and its form sent as it stands, ask the very same question."""
    asked = ASKED[name]
    page = client.get(path_of(asked["kind"]), params={"question": json.dumps(asked)})
    assert page.status_code == 200, page.text[:2000]
    address = page.headers["hx-push-url"]
    assert "question=" not in address
    assert "extra=" not in address
    assert twin(client, address)["question"] == asked
    sent = httpx.QueryParams(fields(page.text))
    assert twin(client, f"{path_of(asked['kind'])}?{sent}")["question"] == asked


def test_every_key_of_every_kind_has_a_control() -> None:
    """What a kind understands can be reached by clicking; `title` and `kind` are no options."""
    for kind, explorer in EXPLORERS.items():
        covered = {key for control in explorer.every for key in control.covers}
        model = questions.kinds[kind].model
        assert issubclass(model, Question)
        keys = {row.alias or name for name, row in model.model_fields.items()}
        alone = {"unit"} if kind in ("flow", "pattern") else set()  # there is but one
        assert keys - covered - alone - {"kind"} == set(), kind


def test_two_sides_have_their_difference_and_their_people(site: Any, client: httpx.Client) -> None:
    asked = ASKED["two values"]
    answer = site.ws.ask(asked)
    page = client.get("/explore", params={"question": json.dumps(asked)}).text
    assert "What is between them" in page
    last = next(row for row in answer.rows if row["side"] == "mobile" and row["step"] == 2)
    assert f">{100 * last['difference']:.1f} (".replace(">", ">+" if last["difference"] > 0 else ">") in page
    check_people(client, page)


def test_a_funnel_over_time_adds_up_on_the_page(site: Any, client: httpx.Client) -> None:
    asked = ASKED["over time"]
    answer = site.ws.ask(asked)
    page = client.get("/explore", params={"question": json.dumps(asked)}).text
    section = page.split("<h2>Over time", 1)[1].split("</section>", 1)[0]
    listed = [int(n) for n in re.findall(r">(\d+)</a></td>", section)]
    assert sum(listed) == sum(row["reached"] for row in answer.rows)
    assert "Half get to Order Completed" in page
    check_people(client, section)


@pytest.mark.parametrize("name", ["split timing", "split lifecycle"])
def test_parts_stand_under_the_whole(site: Any, client: httpx.Client, name: str) -> None:
    asked = ASKED[name]
    page = client.get(path_of(asked["kind"]), params={"question": json.dumps(asked)}).text
    section = page.split("<h2>Each part by itself", 1)[1].split("</section>", 1)[0]
    assert section.count("<tr>") == 1 + len(site.ws.ask(asked).rows)
    links = re.findall(r'<a href="(/people\?question=[^"]*)">([\d\u202f]+)</a>', section)
    for link, number in links[:5]:
        people = client.get(unescape(link).replace("/people?", "/people.json?", 1)).json()
        assert people["total"] == int(number.replace("\u202f", "")), link


def check_people(client: httpx.Client, page: str) -> None:
    links = re.findall(r'<a href="(/people\?question=[^"]*)">([\d\u202f]+)</a>', page)
    assert len(links) > 5
    for link, number in links[:: max(1, len(links) // 12)]:
        people = client.get(unescape(link).replace("/people?", "/people.json?", 1)).json()
        assert people["total"] == int(number.replace("\u202f", "")), link


@pytest.mark.parametrize(
    ("address", "beside"),
    [
        ("/explore?step=event:A&step=event:B&against=previous", "needs a period with both its ends"),
        ("/explore?step=event:A&step=event:B&against=values&against.one=x", "Values are compared of a breakdown"),
        ("/explore?step=event:A&step=event:B&against=condition", "condition"),
        ("/explore?step=event:A&step=event:B&histogram=0", "The histogram is 0"),
        ("/explore?step=event:A&step=event:B&gap=never", "never"),
        ("/explore?step=event:A&step=event:B&zone=Mars/Base", "Mars/Base"),
        ("/explore/retention?start=event:A&return=event:B&mode=bracket", "racket"),
        ("/explore/retention?start=event:A&return=event:B&brackets=x-1&mode=bracket", "racket"),
        ("/explore/attribution?touches=event:A&goal=event:B&weights=1,x", "weights"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_told_beside_it(client: httpx.Client, address: str, beside: str) -> None:
    page = client.get(address)
    assert 400 <= page.status_code < 500
    assert beside in unescape(page.text)
    assert '<form id="ask"' in page.text


def test_hostile_options_are_no_failures(client: httpx.Client) -> None:
    deep = "[" * 3000
    for query in (
        {"within": deep}, {"histogram": deep}, {"bucket": "NaN"}, {"customers": '{"did": 5}'}, {"breakdown": "null"},
        {"exclude": "json:[", "exclude.from": "x"}, {"against": "json:" + deep}, {"quantiles": "Infinity"},
        {"step.0.within": '{"sessions": 1e99}'}, {"hold": ",,," * 900}, {"breakdown_step": "99"},
        {"exclude": "event:A", "exclude.from": "99999999999999999999"}, {"attempts": "{}"}, {"zone": "[1]"},
    ):  # fmt: skip
        for ending in ("", ".json", ".csv"):
            params = [("step", "event:A"), ("step", "event:B"), *query.items()]
            assert client.get(f"/explore{ending}", params=params).status_code < 500, query
