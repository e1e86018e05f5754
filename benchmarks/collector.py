"""The collector under load: events acknowledged a second in batches and one by one, and how long an answer takes.

    python benchmarks/collector.py [--seconds 15] [--connections 32] [--batch 100] [--workspace DIR]

`wrk` sends (Debian and others have it as a package). Server, flush and sender share the machine's cores.
Before figures are printed, every acknowledged event must be in the store.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import table

import periplus

HERE = Path(__file__).parent
COMMAND = [str(Path(sys.executable).with_name("periplus"))]
BATCHES, SINGLE, SLOWEST = 50_000, 3_000, 250
"""Events a second in batches, requests a second one by one, and milliseconds of the slowest in a hundred."""


@contextmanager
def served(workspace: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server of the workspace: its address, and its process."""
    server = subprocess.Popen(
        [*COMMAND, "serve", "--workspace", str(workspace), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert server.stdout is not None
        root = next("/".join(line.split("/")[:3]) for line in server.stdout if line.startswith("http"))
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{root}/healthz").close()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(3)  # the flush is warmed up in the background
        yield root.strip(), server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


def sent(root: str, key: str, size: int, seconds: int, connections: int) -> dict[str, Any]:
    """What wrk found, sending requests of `size` events."""
    basic = base64.b64encode(f"{key}:".encode()).decode()
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(HERE / "collector.lua"), root],
        env={**os.environ, "N": str(size), "KEY": basic},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def spent(server: int) -> tuple[float, float]:
    """Seconds of CPU the server's process has taken, and those it started (the flush); 0 where Linux does not say."""

    def of(pid: str) -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    try:
        children = [
            child
            for thread in Path(f"/proc/{server}/task").iterdir()
            for child in (thread / "children").read_text().split()
        ]
        return of(str(server)), sum(map(of, children))
    except OSError:
        return 0.0, 0.0


def measured(server: subprocess.Popen[str], root: str, key: str, size: int, asked: Any) -> dict[str, Any]:
    """`sent`, with the CPU seconds that it cost the server and the flush."""
    before = spent(server.pid)
    found = sent(root, key, size, asked.seconds, asked.connections)
    after = spent(server.pid)
    return {**found, "server": after[0] - before[0], "flush": after[1] - before[1]}


def lines(work: str, size: int, found: dict[str, Any], target: float) -> list[table.Line]:
    good = found["requests"] - found["refused"]
    rate = good * size / found["seconds"]
    note = f"p50 {found['p50']:.1f} ms, most {found['most']:.0f} ms"
    if found["server"] and good:
        note += (
            f"; server {1e6 * found['server'] / good / size:.1f} µs of CPU each, flush {found['flush']:.1f} s"
        )
    if found["refused"] or found["broken"]:
        note += f"; {found['refused']} refused, {found['broken']} broken"
    return [
        table.at_least(work, good * size, rate, target, table.rate(rate), note),
        table.at_most(f"{work}: p99", good, found["p99"], SLOWEST, f"{found['p99']:.1f} ms", " ms"),
    ]


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--seconds", type=int, default=15)
    given.add_argument("--connections", type=int, default=32)
    given.add_argument("--batch", type=int, default=100)
    given.add_argument("--workspace", type=Path, help="load this one (a copy is made); default: an empty one")
    asked = given.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: apt install wrk, or brew install wrk.")
    with tempfile.TemporaryDirectory(prefix="periplus-load-") as folder:
        path = Path(folder) / "shop"
        if asked.workspace is None:
            periplus.init(path).close()
        else:
            shutil.copytree(asked.workspace, path)
        with periplus.open(path) as ws:
            key = ws.add_source("load")
        with served(path) as (root, server):
            single = measured(server, root, key, 1, asked)
            batches = measured(server, root, key, asked.batch, asked)
            began = time.perf_counter()
        drained = time.perf_counter() - began
        with periplus.open(path) as ws:
            rows = ws.ledger_counts("load")
            accepted = sum(row["accepted"] for row in rows)
            live = next(batch for batch in ws.batches() if batch["live"])
        answered = (single["requests"] - single["refused"]) + (
            batches["requests"] - batches["refused"]
        ) * asked.batch
        if not answered <= accepted == live["events"]:
            sys.exit(f"{answered:,} were acknowledged, {accepted:,} accepted, {live['events']:,} stored")
        shown = [
            *lines("collected one by one", 1, single, SINGLE),
            *lines(f"collected in batches of {asked.batch}", asked.batch, batches, BATCHES),
            table.Line("brought in after the stop", live["events"], table.seconds(drained)),
        ]
        print(table.drawn(shown))


if __name__ == "__main__":
    main()
