"""Devices, systems and browsers of user agents as they are seen today; odd messages pass unharmed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from periplus.collect.enrich import enrich
from periplus.collect.user_agent import DEVICES, agent, user_agent

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
SEEN = [
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "desktop", "Windows", "Chrome"),
    (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/131.0.0.0", "desktop", "Windows", "Edge"),
    (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/18.1 Safari/605.1.15", "desktop", "Mac OS X", "Safari"),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "desktop", "Linux", "Firefox"),
    (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "desktop", "Chrome OS", "Chrome"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {APPLE} Version/18.1 Mobile/15E148 Safari/604.1", "mobile", "iOS", "Mobile Safari"),
    (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {APPLE} Mobile/15E148 Instagram 358.0.0.0", "mobile", "iOS", "Instagram"),
    (f"Mozilla/5.0 (Linux; Android 10; K) {CHROME} Mobile Safari/537.36", "mobile", "Android", "Chrome Mobile"),
    ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "mobile", "Android", "Firefox Mobile"),
    ("Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36", "mobile", "Android", "Samsung Internet"),
    (f"Mozilla/5.0 (Linux; Android 14; SM-X700) {CHROME} Safari/537.36", "tablet", "Android", "Chrome"),
    (f"Mozilla/5.0 (iPad; CPU OS 17_6 like Mac OS X) {APPLE} Version/17.6 Mobile/15E148 Safari/604.1", "tablet", "iOS", "Mobile Safari"),
    ("Mozilla/5.0 (Linux; Android 9; KFMAWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/120.1 like Chrome/120.0 Safari/537.36", "tablet", "Android", "Amazon Silk"),
    ("Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36", "tv", "Tizen", None),
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot", None, "Googlebot"),
    ("Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) AppleWebKit/537.36 Chrome/131.0 Mobile Safari/537.36 (compatible; Googlebot/2.1)", "bot", "Android", "Googlebot"),
    ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "bot", None, "FacebookBot"),
    ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36", "bot", "Linux", "HeadlessChrome"),
    ("okhttp/4.12.0", None, None, "okhttp"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "device", "system", "browser"), SEEN)
def test_seen_today(text: str, device: str | None, system: str | None, browser: str | None) -> None:
    found = agent(text)
    assert (found.device, found.os) == (device, system)
    if browser:
        assert found.browser == browser
    assert found.device is None or found.device in DEVICES


def test_it_is_added_where_absent() -> None:
    message = {"type": "page", "context": {"userAgent": SEEN[5][0], "locale": "el"}}
    before = copy.deepcopy(message)
    assert user_agent(message)["context"] == {
        "userAgent": SEEN[5][0],
        "locale": "el",
        "device": {"type": "mobile"},
        "os": {"name": "iOS", "version": "18.1"},
        "browser": {"name": "Mobile Safari", "version": "18.1"},
    }
    assert message == before


def test_what_the_client_said_stays() -> None:
    said = {"device": {"type": "kiosk", "id": "7"}, "os": {"name": "Own OS"}, "browser": {"version": "3"}}
    context = user_agent({"context": {"userAgent": SEEN[0][0], **said}})["context"]
    assert context["device"] == said["device"]
    assert context["os"] == said["os"]
    assert context["browser"] == {"name": "Chrome", "version": "3"}


@pytest.mark.parametrize("context", [None, [], "x", 3, {}, {"userAgent": None}, {"userAgent": ["x"]}, {"userAgent": ""},
    {"userAgent": "\x00\ud800"}, {"userAgent": "Mozilla/5.0 (" * 20_000}, {"userAgent": SEEN[0][0], "device": 3, "os": [], "browser": "x"},
    {"userAgent": SEEN[0][0], "device": {"type": None}}])  # fmt: skip
def test_odd_messages_pass(context: Any) -> None:
    found = enrich({"type": "track", "event": "X", "context": context})
    assert found["event"] == "X"
    if isinstance(context, dict) and context.get("device") == 3:
        assert found["context"]["device"] == 3
