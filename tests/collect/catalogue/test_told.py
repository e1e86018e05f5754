"""Products noted at the door reach the catalogue in their order; a bad one keeps nobody waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from periplus.collect.catalogue import told
from periplus.collect.catalogue.told import Told
from periplus.collect.wire import Reading
from periplus.errors import BusyError
from periplus.settings import Settings
from periplus.store import products
from periplus.store.state import State

BODY = json.loads(
    (Path(__file__).parents[1] / "hooks" / "fixtures" / "woocommerce" / "product.json").read_text()
)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    here = State(tmp_path, Settings())
    yield here
    here.close()


def reading(product: Any, gone: bool = False) -> Reading:
    return Reading(None, [], found={"product": product, "gone": gone})


def test_what_was_told_last_holds(state: State) -> None:
    waiting = Told(state, "EUR")
    waiting.note("shop", "woocommerce", reading(BODY))
    waiting.note("shop", "woocommerce", reading(BODY | {"stock_quantity": 1}))
    waiting.note("shop", "segment", reading(BODY | {"stock_quantity": 7}))
    waiting.note("shop", "woocommerce", Reading(None, []))
    waiting.note("shop", "woocommerce", reading("odd"))
    assert waiting.take_in(10) == 2
    assert [row["stock"] for row in products.find(state)[1]] == [1]
    waiting.note("shop", "woocommerce", reading({"id": 794}, gone=True))
    assert (waiting.take_in(20), waiting.take_in(30)) == (1, 0)
    assert products.find(state)[0] == 0


def test_a_state_that_is_busy_loses_nothing(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = Told(state, "EUR")
    waiting.note("shop", "woocommerce", reading(BODY))

    def busy(*_: Any, **__: Any) -> None:
        raise BusyError("busy")

    with monkeypatch.context() as patched:
        patched.setattr(told, "take", busy)
        with pytest.raises(BusyError):
            waiting.take_in(10)
    assert waiting.take_in(20) == 1


def test_a_product_that_cannot_be_read_keeps_nobody_waiting(
    state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting, own = Told(state, "EUR"), told.take

    def broken(state: State, kind: str, source: str, body: Any, **more: Any) -> Any:
        if source == "bad":
            raise RuntimeError("bug")
        return own(state, kind, source, body, **more)

    monkeypatch.setattr(told, "take", broken)
    waiting.note("bad", "woocommerce", reading(BODY))
    waiting.note("shop", "woocommerce", reading(BODY))
    assert waiting.take_in(10) == 1
    assert "a product of bad could not be read" in caplog.text


def test_too_many_that_wait_are_left_out_and_said(
    state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(told, "MOST", 2)
    waiting = Told(state, "EUR")
    for number in (1, 2, 3):
        waiting.note("shop", "woocommerce", reading(BODY | {"id": number}))
    assert waiting.take_in(10) == 2
    assert {row["id"] for row in products.find(state)[1]} == {"2", "3"}
    assert "the oldest is left out" in caplog.text
