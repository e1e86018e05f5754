"""ClickHouse's side, embedded (chDB): `windowFunnel` and transitions over a table sorted by customer.

Run by the environment of the peers as `clickhouse.py SORTED.parquet FOLDER --repeat N`. Several ways of
asking are tried, and the Parquet file as well; the fastest counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chdb import session
from measure import report, warm
from questions import FUNNEL, WINDOW, step_sql


def funnel_sql(source: str, filters: bool, run: int, settings: str) -> str:
    conditions = step_sql(filters, run)
    names = ", ".join(f"'{name}'" for name in FUNNEL)
    return f"""
        SELECT countIf(level >= 1), countIf(level >= 2), countIf(level >= 3), countIf(level >= 4) FROM (
            SELECT windowFunnel({WINDOW})(toUInt64(time), {", ".join(conditions)}) AS level
            FROM {source} WHERE event IN ({names}) GROUP BY customer
        ) SETTINGS max_threads = 2{settings}
    """


def transitions_sql(source: str, by_array: bool, settings: str) -> str:
    if by_array:
        return f"""
            SELECT pair.1 AS a, pair.2 AS b, count() FROM (
                SELECT arraySort(x -> x.1, groupArray((time, event))).2 AS names,
                       arrayJoin(arrayZip(arrayPopBack(names), arrayPopFront(names))) AS pair
                FROM {source} GROUP BY customer
            ) WHERE a <> b GROUP BY a, b SETTINGS max_threads = 2{settings}
        """
    return f"""
        SELECT event AS a, next AS b, count() FROM (
            SELECT event, leadInFrame(toNullable(event)) OVER (
                PARTITION BY customer ORDER BY time ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next
            FROM {source}
        ) WHERE next IS NOT NULL AND a <> b GROUP BY a, b SETTINGS max_threads = 2{settings}
    """


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sorted")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    shutil.rmtree(given.folder, ignore_errors=True)
    chdb = session.Session(str(given.folder))
    file = f"file('{Path(given.sorted).resolve()}', Parquet)"
    chdb.query("CREATE DATABASE bench ENGINE = Atomic")
    chdb.query(
        f"""
        CREATE TABLE bench.log ENGINE = MergeTree ORDER BY (customer, time) AS
        SELECT assumeNotNull(customer) AS customer, assumeNotNull(time) AS time,
               toLowCardinality(assumeNotNull(event)) AS event, toLowCardinality(device) AS device,
               toLowCardinality(category) AS category, price, total FROM {file}
        """
    )
    chdb.query("OPTIMIZE TABLE bench.log FINAL")

    def rows(sql: str) -> list[list[Any]]:
        text = str(chdb.query(sql, "JSONCompactEachRow"))
        return [json.loads(line) for line in text.splitlines() if line]

    in_order = ", optimize_aggregation_in_order = 1"
    found: dict[str, Any] = {}
    for name, filters in (("funnel", False), ("filters", True)):
        ways = {
            "table": lambda run, f=filters: rows(funnel_sql("bench.log", f, run, "")),
            "table, in order": lambda run, f=filters: rows(funnel_sql("bench.log", f, run, in_order)),
            "Parquet": lambda run, f=filters: rows(funnel_sql(file, f, run, "")),
        }
        tried = {way: warm(call, given.repeat) for way, call in ways.items()}
        way = min(tried, key=lambda one: tried[one][0])
        answers = {tuple(map(int, answer[0])) for _, answer in tried.values()}
        if len(answers) > 1:
            raise SystemExit(f"chDB disagrees with itself: {answers}")
        found[name] = {"seconds": tried[way][0], "answer": list(answers.pop()), "from": way}
    ways = {
        "window": lambda run: rows(transitions_sql("bench.log", False, "")),
        "array": lambda run: rows(transitions_sql("bench.log", True, "")),
        "array, in order": lambda run: rows(transitions_sql("bench.log", True, in_order)),
    }
    tried = {way: warm(call, given.repeat) for way, call in ways.items()}
    way = min(tried, key=lambda one: tried[one][0])
    answer = {f"{a}>{b}": int(n) for a, b, n in tried[way][1]}
    found["transitions"] = {"seconds": tried[way][0], "answer": answer, "from": way}
    chdb.close()
    shutil.rmtree(given.folder, ignore_errors=True)
    report(found)


if __name__ == "__main__":
    main()
