"""Parquet files: what columns they have, and how DuckDB reads them as texts or as values of a kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from periplus.collect.asked import one
from periplus.collect.plain import empty, is_parquet
from periplus.collect.recipe import Value
from periplus.errors import InputError, PeriplusError
from periplus.event import escape
from periplus.store.door import Connection, EngineError, explain, file_list, first_line, literal, quoted
from periplus.store.staged import ROW_BITS
from periplus.store.staged_column import ParquetColumns

_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_LARGE = {"UBIGINT", "HUGEINT", "UHUGEINT"}
_DECIMALS = {"FLOAT", "DOUBLE"}
_ZONED = {"TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS"}
SAMPLE = 1000
DEEPEST, MOST_MEMBERS = 6, 2000
"""Structs in structs that are followed, and values inside them that get a path."""


@dataclass(frozen=True)
class ParquetFile:
    """An open Parquet file: its columns with their DuckDB types, and how many rows it has."""

    path: Path
    inner: Path
    types: dict[str, str]
    rows: int

    def relation(self, file: int, columns: str) -> str:
        """SQL: its rows with `row`, `file`, `line` (the row's number from 1), and `columns` (SQL over them)."""
        line = "file_row_number + 1"
        return (
            f'(SELECT ({file}::BIGINT << {ROW_BITS}) + {line} AS "row", {file}::INTEGER AS file, {line} AS line, '
            f"NULL::BIGINT AS start, NULL::BIGINT AS finish, {columns} "
            f"FROM read_parquet({file_list([self.inner])}, file_row_number = true))"
        )


def describe(connection: Connection, path: Path, inner: Path) -> ParquetFile:
    """What a Parquet file holds; raises InputError if it is damaged or has no rows."""
    source = f"read_parquet({file_list([inner])})"
    if inner.is_file() and not inner.stat().st_size:
        raise empty(path)
    try:
        types = {
            str(row[0]): str(row[1])
            for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        }
        counted = one(connection, f"SELECT count(*) FROM {source}")
    except EngineError as problem:
        raise InputError(
            f"{path.name} cannot be read as Parquet: {first_line(problem).replace(str(inner), path.name)}.",
            code="parquet",
            hint="It may be cut off. Nothing was imported; fetch the file again.",
        ) from None
    if not counted or not counted[0]:
        raise InputError(
            f"{path.name} has no rows.", code="empty", hint="Export it again; nothing was imported."
        )
    return ParquetFile(path, inner, types, int(counted[0]))


def explained(problem: EngineError, paths: Sequence[Path], what: str) -> PeriplusError:
    """What to say where files could not be read: which of them is damaged, if one is, else what DuckDB says."""
    told = (_damage(path) for path in paths if path.is_file())
    return next((each for each in told if each is not None), None) or explain(problem, what)


def _damage(path: Path) -> InputError | None:
    """What to say of a Parquet file some column of which cannot be read; None if all can, or it is none."""
    if not is_parquet(path):
        return None
    name = ""
    try:
        columns = ParquetColumns(path, foreign=True)
        with pq.ParquetFile(path, memory_map=True) as opened:
            for group in range(opened.metadata.num_row_groups):
                for name in opened.schema_arrow.names:
                    for chunk in opened.read_row_group(group, [name], use_threads=False).column(0).chunks:
                        if pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type):
                            columns.checked(name, chunk)
    except InputError as problem:
        return problem
    except pa.ArrowNotImplementedError:
        return None  # Arrow does not read it, others do
    except (OSError, pa.ArrowException):
        where = f"its column {name} is damaged" if name else "it is damaged"
        return InputError(
            f"{path.name} cannot be read as Parquet: {where}.",
            code="parquet",
            hint="Fetch the file again, or write it anew; nothing was imported.",
        )
    return None


def members(connection: Connection, file: ParquetFile) -> dict[str, tuple[str, str]]:
    """What lies inside structs, by its path (`device.category`), as (SQL, type); a column of that very name comes first."""
    found: dict[str, tuple[str, str]] = {}
    asked = [(escape(name), quoted(name), kind) for name, kind in file.types.items()]
    source = f"read_parquet({file_list([file.inner])})"
    for _ in range(DEEPEST):
        structs = [
            (path, sql) for path, sql, kind in asked if kind.startswith("STRUCT(") and kind.endswith(")")
        ]
        asked = []
        for path, sql in structs:
            rows = connection.execute(f"DESCRIBE SELECT unnest({sql}) FROM {source}").fetchall()
            asked += [
                (
                    f"{path}.{escape(str(row[0]))}",
                    f"struct_extract({sql}, {literal(str(row[0]))})",
                    str(row[1]),
                )
                for row in rows
            ]
        if not asked or len(found) + len(asked) > MOST_MEMBERS:
            break
        found |= {path: (sql, kind) for path, sql, kind in asked if path not in file.types}
    return found


def as_text(name: str, kind: str) -> str:
    """SQL: a column as the text a CSV file would have."""
    return text_of(quoted(name), kind)


def text_of(column: str, kind: str) -> str:
    """SQL: a value of a type as the text a CSV file would have."""
    if kind == "BLOB":
        return f"TRY_CAST({column} AS VARCHAR)"
    return (
        column
        if kind == "VARCHAR"
        else f"CAST({_json(column)} AS VARCHAR)"
        if nested(kind)
        else f"CAST({column} AS VARCHAR)"
    )


def nested(kind: str) -> bool:
    """Whether a type is a list, a struct, a map, or JSON."""
    return kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "JSON", "UNION", "VARIANT"))


