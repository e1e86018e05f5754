"""Files into DuckDB tables: the rows of one table of a mapping, with line numbers and row hashes.

A loaded table has `row`, `file`, `line`, `start`, `finish` (where the row's text lies), `h` and a text
column `c.NAME` for every column that is asked for. Reading runs in a thread beside DuckDB's insert.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from periplus.collect.recipe import ROW_BITS
from periplus.collect.rows import Chunk, Damaged, Seen
from periplus.store.door import Connection, quoted
from periplus.store.staged import Progress


@dataclass
class Loaded:
    """A table in DuckDB: its name, its columns in order with what was seen of them, rows by file index."""

    name: str
    columns: list[str] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    rows: dict[int, int] = field(default_factory=dict)
    damaged: int = 0


def column(name: str) -> str:
    """The SQL of a source column of a loaded table."""
    return quoted(f"c.{name}")


def create(connection: Connection, name: str, columns: Mapping[str, str]) -> Loaded:
    """An empty table of these columns (name to SQL type); add to it with `add`."""
    fixed = '"row" BIGINT, file INTEGER, line BIGINT, start BIGINT, finish BIGINT, h UHUGEINT'
    own = [f"{column(name)} {kind}" for name, kind in columns.items()]
    connection.execute(f"CREATE TEMP TABLE {quoted(name)} ({', '.join([fixed, *own])})")
    return Loaded(name, list(columns), {c: Seen() for c in columns})


def add(
    connection: Connection,
    loaded: Loaded,
    file: int,
    chunks: Iterator[Chunk],
    *,
    row_hash: str,
    kept: Mapping[str, str],
    damaged: Callable[[list[Damaged]], None],
    progress: Progress | None,
    what: str,
) -> None:
    """Insert the rows of one file: the columns `kept` and the `row_hash`, both SQL over the chunk's columns."""
    taken = "".join(f", {sql} AS {column(name)}" for name, sql in kept.items())
    sql = (
        f"INSERT INTO {quoted(loaded.name)} BY NAME SELECT ({file}::BIGINT << {ROW_BITS}) + \"@line\" AS \"row\", "
        f'{file} AS file, "@line" AS line, "@start" AS start, "@finish" AS finish, {row_hash} AS h{taken} FROM chunk'
    )
    rows = 0
    for each in ahead(chunks):
        if each.rows.num_rows:
            connection.register("chunk", pa.Table.from_batches(_halves(each.rows)))
            connection.execute(sql)
            connection.unregister("chunk")
        rows += each.rows.num_rows + len(each.damaged)
        if each.damaged:
            loaded.damaged += len(each.damaged)
            damaged(each.damaged)
        if progress:
            progress(each.done, each.total, what)
    loaded.rows[file] = rows


def ahead(chunks: Iterator[Chunk], depth: int = 2) -> Iterator[Chunk]:
    """The same chunks, made by another thread up to `depth` ahead; ends that thread if the reader stops."""
    ready: queue.Queue[Chunk | BaseException | None] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: Chunk | BaseException | None) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for chunk in chunks:
                if not put(chunk):
                    return
            put(None)
        except BaseException as problem:
            put(problem)

    worker = threading.Thread(target=make, name="periplus-reader", daemon=True)
    worker.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        worker.join()


def _halves(batch: pa.RecordBatch) -> list[pa.RecordBatch]:
    """Two batches for two threads; DuckDB reads one batch with one."""
    middle = (batch.num_rows + 1) // 2
    return [batch.slice(0, middle), batch.slice(middle)] if batch.num_rows > 4096 else [batch]


def merge_seen(into: Mapping[str, Seen], more: Mapping[str, Seen]) -> None:
    """Add what another file showed of the same columns."""
    for name, seen in more.items():
        if name in into:
            into[name].filled += seen.filled
            into[name].shapes |= seen.shapes
            for kind, count in seen.kinds.items():
                into[name].kinds[kind] = into[name].kinds.get(kind, 0) + count
