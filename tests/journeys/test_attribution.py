"""Attribution against an oracle of lists and fractions: every model, the spending, who was won, and the people."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import periplus
from periplus.journeys.attribution_plan import ALL_MODELS
from periplus.question import ask
from tests.journeys import oracle, paths_oracle
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
from tests.journeys.test_store import DAY, NOW, _file, moments
from tests.journeys.test_store import log as log_of_days

SECOND = 1_000_000
NONE, OTHER = "(none)", "(other)"
BASE: dict[str, Any] = {
    "kind": "attribution", "touches": {"event": ["A", "B"]}, "goal": {"event": "C"}, "by": "v", "value": "w",
    "models": list(ALL_MODELS), "weights": [0.4, 0.2, 0.4], "markov_order": 1, "groups": 20,
}  # fmt: skip


@st.composite
def worthy_logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Logs whose events have a channel `v` and a number `w`, some neither."""
    events = draw(logs(names=("A", "B", "C", "X"), values=(None, "1", "2", "direct", "3")))
    numbers = draw(picks([None, "1", "2.5", "10", "0.1", "none"], len(events)))
    for event, number in zip(events, numbers, strict=True):
        if number is not None:
            event["properties"] = event["properties"] | {"w": number}
    return [event for event in events if "none" not in event["properties"].get("w", "")]


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    asked = BASE | {
        "touches": draw(st.sampled_from([{"event": ["A", "B"]}, {"event": "A", "where": {"w": "1"}}, {}])),
        "goal": draw(st.sampled_from([{"event": "C"}, {"event": ["B", "C"]}])),
        "lookback": f"{draw(st.integers(1, 6))}s",
        "half_life": f"{draw(st.integers(1, 4))}s",
        "weights": draw(st.sampled_from([[0.4, 0.2, 0.4], [0.5, 0, 0.5], [0.2, 0.7, 0.1]])),
        "markov_order": draw(st.integers(1, 3)),
        "groups": draw(st.sampled_from([1, 2, 3, 20])),
    }
    if draw(st.booleans()):
        del asked["value"]
    return asked


def same(found: Any, want: dict[tuple[str, Any], tuple[float, float]]) -> None:
    got = {
        (row["model"], row["channel"]): row
        for row in found.rows
        if row["conversions"] > 1e-9 or (row["channel"] == NONE and row["conversions"])
    }
    assert set(got) == set(want)
    for key, (number, value) in want.items():
        assert got[key]["conversions"] == pytest.approx(number, rel=1e-9), key
        if got[key]["value"] is not None:
            assert got[key]["value"] == pytest.approx(value, rel=1e-9, abs=1e-9), key


@examples()
@given(questions(), worthy_logs(), nows, periods(("start", "goal")))
def test_as_the_oracle_counts(question, events, now, period):
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    lookback, half_life = (int(question[key][:-1]) * SECOND for key in ("lookback", "half_life"))
    same(
        found,
        paths_oracle.attribution(
            events, question, lookback=lookback, half_life=half_life, now=now, period=period
        ),
    )
    paths = paths_oracle.all_paths(events, question, lookback, now, period)
    ended = [path for path in paths if path["goal"] is not None]
    totals = found.totals
    assert totals["conversions"] == len(ended) == totals["touched"] + totals["untouched"]
    assert totals["untouched"] == sum(not path["touches"] for path in ended)
    assert totals["not_converted"] == len(paths) - len(ended)
    check_people(found, totals_only(totals), ("conversions", "touched", "untouched", "not_converted"))
    conserve(found)
    for row in found.rows:
        credited = found.people(row, "conversions")
        number = sum(each.get("credit", 1) for each in credited)
        assert number == pytest.approx(row["conversions"], abs=1e-9)
        if isinstance(row["conversions"], int):
            assert len(credited) == row["conversions"]
        check_people(found, row, ("won", "repeated"))
    assert ask(found.question, context(events)).rows == found.rows


def totals_only(totals: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in totals.items() if key not in ("value", "spend")}


def conserve(found: Any) -> None:
    """For each model, conversions and value add up to those with a touch, and with (none) to all."""
    for model, rows in itertools.groupby(found.rows, key=lambda row: row["model"]):
        listed = list(rows)
        with_touch = [row for row in listed if row["channel"] != NONE]
        assert sum(row["conversions"] for row in with_touch) == pytest.approx(found.totals["touched"]), model
        assert sum(row["conversions"] for row in listed) == pytest.approx(found.totals["conversions"])
        if found.totals["value"] is not None:
            assert sum(row["value"] for row in listed) == pytest.approx(found.totals["value"], abs=1e-9)


@examples(0.5)
@given(questions(), worthy_logs(), nows, periods(("start",)))
def test_who_was_won_as_the_oracle_counts(question, events, now, period):
    found = answer({**question, "now": moment(now), "period": written(period)}, events)
    want = paths_oracle.won(events, question, now, period)
    rows = [row for row in found.rows if row["model"] == "first" and row["won"]]
    assert {row["channel"] for row in rows} == set(want)
    for row in rows:
        won, again, value = want[row["channel"]]
        assert (row["won"], row["repeated"], row["repeat_rate"]) == (won, again, again / won)
        if "value" in question:
            assert row["lifetime_value"] == pytest.approx(value / won)
        else:
            assert row["lifetime_value"] is None
    for model in ALL_MODELS:
        assert sum(row["won"] for row in found.rows if row["model"] == model) == sum(
            won for won, _, _ in want.values()
        )


