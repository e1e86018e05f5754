"""DuckDB's side of the other kinds: run as `duck_kinds.py SORTED.parquet DATABASE --repeat N` in a process of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from duck import best, label_sql
from kinds import MODELS
from measure import report
from questions import LAPSE, NOW, WINDOW

from periplus import clock

DAY = 86_400_000_000
WEEK = f"((time // {DAY} + 3) // 7)"
NOW_MICROS = clock.instant(NOW, clock.zone("UTC"))
SILENCE = 1800 * 1_000_000
AUTOMATIC = (
    "('Page Left', 'Exit Intended', 'Page Experienced', 'Script Failed', 'Consent Preference Updated')"
)


def retention(source: str) -> str:
    """One row per customer and week first, so that only these are joined."""
    return f"""
        WITH weeks AS (
            SELECT customer, {WEEK} AS week, count(*) AS n FROM {source}
            WHERE event = 'Order Completed' AND time <= {NOW_MICROS} GROUP BY ALL
        ),
        cohorts AS (SELECT *, min(week) OVER (PARTITION BY customer) AS cohort FROM weeks)
        SELECT cohort, week - cohort, count(*), count(*) FILTER (week > cohort OR n > 1)
        FROM cohorts WHERE week - cohort <= 8 GROUP BY ALL
    """


def retention_shape(rows: list[Any]) -> Any:
    sizes = {str(cohort): n for cohort, after, n, _ in rows if after == 0}
    return sizes | {f"{cohort}+{after}": came for cohort, after, _, came in rows if came}


def trend(source: str) -> str:
    return f"""
        SELECT time // {DAY}, device, count(DISTINCT customer) FROM {source}
        WHERE time <= {NOW_MICROS} GROUP BY ALL
    """


def timing(source: str) -> str:
    """The first view from which an order is reached in time, and the first order after it."""
    return f"""
        WITH e AS (
            SELECT customer, time, event FROM {source} WHERE event IN ('Product Viewed', 'Order Completed')
        ),
        n AS (
            SELECT customer, time, event, min(CASE WHEN event = 'Order Completed' THEN time END) OVER (
                PARTITION BY customer ORDER BY time ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS ordered
            FROM e
        ),
        b AS (
            SELECT arg_min(ordered - time, time) // 1000000 AS seconds
            FROM n WHERE event = 'Product Viewed' AND ordered - time <= {WINDOW} GROUP BY customer
        )
        SELECT quantile_cont(seconds, 0.5), quantile_cont(seconds, 0.9) FROM b
    """


def attribution(source: str) -> str:
    """Touches with the goal they lead to, their place in the path, and the path's length; then the models."""
    return f"""
        WITH e AS (
            SELECT customer, time, event, channel FROM {source} WHERE event IN ('Page Viewed', 'Order Completed')
        ),
        g AS (
            SELECT customer, time, event, channel, min(CASE WHEN event = 'Order Completed' THEN time END) OVER (
                PARTITION BY customer ORDER BY time ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS goal
            FROM e
        ),
        t AS (SELECT * FROM g WHERE event = 'Page Viewed' AND goal - time <= 30 * {DAY}),
        p AS (
            SELECT channel, row_number() OVER w AS place, count(*) OVER (PARTITION BY customer, goal) AS n,
                   pow(2, -(goal - time) / (7.0 * {DAY})) AS decayed,
                   sum(pow(2, -(goal - time) / (7.0 * {DAY}))) OVER (PARTITION BY customer, goal) AS whole
            FROM t WINDOW w AS (PARTITION BY customer, goal ORDER BY time)
        )
        SELECT channel, sum((place = 1)::INT), sum((place = n)::INT), sum(1 / n),
               sum(CASE WHEN n <= 2 THEN 1 / n WHEN place IN (1, n) THEN 0.4 ELSE 0.2 / (n - 2) END),
               sum(decayed / whole)
        FROM p GROUP BY channel
    """


def attribution_shape(rows: list[Any]) -> Any:
    return {
        f"{model} {channel}": round(float(number), 4)
        for channel, *numbers in rows
        for model, number in zip(MODELS, numbers, strict=True)
        if number
    }


def lifecycle(source: str) -> str:
    return f"""
        WITH weeks AS (SELECT DISTINCT customer, {WEEK} AS week FROM {source} WHERE time <= {NOW_MICROS}),
        near AS (
            SELECT week, lag(week) OVER w AS before, lead(week) OVER w AS after
            FROM weeks WINDOW w AS (PARTITION BY customer ORDER BY week)
        )
        SELECT week, CASE WHEN before IS NULL THEN 'new' WHEN before = week - 1 THEN 'returning'
                     ELSE 'resurrecting' END, count(*) FROM near GROUP BY ALL
        UNION ALL
        SELECT week + 1, 'dormant', count(*) FROM near
        WHERE after IS DISTINCT FROM week + 1 AND week < ({NOW_MICROS} // {DAY} + 3) // 7 GROUP BY ALL
    """


def drivers(source: str) -> str:
    """The first event of each customer, the goal after it, and what was done in the hour from it."""
    return f"""
        WITH n AS (
            SELECT customer, time, event, channel, device,
                   row_number() OVER (PARTITION BY customer ORDER BY time) AS place,
                   min(time) OVER (PARTITION BY customer) AS begun
            FROM {source} WHERE time <= {NOW_MICROS}
        ),
        s AS (
            SELECT customer, min(begun) AS begun, any_value(channel) FILTER (place = 1) AS channel,
                   any_value(device) FILTER (place = 1) AS device,
                   min(time) FILTER (place > 1 AND event = 'Order Completed' AND time - begun <= 30 * {DAY}) AS goal
            FROM n GROUP BY customer HAVING min(begun) + 30 * {DAY} <= {NOW_MICROS}
        ),
        done AS (
            SELECT DISTINCT n.customer, n.event, s.goal FROM n JOIN s USING (customer)
            WHERE n.time - n.begun <= 3600000000 AND (s.goal IS NULL OR s.goal - s.begun > 3600000000)
        )
        SELECT 'channel', channel, count(*), count(goal) FROM s GROUP BY ALL
        UNION ALL SELECT 'context.device.type', device, count(*), count(goal) FROM s GROUP BY ALL
        UNION ALL SELECT 'did ' || event, 'True', count(*), count(goal) FROM done GROUP BY ALL
    """


def pattern(source: str) -> str:
    """Visits of a journey as a text of letters, searched by a regular expression."""
    ids, label = label_sql()
    letters = [chr(97 + place) for place in range(len(ids))]
    if len(ids) > 26:
        letters = [chr(0x4E00 + place) for place in range(len(ids))]
    cart, order = letters[ids.index("cart")], letters[ids.index("order")]
    first = ord(letters[0])
    return f"""
        WITH labelled AS (
            SELECT * FROM (SELECT customer, time, {label} AS step FROM {source} WHERE time <= {NOW_MICROS})
            WHERE step IS NOT NULL
        ),
        rows AS (
            SELECT customer, time, step, coalesce(time - lag(time) OVER w > {LAPSE}, true) AS opens,
                   lag(step) OVER w IS DISTINCT FROM step AS moves
            FROM labelled WINDOW w AS (PARTITION BY customer ORDER BY time)
        ),
        visits AS (
            SELECT customer, time, step, sum(opens::INT) OVER (PARTITION BY customer ORDER BY time) AS journey
            FROM rows WHERE opens OR moves
        ),
        ways AS (
            SELECT string_agg(chr({first} + step), '' ORDER BY time) AS way FROM visits GROUP BY customer, journey
        )
        SELECT count(*), count(*) FILTER (regexp_matches(way, '{cart}[^{order}]*$')) FROM ways
    """


def site(source: str) -> str:
    """Sessions by silence, then views with their place in the session."""
    return f"""
        WITH n AS (
            SELECT customer, time, event, path, channel,
                   coalesce(time - lag(time) OVER w > {SILENCE}, true) AS opens
            FROM {source} WHERE time <= {NOW_MICROS} WINDOW w AS (PARTITION BY customer ORDER BY time)
        ),
        s AS (
            SELECT customer, time, event, path, channel, sum(opens::INT) OVER (PARTITION BY customer ORDER BY time) AS visit
            FROM n
        ),
        d AS (
            SELECT customer, visit, count(*) FILTER (event NOT IN {AUTOMATIC}) AS done,
                   count(*) FILTER (event = 'Page Viewed') AS viewed,
                   min(time) FILTER (event = 'Page Viewed') AS first, max(time) FILTER (event = 'Page Viewed') AS last,
                   arg_min(channel, time) FILTER (event = 'Page Viewed' AND channel IS NOT NULL) AS channel
            FROM s GROUP BY ALL HAVING viewed > 0
        ),
        v AS (SELECT s.customer, s.visit, s.time, s.path, d.* EXCLUDE (customer, visit)
              FROM s JOIN d ON s.customer = d.customer AND s.visit = d.visit WHERE s.event = 'Page Viewed')
        SELECT 'pages', path, count(*), count(DISTINCT (customer, visit)), count(*) FILTER (time = first),
               count(*) FILTER (viewed = 1 AND done = 1), count(*) FILTER (time = last)
        FROM v GROUP BY path
        UNION ALL
        SELECT 'channels', channel, sum(viewed), count(*), count(*), count(*) FILTER (viewed = 1 AND done = 1), count(*)
        FROM d GROUP BY channel
    """


WAYS: dict[str, tuple[Callable[[str], str], Callable[[list[Any]], Any]]] = {
    "retention": (retention, retention_shape),
    "trend": (trend, lambda rows: {f"{day} {device}": n for day, device, n in rows}),
    "timing": (timing, lambda rows: [round(seconds, 3) for seconds in rows[0]]),
    "attribution": (attribution, attribution_shape),
    "lifecycle": (lifecycle, lambda rows: {f"{week} {state}": n for week, state, n in rows}),
    "drivers": (drivers, lambda rows: {f"{feature} {value}": numbers for feature, value, *numbers in rows}),
    "pattern": (pattern, lambda rows: list(rows[0])),
    "site": (site, lambda rows: {f"{name} {key}": [int(n) for n in numbers] for name, key, *numbers in rows}),
}


def _asked(sql: Callable[[str], str], source: str, run: int) -> str:
    del run
    return sql(source)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sorted")
    parser.add_argument("database", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    given.database.unlink(missing_ok=True)
    found: dict[str, Any] = {}
    with duckdb.connect(str(given.database)) as connection:
        connection.execute(f"CREATE TABLE log AS FROM '{given.sorted}'")
        for name, (sql, shape) in WAYS.items():
            sources = ["log", f"'{given.sorted}'"]
            asked = partial(_asked, sql)
            found[name] = best(connection, sources, asked, given.repeat, shape)
    given.database.unlink()
    report(found)


if __name__ == "__main__":
    main()
