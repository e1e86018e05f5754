"""Columns of staged events that were not copied: they stay where they were read, until the rows are written.

A staged event names the row it comes from by its `file` and `line`. A column that comes in as it stands need not be
staged: it is read from the imported Parquet file itself when the events are written, which must then be the one it
was, as its size and time of change tell; or from the Arrow files that the rows of a text file were put into.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.errors import InputError
from periplus.store import door

_AS_THEY_ARE = {
    "VARCHAR": (pa.types.is_string, pa.types.is_large_string),
    "BIGINT": (pa.types.is_integer,),
    "DOUBLE": (pa.types.is_floating,),
    "BOOLEAN": (pa.types.is_boolean,),
}
"""What a column's Arrow type must be, by the kind it comes in as."""


@dataclass(frozen=True)
class Lent:
    """A place that lends `columns` (with their kinds) to staged events."""

    columns: Mapping[str, str]

    def only(self, names: Collection[str]) -> Self:
        """Some of the columns."""
        return replace(self, columns={name: kind for name, kind in self.columns.items() if name in names})

    def only_of(self, kinds: Mapping[str, str]) -> Self:
        """The columns that are to be of the kinds they have."""
        return self.only({name for name, kind in self.columns.items() if kinds.get(name) == kind})

    def whole(self, connection: door.Connection, staged: str) -> str:
        """SQL of the rows of `staged` (SQL of a relation with `file` and `line`) with the columns that are lent."""
        raise NotImplementedError

    def places(self, file: np.ndarray, line: np.ndarray) -> np.ndarray:
        """int64[n]: which of the values that are lent are those of staged events."""
        raise NotImplementedError

    @property
    def changed(self) -> str | None:
        """The name of the file if it is not what it was when its events were staged."""
        return None


@dataclass(frozen=True)
class LentParquet(Lent):
    """A Parquet file that is imported: row `line` - 1 is that of a staged event."""

    path: Path
    mark: tuple[int, int, int]

    def whole(self, connection: door.Connection, staged: str) -> str:
        listed = ", ".join(
            f"CASE WHEN isfinite(l.{door.quoted(name)}) THEN l.{door.quoted(name)} END::DOUBLE AS {door.quoted(name)}"
            if kind == "DOUBLE"
            else f"l.{door.quoted(name)}::{kind} AS {door.quoted(name)}"
            for name, kind in self.columns.items()
        )
        lender = f"read_parquet({door.file_list([self.path])}, file_row_number = true)"
        return (
            f"(SELECT s.*, {listed} FROM {lender} AS l JOIN {staged} AS s ON s.line = l.file_row_number + 1)"
        )

    def places(self, file: np.ndarray, line: np.ndarray) -> np.ndarray:
        found: np.ndarray = line - 1
        return found

    @property
    def changed(self) -> str | None:
        return None if _mark(self.path) == self.mark else self.path.name


@dataclass(frozen=True)
class Part:
    """Rows of file number `file` in an Arrow table; `@line` says which, less the `lines` that stand before."""

    file: int
    lines: int
    table: pa.Table

    @property
    def line(self) -> np.ndarray:
        """int64[n]: the line of each row, which rises."""
        found: np.ndarray = np.asarray(self.table.column("@line")) + self.lines
        return found


@dataclass(frozen=True)
class LentArrow(Lent):
    """Rows of text files that were read into Arrow tables, one after another; `names` are their columns by path."""

    parts: Sequence[Part]
    names: Mapping[str, str]

    def whole(self, connection: door.Connection, staged: str) -> str:
        selects = []
        for part in self.parts:
            name = f"lent {id(part.table)}"
            connection.register(name, part.table)
            listed = ", ".join(
                f"{door.quoted(self.names[path])}::{'VARCHAR' if kind == 'JSON' else kind} AS {door.quoted(path)}"
                for path, kind in self.columns.items()
            )
            selects.append(
                f'SELECT {part.file} AS lent_file, "@line" + {part.lines} AS lent_line, {listed} FROM {door.quoted(name)}'
            )
        return (
            f"(SELECT s.*, l.* EXCLUDE (lent_file, lent_line) FROM ({' UNION ALL '.join(selects)}) AS l "
            f"JOIN {staged} AS s ON s.file = l.lent_file AND s.line = l.lent_line)"
        )

    def places(self, file: np.ndarray, line: np.ndarray) -> np.ndarray:
        found = np.zeros(len(line), np.int64)
        for number in {part.file for part in self.parts}:
            first, lines, rows = 0, [], []
            for part in self.parts:
                if part.file == number:
                    lines.append(part.line)
                    rows.append(np.arange(first, first + part.table.num_rows))
                first += part.table.num_rows
            known = np.concatenate(lines)
            place = np.zeros(int(known.max(initial=0)) + 1, np.int64)
            place[known] = np.concatenate(rows)
            mine = file == number
            found[mine] = place[line[mine]]
        return found


@contextmanager
def unchanged(lenders: Iterable[Lent | None]) -> Iterator[None]:
    """Raise InputError if, after the block, a file is not what it was when its events were staged."""
    try:
        yield
    finally:  # also where the block failed: this is why
        for lender in lenders:
            if lender is not None and (name := lender.changed) is not None:
                raise InputError(
                    f"{name} was changed while it was imported; nothing came in.",
                    code="changed",
                    hint="Import it again when nobody writes to it.",
                )


def lent(path: Path, wanted: Mapping[str, str]) -> LentParquet:
    """What a Parquet file can lend of some columns with their kinds."""
    mark = _mark(path)
    schema = pq.read_schema(path)
    found = {
        name: kind
        for name, kind in wanted.items()
        if len(places := schema.get_all_field_indices(name)) == 1
        and _fits(schema.field(places[0]).type, kind)
    }
    return LentParquet(found, path, mark)


def _fits(held: pa.DataType, kind: str) -> bool:
    return any(test(held) for test in _AS_THEY_ARE.get(kind, ()))


def _mark(path: Path) -> tuple[int, int, int]:
    try:
        told = path.stat()
    except OSError:
        return (0, 0, 0)
    return told.st_ino, told.st_size, told.st_mtime_ns
