"""The catalogue keeps one contract on SQLite and on PostgreSQL: what is reconciled, and what is remembered."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from periplus.errors import InputError
from periplus.settings import Settings
from periplus.store import products
from periplus.store.products import Reconciled
from periplus.store.state import State

SOAP = {
    "id": "1",
    "sku": "S-1",
    "title": "Soap",
    "price": 450,
    "currency": "EUR",
    "stock": 3,
    "attributes": {"a": "ä"},
}
OIL = {
    "id": "2",
    "sku": "O-1",
    "title": "Oil",
    "parent": "9",
    "brand": "Elia 100%",
    "price": 1250,
    "currency": "EUR",
}


def fields(state: State, source: str, key: str) -> list[tuple[int, str, Any, Any]]:
    return [
        (row["time"], row["field"], row["before"], row["after"])
        for row in products.history(state, source, key)
    ]


def test_an_import_is_reconciled_with_what_is_there(opened: State) -> None:
    assert products.reconcile(opened, "shop", [SOAP, OIL], 10) == Reconciled(new=2)
    assert products.reconcile(opened, "shop", [SOAP, OIL], 20) == Reconciled(unchanged=2)
    cheaper = SOAP | {"price": 400, "stock": 0, "image": "https://cdn.example/soap.jpg"}
    assert products.reconcile(opened, "shop", [cheaper], 30) == Reconciled(changed=1, gone=1)
    assert fields(opened, "shop", "1") == [(30, "price", 450, 400), (30, "stock", 3, 0)], (
        "a picture is no history"
    )
    assert fields(opened, "shop", "2") == [(30, "gone", False, True)]
    assert products.reconcile(opened, "shop", [cheaper], 40) == Reconciled(unchanged=1), "it is gone once"
    assert products.reconcile(opened, "shop", [cheaper, OIL], 50) == Reconciled(unchanged=1, changed=1)
    assert fields(opened, "shop", "2") == [(30, "gone", False, True), (50, "gone", True, False)]
    count, (oil, soap) = products.find(opened)
    assert count == 2
    assert (soap["price"], soap["attributes"], soap["first"], soap["changed"], soap["seen"]) == (
        400,
        {"a": "ä"},
        10,
        30,
        50,
    )
    assert (oil["title"], oil["changed"], oil["gone"]) == ("Oil", 50, None)


def test_a_part_takes_nothing_away(opened: State) -> None:
    products.reconcile(opened, "shop", [SOAP, OIL], 10)
    assert products.reconcile(opened, "shop", [SOAP | {"stock": 9}], 20, whole=False) == Reconciled(changed=1)
    assert products.find(opened)[0] == 2


def test_of_a_product_told_anew_only_its_own_variants_are_gone(opened: State) -> None:
    small, large = OIL | {"id": "21", "variant": "S"}, OIL | {"id": "22", "variant": "L"}
    products.reconcile(opened, "shop", [SOAP, small, large], 10)
    assert products.reconcile(opened, "shop", [small], 20, whole=False, of="9") == Reconciled(
        unchanged=1, gone=1
    )
    moved = SOAP | {"parent": "9"}
    assert products.reconcile(opened, "shop", [small, moved], 30, whole=False, of="9") == Reconciled(
        unchanged=1, changed=1
    )


def test_sources_keep_catalogues_of_their_own(opened: State) -> None:
    products.reconcile(opened, "shop", [SOAP], 10)
    assert products.reconcile(opened, "outlet", [SOAP | {"price": 100}], 20) == Reconciled(new=1)
    assert products.reconcile(opened, "outlet", [OIL], 30) == Reconciled(new=1, gone=1)
    assert [row["source"] for row in products.find(opened, "soap")[1]] == ["shop"]
    assert [row["source"] for row in products.find(opened, "soap", gone=True)[1]] == ["outlet", "shop"]
    assert [(row["source"], row["id"], row["gone"]) for row in products.every(opened)] == [
        ("outlet", "2", None), ("shop", "1", None), ("outlet", "1", 30),
    ]  # fmt: skip


def test_products_are_removed_by_id_or_by_what_they_are_variants_of(opened: State) -> None:
    products.reconcile(opened, "shop", [SOAP, OIL, OIL | {"id": "3"}], 10)
    assert products.remove(opened, "shop", ["9"], 20) == 2
    assert products.remove(opened, "shop", ["9"], 30) == 0
    assert products.remove(opened, "other", ["1"], 30) == 0
    assert fields(opened, "shop", "3") == [(20, "gone", False, True)]
    assert products.find(opened)[0] == 1


def test_products_are_found_by_any_of_their_words(opened: State) -> None:
    products.reconcile(opened, "shop", [SOAP, OIL], 10)

    def ids(text: str) -> list[str]:
        return [row["id"] for row in products.find(opened, text)[1]]

    assert (ids("SOAP"), ids("s-1"), ids("elia oil"), ids("oil soap"), ids("100%"), ids("_"), ids("%")) == (
        ["1"], ["1"], ["2"], [], ["2"], [], ["2"],
    )  # fmt: skip
    assert products.find(opened, limit=1, offset=1) == (2, products.find(opened)[1][1:])


def test_a_file_that_breaks_off_changes_nothing(opened: State) -> None:
    products.reconcile(opened, "shop", [SOAP, OIL], 10)
    before, version = products.find(opened), products.version(opened)

    def broken() -> Iterator[dict[str, Any]]:
        yield SOAP | {"price": 1}
        raise InputError("cut off")

    with pytest.raises(InputError):
        products.reconcile(opened, "shop", broken(), 20)
    assert (products.find(opened), products.version(opened)) == (before, version)
    assert fields(opened, "shop", "1") == []


def test_many_products_and_odd_letters(opened: State) -> None:
    many = [{"id": f"p{number}", "title": "😀 Größe 'x' \"y\" \\ %"} for number in range(1300)]
    assert products.reconcile(opened, "shop", many, 10) == Reconciled(new=1300)
    assert products.reconcile(opened, "shop", many[:100], 20) == Reconciled(unchanged=100, gone=1200)
    assert products.reconcile(opened, "shop", [each | {"stock": 1} for each in many], 30) == Reconciled(
        changed=1300
    )
    assert products.find(opened, "größe", limit=1)[0] == 1300


def test_imports_at_once_follow_each_other(opened: State) -> None:
    done: list[Reconciled] = []
    threads = [
        threading.Thread(target=lambda: done.append(products.reconcile(opened, "shop", [SOAP, OIL], 10)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.new for each in done) == [0, 0, 0, 2]


ROW = st.fixed_dictionaries(
    {
        "id": st.sampled_from("abc"),
        "price": st.sampled_from([None, 1, 2]),
        "stock": st.sampled_from([None, 0, 1]),
    }
)


@hypothesis_settings(
    max_examples=25, deadline=None, phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(imports=st.lists(st.tuples(st.lists(ROW, max_size=4), st.booleans()), max_size=5))
def test_the_history_leads_from_the_first_state_to_the_last(
    tmp_path_factory: pytest.TempPathFactory, imports: list[tuple[list[dict[str, Any]], bool]]
) -> None:
    state = State(tmp_path_factory.mktemp("s"), Settings())
    standing: dict[str, dict[str, Any]] = {}
    first: dict[str, dict[str, Any]] = {}
    for now, (offered, whole) in enumerate(imports):
        products.reconcile(state, "s", offered, now, whole=whole)
        met: set[str] = set()
        for row in offered:
            if row["id"] not in met:
                met.add(row["id"])
                first.setdefault(row["id"], row | {"gone": False})
                standing[row["id"]] = row | {"gone": False}
        for key in set(standing) - met if whole else ():
            standing[key] = standing[key] | {"gone": True}
    kept = {row["id"]: row for row in products.find(state, gone=True)[1]}
    assert set(kept) == set(standing)
    for key, row in standing.items():
        assert (kept[key]["price"], kept[key]["stock"], kept[key]["gone"] is not None) == (
            row["price"], row["stock"], row["gone"],
        )  # fmt: skip
        told = dict(first[key])
        for change in products.history(state, "s", key):
            assert told[change["field"]] == change["before"]
            told[change["field"]] = change["after"]
        assert told == row
    state.close()


def test_a_state_keeps_its_products(settings: Settings, tmp_path: Path) -> None:
    here = State(tmp_path, settings)
    products.reconcile(here, "shop", [SOAP], 10)
    here.close()
    again = State(tmp_path, settings)
    assert products.find(again)[0] == 1
    again.close()
