"""Both ways of writing a file of events give the same file: taken column by column, and sorted by DuckDB."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import periplus
from periplus.collect import origin, stage
from periplus.errors import InputError
from periplus.people import admission
from periplus.store import door, files, manifest, order, staged_column, taken
from periplus.store.order import Places

ROWS = 6_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A flat Parquet file with columns of every kind, empty ones, bots, statements, and events that are nobody's."""
    choose = random.Random(3)

    def some(share: float, *values: object) -> list[object]:
        return [choose.choice(values) if choose.random() < share else None for _ in range(ROWS)]

    kinds = some(1, *["track"] * 30, "identify", "page")
    columns = {
        "type": pa.array(kinds),
        "event": pa.array([choose.choice("abcd") if kind == "track" else None for kind in kinds]),
        "messageId": pa.array([f"m{number}" for number in range(ROWS)]),
        "timestamp": pa.array([choose.randrange(10**15, 10**15 + 500) for _ in range(ROWS)]),
        "userId": pa.array(some(0.3, *[f"u{number}" for number in range(40)])),
        "anonymousId": pa.array(some(0.8, *[f"d{number}" for number in range(900)])),
        "context.bot": pa.array(some(0.05, True)),
        "properties.price": pa.array(some(0.5, 1.5, -0.0, 1e300, float("nan"), float("inf"))),
        "properties.size": pa.array(some(0.5, 3, -1), pa.int16()),
        "properties.step": pa.array(some(0.5, 1, 2**62)),
        "properties.gift": pa.array(some(0.5, True, False)),
        "properties.order_id": pa.array(some(0.1, *[f"o{number}" for number in range(3000)])),
        "properties.word": pa.array(some(0.9, "é", " ", "x" * 300, 'quo"te')),
        "properties.products": pa.array(some(0.2, '[{"id": 1}]', "[]")),
        "properties.nothing": pa.nulls(ROWS, pa.string()),
        "rest": pa.array(some(0.2, '{"properties.rare":1}', '{"properties.seldom":"x"}')),
    }
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def imported(log: Path, root: Path) -> list[tuple[object, ...]]:
    """Every file of a workspace into which a part of the log came, then all, then some again: what it says, arrays, rows."""
    part, again = root.with_suffix(".part.parquet"), root.with_suffix(".again.parquet")
    whole = pq.read_table(log)
    pq.write_table(whole.slice(1_000, 2_500), part)
    more = {
        "messageId": [f"x{n}" for n in range(900)],
        "userId": ["x", None, "y"] * 300,
        "properties.order_id": [None] * 900,
        "anonymousId": [None] * 900,
    }
    news = whole.slice(0, 900)
    for name, values in more.items():
        news = news.set_column(news.schema.get_field_index(name), name, pa.array(values, pa.string()))
    pq.write_table(pa.concat_tables([whole.slice(0, 700), news]), again)
    with periplus.init(root, shards=4, threads=2) as shop:
        shop.import_file(part)
        shop.import_file(log)
        assert shop.import_file(again).duplicate == 700
        listed = [files.load(root, name) for name in manifest.read(root).files]
        found = []
        for file in listed:
            told = asdict(file) | {"root": None}
            for known in told["properties"].values():
                # of equally frequent ones either may come first, or be left out
                known["values"] = sorted(known["values"]) if len(known["values"]) < 40 else 40
            hot = {
                path.name: np.load(path).tolist()
                for path in sorted(file.path.parent.glob(f"{file.path.stem}.*.npy"))
                if ".coded-" not in path.name
            }
            with door.opened() as connection:
                said = connection.execute(f"DESCRIBE FROM '{file.path}'").fetchall()
                rows = connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM '{file.path}'").fetchall()
            found.append((json.dumps(told, sort_keys=True), hot, said, rows))
        return found


def sorted_by_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for room in ("fits", "fits_in_turn"):
        monkeypatch.setattr(taken, room, lambda connection, pieces: False)


def not_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    execute = stage.execute
    monkeypatch.setattr(stage, "execute", lambda *given, lend: execute(*given))


@pytest.fixture(scope="module")
def expected(log: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[object, ...]]:
    """What DuckDB sorts out of files that were staged whole."""
    with pytest.MonkeyPatch.context() as patch:
        sorted_by_the_engine(patch)
        not_lent(patch)
        return imported(log, tmp_path_factory.mktemp("shops") / "sorted")


