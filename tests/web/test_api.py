"""The API answers as the workspace does; what it cannot use it refuses in plain words, never with a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

MAP = {"kind": "map", "map": "shop"}
FUNNEL = {
    "kind": "funnel",
    "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}],
    "within": "7d",
}


def without_seconds(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "seconds"}


@pytest.mark.parametrize("question", [MAP, FUNNEL, {"kind": "flow", "map": "shop"}])
def test_ask_is_the_workspace_s_answer(site: Any, client: httpx.Client, question: dict[str, Any]) -> None:
    response = client.post("/api/ask", json=question)
    assert response.status_code == 200
    assert without_seconds(response.json()) == without_seconds(site.ws.ask(question).to_dict())


def test_people_are_as_many_as_the_number_says(site: Any, client: httpx.Client) -> None:
    stopped = next(row for row in site.ws.ask(MAP).rows if row["step"] == "product")["stopped"]
    body = {"question": MAP, "row": {"step": "product"}, "field": "stopped"}
    people = client.post("/api/people", json=body).json()
    assert len(people) == stopped > 0
    assert people == site.ws.people(MAP, {"step": "product"}, "stopped")


def test_maps_are_listed(site: Any, client: httpx.Client) -> None:
    assert client.get("/api/maps").json() == site.ws.maps()
    assert client.get("/api/suggest?what=event&limit=3").json() == site.ws.suggest("event", limit=3)
    assert client.get("/api/suggest?what=evnt").status_code == 400


def test_an_error_names_the_nearest_word(client: httpx.Client) -> None:
    response = client.post("/api/ask", json={**FUNNEL, "wihtin": "7d"})
    assert response.status_code == 400
    told = response.json()
    assert set(told) == {"code", "message", "hint", "allowed"}
    assert "within" in told["hint"]
    assert client.post("/api/ask", json={"kind": "map", "map": "shpo"}).status_code == 404


HOSTILE = [
    b"",
    b"nonsense",
    b"[]",
    b"null",
    b'"funnel"',
    b"{" * 100_000,
    b"[" * 100_000 + b"]" * 100_000,
    b'{"kind": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b'{"kind": "map", "map": NaN}',
    b'{"kind": "map", "map": Infinity}',
    b'{"kind": "map", "map": "shop", "now": 1e999}',
    b'{"kind": "map", "map": "shop", "now": ' + b"9" * 6_000 + b"}",
    b'{"kind": "map", "map": "\\ud800"}',
    b'{"kind": "map", "map": "\\u0000"}',
    b"\xff\xfe\x00",
    b'{"kind": "map", "map": "' + b"a" * 1_000_000 + b'"}',
    b'{"kind": null}',
    b'{"kind": ["map"], "map": "shop"}',
    b'{"kind": {"a": 1}}',
    b'{"kind": "map"}',
    b'{"kind": "map", "map": 7}',
    b'{"kind": "map", "map": {"name": 1}}',
    b'{"kind": "map", "map": "shop", "period": 5}',
    b'{"kind": "map", "map": "shop", "period": {"from": {"a": 1}}}',
    b'{"kind": "map", "map": "shop", "period": {"from": "0000-99-99"}}',
    b'{"kind": "map", "map": "shop", "now": true}',
    b'{"kind": "funnel", "steps": 3}',
    b'{"kind": "funnel", "steps": []}',
    b'{"kind": "funnel", "steps": [null]}',
    b'{"kind": "funnel", "steps": [{"event": 5}, {"event": ["a", 1]}]}',
    b'{"kind": "funnel", "steps": [{"event": "a", "where": {"x": {"matches": "("}}}]}',
    b'{"kind": "funnel", "steps": [{"step": "product"}], "map": "shop", "unit": "lightyears"}',
    b'{"kind": "funnel", "steps": [{"event": "a"}, {"event": "b"}], "within": "999999999w"}',
    b'{"kind": "funnel", "steps": [{"event": "a"}], "breakdown": {"x": 1}}',
    b'{"kind": "funnel", "steps": [{"event": "a"}], "breakdown": "\\"; DROP TABLE events; --"}',
    b'{"kind": "flow", "map": "shop", "top": -1}',
    b'{"kind": "flow", "map": "shop", "top": 1.5}',
    b'{"kind": "flow", "map": "shop", "from": "nowhere"}',
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_questions_are_refused(client: httpx.Client, number: int) -> None:
    headers = {"Content-Type": "application/json"}
    for path in ("/api/ask", "/api/people"):
        response = client.post(path, content=HOSTILE[number], headers=headers)
        assert response.status_code < 500, (path, response.text[:300])
        assert response.status_code == 200 or set(response.json()) == {"code", "message", "hint", "allowed"}
        assert len(response.content) < 20_000 or response.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"question": FUNNEL, "row": {"step": 99}, "field": "reached"},
        {"question": FUNNEL, "row": {"step": "x"}, "field": "reached"},
        {"question": FUNNEL, "row": {"step": [1]}, "field": "reached"},
        {"question": FUNNEL, "row": {}, "field": "reached"},
        {"question": FUNNEL, "row": {"step": 0}, "field": "raeched"},
        {"question": FUNNEL, "row": {"step": 0, "surprise": 1}, "field": "reached"},
        {"question": MAP, "row": {"step": {"a": 1}}, "field": "visits"},
        {"question": MAP, "row": 5, "field": "visits"},
        {"question": MAP, "field": 7},
    ],
)
def test_hostile_rows_are_refused(client: httpx.Client, body: dict[str, Any]) -> None:
    response = client.post("/api/people", json=body)
    assert 400 <= response.status_code < 500, response.text[:300]


def test_too_much_is_refused_with_a_plain_message(client: httpx.Client) -> None:
    response = client.post("/api/ask", content=b" " * 3_000_000, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert response.json()["code"] == "too_large"


def test_too_much_without_saying_so_is_refused_too(client: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(40):
            yield b" " * 100_000

    headers = {"Content-Type": "application/json"}
    try:
        response = client.post("/api/ask", content=endless(), headers=headers)
    except httpx.HTTPError:
        # The server may close before all of it is sent; it is not to wait for the rest.
        return
    assert response.status_code == 413


def test_only_json_is_read_of_a_browser(client: httpx.Client) -> None:
    response = client.post("/api/ask", content=json.dumps(MAP), headers={"Content-Type": "text/plain"})
    assert response.status_code == 400
    assert response.json()["code"] == "content_type"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_program_may_call_its_json_what_it_likes(site: Any, kind: str | None) -> None:
    headers = {"Authorization": f"Bearer {site.ws.add_token('plain')}"}
    if kind is not None:
        headers["Content-Type"] = kind
    with site.stranger() as stranger:
        response = stranger.post("/api/ask", content=json.dumps(MAP), headers=headers)
        assert response.status_code == 200
        assert response.json()["kind"] == "map"
        assert stranger.post("/api/ask", content="kind=map", headers=headers).json()["code"] == "json"


def test_a_misspelt_key_of_the_people_asked_for_is_named(client: httpx.Client) -> None:
    body = {"question": MAP, "row": {}, "feild": "journeys"}
    response = client.post("/api/people", json=body)
    assert response.status_code == 400
    assert response.json()["hint"] == "Did you mean 'field'?"


@pytest.mark.parametrize(
    "path",
    [
        "/map/%00",
        "/map/shop/step/%F0%9F%92%A9",
        "/map/shop/step/" + "x" * 5000,
        "/map/shop?from=yesterday",
        "/map/shop?now=" + "9" * 50,
        "/map/shop?from=2026-02-01&to=2026-01-01",
        "/map/shop/flow/(start)/nowhere",
        "/explore?question=%7B",
        "/explore?question=[]",
        "/explore?question=%7B%22kind%22:%22map%22%7D",
        "/explore?question=%7B%22kind%22:%22funnel%22,%22steps%22:5%7D",
        "/explore?question=%7B%22kind%22:%22funnel%22,%22steps%22:[5,null,%22x%22]%7D",
        "/explore?step=json:%7B%22x%22:1%7D",
        "/explore?step=json:nope",
        "/explore?step=step:nowhere&step=step:order&unit=journeys:shop",
        "/explore?step=step:product&step=step:order&unit=journeys:elsewhere",
        "/explore?step=event:A&step=event:B&within=forever",
        "/explore?step=event:A&drop=99999999999&add=x",
        "/explore?extra=5&step=event:A",
        "/explore.csv?question=%7B",
        "/explore/flow?map=nowhere",
        "/people?question=nope&field=reached",
        "/people?question=%7B%22kind%22:%22map%22,%22map%22:%22shop%22%7D&row=5&field=visits",
        "/people?question=%7B%22kind%22:%22map%22,%22map%22:%22shop%22%7D",
        "/people?search=%25%27%22%00&offset=-5",
        "/people?offset=99999999999999999999",
        "/people.csv",
        "/people/0000000000000000",
        "/people/%00",
        "/people/" + "a" * 3000,
        "/import/drafts/nope",
        "/import/batches/nope",
        "/import/batches/99999",
        "/import/batches/99999/rejected.csv",
    ],
)
def test_hostile_addresses_never_break_a_page(client: httpx.Client, path: str) -> None:
    target, _mark, query = path.partition("?")
    twins = [path] if ".csv" in path else [path, f"{target}.json" + (f"?{query}" if query else "")]
    for address in twins:
        response = client.get(address)
        assert response.status_code < 500, (address[:200], response.text[:300])
