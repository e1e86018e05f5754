"""The flat form: one Parquet column per flattened path, `properties.products` as JSON text."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.simulate.columns import Coded, Column, Decimal, Moment, Text

_UNIQUE = ("messageId", "timestamp", "properties.order_id", "properties.review_id")


def array(column: Column) -> Any:
    """A column as an Arrow array; few different texts stay a dictionary, which Parquet writes as it is."""
    match column:
        case Coded():
            missing = column.codes < 0
            values = column.words.values
            if not isinstance(values[0], str):
                return pa.array(np.asarray(values)[column.codes], mask=missing)
            # Arrow writes bytes nobody wrote where a dictionary holds one value twice.
            place = {value: number for number, value in enumerate(dict.fromkeys(values))}
            codes = np.array([place[value] for value in values], dtype=np.int32)[column.codes]
            distinct = pa.array(list(place), pa.string())
            return pa.DictionaryArray.from_arrays(pa.array(codes, mask=missing), distinct)
        case Text():
            present = np.diff(column.offsets) > 0
            validity = pa.py_buffer(np.packbits(present, bitorder="little").tobytes())
            return pa.StringArray.from_buffers(
                len(present), pa.py_buffer(column.offsets), pa.py_buffer(column.data), validity
            )
        case Decimal():
            return pa.array(column.cents / 100, mask=column.cents < 0)
        case Moment():
            return pa.array(column.micros, pa.int64()).view(pa.timestamp("us", "UTC"))


def table(columns: list[Column]) -> Any:
    """The columns of a chunk as an Arrow table."""
    return pa.table([array(column) for column in columns], names=[column.path for column in columns])


class ParquetFile:
    """A Parquet file that takes one row group per chunk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Any = None

    def encode(self, columns: list[Column]) -> Any:
        return table(columns)

    def write(self, encoded: Any) -> None:
        if self._writer is None:
            dictionary = [name for name in encoded.schema.names if name not in _UNIQUE]
            self._writer = pq.ParquetWriter(
                self.path,
                encoded.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=dictionary,
                write_statistics=["timestamp"],
                store_schema=False,
            )
        self._writer.write_table(encoded, row_group_size=max(1, encoded.num_rows))

    def __enter__(self) -> ParquetFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
