"""Everything that the files of a workspace hold, decoded: what a search through their bytes would not find.

Parquet: every value, dictionary pages whole, statistics, schema and metadata. SQLite: every row, and the pages as they
are, free ones and the log included. Arrays as numbers. Everything else as text, JSON also with its escapes undone.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def places(root: Path, words: Iterable[str], numbers: Iterable[int] = ()) -> list[str]:
    """Where one of the words (in any case of letters), or of the 64-bit numbers, stands in a file of the workspace."""
    wanted = {word.casefold() for word in words}
    known = np.array(sorted(set(numbers)), np.uint64)
    found = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        name = str(path.relative_to(root))
        found += [f"{name}: {word} in its name" for word in wanted if word in name.casefold()]
        for what, text in _texts(path):
            folded = text.casefold()
            found += [f"{name} {what}: {word}" for word in wanted if word in folded]
        found += [f"{name} {what}: {number}" for what, number in _numbers(path, known)]
    return found


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    raw = path.read_bytes()
    yield "bytes", raw.decode("utf-8", "replace")
    if path.suffix == ".parquet":
        yield from _parquet(path)
    elif path.suffix == ".db" and raw:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            yield "rows", "\n".join(database.iterdump())
            for (table,) in database.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table'"
            ).fetchall():
                for row in database.execute(f'SELECT * FROM "{table}"'):
                    yield (
                        table,
                        "\n".join(
                            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                            for value in row
                        ),
                    )
    elif path.suffix == ".json":
        yield "json", json.dumps(json.loads(raw), ensure_ascii=False)


def _parquet(path: Path) -> Iterator[tuple[str, str]]:
    file = pq.ParquetFile(path)
    yield "schema", str(file.schema_arrow) + str(file.schema) + repr(file.metadata.metadata)
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            about = file.metadata.row_group(group).column(column)
            yield f"statistics of {about.path_in_schema}", str(about.to_dict())
    coded: dict[str, bool] = {}
    for group in range(file.metadata.num_row_groups):
        for column in range(file.metadata.num_columns):
            about = file.metadata.row_group(group).column(column)
            whole = "RLE_DICTIONARY" in about.encodings or not about.num_values
            coded[about.path_in_schema] = coded.get(about.path_in_schema, True) and whole
    texts = {field.name for field in file.schema_arrow if pa.types.is_string(field.type)}
    table = pq.ParquetFile(
        path, read_dictionary=[name for name in coded if coded[name] and name in texts]
    ).read()
    for name in table.column_names:
        for chunk in table.column(name).chunks:
            values = chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk
            yield f"column {name}", "\n".join(str(value) for value in values.to_pylist() if value is not None)


def _numbers(path: Path, known: np.ndarray) -> Iterator[tuple[str, int]]:
    if path.suffix == ".npy":
        values = np.load(path)
        if values.dtype == np.uint64:
            yield from (("array", int(number)) for number in values[np.isin(values, known)])
    elif path.suffix == ".parquet":
        table = pq.ParquetFile(path).read()
        for name in table.column_names:
            if table.schema.field(name).type == pa.uint64():
                values = np.asarray(table.column(name).drop_null(), np.uint64)
                yield from ((f"column {name}", int(number)) for number in values[np.isin(values, known)])
