"""What conditions say of customers, as people write it: what is understood, refused, said aloud, and true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from periplus import clock
from periplus.condition import Condition, Life
from periplus.errors import QuestionError
from periplus.store.columns import FileColumns

UTC = clock.zone("UTC")
ORDER: dict[str, Any] = {"event": "Order Completed"}


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        ({"did": ORDER}, None),
        ({"did_not": ORDER}, {"not": {"did": ORDER}}),
        ({"did": {**ORDER, "where": {"x": 1}, "count": {"gte": 2}, "within": "90d"}}, None),
        ({"did": {"count": {"eq": 2.0}, "within": "14d"}}, {"did": {"count": 2, "within": "2w"}}),
        ({"did": {**ORDER, "sum": {"total": {"gte": 1}, "tax": {"lt": 9}}, "min": {"total": 5}}}, None),
        ({"did": {"between": {"from": "2026-01-01", "to": "2026-02-01T10:00:00+02:00"}}}, None),
        ({"did": {"before": {"event": "A", "within": "1h"}, "after": {"where": {"x": 1}}}}, None),
        ({"did": {"first": {"x": 1, "y": {"exists": True, "ne": 2}}, "last": {"x": {"every": 1}}}}, None),
        ({"did": {**ORDER, "as_of": "now"}}, {"did": ORDER, "as_of": "now"}),
        ({"trait": {"country": "GR", "age": {"gte": 18, "exists": True}}}, {"trait": {"country": "GR", "age": {"exists": True, "gte": 18}}}),
        ({"trait": {"traits.address.city": "x"}}, {"trait": {"address.city": "x"}}),
        ({"segment": ["vip"]}, {"segment": "vip"}),
        ({"answered": {"survey": "nps", "score": {"lte": 6}}}, None),
        ({"all": [{"did": ORDER}, {"trait": {"a": 1}, "as_of": "event"}], "as_of": "now"}, None),
        ({"event": "A", "any": [{"did": {}}, {"segment": "vip"}], "not": {"trait": {"a": 1}}}, None),
    ],
)  # fmt: skip
def test_documents_are_written_out_again(document: dict[str, Any], canonical: dict[str, Any] | None) -> None:
    condition = Condition.parse(document)
    written = condition.document()
    assert Condition.parse(written) == condition
    if canonical is not None:
        assert written == canonical
    assert condition.speaks_of_customer()
    assert not condition.only_names()


def test_a_moment_holds_for_all_that_do_not_name_their_own() -> None:
    inner = {"any": [{"did": {}}, {"trait": {"a": 1}, "as_of": "event"}]}
    said = Condition.parse({"all": [inner, {"not": {"segment": "x"}}], "as_of": "now"}).document()
    assert str(said).count("'as_of': 'now'") == 2
    assert str(said).count("'as_of': 'event'") == 1


WRONG: list[tuple[Any, str, str]] = [
    ({"did": []}, "this is an object", "event"),
    ({"did": {"evnt": "A"}}, r"condition.did: unknown key 'evnt'", "event"),
    ({"did": {"count": "2"}}, "no number", "gte"),
    ({"did": {"count": {"contains": "2"}}}, "operator 'contains'", ""),
    ({"did": {"count": {}}}, "nothing is asked", ""),
    ({"did": {"count": {"gte": 10**30}}}, "no number", ""),
    ({"did": {"within": "90 days"}}, "no duration", "90d"),
    ({"did": {"within": 90}}, "no duration", ""),
    ({"did": {"between": {}}}, "object", "from"),
    ({"did": {"between": {"form": "2026-01-01"}}}, "unknown key 'form'", "from"),
    ({"did": {"between": {"from": "soon"}}}, "no time", "2026"),
    ({"did": {"between": {"from": "2026-02-01", "to": "2026-01-01"}}}, "ends before", "swap"),
    ({"did": {"sum": "total"}}, "object of properties", "total"),
    ({"did": {"sum": {"x": {"gte": 1}, "properties.x": 2}}}, "asked for twice", ""),
    ({"did": {"first": {}}}, "nothing is asked", ""),
    ({"did": {"before": {}}}, "another event", "Ticket"),
    ({"did": {"before": {"evnt": "A"}}}, "unknown key 'evnt'", "event"),
    ({"did": {"did": {}}}, "speaks of the customer, and `did` describes an event", "all"),
    ({"did": {"all": [{"segment": "x"}]}}, "speaks of the customer", "all"),
    ({"did": {"after": {"trait": {"a": 1}}}}, "`after` describes an event", "all"),
    ({"trait": {}}, "object of traits", "country"),
    ({"trait": {"a": {"gtee": 1}}}, "operator 'gtee'", "gte"),
    ({"segment": 5}, "name is a text", ""),
    ({"segment": []}, "empty", ""),
    ({"answered": {"score": 1}}, "belongs to a survey", "nps"),
    ({"did": {}, "as_of": "strat"}, "unknown moment 'strat'", "start"),
    ({"event": "A", "as_of": "now"}, "nothing about the customer", "beside"),
]


@pytest.mark.parametrize(("document", "message", "hint"), WRONG)
def test_what_is_wrong_is_said(document: Any, message: str, hint: str) -> None:
    with pytest.raises(QuestionError, match=message) as caught:
        Condition.parse(document)
    assert caught.value.code == "condition"
    assert hint in caught.value.hint


ENGLISH: list[tuple[dict[str, Any], str]] = [
    ({}, "every customer"),
    ({"did": ORDER}, "the customer did Order Completed"),
    ({"did": {"count": {"gte": 2, "lte": 5}}}, "the customer did any event at least 2 times and at most 5 times"),
    (
        {"did": {**ORDER, "where": {"x": 1}, "count": {"gte": 2}, "within": "90d", "sum": {"total": {"gte": 100}}}},
        "the customer did (Order Completed where x is 1) at least 2 times in the last 90d, where the sum of total is at least 100",
    ),
    (
        {"did": {**ORDER, "before": {"event": "Ticket Opened", "within": "7d"}, "last": {"total": {"lt": 5}}}},
        "the customer did Order Completed at most 1w before Ticket Opened, where of the last one total is less than 5",
    ),
    ({"did_not": {"between": {"from": "2026-01-01"}}}, "it is not the case that the customer did any event from 2026-01-01 on"),
    ({"trait": {"country": "GR"}, "as_of": "now"}, "as of now the customer’s country is “GR”"),
    ({"any": [{"segment": ["a", "b"]}, {"answered": {"survey": "nps"}}]},
     "either the customer is in the segment a or b or the customer answered the survey nps"),
    ({"answered": {"survey": "nps", "score": {"lte": 6}}, "as_of": "start"},
     "before the start the customer’s last answer to the survey nps has score is at most 6"),
]  # fmt: skip


@pytest.mark.parametrize(("document", "sentence"), ENGLISH)
def test_english(document: dict[str, Any], sentence: str) -> None:
    condition = Condition.parse(document)
    assert condition.of_customer() == sentence
    assert (
        condition == Condition.parse({})
        or sentence in Condition.parse({"event": "A", "all": [document]}).english()
    )


def test_an_event_alone_is_not_asked_about_its_customer() -> None:
    condition = Condition.parse({"event": "A", "did": {}})
    with pytest.raises(QuestionError, match="'did' speaks of the customer"):
        condition.matches({"event": "A"})
    with pytest.raises(QuestionError, match="'did' speaks of the customer"):
        condition.sql(FileColumns({}))
    with pytest.raises(QuestionError, match="speaks of an event"):
        condition.check_of_customers("customers")
    with pytest.raises(QuestionError, match="there is only a customer"):
        condition.holds(Life([], 0))
    with pytest.raises(QuestionError, match="kept in a workspace"):
        Condition.parse({"segment": "x"}).holds(Life([], 0))
    with pytest.raises(QuestionError, match="no start here"):
        Condition.parse({"did": {}, "as_of": "start"}).holds(Life([], 0))


def test_touchpoints_inside_are_the_maps() -> None:
    condition = Condition.parse({"did": {"touchpoint": "cart", "before": {"stage": "pay"}}})
    assert condition.references() == {("touchpoint", "cart"), ("stage", "pay")}
    rules = {"cart": Condition.parse({"event": "A"}), "pay": Condition.parse({"event": "B"})}
    assert condition.resolve(lambda kind, name: rules[name]).document() == {
        "did": {"event": "A", "before": {"event": "B"}}
    }


def test_the_worked_table_of_the_docs() -> None:
    page = Path(__file__).parents[1].joinpath("docs", "conditions.md").read_text(encoding="utf-8")
    heading, *rows = page.split("| asked, of the events")[1].split("\n\n")[0].splitlines()
    assert "total 40" in heading
    orders = [("2026-03-01", {"total": 40}), ("2026-03-10", {"total": 70}), ("2026-03-20", {})]
    events = [
        {"type": "track", "event": "Order Completed", "time": clock.instant(day, UTC), "properties": told}
        for day, told in orders
    ]
    now = clock.instant("2026-04-01", UTC)
    checked = 0
    for row in rows[1:]:
        asked, *wanted = (cell.strip() for cell in row.strip("|").split("|"))
        condition = Condition.parse(yaml.safe_load("{" + asked.strip("`") + "}"))
        lives = [Life(events, now, event=place, default="event") for place in range(3)] + [Life(events, now)]
        assert ["yes" if condition.holds(life) else "no" for life in lives] == wanted, row
        checked += 1
    assert checked == 7
