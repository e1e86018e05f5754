"""Lifecycle against an oracle of sets: who was active in which bucket; every state, and the people."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.journeys import oracle
from tests.journeys.calendar import between, name, spread
from tests.journeys.logs import answer, check_people, examples, logs, moment, nows

STATES = ("new", "returning", "resurrecting", "dormant")


def expected(events: list[dict[str, Any]], question: dict[str, Any], now: int) -> dict[tuple[str, str], int]:
    bucket, zone = question["bucket"], question["zone"]
    times = [event["time"] for event in events if event["customer"]]
    order = between(min([*times, now]), now, bucket, zone)
    active: dict[str, set[int]] = defaultdict(set)
    for owner, mine in oracle.by_customer(events, now).items():
        for event in mine:
            if oracle.meets(event, question.get("of", {})):
                active[name(event["time"], bucket, zone)].add(owner)
    found: dict[tuple[str, str], int] = {}
    ever: set[int] = set()
    before: set[int] = set()
    for label in order:
        now_active = active[label]
        found[label, "new"] = len(now_active - ever)
        found[label, "returning"] = len(now_active & before)
        found[label, "resurrecting"] = len((now_active & ever) - before)
        found[label, "dormant"] = len(before - now_active)
        ever |= now_active
        before = now_active
    return found


@examples()
@given(
    st.fixed_dictionaries(
        {
            "kind": st.just("lifecycle"),
            "bucket": st.sampled_from(["hour", "day", "week", "month"]),
            "zone": st.sampled_from(["UTC", "America/New_York"]),
        },
        optional={"of": st.sampled_from([{"event": "A"}, {"event": ["A", "B"], "where": {"v": "1"}}])},
    ),
    logs(names=("A", "B", "C")),
    nows,
    st.sampled_from([1800, 40_000, 600_000]),
)
def test_as_the_oracle_counts(question, events, now, step):
    events, now = spread(events, step), now * step
    found = answer({**question, "now": moment(now)}, events)
    got = {(row["bucket"], row["state"]): row["customers"] for row in found.rows}
    assert got == expected(events, question, now)
    for row in opened(found.rows):
        check_people(found, row, ("customers",))
    buckets = list(dict.fromkeys(row["bucket"] for row in found.rows))
    active = {bucket: sum(got[bucket, state] for state in STATES[:3]) for bucket in buckets}
    for before, after in pairwise(buckets):
        assert got[after, "returning"] + got[after, "dormant"] == active[before]


def opened(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that count somebody; months of empty hours open into nobody all alike: of each state the first five."""
    empty = {
        state: [row for row in rows if row["state"] == state and not row["customers"]] for state in STATES
    }
    return [row for row in rows if row["customers"]] + [row for mine in empty.values() for row in mine[:5]]


def test_a_period_shows_its_buckets_and_forgets_nothing_before_it():
    day = 86_400_000_000
    events = [
        {"customer": 1 << 61, "time": place * day, "event": "A", "properties": {}} for place in (0, 2, 3)
    ]
    found = answer(
        {
            "kind": "lifecycle",
            "bucket": "day",
            "now": moment(4 * day),
            "period": {"from": "1970-01-03", "to": "1970-01-05"},
        },
        events,
    )
    assert {(row["bucket"], row["state"]): row["customers"] for row in found.rows if row["customers"]} == {
        ("1970-01-03", "resurrecting"): 1,
        ("1970-01-04", "returning"): 1,
    }
