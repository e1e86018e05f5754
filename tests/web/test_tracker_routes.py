"""The scripts for pages of the shop: open, small, kept by browsers, and loadable from any site."""

from __future__ import annotations

import gzip
from typing import Any

import httpx
import pytest

from periplus.web.tracker_routes import SCRIPTS


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_goes_to_any_site(site: Any, name: str) -> None:
    with site.stranger() as stranger:
        found = stranger.get(f"/{name}", headers={"Origin": "https://shop.example"})
        assert found.status_code == 200
        assert found.headers["content-type"] == "text/javascript; charset=utf-8"
        assert found.headers["cross-origin-resource-policy"] == "cross-origin"
        assert found.headers["access-control-allow-origin"] == "*"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in found.headers
        assert found.text == stranger.get(f"/static/{name}").text
        head = stranger.head(f"/{name}")
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", found.headers["etag"])


def test_our_own_pages_stay_closed_to_other_sites(site: Any) -> None:
    with site.stranger() as stranger:
        assert stranger.get("/sign-in").headers["cross-origin-resource-policy"] == "same-origin"


def test_it_is_sent_packed_and_only_once(site: Any) -> None:
    with httpx.Client(base_url=site.base, verify=False) as client:
        plain = client.get("/periplus.js", headers={"Accept-Encoding": "identity"})
        assert "content-encoding" not in plain.headers
        with client.stream("GET", "/periplus.js", headers={"Accept-Encoding": "br, gzip"}) as packed:
            assert packed.headers["content-encoding"] == "gzip"
            assert gzip.decompress(b"".join(packed.iter_raw())) == plain.content
        tag = plain.headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = client.get("/periplus.js", headers={"If-None-Match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == tag
        assert client.get("/periplus.js", headers={"If-None-Match": '"other"'}).status_code == 200
        assert "max-age=" in plain.headers["cache-control"]
