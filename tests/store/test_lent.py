"""Rows of text files whose columns are lent come in as they do where everything is staged."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import periplus
from periplus.collect import stage
from periplus.store import door, files, manifest, taken
from periplus.store.lent import LentArrow

ROWS = 1_500
MAPPING = """
source: till
tables:
- files: "*.csv"
  events:
  - event: {column: event}
    userId: user
    messageId: id
    time: {column: at, format: iso}
    properties:
      word: word
      number: {column: number, type: number}
      order_id: order
"""


def rows(first: int, word: str = "w") -> list[dict[str, str | None]]:
    """Rows with texts that recur, some that do not, some missing, and times that cannot be read."""
    return [
        {
            "event": ["Product Viewed", "Order Completed", ""][number % 7 % 3],
            "user": None if number % 5 == 0 else f"u{number % 90}",
            "id": f"m{number}",
            "at": "never" if number % 97 == 0 else f"2026-03-01T{number % 24:02}:{number % 60:02}:00Z",
            "word": None if number % 4 == 0 else f"{word} é{number % 11}",
            "number": None if number % 3 else str(number / 8),
            "order": f"o{number % 400}" if number % 9 == 0 else None,
        }
        for number in range(first, first + ROWS)
    ]


def as_csv(path: Path, given: list[dict[str, str | None]]) -> None:
    with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(given[0]))
        writer.writeheader()
        writer.writerows(given[:100])
        file.write("too,few\r\n")
        writer.writerows(given[100:])


def as_jsonl(path: Path, given: list[dict[str, str | None]]) -> None:
    with path.with_suffix(".jsonl").open("w", encoding="utf-8") as file:
        for number, row in enumerate(given):
            number_there = {} if row["number"] is None else {"number": float(row["number"])}
            told: dict[str, Any] = {
                "type": "track", "event": row["event"], "messageId": row["id"], "timestamp": row["at"],
                "userId": row["user"],
                "properties": {"word": row["word"], "order_id": row["order"], "list": [number % 3], **number_there},
            }  # fmt: skip
            file.write(json.dumps(told) + "\n" + ("{broken\n" if number == 50 else ""))


def imported(root: Path, write: Callable[[Path, list[dict[str, str | None]]], None]) -> list[Any]:
    """What two imports make: of two files, then of one of them with other words, and more rows."""
    root.mkdir()
    for number, given in enumerate([rows(0), rows(ROWS)]):
        write(root / f"part{number}", given)
    write(root / "again", [*rows(ROWS, "other")[: ROWS // 2], *rows(2 * ROWS)])
    parts, (again,) = sorted(root.glob("part*")), root.glob("again.*")
    mapping = MAPPING if write is as_csv else None
    found: list[Any] = []
    with periplus.init(root / "shop", shards=4, threads=2) as shop:
        found += [shop.import_file(each, mapping=mapping).to_dict() for each in (parts, again)]
        for file in (files.load(shop.home.root, name) for name in manifest.read(shop.home.root).files):
            with door.opened() as connection:
                found.append(connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM '{file.path}'").fetchall())
        shop.undo(1)  # what the second brought too is handed to it, with its own words
        shop.export(root / "left.jsonl")
        found.append(sorted((root / "left.jsonl").read_text(encoding="utf-8").splitlines()))
    return found


@pytest.mark.parametrize("write", [as_csv, as_jsonl])
def test_what_is_lent_comes_in_as_what_is_staged(
    write: Callable[[Path, list[dict[str, str | None]]], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lenders: list[LentArrow] = []
    made = taken.arranged

    def watched(begun: Any, connection: Any, pieces: Any) -> Any:
        lenders.extend(piece.lent for piece in pieces)
        return made(begun, connection, pieces)

    monkeypatch.setattr(taken, "arranged", watched)
    lent = imported(tmp_path.joinpath("lent"), write)
    assert [sorted(lender.columns) for lender in lenders] == 2 * [
        ["properties.word"]
        if write is as_csv
        else ["properties.list", "properties.number", "properties.word"]
    ]
    monkeypatch.setattr(taken, "fits", lambda connection, pieces: False)
    one_by_one = imported(tmp_path.joinpath("aside"), write)
    assert not list(tmp_path.joinpath("aside").rglob("*.arrows"))
    monkeypatch.setattr(taken, "fits_in_turn", lambda connection, pieces: False)
    sorted_by_engine = imported(tmp_path.joinpath("sorted"), write)
    execute = stage.execute
    monkeypatch.setattr(stage, "execute", lambda *given, lend: execute(*given))
    staged = imported(tmp_path.joinpath("staged"), write)
    assert lent[0]["duplicate"] == 0
    assert lent[1]["duplicate"] > ROWS // 4
    assert lent[0]["rejected"] > 2
    assert lent == sorted_by_engine
    assert lent == staged
    assert lent == one_by_one
