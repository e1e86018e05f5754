"""retentioneering's side: the transition matrix of the same log.

Run by the environment of the peers as `rete.py SORTED.parquet --repeat N`. Its usage tracking is off.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["RETENTIONEERING_NO_TRACK"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import pandas as pd
from measure import report, warm
from retentioneering import Eventstream
from retentioneering.tools.transition_matrix import TransitionMatrix


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sorted")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    log = pd.read_parquet(given.sorted, columns=["customer", "time", "event"])
    log["time"] = pd.to_datetime(log["time"], unit="us")
    begun = time.perf_counter()
    stream = Eventstream(
        log, schema={"path_cols": ["customer"], "event_col": "event", "timestamp_col": "time"}
    )
    prepared = time.perf_counter() - begun
    seconds, matrix = warm(lambda run: TransitionMatrix(stream).fit("count"), given.repeat)
    counts = matrix.stack()
    answer = {f"{a}>{b}": int(n) for (a, b), n in counts.items() if n and a != b}
    answer = {pair: n for pair, n in answer.items() if "path_" not in pair}
    report({"transitions": {"seconds": seconds, "prepared": prepared, "answer": answer}})


if __name__ == "__main__":
    main()
