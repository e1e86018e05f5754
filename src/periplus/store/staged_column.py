"""Columns of staged events, each read whole: texts as codes where the files have them so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.errors import InputError
from periplus.store.arrays import array, missing, numbers
from periplus.store.lent import Lent, LentArrow, LentParquet

LONGEST = 1 << 31
"""Bytes of text that Arrow keeps in one array."""
_TRIED = 10_000
"""Values of a part of a column that are looked at to tell whether they recur."""
AT_ONCE = 1 << 16
"""Rows of a file that are read at once: a longer array grows by doubling, which takes twice the memory it needs."""
MANY = 1_000
"""Values of a column from which on a group of rows gets only those that occur in it."""


class ParquetColumns:
    """A Parquet file, and what its footer says of its columns; `foreign` if others wrote it, whose values are checked."""

    def __init__(self, path: Path, *, foreign: bool = False) -> None:
        self.path = path
        self.foreign = foreign
        self.footer = pq.read_metadata(path)
        self.rows: int = self.footer.num_rows

    @property
    def names(self) -> list[str]:
        """The columns there are."""
        return list(self.chunks)

    @cached_property
    def chunks(self) -> dict[str, list[pq.ColumnChunkMetaData]]:
        """What is said of each column, by group of rows."""
        groups = [self.footer.row_group(number) for number in range(self.footer.num_row_groups)]
        names = [self.footer.schema.column(place).path for place in range(self.footer.num_columns)]
        return {name: [group.column(place) for group in groups] for place, name in enumerate(names)}

    def empty(self, name: str) -> bool:
        """Whether no row has a value, as far as the footer says."""
        return all(_nulls(chunk) == chunk.num_values for chunk in self.chunks.get(name, ()))

    def filled(self, name: str) -> int | None:
        """How many rows have a value; None where the footer does not say it, or a row may have several."""
        chunks = self.chunks.get(name, ())
        nulls = [_nulls(chunk) for chunk in chunks]
        if not chunks or None in nulls or sum(chunk.num_values for chunk in chunks) != self.rows:
            return None
        return self.rows - sum(each for each in nulls if each is not None)

    def coded(self, name: str) -> bool:
        """Whether the values are texts, and codes of a dictionary."""
        chunks = self.chunks.get(name, ())
        return all(chunk.physical_type == "BYTE_ARRAY" and chunk.has_dictionary_page for chunk in chunks)

    def has_old_times(self, name: str) -> bool:
        """Whether a column has times of twelve bytes (INT96), as older programs write them, itself or inside."""
        inside = [chunks for each, chunks in self.chunks.items() if name in (each, each.split(".")[0])]
        return any(chunk.physical_type == "INT96" for chunks in inside for chunk in chunks[:1])

    def size(self, name: str) -> int:
        """Bytes of a column as it is written."""
        return sum(chunk.total_uncompressed_size for chunk in self.chunks.get(name, ()))

    def held(self, name: str) -> int:
        """Bytes that the column takes in memory, beside the codes of texts."""
        return self.size(name)

    def column(self, name: str, kind: pa.DataType) -> Iterator[pa.Array]:
        """The values of a column, in order: of the type `kind`, or as codes of such."""
        coded = pa.types.is_string(kind) and self.coded(name)
        try:
            with pq.ParquetFile(
                self.path, metadata=self.footer, memory_map=True, read_dictionary=[name] if coded else None
            ) as opened:
                for groups in spans(self.footer):
                    for chunk in opened.read_row_groups(groups, [name], use_threads=False).column(0).chunks:
                        values = chunk if coded else chunk.cast(kind)
                        yield self.checked(name, values) if self.foreign else values
        except (OSError, pa.ArrowException):
            if not self.foreign:
                raise
            raise InputError(
                f"{self.path.name} cannot be read as Parquet: its column {name} is damaged.",
                code="parquet",
                hint="Fetch the file again, or write it anew; nothing was imported.",
            ) from None

    def checked(self, name: str, chunk: pa.Array) -> pa.Array:
        """Values as others wrote them: texts are UTF-8, numbers finite, or there is none."""
        if pa.types.is_floating(chunk.type):
            import pyarrow.compute as pc  # a tenth of a second, which a command that writes no events does not wait for

            return pc.if_else(pc.is_finite(chunk), chunk, None)
        try:
            (chunk.dictionary if isinstance(chunk, pa.DictionaryArray) else chunk).validate(full=True)
        except pa.ArrowInvalid:
            raise InputError(
                f"{self.path.name} has texts in the column {name} that are not UTF-8.",
                code="parquet",
                hint="Write the file again with texts in UTF-8; nothing was imported.",
            ) from None
        return chunk


def spans(footer: pq.FileMetaData) -> Iterator[list[int]]:
    """The groups of rows of a file, as many at a time as make `AT_ONCE` rows."""
    span, rows = [], 0
    for group in range(footer.num_row_groups):
        span.append(group)
        rows += footer.row_group(group).num_rows
        if rows >= AT_ONCE:
            yield span
            span, rows = [], 0
    if span or not footer.num_row_groups:
        yield span


def _nulls(chunk: pq.ColumnChunkMetaData) -> int | None:
    told = chunk.statistics
    return told.null_count if told is not None and told.has_null_count else None


class ArrowColumns:
    """Columns of Arrow tables that stand one after another, by path (`LentArrow`)."""

    def __init__(self, lent: LentArrow) -> None:
        self.lent = lent
        self.rows: int = sum(part.table.num_rows for part in lent.parts)
        self.names = list(lent.columns)

    def _chunks(self, name: str) -> list[pa.Array]:
        if name not in self.lent.columns:
            return []
        return [
            chunk for part in self.lent.parts for chunk in part.table.column(self.lent.names[name]).chunks
        ]

    def empty(self, name: str) -> bool:
        """Whether no row has a value."""
        return all(chunk.null_count == len(chunk) for chunk in self._chunks(name))

    def filled(self, name: str) -> int | None:
        """How many rows have a value."""
        return sum(len(chunk) - int(chunk.null_count) for chunk in self._chunks(name))

    def coded(self, name: str) -> bool:
        """Whether the values are codes of a dictionary: they are not, and must fit into one array."""
        return False

    def size(self, name: str) -> int:
        """Bytes of the values."""
        return sum(chunk.nbytes for chunk in self._chunks(name))

    def held(self, name: str) -> int:
        """Bytes that the column takes in memory, beside codes."""
        return 0 if recurs(tried(self._chunks(name))) else self.size(name)

    def column(self, name: str, kind: pa.DataType) -> Iterator[pa.Array]:
        """The values of a column, in order."""
        return (chunk.cast(kind) for chunk in self._chunks(name))


class TableColumns:
    """Columns of a table as they are to be, each in one piece (`Held`)."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table
        self.rows: int = table.num_rows
        self.names: list[str] = table.column_names

    def empty(self, name: str) -> bool:
        """Whether no row has a value."""
        return name not in self.names or self.table.column(name).null_count == self.rows

    def filled(self, name: str) -> int | None:
        """How many rows have a value."""
        return self.rows - int(self.table.column(name).null_count)

    def coded(self, name: str) -> bool:
        """Whether the values are codes of a dictionary."""
        return name in self.names and pa.types.is_dictionary(self.table.schema.field(name).type)

    def size(self, name: str) -> int:
        """Bytes of the values."""
        return int(self.table.column(name).nbytes)

    def held(self, name: str) -> int:
        """Bytes that the column takes in memory more than it does already."""
        return 0

    def column(self, name: str, kind: pa.DataType) -> Iterator[pa.Array]:
        """The values of a column."""
        return (chunk if self.coded(name) else chunk.cast(kind) for chunk in self.table.column(name).chunks)


