"""Conditions on customers against their oracle: as filters of every kind, in steps, as of each moment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from periplus import clock
from periplus.condition import Condition, Life
from periplus.errors import QuestionError
from periplus.journeys import customer_condition
from periplus.journeys.customer_condition import When
from periplus.journeys.funnel import COUNTS
from periplus.journeys.map import STEP_COUNTS, TOTAL_COUNTS
from periplus.question import Context, ask
from tests.journeys import attempts_oracle, customer_oracle, map_oracle
from tests.journeys.logs import (
    Picker,
    check_people,
    context,
    examples,
    maps,
    moment,
    nows,
    periods,
    times,
    written,
)
from tests.journeys.test_flow import same as same_flow
from tests.journeys.test_funnel import agree, conserve, funnels, windows
from tests.journeys.test_map import same as same_map


@st.composite
def lives(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Events and statements of up to three customers, and of nobody, with numbers and traits."""
    events, pick = [], Picker(draw)
    for owner, count in pick.owners(8):
        for _ in range(count):
            number, value = pick.one([None, None, 1, 2, 0.5, -3]), pick.one([None, "1", "2"])
            told = pick.one([{}, {}, {"t": "x"}, {"t": "y"}, {"u": 1}])
            properties = {"v": value, "n": number}
            event: dict[str, Any] = {
                "customer": owner if pick.number(0, 14) else 0,
                "time": pick.time(),
                "event": pick.one(["A", "B", "C", "X"]),
                "properties": {key: each for key, each in properties.items() if each is not None},
                "traits": told,
            }
            if pick.number(0, 5) == 0 and event["customer"]:
                event |= {"type": "identify", "event": "identify", "properties": {}}
            events.append(event)
    return events


def happened(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event.get("type") != "identify"]


seconds = st.integers(0, 4).map(lambda second: f"{second}s")
names = st.sampled_from(["A", "B", "C", ["A", "B"]])
counts = st.one_of(
    st.integers(0, 3),
    st.tuples(st.sampled_from(["gte", "lte", "gt", "lt", "ne", "eq"]), st.integers(0, 3)).map(
        lambda p: {p[0]: p[1]}
    ),
    st.just({"in": [0, 2]}),
    st.just({"not_in": [1]}),
)
amounts = st.fixed_dictionaries(
    {
        "n": st.tuples(
            st.sampled_from(["gte", "lt", "ne", "eq"]), st.sampled_from([-3, 0, 0.5, 1, 1.5, 2, 3])
        ).map(lambda pair: {pair[0]: pair[1]})
    }
)
nears = st.fixed_dictionaries({"event": names}, optional={"within": seconds, "where": st.just({"v": "1"})})
dids = st.fixed_dictionaries(
    {},
    optional={
        "event": names,
        "where": st.just({"v": "1"}),
        "count": counts,
        "within": seconds,
        "between": st.tuples(times, times)
        .filter(lambda ends: ends[0] < ends[1])
        .map(lambda ends: {"from": ends[0], "to": ends[1]}),
        "sum": amounts,
        "mean": amounts,
        "min": amounts,
        "max": amounts,
        "first": st.just({"v": "1"}),
        "last": st.just({"v": "2"}),
        "before": nears,
        "after": nears,
    },
)
traits = st.sampled_from(
    [{"t": "x"}, {"t": {"ne": "x"}}, {"u": {"exists": False}}, {"t": {"exists": True}}, {"u": {"gte": 1}}]
)
leaves = st.one_of(
    dids.map(lambda did: {"did": did}),
    dids.map(lambda did: {"did_not": did}),
    traits.map(lambda told: {"trait": told}),
    st.sampled_from([{"segment": "one"}, {"segment": ["one", "two"]}]),
)
moments = st.sampled_from([{}, {}, {"as_of": "now"}, {"as_of": "event"}])


about = st.tuples(leaves, moments).map(lambda both: both[0] | both[1])


def trees(leaves: Any) -> Any:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"all": parts}),
            st.lists(inner, min_size=1, max_size=2).map(lambda parts: {"any": parts}),
            inner.map(lambda part: {"not": part}),
        ),
        max_leaves=3,
    )


conditions = trees(about)
SEGMENTS: dict[str, dict[str, Any]] = {
    "one": {"did": {"event": "A", "count": {"gte": 2}}},
    "two": {"any": [{"segment": "one"}, {"not": {"trait": {"t": "x"}}}]},
}
rules = trees(about | st.fixed_dictionaries({"event": names}, optional={"where": st.just({"v": "1"})}))


