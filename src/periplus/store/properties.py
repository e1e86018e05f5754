"""Which properties there are: for each path in how many events, of what kind, and its frequent values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from periplus.store import door

if TYPE_CHECKING:
    from periplus.store.files import EventFile

SAMPLE = 250_000
"""Rows a file's frequent values are taken from; as customers lie in the order of a hash, the first are a fair sample."""
FREQUENT = 40
"""How many of a property's most frequent values a file remembers, as suggestions."""


@dataclass(frozen=True)
class PropertyInfo:
    """What the data holds under one path: its kind, in how many events, and frequent values."""

    kind: str
    events: int
    values: list[str]


def counted(
    connection: door.Connection, files_sql: str, columns: dict[str, str], rows: int
) -> dict[str, dict[str, Any]]:
    """For each shredded path: rows that have it and, for texts and booleans, the frequent values."""
    if not columns:
        return {}
    source = f"read_parquet({files_sql})"
    paths = list(columns)
    # The file's own statistics say how many rows have a column; nothing needs to be read for it.
    nulls = dict(
        connection.execute(
            f"SELECT path_in_schema, sum(coalesce(stats_null_count, 0)) FROM parquet_metadata({files_sql}) GROUP BY 1"
        ).fetchall()
    )
    found: dict[str, dict[str, Any]] = {
        path: {"rows": rows - int(nulls.get(path, 0)), "values": []} for path in paths
    }
    texts = [path for path in paths if columns[path] in ("VARCHAR", "BOOLEAN") and found[path]["rows"]]
    if texts:
        # These are suggestions and the ground of "never seen" hints, not answers: a sample is enough.
        sampled = ", ".join(f"approx_top_k({door.quoted(path)}, {FREQUENT})" for path in texts)
        (row,) = connection.execute(
            f"SELECT {sampled} FROM (SELECT * FROM {source} LIMIT {SAMPLE})"
        ).fetchall()
        for path, values in zip(texts, row, strict=True):
            found[path]["values"] = [str(value)[:200] for value in values or () if value is not None]
    return found


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
