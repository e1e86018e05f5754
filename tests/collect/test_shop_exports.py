"""Exports of shop systems: what an order has, and that a webhook of the same order is the same event."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.collect import keys
from periplus.collect.mapping import MappingDocument
from periplus.collect.shops import ecwid, shopify, woocommerce
from periplus.errors import DocumentError
from tests.collect.conftest import Importing
from tests.collect.hooks.deliveries import body

EXAMPLES = Path(__file__).parents[2] / "examples"


def staged(importing: Importing, name: str, ending: str = "csv") -> list[dict[str, Any]]:
    return importing.stage(EXAMPLES / "exports" / f"{name}.{ending}", mapping={"preset": name}).events


def counted(rows: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["event"]] = counts.get(row["event"], 0) + 1
    return counts


def test_the_lines_of_an_order_of_shopify_are_its_products(importing: Importing) -> None:
    rows = staged(importing, "shopify-orders")
    assert counted(rows) == {
        "Order Completed": 70,
        "Order Shipped": 55,
        "Order Cancelled": 3,
        "Order Refunded": 9,
    }
    with (EXAMPLES / "exports" / "shopify-orders.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    orders = {row["properties.order_name"]: row for row in rows if row["event"] == "Order Completed"}
    assert sum(len(json.loads(row["properties.products"])) for row in orders.values()) == len(lines) == 131
    for line in lines:
        sold = json.loads(orders[line["Name"]]["properties.products"])
        assert {
            "sku": line["Lineitem sku"], "name": line["Lineitem name"], "brand": line["Vendor"],
            "price": float(line["Lineitem price"]), "quantity": int(line["Lineitem quantity"]),
        } in sold  # fmt: skip
    assert sum(row["properties.total"] for row in orders.values()) == pytest.approx(6701.60)
    assert {row["channel"] for row in orders.values()} == {"web", "store"}
    assert {row["consent"] for row in orders.values()} == {
        '{"analytics":true,"marketing.email":true}', '{"analytics":true,"marketing.email":false}',
    }  # fmt: skip


def test_orders_of_woocommerce_and_ecwid(importing: Importing) -> None:
    woo = staged(importing, "woocommerce-orders")
    assert counted(woo) == {"Order Completed": 57, "Order Cancelled": 7, "Order Refunded": 1}
    assert all(row["email"] and row.get("user_id") != "0" for row in woo)
    assert 0 < sum("user_id" not in row for row in woo) < len(woo), "guests are known by address"
    rows = staged(importing, "ecwid-orders", "jsonl")
    assert counted(rows) == {
        "Order Completed": 62,
        "Order Shipped": 40,
        "Order Cancelled": 1,
        "Order Refunded": 3,
    }
    (product,) = json.loads(rows[0]["properties.products"])
    assert set(product) >= {"product_id", "sku", "name", "price", "quantity"}


@pytest.mark.parametrize(
    ("preset", "ending", "column", "hook"),
    [
        ("shopify-orders", "csv", "Id", lambda key: next(shopify.order(body("shopify", "order_paid") | {"id": int(key)}))),
        (
            "woocommerce-orders", "csv", "order_id",
            lambda key: next(woocommerce.order(body("woocommerce", "order_processing") | {"id": int(key)})),
        ),
        ("ecwid-orders", "jsonl", "id", lambda key: next(ecwid.order(body("ecwid", "api_order") | {"id": key}, None))),
    ],
)  # fmt: skip
def test_an_order_is_one_event_whether_imported_or_delivered(
    importing: Importing, preset: str, ending: str, column: str, hook: Any
) -> None:
    del column
    source = preset.removesuffix("-orders")
    completed = [row for row in staged(importing, preset, ending) if row["event"] == "Order Completed"]
    for row in completed[:20]:
        delivered = hook(row["properties.order_id"])
        assert delivered["event"] == "Order Completed"
        key = keys.of_message(source, delivered["messageId"])
        assert (row["key_hi"], row["key_lo"]) == (key >> 64, key & (1 << 64) - 1)


def test_customers_of_shopify_say_who_they_are(tmp_path: Path) -> None:
    with periplus.init(tmp_path / "shop", shards=2) as shop:
        orders = shop.import_file(EXAMPLES / "exports" / "shopify-orders.csv", mapping="shopify-orders")
        before = shop.search()["total"]
        done = shop.import_file(
            EXAMPLES / "exports" / "shopify-customers.csv",
            mapping=EXAMPLES / "mappings" / "shopify-customers.yaml",
        )
        assert (orders.rejected, done.rows, done.accepted, done.rejected) == (0, 40, 40, 0)
        assert shop.search()["total"] >= before
        person = shop.customer("7210448301001")
        assert person["traits"]["address"]["postalCode"] == "10557", (
            "without the apostrophe of the spreadsheet"
        )


def test_a_constant_time_is_a_time(importing: Importing) -> None:
    def mapping(time: Any) -> dict[str, Any]:
        return {
            "source": "s",
            "tables": [{"files": "*", "events": [{"type": "identify", "email": "mail", "time": time}]}],
        }

    result = importing.text(
        "mail\na@example.com\n", mapping({"value": "2026-05-01", "zone": "Europe/Athens"})
    )
    assert [row["time"] for row in result.events] == [1777582800000000]
    plan = importing.plan(
        importing.write("t.csv", "mail\na@example.com\n"), mapping=mapping({"value": "2026-05-01"})
    )
    assert plan.counts["accepted"] == 1
    for wrong in (
        {"value": "soon"},
        {"value": "2026-05-01", "column": "mail"},
        {},
        {"value": "2026-05-01", "unit": "s"},
    ):
        with pytest.raises(DocumentError):
            MappingDocument.parse(mapping(wrong))
    unquoted = "tables: [{files: x, events: [{type: identify, email: m, time: {value: 2026-05-01}}]}]"
    assert MappingDocument.parse(unquoted).tables[0].events[0].time.value == "2026-05-01"
