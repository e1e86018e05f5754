"""Rows on their way to DuckDB: chunks are spilled as Arrow files, which it then reads in place.

What is loaded has `row`, `file`, `line`, `start`, `finish` (where the row's text lies), `h` (hash of the
row) and a text column `c.NAME` for every column asked for. Nothing is copied into DuckDB here, so memory
does not grow with the file; a step that needs rows twice reads the mapped file twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc as ipc

from periplus.collect.origin import Origin
from periplus.collect.rows import Chunk, Damaged, Seen
from periplus.store.door import quoted
from periplus.store.files import os_problem
from periplus.store.lent import Part
from periplus.store.staged import ROW_BITS, Progress

FIXED = ("row", "file", "line", "start", "finish", "h")


@dataclass
class Loaded:
    """The rows of some files: `parts` are SQL, each with the fixed columns and some of `columns`."""

    columns: dict[str, str]
    """Column name to SQL type."""
    parts: list[str] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    tables: list[Part] = field(default_factory=list)
    """The rows of text files, as `parts` reads them."""
    origins: list[Origin | None] = field(default_factory=list)
    """Where the columns of each of `parts` lie; None where they are no columns of what was read."""

    @property
    def relation(self) -> str:
        """SQL: all rows, with every column (null where a file has it not)."""
        nothing = [f"NULL::{kind} AS {column(name)}" for name, kind in self.columns.items()]
        empty = (
            'SELECT NULL::BIGINT AS "row", NULL::INTEGER AS file, NULL::BIGINT AS line, NULL::BIGINT AS start, '
            f"NULL::BIGINT AS finish, NULL::UHUGEINT AS h{''.join(', ' + each for each in nothing)} WHERE false"
        )
        if len(self.parts) == 1:
            return self.parts[0]
        return f"({' UNION ALL BY NAME '.join([empty, *(f'SELECT * FROM {part}' for part in self.parts)])})"


def column(name: str) -> str:
    """The SQL of a source column of loaded rows."""
    return quoted(f"c.{name}")


def spilled(batches: Iterable[pa.RecordBatch], path: Path) -> pa.Table | None:
    """Batches written to an Arrow file and mapped back; None where there are none."""
    writer = None
    try:
        with pa.OSFile(str(path), "wb") as sink:
            for batch in batches:
                writer = writer or ipc.new_file(sink, batch.schema)
                if batch.num_rows:
                    writer.write_batch(batch)
            if writer is not None:
                writer.close()
    except OSError as problem:
        raise os_problem(problem, path) from problem
    return None if writer is None else ipc.open_file(pa.memory_map(str(path))).read_all()


def selected(name: str, file: int, row_hash: str, kept: Mapping[str, str], lines: int = 0) -> str:
    """SQL: the Arrow table registered as `name` in the form of loaded rows; `row_hash` and `kept` are SQL over it.

    `lines` stand before it in the file.
    """
    line = f'"@line" + {lines}' if lines else '"@line"'
    taken = "".join(f", {sql} AS {column(each)}" for each, sql in kept.items())
    return (
        f'(SELECT ({file}::BIGINT << {ROW_BITS}) + {line} AS "row", {file}::INTEGER AS file, {line} AS line, '
        f'"@start" AS start, "@finish" AS finish, {row_hash} AS h{taken} FROM {quoted(name)})'
    )


@dataclass
class Taken:
    """What `watched` saw go by: rows, damaged ones counted, and these."""

    rows: int = 0
    lines: int = 0
    damaged: list[Damaged] = field(default_factory=list)


def watched(
    chunks: Iterable[Chunk], taken: Taken, progress: Progress | None, what: str
) -> Iterator[pa.RecordBatch]:
    """The batches of chunks; counts and damaged rows go to `taken`, progress to whoever waits."""
    for chunk in chunks:
        taken.rows += chunk.rows.num_rows + len(chunk.damaged)
        taken.damaged += chunk.damaged
        if progress:
            progress(chunk.done, chunk.total, what)
        yield chunk.rows


def merge_seen(into: dict[str, Seen], more: Mapping[str, Seen]) -> None:
    """Add what another file showed of the same columns."""
    for name, seen in more.items():
        held = into.setdefault(name, Seen())
        held.filled += seen.filled
        held.shapes |= seen.shapes
        for kind, count in seen.kinds.items():
            held.kinds[kind] = held.kinds.get(kind, 0) + count
