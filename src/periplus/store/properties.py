"""Which properties there are: for each path in how many events, of what kind, and its frequent values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from periplus.store import door

if TYPE_CHECKING:
    from periplus.store.files import EventFile
    from periplus.store.taken import Told

SAMPLE = 250_000
"""Rows a file's frequent values are taken from; as customers lie in the order of a hash, the first are a fair sample."""
FREQUENT = 40
"""How many of a property's most frequent values a file remembers, as suggestions."""
SUGGESTED = ("VARCHAR", "BOOLEAN")
"""Kinds of properties whose frequent values are remembered."""


@dataclass(frozen=True)
class PropertyInfo:
    """What the data holds under one path: its kind, in how many events, and frequent values."""

    kind: str
    events: int
    values: list[str]


def counted(connection: door.Connection, path: Path, columns: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """For each shredded path of a file: rows that have it and, for texts and booleans, the frequent values."""
    if not columns:
        return {}
    file = door.file_list([path])
    # The file's own statistics say how many rows have a column; nothing needs to be read for it.
    filled = dict(
        connection.execute(
            f"SELECT path_in_schema, sum(num_values - coalesce(stats_null_count, 0)) FROM parquet_metadata({file}) GROUP BY 1"
        ).fetchall()
    )
    found: dict[str, dict[str, Any]] = {
        column: {"rows": int(filled.get(column, 0)), "values": []} for column in columns
    }
    texts = [column for column in columns if columns[column] in SUGGESTED and found[column]["rows"]]
    if texts:
        # These are suggestions and the ground of "never seen" hints, not answers: a sample is enough.
        sampled = ", ".join(f"approx_top_k({door.quoted(column)}, {FREQUENT})" for column in texts)
        (row,) = connection.execute(
            f"SELECT {sampled} FROM (SELECT * FROM read_parquet({file}) LIMIT {SAMPLE})"
        ).fetchall()
        for column, values in zip(texts, row, strict=True):
            found[column]["values"] = _shown(values or ())
    return found


def taken(written: Told, columns: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """`counted` of a file whose columns are at hand."""
    return {
        column: {
            "rows": written.filled[column],
            "values": _shown(written.frequent.get(column, ())),
        }
        for column in columns
    }


def _shown(values: Iterable[Any]) -> list[str]:
    return [str(value)[:200] for value in values if value is not None]


def known(files: Iterable[EventFile]) -> dict[str, PropertyInfo]:
    """Every path that has a column or a place in the rest of some file, with its kind and frequent values."""
    found: dict[str, PropertyInfo] = {}
    for file in files:
        for path, kind in file.columns.items():
            seen = file.properties.get(path, {"rows": 0, "values": []})
            if not seen["rows"]:  # a column that a file has for another's sake
                continue
            before = found.get(path)
            if before is None:
                found[path] = PropertyInfo(kind, seen["rows"], list(seen["values"]))
            else:
                values = list(dict.fromkeys([*before.values, *seen["values"]]))
                kind = before.kind if before.kind == kind else "VARCHAR"
                found[path] = PropertyInfo(kind, before.events + seen["rows"], values)
        for path in file.rest or ():
            found.setdefault(path, PropertyInfo("JSON", 0, []))
    return found