@examples(0.5)
@given(worthy_logs(), nows, periods(("start",)))
def test_what_was_spent_is_beside_what_came_of_it(events, now, period):
    asked = BASE | {
        "spend": {"of": {"event": "X"}, "amount": "w"},
        "models": ["linear", "shapley"],
        "groups": 2,
    }
    found = answer({**asked, "now": moment(now), "period": written(period)}, events)
    spent: dict[Any, float] = {}
    for event in events:
        if event["event"] == "X" and "w" in event["properties"] and event["time"] <= now:
            if oracle.inside(event["time"], period):
                group = event["properties"].get("v")
                spent[group] = spent.get(group, 0) + float(event["properties"]["w"])
    for row in found.rows:
        if row["model"] == "linear":
            assert row["spend"] == pytest.approx(spent.pop(row["channel"], 0))
        assert row["cost"] == (row["spend"] / row["conversions"] if row["conversions"] else None)
        assert row["return"] == (row["value"] / row["spend"] if row["spend"] else None)
    assert not spent
    assert found.totals["spend"] == pytest.approx(
        sum(row["spend"] for row in found.rows if row["model"] == "shapley")
    )


@examples(0.5)
@given(maps(), worthy_logs(), nows)
def test_touchpoints_are_steps_of_the_map(document, events, now):
    asked = BASE | {"by": "touchpoint", "map": document, "touches": {}, "goal": {"event": "X"}}
    asked |= {"models": ["linear", "last"], "lookback": "9s", "now": moment(now)}
    found = answer(asked, events)
    told = [
        event | {"properties": {"v": oracle.label(event, document), "w": event["properties"].get("w")}}
        for event in events
    ]
    want = paths_oracle.attribution(
        told, BASE | {"touches": {}, "goal": {"event": "X"}, "models": ["linear", "last"]},
        lookback=9 * SECOND, half_life=SECOND, now=now, period={},
    )  # fmt: skip
    same(found, want)


@examples(0.5)
@given(worthy_logs(), nows, periods(("start", "goal")))
def test_what_customers_said_as_the_oracle_counts(events, now, period):
    asked = BASE | {"models": ["last"], "now": moment(now), "period": written(period)}
    found = answer(asked | {"said": {"of": {"event": "X"}, "property": "v"}}, events)
    want: dict[str, list[float]] = {}
    for mine in oracle.by_customer(events, now).values():
        goals = [place for place, event in enumerate(mine) if event["event"] == "C"]
        for place, after in zip(goals, [*goals[1:], len(mine)], strict=False):
            said = [
                e["properties"]["v"] for e in mine[:after] if e["event"] == "X" and "v" in e["properties"]
            ]
            if oracle.inside(mine[place]["time"], period):
                worth = float(mine[place]["properties"].get("w", 0))
                want.setdefault(said[-1] if said else NONE, []).append(worth)
    got = {row["channel"]: row for row in found.rows if row["model"] == "said"}
    assert {channel: row["conversions"] for channel, row in got.items()} == {
        k: len(v) for k, v in want.items()
    }
    for channel, row in got.items():
        assert row["value"] == pytest.approx(sum(want[channel]))
        check_people(found, row, ("conversions",))
    assert [row for row in found.rows if row["model"] != "said"] == answer(asked, events).rows


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Two imports over the same customers, and one that is taken back."""
    folder = tmp_path_factory.mktemp("attribution")
    events = log_of_days(7)
    with periplus.init(folder / "shop") as ws:
        days = [[event for event in events if event["time"] // DAY % 2 == part] for part in (0, 1)]
        ws.import_file(_file(folder / "0.jsonl", days[0]))
        wrong = ws.import_file(_file(folder / "wrong.jsonl", log_of_days(8))).batch
        ws.import_file(_file(folder / "1.jsonl", days[1]))
        ws.undo(wrong)
        yield ws, events


@pytest.mark.parametrize("period", [{"by": "start"}, {"by": "goal", "from": 10 * DAY, "to": 30 * DAY}])
def test_from_files(shop: Any, period: dict[str, Any]) -> None:
    ws, events = shop
    asked = BASE | {"touches": {"event": ["A", "B", "C"]}, "goal": {"event": "Z"}, "markov_order": 2}
    asked |= {"lookback": "5d", "half_life": "2d", "value": "v", "groups": 2}
    events = [
        event | {"properties": {key: value for key, value in event["properties"].items() if value != "three"}}
        for event in events
    ]
    found = ws.ask(asked | {"spend": {"of": {"event": "X"}, "amount": "v"}} | moments(period))
    # What "three" is to the oracle's touches is a value all the same.
    named = [
        event | {"properties": {"v": told["properties"].get("v"), "n": event["properties"].get("v")}}
        for event, told in zip(events, shop[1], strict=True)
    ]
    want = paths_oracle.attribution(
        named, asked | {"value": "n"}, lookback=5 * DAY, half_life=2 * DAY, now=NOW, period=period
    )
    assert len(want) > 3 * len(ALL_MODELS)
    same(found, want)
    conserve(found)
    spent = [e for e in events if e["event"] == "X" and oracle.inside(e["time"], period)]
    assert any(not event["customer"] for event in spent)
    assert found.totals["spend"] == sum(float(event["properties"].get("v", 0)) for event in spent)
    for row in found.rows:
        check_people(found, row, ("won", "repeated"))
