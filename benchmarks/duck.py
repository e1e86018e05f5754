"""DuckDB's side: the same answers in SQL, over the sorted Parquet and a table of its own; the faster counts.

Run as `duck.py SORTED.parquet DATABASE --repeat N` in a process of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from measure import report, warm
from questions import FUNNEL, LAPSE, NOW, WINDOW, step_sql

from periplus import clock
from periplus.maps.template import SHOP

BEFORE = "PARTITION BY customer ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"


def funnel_sql(source: str, run: int, filters: bool) -> str:
    """For each event the latest start that reaches it within the window: one window function per step.

    A later start reaches whatever an earlier one does, so the latest is enough, and the best attempt wins.
    """
    conditions = step_sql(filters, run)
    steps = " ".join(f"WHEN {condition} THEN {step}" for step, condition in enumerate(conditions))
    names = ", ".join(f"'{name}'" for name in FUNNEL)
    return f"""
        WITH e AS (
            SELECT * FROM (
                SELECT customer, time, CASE {steps} END AS step FROM {source} WHERE event IN ({names})
            )
            WHERE step IS NOT NULL
        ),
        a AS (SELECT *, max(CASE WHEN step = 0 THEN time END) OVER ({BEFORE}) AS s0 FROM e),
        b AS (
            SELECT *, max(CASE WHEN step = 1 AND time - s0 <= {WINDOW} THEN s0 END) OVER ({BEFORE}) AS s1
            FROM a
        ),
        c AS (
            SELECT *, max(CASE WHEN step = 2 AND time - s1 <= {WINDOW} THEN s1 END) OVER ({BEFORE}) AS s2
            FROM b
        ),
        d AS (
            SELECT customer, max(CASE WHEN step = 0 THEN 1
                WHEN step = 1 AND time - s0 <= {WINDOW} THEN 2
                WHEN step = 2 AND time - s1 <= {WINDOW} THEN 3
                WHEN step = 3 AND time - s2 <= {WINDOW} THEN 4 END) AS level
            FROM c GROUP BY customer
        )
        SELECT count(*) FILTER (level >= 1), count(*) FILTER (level >= 2), count(*) FILTER (level >= 3),
               count(*) FILTER (level >= 4) FROM d
    """


def transitions_sql(source: str) -> str:
    """Each transition's visits, journeys, median time between and visits of those who have been at the target before."""
    return f"""
        WITH events AS (
            SELECT customer, time, event, lag(event) OVER w AS before, lag(time) OVER w AS left_at
            FROM {source} WINDOW w AS (PARTITION BY customer ORDER BY time)
        ),
        visits AS (
            SELECT *, row_number() OVER (PARTITION BY customer, event ORDER BY time) > 1 AS returns
            FROM events WHERE before IS DISTINCT FROM event
        )
        SELECT before, event, count(*), count(DISTINCT customer), median((time - left_at) // 1000000),
               count(*) FILTER (returns)
        FROM visits WHERE before IS NOT NULL GROUP BY ALL
    """


def counted_transitions_sql(source: str) -> str:
    """Their visits alone."""
    return f"""
        SELECT event, next, count(*) FROM (
            SELECT event, lead(event) OVER (PARTITION BY customer ORDER BY time) AS next FROM {source}
        ) WHERE next <> event GROUP BY ALL
    """


def label_sql() -> tuple[list[str], str]:
    """The ids of the measured steps of the shop map, and the CASE that labels a row with their number."""
    steps = [step for stage in SHOP.stages for step in stage.steps if step.rule is not None]
    cases = [f"WHEN {_sql(step.rule)} THEN {place}" for place, step in enumerate(steps)]
    return [step.id for step in steps], f"CASE {' '.join(cases)} END"


_COLUMNS = {"context.campaign.medium": "medium", "context.page.referrer": "referrer"}


def _sql(rule: Any) -> str:
    """A rule of the shop map as SQL, as a person would write it for this table."""
    document = rule.document() if hasattr(rule, "document") else rule
    parts = []
    if "event" in document:
        names = document["event"] if isinstance(document["event"], list) else [document["event"]]
        parts.append("event IN (" + ", ".join(f"'{name}'" for name in names) + ")")
    for path, test in document.get("where", {}).items():
        parts += [_test(_COLUMNS[path], test)]
    for word, glue in (("all", " AND "), ("any", " OR ")):
        if word in document:
            parts.append("(" + glue.join(f"({_sql(part)})" for part in document[word]) + ")")
    if "not" in document:
        parts.append(f"NOT coalesce({_sql(document['not'])}, false)")
    unknown = set(document) - {"event", "where", "all", "any", "not"}
    if unknown:
        raise ValueError(f"The benchmark cannot write {unknown} as SQL.")
    return " AND ".join(parts) or "true"


