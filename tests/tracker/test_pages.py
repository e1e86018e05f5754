"""What the tracker says of a page: itself, who came, from where, for how long, and what the page tells it."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.tracker.conftest import Put
from tests.tracker.loopback import Pages, Recorder

pytestmark = pytest.mark.browser


def test_a_page_tells_itself(put: Put, collector: Recorder, tab: Any) -> None:
    address = put("/p/1", title="A cup")
    tab.goto(address + "?size=l#top")
    (page,) = collector.wait("page")
    context = page["context"]
    assert context["page"] == {
        "url": address + "?size=l",
        "path": "/p/1",
        "search": "?size=l",
        "referrer": "",
        "title": "A cup",
    }
    assert context["userAgent"] == tab.evaluate("navigator.userAgent")
    assert (context["locale"], context["timezone"]) == ("en-GB", "Europe/Athens")
    assert context["library"]["name"] == "periplus.js"
    assert context["arrival"] == {}
    assert "consent" not in context
    assert "campaign" not in context
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", page["timestamp"])
    assert len(page["anonymousId"]) >= 20
    assert "userId" not in page


def test_it_asks_no_permission_and_carries_no_cookie(put: Put, collector: Recorder, tab: Any) -> None:
    tab.goto(put("/"))
    collector.wait("page")
    (request,) = collector.received
    assert request.headers["content-type"].startswith("text/plain")
    assert '"writeKey":"test-key"' in request.body
    assert "cookie" not in request.headers
    assert collector.asked_permission == 0


def test_the_calls(put: Put, collector: Recorder, tab: Any) -> None:
    tab.goto(put("/", page="off"))
    tab.evaluate("""() => {
        periplus("page", "Cup", {stock: 3});
        periplus("page", {stock: 4});
        periplus("track", "Product Viewed", {product_id: "p-1", price: 39.5});
        periplus("identify", {language: "el"});
        periplus("identify", 17, {email: "anna@mail.example"});
        periplus("group", "circle", {tier: "gold"});
        periplus("alias", "new-17", "17");
        periplus("track", "Live Chat Started");
    }""")
    collector.wait("Live Chat Started")
    found = [
        {k: v for k, v in m.items() if k not in ("messageId", "timestamp", "context", "anonymousId")}
        for m in collector.accepted
    ]
    assert found == [
        {"type": "page", "name": "Cup", "properties": {"stock": 3}},
        {"type": "page", "properties": {"stock": 4}},
        {"type": "track", "event": "Product Viewed", "properties": {"product_id": "p-1", "price": 39.5}},
        {"type": "identify", "traits": {"language": "el"}},
        {"type": "identify", "userId": "17", "traits": {"email": "anna@mail.example"}},
        {"type": "group", "userId": "17", "groupId": "circle", "traits": {"tier": "gold"}},
        {"type": "alias", "userId": "new-17", "previousId": "17"},
        {"type": "track", "userId": "new-17", "event": "Live Chat Started"},
    ]  # fmt: skip
    assert len({m["anonymousId"] for m in collector.accepted}) == 1
    order = [m["messageId"] for m in collector.accepted]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("word", "event"),
    [
        ("list", "Product List Viewed"), ("search", "Products Searched"), ("promotion", "Promotion Clicked"),
        ("product", "Product Viewed"), ("wish", "Product Added to Wishlist"), ("add", "Product Added"),
        ("remove", "Product Removed"), ("cart", "Cart Viewed"), ("coupon", "Coupon Applied"),
        ("checkout", "Checkout Started"), ("payment", "Payment Info Entered"), ("order", "Order Completed"),
        ("review", "Product Reviewed"),
    ],
)  # fmt: skip
def test_the_words_of_a_shop_are_steps_of_the_template_map(
    word: str, event: str, put: Put, collector: Recorder, tab: Any
) -> None:
    from periplus.maps.template import SHOP_YAML

    tab.goto(put("/", page="off"))
    tab.evaluate("word => periplus(word, {n: 1})", word)
    (found,) = collector.wait(event)
    assert found["properties"] == {"n": 1}
    assert event in SHOP_YAML


def test_calls_made_before_the_script_is_there(shop: Pages, collector: Recorder, tab: Any) -> None:
    tab.goto(
        shop.add(
            "/",
            """<!doctype html><script>
            window.periplus = window.periplus || function () { (periplus.q = periplus.q || []).push(arguments); };
            periplus("init", {key: "stub-key", page: "off"});
            periplus("identify", "u-1");
            periplus("product", {product_id: "p-1"});
            </script>"""
            f'<script async src="{collector.base}/periplus.js"></script>',
        )
    )
    (found,) = collector.wait("Product Viewed")
    assert found["userId"] == "u-1"
    assert collector.names() == ["identify", "Product Viewed"]
    assert '"writeKey":"stub-key"' in collector.received[0].body


def test_calls_before_init_wait_for_it(shop: Pages, collector: Recorder, tab: Any) -> None:
    tab.goto(shop.add("/", f'<!doctype html><script src="{collector.base}/periplus.js"></script>'))
    tab.evaluate('periplus("product", {product_id: "p-1"})')
    tab.wait_for_timeout(300)
    assert not collector.received
    assert tab.evaluate("localStorage.length + document.cookie.length") == 0
    tab.evaluate("url => periplus('init', {key: 'late', url, page: 'off'})", collector.base + "/")
    collector.wait("Product Viewed")


def test_a_script_included_twice_counts_once(put: Put, collector: Recorder, tab: Any) -> None:
    twice = f'<script src="{collector.base}/periplus.js" data-key="test-key"></script>'
    tab.goto(put("/", extra=twice))
    collector.wait("page")
    tab.evaluate('periplus("track", "Once")')
    collector.wait("Once")
    assert collector.names() == ["page", "Once"]


def test_a_mistake_of_the_page_stops_nothing(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/", page="off"))
    tab.evaluate("""() => {
        const round = {}; round.round = round;
        periplus("trak", "X");
        periplus("track", "Round", round);
        periplus("track", "After");
    }""")
    collector.wait("After")
    said = [*visitor.failed]
    visitor.failed.clear()
    assert len(said) == 2
    assert "trak" in said[0]


def test_one_visitor_over_pages_and_a_new_one_after_reset(put: Put, collector: Recorder, tab: Any) -> None:
    one, two = put("/1"), put("/2")
    tab.goto(one)
    collector.wait("page")
    tab.evaluate('periplus("identify", "anna")')
    collector.wait("identify")
    tab.goto(two)
    first, second = collector.wait("page", 2)
    assert first["anonymousId"] == second["anonymousId"]
    assert second["userId"] == "anna"
    tab.evaluate('periplus("reset"); periplus("track", "After")')
    (after,) = collector.wait("After")
    assert after["anonymousId"] != first["anonymousId"]
    assert "userId" not in after


def test_the_cookie(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/"))
    collector.wait("page")
    kept = {cookie["name"]: cookie for cookie in visitor.cookies()}
    assert set(kept) == {"periplus_id", "periplus_arrival"}
    ours = kept["periplus_id"]
    assert (ours["sameSite"], ours["domain"], ours["path"]) == ("Lax", "127.0.0.1", "/")
    months = (ours["expires"] - tab.evaluate("Date.now() / 1000")) / 86400 / 30.4
    assert 12.9 < months <= 13.01
    tab.reload()
    collector.wait("page", 2)
    again = next(cookie for cookie in visitor.cookies() if cookie["name"] == "periplus_id")
    assert again["value"] == ours["value"]
    assert abs(again["expires"] - ours["expires"]) < 0.01, "coming back does not renew it"


def test_where_cookies_are_blocked_a_page_still_has_one_visitor(
    put: Put, collector: Recorder, visitor: Any
) -> None:
    visitor.add_init_script("""
        Object.defineProperty(Navigator.prototype, "cookieEnabled", {get: () => false});
        Object.defineProperty(Document.prototype, "cookie", {get: () => "", set() {}});
    """)
    tab = visitor.new_page()
    tab.goto(put("/"))
    tab.evaluate('periplus("identify", "anna"); periplus("track", "X")')
    collector.wait("X")
    assert len({m["anonymousId"] for m in collector.accepted}) == 1
    assert collector.named("X")[0]["userId"] == "anna"


def test_one_visitor_on_two_subdomains(put: Put, collector: Recorder, visitor: Any) -> None:
    address = put("/", domain="shop.localhost").replace("127.0.0.1", "www.shop.localhost")
    tab = visitor.new_page()
    tab.goto(address)
    collector.wait("page")
    tab.goto(address.replace("www", "checkout"), referer=address)
    first, second = collector.wait("page", 2)
    assert first["anonymousId"] == second["anonymousId"]


def test_what_brought_the_session_stays_with_it(put: Put, collector: Recorder, tab: Any) -> None:
    landing = (
        put("/")
        + "?utm_source=google&utm_medium=cpc&utm_campaign=spring%20sale&utm_term=cup&utm_content=&utm_id=7&gclid=abc"
    )
    tab.goto(landing, referer="https://www.google.com/")
    (page,) = collector.wait("page")
    named = {"source": "google", "medium": "cpc", "name": "spring sale", "term": "cup", "id": "7"}
    assert page["context"]["campaign"] == named
    assert page["context"]["referrer"] == {"type": "gclid", "id": "abc"}
    assert page["context"]["page"]["referrer"] == "https://www.google.com/"
    brought = {"campaign": named, "click": "gclid", "referrer": "https://www.google.com/"}
    assert page["context"]["arrival"] == brought
    tab.goto(put("/p/1"), referer=landing)
    second = collector.wait("page", 2)[1]
    assert "campaign" not in second["context"], "only the landing page was reached by the campaign"
    assert second["context"]["arrival"] == brought
    # Somebody comes back from paying: the payment page brought nobody.
    tab.goto(put("/thanks"), referer="https://www.paypal.com/")
    assert collector.wait("page", 3)[2]["context"]["arrival"] == brought
    # Another campaign begins another session.
    tab.goto(put("/p/2") + "?utm_source=newsletter&utm_medium=email")
    assert collector.wait("page", 4)[3]["context"]["arrival"] == {
        "campaign": {"source": "newsletter", "medium": "email"}
    }


def test_a_session_ends_with_its_cookie(put: Put, collector: Recorder, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.goto(put("/"), referer="https://www.google.com/")
    collector.wait("page")
    kept = next(cookie for cookie in visitor.cookies() if cookie["name"] == "periplus_arrival")
    assert 1700 < kept["expires"] - tab.evaluate("Date.now() / 1000") <= 1801
    visitor.clear_cookies(name="periplus_arrival")
    tab.evaluate('periplus("track", "After lunch")')
    assert collector.wait("After lunch")[0]["context"]["arrival"] == {}, "what brought the one before is past"


def test_the_channel_the_server_makes_of_it(put: Put, collector: Recorder, tab: Any) -> None:
    from periplus.collect.enrich import enrich

    tab.goto(put("/") + "?fbclid=1", referer="https://l.facebook.com/")
    collector.wait("page")
    tab.evaluate('periplus("add", {product_id: "p-1"})')
    (added,) = collector.wait("Product Added")
    known = enrich(added)
    assert known["channel"] == "social"
    assert known["context"]["browser"]["name"] == "Chrome"


def test_single_page_shops(put: Put, collector: Recorder, tab: Any) -> None:
    home = put("/", title="Home")
    tab.goto(home)
    collector.wait("page")
    tab.wait_for_timeout(200)  # less than a twentieth of a second in view is not told
    tab.evaluate("""() => {
        history.pushState({}, "", "/p/1");
        document.title = "A cup";
        history.replaceState({}, "", "/p/1");
        history.pushState({}, "", "/p/1#reviews");
    }""")
    second = collector.wait("page", 2)[1]["context"]["page"]
    assert (second["path"], second["title"], second["referrer"]) == ("/p/1", "A cup", home)
    collector.wait("Page Left")
    tab.evaluate("""() => {
        history.pushState({}, "", "/go");
        history.replaceState({}, "", "/cart?from=go");
        document.title = "Cart";
    }""")
    third = collector.wait("page", 3)[2]["context"]["page"]
    assert (third["path"], third["search"], third["title"]) == ("/cart", "?from=go", "Cart")
    tab.evaluate("history.back()")
    fourth = collector.wait("page", 4)[3]["context"]["page"]
    assert fourth["path"] == "/p/1"
    tab.wait_for_timeout(300)
    assert [m["context"]["page"]["path"] for m in collector.named("page")] == ["/", "/p/1", "/cart", "/p/1"]
    left = collector.named("Page Left")
    assert left[0]["context"]["page"]["path"] == "/", "time is that of the page that was left"


@pytest.mark.parametrize("way", ["pushState", "replaceState"])
def test_each_way_to_change_the_address(way: str, put: Put, collector: Recorder, tab: Any) -> None:
    tab.goto(put("/"))
    collector.wait("page")
    tab.evaluate("way => history[way]({}, '', '/p/1')", way)
    assert collector.wait("page", 2)[1]["context"]["page"]["path"] == "/p/1"
    tab.wait_for_timeout(200)
    assert len(collector.named("page")) == 2


def test_only_time_in_view_counts(put: Put, collector: Recorder, tab: Any) -> None:
    began = time.monotonic()
    tab.goto(put("/", "<div style='height: 4000px'>long</div>"))
    collector.wait("page")
    hide = """state => {
        Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
        document.dispatchEvent(new Event("visibilitychange", {bubbles: true}));
    }"""
    tab.wait_for_timeout(600)
    tab.evaluate("scrollTo(0, 1500)")
    tab.wait_for_timeout(200)
    tab.evaluate(hide, "hidden")
    seen = time.monotonic() - began
    (first,) = collector.wait("Page Left")
    tab.wait_for_timeout(1500)
    began = time.monotonic()
    tab.evaluate(hide, "visible")
    tab.wait_for_timeout(400)
    tab.goto("about:blank")
    _, second = collector.wait("Page Left", 2)
    again = time.monotonic() - began
    assert 0.7 <= first["properties"]["visible_seconds"] <= seen + 0.1
    assert 0.3 <= second["properties"]["visible_seconds"] <= again + 0.1
    height = 720
    assert abs(first["properties"]["scroll_percent"] - 100 * (1500 + height) / 4016) < 2
    tab.wait_for_timeout(200)
    assert len(collector.named("Page Left")) == 2


@pytest.mark.parametrize("page", ["on", "off"])
def test_a_page_loaded_ahead_is_told_when_it_is_seen(
    page: str, put: Put, collector: Recorder, tab: Any
) -> None:
    tab.add_init_script("Object.defineProperty(document, 'prerendering', {value: true, configurable: true})")
    tab.goto(put("/", page=page))
    tab.evaluate('periplus("product", {product_id: "p-1"})')
    tab.wait_for_timeout(300)
    assert not collector.received
    assert tab.evaluate("localStorage.length + document.cookie.length") == 0
    tab.evaluate("""() => {
        Object.defineProperty(document, "prerendering", {value: false});
        document.dispatchEvent(new Event("prerenderingchange"));
    }""")
    collector.wait("Product Viewed")
    assert collector.names() == ["Product Viewed", *(["page"] if page == "on" else [])]


def test_exit_intent_is_told_once(put: Put, collector: Recorder, tab: Any) -> None:
    tab.goto(put("/"))
    collector.wait("page")
    # From one element to the next at the upper edge is no leaving.
    tab.evaluate(
        "document.dispatchEvent(new MouseEvent('mouseout', {clientY: 0, relatedTarget: document.body}))"
    )
    tab.evaluate('periplus("track", "Still Here")')
    collector.wait("Still Here")
    assert "Exit Intended" not in collector.names()
    for y in (300, -1, -1):
        tab.evaluate(
            "y => document.dispatchEvent(new MouseEvent('mouseout', {clientY: y, relatedTarget: null}))", y
        )
    collector.wait("Exit Intended")
    tab.evaluate('periplus("track", "Last")')
    collector.wait("Last")
    assert collector.names().count("Exit Intended") == 1


def test_a_page_from_the_browsers_memory_is_seen_again(put: Put, collector: Recorder, tab: Any) -> None:
    tab.goto(put("/"))
    collector.wait("page")
    tab.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    collector.wait("page", 2)


@pytest.mark.parametrize("extra", ["", "; require-trusted-types-for 'script'"])
def test_a_strict_page_has_nothing_to_complain_of(
    extra: str, shop: Pages, collector: Recorder, tab: Any
) -> None:
    here = collector.base
    address = shop.add(
        "/",
        "<!doctype html><meta charset=utf-8><title>Strict</title>"
        f'<script src="{here}/periplus.js" data-key="test-key"></script>'
        f'<script src="{here}/periplus-experience.js"></script><form id=f><input name=a></form>',
        Content_Security_Policy=f"default-src 'none'; script-src 'self' {here}; connect-src {here}{extra}",
        Cross_Origin_Opener_Policy="same-origin",
    )
    tab.goto(address)
    collector.wait("page")
    tab.focus("input")
    tab.evaluate(
        'periplus("consent", {analytics: true, marketing: false}); periplus("order", {order_id: "o-1"})'
    )
    collector.wait("Order Completed")
    assert tab.evaluate("violations") == []
    tab.goto("about:blank")
    collector.wait("Page Experienced")
