"""Files become the catalogue that is kept, whole or in part; webhooks renew it product by product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.collect.catalogue import keep
from periplus.collect.catalogue.kept import Kept
from periplus.errors import InputError, NotFoundError
from periplus.settings import Settings
from periplus.store import products
from periplus.store.products import Reconciled
from periplus.store.state import State

FILES = Path(__file__).parent / "files"
HOOKS = Path(__file__).parents[1] / "hooks" / "fixtures"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    here = State(tmp_path, Settings())
    yield here
    here.close()


def take_in(state: State, path: Path, folder: Path, **more: Any) -> keep.CatalogueImport:
    return keep.import_file(state, path, folder=folder, **{"currency": "EUR", "now": 10} | more)


def test_every_row_of_a_file_is_counted_once(state: State, tmp_path: Path) -> None:
    done = take_in(state, FILES / "plain.csv", tmp_path)
    assert done.to_dict() == {
        "file": "plain.csv", "kind": "csv", "source": "catalogue", "rows": 4, "new": 2, "changed": 0, "unchanged": 0,
        "gone": 0, "repeated": 1, "unread": 1, "problems": ["4: The row has no id and no SKU."],
    }  # fmt: skip
    assert done.rows == done.new + done.changed + done.unchanged + done.repeated + done.unread
    again = take_in(state, FILES / "plain.csv", tmp_path, now=20)
    assert (again.new, again.unchanged) == (0, 2)


def test_a_new_export_takes_the_place_of_the_old_one_unless_it_is_a_part(
    state: State, tmp_path: Path
) -> None:
    take_in(state, FILES / "feed-rss.xml", tmp_path)
    less = tmp_path / "less.csv"
    less.write_text("id,title,price\nBAG-1,Beach bag,17.95\n")
    part = take_in(state, less, tmp_path, now=20, partial=True)
    assert (part.changed, part.gone) == (1, 0)
    whole = take_in(state, less, tmp_path, now=30)
    assert (whole.unchanged, whole.gone) == (1, 1)
    assert {row["field"]: row["after"] for row in products.history(state, "catalogue", "BAG-1")}[
        "price"
    ] == 1795


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("id,title\n", "no_products"),
        ("name,title\nx,y\n", "no_products"),
        ("<rss/>", "no_products"),
        ("[]", "no_products"),
    ],
)
def test_a_file_without_products_empties_nothing(
    state: State, tmp_path: Path, content: str, code: str
) -> None:
    take_in(state, FILES / "plain.csv", tmp_path)
    path = tmp_path / "odd"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        take_in(state, path, tmp_path, now=20)
    assert raised.value.code == code
    assert products.find(state)[0] == 2


def test_a_file_cut_off_in_its_middle_changes_nothing(state: State, tmp_path: Path) -> None:
    take_in(state, FILES / "feed-rss.xml", tmp_path)
    cut = tmp_path / "feed.xml"
    cut.write_bytes((FILES / "feed-rss.xml").read_bytes()[:900].replace(b"59.90", b"1.00"))
    with pytest.raises(InputError):
        take_in(state, cut, tmp_path, now=20)
    assert products.history(state, "catalogue", "SND-BLUE-40") == []
    assert products.find(state)[0] == 2


def test_wrong_names_are_said_before_anything_is_read(state: State, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="merchnt"):
        take_in(state, tmp_path / "no-such-file", tmp_path, kind="merchnt")
    with pytest.raises(InputError, match="no-such-file"):
        take_in(state, tmp_path / "no-such-file", tmp_path)
    with pytest.raises(InputError, match="source"):
        take_in(state, FILES / "plain.csv", tmp_path, source=" ")


def test_webhooks_renew_one_product(state: State) -> None:
    body = json.loads((HOOKS / "shopify" / "product.json").read_text())

    def told(body: Any, *, gone: bool = False, now: int = 10) -> Reconciled:
        return keep.take(state, "shopify", "shop", body, gone=gone, now=now, currency="EUR")

    assert told(body) == Reconciled(new=2)
    assert told(body, now=20) == Reconciled(unchanged=2)
    body["variants"] = [body["variants"][0] | {"inventory_quantity": 1}]
    assert told(body, now=30) == Reconciled(changed=1, gone=1)
    assert told({"id": body["id"], "variants": "?"}, now=40) == Reconciled(), (
        "a damaged body takes nothing away"
    )
    assert told({"id": body["id"]}, gone=True, now=50) == Reconciled(gone=1)
    assert told({}, gone=True, now=60) == Reconciled()
    assert [row["field"] for row in products.history(state, "shop", "808950810")] == ["stock", "gone"]


def test_webhooks_of_woocommerce_and_ecwid(state: State) -> None:
    for kind, name in (("woocommerce", "product"), ("ecwid", "api_product")):
        body = json.loads((HOOKS / kind / f"{name}.json").read_text())
        assert keep.take(state, kind, kind, body, gone=False, now=1, currency="EUR") == Reconciled(new=1)


def test_the_index_is_read_anew_when_the_catalogue_changed(state: State, tmp_path: Path) -> None:
    kept = Kept(state)
    assert kept.index()("00012") is None
    take_in(state, FILES / "plain.csv", tmp_path)
    first = kept.index()
    assert (first("00012") or {})["title"] == "Soap"
    assert kept.index() is first
    products.reconcile(state, "catalogue", [{"id": "1001", "title": "Soap bar"}], 30, whole=False)
    assert (kept.index()("1001") or {})["title"] == "Soap bar"


def test_a_timeline_names_the_products_of_the_catalogue(tmp_path: Path) -> None:
    with periplus.init(tmp_path / "shop", shards=2) as shop:
        viewed = {
            "event": "Product Viewed",
            "userId": "ann",
            "messageId": "1",
            "timestamp": "2026-03-01T09:00:00Z",
        }
        lines = tmp_path / "events.jsonl"
        lines.write_text(json.dumps(viewed | {"properties": {"sku": "BAG-1", "product_id": "7"}}) + "\n")
        shop.import_file(lines)
        assert "known" not in shop.timeline("ann")[0]
        assert shop.products() == {"total": 0, "rows": []}
        feed = (FILES / "feed-rss.xml").read_text().replace("<g:id>BAG-1", "<g:mpn>BAG-1</g:mpn><g:id>B")
        (tmp_path / "feed.xml").write_text(feed)
        done = shop.import_catalogue(tmp_path / "feed.xml")
        assert (done.kind, done.new, done.unread) == ("merchant", 2, 1)
        (event,) = shop.timeline("ann")
        assert (event["known"]["name"], event["known"]["price"]) == ("Beach bag", 19.95)
        assert event["properties"] == {"sku": "BAG-1", "product_id": "7"}, "as it was sent"
        assert shop.products("beach")["total"] == 1
        assert shop.product_history("catalogue", "B") == []
