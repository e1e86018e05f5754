"""Every row of the table of channels, what wins over what, and messages as odd as they come."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from periplus.collect.channel import PASSING, TABLE, Arrival, channel, named, of_host, table

SHOP = "https://www.shop.example/p/1"


def landing(url: str = SHOP, referrer: str = "", **campaign: str) -> dict[str, Any]:
    context: dict[str, Any] = {"page": {"url": url, "referrer": referrer}}
    if campaign:
        context["campaign"] = campaign
    return {"type": "page", "context": context}


def later(**said: Any) -> dict[str, Any]:
    """An event in the middle of a session, as our tracker sends it."""
    return {
        "type": "track",
        "event": "Product Added",
        "context": {"page": {"url": SHOP, "referrer": SHOP}, "arrival": said},
    }


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (landing(medium="cpc", source="google"), "paid search"),
        (landing(medium="CPC", source="www.bing.com"), "paid search"),
        (landing(medium="cpc", source="facebook"), "paid social"),
        (landing(medium="paid", source="youtube.com"), "paid video"),
        (landing(medium="cpc", source="a-partner"), "paid"),
        (landing(SHOP + "?gclid=x", medium="cpc", source="a-partner"), "paid search"),
        (landing(medium="paid-social", source="ig"), "paid social"),
        (landing(medium="Paid_Search"), "paid search"),
        (landing(medium="banner", source="facebook"), "display"),
        (landing(medium="email", referrer="https://www.google.com/"), "email"),
        (landing(SHOP + "?gclid=x", medium="e-mail"), "email"),
        (landing(source="newsletter"), "email"),
        (landing(source="instagram", medium="story"), "social"),
        (landing(source="google", medium="what"), "organic search"),
        (landing(medium="qr", source="brochure"), "other"),
        (landing(name="spring"), "other"),
        (landing(medium="(none)", source="(direct)"), "direct"),
        (landing(medium="whatsapp"), "sms"),
        (landing(SHOP + "?gclid=abc"), "paid search"),
        (landing(SHOP + "?a=1&msclkid=abc#x"), "paid search"),
        (landing(SHOP + "?ttclid=abc"), "paid social"),
        (landing(SHOP + "?fbclid=abc", referrer="https://l.facebook.com/"), "social"),
        (landing(SHOP + "?utm_medium=affiliate&utm_source=blog"), "affiliate"),
        (landing(SHOP + "?utm_source=newsletter&utm_medium="), "email"),
        (landing(referrer="https://www.google.gr/"), "organic search"),
        (landing(referrer="https://www.google.co.uk/search?q=x"), "organic search"),
        (landing(referrer="android-app://com.google.android.googlequicksearchbox/"), "organic search"),
        (landing(referrer="android-app://com.google.android.gm/"), "email"),
        (landing(referrer="https://mail.google.com/"), "email"),
        (landing(referrer="https://docs.google.com/document"), "referral"),
        (landing(referrer="https://google.example.org/"), "referral"),
        (landing(referrer="https://notgoogle.com/"), "referral"),
        (landing(referrer="https://t.co/abc"), "social"),
        (landing(referrer="https://m.youtube.com/watch"), "video"),
        (landing(referrer="https://chatgpt.com/"), "assistant"),
        (landing(referrer="https://gemini.google.com/app"), "assistant"),
        (landing(referrer="https://forum.homeware.example/t/1"), "referral"),
        (landing(), "direct"),
        (landing(referrer="https://shop.example/"), None),
        (landing(referrer="https://checkout.shop.example/"), None),
        (landing(referrer="https://www.paypal.com/checkout"), None),
        (landing(referrer="https://accounts.google.com/"), None),
        ({"type": "track", "event": "Order Completed", "userId": "u"}, None),
        ({"type": "track", "event": "Order Completed", "context": {"page": {"url": SHOP}}}, None),
        (later(), "direct"),
        (later(referrer="https://www.google.com/"), "organic search"),
        (later(click="gclid", referrer="https://www.google.com/"), "paid search"),
        (later(campaign={"medium": "email", "source": "shop"}), "email"),
        (later(campaign={"medium": "x"}), "other"),
        (later(referrer="https://slow-wardrobe.example/"), "referral"),
        (later(referrer="https://www.paypal.com/"), "direct"),
    ],
)  # fmt: skip
def test_what_brought_it(message: dict[str, Any], wanted: str | None) -> None:
    before = copy.deepcopy(message)
    assert channel(message).get("channel") == wanted
    assert message == before


def test_of_two_of_a_parameter_the_first_counts() -> None:
    message = landing(SHOP + "?utm_medium=email&utm_medium=cpc")
    assert channel(message)["channel"] == "email"


def test_what_the_client_said_stays() -> None:
    said = {**landing(medium="cpc", source="google"), "channel": "pos"}
    assert channel(said) is said


def test_each_word_of_the_table_leads_to_its_channel() -> None:
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    for wanted, words in rows["mediums"].items():
        for word in (wanted, *words):
            assert named(Arrival(medium=word, campaign=True)) == wanted
    for wanted, clicks in rows["clicks"].items():
        for click in clicks:
            assert named(Arrival(click=click)) == wanted
    for group in ("sources", "names"):
        for wanted, words in rows[group].items():
            for word in words:
                assert named(Arrival(source=word, campaign=True)) == wanted
    for wanted, hosts in rows["hosts"].items():
        for host in hosts:
            assert of_host(host.replace(".*", ".com")) == wanted
            assert of_host("a." + host.replace(".*", ".com.tw")) == wanted
            arrived = named(Arrival(referrer=f"www.{host.replace('.*', '.com')}"))
            assert arrived == (None if wanted == PASSING else wanted)


def test_no_word_stands_in_two_rows() -> None:
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    for group in ("mediums", "clicks", "hosts"):
        words = [word for listed in rows[group].values() for word in listed]
        words += list(rows[group]) if group == "mediums" else []
        assert len(words) == len(set(words)), group
    words = [word for group in ("sources", "names") for listed in rows[group].values() for word in listed]
    assert len(words) == len(set(words))
    for word in (*rows["paid"]["mediums"], *table().mediums):
        assert not set(word) & set("-_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert not set(rows["paid"]["mediums"]) & set(table().mediums)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["page", "campaign", "arrival", "referrer", "url", "search", "medium", "source", "type", "click"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, phases=[Phase.explicit, Phase.generate], deadline=None)
@given(context=anything, kind=anything, said=anything)
def test_nothing_odd_raises(context: Any, kind: Any, said: Any) -> None:
    found = channel({"type": kind, "context": context, "channel": said})
    if said in (None, ""):
        assert found.get("channel") in {*table().channels, None, ""}
    else:
        assert found["channel"] is said


@pytest.mark.parametrize(
    "address",
    [
        "http://[::1",
        "https://",
        "//",
        "?" + "a=1&" * 5000,
        "https://shop.example/?%ff%00",
        "javascript:1",
        "x" * 100_000,
    ],
)
def test_addresses_that_are_none(address: str) -> None:
    assert channel(landing(address, referrer=address))["type"] == "page"
