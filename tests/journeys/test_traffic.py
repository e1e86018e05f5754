"""Events of bots and internal traffic: left out everywhere, or in everywhere, and the same law in both."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import periplus
from periplus import clock
from periplus.errors import NotFoundError, QuestionError
from periplus.journeys.funnel import COUNTS
from periplus.journeys.map import STEP_COUNTS
from periplus.question import Answer, ask
from tests.journeys import attempts_oracle, map_oracle, oracle
from tests.journeys.logs import (
    answer,
    check_people,
    context,
    examples,
    logs,
    maps,
    moment,
    nows,
    periods,
    picks,
    written,
)
from tests.journeys.test_flow import same as same_flow
from tests.journeys.test_funnel import agree, conserve, funnels, windows
from tests.journeys.test_map import same as same_map
from tests.journeys.test_store import DAY, DOCUMENT, NOW, PERIODS, SINGLE, _file, log, moments

TRAFFIC = ["customers", "all"]
traffics = st.sampled_from(TRAFFIC)


@st.composite
def marked_logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Random logs of which every third event or so is marked."""
    events = draw(logs())
    marks = draw(picks([True, False, False], len(events)))
    return [event | {"marked": mark} for event, mark in zip(events, marks, strict=True)]


def unmarked(found: Answer) -> tuple[Answer, int | None]:
    """The answer without its `left_out`, and that."""
    totals = dict(found.totals)
    aside = totals.pop("left_out", None)
    return Answer(**{**found.__dict__, "totals": totals}), aside


def test_a_period_may_end_with_1969():
    """The first instant of 1970 is the number 0, not the lack of one."""
    seen = {"customer": 0, "time": 0, "event": "A", "properties": {}, "marked": True}
    question = {"kind": "funnel", "steps": [{"event": "A"}, {"event": "A"}], "now": moment(0)}
    assert answer({**question, "period": {"to": moment(0)}}, [seen]).totals["left_out"] == 0
    assert answer(question, [seen]).totals["left_out"] == 1


@examples(0.5)
@given(marked_logs(), maps(), nows, periods(), traffics)
def test_map_flow_and_funnel_agree_with_the_oracle_and_each_other(
    events: Any, document: Any, now: int, period: Any, traffic: str
) -> None:
    asked = {"map": document, "now": moment(now), "period": written(period), "traffic": traffic}
    seen, lapse = oracle.shown(events, traffic), clock.duration(document["lapse"])
    found, aside = unmarked(answer({"kind": "map", **asked}, events))
    same_map(found, map_oracle.map_answer(seen, document, lapse, now, period))
    if any(event["marked"] for event in events):
        assert aside == oracle.left_out(events, traffic, now, period)
    flow = answer({"kind": "flow", **asked}, events)
    same_flow(flow, map_oracle.flow_answer(seen, document, lapse, now, period))
    for row in found.rows:
        here = row["step"]
        assert row["visits"] == sum(row[outcome] for outcome in oracle.OUTCOMES)
        # By activity what came before a visit may be outside the period, and is no source then.
        for end in ("source",) if period["by"] == "activity" else ("source", "target"):
            assert row["visits"] == sum(each["visits"] for each in flow.rows if each[end] == here)
        journeys = {"kind": "funnel", "unit": "journeys", "steps": [{"step": here}], **asked}
        if period["by"] != "activity":
            assert answer(journeys, events).rows[0]["reached"] == row["journeys"]
    assert found.question.get("traffic", "customers") == traffic
    assert ask(found.question, context(events)).rows == found.rows


@examples(0.5)
@given(marked_logs(), funnels(), nows, periods(("start",)), traffics)
def test_a_funnel_agrees_with_the_oracle(
    events: Any, question: Any, now: int, period: Any, traffic: str
) -> None:
    found = answer({**question, "now": moment(now), "period": written(period), "traffic": traffic}, events)
    within = clock.duration(question.get("within", "30d"))
    attempts = attempts_oracle.funnel_attempts(
        oracle.shown(events, traffic),
        question,
        within=within,
        windows=windows(question),
        now=now,
        period=period,
    )
    agree(found, question, attempts)
    conserve(found, question)
    for row in found.rows:
        check_people(found, row, COUNTS)


def test_traffic_is_customers_or_all() -> None:
    with pytest.raises(QuestionError, match=r"`traffic` 'bots'.*all, customers"):
        answer({"kind": "map", "map": DOCUMENT, "traffic": "bots"}, [])


# -- the store ----------------------------------------------------------------------------------


def bots_log(seed: int) -> list[dict[str, Any]]:
    """A log in which a bot has a day of its own now and then, and staff use customers' accounts."""
    dice = random.Random(seed)
    events = log(seed)
    for event in events:
        event["marked"] = event["customer"] > 35 or dice.random() < 0.1
        event["context"] = {dice.choice(["bot", "internal"]): True} if event["marked"] else {}
    return events


