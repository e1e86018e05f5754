"""pm4py's side: the directly-follows graph of the same log, as process mining has it.

Run by the environment of the peers as `mining.py SORTED.parquet --repeat N`.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd
import pm4py
from measure import report, warm

CASE, ACTIVITY, TIME = "case:concept:name", "concept:name", "time:timestamp"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sorted")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    begun = time.perf_counter()
    log = pd.read_parquet(given.sorted, columns=["customer", "time", "event"])
    log = pd.DataFrame(
        {
            CASE: log["customer"].astype(str),
            ACTIVITY: log["event"],
            TIME: pd.to_datetime(log["time"], unit="us", utc=True),
        }
    )
    prepared = time.perf_counter() - begun
    seconds, (graph, _, _) = warm(lambda run: pm4py.discover_dfg(log), given.repeat)
    answer = {f"{a}>{b}": int(count) for (a, b), count in graph.items() if a != b}
    report({"transitions": {"seconds": seconds, "prepared": prepared, "answer": answer}})


if __name__ == "__main__":
    main()
