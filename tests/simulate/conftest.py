"""One simulated shop for all tests of this folder, and DuckDB over its file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from periplus.simulate import simulate

EVENTS = 150_000


@dataclass
class Shop:
    file: Path
    truth: dict[str, Any]
    db: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.db.execute(sql).fetchall()


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Shop:
    """`events` is the file, every event with its `customer` as anybody can tell customers apart.

    Who is who, found from the file alone: devices and user ids that were identified with one e-mail
    address are one customer, every other device is one of its own.
    """
    folder = tmp_path_factory.mktemp("simulated")
    simulate(folder / "shop.parquet", EVENTS, seed=7, truth=folder / "truth.json")
    db = duckdb.connect()
    db.execute("SET threads = 2")
    db.execute(f"CREATE VIEW sent AS FROM '{folder / 'shop.parquet'}'")
    db.execute(
        """
        CREATE TABLE events AS
        WITH said AS (SELECT * FROM sent WHERE type = 'identify'),
        device AS (SELECT anonymousId AS id, any_value("traits.email") AS email FROM said GROUP BY 1),
        account AS (
            SELECT userId AS id, any_value("traits.email") AS email FROM said
            WHERE userId IS NOT NULL GROUP BY 1
        )
        SELECT sent.*, coalesce(account.email, device.email, anonymousId) AS customer,
               "context.device.type" AS device
        FROM sent LEFT JOIN device ON device.id = anonymousId LEFT JOIN account ON account.id = userId
        """
    )
    yield Shop(folder / "shop.parquet", json.loads((folder / "truth.json").read_text()), db)
    db.close()
