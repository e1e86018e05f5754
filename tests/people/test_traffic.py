"""Marked events stand aside: they come and go, and move with the rules, without touching the others."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import periplus
from periplus.collect.marks import TrafficRules, judge
from periplus.people.admission import admit, remark, undo
from periplus.people.traffic_trial import trial
from periplus.settings import Settings
from periplus.store import compact, manifest
from periplus.store.snapshot import Snapshot
from tests.collect.test_marks import EVENTS as EVENTS_OF_MARKS
from tests.collect.test_marks import RULES as RULES_OF_MARKS
from tests.people.arrivals import fresh, staged, standing_events
from tests.people.oracle import owners
from tests.people.test_admission import logs

EXAMPLES = int(os.environ.get("PERIPLUS_EXAMPLES", "12"))
NO_RULES = TrafficRules.parse({"marks": False})
RULES = [
    TrafficRules(),
    NO_RULES,
    TrafficRules.parse({"staff": ["u1"]}),
    TrafficRules.parse({"staff": ["u2", "u3"], "emails": ["a@x.org"]}),
    TrafficRules.parse({"emails": ["x.org"]}),
]


def marked(log, rules: TrafficRules):
    """The events with the mark the rules give them."""
    judged = judge(rules)
    return [
        event
        | {
            "marked": judged.reason(
                {
                    "userId": event["user_id"],
                    "email": event["email"],
                    "context": {"internal": event.get("marked")},
                }
            )
            is not None
        }
        for event in log
    ]


def opened(home) -> Snapshot:
    return Snapshot(home.root, manifest.read(home.root), Settings(threads=1, memory="500MB"))


def seen(snapshot: Snapshot):
    """(customer, time, id) of all journey events in their order, and (time, id) of those of nobody."""
    low = snapshot.evaluate(lambda columns: ("key_lo", []), np.uint64)
    rows = []
    for index in range(snapshot.shard_count):
        shard = snapshot.shard(index)
        owner = np.repeat(shard.customers, np.diff(shard.offsets))
        rows += list(zip(owner.tolist(), shard.time.tolist(), low[index].tolist(), strict=True))
    found = snapshot.fetch(lambda columns: ("true", []), [lambda columns: ("key_lo", [])])
    assert [int(key) for key in found.columns[0]] == [key for _, _, key in rows]
    return rows, sorted(snapshot.unidentified()[0].tolist())


def expected(log, customers):
    """The same, from the plain list of events."""
    told = [event for event in log if event["type"] == "track"]
    rows = [
        (
            customers[event["id"]],
            event["time"],
            event["sequence"],
            standing_key(event["id"]),
            event["id"],
        )
        for event in told
        if customers[event["id"]]
    ]
    nobody = sorted(event["time"] for event in told if not customers[event["id"]])
    return [(customer, time, key) for customer, time, _, _, key in sorted(rows)], nobody


def standing_key(id: int) -> int:
    from periplus.people.identifiers import customer_hash

    return customer_hash("key", str(id))


def agrees(home, log, rules: TrafficRules) -> None:
    told = marked(log, rules)
    customers = owners(told)
    stands = standing_events(home)
    assert {key: row["customer"] for key, row in stands.items()} == customers
    assert {key: row["section"] >= 3 for key, row in stands.items()} == {e["id"]: e["marked"] for e in told}
    snapshot = opened(home)
    counted = [event for event in told if not event["marked"]]
    assert seen(snapshot) == expected(counted, owners(counted)), "the others are as if alone"
    assert seen(snapshot.everything) == expected(told, customers)
    aside = [e["time"] for e in told if e["marked"] and e["type"] == "track"]
    assert snapshot.left_out(2_000_000, 4_000_000) == sum(2_000_000 <= time < 4_000_000 for time in aside)
    assert snapshot.everything.left_out(0, 1 << 60) == 0
    if counted and all(event["type"] == "track" for event in counted):
        assert snapshot._last_standing == max(event["time"] for event in counted)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(logs(), st.data())
def test_whatever_comes_leaves_or_is_marked_the_events_alone_decide(log, data):
    """Batches, an undone one, rules before, between and after, compaction: both views are those of the events."""
    log = [event | {"marked": data.draw(st.integers(0, 3)) == 0} for event in log]
    with tempfile.TemporaryDirectory() as folder:
        home = fresh(Path(folder) / "shop")
        cut = data.draw(st.integers(0, len(log)))
        batches = [log[:cut], log[data.draw(st.integers(0, cut)) :]]
        first, between, last = (data.draw(st.sampled_from(RULES)) for _ in range(3))
        remark(home, first)
        kept = admit(home, staged(home, batches[0]), now=0).batch
        agrees(home, batches[0], first)
        remark(home, between)
        gone = admit(home, staged(home, batches[1]), now=0).batch
        agrees(home, log, between)
        remark(home, last)
        agrees(home, log, last)
        if data.draw(st.booleans()):
            _compacted(home)
            agrees(home, log, last)
        undo(home, gone if data.draw(st.booleans()) else kept, now=1)
        left = batches[0] if opened(home).manifest.batch(gone).undone else batches[1]
        agrees(home, left, last)
        remark(home, first)
        remark(home, last)
        agrees(home, left, last)


def _compacted(home) -> None:
    before = compact.WORTH, compact.MOST_RUNS
    compact.WORTH, compact.MOST_RUNS = 0, 1
    try:
        compact.tidy(home, lambda done, total, what: None)
    finally:
        compact.WORTH, compact.MOST_RUNS = before


SHOP = [
    {"id": 1, "time": 1, "anonymous_id": "phone", "type": "track"},
    {"id": 2, "time": 2, "anonymous_id": "phone", "user_id": "ann", "type": "track"},
    {"id": 3, "time": 3, "anonymous_id": "till", "user_id": "ann", "type": "track", "marked": True},
    {"id": 4, "time": 4, "anonymous_id": "till", "type": "track"},
    {"id": 5, "time": 5, "anonymous_id": "robot", "type": "track", "marked": True},
]


def test_a_test_with_a_customers_account_links_no_device_to_her(tmp_path):
    home = fresh(tmp_path / "shop")
    admit(home, staged(home, SHOP), now=0)
    who = {key: row["customer"] for key, row in standing_events(home).items()}
    assert who[1] == who[2] == who[3], "the test is hers, where it is shown at all"
    assert who[4] != who[1], "the till is not her device"
    assert who[5] not in {who[1], who[4], 0}
    snapshot = opened(home)
    plain = {int(c) for i in range(snapshot.shard_count) for c in snapshot.shard(i).customers}
    assert plain == {who[1], who[4]}, "a bot is no customer"
    remark(home, NO_RULES)
    who = {key: row["customer"] for key, row in standing_events(home).items()}
    assert len({who[key] for key in (1, 2, 3, 4)}) == 1, "now it counts, and the till is hers"


def test_going_back_to_earlier_rules_gives_every_row_as_it_was(tmp_path):
    home = fresh(tmp_path / "shop")
    admit(home, staged(home, SHOP), now=0)
    rows, plain = standing_events(home), seen(opened(home))
    remark(home, TrafficRules.parse({"marks": False, "staff": ["ann"]}))
    assert seen(opened(home)) != plain
    remark(home, TrafficRules())
    assert standing_events(home) == rows
    assert seen(opened(home)) == plain


def test_rules_are_tried_without_changing_anything(tmp_path):
    home = fresh(tmp_path / "shop")
    admit(home, staged(home, SHOP), now=0)
    before = manifest.read(home.root)
    rules = TrafficRules.parse({"staff": ["ann", "nobody"], "emails": ["shop.example"], "marks": False})
    found = trial(opened(home), rules)
    assert (found.events, found.left_out, found.goes, found.returns) == (5, 2, 1, 1)
    assert found.reasons == {"staff": 2}
    assert found.idle == ["nobody", "shop.example"]
    assert manifest.read(home.root) == before


def test_rules_read_as_sql_and_in_memory_are_the_same(tmp_path):
    """Each event of the table in the tests of marks, imported: left out in the store for the reason told in memory."""
    rules = TrafficRules.parse(RULES_OF_MARKS.document())
    lines = []
    for number, (event, _) in enumerate(EVENTS_OF_MARKS):
        if not isinstance(event.get("context", {}), dict):
            continue
        lines.append(
            {"event": "Seen", "anonymousId": f"d{number}", "messageId": f"m{number}"}
            | {"timestamp": "2026-01-01T00:00:00Z", **event}
        )
    # Enough others that rare paths lie in the rest of a row, as they do in a large file.
    others = [
        {"event": "Seen", "anonymousId": "x", "messageId": f"o{n}", "timestamp": "2026-01-01T00:00:00Z"}
        for n in range(3000)
    ]
    for name, rows in (("few", lines), ("many", lines + others)):
        with periplus.init(tmp_path / name) as ws:
            path = tmp_path / f"{name}.jsonl"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            ws.import_file(path)
            ws.adopt_traffic(rules.document())
            for number, (event, reason) in enumerate(EVENTS_OF_MARKS):
                if isinstance(event.get("context", {}), dict):
                    who = event.get("userId") or event.get("email") or f"d{number}"
                    told = {e["messageId"]: e["left_out"] for e in ws.timeline(who, traffic="all")}
                    assert told[f"m{number}"] == reason, (name, event)
            assert ws.try_traffic(rules.document()).goes == 0
