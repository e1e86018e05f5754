"""Bots by their user agents, rules by everything they know, and what the door leaves in a message."""

from __future__ import annotations

from typing import Any

import pytest

from periplus.collect.bots import is_bot
from periplus.collect.marks import TrafficRules, freeze, judge, mark
from periplus.errors import DocumentError

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
BOTS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) Chrome/131 Mobile Safari/537.36 (compatible; GoogleOther)",
    BROWSER.replace("Chrome/", "HeadlessChrome/"),
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
    "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
    BROWSER + " PTST/240101",
    "Mozilla/5.0 (compatible; SomethingNew/1.0; +https://example.com/about)",
    "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)",
    "WhatsApp/2.23.20.0",
]
PEOPLE = [
    "",
    BROWSER,
    "Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 330.0",
    "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.1; Trident/6.0)",
    "Mozilla/5.0+(Windows+NT+10.0;+Win64;+x64)+AppleWebKit/537.36+(KHTML,+like+Gecko)+Chrome/120.0.0.0+Safari/537.36",
    "Dalvik/2.1.0 (Linux; U; Android 12; Pixel 6)",
    "ShopApp/4.2 CFNetwork/1410 Darwin/22.6.0",
    "okhttp/4.9.0",
    "python-requests/2.31.0",
    "curl/8.5.0",
    "node-fetch/1.0 (+https://github.com/bitinn/node-fetch)",
    "analytics-python/2.2.0",
]


@pytest.mark.parametrize("agent", BOTS)
def test_programs_that_visit_pages_are_bots(agent: str) -> None:
    assert is_bot(agent)


@pytest.mark.parametrize("agent", PEOPLE)
def test_browsers_apps_and_libraries_are_not(agent: str) -> None:
    assert not is_bot(agent)


def test_a_long_or_odd_user_agent_is_read_quickly() -> None:
    assert not is_bot("a" * 100_000)
    assert not is_bot("\ud800 \x00" + "@" * 5000)


RULES = TrafficRules.parse(
    {
        "addresses": ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7"],
        "user_agents": ["^shopprobe/", "Kiosk"],
        "staff": [" u1 "],
        "emails": ["Shop.example", "ann@other.example"],
    }
)


EVENTS: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"context": "text"}, None),
    ({"context": {"bot": True}}, "says so"),
    ({"context": {"internal": "true"}}, "says so"),
    ({"context": {"internal": False, "bot": 0}}, None),
    ({"context": {"userAgent": BOTS[0]}}, "bot"),
    ({"context": {"userAgent": "ShopProbe/2"}}, "user agent"),
    ({"context": {"userAgent": "A kiosk"}}, "user agent"),
    ({"context": {"userAgent": "x ShopProbe/2"}}, None),
    ({"context": {"ip": "192.0.2.9"}}, "address"),
    ({"context": {"ip": "192.0.3.9"}}, None),
    ({"context": {"ip": "2001:db8:1::9"}}, "address"),
    ({"context": {"ip": "::ffff:192.0.2.9"}}, "address"),
    ({"context": {"ip": "198.51.100.7"}}, "address"),
    ({"context": {"ip": "198.51.100.8"}}, None),
    ({"context": {"ip": "no address"}}, None),
    ({"context": {"network": "192.0.2.0/28"}}, "address"),
    ({"context": {"network": "192.0.0.0/16"}}, None),
    ({"userId": "u1"}, "staff"),
    ({"userId": "u11"}, None),
    ({"email": "Bob@SHOP.example"}, "e-mail"),
    ({"email": "bob@eu.shop.example"}, "e-mail"),
    ({"email": "bob@myshop.example"}, None),
    ({"email": "ann@other.example"}, "e-mail"),
    ({"email": "bob@other.example"}, None),
]


@pytest.mark.parametrize(("event", "reason"), EVENTS)
def test_the_reason_of_an_event(event: dict[str, Any], reason: str | None) -> None:
    assert judge(RULES).reason(event) == reason


def test_without_rules_only_bots_and_what_says_so_are_left_out() -> None:
    usual = judge(TrafficRules())
    assert usual.reason({"context": {"userAgent": BOTS[0]}}) == "bot"
    assert usual.reason({"userId": "u1", "context": {"ip": "192.0.2.1"}}) is None
    nothing = judge(TrafficRules.parse("{bots: false, marks: false}"))
    assert nothing.reason({"context": {"userAgent": BOTS[0], "bot": True}}) is None


def test_the_door_leaves_the_network_of_the_rules_and_no_address() -> None:
    message: dict[str, Any] = {"context": {"page": {"path": "/"}}}
    mark(message, RULES, "192.0.2.77")
    assert message == {"context": {"page": {"path": "/"}, "network": "192.0.2.0/24"}}
    assert judge(RULES).reason(message) == "address"
    for address in (None, "203.0.113.5", "unknown", ""):
        plain: dict[str, Any] = {"type": "page"}
        mark(plain, RULES, address)
        assert plain == {"type": "page"}
    odd: dict[str, Any] = {"context": [1]}
    mark(odd, RULES, "192.0.2.77")
    assert odd == {"context": [1]}


def test_a_message_that_loses_what_rules_go_by_says_so_itself() -> None:
    message: dict[str, Any] = {"context": {"userAgent": BOTS[0]}}
    freeze(message, RULES)
    assert message["context"]["bot"] is True
    staff: dict[str, Any] = {"userId": "u1"}
    freeze(staff, RULES)
    assert staff["context"] == {"internal": True}
    other: dict[str, Any] = {"userId": "u2"}
    freeze(other, RULES)
    assert other == {"userId": "u2"}


def test_rules_are_kept_as_they_are_written() -> None:
    assert TrafficRules.parse(RULES.document()) == RULES
    assert TrafficRules.parse(RULES.yaml()) == RULES
    assert TrafficRules().document() == {}
    with pytest.raises(DocumentError, match="staf"):
        TrafficRules.parse({"staf": ["u1"]})