def documents(kind: str, name: str) -> Any:
    return {"name": name, "condition": SEGMENTS[name]} if kind == "segment" else None


def asked(condition: Any) -> Any:
    """A condition as a question writes it: its times in words."""
    if isinstance(condition, list):
        return [asked(part) for part in condition]
    if not isinstance(condition, dict):
        return condition
    return {
        key: {end: moment(time) for end, time in value.items()} if key == "between" else asked(value)
        for key, value in condition.items()
    }


def told(events: list[dict[str, Any]]) -> Context:
    return replace(context(events), documents=documents, names=lambda kind: [*SEGMENTS])


@examples(0.5)
@given(lives(), st.lists(rules, min_size=1, max_size=4), nows)
def test_the_engine_and_the_reading_in_memory_agree_with_the_oracle(
    events: Any, trees: Any, now: int
) -> None:
    made = told(events)
    when = When(now, clock.zone("UTC"), documents, made.names)
    known = customer_oracle.lives(events)
    for tree in trees:
        condition = Condition.parse(asked(tree))
        assert Condition.parse(condition.document()) == condition
        assert condition.english()
        assert condition.of_customer()
        if not condition.speaks_of_customer():
            continue
        plain = customer_condition.segments.resolved(condition, documents, made.names)
        found = customer_condition.by_row(made.snapshot, condition, when)
        for index in range(made.snapshot.shard_count):
            shard = made.snapshot.shard(index)
            got = found(shard).tolist()
            at = 0
            for owner in shard.customers.tolist():
                life = known[owner]
                facts = [{"type": "track"} | each for each in life]
                for place, event in enumerate(life):
                    if event.get("type") == "identify":
                        continue
                    wanted = customer_oracle.holds(tree, life, event, now, named=SEGMENTS)
                    assert got[at] == wanted, (tree, event)
                    seen = Life(facts, now, event=place, start=place, default="event")
                    assert plain.holds(seen) == wanted, (tree, event)
                    at += 1


@examples(0.1)
@given(lives(), maps(), conditions, nows, periods())
def test_maps_and_flows_of_some_customers(
    events: Any, document: Any, customers: Any, now: int, period: Any
) -> None:
    made = told(events)
    question = {
        "map": document, "now": moment(now), "period": written(period), "customers": asked(customers),
    }  # fmt: skip
    counts = customer_oracle.counting(customers, events, now, named=SEGMENTS)
    lapse = clock.duration(document["lapse"])
    found = ask({"kind": "map", **question}, made)
    same_map(found, map_oracle.map_answer(happened(events), document, lapse, now, period, counts))
    flow = ask({"kind": "flow", **question}, made)
    same_flow(flow, map_oracle.flow_answer(happened(events), document, lapse, now, period, counts=counts))
    for row in found.rows[:1]:
        check_people(found, row, STEP_COUNTS)
    for field in TOTAL_COUNTS:
        assert len(found.people({}, field)) == found.totals[field]
    assert ask(found.question, made).rows == found.rows


@examples(0.15)
@given(lives(), funnels(), conditions, nows, periods(("start",)))
def test_funnels_of_some_customers(events: Any, question: Any, customers: Any, now: int, period: Any) -> None:
    within = clock.duration(question.get("within", "30d"))
    counts = customer_oracle.counting(customers, events, now, named=SEGMENTS)
    attempts = attempts_oracle.funnel_attempts(
        happened(events),
        question,
        within=within,
        windows=windows(question),
        now=now,
        period=period,
        counts=counts,
    )
    found = ask(
        {**question, "now": moment(now), "period": written(period), "customers": asked(customers)},
        told(events),
    )
    agree(found, question, attempts)
    conserve(found, question)
    for row in found.rows:
        check_people(found, row, COUNTS)


