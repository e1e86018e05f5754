"""A column of labels is in the order of the rows, whatever the expression is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from periplus.people.admission import admit
from periplus.store import manifest
from periplus.store.snapshot import Snapshot
from tests.people.arrivals import fresh, staged


def test_labels_keep_the_order_of_rows_in_long_lists_of_values(tmp_path):
    home = fresh(tmp_path / "shop", shards=2)
    count = 200_000
    log = [
        {"id": n, "time": n, "sequence": 0, "user_id": f"u{n % 1000}", "event": f"e{n % 97}"}
        for n in range(1, count)
    ]
    admit(home, staged(home, log), now=0)
    snapshot = Snapshot(home.root, manifest.read(home.root), replace(home.settings, threads=4))
    wanted = [f"e{n}" for n in range(0, 97, 3)]
    marks = ", ".join("?" for _ in wanted)
    keys = snapshot.evaluate(lambda columns: ("key_lo", []), np.uint64)
    for _ in range(3):
        met = snapshot.evaluate(lambda columns: (f"CAST(event IN ({marks}) AS UTINYINT)", wanted), np.uint8)
        for key, one in zip(keys, met, strict=True):
            assert ((key % 97 % 3 == 0) == one).all()
