"""Conditions answered value by value agree with the SQL over rows, whatever a workspace holds."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import periplus
from periplus.condition import Condition
from periplus.journeys import by_value, event_labels
from periplus.store import coded
from periplus.store.columns import FileColumns
from tests.test_condition_contract import KEYS, LEAVES, NAMES, aimed, documents

PATHS = [
    "properties.a",
    "properties.b",
    "properties.price",
    "properties.products",
    "context.a",
    "traits.b",
    "channel",
]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A workspace whose properties hold everything that may be odd, in columns of every kind and in the rest."""
    chance = random.Random(3)
    folder = tmp_path_factory.mktemp("odd")
    by_key = {
        "a": ["shoes", "é", "e\u0301", "007", None],
        "b": [1, 2.5, 7, -1.5],
        "price": [5, 7, 12, 2**53 + 1],
    }
    by_key |= {"products": [[{"category": "shoes"}, 7], [], [{"a": "7"}], ["x", None]], "e": [True, False]}
    rows = []
    for number in range(400):
        keys = chance.sample(KEYS, 3)
        properties: dict[str, Any] = {
            key: chance.choice(by_key[key]) for key in by_key if chance.random() < 0.8
        }
        properties |= {key: chance.choice(LEAVES) for key in keys if chance.random() < 0.3}
        rows.append(
            {
                "type": "track",
                "event": chance.choice([name for name in NAMES if name]),
                "userId": f"u{number % 40}" if number % 9 else None,
                "messageId": str(number),
                "timestamp": 1_700_000_000 + number,
                "properties": properties,
                "context": {"a": chance.choice(LEAVES)} | ({"userAgent": "bot"} if number % 7 == 0 else {}),
                "traits": {"b": chance.choice(["x", 3, True, None])},
                "channel": chance.choice(["web", "é", "7", None]),
            }
        )
    parts = [rows[:250], rows[250:]]
    with periplus.init(folder / "shop") as ws:
        for number, part in enumerate(parts):
            file = folder / f"{number}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
            ws.import_file(file)
        yield ws


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(asked=st.lists(documents | aimed(PATHS), min_size=1, max_size=6), seen=st.booleans())
def test_values_and_rows_agree(odd: Any, asked: list[dict[str, Any]], seen: bool) -> None:
    snapshot = odd.snapshot().everything if seen else odd.snapshot()
    numbered = list(enumerate(Condition.parse(document) for document in asked))
    with pytest.MonkeyPatch.context() as patch:
        for module in (coded, by_value):
            patch.setattr(module, "LEAST_ROWS", 0)
        patch.setattr(by_value, "PIECE", 100)
        for expression, rows in (
            (event_labels.first_met(numbered, 9), by_value.first(snapshot, numbered, 9)),
            (event_labels.all_met(numbered), by_value.bits(snapshot, numbered, np.uint8)),
        ):
            snapshot.forget_labels()
            over_rows = snapshot.evaluate(expression, np.uint8)
            snapshot.forget_labels()
            over_values = snapshot.evaluate(expression, np.uint8, rows)
            assert [shard.tolist() for shard in over_values] == [shard.tolist() for shard in over_rows]


def test_most_tests_of_columns_need_no_sql(odd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (coded, by_value):
        monkeypatch.setattr(module, "LEAST_ROWS", 0)
    snapshot = odd.snapshot()
    asked = {
        "event": "Kaf",
        "any": [{"where": {"b": {"gt": 2}}}, {"not": {"where": {"channel": "web", "e": True}}}],
    }
    rows = by_value.bits(snapshot, [(0, Condition.parse(asked))], np.uint8)
    file = snapshot.files[0]
    known = FileColumns(file.columns, frozenset(file.rest or ()))
    for path in ("properties.b", "properties.e"):
        assert path in file.columns
    found = rows(file, FileColumns(known.columns, frozenset()))
    assert found is not None
    assert 0 < int(found.sum()) < len(found)
    assert (
        rows(file, FileColumns(known.columns, None)) is None
    )  # where the rest may hold one, it is asked too


def test_files_of_the_same_columns_are_asked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has values of its own, and some that others have too."""
    for module in (coded, by_value):
        monkeypatch.setattr(module, "LEAST_ROWS", 0)
    asked: list[Any] = []
    of_each = by_value.of_each
    monkeypatch.setattr(by_value, "of_each", lambda *given: asked.append(given) or of_each(*given))
    with periplus.init(tmp_path / "shop") as ws:
        for number, said in enumerate((["a", "b"], ["b", "c", "d"], ["a", None, "e"])):
            rows = [
                {"type": "track", "event": "Tea", "userId": f"u{place}", "messageId": f"{number} {place}",
                 "timestamp": "2026-03-01T10:00:00Z", "properties": {"kind": value, "size": place + number}}
                for place, value in enumerate(said * 40)
            ]  # fmt: skip
            file = tmp_path / f"{number}.jsonl"
            file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            ws.import_file(file)
        assert len(ws.snapshot().files) == 3
        for where, wanted in (
            ({"kind": "b"}, 80),
            ({"kind": {"in": ["a", "d", "e"]}}, 160),
            ({"kind": {"exists": False}}, 40),
            ({"kind": "b", "size": {"lte": 3}}, 3),
        ):
            question = {
                "kind": "trend",
                "series": [{"of": {"event": "Tea", "where": where}}],
                "bucket": "year",
            }
            asked.clear()
            assert [row["value"] for row in ws.ask(question).rows] == [wanted], where
            assert len(asked) == 1


def test_files_of_the_same_columns_may_be_of_other_arrow_types() -> None:
    """As files are written in more than one way."""
    arrays = [pa.array(["a", "b"]), pa.array(["c"], pa.large_string()), pa.array([], pa.string())]
    assert by_value._joined(arrays).to_pylist() == ["a", "b", "c"]


def test_codes_are_kept_beside_the_file_and_read_back(odd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded, "LEAST_ROWS", 0)
    file = odd.snapshot().files[0]
    made = coded.coded(file, "properties.a", 2)
    assert made is not None
    beside = sorted(path.name for path in file.path.parent.glob(f"{file.path.stem}.coded-*"))
    assert beside
    monkeypatch.setattr(coded, "_made", None)  # what is there is read, not made again
    again = coded.coded(file, "properties.a", 2)
    assert again is not None
    assert again.values.to_pylist() == made.values.to_pylist()
    assert again.codes.tolist() == made.codes.tolist()
    assert len(again.codes) == file.rows


def test_a_column_of_very_many_values_has_no_codes(odd: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded, "LEAST_ROWS", 0)
    monkeypatch.setattr(coded, "MOST_VALUES", 100)
    file = odd.snapshot().files[0]
    assert coded.coded(file, "message_id", 2) is None
    monkeypatch.setattr(coded, "_made", None)  # and that is known from then on
    assert coded.coded(file, "message_id", 2) is None


def test_damaged_or_unwritable_codes_are_made_anew(
    odd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(coded, "LEAST_ROWS", 0)
    file = odd.snapshot().files[1]
    made = coded.coded(file, "properties.price", 2)
    assert made is not None
    for path in file.path.parent.glob(f"{file.path.stem}.coded-*"):
        path.write_bytes(path.read_bytes()[:40])
    again = coded.coded(file, "properties.price", 2)
    assert again is not None
    assert again.codes.tolist() == made.codes.tolist()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(coded, "_keep", full)
    assert coded.coded(file, "properties.e", 2) is not None
    assert not list(file.path.parent.glob("*.new"))