QUESTIONS: list[dict[str, Any]] = [
    {
        "kind": "trend",
        "series": [{"of": {"event": ["A", "B"]}}, {"measure": {"sum": "n"}}, {"measure": "customers"}],
    },
    {"kind": "trend", "series": [{"measure": "sessions"}], "breakdown": "v"},
    {"kind": "lifecycle", "of": {"event": ["A", "B"]}},
    {"kind": "retention", "start": {"event": "A"}, "return": {"event": ["A", "B"]}},
    {"kind": "retention", "start": {"event": "A"}, "return": {}, "cohort": "every"},
    {
        "kind": "attribution",
        "touches": {"event": ["A", "B"]},
        "goal": {"event": "C"},
        "by": "v",
        "value": "n",
    },
    {"kind": "timing", "steps": [{"event": "A"}, {"event": "B"}]},
    {"kind": "drivers", "goal": {"event": "C"}, "of": {"event": "A"}, "within": "2s", "early": "1s"},
    {"kind": "site", "views": {"event": ["A", "B"]}, "searches": {"event": "C"}},
]


@examples(0.3)
@given(
    lives(),
    st.one_of(funnels(), funnels(order="any")),
    st.lists(trees(about), min_size=4, max_size=4),
    nows,
    periods(("start",)),
)
def test_steps_look_at_the_customer_as_of_the_start(
    events: Any, question: Any, said: Any, now: int, period: Any
) -> None:
    steps = [
        step | ({"all": [tree]} if place % 2 or question["order"] == "any" else {})
        for place, (step, tree) in enumerate(zip(question["steps"], said, strict=False))
    ]
    question = {**question, "steps": steps}
    within = clock.duration(question.get("within", "30d"))
    attempts = customer_oracle.funnel_attempts(
        events, question, now, period, within=within, windows=windows(question), named=SEGMENTS
    )
    try:
        found = ask(asked({**question}) | {"now": moment(now), "period": written(period)}, told(events))
    except QuestionError as problem:
        if problem.code == "too_many":
            return
        raise
    agree(found, question, attempts)
    conserve(found, question)
    for row in found.rows:
        check_people(found, row, COUNTS)


of_now = trees(leaves)
"""Conditions that name no moment."""


@examples(0.05)
@given(lives(), of_now, nows)
def test_who_counts_now_counts_with_all_they_did(events: Any, tree: Any, now: int) -> None:
    """As of now, a question about some customers is the question over their events alone."""
    somebody = {"customer": 1 << 40, "time": 0, "event": "X", "properties": {"never": 1}}
    events = [somebody, *(event for event in events if event["customer"])]
    customers = {"all": [tree, {"did_not": {"where": {"never": 1}}}], "as_of": "now"}
    members = {
        owner
        for owner, life in customer_oracle.lives(events).items()
        if owner != 1 << 40 and customer_oracle.holds(tree, life, None, now, default="now", named=SEGMENTS)
    }
    # The one who is no member is left in, in no answer that is compared, so that time begins alike.
    theirs = [event for event in events if event["customer"] in (*members, 1 << 40)]
    for question in QUESTIONS:
        whole = {**question, "now": moment(now)}
        some = ask({**whole, "customers": asked(customers)}, told(events))
        alone = ask(
            {**whole, "customers": {"did_not": {"where": {"never": 1}}, "as_of": "now"}}, told(theirs)
        )
        assert counted(some) == counted(alone), question


def counted(found: Any) -> list[Any]:
    """The rows of an answer that count anybody."""
    return [
        row
        for row in found.rows
        if any(row.get(key) for key in ("value", "customers", "size", "conversions", "attempts"))
    ]


def test_the_one_left_out_alone_is_nobody() -> None:
    events = [{"customer": 1, "time": 0, "event": "A", "properties": {"never": 1}}]
    for question in QUESTIONS:
        found = ask(
            {**question, "customers": {"did_not": {"where": {"never": 1}}, "as_of": "now"}}, told(events)
        )
        assert counted(found) == []


@examples(0.15)
@given(lives(), conditions, nows)
def test_a_trend_looks_at_the_customer_as_of_each_event(events: Any, customers: Any, now: int) -> None:
    counts = customer_oracle.counting(customers, events, now, named=SEGMENTS, default="event")
    mine = [
        event
        for event in happened(events)
        if event["customer"] and event["time"] <= now and event["event"] == "A"
    ]
    question = {"kind": "trend", "series": [{"of": {"event": "A"}}], "now": moment(now)}
    found = ask({**question, "customers": asked(customers)}, told(events))
    assert sum(row["value"] for row in found.rows) == sum(map(counts, mine))
    # The same said of the events themselves.
    same = ask({**question, "series": [{"of": {"event": "A", "all": [asked(customers)]}}]}, told(events))
    assert [row["value"] for row in same.rows] == [row["value"] for row in found.rows]