def _test(column: str, test: Any) -> str:
    if not isinstance(test, dict):
        return f"{column} = '{test}'"
    found = []
    for operator, value in test.items():
        if operator == "in":
            found.append(f"{column} IN (" + ", ".join(f"'{word}'" for word in value) + ")")
        elif operator == "exists":
            found.append(f"{column} IS {'NOT ' if value else ''}NULL")
        elif operator == "matches":
            found.append(f"regexp_matches({column}, '{value}')")
        else:
            raise ValueError(f"The benchmark cannot write {operator} as SQL.")
    return " AND ".join(found)


def map_sql(source: str, label: str, goal: int, now: int) -> str:
    """Journeys by silence, visits as runs of one step, and what became of each visit.

    The first window finds where visits and journeys begin; only those rows meet the second one.
    """
    return f"""
        WITH labelled AS (
            SELECT * FROM (SELECT customer, time, {label} AS step FROM {source}) WHERE step IS NOT NULL
        ),
        rows AS (
            SELECT customer, time, step,
                   coalesce(time - lag(time) OVER w > {LAPSE}, true) AS opens,
                   lag(step) OVER w IS DISTINCT FROM step AS moves,
                   max(time) OVER (PARTITION BY customer) AS ends
            FROM labelled WINDOW w AS (PARTITION BY customer ORDER BY time)
        ),
        visits AS (
            SELECT *, sum(opens::INT) OVER w AS journey, lead(step) OVER w AS next,
                   lead(opens) OVER w AS next_opens
            FROM rows WHERE opens OR moves WINDOW w AS (PARTITION BY customer ORDER BY time)
        ),
        known AS (
            SELECT *, next IS NULL OR next_opens AS last,
                   max(CASE WHEN step = {goal} THEN time END) OVER (PARTITION BY customer, journey) AS goal
            FROM visits
        )
        SELECT step, count(*),
               count(*) FILTER (NOT last AND next > step), count(*) FILTER (NOT last AND next < step),
               count(*) FILTER (last AND goal IS NULL AND NOT (next IS NULL AND ends + {LAPSE} >= {now})),
               count(*) FILTER (last AND goal IS NOT NULL AND NOT (next IS NULL AND ends + {LAPSE} >= {now})),
               count(*) FILTER (last AND next IS NULL AND ends + {LAPSE} >= {now}),
               count(DISTINCT (customer, journey)) FILTER (time <= goal)
        FROM known GROUP BY step
    """


def best(
    connection: duckdb.DuckDBPyConnection,
    sources: list[str],
    sql: Callable[[str, int], str],
    repeat: int,
    shape: Callable[[list[Any]], Any] = sorted,
) -> dict[str, Any]:
    """The faster of the sources; they must agree, in the shape in which answers are compared."""

    def fetching(source: str) -> Callable[[int], list[tuple[Any, ...]]]:
        return lambda run: connection.execute(sql(source, run)).fetchall()

    tried = {}
    for source in sources:
        seconds, rows = warm(fetching(source), repeat)
        tried[source] = (seconds, shape(rows))
    (first, *others) = (rows for _, rows in tried.values())
    if any(rows != first for rows in others):
        raise SystemExit("DuckDB's Parquet and table disagree.")
    source = min(tried, key=lambda name: tried[name][0])
    return {"seconds": tried[source][0], "answer": first, "from": "table" if source == "log" else "Parquet"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sorted")
    parser.add_argument("database", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    given.database.unlink(missing_ok=True)
    with duckdb.connect(str(given.database)) as connection:
        connection.execute(f"CREATE TABLE log AS FROM '{given.sorted}'")
        sources = ["log", f"'{given.sorted}'"]
        found: dict[str, Any] = {}
        for name, filters in (("funnel", False), ("filters", True)):
            found[name] = best(connection, sources, partial(funnel_sql, filters=filters), given.repeat)
            found[name]["answer"] = list(found[name]["answer"][0])
        found["transitions"] = best(
            connection, sources, lambda source, _: transitions_sql(source), given.repeat
        )
        counted = best(connection, sources, lambda source, _: counted_transitions_sql(source), given.repeat)
        found["counted transitions"] = counted
        for each in (found["transitions"], counted):
            each["answer"] = {f"{a}>{b}": list(said) for a, b, *said in each["answer"]}
        ids, label = label_sql()
        now = clock.instant(NOW, clock.zone("UTC"))
        found["map"] = best(
            connection,
            sources,
            lambda source, _: map_sql(source, label, ids.index("order"), now),
            given.repeat,
        )
        found["map"]["answer"] = {ids[row[0]]: list(row[1:]) for row in found["map"]["answer"]}
    given.database.unlink()
    report(found)


if __name__ == "__main__":
    main()
