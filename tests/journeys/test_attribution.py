"""Attribution against an oracle of lists and fractions: every model, the spending, who was won, and the people."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import periplus
from periplus.errors import QuestionError
from periplus.journeys.attribution_plan import ALL_MODELS
from periplus.question import ask
from tests.journeys import oracle, paths_oracle
from tests.journeys.logs import (
    CUSTOMERS,
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


def log(*said: tuple[int, str, str | None], customer: int = CUSTOMERS[0]) -> list[dict[str, Any]]:
    """Events of one customer: second, name, and the value of `v`."""
    return [
        {"customer": customer, "time": at * SECOND, "event": name, "properties": {"v": v} if v else {}}
        for at, name, v in said
    ]


def shown(question: dict[str, Any], events: list[dict[str, Any]]) -> dict[tuple[str, Any], float]:
    return {
        (row["model"], row["channel"]): row["conversions"]
        for row in answer(BASE | {"now": moment(10**9)} | question, events).rows
    }


def test_one_touch_takes_everything_and_two_have_half_each_by_position():
    one = shown({}, log((0, "A", "1"), (1, "C", None)))
    assert one == dict.fromkeys(((model, "1") for model in ALL_MODELS), 1)
    two = shown(
        {"models": ["position"], "weights": [0.7, 0.2, 0.1]},
        log((0, "A", "1"), (0, "A", "2"), (1, "C", None)),
    )
    assert two == {("position", "1"): 0.5, ("position", "2"): 0.5}


def test_the_lookback_holds_at_its_last_instant():
    events = log((0, "A", "1"), (3, "C", None))
    assert shown({"lookback": "3s", "models": ["last"]}, events) == {("last", "1"): 1}
    assert shown({"lookback": "2s", "models": ["last"]}, events) == {("last", "1"): 0, ("last", NONE): 1}


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


DAYS = 86_400


def test_published_examples():
    """The numbers that others have printed for each model."""

    def journeys(*ways: tuple[int, str, bool]) -> list[dict[str, Any]]:
        """So many customers who went a way of one-letter channels, and whether it converts."""
        found, number = [], 0
        for many, way, converts in ways:
            for _ in range(many):
                number += 1
                said = [(place, "A", letter) for place, letter in enumerate(way)]
                goal: list[tuple[int, str, str | None]] = [(len(way), "C", None)] * converts
                found += log(*said, *goal, customer=number << 50)
        return found

    # Puzyrov, Markov chain attribution: simple explanation of removal effect (2019): Google ads and mailing. Chance of
    # converting 0.8; without ads 0.2, without mailing 0.4; so the effects are 0.75 and 0.5 and 4 conversions part as 3 to 2.
    chain = journeys((2, "g", True), (1, "m", True), (1, "gm", True), (1, "g", False))
    found = shown({"models": ["markov"]}, chain)
    assert found == {("markov", "g"): pytest.approx(2.4), ("markov", "m"): pytest.approx(1.6)}
    # The airport game (Littlechild and Owen, Management Science 20, 1973) with the runways 8, 11, 13, 18 of the usual example:
    # 2, 3, 4 and 9. A conversion that needs all of a set is the dual of a cost that any of it causes: the values are equal.
    # Zhao, Mahboobi and Bagheri (Shapley value methods for attribution modeling, 2018) share it so too.
    found = shown(
        {"models": ["shapley"]},
        journeys((8, "abcd", True), (3, "bcd", True), (2, "cd", True), (5, "d", True)),
    )
    assert [found["shapley", plane] for plane in "abcd"] == pytest.approx([2, 3, 4, 9])
    # Google Ads' help on its rules: with a half-life of seven days an interaction eight days before a conversion gets half
    # the credit of one a day before; by position 40 % go to the first and the last, 20 % to those between; linear is equal.
    days = log((0, "A", "a"), (7 * DAYS, "A", "b"), (8 * DAYS, "C", None))
    asked = {"half_life": "7d", "lookback": "30d", "models": ["time_decay"], "now": "1970-02-01"}
    found = shown(asked, days)
    assert found["time_decay", "b"] == pytest.approx(2 * found["time_decay", "a"])
    found = shown({"models": ["position", "linear", "first", "last"]}, journeys((1, "abcd", True)))
    assert [found["position", each] for each in "abcd"] == pytest.approx([0.4, 0.1, 0.1, 0.4])
    assert [found["linear", each] for each in "abcd"] == [0.25] * 4
    assert [found["first", each] for each in "abcd"] == [1, 0, 0, 0]
    assert [found["last", each] for each in "abcd"] == [0, 0, 0, 1]


def test_a_chain_from_the_literature():
    """Three journeys whose removal effects can be found by hand: 1 → 2 → 3 → converts, 1 and 2 → 3 → end in nothing.

    They are those of Bryl, Marketing multi-channel attribution model with R (2016): 0.2, 0.4 and 0.4 of a conversion.
    """
    events = [
        *log((0, "A", "1"), (1, "A", "2"), (2, "A", "3"), (3, "C", None), customer=1 << 60),
        *log((0, "A", "1"), customer=2 << 60),
        *log((0, "A", "2"), (1, "A", "3"), customer=3 << 60),
    ]
    # P(1→2) = 1/2, P(2→3) = 1, P(3→converts) = 1/2; two walks of three begin at 1, one at 2.
    # Chance: 2/3·1/2·1/2 + 1/3·1/2 = 1/3. Without 1: 1/6, half is lost; without 2 or 3: all is lost.
    found = shown({"models": ["markov"]}, events)
    assert found["markov", "1"] == pytest.approx(0.5 / 2.5)
    assert found["markov", "2"] == found["markov", "3"] == pytest.approx(1 / 2.5)


def test_what_is_rare_is_together_in_other():
    events = [
        event
        for place in range(1, 26)
        for event in log((0, "A", f"c{place:02}"), (0, "A", "c01"), (1, "C", None), customer=place << 58)
    ]
    found = shown({"models": ["shapley", "linear"]}, events)
    rows = {channel for model, channel in found if model == "shapley"}
    assert len(rows) == 21
    assert OTHER in rows
    assert len([channel for model, channel in found if model == "linear"]) == 25
    assert found["shapley", OTHER] == 2.5  # five rare ones, half of one conversion each


def test_a_value_spelt_like_a_row_of_ours_is_quoted():
    events = log((0, "A", NONE), (1, "C", None), (2, "C", None))
    found = answer(BASE | {"models": ["last"], "now": moment(10**9)}, events)
    assert [(row["channel"], row["conversions"]) for row in found.rows] == [('"(none)"', 1), (NONE, 1)]
    for row in found.rows:
        check_people(found, row, ("conversions", "won"))


def test_numbers_beyond_all_reason_are_none():
    events = log((0, "A", "1"), (1, "C", None), (2, "A", "1"), (3, "C", None), (4, "X", "1"))
    for event, number in zip(events, ("", "1e9999", "", "5", "1e-400"), strict=True):
        event["properties"]["w"] = number
    asked = BASE | {"models": ["last"], "spend": {"of": {"event": "X"}, "amount": "w"}, "now": moment(10**9)}
    (row,) = answer(asked, events).rows
    assert (row["conversions"], row["value"], row["cost"], row["return"]) == (2, 5, 0, None)


def test_without_paths_that_fail_markov_warns():
    events = log((0, "A", "1"), (1, "C", None))
    assert any("Every path converts" in said for said in answer(BASE, events).warnings)
    assert not any("Every path" in said for said in answer(BASE, [*events, *log((2, "A", "1"))]).warnings)


def test_what_makes_no_sense_is_said():
    events = log((0, "A", "1"), (1, "C", None))
    for more, said in (
        ({"models": ["lineer"]}, "Did you mean 'linear'"),
        ({"models": []}, "needs a model"),
        ({"models": [["first"]]}, "Unknown model"),
        ({"weights": [1, 2, 3]}, "add up to 1"),
        ({"weights": ["a", 0, 1]}, "add up to 1"),
        ({"half_life": "0d"}, "halves nothing"),
        ({"lookback": "long"}, "not a duration"),
        ({"markov_order": 4}, "arkov_order"),
        ({"by": "touchpoint"}, "no map is named"),
        ({"period": {"by": "activity"}}, "when the conversions were"),
        ({"spend": {"of": {}, "amonut": "w"}}, "Did you mean 'amount'"),
        ({"spend": {"of": {}}}, "needs its 'amount'"),
        ({"spend": 3}, "no object"),
        ({"said": 3}, "no object"),
        ({"said": {"of": {}}}, "needs its 'property'"),
        ({"said": {"of": {}, "proprety": "v"}}, "Did you mean 'property'"),
        ({"touchs": {}}, "Did you mean 'touches'"),
    ):
        with pytest.raises(QuestionError, match=said):
            answer(BASE | more, events)
    found = answer(BASE, events)
    for row, field, said in (
        ({"model": "first", "channel": "1"}, "value", "no count"),
        ({"model": "first"}, "conversions", "lacks"),
        ({"channel": "1"}, "conversions", "lacks"),
        ({"model": "frist", "channel": "1"}, "conversions", "first"),
        ({"model": "first", "channel": "9"}, "conversions", "channel"),
        ({"chanel": "1"}, "conversions", "channel"),
    ):
        with pytest.raises(QuestionError, match=said):
            found.people(row, field)
    assert any("'Z'" in said for said in answer(BASE | {"goal": {"event": "Z"}}, events).warnings)
    assert any("'u'" in said for said in answer(BASE | {"by": "u"}, events).warnings)


def test_too_many_states_are_refused(monkeypatch):
    monkeypatch.setattr("periplus.journeys.attribution_markov.MOST_STATES", 3)
    events = log((0, "A", "1"), (1, "A", "2"), (2, "A", "3"), (3, "C", None))
    with pytest.raises(QuestionError, match="markov_order"):
        answer(BASE | {"markov_order": 2}, events)


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
