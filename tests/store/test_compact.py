"""Compaction changes where rows lie and nothing else."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from periplus.people.admission import admit, undo
from periplus.store import compact, files, manifest
from periplus.store.snapshot import Snapshot
from tests.people.arrivals import fresh, staged, standing_events


def shards_of(home) -> list[tuple[list[int], ...]]:
    snapshot = Snapshot(home.root, manifest.read(home.root), home.settings)
    keys = snapshot.evaluate(lambda columns: ("key_lo", []), np.uint64)
    return [
        (shard.customers.tolist(), shard.offsets.tolist(), shard.time.tolist(), keys[index].tolist())
        for index in range(snapshot.shard_count)
        for shard in [snapshot.shard(index)]
    ]


@pytest.mark.parametrize("most_runs", [1, 2, 100])
def test_compacting_and_merging_keep_every_row_in_its_place(tmp_path, monkeypatch, most_runs):
    monkeypatch.setattr(compact, "WORTH", 3)
    monkeypatch.setattr(compact, "MOST_RUNS", most_runs)
    home = fresh(tmp_path / "shop")
    choose = random.Random(5)
    number = 0
    for _ in range(4):
        log = []
        for _ in range(40):
            number += 1
            user = choose.choice([None, f"u{choose.randrange(30)}"])
            device = choose.choice([None, f"d{choose.randrange(30)}"])
            kind = choose.choice(["track", "track", "identify"])
            log.append(
                {
                    "id": number,
                    "time": choose.randrange(50),
                    "sequence": 0,
                    "type": kind,
                    "user_id": user,
                    "anonymous_id": device,
                }
            )
        admit(home, staged(home, log), now=0)
        before, rows = shards_of(home), standing_events(home)
        compact.tidy(home, lambda done, total, what: None)
        assert shards_of(home) == before
        assert standing_events(home) == rows
    live = manifest.read(home.root)
    assert not compact.due(live, [files.load(home.root, name) for name in live.files])
    undo(home, 3, now=1)
    assert set(standing_events(home)) == set(range(1, number + 1)) - set(range(81, 121))


def test_masks_that_hide_rows_of_the_same_files_become_one(tmp_path):
    """What each file has hidden stays so; a mask no file is old enough for goes."""
    home = fresh(tmp_path / "shop")
    choose = random.Random(5)
    listed = [SimpleNamespace(number=number) for number in (7, 3, 20)]
    masks = [(f"masks/{before:06d}", before) for before in (2, 5, 6, 7, 8, 12, 20, 21, 30)]
    hidden = {}
    for name, before in masks:
        customers = np.array([choose.randrange(50) for _ in range(4)], np.uint64)
        np.save(home.root / f"{name}.npy", customers)
        for file in listed:
            hidden.setdefault(file.number, set()).update(customers.tolist() if before > file.number else ())
    before = replace(manifest.read(home.root), masks=masks, next_file=31)
    after = compact._pruned(home, before, listed)
    assert len(after.masks) == len(listed)
    assert after.next_file == 34
    for file in listed:
        lists = [
            np.load(home.root / f"{name}.npy").tolist() for name, upto in after.masks if upto > file.number
        ]
        assert {customer for each in lists for customer in each} == hidden[file.number]
    assert compact._pruned(home, after, listed) == after
