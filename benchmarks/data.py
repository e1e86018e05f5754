"""The files to measure with: a simulated shop as Parquet, JSONL and CSV, and a split into old and fresh."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from periplus.simulate import simulate

SEED = 1

FEW_MAPPING = """\
source: bench
tables:
- files: "*.few.*"
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


def few(folder: Path, parquet: Path, form: str) -> tuple[Path, Path]:
    """The most used columns of the shop's events, as `csv` or `parquet`, and the mapping of both."""
    path, mapping = parquet.with_suffix(f".few.{form}"), folder / "mapping.yaml"
    written = {"csv": "FORMAT CSV, HEADER", "parquet": "FORMAT PARQUET, COMPRESSION ZSTD"}[form]
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
            ) TO '{path}' ({written})
            """
        )
    mapping.write_text(FEW_MAPPING, encoding="utf-8")
    return path, mapping


def split(parquet: Path) -> tuple[Path, Path]:
    """Nineteen events of twenty, and the twentieth, spread over all customers; identities stay put."""
    old, fresh = parquet.with_suffix(".old.parquet"), parquet.with_suffix(".fresh.parquet")
    twentieth = "hash(messageId) % 20 = 0 AND type <> 'identify'"
    with duckdb.connect() as connection:
        for path, condition in ((old, f"NOT ({twentieth})"), (fresh, twentieth)):
            connection.execute(f"COPY (FROM '{parquet}' WHERE {condition}) TO '{path}' (FORMAT PARQUET)")
    return old, fresh
