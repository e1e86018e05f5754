"""Lists of key and value, such as GA4's `event_params`, as columns: one for every key that occurs.

[{"key": "page", "value": {"string_value": "/"}}]   →   column `event_params.page`: "/"
"""

from __future__ import annotations

from collections.abc import Collection

from periplus.collect import csv_scan, elements, load
from periplus.collect.mapping import Unfold
from periplus.collect.opened import Workbench
from periplus.collect.rows import Seen
from periplus.event import escape
from periplus.store.door import literal, quoted

MOST = 300
"""Keys that become columns: those the mapping names, and then the most frequent ones."""


def unfold(bench: Workbench, loaded: load.Loaded, column: str, how: Unfold, wanted: Collection[str]) -> None:
    """Add the columns `COLUMN.KEY` to what is loaded; `wanted` are those that are named. Of a key given twice
    in one row the first value counts."""
    connection = bench.connection
    table = quoted(bench.fresh("unfolded"))
    values = [f"json_extract_string(e, {literal(elements.path(path))})" for path in how.value]
    connection.execute(
        f'CREATE TEMP TABLE {table} AS SELECT "row", k, arg_min(v, n) AS v FROM (SELECT "row", n, '
        f"json_extract_string(e, {literal(elements.path(how.key))}) AS k, COALESCE({', '.join(values)}) AS v "
        f'FROM (SELECT "row", unnest(x) AS e, unnest(range(len(x))) AS n FROM '
        f'(SELECT "row", {elements.listed(load.column(column))} AS x FROM {loaded.relation}))) '
        "WHERE k IS NOT NULL AND v IS NOT NULL GROUP BY ALL"
    )
    found = connection.execute(
        f"SELECT k, count(*), bit_or({_SHAPE}) FROM {table} GROUP BY k ORDER BY count(*) DESC, k"
    ).fetchall()
    named = [row for row in found if f"{column}.{escape(row[0])}" in wanted]
    others = [row for row in found if f"{column}.{escape(row[0])}" not in wanted]
    kept = [*named, *others[: max(0, MOST - len(named))]]
    if len(kept) < len(found):
        bench.warnings.append(
            f"{len(found) - len(kept):,} keys of {column} are rarer than the first {MOST} and were left out."
        )
    if not kept:
        return
    shown, seen = [], {}
    for key, count, shapes in kept:
        name = f"{column}.{escape(key)}"
        seen[name] = Seen(int(count), int(shapes))
        shown.append(f"max(v) FILTER (WHERE k = {literal(key)}) AS {load.column(name)}")
    wide = quoted(bench.fresh("unfolded"))
    connection.execute(
        f'CREATE TEMP TABLE {wide} AS SELECT "row", {", ".join(shown)} FROM {table} GROUP BY "row"'
    )
    connection.execute(f"DROP TABLE {table}")
    loaded.parts[:] = [
        f'(SELECT r.*, u.* EXCLUDE "row" FROM {loaded.relation} AS r LEFT JOIN {wide} AS u ON u."row" = r."row")'
    ]
    loaded.columns |= dict.fromkeys(seen, "VARCHAR")
    loaded.seen |= seen


_SHAPE = (
    f"CASE WHEN regexp_full_match(v, '-?(0|[1-9][0-9]{{0,17}})') THEN {csv_scan.INTEGER} "
    f"WHEN regexp_full_match(v, '-?(0|[1-9][0-9]{{0,15}})[.][0-9]+') AND strlen(v) <= 18 THEN {csv_scan.DECIMAL} "
    f"WHEN lower(v) IN ('true', 'false') THEN {csv_scan.BOOLEAN} ELSE {csv_scan.TEXT} END"
)
"""SQL: what a value looks like, as `csv_scan` tells it of the fields of a CSV file."""
