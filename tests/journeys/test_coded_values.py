"""Values by codes are the values that are read from rows."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import periplus
from periplus.journeys import coded_values, reading
from periplus.store import coded

SAID = (7, "7", 7.5, "é", "e\u0301", True, "true", "", None, "shoes", -0.0, 10**17, ["a"], {"x": 1})


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A workspace of two files, in which a property is of one type here and of another there."""
    folder, chance = tmp_path_factory.mktemp("coded"), random.Random(3)
    rows = []
    for number in range(600):
        mixed = chance.choice(SAID) if number < 300 else chance.choice(["7", "shoes", "é", "true"])
        rows.append(
            {
                "type": "track",
                "event": chance.choice(["Product Viewed", "Order Completed", "Tea Poured"]),
                "userId": f"u{chance.randrange(40)}",
                "messageId": f"m{number}",
                "timestamp": f"2026-03-{1 + number % 28:02d}T10:00:00Z",
                "properties": {
                    "mixed": mixed,
                    "kind": 7 if number < 400 else chance.choice(["7", "x"]),
                    "size": chance.choice([36, 37.5, None]),
                    "name": chance.choice("abc"),
                    "only": number if number < 9 else None,
                },
                "context": {"userAgent": "bot"} if number % 7 == 0 else {},
                "channel": chance.choice(["web", "é", None]),
            }
        )
    with periplus.init(folder / "shop") as ws:
        for number, part in enumerate((rows[:400], rows[400:])):
            file = folder / f"{number}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
            ws.import_file(file)
        yield ws


PATHS = (*(f"properties.{name}" for name in ("mixed", "kind", "size", "name", "only", "none")), "channel")
NAMES = (None, ["Order Completed"], ["Order Completed", "Tea Poured", "Never Sent"], [])


def _told(snapshot: Any, values: reading.Values) -> Any:
    told: list[Any] = [list(values.known)]
    for shard in range(snapshot.shard_count):
        rows, codes = values.among(shard)
        every = np.arange(-1, len(snapshot.shard(shard).time))
        told.append((rows.tolist(), codes.tolist(), values.at(shard, every).tolist()))
    return told


@pytest.mark.parametrize("least", [0, 300], ids=["all large", "one large and one small"])
@pytest.mark.parametrize("path", PATHS)
def test_they_agree(shop: Any, monkeypatch: pytest.MonkeyPatch, path: str, least: int) -> None:
    for snapshot in (shop.snapshot(), shop.snapshot().everything):
        for names in NAMES:
            by_rows = _told(snapshot, reading.read(snapshot, [path], names))
            with monkeypatch.context() as patch:
                for module in (coded, coded_values):
                    patch.setattr(module, "LEAST_ROWS", least)
                patch.setattr(coded_values, "PIECE", 100)
                assert _told(snapshot, reading.read(snapshot, [path], names)) == by_rows
            snapshot.forget_labels()


def test_what_has_codes_is_not_read_from_rows(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (coded, coded_values):
        monkeypatch.setattr(module, "LEAST_ROWS", 0)
    monkeypatch.setattr(reading, "_from_rows", None)
    assert reading.read(shop.snapshot(), ["properties.name"], None).known == ["a", "b", "c"]


def test_rows_are_read_where_values_lie_beside_the_columns(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (coded, coded_values):
        monkeypatch.setattr(module, "LEAST_ROWS", 0)
    snapshot = shop.snapshot()
    found = {path: coded_values.coded_texts(snapshot, path, reading.tagged(path)) for path in PATHS}
    assert {path for path, texts in found.items() if texts is None} == {"properties.mixed"}
