"""The collector as clients meet it: uvicorn on loopback, headers, bodies in pieces, nonsense, a graceful stop."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import periplus
from periplus.collect.wire import DIALECTS
from tests.collect.collector.conftest import basic, track
from tests.collect.collector.served import Served, made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    path = tmp_path_factory.mktemp("served") / "ws"
    key = made(path)
    served = Served(path)
    yield served, key
    if served.process.poll() is None:
        served.kill()


def test_a_page_of_any_site_may_send(server: tuple[Served, str]) -> None:
    served, key = server
    origin = {"origin": "https://shop.example"}
    asked = {
        **origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    with httpx.Client(base_url=served.url, timeout=60, verify=False) as client:
        before = client.options("/v1/t", headers=asked)
        assert before.status_code == 204
        assert before.headers["access-control-allow-origin"] == "https://shop.example"
        assert before.headers["access-control-allow-headers"] == "authorization"
        assert "POST" in before.headers["access-control-allow-methods"]
        sent = client.post("/v1/t", json={**track("cors"), "writeKey": key}, headers=origin)
        assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (
            200,
            "https://shop.example",
        )
        assert "set-cookie" not in sent.headers
        refused = client.post("/v1/t", json=track("cors"), headers=origin)
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (
            401,
            "https://shop.example",
        )


def test_the_pages_are_as_they_were(server: tuple[Served, str]) -> None:
    served, _ = server
    with httpx.Client(base_url=served.url, timeout=60, verify=False) as client:
        assert client.get("/import").status_code == 303, "the page, not the dialect of that path"
        assert client.post("/import", files={"file": b"x"}).status_code in (401, 403)
        assert client.get("/healthz").text == "ok\n"
        assert client.post("/v1/batch/x", json={}).json()["code"] == "no_such_path"


def test_bodies_in_pieces_and_too_large_ones(server: tuple[Served, str]) -> None:
    served, key = server
    body = json.dumps({"batch": [track("pieces")]}).encode()
    headers = {"authorization": basic(key)}
    with httpx.Client(base_url=served.url, timeout=60, verify=False) as client:
        pieces = (body[place : place + 7] for place in range(0, len(body), 7))
        assert client.post("/v1/batch", content=pieces, headers=headers).status_code == 200
        announced = client.post("/v1/batch", content=b"x" * (6 << 20), headers=headers)
        assert announced.status_code == 413
        assert announced.json()["code"] == "too_large"


def test_a_client_that_leaves_in_the_middle_harms_nobody(server: tuple[Served, str]) -> None:
    served, key = server
    parts = urlsplit(served.url)
    for _ in range(5):
        with socket.create_connection((parts.hostname or "", parts.port or 0)) as raw:
            raw.sendall(b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
    with httpx.Client(base_url=served.url, timeout=60, verify=False) as client:
        sent = client.post(
            "/v1/batch", json={"batch": [track("after")]}, headers={"authorization": basic(key)}
        )
        assert sent.status_code == 200


def test_nonsense_is_never_our_mistake(server: tuple[Served, str]) -> None:
    served, key = server
    chance = random.Random(7)
    routes = [route for name in DIALECTS for route in DIALECTS[name].routes]
    whole = json.dumps(
        {"batch": [track("n", timestamp="2026-07-01")], "api_key": key, "writeKey": key}
    ).encode()
    statuses: dict[int, int] = {}
    with httpx.Client(base_url=served.url, timeout=60, verify=False) as client:
        for _ in range(600):
            method, path = chance.choice(routes)
            raw = bytearray(whole if chance.random() < 0.7 else chance.randbytes(chance.randrange(60)))
            for _ in range(chance.randrange(6)):
                if raw:
                    raw[chance.randrange(len(raw))] = chance.choice(b'{}[]",:0\x00\xff\xe2n')
            headers = {"authorization": basic(key)} if chance.random() < 0.8 else {}
            if chance.random() < 0.2:
                headers["content-encoding"] = chance.choice(["gzip", "br", "zstd", "x" * 100])
            query = "".join(chance.choice("ab=&%+_kpn0\u00e9") for _ in range(chance.randrange(12)))
            reply = client.request(
                method, f"{path.replace('*', 'web')}?{query}", content=bytes(raw), headers=headers
            )
            statuses[reply.status_code] = statuses.get(reply.status_code, 0) + 1
    assert {status for status in statuses if status >= 500} == set(), served.log.read_text()
    assert {200, 400, 401} <= set(statuses)


def test_stopped_it_brings_in_what_it_has(server: tuple[Served, str]) -> None:
    served, key = server
    headers = {"authorization": basic(key)}
    with httpx.Client(base_url=served.url, timeout=60, verify=False) as client:
        assert client.post("/v1/batch", json={"batch": [track("last")]}, headers=headers).status_code == 200
    assert served.stop() == 0
    assert list((served.workspace / "inbox").iterdir()) == []
    with periplus.open(served.workspace) as ws:
        out: Path = served.workspace.parent / "out.jsonl"
        ws.export(out)
        ids = {json.loads(line)["messageId"] for line in out.read_text().splitlines()}
        assert {"cors", "pieces", "after", "last"} <= ids
        assert ws.snapshot().live
        for row in ws.ledger_counts():
            outcomes = ("accepted", "duplicate", "rejected", "withheld")
            assert row["received"] == sum(row[outcome] for outcome in outcomes)
        assert sum(row["accepted"] for row in ws.ledger_counts()) == len(out.read_text().splitlines())
