"""A customer of examples/shop: looks, searches, chooses, pays."""

from __future__ import annotations

from typing import Any


def agree(tab: Any) -> None:
    tab.click("#yes")


def buy(tab: Any, home: str) -> str:
    """Walks from the page one stands on to the thank-you page; returns the order's number."""
    tab.fill("input[name=q]", "mug")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/index.html?q=mug")
    tab.click("#p-101")
    tab.wait_for_selector("#add")
    tab.fill("#quantity", "2")
    tab.click("#add")
    tab.wait_for_selector(".said a")
    tab.click("header .brand")
    tab.click("nav >> text=living")
    tab.wait_for_url("**/index.html?c=living")
    tab.click("#p-106")
    tab.click("#add")
    tab.wait_for_selector(".said a")
    tab.click("header .basket")
    tab.wait_for_selector("#checkout")
    tab.fill("#coupon", "welcome10")
    tab.click("#coupon-form button")
    tab.wait_for_selector("text=WELCOME10")
    tab.click("[aria-label='One Harbour mug less']")
    tab.click("#checkout")
    tab.wait_for_selector("form#order")
    for name, value in {
        "email": "eleni@mail.example", "name": "Eleni Papadaki", "street": "Ermou 1", "postcode": "10563", "city": "Athens",
    }.items():  # fmt: skip
        tab.fill(f"[name={name}]", value)
    tab.click("#buy")
    tab.wait_for_selector("#number")
    return str(tab.inner_text("#number"))
