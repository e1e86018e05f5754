"""Periplus' side, through `ws.ask`: run as `ours.py TASK WORKSPACE …` in a process of its own."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kinds import KINDS
from measure import report, warm
from questions import (
    NOW,
    TRANSITION,
    bench_map,
    by_product,
    filtered,
    from_cart,
    funnel,
    thirty,
    transitions,
)

import periplus
from periplus.question import Answer
from periplus.store import compiled
from periplus.workspace import Workspace


def imported(folder: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Import files one after the other into a new workspace, until the first question could be asked."""
    seconds, events = [], 0
    with periplus.init(Path(folder)) as ws:
        compiled.warm()  # as `periplus init` does on the command line, once per installation
        for file in arguments.files:
            begun = time.perf_counter()
            events += ws.import_file(file, mapping=arguments.mapping).events
            ws.snapshot()
            seconds.append(time.perf_counter() - begun)
    return {"seconds": seconds, "events": events}


def asked(folder: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The questions of the table, warm."""
    found: dict[str, Any] = {}
    repeat = arguments.repeat
    with periplus.open(Path(folder)) as ws:
        for name, question in (("funnel", funnel), ("filters", filtered)):
            seconds, answer = warm(_asking(ws, question), repeat)
            found[name] = {"seconds": seconds, "answer": [row["reached"] for row in answer.rows]}
        names = sorted(ws.snapshot().names)
        for name, asked_for in (
            ("thirty", thirty(names)),
            ("by product", by_product()),
            ("from cart", from_cart()),
            ("by cart", from_cart(breakdown="cart_id")),
        ):
            seconds, answer = warm(lambda run, asked_for=asked_for: ws.ask(asked_for), repeat)  # type: ignore[misc]
            values = len({row.get("breakdown") for row in answer.rows})
            found[name] = {"seconds": seconds, "values": values}
        seconds, answer = warm(lambda run: ws.ask(transitions(names)), repeat)
        found["transitions"] = {
            "seconds": seconds,
            "answer": {
                f"{row['source_name']}>{row['target_name']}": [row[name] for name in TRANSITION]
                for row in answer.rows
                if not row["source"].startswith("(") and not row["target"].startswith("(")
            },
        }
        document = bench_map(ws.map("shop").document())
        ask = {"kind": "map", "map": document, "now": NOW}
        seconds, answer = warm(lambda run: ws.ask(ask), repeat)
        kept = ("visits", "onward", "back", "stopped", "ended", "running", "reached")
        found["map"] = {
            "seconds": seconds,
            "answer": {row["step"]: [row[name] for name in kept] for row in answer.rows if row["visits"]},
        }
        seconds, _ = warm(lambda run: ws.ask({"kind": "map", "map": "shop"}), repeat)
        found["shop map"] = {"seconds": seconds}
        found["hot"] = hot(ws)
    return found


def _asking(ws: Workspace, question: Callable[[int], dict[str, Any]]) -> Callable[[int], Answer]:
    return lambda run: ws.ask(question(run))


def kinds(folder: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The other kinds of questions, warm."""
    found: dict[str, Any] = {}
    with periplus.open(Path(folder)) as ws:
        shop = ws.map("shop").document()
        for name, kind in KINDS.items():
            question = kind.question(shop)
            seconds, answer = warm(lambda run, question=question: ws.ask(question), arguments.repeat)  # type: ignore[misc]
            found[name] = {"seconds": seconds, "answer": kind.shape(answer)}
    return found


def hot(ws: Workspace) -> dict[str, Any]:
    """Bytes of the columns that questions on names and times walk over."""
    snapshot = ws.snapshot()
    size = events = 0
    for index in range(snapshot.shard_count):
        shard = snapshot.shard(index)
        size += sum(column.nbytes for column in (shard.time, shard.name, shard.offsets, shard.customers))
        events += len(shard.time)
    return {"bytes": size, "events": events, "files": len(snapshot.files)}


def sorted_log(folder: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The journey events as one Parquet file, sorted by customer and time, for the peers to read."""
    import duckdb

    with periplus.open(Path(folder)) as ws:
        snapshot = ws.snapshot()
        paths = [str(file.path) for file in snapshot.files]
        expected = sum(len(snapshot.shard(index).time) for index in range(snapshot.shard_count))
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            COPY (
                SELECT customer, time, event, channel,
                       "context.page.path" AS path,
                       "context.device.type" AS device,
                       "properties.category" AS category,
                       "properties.price" AS price,
                       "properties.total" AS total,
                       "context.campaign.medium" AS medium,
                       "context.page.referrer" AS referrer
                FROM read_parquet({paths}) WHERE section = 0 ORDER BY customer, time, sequence
            ) TO '{arguments.files[0]}' (FORMAT PARQUET, COMPRESSION ZSTD)
            """
        )
        found = connection.execute(f"SELECT count(*) FROM '{arguments.files[0]}'").fetchall()[0][0]
    if found != expected:
        raise SystemExit(f"The workspace has {expected} events of journeys, its files {found}.")
    return {"rows": found}


TASKS = {"import": imported, "ask": asked, "kinds": kinds, "sort": sorted_log}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("workspace")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--mapping")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    report(TASKS[given.task](given.workspace, given))
