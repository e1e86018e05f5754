"""Flows against the oracle, and the equalities that make them add up."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from periplus import clock
from tests.journeys import flow_oracle, map_oracle, oracle
from tests.journeys.logs import answer, check_people, examples, logs, maps, moment, nows, periods, written

tops = st.one_of(st.none(), st.integers(1, 6))


@examples()
@given(logs(), maps(), nows, periods(), tops, st.booleans(), st.data())
def test_the_flow_agrees_with_the_oracle(
    events: Any, document: Any, now: int, period: Any, top: int | None, off_map: bool, data: Any
) -> None:
    ids = [step["id"] for step in oracle.step_list(document)]
    some = st.one_of(st.none(), st.lists(st.sampled_from(ids), min_size=1, max_size=2))
    leave, arrive = data.draw(some), data.draw(some)
    question = {
        "kind": "flow",
        "map": document,
        "now": moment(now),
        "period": written(period),
        "off_map": off_map,
        **({"from": leave} if leave else {}),
        **({"to": arrive} if arrive else {}),
        **({"top": top} if top else {}),
    }
    found = answer(question, events)
    lapse = clock.duration(document["lapse"])
    wanted = map_oracle.flow_answer(
        events, document, lapse, now, period, leave=leave, arrive=arrive, off_map=off_map, top=top
    )
    same(found, wanted)
    for row in found.rows:
        check_people(found, row, ("visits", "journeys"))


def same(found: Any, wanted: Any) -> None:
    rows = {(row["source"], row["target"]): row for row in found.rows}
    assert rows.keys() == wanted.keys()
    for pair, fields in wanted.items():
        assert {name: rows[pair][name] for name in fields} == fields, pair


@examples()
@given(logs(), maps(), nows, periods(), tops)
def test_flows_add_up_to_the_map(events: Any, document: Any, now: int, period: Any, top: int | None) -> None:
    moments = {"now": moment(now), "period": written(period)}
    found = answer({"kind": "flow", "map": document, **moments, **({"top": top} if top else {})}, events)
    counted = answer({"kind": "map", "map": document, **moments}, events)
    leaving: Counter[str] = Counter()
    arriving: Counter[str] = Counter()
    for row in found.rows:
        leaving[row["source"]] += row["visits"]
        arriving[row["target"]] += row["visits"]
    for row in counted.rows:
        assert leaving[row["step"]] == row["visits"]
        if period["by"] != "activity":
            assert arriving[row["step"]] == row["visits"]
    if period["by"] != "activity":
        assert leaving["(start)"] == counted.totals["journeys"]
        assert leaving["(other)"] == arriving["(other)"]
    assert found.totals["visits"] == sum(row["visits"] for row in counted.rows)


@examples()
@given(logs(), nows, periods(("start", "activity")), st.integers(1, 3), st.booleans())
def test_flows_by_steps_and_by_property(
    events: Any, now: int, period: Any, lapse: int, off_map: bool
) -> None:
    """Both are journeys without a goal: over conditions, and over the values of a property."""
    asked = {
        "kind": "flow",
        "lapse": f"{lapse}s",
        "now": moment(now),
        "period": written(period),
        "off_map": off_map,
    }
    found = answer({**asked, "steps": [{"event": "A"}, {"event": ["B", "C"], "label": "later"}]}, events)
    steps = [{"id": "A", "rule": {"event": "A"}}, {"id": "later", "rule": {"event": ["B", "C"]}}]
    same(
        found,
        map_oracle.flow_answer(events, goalless(steps), lapse * 1_000_000, now, period, off_map=off_map),
    )
    found = answer({**asked, "by": "v"}, events)
    steps = [{"id": value, "rule": {"where": {"v": value}}} for value in ("1", "2")]
    same(
        found,
        map_oracle.flow_answer(events, goalless(steps), lapse * 1_000_000, now, period, off_map=off_map),
    )


@examples(0.5)
@given(logs(), maps(), nows, periods(), tops, st.booleans(), st.booleans(), st.booleans(), st.data())
def test_stages_repeats_and_loops(
    events: Any, document: Any, now: int, period: Any, top: int | None, off_map: bool, by_stage: bool,
    collapse: bool, data: Any,
) -> None:  # fmt: skip
    """Over stages or steps, with repeats or without; each row says how many come back to where they were."""
    steps = oracle.step_list(document)
    names = list(dict.fromkeys(step["stage" if by_stage else "id"] for step in steps))
    some = st.one_of(st.none(), st.lists(st.sampled_from(names), min_size=1, max_size=2))
    leave, arrive = data.draw(some), data.draw(some)
    question: dict[str, Any] = {
        "kind": "flow",
        "map": document,
        "by": "stage" if by_stage else "touchpoint",
        "off_map": off_map,
        "collapse": collapse,
        **({"from": leave} if leave else {}),
        **({"to": arrive} if arrive else {}),
        **({"top": top} if top else {}),
    }
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    same(found, flow_oracle.flow(events, question, document, clock.duration(document["lapse"]), now, period))
    for row in found.rows:
        check_people(found, row, ("visits", "journeys", "returning"))


def test_pages_are_found_where_they_are_sent() -> None:
    """`page` is a property of that name, else the path of the page."""
    event = {"customer": 1 << 61, "event": "Page Viewed", "properties": {}}
    sent = [
        event | {"time": n, "context": {"page": {"path": path}}} for n, path in enumerate(("/a", "/b", "/a"))
    ]
    found = answer({"kind": "flow", "by": "page", "now": "1970-01-02"}, sent)
    assert [(row["source"], row["target"], row["returning"]) for row in found.rows] == [
        ("(start)", "/a", 0), ("/a", "/b", 0), ("/a", "(running)", 0), ("/b", "/a", 1),
    ]  # fmt: skip
    named = [each | {"properties": {"page": f"p{n}"}} for n, each in enumerate(sent)]
    found = answer({"kind": "flow", "by": "page", "now": "1970-01-02"}, named)
    assert [row["target"] for row in found.rows] == ["p0", "p1", "p2", "(running)"]


def goalless(steps: list[dict[str, Any]]) -> dict[str, Any]:
    ids = [step["id"] for step in steps]
    return {"stages": [{"name": "", "steps": steps}], "goal": [], "start": ids, "restart": [], "end": "lapse"}
