"""Events get names and prices from the catalogue, and keep what they say themselves."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from periplus.collect.catalogue.join import Index, attach

SANDAL = {
    "id": "808950810", "parent": "632910392", "sku": "SND-BLUE-40", "title": "Sandal", "variant": "Blue / 40",
    "price": 5990, "sale_price": 4990, "currency": "EUR", "category": "Shoes", "brand": "Kyma",
    "image": "https://cdn.example/sandal.jpg", "link": "https://shop.example/sandal",
}  # fmt: skip
INDEX = Index([SANDAL, SANDAL | {"id": "2", "sku": "X", "variant": "41", "price": None, "sale_price": None}])


def view(**properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Product Viewed", "properties": properties}


def test_a_variant_or_sku_brings_all_there_is() -> None:
    for named in ({"variant_id": "808950810"}, {"sku": "SND-BLUE-40"}, {"variant_id": 808950810}):
        assert attach(view(**named), INDEX)["properties"] == named | {
            "name": "Sandal", "variant": "Blue / 40", "category": "Shoes", "brand": "Kyma", "price": 49.9,
            "currency": "EUR", "image_url": "https://cdn.example/sandal.jpg", "url": "https://shop.example/sandal",
        }  # fmt: skip


def test_a_product_with_variants_brings_what_they_share() -> None:
    assert attach(view(product_id="632910392"), INDEX)["properties"] == {
        "product_id": "632910392", "name": "Sandal", "category": "Shoes", "brand": "Kyma",
        "image_url": "https://cdn.example/sandal.jpg", "url": "https://shop.example/sandal",
    }  # fmt: skip


def test_every_entry_of_an_order_is_filled() -> None:
    order = {
        "properties": {
            "total": 1,
            "products": [{"sku": "SND-BLUE-40", "price": 1}, {"sku": "?"}, "odd", None],
        }
    }
    before = copy.deepcopy(order)
    first, *rest = attach(order, INDEX)["properties"]["products"]
    assert (first["name"], first["price"]) == ("Sandal", 1)
    assert rest == [{"sku": "?"}, "odd", None]
    assert order == before


def test_a_price_in_another_currency_is_not_mixed_in() -> None:
    assert "price" not in attach(view(sku="SND-BLUE-40", currency="USD"), INDEX)["properties"]
    assert attach(view(sku="SND-BLUE-40", currency="EUR"), INDEX)["properties"]["price"] == 49.9
    assert "price" not in attach(view(sku="X"), INDEX)["properties"]


def test_pages_and_odd_messages_are_left_alone() -> None:
    for message in (
        {"type": "page", "properties": {"name": "Home"}},
        {"type": "identify"},
        {"properties": [1]},
    ):
        assert attach(message, INDEX) == message


def test_of_products_with_one_id_the_first_holds() -> None:
    index = Index(
        [
            {"id": "1", "title": "Kept"},
            {"id": "1", "title": "Gone"},
            {"id": "2", "sku": "1", "title": "Other"},
        ]
    )
    assert (index("1") or {})["title"] == "Kept"
    assert len(index) == 2


SAID = st.dictionaries(
    st.sampled_from(["variant_id", "sku", "product_id", "name", "price", "currency", "category", "image_url", "url", "x"]),
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.sampled_from(["SND-BLUE-40", "2"]), st.lists(st.integers(), max_size=2)),
)  # fmt: skip


@settings(max_examples=150, deadline=None, phases=[Phase.generate])
@given(said=SAID, entries=st.lists(SAID, max_size=3))
def test_what_an_event_says_is_never_overwritten(said: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    message = view(**said, products=entries)
    filled = attach(message, INDEX)["properties"]
    for before, after in [(said, filled), *zip(entries, filled["products"], strict=True)]:
        for name, value in before.items():
            assert after[name] == value or value is None
    assert attach({"properties": filled}, INDEX)["properties"] == filled, "a second time adds nothing"
