"""Flat Parquet: Segment events with one column per flattened path, as our own simulator and export write.

Columns are the Segment names (`type`, `event`, `userId`, `timestamp` …) and paths (`properties.price`,
`context.device.type`, `traits.country`). `timestamp` and `receivedAt` are TIMESTAMP, BIGINT microseconds
or ISO text; lists and structs, and text columns that hold JSON lists, become JSON. A text column `rest`
holds a flat JSON object of further paths; columns beyond the cap, or of no known name, go there too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from periplus.collect import keys, load, parquet
from periplus.collect.opened import OpenFile, Workbench
from periplus.collect.origin import Origin, ParquetPart
from periplus.collect.recipe import Value
from periplus.collect.rows import Seen
from periplus.errors import InputError
from periplus.store.door import quoted
from periplus.store.lent import Lent, lent


@dataclass(frozen=True)
class FlatParquet:
    """A flat Parquet file as SQL: `fields` by Segment name, `paths` by path, and what else there is as a rest."""

    relation: str
    fields: dict[str, str]
    paths: dict[str, Value]
    rest: str | None
    micros: frozenset[str]
    payload: str
    counted: bool
    """Whether some row has no message id, so that equal rows must be counted."""
    lent: Lent | None
    """Paths whose columns come in as they are; None where the file is gone when its events are written."""
    origin: Origin


def opened(
    bench: Workbench, path: Path, inner: Path, source: str, *, names: tuple[str, ...], times: tuple[str, ...],
    roots: tuple[str, ...], objects: tuple[str, ...], ignored: frozenset[str], cap: int,
) -> tuple[FlatParquet, int]:  # fmt: skip
    """The file, with its number among the import's files; raises InputError if it is no file of events."""
    file = parquet.describe(bench.connection, path, inner)
    if not {"event", "type"} & set(file.types):
        raise InputError(
            f"{path.name} has neither a column `type` nor `event`: it is no file of events.",
            code="not_segment",
            hint="Give a mapping (docs/import.md).",
        )
    index = len(bench.files)
    bench.files.append(
        OpenFile(
            path,
            path.name,
            path.stat().st_size,
            file.rows,
            None,
            list(file.types),
            {c: Seen() for c in file.types},
        )
    )
    first = parquet.first_texts(bench.connection, file)
    inside: dict[str, str] = {}
    fields: dict[str, str] = {}
    paths: dict[str, Value] = {}
    micros: set[str] = set()
    others: dict[str, str] = {}
    for name, kind in file.types.items():
        column = load.column(name)
        if name.split(".", 1)[0] in ignored:
            continue
        if name in times and (moment := parquet.micros(name, kind)) is not None:
            inside[name] = moment
            micros.add(name)
            fields[name] = column
        elif name in names or name in objects or name == "rest":
            inside[name] = parquet.as_text(name, kind)
            if name != "rest":
                fields[name] = column
        else:
            inside[name] = quoted(name)
            value = (
                parquet.value(bench.connection, file, name, column, first.get(name))
                if name.startswith(tuple(r + "." for r in roots))
                else None
            )
            if value is not None and len(paths) < cap:
                paths[name] = value
            else:
                others[name] = column
    rest = load.column("rest") if file.types.get("rest") == "VARCHAR" else None
    if others:
        more = parquet.json_pieces(others)
        rest = (
            more
            if rest is None
            else f"COALESCE(substr({rest}, 1, strlen({rest}) - 1) || ',' || substr({more}, 2), {rest}, {more})"
        )
    texts = {name: parquet.as_text(name, kind) for name, kind in file.types.items() if kind != "BLOB"}
    row = keys.row_sql(source, texts)
    missing = (
        f"COALESCE({parquet.as_text('messageId', file.types['messageId'])}, '') = ''"
        if "messageId" in file.types
        else "true"
    )
    counted = not parquet.all_named(file, "messageId") and parquet.any_row(bench.connection, file, missing)
    hashed = f"CASE WHEN {missing} THEN {row} END" if counted else "NULL::UHUGEINT"
    listed = [f"{sql} AS {load.column(name)}" for name, sql in inside.items()]
    relation = file.relation(index, ", ".join([f"{hashed} AS h", *listed]))
    payload = parquet.json_pieces(
        {
            name: load.column(name)
            for name in file.types
            if file.types[name] != "BLOB" and name.split(".", 1)[0] not in ignored
        }
    )
    origin = Origin([ParquetPart(index, inner)], {name: (name, sql) for name, sql in inside.items()})
    lender = None
    if inner == path:
        plain = {name: value.kind for name, value in paths.items() if value.sql in _plain(load.column(name))}
        lender = lent(path, plain)
    return FlatParquet(
        relation, fields, paths, rest, frozenset(micros), payload, counted, lender, origin
    ), index


def _plain(column: str) -> tuple[str, ...]:
    """How the SQL of a value reads that is the column's own, as `parquet.value` has it."""
    return column, f"CAST({column} AS VARCHAR)", f"CASE WHEN isfinite({column}) THEN {column} END"
