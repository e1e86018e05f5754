"""Where rows that were read lie column by column, for those who want columns and no rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.store.lent import Part
from periplus.store.staged_column import ParquetColumns, spans


class OtherError(Exception):
    """These rows, or what is said of them, are not to be had column by column."""


LEAST = 100_000
"""Rows of which whole rows are asked sooner than values."""
FEW = 8
"""Bytes of a value, on average, of a column that is written as codes and worth being read as such."""


@dataclass(frozen=True)
class ParquetPart:
    """All rows of a Parquet file, which is number `file` of the import."""

    file: int
    path: Path

    @cached_property
    def columns(self) -> ParquetColumns:
        """What its footer says, read once."""
        return ParquetColumns(self.path, foreign=True)

    @property
    def rows(self) -> int:
        return self.columns.rows

    @property
    def line(self) -> np.ndarray:
        """int64[n]: the number of each row, from 1."""
        return np.arange(1, self.rows + 1)

    def coded(self, name: str) -> bool:
        """Whether the values are read as codes: most of a column that recurs less are not in its dictionary, or all differ."""
        columns = self.columns
        return name in columns.chunks and columns.coded(name) and columns.size(name) < FEW * columns.rows

    def chunks(self, name: str) -> Iterator[pa.Array]:
        """A column as it is, texts as codes where the file has them so; raises InputError for texts that are no UTF-8."""
        columns = self.columns
        if columns.has_old_times(name):
            raise OtherError  # Arrow reads such times as nanoseconds, which end in the year 2262
        coded = [name] if self.coded(name) else None
        try:
            with pq.ParquetFile(
                self.path, metadata=columns.footer, memory_map=True, read_dictionary=coded
            ) as opened:
                for groups in spans(columns.footer):
                    held = opened.read_row_groups(groups, [name], use_threads=False)
                    if held.column_names != [name]:
                        raise OtherError  # two columns of one name, as far as large and small letters are the same to DuckDB
                    for chunk in held.column(0).chunks:
                        if _is_odd(chunk.type):
                            raise OtherError
                        yield columns.checked(name, chunk) if _is_text(chunk) else chunk
        except (
            OSError,
            pa.ArrowException,
        ):  # damaged, or of a kind that Arrow does not read: DuckDB says it, or reads it
            raise OtherError from None


@dataclass(frozen=True)
class Origin:
    """`parts` stand one after another; `columns` has, by the name of a source column, its column there and SQL over it."""

    parts: Sequence[Part | ParquetPart]
    columns: Mapping[str, tuple[str, str]]

    @property
    def rows(self) -> int:
        return sum(part.table.num_rows if isinstance(part, Part) else part.rows for part in self.parts)

    @property
    def many(self) -> bool:
        """Whether there are so many rows that it is worth looking at their distinct values."""
        return self.rows >= LEAST

    @property
    def bytes(self) -> int:
        """What all the columns that are named take, as they lie there."""
        return sum(self.size(name) for name in {base for base, _ in self.columns.values()})

    def size(self, name: str) -> int:
        """What one column takes, as it lies there."""
        found = 0
        for part in self.parts:
            if isinstance(part, Part):
                found += part.table.column(name).nbytes
            else:
                file = part.columns
                found += sum(file.size(each) for each in file.names if name in (each, each.split(".")[0]))
        return found

    def chunks(self, name: str) -> Iterator[pa.Array]:
        """The values of a column of the parts, in order; texts that are coded in a Parquet file come as codes.

        Raises InputError for texts that are not UTF-8.
        """
        for part in self.parts:
            yield from part.table.column(name).chunks if isinstance(part, Part) else part.chunks(name)

    def coded(self, name: str) -> bool:
        """Whether some values of a column come as codes."""
        return any(not isinstance(part, Part) and part.coded(name) for part in self.parts)


def _is_odd(kind: pa.DataType) -> bool:
    """Whether Arrow and DuckDB may not mean the same: intervals, times of a day, and what else somebody puts there."""
    return bool(pa.types.is_fixed_size_binary(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind))


def _is_text(chunk: pa.Array) -> bool:
    return bool(
        pa.types.is_dictionary(chunk.type)
        or pa.types.is_string(chunk.type)
        or pa.types.is_large_string(chunk.type)
    )


def merged(origins: Sequence[Origin | None]) -> Origin | None:
    """The rows of several, one after another; None where they are not read alike."""
    known = [origin for origin in origins if origin is not None]
    if not known or len(known) < len(origins) or any(each.columns != known[0].columns for each in known):
        return None
    return Origin([part for origin in known for part in origin.parts], known[0].columns)