def sent(path: Path, events: list[dict[str, Any]]) -> Path:
    """The events as a file, each with its context."""
    _file(path, events)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = [line | {"context": event["context"]} for line, event in zip(lines, events, strict=True)]
    path.write_text("".join(json.dumps(line) + "\n" for line in told))
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three imports over the same customers, of which one is taken back."""
    folder = tmp_path_factory.mktemp("traffic")
    events, wrong = bots_log(11), bots_log(12)
    with periplus.init(folder / "shop") as ws:
        parts = [[e for e in events if e["time"] // DAY % 2 == part] for part in (0, 1)]
        ws.import_file(sent(folder / "0.jsonl", parts[0]))
        batch = ws.import_file(sent(folder / "wrong.jsonl", wrong)).batch
        ws.import_file(sent(folder / "1.jsonl", parts[1]))
        ws.undo(batch)
        yield ws, events, folder


@pytest.mark.parametrize("traffic", TRAFFIC)
@pytest.mark.parametrize("period", PERIODS)
def test_answers_from_files(shop: Any, period: dict[str, Any], traffic: str) -> None:
    ws, events, _ = shop
    check(ws, events, period, traffic)


def check(ws: Any, events: list[dict[str, Any]], period: dict[str, Any], traffic: str) -> None:
    seen, lapse = oracle.shown(events, traffic), clock.duration("3d")
    asked = {"map": DOCUMENT, "traffic": traffic, **moments(period)}
    found, aside = unmarked(ws.ask({"kind": "map", **asked}))
    same_map(found, map_oracle.map_answer(seen, DOCUMENT, lapse, NOW, period))
    assert aside == oracle.left_out(events, traffic, NOW, period)
    for row in found.rows:
        check_people(found, row, STEP_COUNTS)
    flow = ws.ask({"kind": "flow", **asked})
    same_flow(flow, map_oracle.flow_answer(seen, DOCUMENT, lapse, NOW, period))


@pytest.mark.parametrize("traffic", TRAFFIC)
def test_a_funnel_with_properties_from_files(shop: Any, traffic: str) -> None:
    ws, events, _ = shop
    question: dict[str, Any] = {
        "kind": "funnel", "steps": [{"event": "A", "where": {"v": "1"}}, SINGLE[1]], "within": "5d", "breakdown": "v",
    }  # fmt: skip
    period = {"by": "start", "from": 12 * DAY, "to": 16 * DAY}
    found = ws.ask({**question, "traffic": traffic, **moments(period, 20 * DAY)})
    recent = [event for event in oracle.shown(events, traffic) if event["time"] >= 12 * DAY]
    attempts = attempts_oracle.funnel_attempts(
        recent, question, within=clock.duration("5d"), windows=[None, None], now=20 * DAY, period=period
    )
    agree(found, question, attempts)
    for row in found.rows:
        check_people(found, row, COUNTS)


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_what_is_exported_is_left_out_where_it_is_imported(shop: Any, ending: str) -> None:
    ws, events, folder = shop
    ws.adopt_traffic({"staff": ["user 3", "user 4"]})
    try:
        ws.export(folder / f"out.{ending}")
    finally:
        ws.adopt_traffic({})
    told = [event | {"marked": event["marked"] or event["customer"] in (3, 4)} for event in events]
    with periplus.init(folder / ending) as other:
        other.import_file(folder / f"out.{ending}")
        for traffic in TRAFFIC:
            check(other, told, PERIODS[1], traffic)


def test_rules_for_the_past_and_back(shop: Any) -> None:
    ws, events, _ = shop
    asked = {"kind": "map", "map": DOCUMENT, **moments(PERIODS[1])}
    before = ws.ask(asked), ws.ask({**asked, "traffic": "all"})
    found = ws.try_traffic({"marks": False, "staff": ["user 7"]})
    mine = [event for event in events if event["customer"] == 7]
    assert found.reasons == {"staff": len(mine)}
    assert found.goes == sum(not event["marked"] for event in mine)
    assert ws.adopt_traffic({"marks": False, "staff": ["user 7"]}) > 0
    try:
        told = [event | {"marked": event["customer"] == 7} for event in events]
        for traffic in TRAFFIC:
            check(ws, told, PERIODS[0], traffic)
    finally:
        ws.adopt_traffic({})
    after = ws.ask(asked), ws.ask({**asked, "traffic": "all"})
    for old, new in zip(before, after, strict=True):
        assert (old.rows, old.stages, old.totals) == (new.rows, new.stages, new.totals)


def test_people_and_timelines(shop: Any) -> None:
    ws, events, _ = shop
    shown = {event["customer"] for event in events if event["customer"] and not event["marked"]}
    everyone = {event["customer"] for event in events if event["customer"]}
    assert ws.search()["total"] == len(shown) < ws.search(traffic="all")["total"] == len(everyone)
    mine = [event for event in events if event["customer"] == 5]
    assert len(ws.timeline("user 5")) == sum(not event["marked"] for event in mine)
    told = ws.timeline("user 5", traffic="all")
    assert [event["left_out"] for event in told].count("says so") == sum(event["marked"] for event in mine)
    assert ws.customer("user 5", traffic="all")["events"] == len(mine)
    with pytest.raises(NotFoundError) as left:
        ws.customer("user 38")
    assert left.value.code == "left_out"
    assert ws.customer("user 38", traffic="all")["label"] == "user 38"
