"""An event that an import brought first: the collector lays a claim on it, and it outlives the import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from periplus.errors import StoreError
from periplus.people import admission
from periplus.store import manifest
from tests.collect.collector.conftest import Shop, track


def imported(shop: Shop, tmp_path: Path, *ids: str) -> int:
    file = tmp_path / f"{'-'.join(ids)}.jsonl"
    at = "2026-07-01T10:00:00Z"
    file.write_text("".join(json.dumps(track(name, timestamp=at)) + "\n" for name in ids))
    batch: int = shop.ws.import_file(file, source="web").batch
    return batch


@pytest.mark.parametrize("restarted", [False, True])
def test_undoing_the_import_leaves_what_was_collected_too(
    shop: Shop, tmp_path: Path, restarted: bool
) -> None:
    batch = imported(shop, tmp_path, "m1", "m2", "m3")
    if restarted:
        shop.restart()
    shop.collector.inbox._looked = 0.0
    assert shop.send(track("m1"), track("m2"), track("m4")).status == 200
    shop.flush()
    assert shop.ids() == ["m1", "m2", "m3", "m4"]
    assert shop.counts() == {"accepted": 1, "duplicate": 2, "rejected": 0, "withheld": 0, "received": 3}
    shop.ws.undo(batch)
    assert shop.ids() == ["m1", "m2", "m4"]
    shop.collector.inbox._looked = 0.0
    shop.send(track("m1"), track("m3"))
    shop.flush()
    assert shop.ids() == ["m1", "m2", "m3", "m4"]


def test_a_claim_is_laid_once(shop: Shop, tmp_path: Path) -> None:
    imported(shop, tmp_path, "m1")
    shop.collector.inbox._looked = 0.0
    for _ in range(3):
        shop.send(track("m1"))
        shop.flush()
    live = manifest.read(shop.ws.path).live_batch
    assert live is not None
    assert len(live.claims) == 1
    assert shop.counts()["duplicate"] == 3


def test_the_import_may_come_between_receipt_and_flush(shop: Shop, tmp_path: Path) -> None:
    shop.send(track("m1"))
    batch = imported(shop, tmp_path, "m1", "m2")
    shop.flush()
    assert shop.ids() == ["m1", "m2"]
    shop.ws.undo(batch)
    assert shop.ids() == ["m1"]


def test_the_import_may_be_undone_between_receipt_and_flush(shop: Shop, tmp_path: Path) -> None:
    batch = imported(shop, tmp_path, "m1", "m2")
    shop.collector.inbox._looked = 0.0
    shop.send(track("m1"))
    shop.ws.undo(batch)
    shop.flush()
    assert shop.ids() == ["m1"]


def test_an_import_of_what_was_collected_can_be_undone(shop: Shop, tmp_path: Path) -> None:
    shop.send(track("m1"))
    shop.flush()
    batch = imported(shop, tmp_path, "m1", "m2")
    shop.ws.undo(batch)
    assert shop.ids() == ["m1"]
    shop.send(track("m1"))
    shop.flush()
    assert shop.ids() == ["m1"]


def test_many_claims_become_one_file(shop: Shop, tmp_path: Path) -> None:
    ids = [f"m{i}" for i in range(admission.MOST_CLAIMS + 3)]
    batch = imported(shop, tmp_path, *ids)
    shop.collector.inbox._looked = 0.0
    for number, name in enumerate(ids):
        shop.send(track(name, properties={f"p{number}": number}))
        shop.flush()
    live = manifest.read(shop.ws.path).live_batch
    assert live is not None
    assert len(live.claims) <= admission.MOST_CLAIMS
    shop.ws.undo(batch)
    assert {event["messageId"]: event.get("properties") for event in shop.events()} == {
        name: {f"p{number}": number} for number, name in enumerate(ids)
    }


def test_what_was_collected_is_not_undone_by_accident(shop: Shop) -> None:
    shop.send(track("m1"))
    shop.flush()
    (row,) = shop.ws.batches()
    assert row["live"]
    assert row["source"] == "collector"
    with pytest.raises(StoreError, match="not undone"):
        shop.ws.undo(row["id"])


def test_every_flush_is_in_one_batch(shop: Shop) -> None:
    for number in range(3):
        shop.send(track(f"m{number}"))
        shop.flush()
    rows: list[dict[str, Any]] = shop.ws.batches()
    assert [(row["id"], row["rows"], row["events"]) for row in rows] == [(1, 3, 3)]
