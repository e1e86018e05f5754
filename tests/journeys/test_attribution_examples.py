"""Attribution by examples one can work out by hand or has read elsewhere, and what makes no sense said."""

from __future__ import annotations

from typing import Any

import pytest

from periplus.errors import QuestionError
from periplus.journeys.attribution_plan import ALL_MODELS
from tests.journeys.logs import CUSTOMERS, answer, check_people, moment
from tests.journeys.test_attribution import BASE, NONE, OTHER, SECOND


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
