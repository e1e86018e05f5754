"""Whole lives of orders through the running collector: into the store, once, and out again as money."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import periplus
import periplus.clock
from periplus.collect.wire import Reply, Request
from tests.collect.hooks.deliveries import SECRET, delivery, sent
from tests.collect.hooks.test_deliveries import LIVES


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[periplus.Workspace]:
    with periplus.init(tmp_path / "shop", shards=2) as made:
        for system in LIVES:
            made.add_source(f"{system} shop", secret=SECRET)
        yield made


def ask(collector: object, request: Request) -> Reply:
    """The collector's answer to a request."""
    answered, given = threading.Event(), list[Reply]()

    def answer(reply: Reply) -> None:
        given.append(reply)
        answered.set()

    collector.receive(request, answer)  # type: ignore[attr-defined]
    assert answered.wait(30)
    return given[0]


def at(request: Request, system: str, source: str | None = None) -> Request:
    return replace(request, path=f"/hooks/{system}/{source or f'{system}%20shop'}")


def test_lives_of_orders_come_in_once_and_their_money_is_right(shop: periplus.Workspace) -> None:
    with shop.collector() as collector:
        for system, life in LIVES.items():
            deliveries = [*life, *life]
            random.Random(3).shuffle(deliveries)
            for name, topic in deliveries:
                assert ask(collector, at(delivery(system, name, topic), system)).status == 200
    answer = shop.ask({"kind": "map", "map": "shop", "now": "2026-05-01"})
    # Shopify: 89.72 less 47.40 back, and 89.72 cancelled; WooCommerce: 36.35, all of it back.
    assert (answer.totals["value_gross"], answer.totals["value"]) == (8972 + 8972 + 3635, 8972 - 4740)
    assert answer.totals["reached"] == 2, "both orders of Shopify lie in one journey"
    told = [(event["event"], event["properties"].get("order_id")) for event in shop.timeline("207119551")]
    assert told.count(("Order Completed", "5940139491234")) == 1
    assert told[:3] == [("Product Added", None), ("Cart Updated", None), ("Checkout Started", None)], (
        "the cart found its owner"
    )
    assert shop.customer("207119551")["traits"]["address"]["city"] == "Athina"


def test_what_is_not_signed_is_not_taken(shop: periplus.Workspace) -> None:
    with shop.collector() as collector:
        for system, name, topic in (
            ("shopify", "order_created", "orders/create"),
            ("woocommerce", "order_processing", "order.created"),
            ("ecwid", "order_created", ""),
        ):
            good = delivery(system, name, topic)
            header = next(key for key in good.headers if key.endswith(("signature", "hmac-sha256")))
            unsigned = {key: value for key, value in good.headers.items() if key != header}
            for bad in (
                at(replace(good, headers=unsigned), system),
                at(replace(good, headers={**good.headers, header: "AAAA"}), system),
                at(good, system, "nobody"),
            ):
                reply = ask(collector, bad)
                assert (reply.status, json.loads(reply.body)["code"]) == (401, "signature")
        ping = at(sent("woocommerce", b"webhook_id=4", signed=b"?"), "woocommerce")
        assert ask(collector, ping).status == 200
    assert shop.search()["total"] == 0


def test_products_are_told_into_the_catalogue_and_name_what_is_bought(shop: periplus.Workspace) -> None:
    with shop.collector() as collector:
        for system, topic in (("shopify", "products/update"), ("woocommerce", "product.updated")):
            assert ask(collector, at(delivery(system, "product", topic), system)).status == 200
    assert shop.products()["total"] == 3
    assert {row["source"] for row in shop.products()["rows"]} == {"shopify shop", "woocommerce shop"}
    with shop.collector() as collector:
        collector.finisher.refresh()
        bought = at(delivery("shopify", "order_created", "orders/create"), "shopify")
        assert ask(collector, bought).status == 200
        gone = sent("shopify", b'{"id": 632910392}', "products/delete")
        assert ask(collector, at(gone, "shopify")).status == 200
        forged = sent("woocommerce", b'{"id": 794}', "product.deleted", signed=b"?")
        assert ask(collector, at(forged, "woocommerce")).status == 401
    sandal, bag = next(event for event in shop.timeline("207119551"))["properties"]["products"]
    assert (sandal["category"], sandal["image_url"]) == ("Sandals", "https://cdn.example/sandal.jpg")
    assert sandal["price"] == 49.9
    assert "category" not in bag
    assert [row["source"] for row in shop.products()["rows"]] == ["woocommerce shop"]
    assert shop.products(gone=True)["total"] == 3
