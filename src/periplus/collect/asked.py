"""One row from DuckDB, the result finished: a pending one would block what comes next on the connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from periplus.store.door import Connection


def one(connection: Connection, sql: str, values: Sequence[object] = ()) -> tuple[Any, ...]:
    """The only row of a query that has one, such as a count."""
    (row,) = connection.execute(sql, list(values)).fetchall()
    return tuple(row)
