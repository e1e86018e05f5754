"""Nobody sees anything without signing in, a link works once, and forms come only from our own pages."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.routing import Mount

from periplus.web import auth
from periplus.web.app import sign_in_link


def addresses(app: Any) -> list[tuple[str, str]]:
    """(method, path) of every route of an application, with something in each place of its path."""
    found = []
    for route in app.routes:
        if isinstance(route, Mount):
            continue
        path = str(route.path)
        for name in ("id", "step", "source", "target", "customer", "draft", "batch"):
            path = path.replace("{" + name + "}", "shop")
        found += [(method, path) for method in sorted(route.methods or {"GET"}) if method != "HEAD"]
    return found


def test_every_route_is_closed_to_strangers(site: Any) -> None:
    walked = addresses(site.app)
    assert ("GET", "/map/shop") in walked
    assert ("POST", "/api/ask") in walked
    assert len(walked) > 25
    with site.stranger() as stranger:
        for method, path in walked:
            response = stranger.request(method, path)
            if path in ("/healthz", "/sign-in", "/periplus.js", "/periplus-experience.js"):
                continue
            redirected = response.status_code == 303 and response.headers["location"] == "/sign-in"
            assert redirected or response.status_code == 401, (method, path, response.status_code)
            assert "shopper-" not in response.text


def test_what_is_open_shows_nothing_of_the_shop(site: Any) -> None:
    with site.stranger() as stranger:
        assert stranger.get("/healthz").text == "ok\n"
        page = stranger.get("/sign-in")
        assert page.status_code == 401
        assert "shopper-" not in page.text
        assert stranger.get("/static/periplus.css").status_code == 200
        assert stranger.get("/static/../app.py").status_code in (303, 401, 404)
        assert stranger.get("/nothing-here").status_code == 303
        assert stranger.get("/nothing-here.json").status_code == 401


def test_a_link_signs_in_once(site: Any) -> None:
    link = sign_in_link(site.app, site.base)
    with site.stranger() as first, site.stranger() as second:
        assert first.get(link).status_code == 303
        cookie = first.cookies[auth.COOKIE]
        assert first.get("/map/shop").status_code == 200
        assert second.get(link).status_code == 401
        assert second.get("/map/shop").status_code == 303
        second.cookies.set(auth.COOKIE, cookie[:-1] + ("A" if cookie[-1] != "A" else "B"))
        assert second.get("/map/shop").status_code == 303


def test_the_cookie_is_for_the_server_alone(site: Any) -> None:
    with site.stranger() as stranger:
        header = stranger.get(sign_in_link(site.app, site.base)).headers["set-cookie"].lower()
    assert "httponly" in header
    assert "samesite=lax" in header


def test_signing_out_ends_the_session_on_the_server(site: Any) -> None:
    with site.signed_in() as client:
        cookie = client.cookies[auth.COOKIE]
        client.post("/sign-out", data={"csrf": site.csrf(client)})
        client.cookies.set(auth.COOKIE, cookie)
        assert client.get("/map/shop.json").status_code == 401


def test_a_link_gets_too_old(site: Any) -> None:
    door = auth.Door(site.ws.state)
    secret = site.ws.state.issue("sign-in", "link", seconds=-1)
    assert door.admit(secret) is None
    assert door.admit("never given out") is None


def test_a_new_link_is_only_announced_on_the_server(site: Any) -> None:
    site.app.state.site.door._last_link = 0
    site.announced.clear()
    with site.stranger() as stranger:
        page = stranger.post("/sign-in")
        again = stranger.post("/sign-in")
    assert page.status_code == again.status_code == 200
    assert "token=" not in page.text
    assert len(site.announced) == 1
    with site.stranger() as stranger:
        assert stranger.get(site.announced[0].removeprefix("Sign in: ")).status_code == 303


def test_tokens_open_the_api_and_nothing_else(site: Any) -> None:
    token = site.ws.add_token("notebook")
    headers = {"Authorization": f"Bearer {token}"}
    with site.stranger() as stranger:
        assert stranger.get("/api/maps", headers=headers).status_code == 200
        assert stranger.get("/api/maps", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert stranger.get("/api/maps", headers={"Authorization": token}).status_code == 401
        assert stranger.get("/map/shop.json", headers=headers).status_code == 401


@pytest.mark.parametrize("path", ["/sign-out", "/theme", "/import"])
def test_a_form_needs_its_token(client: httpx.Client, path: str) -> None:
    assert client.post(path, data={"theme": "dark"}).status_code == 403
    assert client.post(path, data={"csrf": "0" * 64}).status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_other_sites_cannot_post(site: Any, client: httpx.Client, origin: str) -> None:
    csrf = site.csrf(client)
    assert client.post("/theme", data={"csrf": csrf}, headers={"Origin": origin}).status_code == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/ask", json={"kind": "map", "map": "shop"}, headers=cross).status_code == 403
    assert client.post("/theme", data={"csrf": csrf}, headers={"Origin": site.base}).status_code == 200


def test_security_headers_stand_on_everything(site: Any, client: httpx.Client) -> None:
    with site.stranger() as stranger:
        responses = [
            client.get("/map/shop"),
            client.get("/nope"),
            stranger.get("/map/shop"),
            client.get("/healthz"),
        ]
    for response in responses:
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "same-origin"


def test_no_page_has_inline_scripts_or_styles(client: httpx.Client) -> None:
    for path in (
        "/map/shop",
        "/map/shop/step/product",
        "/explore",
        "/explore/flow",
        *(f"/explore/{kind}" for kind in ("retention", "trend", "timing", "attribution", "drivers", "site")),
        "/people",
        "/import",
        "/nope",
    ):
        html = client.get(path).text
        assert " style=" not in html, path
        assert "<script>" not in html, path
        assert " onclick" not in html, path
