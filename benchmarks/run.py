"""The table of speeds: every figure Periplus means to hold, measured side by side in one run.

    python benchmarks/run.py [--events 1000000,20000000] [--only funnel,map] [--repeat 5]

Each side answers in a process of its own, from the same events sorted by customer and time, warm; the
medians are printed, and that the answers agree is checked before any time is believed. Everything made
on the way lies in bench-data/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data
import edges
from kinds import KINDS
from measure import HERE, child
from table import Line, against, at_least, at_most, drawn, rate, seconds

ROOT = HERE.parent
DATA = ROOT / "bench-data"
PEERS = DATA / "peers"
PANDAS_UP_TO = 1_000_000
"""Events that peers who work on data frames are asked about."""

Found = dict[str, Any]


class Size:
    """All that is measured at one number of events; what several figures need is made once."""

    def __init__(self, events: int, repeat: int, peers: Path | None) -> None:
        self.events, self.repeat, self.peers = events, repeat, peers
        self.folder = DATA / str(events)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._made: dict[str, Any] = {}

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._made:
            print(f"  {self.events:>11,}  {name} …", file=sys.stderr, flush=True)
            self._made[name] = make()
        return self._made[name]

    def parquet(self) -> tuple[Path, float]:
        found: tuple[Path, float] = self.once(
            "simulate Parquet", lambda: data.shop(self.folder, self.events, ".parquet")
        )
        return found

    def imported(self, name: str, files: list[Path], mapping: Path | None = None) -> Found:
        """Import into a new workspace called `name`."""

        def make() -> Found:
            shutil.rmtree(self.folder / name, ignore_errors=True)
            more = ["--mapping", mapping] if mapping else []
            return child("ours.py", ["import", self.folder / name, *files, *more])

        found: Found = self.once(f"import {name}", make)
        return found

    def base(self) -> Path:
        """The workspace most figures are taken from."""
        self.imported("parquet", [self.parquet()[0]])
        return self.folder / "parquet"

    def ours(self) -> Found:
        found: Found = self.once(
            "ask", lambda: child("ours.py", ["ask", self.base(), "--repeat", self.repeat])
        )
        return found

    def sorted(self) -> Path:
        path = self.folder / "sorted.parquet"
        self.once("sort for the peers", lambda: child("ours.py", ["sort", self.base(), path]))
        return path

    def duck(self) -> Found:
        found: Found = self.once(
            "DuckDB",
            lambda: child("duck.py", [self.sorted(), self.folder / "peer.duckdb", "--repeat", self.repeat]),
        )
        return found

    def peer(self, name: str, script: str, *more: object) -> Found | None:
        """What a peer of the other environment found; None where that could not be made."""
        if self.peers is None:
            return None
        python = str(self.peers)
        found: Found = self.once(
            name, lambda: child(script, [self.sorted(), *more, "--repeat", self.repeat], python)
        )
        return found

    def chdb(self) -> Found | None:
        return self.peer("chDB", "peers/clickhouse.py", self.folder / "chdb")

    def kinds(self) -> Found:
        found: Found = self.once(
            "the other kinds", lambda: child("ours.py", ["kinds", self.base(), "--repeat", self.repeat])
        )
        return found

    def duck_kinds(self) -> Found:
        asked = ["--repeat", self.repeat]
        found: Found = self.once(
            "DuckDB, the other kinds",
            lambda: child("duck_kinds.py", [self.sorted(), self.folder / "kinds.duckdb", *asked]),
        )
        return found

    def fresh(self) -> Found:
        old, new = self.once("split off 5 %", lambda: data.split(self.parquet()[0]))
        self.imported("fresh", [old, new])
        found: Found = self.once(
            "ask with 5 % fresh",
            lambda: child("ours.py", ["ask", self.folder / "fresh", "--repeat", self.repeat]),
        )
        return found


def agree(work: str, ours: Any, peers: Any, who: str) -> None:
    """Stop where a peer has another answer: a fast wrong number is no figure."""
    if ours != peers:
        raise SystemExit(f"{work}: Periplus and {who} disagree.\n{ours}\n{peers}")


# -- the figures ----------------------------------------------------------------------------------


def figure_simulate(size: Size) -> list[Line]:
    path, took = size.parquet()
    lines = [
        at_least("simulate to Parquet", size.events, size.events / took, 300_000, rate(size.events / took))
    ]
    if size.events <= 1_000_000:
        path, took = size.once("simulate JSONL", lambda: data.shop(size.folder, size.events, ".jsonl"))
        lines.append(
            at_least("simulate to JSONL", size.events, size.events / took, 300_000, rate(size.events / took))
        )
        path.unlink()
    return lines


def figure_import(size: Size) -> list[Line]:
    found = size.imported("parquet", [size.parquet()[0]])
    lines = [_import(size, "Parquet, 53 columns", found, 500_000)]
    texts = size.events <= 5_000_000
    for form, target in (("parquet", 500_000), *([("csv", 200_000)] if texts else [])):
        file, mapping = data.few(size.folder, size.parquet()[0], form)
        name = f"few-{form}"
        kind = f"{'CSV' if form == 'csv' else 'Parquet'}, 15 columns"
        lines.append(_import(size, kind, size.imported(name, [file], mapping), target))
        shutil.rmtree(size.folder / name)
        file.unlink()
    if texts:
        jsonl, _ = size.once("simulate JSONL", lambda: data.shop(size.folder, size.events, ".jsonl"))
        if not jsonl.exists():
            jsonl, _ = data.shop(size.folder, size.events, ".jsonl")
        lines.append(_import(size, "JSONL", size.imported("jsonl", [jsonl]), 150_000))
        shutil.rmtree(size.folder / "jsonl")
        jsonl.unlink()
    return lines


def _import(size: Size, kind: str, found: Found, target: float) -> Line:
    speed = found["events"] / found["seconds"][0]
    note = f"to queryable; most memory {found['peak_mb']:,.0f} MB"
    return at_least(f"import {kind}", size.events, speed, target, rate(speed), note)


def _funnel(size: Size, name: str, work: str, chdb_target: float, duck_target: float | None) -> list[Line]:
    ours, duck, chdb = size.ours()[name], size.duck()[name], size.chdb()
    agree(work, ours["answer"], duck["answer"], "DuckDB")
    lines = []
    if chdb is not None:
        agree(work, ours["answer"], chdb[name]["answer"], "chDB")
        lines.append(_beside(size, work, ours, chdb[name], "chDB windowFunnel", chdb_target))
    lines.append(_beside(size, work, ours, duck, "DuckDB window SQL", duck_target))
    return lines


def _beside(size: Size, work: str, ours: Found, peer: Found, name: str, target: float | None) -> Line:
    way = f", from {peer['from']}" if "from" in peer else ""
    return against(work, size.events, ours["seconds"], peer["seconds"], name, target, f"answers equal{way}")


def figure_funnel(size: Size) -> list[Line]:
    return _funnel(size, "funnel", "funnel, 4 steps, 14 days", 5, 20)


def figure_filters(size: Size) -> list[Line]:
    return _funnel(size, "filters", "the same with property filters", 2, None)


def figure_wide(size: Size) -> list[Line]:
    """Funnels of many steps and of many values beside the plain ones of the same events."""
    ours = size.ours()
    lines = []
    for name, plain, work, limit in (
        ("thirty", "funnel", "a funnel of 30 steps", 3),
        ("by product", "funnel", "the funnel by product", 3),
        ("by cart", "from cart", "from the cart on, by cart", None),
    ):
        times = ours[name]["seconds"] / ours[plain]["seconds"]
        shown = f"{seconds(ours[name]['seconds'])}, {times:.2f} x"
        many = ours[name]["values"]
        note = f"{many:,} values" if many > 1 else ""
        lines.append(
            Line(work, size.events, shown, note=note)
            if limit is None
            else at_most(work, size.events, times, limit, shown, " x", note)
        )
    return lines


def figure_transitions(size: Size) -> list[Line]:
    """The whole answer beside the same in SQL, and beside peers that only count the visits of each transition."""
    work = "transitions of all event names"
    ours, duck, chdb = size.ours()["transitions"], size.duck(), size.chdb()
    agree(work, ours["answer"], duck["transitions"]["answer"], "DuckDB")
    lines = [_beside(size, work, ours, duck["transitions"], "DuckDB SQL", 20)]
    counts = {pair: said[0] for pair, said in ours["answer"].items()}
    counted = {pair: said[0] for pair, said in duck["counted transitions"]["answer"].items()}
    agree(work, counts, counted, "DuckDB")
    lines.append(_beside(size, work, ours, duck["counted transitions"], "DuckDB SQL, visits only", None))
    if chdb is not None:
        agree(work, counts, chdb["transitions"]["answer"], "chDB")
        lines.append(_beside(size, work, ours, chdb["transitions"], "chDB, visits only", None))
    if size.events <= PANDAS_UP_TO and size.peers is not None:
        for who, script in (("retentioneering 5.2.4", "peers/rete.py"), ("pm4py", "peers/mining.py")):
            found = size.peer(who, script)
            assert found is not None
            agree(work, counts, found["transitions"]["answer"], who)
            lines.append(_beside(size, work, ours, found["transitions"], f"{who}, visits only", None))
    return lines


def figure_map(size: Size) -> list[Line]:
    work = "a whole map: journeys, visits, outcomes"
    ours, duck = size.ours(), size.duck()["map"]
    agree(work, ours["map"]["answer"], duck["answer"], "DuckDB")
    return [
        _beside(size, work, ours["map"], duck, "DuckDB SQL", 20),
        Line("the shop map (closes at the next start)", size.events, seconds(ours["shop map"]["seconds"])),
    ]


def figure_kinds(size: Size) -> list[Line]:
    """Each other kind beside DuckDB, and beside chDB where it has a way of its own; SQL has no Markov or Shapley."""
    ours, duck = size.kinds(), size.duck_kinds()
    chdb = size.peer("chDB, the other kinds", "peers/clickhouse_kinds.py", size.folder / "chdb-kinds") or {}
    lines = []
    for name, kind in KINDS.items():
        if name not in duck:
            lines.append(Line(kind.work, size.events, seconds(ours[name]["seconds"])))
        for peers, who in ((duck, "DuckDB SQL"), (chdb, "chDB")):
            if name in peers:
                agree(kind.work, ours[name]["answer"], peers[name]["answer"], who)
                lines.append(_beside(size, kind.work, ours[name], peers[name], who, None))
    return lines


def figure_fresh(size: Size) -> list[Line]:
    base, fresh = size.ours(), size.fresh()
    if fresh["hot"]["files"] < 2:
        raise SystemExit("The fresh events were compacted, so there is nothing to compare.")
    lines = []
    for name in ("funnel", "filters", "transitions", "map"):
        agree(
            f"{name} with 5 % fresh",
            base[name]["answer"],
            fresh[name]["answer"],
            "the same without fresh events",
        )
        times = fresh[name]["seconds"] / base[name]["seconds"]
        shown = seconds(fresh[name]["seconds"])
        lines.append(
            at_most(
                f"5 % fresh: {name}",
                size.events,
                times,
                1.5,
                f"{shown}, {times:.2f} x",
                " x",
                "answers equal",
            )
        )
    return lines


def figure_memory(size: Size) -> list[Line]:
    hot = size.ours()["hot"]
    each = hot["bytes"] / hot["events"]
    return [
        at_most("hot columns", size.events, each, 16, f"{each:.1f} bytes an event", " bytes"),
        Line("most memory, all questions above", size.events, f"{size.ours()['peak_mb']:,.0f} MB"),
    ]


def figure_edges(size: Size) -> list[Line]:
    cold = size.once("periplus ask, cold", lambda: edges.cold(size.base(), size.repeat))
    page, bytes_of = size.once("a page", lambda: edges.page(size.base(), size.repeat))
    return [
        Line("`periplus ask` as a process", size.events, seconds(cold)),
        at_most(
            "GET /map/shop, warm server", size.events, page, 1, seconds(page), " s", f"{bytes_of:,} bytes"
        ),
    ]


def growth(sizes: list[Size]) -> list[Line]:
    """What an event costs at the largest size over what it costs at the smallest."""
    small, large = sizes[0], sizes[-1]
    lines = []
    for name in ("funnel", "filters", "transitions", "map", *KINDS):
        asked = [size.kinds() if name in KINDS else size.ours() for size in (small, large)]
        cost = [
            found[name]["seconds"] / size.events for found, size in zip(asked, (small, large), strict=True)
        ]
        times = cost[1] / cost[0]
        note = f"from {small.events:,}"
        lines.append(
            at_most(f"cost per event: {name}", large.events, times, 1.3, f"{times:.2f} x", " x", note)
        )
    return lines


FIGURES: dict[str, Callable[[Size], list[Line]]] = {
    "simulate": figure_simulate,
    "import": figure_import,
    "funnel": figure_funnel,
    "filters": figure_filters,
    "wide": figure_wide,
    "transitions": figure_transitions,
    "map": figure_map,
    "kinds": figure_kinds,
    "fresh": figure_fresh,
    "memory": figure_memory,
    "edges": figure_edges,
}


def peers() -> Path | None:
    """The Python of the peers' environment, made where it is missing; None where that cannot be done."""
    python = PEERS / "bin" / "python"
    wanted = (HERE / "peers" / "requirements.txt").read_text(encoding="utf-8")
    done = PEERS / "requirements.txt"
    if python.exists() and done.exists() and done.read_text(encoding="utf-8") == wanted:
        return python
    print("  making the peers' environment in bench-data/peers …", file=sys.stderr, flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True, capture_output=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "-r", HERE / "peers" / "requirements.txt"],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        print(
            "chDB, retentioneering and pm4py cannot be installed here, so they are left out.", file=sys.stderr
        )
        return None
    done.write_text(wanted, encoding="utf-8")
    return python


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", default="1000000", help="sizes, such as 1000000,20000000")
    parser.add_argument("--only", default="", help=f"some of {', '.join(FIGURES)}, growth")
    parser.add_argument("--repeat", type=int, default=5, help="warm runs the median is taken of")
    parser.add_argument("--no-peers", action="store_true", help="without chDB, retentioneering and pm4py")
    parser.add_argument("--keep", action="store_true", help="keep the workspaces and files that were made")
    given = parser.parse_args()
    chosen = [name for name in given.only.split(",") if name] or [*FIGURES, "growth"]
    if unknown := set(chosen) - {*FIGURES, "growth"}:
        parser.error(
            f"there is no figure {', '.join(sorted(unknown))}; there are {', '.join(FIGURES)}, growth"
        )
    DATA.mkdir(exist_ok=True)
    python = (
        None if given.no_peers or not {"funnel", "filters", "transitions", "kinds"} & set(chosen) else peers()
    )
    sizes = [
        Size(events, given.repeat, python) for events in sorted({int(n) for n in given.events.split(",")})
    ]
    lines: list[Line] = []
    for size in sizes:
        for name, figure in FIGURES.items():
            if name in chosen:
                lines += figure(size)
    if "growth" in chosen and len(sizes) > 1:
        lines += growth(sizes)
    for size in sizes if not given.keep else []:
        shutil.rmtree(size.folder)
    load = os.getloadavg()[0]
    print(
        f"\n{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {load:.1f}\n"
    )
    print(drawn(lines))
    missed = [line.work for line in lines if line.met is False]
    print(f"\n{'All figures are met.' if not missed else 'Not met: ' + '; '.join(missed) + '.'}")
    (DATA / "last.json").write_text(json.dumps([line.__dict__ for line in lines], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
