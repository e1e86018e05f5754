"""Catalogue files as their systems write them, and what no catalogue should do to us."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.collect.catalogue import kinds
from periplus.collect.catalogue.load import listed, load
from periplus.collect.catalogue.product import Product, Unread, available, money, product
from periplus.errors import InputError, NotFoundError

FILES = Path(__file__).parent / "files"
HOOKS = Path(__file__).parents[1] / "hooks" / "fixtures"
FEW = settings(
    max_examples=80, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip


def read(path: Path, folder: Path, **more: Any) -> tuple[str, list[Product], list[Unread]]:
    kind, found = load(path, folder=folder, **{"currency": "EUR"} | more)
    all_ = list(found)
    return (
        kind,
        [each for each in all_ if isinstance(each, Product)],
        [each for each in all_ if isinstance(each, Unread)],
    )


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_merchant_feed_in_rss(tmp_path: Path) -> None:
    kind, (sandal, bag), unread = read(FILES / "feed-rss.xml", tmp_path)
    assert kind == "merchant"
    assert sandal == Product(
        id="SND-BLUE-40", parent="sandal", title="Sandal & sole", price=5990, sale_price=4990, currency="EUR",
        availability="in_stock", category="Shoes > Sandals", brand="Kyma", image="https://cdn.example/sandal.jpg",
        link="https://shop.example/sandal?v=40", attributes={"color": "Blue", "size": "40"},
    )  # fmt: skip
    assert (bag.title, bag.price, bag.availability, bag.link) == (
        "Beach bag", 1995, "out_of_stock", "https://shop.example/bag",
    )  # fmt: skip
    assert unread == [Unread(3, "The item has no g:id.")]


def test_a_merchant_feed_in_atom(tmp_path: Path) -> None:
    kind, (towel,), _ = read(FILES / "feed-atom.xml", tmp_path)
    assert kind == "merchant"
    assert (towel.id, towel.price, towel.availability, towel.link) == (
        "T-1", 1200, "preorder", "https://shop.example/towel",
    )  # fmt: skip


def test_the_product_export_of_shopify(tmp_path: Path) -> None:
    kind, (first, second, card), unread = read(FILES / "products_export.csv", tmp_path)
    assert (kind, unread) == ("shopify", [])
    assert first == Product(
        id="SND-BLUE-40", parent="sandal", sku="SND-BLUE-40", title="Sandal", variant="Blue / 40", price=5990,
        sale_price=4990, currency="EUR", stock=3, availability="in_stock", category="Sandals", brand="Kyma",
        image="https://cdn.example/sandal.jpg",
        attributes={
            "Colour": "Blue", "Size": "40", "barcode": "5201234567890", "tags": "summer, leather", "status": "active",
        },
    )  # fmt: skip
    assert (second.price, second.sale_price, second.stock, second.availability) == (
        4990,
        None,
        0,
        "backorder",
    )
    assert second.image == "https://cdn.example/sandal-41.jpg"
    assert (card.id, card.variant, card.stock, card.availability) == ("gift-card", None, None, "in_stock")


def test_a_product_of_shopify_as_its_api_has_it(tmp_path: Path) -> None:
    kind, (first, second), _ = read(HOOKS / "shopify" / "product.json", tmp_path)
    assert kind == "shopify"
    assert (first.id, first.parent, first.sku, first.variant) == (
        "808950810", "632910392", "SND-BLUE-40", "Blue / 40",
    )  # fmt: skip
    assert (first.price, first.sale_price, first.stock) == (5990, 4990, 3)
    assert (second.availability, second.stock) == ("backorder", 0)
    listed_ = written(
        tmp_path,
        "p.json",
        json.dumps({"products": [json.loads((HOOKS / "shopify" / "product.json").read_text())] * 2}),
    )
    assert len(read(listed_, tmp_path)[1]) == 4


def test_the_product_export_of_woocommerce(tmp_path: Path) -> None:
    kind, (parent, variation, single), _ = read(FILES / "wc-product-export.csv", tmp_path)
    assert kind == "woocommerce"
    assert (parent.price, parent.category, parent.image) == (
        None, "Clothing > T-shirts", "https://cdn.example/syi.jpg",
    )  # fmt: skip
    assert (variation.id, variation.parent, variation.price, variation.sale_price, variation.stock) == (
        "23", "22", 2400, 1900, 5,
    )  # fmt: skip
    assert (single.price, single.availability) == (129950, "backorder")


def test_products_of_woocommerce_and_ecwid_as_their_apis_have_them(tmp_path: Path) -> None:
    kind, (shirt,), _ = read(HOOKS / "woocommerce" / "product.json", tmp_path)
    assert kind == "woocommerce"
    assert (shirt.price, shirt.sale_price, shirt.stock, shirt.brand, shirt.category) == (
        2199, 1999, 12, "Woo", "Clothing > T-shirts",
    )  # fmt: skip
    assert shirt.attributes["Color"] == "Black, Green"
    kind, (soap,), _ = read(HOOKS / "ecwid" / "api_product.json", tmp_path)
    assert kind == "ecwid"
    assert (soap.price, soap.sale_price, soap.stock, soap.brand) == (1800, 1525, 9, "Elia")


def test_a_plain_table_with_commas_in_its_numbers(tmp_path: Path) -> None:
    kind, (soap, oil, again), unread = read(FILES / "plain.csv", tmp_path)
    assert kind == "csv"
    assert soap == Product(
        id="1001", sku="00012", title="Soap", price=450, currency="EUR", stock=12, availability="in_stock",
        brand="Elia", attributes={"colour": "green"},
    )  # fmt: skip
    assert (oil.price, oil.stock, oil.availability) == (125000, None, None)
    assert again.id == soap.id
    assert unread == [Unread(4, "The row has no id and no SKU.")]


def test_a_feed_as_a_tab_separated_table(tmp_path: Path) -> None:
    kind, (comb,), _ = read(FILES / "feed.txt", tmp_path)
    assert (kind, comb.price, comb.currency, comb.availability) == ("csv", 320, "USD", "in_stock")


def test_json_lines_and_compressed_files(tmp_path: Path) -> None:
    lines = written(tmp_path, "p.jsonl", '{"id": 1, "name": "A", "price": 2.5}\n{"id": 2, "name": "B"}\n')
    kind, (first, second), _ = read(lines, tmp_path)
    assert (kind, first.price, second.price) == ("csv", 250, None)
    packed = written(tmp_path, "feed.xml.gz", gzip.compress((FILES / "feed-rss.xml").read_bytes()))
    assert len(read(packed, tmp_path)[1]) == 2
    assert (
        len(
            read(written(tmp_path, "p.csv.gz", gzip.compress((FILES / "plain.csv").read_bytes())), tmp_path)[
                1
            ]
        )
        == 3
    )


def test_a_kind_can_be_named_and_must_fit(tmp_path: Path) -> None:
    assert read(FILES / "products_export.csv", tmp_path, kind="csv")[0] == "csv"
    with pytest.raises(NotFoundError, match="shopfy"):
        read(FILES / "products_export.csv", tmp_path, kind="shopfy")
    with pytest.raises(InputError, match="is a table"):
        read(FILES / "products_export.csv", tmp_path, kind="merchant")
    with pytest.raises(InputError, match="is XML"):
        read(FILES / "feed-rss.xml", tmp_path, kind="shopify")
    assert [row["name"] for row in listed()] == ["csv", "ecwid", "merchant", "shopify", "woocommerce"]


# -- hostile and damaged files ------------------------------------------------------------------

LAUGHS = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><rss><item>&b;</item></rss>'
FILE_ENTITY = b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><rss><channel><item><title>&x;</title></item></channel></rss>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (LAUGHS, "doctype"),
        (FILE_ENTITY, "doctype"),
        (b'<!DOCTYPE rss PUBLIC "-//x" "http://127.0.0.1:9/x.dtd"><rss/>', "doctype"),
        (b"<rss><channel><item><title>&undefined;</title></item></channel></rss>", "xml"),
        (b"<rss>" + b"<a>" * 1000, "too_deep"),
        (b"<rss><channel><item><title>" + b"x" * 200_000 + b"</title></item></channel></rss>", "too_long"),
        (b"<rss><channel><item>", "xml"),
        (b'<?xml version="1.0" encoding="no-such"?><rss/>', "xml"),
        (b"\xff\xfe<\x00r\x00", "xml"),
    ],
)
def test_hostile_feeds_are_refused(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(InputError) as raised:
        read(written(tmp_path, "feed.xml", content), tmp_path)
    assert raised.value.code == code
    assert "root:" not in str(raised.value)


def test_a_long_feed_takes_little_memory(tmp_path: Path) -> None:
    item = b"<item><g:id>%d</g:id><title>A thing with a name of usual length</title><g:price>3 EUR</g:price></item>\n"
    path = tmp_path / "feed.xml"
    with path.open("wb") as file:
        file.write(b'<rss xmlns:g="http://base.google.com/ns/1.0"><channel>')
        file.writelines(item % number for number in range(15_000))
        file.write(b"</channel></rss>")
    tracemalloc.start()
    _, found = load(path, folder=tmp_path, currency=None)
    assert sum(isinstance(each, Product) for each in found) == 15_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 << 20, "items are not kept"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"\xef\xbb\xbf \n"),
        ("a.csv", b"only one column\nx\n"),
        ("a.csv", b"id,title\n1,\xe9\n"),
        ("a.csv", b'id,title\n1,"' + b"x" * (2 << 20) + b'"\n'),
        ("a.json", b"{"),
        ("a.json", b'{"a": 1}\n{"b": '),
        ("a.json", b"[" * 100_000),
        ("a.gz", b"\x1f\x8b\x08\x00broken"),
    ],
)
def test_damaged_files_are_one_clear_problem(tmp_path: Path, name: str, content: bytes) -> None:
    with pytest.raises(InputError) as raised:
        read(written(tmp_path, name, content), tmp_path)
    assert raised.value.hint or raised.value.code


def test_rows_too_long_are_unread_and_short_ones_read(tmp_path: Path) -> None:
    _, found, unread = read(written(tmp_path, "a.csv", "id,title,price\n1,A,2,3,4\n2,B\n\n3,C,1\n"), tmp_path)
    assert [each.id for each in found] == ["2", "3"]
    assert unread == [Unread(2, "The row has more fields than the header.")]


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    [
        "id",
        "variants",
        "images",
        "image",
        "options",
        "attributes",
        "price",
        "compare_at_price",
        "inventory_quantity",
        "sku",
        "title",
        "name",
        "vendor",
        "stock_quantity",
        "categories",
        "regular_price",
        "parent_id",
        "compareToPrice",
        "unlimited",
        "inStock",
        "combinations",
        "tags",
    ]
)


@FEW
@given(entry=st.dictionaries(KEYS, ODD, max_size=8), inner=st.dictionaries(KEYS, ODD, max_size=6))
@pytest.mark.parametrize("kind", ["csv", "ecwid", "shopify", "woocommerce"])
def test_entries_of_any_sort_are_products_or_unread(
    kind: str, entry: dict[str, Any], inner: dict[str, Any]
) -> None:
    reader = kinds.KINDS[kind].entry
    assert reader is not None
    for body in (entry, {**entry, "variants": [inner], "combinations": [inner], "attributes": [inner]}):
        for each in reader(1, body, "EUR"):
            assert isinstance(each, Product | Unread)
            if isinstance(each, Product):
                assert each.id
                for amount in (each.price, each.sale_price, each.stock):
                    assert amount is None or abs(amount) < 1 << 53


@FEW
@given(text=st.text(max_size=200))
@pytest.mark.parametrize(
    "header",
    [
        "id,title,price\n",
        "Handle,Option1 Value,Variant SKU,Variant Price\n",
        "ID,Type,Regular price,In stock?,Parent\n",
    ],
)
def test_tables_of_any_sort_are_read_or_refused(header: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(header + text, encoding="utf-8", errors="replace")
    with suppress(InputError):
        kind, found, unread = read(path, tmp_path)
        assert all(each.id for each in found)
        assert all(each.place > 1 for each in unread), kind


# -- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written_", "currency", "expected"),
    [
        ("19.99", "EUR", (1999, "EUR")),
        ("19,99 €", None, (1999, "EUR")),
        ("€19.99", None, (1999, "EUR")),
        ("1,299", "USD", (129900, "USD")),
        ("1.299.000", "EUR", (129900000, "EUR")),
        ("1 299,00", "NOK", (129900, "NOK")),
        ("1500 JPY", "EUR", (1500, "JPY")),
        ("1.5 KWD", None, (1500, "KWD")),
        (19.99, "EUR", (1999, "EUR")),
        ("-5.00", "EUR", (-500, "EUR")),
        ("", "EUR", (None, "EUR")),
        ("19.99", None, (None, None)),
        ("about 20", "EUR", (2000, "EUR")),
        ("free", "EUR", (None, "EUR")),
        (None, "EUR", (None, "EUR")),
        ("9" * 40, "EUR", (None, "EUR")),
        (True, "EUR", (None, "EUR")),
    ],
)
def test_prices_as_files_write_them(written_: Any, currency: str | None, expected: Any) -> None:
    assert money(written_, currency) == expected


def test_words_of_availability() -> None:
    assert [available(word) for word in ("In Stock", "out-of-stock", "onbackorder", "1", "0", True, "maybe", None)] == [
        "in_stock", "out_of_stock", "backorder", "in_stock", "out_of_stock", "in_stock", None, None,
    ]  # fmt: skip


def test_a_sale_price_that_is_the_price_is_none() -> None:
    found = product({"id": 1, "price": "5", "sale_price": "5.00"}, "EUR")
    assert found is not None
    assert (found.price, found.sale_price) == (500, None)
