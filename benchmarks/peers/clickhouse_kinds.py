"""ClickHouse's side of the other kinds (chDB), where it has a good way to say them: over a table sorted by customer.

Run by the environment of the peers as `clickhouse_kinds.py SORTED.parquet FOLDER --repeat N`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chdb import session
from measure import report, warm

DAY = 86_400_000_000
WEEK = f"intDiv(intDiv(time, {DAY}) + 3, 7)"
ENDS = "SETTINGS max_threads = 2"

RETENTION = f"""
    SELECT cohort, tupleElement(one, 1) - cohort AS after, count() AS n,
           countIf(after > 0 OR tupleElement(one, 2) > 1) AS came
    FROM (
        SELECT min(week) AS cohort, groupArray((week, n)) AS weeks FROM (
            SELECT customer, {WEEK} AS week, count() AS n FROM bench.log
            WHERE event = 'Order Completed' GROUP BY customer, week
        ) GROUP BY customer
    ) ARRAY JOIN weeks AS one WHERE after <= 8 GROUP BY cohort, after {ENDS}
"""
TREND = f"SELECT intDiv(time, {DAY}) AS day, device, uniqExact(customer) FROM bench.log GROUP BY day, device {ENDS}"
LIFECYCLE = f"""
    WITH near AS (
        SELECT week, lagInFrame(toNullable(week)) OVER w AS before, leadInFrame(toNullable(week)) OVER w AS after
        FROM (SELECT DISTINCT customer, {WEEK} AS week FROM bench.log)
        WINDOW w AS (PARTITION BY customer ORDER BY week ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    )
    SELECT week, multiIf(before IS NULL, 'new', before = week - 1, 'returning', 'resurrecting') AS state, count()
    FROM near GROUP BY week, state
    UNION ALL
    SELECT week + 1 AS gone, 'dormant' AS state, count() FROM near
    WHERE (after IS NULL OR after <> week + 1) AND week < (SELECT max({WEEK}) FROM bench.log) GROUP BY gone {ENDS}
"""


def shaped(rows: list[Any]) -> dict[str, int]:
    sizes = {str(cohort): int(n) for cohort, after, n, _ in rows if int(after) == 0}
    return sizes | {f"{cohort}+{after}": int(came) for cohort, after, _, came in rows if int(came)}


def named(rows: list[Any]) -> dict[str, int]:
    return {f"{one} {other}": int(n) for one, other, n in rows}


WAYS: dict[str, tuple[str, Callable[[list[Any]], Any]]] = {
    "retention": (RETENTION, shaped),
    "trend": (TREND, named),
    "lifecycle": (LIFECYCLE, named),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sorted")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    chdb = session.Session(str(given.folder))
    chdb.query("CREATE DATABASE bench ENGINE = Atomic")
    chdb.query(
        f"""
        CREATE TABLE bench.log ENGINE = MergeTree ORDER BY (customer, time) AS
        SELECT assumeNotNull(customer) AS customer, assumeNotNull(time) AS time,
               toLowCardinality(assumeNotNull(event)) AS event, toLowCardinality(device) AS device
        FROM file('{Path(given.sorted).resolve()}', Parquet)
        """
    )
    chdb.query("OPTIMIZE TABLE bench.log FINAL")

    def rows(sql: str) -> list[list[Any]]:
        text = str(chdb.query(sql, "JSONCompactEachRow"))
        return [json.loads(line) for line in text.splitlines() if line]

    found: dict[str, Any] = {}
    for name, (sql, shape) in WAYS.items():
        seconds, answer = warm(lambda run, sql=sql: rows(sql), given.repeat)
        found[name] = {"seconds": seconds, "answer": shape(answer), "from": "table"}
    chdb.close()
    shutil.rmtree(given.folder, ignore_errors=True)
    report(found)


if __name__ == "__main__":
    main()