@pytest.mark.parametrize(
    "way", ["taken", "taken of memory", "taken one by one", "taken of what is staged", "sorted by the engine"]
)
def test_all_ways_give_the_same_files(
    way: str, log: Path, expected: list[tuple[object, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "taken one by one":
        monkeypatch.setattr(taken, "fits", lambda connection, pieces: False)
    if way == "sorted by the engine":
        sorted_by_the_engine(monkeypatch)
    if way == "taken of memory":
        monkeypatch.setattr(origin, "LEAST", 0)
    if way == "taken of what is staged":
        not_lent(monkeypatch)
    monkeypatch.setattr(taken, "ROW_GROUP", 1_000)
    monkeypatch.setattr(staged_column, "MANY", 100)
    monkeypatch.setattr(order, "FEW", 100)
    lenders = []
    arranged = taken.arranged
    monkeypatch.setattr(
        taken, "arranged", lambda *given: lenders.extend(piece.lent for piece in given[2]) or arranged(*given)
    )
    found = imported(log, tmp_path / "shop")
    if way == "sorted by the engine":
        assert lenders == []
    else:  # the second of three imports carries histories over, which SQL puts together
        assert [lender is not None for lender in lenders] == [way != "taken of what is staged"] * 2
    assert len(found) == len(expected) == 3
    assert sum(len(rows) for *_, rows in expected) >= ROWS
    for ours, theirs in zip(found, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one == other


def test_a_file_that_is_changed_while_it_is_imported_brings_nothing(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is still a whole file: what is staged of it and what is not would be of different rows."""
    path = tmp_path / "log.parquet"
    shutil.copyfile(log, path)
    admit = admission.admit

    def late(*given: Any, **more: Any) -> Any:
        pq.write_table(pq.read_table(path).slice(0, ROWS - 1), path)
        return admit(*given, **more)

    monkeypatch.setattr(admission, "admit", late)
    with periplus.init(tmp_path / "shop") as shop:
        with pytest.raises(InputError, match="was changed while it was imported"):
            shop.import_file(path)
        assert shop.batches() == []
        path.unlink()
        monkeypatch.setattr(admission, "admit", admit)
        assert shop.import_file(log).events == ROWS


def test_texts_that_are_no_text_bring_nothing(tmp_path: Path) -> None:
    """The last text of a column that is not staged; then good ones, of events that have no id."""
    rows = 5_000
    texts = pa.array([b"fine"] * (rows - 1) + [b"\xff\xfe"])
    table = pa.table(
        {
            "event": ["a"] * rows,
            "messageId": [str(number) for number in range(rows)],
            "timestamp": [10**15] * rows,
            "userId": ["u"] * rows,
            "properties.word": pa.Array.from_buffers(pa.string(), rows, texts.buffers()),
        }
    )
    pq.write_table(table, tmp_path / "log.parquet", row_group_size=2_500)
    with periplus.init(tmp_path / "shop") as shop:
        with pytest.raises(InputError, match="UTF-8"):
            shop.import_file(tmp_path / "log.parquet")
        assert shop.batches() == []
        fine = table.set_column(1, "messageId", pa.array(["", None] * (rows // 2)))
        fine = fine.set_column(4, "properties.word", pa.array(["fine", None] * (rows // 2)))
        pq.write_table(fine, tmp_path / "log.parquet")
        assert shop.import_file(tmp_path / "log.parquet").accepted == rows
        assert shop.import_file(tmp_path / "log.parquet").duplicate == rows


def test_what_has_no_room_is_sorted_by_the_engine(log: Path) -> None:
    piece = taken.Piece(log, "", 1)
    with door.opened(memory="100MB") as connection:
        assert taken.fits(connection, [piece])
    with door.opened(memory="1MB") as connection:
        assert not taken.fits(connection, [piece])


@pytest.mark.parametrize("shuffled", [0, 200, 30_000])
def test_the_order_of_rows(shuffled: int) -> None:
    """Rows in the order of time, some or all of them out of it, with ties at every rank and customers alike but for low bits."""
    random = np.random.default_rng(shuffled)
    rows = order.FEW + 10_000
    ties = [random.integers(0, most, rows) for most in (3, 40, 500, 2, 2, 2)]
    ties[2].sort()
    some = random.choice(rows, shuffled, replace=False)
    ties[2][some] = random.permutation(ties[2][some])
    section, customer, time, sequence, high, low = ties
    places = Places(
        section.astype(np.uint8), customer.astype(np.uint64) + np.uint64(1 << 63), time, sequence,
        high.astype(np.uint64), low.astype(np.uint64),
    )  # fmt: skip
    found = order.order(places)
    assert np.array_equal(np.sort(found), np.arange(rows))
    by_rank = np.stack(ties)[:, found].T.tolist()
    assert by_rank == sorted(by_rank)
