"""Whom something means at a moment: whom it was last seen with at or before it, else first after."""

from __future__ import annotations

from periplus.store.door import Connection

ORDER = "(time, sequence, key_hi, key_lo)"
"""The order of events, as SQL."""


def spots(connection: Connection, table: str, key: str, *, sightings: str, moments: str) -> None:
    """`table` (key, time, customer): for each moment (key, time) the last sighting at or before it, else the first after."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE sighting AS {sightings}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT m.{key}, m.time, coalesce(b.customer, f.customer) AS customer "
        f"FROM (SELECT DISTINCT {key}, time FROM ({moments})) AS m "
        f"ASOF LEFT JOIN sighting AS b ON b.{key} = m.{key} AND m.time >= b.time "
        f"LEFT JOIN (SELECT {key}, arg_min(customer, time) AS customer FROM sighting GROUP BY {key}) AS f "
        f"ON f.{key} = m.{key}"
    )
