"""Who is who, at scale: pairs of identifiers joined into people, and a late link between two busy customers.

    python benchmarks/identity.py [--pairs 20000000] [--events 1000000] [--only pairs,link] [--memory 4GB]

`pairs` runs the joining that every import runs (`people/components.py`) over a table of identifier pairs as texts, and
counts the people it finds against how they were made. `link` imports a simulated shop in which two customers have
10,000 events each, then one more event that says they are one, and asks the map at once.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import measure
import table
from data import SEED
from questions import NOW

import periplus
from periplus import clock
from periplus.collect.stage import stage
from periplus.people import admission, components
from periplus.simulate import simulate
from periplus.store import compiled, door

JOINED, SHOWN = 30, 3
"""Seconds within which the pairs must be joined, and the map must show the link."""
BUSY = 10_000
"""Events of each of the two customers."""
END = clock.instant(NOW, clock.zone("UTC"))


def pairs(count: int, memory: str, spill: Path) -> dict[str, float]:
    """Seconds to join `count` pairs of an e-mail and a phone: each person has two pairs, with two of one of the kinds."""
    compiled.warm()
    with door.opened(memory=memory, spill=spill) as connection:
        people = count // 2
        # 7919 is prime to the number of people as long as that is no multiple of it: neighbours in the table are strangers.
        connection.execute(
            "CREATE TEMP TABLE link AS SELECT "
            f"'0customer' || p || '.' || (p % 2 * (i // {people})) || '@mail.example' AS a, "
            f"'1+30' || (6900000000 + p * 2 + (1 - p % 2) * (i // {people})) AS b "
            f"FROM (SELECT range AS i, range * 7919 % {people} AS p FROM range({2 * people}))"
        )
        before, begun, worked = measure.peak(), time.perf_counter(), time.process_time()
        components.least(connection, "person_root", "link")
        seconds, processor = time.perf_counter() - begun, time.process_time() - worked
        values, found, least = connection.execute(
            "SELECT count(*), count(DISTINCT root), bool_and(root <= value) FROM person_root"
        ).fetchall()[0]
        if (values, found, least) != (3 * people, people, True):
            sys.exit(
                f"{people:,} people of {3 * people:,} identifiers were made; found: {found:,} of {values:,}"
            )
    return {
        "seconds": seconds,
        "processor": processor,
        "values": values,
        "peak": measure.peak(),
        "before": before,
    }


def link(events: int, folder: Path, repeat: int) -> dict[str, Any]:
    """Seconds from the event that makes two busy customers one to the map that counts them as one: median and most.

    An account and a device have BUSY events each, an hour or so apart for a year: one journey each. When the
    account signs in on the device they have one between them, so the map must have one journey less.
    """
    simulate(folder / "shop.parquet", events, SEED)
    (folder / "busy.jsonl").write_text("".join(_busy(repeat + 1)), encoding="utf-8")
    waited, admitted, written, worked = [], [], [], []
    with periplus.init(folder / "shop") as ws:
        ws.import_file(folder / "shop.parquet")
        ws.import_file(folder / "busy.jsonl", source="busy")
        question = {"kind": "map", "map": "shop", "now": NOW}
        journeys = ws.ask(question).totals["journeys"]
        for number in range(repeat + 1):
            late = folder / "late.jsonl"
            late.write_text(
                _message("identify", number, BUSY, userId=f"busy-{number}", anonymousId=f"phone-{number}")
            )
            known = set(ws.snapshot().manifest.files)
            begun, work = time.perf_counter(), time.process_time()
            with ws.home.staging() as staging:
                staged = stage(
                    [late], folder=staging, settings=ws.settings, mapping=None, source=f"late-{number}"
                )
                admission.admit(ws.home, staged, now=clock.wall())
            admitted.append(time.perf_counter() - begun)
            found = ws.ask(question).totals["journeys"]
            waited.append(time.perf_counter() - begun)
            worked.append(time.process_time() - work)
            journeys -= 1
            if found != journeys:
                sys.exit(f"the map has {found:,} journeys, and {journeys:,} are right")
            fresh = [file.rows for file in ws.snapshot().files if file.name not in known]
            written.append(sum(fresh))
        rows = sum(file.rows for file in ws.snapshot().files)
    return {
        "seconds": statistics.median(waited[1:]),
        "most": max(waited[1:]),
        "admitted": statistics.median(admitted[1:]),
        "processor": statistics.median(worked[1:]),
        "written": max(written),
        "rows": rows,
    }


def _busy(count: int) -> Iterator[str]:
    for number in range(count):
        for place in range(BUSY):
            yield _message("track", number, place, event="Product Viewed", userId=f"busy-{number}")
            yield _message("track", number, place, event="Product Viewed", anonymousId=f"phone-{number}")


def _message(kind: str, number: int, place: int, **said: str) -> str:
    """One message; `place` says when: BUSY of them fill a year."""
    who = said.get("userId", "") + said.get("anonymousId", "")
    time_ = clock.iso(END - (BUSY - place + number) * (365 * clock.UNITS["d"] // (BUSY + 100)))
    return json.dumps({"type": kind, "messageId": f"{who}-{place}", "timestamp": time_, **said}) + "\n"


def lines(only: set[str], asked: argparse.Namespace) -> Iterator[table.Line]:
    with tempfile.TemporaryDirectory(prefix="periplus-identity-", dir=asked.folder) as name:
        if "pairs" in only:
            found = pairs(asked.pairs, asked.memory, Path(name))
            note = (
                f"{found['processor']:.0f} s of processor; {found['values']:,} identifiers; at most "
                f"{found['peak']:,.0f} MB, {found['before']:,.0f} before"
            )
            yield table.at_most(
                "identifier pairs joined",
                asked.pairs,
                found["seconds"],
                JOINED,
                table.seconds(found["seconds"]),
                " s",
                note,
            )
        if "link" in only:
            found = link(asked.events, Path(name), asked.repeat)
            note = (
                f"most {table.seconds(found['most'])}; published after {table.seconds(found['admitted'])}; "
                f"{found['processor']:.1f} s of processor; {found['written']:,} rows written"
            )
            yield table.at_most(
                f"a late link between two customers of {BUSY:,} events, until the map has it",
                found["rows"], found["seconds"], SHOWN, table.seconds(found["seconds"]), " s", note,
            )  # fmt: skip


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--pairs", type=int, default=20_000_000)
    given.add_argument("--events", type=int, default=1_000_000)
    given.add_argument("--repeat", type=int, default=5)
    given.add_argument("--memory", default="4GB", help="the query engine's limit while pairs are joined")
    given.add_argument("--only", default="pairs,link")
    given.add_argument("--folder", type=Path, help="where to work; default: the system's for temporary files")
    asked = given.parse_args()
    only = set(asked.only.split(","))
    if unknown := only - {"pairs", "link"}:
        given.error(f"there is no figure {sorted(unknown)[0]!r}: pairs, link")
    print(table.drawn(list(lines(only, asked))))


if __name__ == "__main__":
    main()
