"""Columns that few rows have: the same values in the same rows as a column with a place for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from periplus.store.sparse_column import Sparse, SparseColumn, is_sparse, read_sparse, standing
from periplus.store.staged_column import Column, TableColumns, read

ROWS = 900


def texts(rows: int, kinds: int) -> list[str | None]:
    chance = np.random.default_rng(7)
    return [f"word {chance.integers(kinds)}" if chance.random() < 0.1 else None for _ in range(rows)]


VALUES: dict[str, tuple[pa.DataType, Any]] = {
    "few texts": (pa.string(), lambda: pa.array(texts(ROWS, 5)).dictionary_encode()),
    "many texts": (pa.string(), lambda: pa.array(texts(ROWS * 30, 3000)).dictionary_encode()),
    "plain texts": (pa.string(), lambda: pa.array(texts(ROWS, 900))),
    "numbers": (
        pa.int64(),
        lambda: pa.array([each and int(each[5:]) for each in texts(ROWS, 50)], pa.int64()),
    ),
    "fractions": (
        pa.float64(),
        lambda: pa.array([each and int(each[5:]) / 4 for each in texts(ROWS, 50)], pa.float64()),
    ),
    "flags": (
        pa.bool_(),
        lambda: pa.array([each and each == "word 1" for each in texts(ROWS, 2)], pa.bool_()),
    ),
    "one at the end": (pa.string(), lambda: pa.array([None] * (ROWS - 1) + ["word 1"]).dictionary_encode()),
    "one at the beginning": (pa.int64(), lambda: pa.array([7] + [None] * (ROWS - 1), pa.int64())),
}


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("some", [False, True], ids=["all rows", "some rows"])
def test_it_is_the_column_with_a_place_for_each_row(name: str, some: bool) -> None:
    kind, made = VALUES[name]
    values = made()
    files = [TableColumns(pa.table({"v": values})), TableColumns(pa.table({"other": [1, 2, 3]}))]
    assert is_sparse(files, "v")
    held, whole = read_sparse(files, "v", kind), read(files, "v", kind)
    assert whole is not None
    rows = np.random.default_rng(8).permutation(len(values) + 3)
    if some:
        rows = rows[: len(rows) // 2]
    back = standing(rows, held.count)
    assert back is not None
    sparse, plain = SparseColumn(kind, held, rows, back), Column(kind, whole, rows)
    size = 100
    taken = [sparse.taken(start, start + size) for start in range(0, len(rows), size)]
    assert len({each.type for each in taken}) == 1
    assert [each for part in taken for each in part.to_pylist()] == [
        each for start in range(0, len(rows), size) for each in plain.taken(start, start + size).to_pylist()
    ]
    assert held.whole().to_pylist() == whole.to_pylist()
    for sample in (0, 1, 400, len(rows)):
        assert sparse.frequent(sample, 3) == plain.frequent(sample, 3)
    if pa.types.is_string(kind):
        listed = ["word 1", "word 7", "word 2"]
        assert sparse.codes(listed).tolist() == plain.codes(listed).tolist()


def test_it_is_for_few_values() -> None:
    def sparse(values: list[int | None], more: int = 0) -> bool:
        empty = [TableColumns(pa.table({"other": pa.nulls(more)}))] if more else []
        return is_sparse([TableColumns(pa.table({"v": pa.array(values, pa.int64())})), *empty], "v")

    assert not sparse([None] * 10)
    assert sparse([1] + [None] * 4)
    assert not sparse([1, 2] + [None] * 4)
    assert sparse([1, 2], 8)


def test_a_value_that_comes_to_several_rows_has_no_one_place() -> None:
    assert standing(np.array([2, 0]), 3).tolist() == [1, -1, 0]  # type: ignore[union-attr]
    assert standing(np.array([2, 0, 2]), 3) is None
    held = Sparse(pa.array(["a", "b"]).dictionary_encode(), np.array([0, 2]), 4)
    assert held.whole().to_pylist() == ["a", None, "b", None]
