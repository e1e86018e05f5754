"""Columns of staged Parquet files, each read whole: texts as codes where the files have them so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

LONGEST = 1 << 31
"""Bytes of text that Arrow keeps in one array."""
MANY = 1_000
"""Values of a column from which on a group of rows gets only those that occur in it."""


class StagedFile:
    """A staged Parquet file, and what its footer says of its columns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.footer = pq.read_metadata(path)
        self.rows: int = self.footer.num_rows

    @cached_property
    def chunks(self) -> dict[str, list[pq.ColumnChunkMetaData]]:
        """What is said of each column, by group of rows."""
        groups = [self.footer.row_group(number) for number in range(self.footer.num_row_groups)]
        names = [self.footer.schema.column(place).path for place in range(self.footer.num_columns)]
        return {name: [group.column(place) for group in groups] for place, name in enumerate(names)}

    def empty(self, name: str) -> bool:
        """Whether no row has a value, as far as the footer says."""
        return all(_nulls(chunk) == chunk.num_values for chunk in self.chunks.get(name, ()))

    def coded(self, name: str) -> bool:
        """Whether the values are texts, and all of them codes of a dictionary."""
        chunks = self.chunks.get(name, ())
        return all(chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page for chunk in chunks)

    @property
    def longest(self) -> int:
        """Bytes of the longest column of texts that is not coded."""
        return max((self._size(name) for name in self.chunks if not self.coded(name)), default=0)

    @property
    def needed(self) -> int:
        """Bytes that all columns take in memory, at most."""
        return sum(self._size(name) + 5 * self.rows for name in self.chunks if not self.empty(name))

    def _size(self, name: str) -> int:
        return sum(chunk.total_uncompressed_size for chunk in self.chunks[name])

    def column(self, name: str, coded: bool) -> list[pa.Array]:
        """The values of a column, in order."""
        with pq.ParquetFile(
            self.path, metadata=self.footer, memory_map=True, read_dictionary=[name] if coded else None
        ) as opened:
            return list(opened.read([name], use_threads=False).column(0).chunks)


def _nulls(chunk: pq.ColumnChunkMetaData) -> int | None:
    told = chunk.statistics
    return told.null_count if told is not None and told.has_null_count else None


@dataclass(frozen=True)
class Column:
    """A column of a type: its values (coded texts are a DictionaryArray), or None where no row has any."""

    type: pa.DataType
    values: pa.Array | None

    def numbers(self) -> np.ndarray:
        """The values of a column of numbers that every row has."""
        if self.values is None:
            return np.zeros(0, self.type.to_pandas_dtype())
        return np.array(self.values)  # a copy: compiled loops take arrays that may be written

    def taken(self, rows: pa.Array) -> pa.Array:
        """The values of some rows, in the order of `rows`."""
        if self.values is None:
            return pa.nulls(len(rows), self.type)
        taken = self.values.take(rows)
        if isinstance(taken, pa.DictionaryArray) and len(taken.dictionary) > MANY:
            return _occurring(taken)
        return taken

    def coded(self) -> pa.DictionaryArray:
        """The values as codes."""
        values = pa.nulls(0, self.type) if self.values is None else self.values
        return values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()

    def frequent(self, rows: pa.Array, most: int) -> list[Any]:
        """The most frequent values among some rows."""
        if self.values is None:
            return []
        counted = pc.value_counts(self.values.take(rows).drop_null())
        ranked = pc.array_sort_indices(counted.field("counts"), order="descending")[:most]
        return list(counted.field("values").take(ranked).to_pylist())


def _occurring(taken: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values with a dictionary of those that occur: what is written has it once per group of rows."""
    codes = np.asarray(taken.indices.fill_null(0))
    occurs = np.zeros(len(taken.dictionary), np.bool_)
    occurs[codes] = True
    renumbered = (np.cumsum(occurs) - 1).astype(np.int32)[codes]
    missing = None if not taken.null_count else np.asarray(taken.is_null())
    return pa.DictionaryArray.from_arrays(
        pa.array(renumbered, mask=missing), taken.dictionary.filter(pa.array(occurs))
    )


def read(files: Sequence[StagedFile], name: str, kind: pa.DataType) -> Column:
    """A column of several files, one after another; one that a file has not is empty there."""
    if all(file.empty(name) for file in files):
        return Column(kind, None)
    coded = pa.types.is_string(kind) and all(file.coded(name) for file in files)
    chunks: list[pa.Array] = []
    for file in files:
        if file.empty(name):
            chunks.append(pa.nulls(file.rows, pa.dictionary(pa.int32(), kind) if coded else kind))
        else:
            chunks += [chunk if coded else chunk.cast(kind) for chunk in file.column(name, coded)]
    values = pa.chunked_array(chunks)
    if not coded:
        return Column(kind, values.combine_chunks())
    whole = values.unify_dictionaries().combine_chunks()
    return Column(kind, _narrow(whole))


def _narrow(whole: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values, their codes in as few bytes as they need."""
    most = len(whole.dictionary)
    if most > MANY:
        return whole
    codes = whole.indices.cast(pa.int8() if most <= 127 else pa.int16())
    return pa.DictionaryArray.from_arrays(codes, whole.dictionary)
