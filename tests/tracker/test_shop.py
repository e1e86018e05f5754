"""The example shop: a purchase tells its whole way, each step in the words of the template map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tracker.loopback import Recorder, folder, until
from tests.tracker.test_delivery import QUEUE
from tests.tracker.walk import agree, buy

pytestmark = pytest.mark.browser

FILES = Path(__file__).resolve().parents[2] / "examples" / "shop"


@pytest.fixture
def home(collector: Recorder) -> Iterator[str]:
    """The address of the shop, under a policy as strict as a shop can have."""
    policy = (
        f"default-src 'none'; script-src 'self' {collector.base}; connect-src {collector.base}; "
        "style-src 'self'; img-src 'self'; form-action 'self'"
    )
    with folder(FILES, Content_Security_Policy=policy) as base:
        yield f"{base}/index.html?key=test-key&url={collector.base}"


def test_a_purchase(home: str, collector: Recorder, tab: Any) -> None:
    tab.goto(home + "&utm_source=newsletter&utm_medium=email&utm_campaign=spring")
    tab.wait_for_selector(".consent")
    tab.wait_for_timeout(300)
    assert not collector.received
    agree(tab)
    number = buy(tab, home)
    (order,) = collector.wait("Order Completed")
    until(lambda: tab.evaluate(QUEUE) == 0)
    way = [
        name
        for name in (message.get("event", message["type"]) for message in collector.told())
        if name not in ("page", "Page Left", "Page Experienced", "Form Field Left")
    ]
    assert way == [
        "Product List Viewed", "Products Searched", "Product Viewed", "Product Added", "Product List Viewed",
        "Product List Viewed", "Product Viewed", "Product Added", "Cart Viewed", "Coupon Applied", "Product Removed",
        "Checkout Started", "identify", "Payment Info Entered", "Order Completed",
    ]  # fmt: skip
    told = order["properties"]
    assert told["order_id"] == number
    assert told["total"] == round(told["subtotal"] - told["discount"] + told["shipping"], 2) == 96.3
    assert [(p["product_id"], p["quantity"]) for p in told["products"]] == [("p-101", 1), ("p-106", 1)]
    assert order["context"]["arrival"]["campaign"] == {
        "source": "newsletter",
        "medium": "email",
        "name": "spring",
    }
    assert order["context"]["consent"]["categoryPreferences"] == {
        "analytics": True,
        "personalisation": True,
        "marketing": False,
    }
    assert len({m["anonymousId"] for m in collector.accepted}) == 1
    assert {m["properties"]["field"] for m in collector.named("Form Field Left")} >= {"email", "name", "city"}
    assert not [one for one in collector.received if "Ermou" in one.body], (
        "what is typed into a form stays there"
    )
    assert tab.evaluate("violations") == []
    tab.reload()
    tab.wait_for_selector("#number")
    tab.wait_for_timeout(300)
    assert len(collector.named("Order Completed")) == 1
    assert tab.locator(".told li").count() > 10


def test_who_says_no_can_buy_as_well(home: str, collector: Recorder, tab: Any) -> None:
    tab.goto(home)
    tab.click("#no")
    buy(tab, home)
    tab.wait_for_timeout(300)
    assert not collector.received
    assert tab.evaluate("document.cookie.match(/periplus_\\w+/g)") == ["periplus_consent"]


@pytest.mark.parametrize("width", [360, 1440])
def test_every_page_fits(width: int, home: str, visitor: Any) -> None:
    tab = visitor.new_page()
    tab.set_viewport_size({"width": width, "height": 800})
    tab.goto(home)
    agree(tab)
    tab.click("#p-104")
    tab.click("#add")
    for page in (
        "index.html",
        "index.html?q=nothing",
        "product.html?id=p-104",
        "product.html",
        "cart.html",
        "checkout.html",
        "thanks.html",
    ):
        tab.goto(home.partition("index")[0] + page)
        tab.wait_for_selector("h1:not(:empty)")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, page
