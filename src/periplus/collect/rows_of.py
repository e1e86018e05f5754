"""Files that a mapping reads, of any format, behind one face: columns, what was seen of them, and `add`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from periplus.collect import keys, load, parquet
from periplus.collect.csv_file import CsvFile, Dialect
from periplus.collect.jsonl import JsonLines
from periplus.collect.load import Loaded
from periplus.collect.mapping import Format
from periplus.collect.opened import OpenFile, Workbench
from periplus.collect.origin import Origin, ParquetPart
from periplus.collect.plain import is_parquet, plain, unpacked
from periplus.collect.rows import Chunk, Damaged, Seen
from periplus.collect.tape import Wanted
from periplus.store.door import literal, quoted
from periplus.store.lent import Part


class Rows(Protocol):
    """One open file. `add` loads its rows as texts and completes `seen`."""

    file: OpenFile
    columns: list[str]
    seen: dict[str, Seen]
    leaves: bool
    """Whether values are JSON leaves, whose kinds are stored beside them as `@kind NAME`."""
    as_read: bool
    """Whether the columns that are loaded are those of the Arrow table that the rows were put into."""

    def add(
        self, bench: Workbench, loaded: Loaded, index: int, kept: Sequence[str], source: str | None,
        ids: Sequence[str] = (),
    ) -> list[Damaged]:  # fmt: skip
        """Load the columns `kept`; hash rows for `source` (None: no hashes). Returns the damaged rows.

        Rows that have all of the columns `ids`, which are some of those, need not be hashed.
        """
        ...


def opened(bench: Workbench, path: Path, format: Format) -> Rows:
    """A file in the format the mapping says, else by its first bytes and its name."""
    kind = format.type
    if kind in (None, "parquet"):
        inner = path
        if ".parquet." in path.name.lower():
            inner = bench.stack.enter_context(unpacked(path, folder=bench.scratch, progress=bench.progress))
        if kind == "parquet" or is_parquet(inner):
            return _Parquet(bench, path, inner, format)
    text = bench.stack.enter_context(
        plain(path, encoding=format.encoding, folder=bench.scratch, progress=bench.progress)
    )
    file = OpenFile(path, path.name, text.bytes, text=text.text)
    names = path.name.lower()
    if kind == "jsonl" or (
        kind is None and any(ending in names for ending in (".jsonl", ".ndjson", ".json"))
    ):
        return _Json(bench, JsonLines(text), file, format)
    dialect = Dialect(format.delimiter, format.quote, format.escape, format.header, format.null, format.skip)
    return _Csv(CsvFile(text, dialect, bench.threads), file)


class _Csv:
    leaves = False
    as_read = True

    def __init__(self, reader: CsvFile, file: OpenFile) -> None:
        self.reader, self.file = reader, file
        self.columns, self.seen = reader.columns, reader.seen

    def add(
        self, bench: Workbench, loaded: Loaded, index: int, kept: Sequence[str], source: str | None,
        ids: Sequence[str] = (),
    ) -> list[Damaged]:  # fmt: skip
        hashed = "NULL" if source is None else '(CAST("@high" AS UHUGEINT) << 64) + "@low"'
        chunks = self.reader.chunks(list(kept), source, ids)
        return _spill(bench, loaded, self.file, chunks, index, hashed, {name: quoted(name) for name in kept})


class _Json:
    leaves = True
    as_read = False

    def __init__(self, bench: Workbench, reader: JsonLines, file: OpenFile, format: Format) -> None:
        reader.discover(bench.progress)
        self.reader, self.file, self.format = reader, file, format
        self.columns, self.seen = reader.columns, reader.seen

    def add(
        self, bench: Workbench, loaded: Loaded, index: int, kept: Sequence[str], source: str | None,
        ids: Sequence[str] = (),
    ) -> list[Damaged]:  # fmt: skip
        hashed = "NULL" if source is None else f'md5_number({literal("r" + keys.sized(source))} || "@text")'
        wanted = [Wanted(name, name, "ANY") for name in kept]
        taken = {name: _unless_null(quoted(name), self.format.null) for name in kept}
        taken |= {
            f"@kind {name}": quoted(f"@kind {name}") for name in kept if f"@kind {name}" in loaded.columns
        }
        chunks = self.reader.chunks(wanted, rest=False, text_unless="" if source is not None else None)
        return _spill(bench, loaded, self.file, chunks, index, hashed, taken)


class _Parquet:
    leaves = False
    as_read = False

    def __init__(self, bench: Workbench, path: Path, inner: Path, format: Format) -> None:
        self.reader = parquet.describe(bench.connection, path, inner)
        self.format = format
        self.file = OpenFile(path, path.name, path.stat().st_size)
        self.inner = parquet.members(bench.connection, self.reader)
        self.columns = [*self.reader.types, *self.inner]
        kinds = self.reader.types | {name: kind for name, (_, kind) in self.inner.items()}
        self.seen = {name: Seen(self.reader.rows, 0, {_kind(kind): 1}) for name, kind in kinds.items()}

    def add(
        self, bench: Workbench, loaded: Loaded, index: int, kept: Sequence[str], source: str | None,
        ids: Sequence[str] = (),
    ) -> list[Damaged]:  # fmt: skip
        texts = {name: parquet.as_text(name, kind) for name, kind in self.reader.types.items()}
        hashed = "NULL::UHUGEINT" if source is None else keys.row_sql(source, texts)
        texts |= {name: parquet.text_of(sql, kind) for name, (sql, kind) in self.inner.items()}
        taken = {name: _unless_null(texts[name], self.format.null) for name in kept}
        listed = [f"{sql} AS {load.column(name)}" for name, sql in taken.items()]
        loaded.parts.append(self.reader.relation(index, ", ".join([f"{hashed} AS h", *listed])))
        columns = {name: (name, sql) for name, sql in taken.items() if name not in self.inner}
        part = ParquetPart(index, self.reader.inner)
        loaded.origins.append(Origin([part], columns) if len(columns) == len(taken) else None)
        self.file.rows = self.reader.rows
        return []


def _spill(
    bench: Workbench, loaded: Loaded, file: OpenFile, chunks: Iterable[Chunk], index: int, hashed: str,
    kept: Mapping[str, str],
) -> list[Damaged]:  # fmt: skip
    """Chunks on disk as an Arrow file, and the SQL that reads it added to what is loaded."""
    taken = load.Taken()
    batches = load.watched(chunks, taken, bench.progress, f"reading {file.name}")
    name = bench.fresh("rows")
    table = load.spilled(batches, bench.scratch / f"{name}.arrow")
    if table is not None:
        bench.connection.register(name, table)
        loaded.parts.append(load.selected(name, index, hashed, kept))
        loaded.tables.append(Part(index, 0, table))
        loaded.origins.append(Origin(loaded.tables[-1:], {each: (each, sql) for each, sql in kept.items()}))
    file.rows = taken.rows
    return taken.damaged


def _unless_null(text: str, words: Sequence[str]) -> str:
    """SQL: the text, or null where it is one of the null words or empty."""
    listed = ", ".join(literal(word) for word in {"", *words})
    return f"CASE WHEN {text} NOT IN ({listed}) THEN {text} END"


def _kind(kind: str) -> str:
    """The kind of value a Parquet type is, as JSON kinds are named."""
    if kind in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"):
        return "BIGINT"
    if kind in ("FLOAT", "DOUBLE") or kind.startswith("DECIMAL"):
        return "DOUBLE"
    if kind == "BOOLEAN":
        return "BOOLEAN"
    return "JSON" if parquet.nested(kind) else "VARCHAR"