def is_moment(kind: str) -> bool:
    """Whether a type is a point in time."""
    return kind.startswith(("TIMESTAMP", "DATE"))


def micros(name: str, kind: str) -> str | None:
    """SQL: a time column as BIGINT microseconds UTC; None where it is text."""
    column = quoted(name)
    if kind in _INTEGERS or kind in _LARGE:
        return f"TRY_CAST({column} AS BIGINT)"
    if is_moment(kind):
        return micros_of(column, kind)
    return f"TRY_CAST({column} AS BIGINT)" if kind in _DECIMALS else None


def value(
    connection: Connection, file: ParquetFile, name: str, column: str, first: str | None = None
) -> Value | None:
    """A column as a shredded value; `column` is the SQL by which it is reached later. None: nothing to keep.

    `first` is one of its first texts.
    """
    kind = file.types[name]
    if kind in _INTEGERS:
        return Value("BIGINT", column)
    if kind in _LARGE:
        misfit = f"CASE WHEN TRY_CAST({column} AS BIGINT) IS NULL THEN CAST({column} AS VARCHAR) END"
        return Value("BIGINT", f"TRY_CAST({column} AS BIGINT)", misfit)
    if kind in _DECIMALS:
        return Value("DOUBLE", f"CASE WHEN isfinite({column}) THEN {column} END")
    if kind.startswith("DECIMAL"):
        return Value("DOUBLE", f"CAST({column} AS DOUBLE)")
    if kind == "BOOLEAN":
        return Value("BOOLEAN", column)
    if is_moment(kind):
        moment = f"strftime(make_timestamp({micros_of(column, kind)}), '%Y-%m-%dT%H:%M:%S.%fZ')"
        return Value(
            "VARCHAR",
            f"replace({moment}, '.000000Z', 'Z')" if kind != "DATE" else f"CAST({column} AS VARCHAR)",
        )
    if nested(kind):
        return Value("JSON", _json(column))
    if kind == "VARCHAR" and _holds_lists(connection, file, name, first):
        fits = f"starts_with(ltrim({column}), '[') AND json_valid({column})"
        return Value(
            "JSON", f"CASE WHEN {fits} THEN {column} END",
            f"CASE WHEN {column} IS NOT NULL AND NOT ({fits}) THEN CAST(to_json({column}) AS VARCHAR) END",
        )  # fmt: skip
    return None if kind == "BLOB" else Value("VARCHAR", f"CAST({column} AS VARCHAR)")


def micros_of(column: str, kind: str) -> str:
    """SQL: a time value as microseconds."""
    return f"epoch_us(CAST({column} AS {'TIMESTAMPTZ' if kind in _ZONED else 'TIMESTAMP'}))"


def _json(column: str) -> str:
    return f"CAST(to_json({column}) AS VARCHAR)"


def first_texts(connection: Connection, file: ParquetFile) -> dict[str, str]:
    """A text of each column that has any in the first rows."""
    named = [name for name, kind in file.types.items() if kind == "VARCHAR"]
    if not named:
        return {}
    columns = [quoted(name) for name in named]
    found = one(
        connection,
        f"SELECT {', '.join(f'any_value({column})' for column in columns)} FROM "
        f"(SELECT {', '.join(columns)} FROM read_parquet({file_list([file.inner])}) LIMIT {SAMPLE})",
    )
    return {name: text for name, text in zip(named, found, strict=True) if text is not None}


def _holds_lists(connection: Connection, file: ParquetFile, name: str, first: str | None) -> bool:
    """Whether the first texts of a column are JSON lists, all of them; one that is not goes to the rest.

    `first` is one of them, if that is known: it says of most columns that they are none.
    """
    if first is not None and not first.lstrip(" ").startswith("["):
        return False
    column = quoted(name)
    for sample in (1, SAMPLE):
        texts, lists = one(
            connection,
            f"SELECT count(*), count(*) FILTER (WHERE starts_with(ltrim(x), '[') AND json_valid(x)) FROM "
            f"(SELECT {column} AS x FROM read_parquet({file_list([file.inner])}) WHERE {column} IS NOT NULL LIMIT {sample})",
        )
        if not texts or lists < texts:
            return False
    return True


def any_row(connection: Connection, file: ParquetFile, condition: str) -> bool:
    """Whether the condition (SQL over the columns) holds for some row."""
    return (
        condition != "false"
        and one(
            connection, f"SELECT EXISTS (FROM read_parquet({file_list([file.inner])}) WHERE {condition})"
        )[0]
    )


def all_named(file: ParquetFile, name: str) -> bool:
    """Whether the footer says that each row has a text in a column, and none a blank one: the least one is not."""
    footer = pq.read_metadata(file.inner)
    places = [place for place in range(footer.num_columns) if footer.schema.column(place).path == name]
    if len(places) != 1:
        return False
    for group in range(footer.num_row_groups):
        told = footer.row_group(group).column(places[0]).statistics
        if told is None or not told.has_null_count or told.null_count or not told.has_min_max or not told.min:
            return False
    return True


def json_pieces(columns: dict[str, str]) -> str:
    """SQL: a flat JSON object of (path, column) that are not null, or null where none is."""
    parts = []
    for path, column in columns.items():
        key = path.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(f"{literal(chr(34) + key + chr(34) + ':')} || CAST(to_json({column}) AS VARCHAR)")
    return f"NULLIF('{{' || concat_ws(',', {', '.join(parts)}) || '}}', '{{}}')"
