"""Events find their customers, whatever the order in which batches come and go."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from periplus.people.admission import admit, undo
from periplus.settings import Settings
from periplus.store import manifest
from periplus.store.snapshot import Snapshot
from tests.people.arrivals import fresh, staged, standing_events
from tests.people.oracle import owners

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "12"))


def maybe(values: list[str]) -> st.SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(values))


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, object]]:
    count = draw(st.integers(1, 14))
    log: list[dict[str, object]] = []
    for number in range(count):
        event: dict[str, object] = {
            "id": number + 1,
            "time": draw(st.integers(1, 6)) * 1_000_000,
            "sequence": draw(st.integers(0, 2)),
            "type": draw(st.sampled_from(["track", "track", "track", "identify", "alias"])),
            "user_id": draw(maybe(["u1", "u2", "u3"])),
            "anonymous_id": draw(maybe(["d1", "d2"])),
            "email": draw(maybe(["a@x.org", "b@x.org"])),
            "phone": draw(maybe(["+301234567", "+307654321"])),
            "order_id": draw(maybe(["o1", "o2"])),
        }
        if event["type"] == "alias":
            event["previous_id"] = draw(st.sampled_from(["u1", "u2", "d1", "u9"]))
        log.append(event)
    return log


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(logs(), st.data())
def test_any_order_of_arrival_and_undoing_gives_the_customers_of_the_rules(log, data):
    """Batches in any order, overlapping, one of them undone: customers are those of the standing events."""
    with tempfile.TemporaryDirectory() as folder:
        home = fresh(Path(folder) / "shop")
        order = data.draw(st.permutations(log))
        cut = data.draw(st.integers(0, len(order)))
        overlap = data.draw(st.integers(0, cut))
        batches = [list(order[:cut]), list(order[overlap:])]
        ids = []
        for batch in batches:
            ids.append(admit(home, staged(home, batch), now=0).batch)
        left = log
        gone = data.draw(st.sampled_from([None, 0, 1]))
        if gone is not None:
            undo(home, ids[gone], now=1)
            left = batches[1 - gone]
        stands = standing_events(home)
        expected = owners(left)
        assert {key: row["customer"] for key, row in stands.items()} == expected
        assert {key: row["sequence"] for key, row in stands.items()} == {e["id"]: e["sequence"] for e in left}
        _snapshot_agrees(home, stands)


def _snapshot_agrees(home, stands) -> None:
    snapshot = Snapshot(home.root, manifest.read(home.root), Settings(threads=1, memory="500MB"))
    seen = []
    low = snapshot.evaluate(lambda columns: ("key_lo", []), np.uint64)
    for index in range(snapshot.shard_count):
        shard = snapshot.shard(index)
        for number, customer in enumerate(shard.customers):
            cut = slice(shard.offsets[number], shard.offsets[number + 1])
            seen += [
                (int(customer), int(t), int(k)) for t, k in zip(shard.time[cut], low[index][cut], strict=True)
            ]
    expected = sorted(
        (
            (row["customer"], row["time"], row["sequence"], row["key_hi"], key)
            for key, row in stands.items()
            if row["section"] == 0
        ),
    )
    assert sorted(seen, key=lambda row: row[0]) == seen
    assert seen == [(customer, time, key) for customer, time, _, _, key in expected]
    nameless = sorted(row["time"] for row in stands.values() if row["section"] == 1)
    assert sorted(snapshot.unidentified()[0].tolist()) == nameless
    found = snapshot.fetch(lambda columns: ("time > ?", [2_000_000]), [lambda columns: ("key_lo", [])])
    assert sorted(int(key) for key in found.columns[0]) == sorted(
        key for key, row in stands.items() if row["section"] == 0 and row["time"] > 2_000_000
    )


def test_a_device_used_by_two_people_does_not_melt_them(tmp_path):
    home = fresh(tmp_path / "shop")
    log = [
        {"id": 1, "time": 1, "sequence": 0, "anonymous_id": "tablet"},
        {"id": 2, "time": 2, "sequence": 0, "anonymous_id": "tablet", "user_id": "ann"},
        {"id": 3, "time": 3, "sequence": 0, "anonymous_id": "tablet"},
        {"id": 4, "time": 4, "sequence": 0, "anonymous_id": "tablet", "user_id": "bob"},
        {"id": 5, "time": 5, "sequence": 0, "anonymous_id": "tablet"},
    ]
    admit(home, staged(home, log), now=0)
    who = {key: row["customer"] for key, row in standing_events(home).items()}
    assert who[1] == who[2] == who[3] != who[4] == who[5]


def test_what_a_killed_writer_left_is_swept_and_harms_nothing(tmp_path):
    home = fresh(tmp_path / "shop")
    log = [{"id": n, "time": n, "sequence": 0, "user_id": "u"} for n in range(1, 4)]
    admit(home, staged(home, log[:2]), now=0)
    before = manifest.read(home.root)
    shutil.copy(home.root / "runs/000001.parquet", home.root / "runs/000002.parquet")
    assert manifest.read(home.root) == before
    result = admit(home, staged(home, log), now=0)
    assert (result.accepted, result.duplicate, result.rows) == (1, 2, 3)
    assert set(standing_events(home)) == {1, 2, 3}