Columns = ParquetColumns | ArrowColumns | TableColumns


def lent_columns(lent: Lent) -> Columns:
    """The columns that somebody lends; those of a file that others wrote are checked."""
    if isinstance(lent, LentArrow):
        return ArrowColumns(lent)
    assert isinstance(lent, LentParquet)
    return ParquetColumns(lent.path, foreign=True)


@dataclass(frozen=True)
class Column:
    """A column of a type: its values (coded texts are a DictionaryArray), or None where no row has any.

    `rows` int64[n] says which of the values stand in the n rows that are written.
    """

    type: pa.DataType
    values: pa.Array | None
    rows: np.ndarray

    def taken(self, start: int, stop: int) -> pa.Array:
        """The values of the rows start:stop."""
        import pyarrow.compute as pc

        rows = self.rows[start:stop]
        if self.values is None:
            return pa.nulls(len(rows), self.type)
        # `rows` are places in `values`: that they are is not asked again for each group
        taken = pc.take(self.values, array(rows), boundscheck=False)
        if isinstance(taken, pa.DictionaryArray) and len(taken.dictionary) > MANY:
            return occurring(codes_of(taken), taken.dictionary)
        return taken

    def codes(self, texts: Sequence[str]) -> np.ndarray:
        """uint16[n]: the place of each row's text among `texts`; 0 where it is none of them."""
        values = pa.nulls(0, self.type) if self.values is None else self.values
        held = values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()
        place = {text: number for number, text in enumerate(texts)}
        table = np.array([*(place.get(text, 0) for text in held.dictionary.to_pylist()), 0], np.uint16)
        return np.asarray(table[codes_of(held)][self.rows])

    def frequent(self, sample: int, most: int) -> list[Any]:
        """The most frequent values of the first rows."""
        if self.values is None:
            return []
        return most_frequent(self.values.take(pa.array(self.rows[:sample])).drop_null(), most)


def most_frequent(values: pa.Array, most: int) -> list[Any]:
    """The most frequent ones of some values, none of which is missing."""
    if isinstance(values, pa.DictionaryArray):
        counts = np.bincount(np.asarray(values.indices), minlength=len(values.dictionary))
        told = values.dictionary
    else:
        counted = values.value_counts()
        counts, told = np.asarray(counted.field("counts")), counted.field("values")
    ranked = np.argsort(-counts, kind="stable")[:most]
    return list(told.take(pa.array(ranked[counts[ranked] > 0])).to_pylist())


