"""The files to measure with: a simulated shop as Parquet, JSONL and CSV, and a split into old and fresh."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from periplus.simulate import simulate

SEED = 1

CSV_MAPPING = """\
source: bench
tables:
- files: "*.csv"
  events:
  - event: {column: event}
    userId: user_id
    anonymousId: anonymous_id
    messageId: message_id
    email: email
    time: {column: sent_at, format: iso}
    channel: channel
    context: {device.type: device, page.path: path}
    properties:
      product_id: product_id
      category: category
      price: {column: price, type: number}
      cart_id: cart_id
      order_id: order_id
      total: {column: total, type: number}
"""


def shop(folder: Path, events: int, suffix: str) -> tuple[Path, float]:
    """The shop as a file, and the seconds its making took."""
    path = folder / f"shop-{events}{suffix}"
    simulate(path, 1, SEED)  # compiled loops are loaded before the clock starts
    begun = time.perf_counter()
    simulate(path, events, SEED)
    return path, time.perf_counter() - begun


def csv(folder: Path, parquet: Path) -> tuple[Path, Path]:
    """The events of the shop as CSV with their most used columns, and its mapping."""
    path, mapping = parquet.with_suffix(".csv"), folder / "mapping.yaml"
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            COPY (
                SELECT coalesce(event, 'Page Viewed') AS event, userId AS user_id,
                       anonymousId AS anonymous_id, messageId AS message_id, "traits.email" AS email,
                       strftime(timestamp AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') AS sent_at, channel,
                       "context.device.type" AS device, "context.page.path" AS path,
                       "properties.product_id" AS product_id, "properties.category" AS category,
                       "properties.price" AS price, "properties.cart_id" AS cart_id,
                       "properties.order_id" AS order_id, "properties.total" AS total
                FROM '{parquet}' WHERE type <> 'identify'
            ) TO '{path}' (FORMAT CSV, HEADER)
            """
        )
    mapping.write_text(CSV_MAPPING, encoding="utf-8")
    return path, mapping


def split(parquet: Path) -> tuple[Path, Path]:
    """Nineteen events of twenty, and the twentieth, spread over all customers; identities stay put."""
    old, fresh = parquet.with_suffix(".old.parquet"), parquet.with_suffix(".fresh.parquet")
    twentieth = "hash(messageId) % 20 = 0 AND type <> 'identify'"
    with duckdb.connect() as connection:
        for path, condition in ((old, f"NOT ({twentieth})"), (fresh, twentieth)):
            connection.execute(f"COPY (FROM '{parquet}' WHERE {condition}) TO '{path}' (FORMAT PARQUET)")
    return old, fresh
