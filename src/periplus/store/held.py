"""Staged events that are in memory; on disk only where somebody wants a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.store.arrays import array
from periplus.store.door import Connection, quoted
from periplus.store.files import ROW_GROUP
from periplus.store.staged_column import MANY, codes_of, occurring

_AHEAD = 2
"""Groups that are made ahead of the one that is used."""


@dataclass(frozen=True)
class Held:
    """Staged events as a table, each of whose columns is in one piece, texts that recur as codes."""

    table: pa.Table

    def lent_to(self, connection: Connection, name: str) -> str:
        """SQL of the events, as the relation `name` of a connection, with `file_row_number` as a file would have it."""
        rows = array(np.arange(len(self.table)))
        whole = self.table.append_column("file_row_number", rows)
        # DuckDB takes the pieces of a table by as many threads as there are.
        connection.register(name, pa.Table.from_batches(whole.to_batches(ROW_GROUP), whole.schema))
        return quoted(name)

    def write(self, path: Path, threads: int) -> None:
        """Write the events as Parquet that is not compressed, texts that recur as codes."""
        whole = self.table
        coded = [field.name for field in whole.schema if pa.types.is_dictionary(field.type)]
        missing = [name for name in whole.column_names if whole.column(name).null_count == len(whole)]

        def group(start: int) -> pa.Table:
            part = whole.slice(start, ROW_GROUP)
            for name in coded:
                column = part.column(name).combine_chunks()
                if len(column.dictionary) > MANY:
                    part = part.set_column(
                        part.schema.get_field_index(name),
                        name,
                        occurring(codes_of(column), column.dictionary),
                    )
            return part

        with (
            ThreadPoolExecutor(threads) as pool,
            pq.ParquetWriter(
                path,
                whole.schema,
                compression="none",
                use_dictionary=coded,
                write_statistics=missing,
                store_schema=False,
            ) as writer,
        ):
            for table in ahead(pool, group, range(0, len(whole), ROW_GROUP)):
                writer.write_table(table, row_group_size=ROW_GROUP)


def ahead(pool: ThreadPoolExecutor, made: Callable[[int], pa.Table], starts: range) -> Iterator[pa.Table]:
    """What `made` gives for each start, in order, some of them being made while one is used."""
    waiting: deque[Future[pa.Table]] = deque()
    for start in starts:
        waiting.append(pool.submit(made, start))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