def occurring(codes: np.ndarray, values: pa.Array) -> pa.DictionaryArray:
    """Codes with those of the values they mean that occur: what is written has them once per group of rows."""
    occurs = np.zeros(len(values) + 1, np.bool_)
    occurs[codes] = True  # -1 is the last one, which means no value
    occurs[-1] = False
    renumbered = (np.cumsum(occurs) - 1).astype(np.int32)
    renumbered[-1] = -1
    return dictionary(renumbered[codes], values.filter(array(occurs[:-1])))


def codes_of(coded: pa.DictionaryArray) -> np.ndarray:
    """int[n]: the codes of some values; -1 where there is none."""
    codes = numbers(coded.indices)
    if not coded.indices.null_count:
        return codes
    # What stands where a value is missing is anything; all of its bits set, it is -1.
    return np.asarray(codes | missing(coded.indices).astype(codes.dtype))


def read(files: Sequence[Columns], name: str, kind: pa.DataType) -> pa.Array | None:
    """The values of a column of several files, one after another; those of a file that has it not are missing.

    None where no file has a value.
    """
    if all(file.empty(name) for file in files):
        return None
    chunks = chain.from_iterable(
        [pa.nulls(file.rows, kind)] if file.empty(name) else file.column(name, kind) for file in files
    )
    if pa.types.is_string(kind) and any(file.coded(name) for file in files):
        if len(files) == 1 and isinstance(files[0], TableColumns):
            (whole,) = chunks  # its codes are those of one dictionary already
            return whole
        return unified(chunks)
    held = list(chunks)
    if (
        pa.types.is_string(kind)
        and any(isinstance(file, ArrowColumns) for file in files)
        and recurs(tried(held))
    ):
        return unified(held)
    return held[0] if len(held) == 1 else pa.chunked_array(held, kind).combine_chunks()


def recurs(values: pa.Array) -> bool:
    """Whether some values, none of which is missing, come twice on average."""
    import pyarrow.compute as pc

    return 2 * int(pc.count_distinct(values).as_py()) <= len(values)


def tried(chunks: Sequence[pa.Array]) -> pa.Array:
    """Some values of the chunks, none of them missing."""
    some = [chunk[:_TRIED].drop_null() for chunk in chunks[:: max(1, len(chunks) // 4)]]
    return pa.concat_arrays(some) if some else pa.nulls(0)


def unified(chunks: Iterable[pa.Array]) -> pa.DictionaryArray:
    """All values as codes of one dictionary; as long as there are few values, nothing is kept of a chunk but small codes."""
    texts: list[str] = []
    places: dict[str, int] = {}
    codes: list[np.ndarray] = []
    kind = pa.string()
    rest: list[pa.DictionaryArray] = []
    known = table = None
    for chunk in chunks:
        coded = chunk if isinstance(chunk, pa.DictionaryArray) else chunk.dictionary_encode()
        words = coded.dictionary
        if rest or not pa.types.is_string(words.type) or len(words) > MANY or len(texts) > MANY:
            rest.append(coded)
            continue
        if table is None or not words.equals(known):
            known = words
            for word in words.to_pylist():
                if word is not None and word not in places:
                    places[word] = len(texts)
                    texts.append(word)
            table = np.array([*(places.get(word, -1) for word in words.to_pylist()), -1], np.int16)
        codes.append(_translated(coded, table))
    begun = []
    if codes or not rest:
        found = np.concatenate([np.zeros(0, np.int16), *codes])
        if len(texts) <= 127:
            found = found.astype(np.int8)
        begun.append(dictionary(found, pa.array(texts, kind)))
    if not rest:
        return begun[0]
    wide = [each.cast(pa.dictionary(pa.int32(), rest[0].dictionary.type)) for each in begun]
    return _narrow(pa.chunked_array([*wide, *rest]).unify_dictionaries().combine_chunks())


def _translated(coded: pa.DictionaryArray, table: np.ndarray) -> np.ndarray:
    """int16[n]: what the codes of some values are by `table`; -1 where there is none."""
    codes: np.ndarray = table.take(numbers(coded.indices), mode="clip")
    if coded.indices.null_count:
        codes |= missing(coded.indices)
    return codes


def dictionary(codes: np.ndarray, values: pa.Array) -> pa.DictionaryArray:
    """Codes with what they mean; those below 0 mean that there is none."""
    absent = codes < 0
    return pa.DictionaryArray.from_arrays(array(codes, ~absent if absent.any() else None), values, safe=False)


def _narrow(whole: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values, their codes in as few bytes as they need."""
    most = len(whole.dictionary)
    if most > MANY:
        return whole
    codes = whole.indices.cast(pa.int8() if most <= 127 else pa.int16())
    return pa.DictionaryArray.from_arrays(codes, whole.dictionary)
