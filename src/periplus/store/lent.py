"""Columns of staged events that were not copied: they stay in the Parquet file that is imported, until its rows are written.

A staged event names the row it comes from by its `line`. A column that comes in as it stands need not be staged;
it is read from the imported file itself when the events are written. That file must then be the one it was,
which its size and time of change tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

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
    """A Parquet file that lends `columns` (with their kinds): row `line` - 1 is that of a staged event."""

    path: Path
    columns: Mapping[str, str]
    mark: tuple[int, int, int]

    def only(self, names: Collection[str]) -> Lent:
        """Some of the columns."""
        return replace(self, columns={name: kind for name, kind in self.columns.items() if name in names})

    def only_of(self, kinds: Mapping[str, str]) -> Lent:
        """The columns that are to be of the kinds they have."""
        return self.only({name for name, kind in self.columns.items() if kinds.get(name) == kind})

    def whole(self, staged: str) -> str:
        """SQL of the rows of `staged` (SQL of a relation with `line`) with the columns that are lent."""
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


@contextmanager
def unchanged(lenders: Iterable[Lent | None]) -> Iterator[None]:
    """Raise InputError if, after the block, a file is not what it was when its events were staged."""
    try:
        yield
    finally:  # also where the block failed: this is why
        for lender in lenders:
            if lender is not None and _mark(lender.path) != lender.mark:
                raise InputError(
                    f"{lender.path.name} was changed while it was imported; nothing came in.",
                    code="changed",
                    hint="Import it again when nobody writes to it.",
                )


def lent(path: Path, wanted: Mapping[str, str]) -> Lent:
    """What a file can lend of some columns with their kinds."""
    mark = _mark(path)
    schema = pq.read_schema(path)
    found = {
        name: kind
        for name, kind in wanted.items()
        if len(places := schema.get_all_field_indices(name)) == 1
        and _fits(schema.field(places[0]).type, kind)
    }
    return Lent(path, found, mark)


def _fits(held: pa.DataType, kind: str) -> bool:
    return any(test(held) for test in _AS_THEY_ARE.get(kind, ()))


def _mark(path: Path) -> tuple[int, int, int]:
    try:
        told = path.stat()
    except OSError:
        return (0, 0, 0)
    return told.st_ino, told.st_size, told.st_mtime_ns
