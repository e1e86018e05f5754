"""What every kind of question shares: how it is read, what its answer is, how errors speak."""

from __future__ import annotations

import json
from typing import Any

import pytest

from periplus import said_elsewhere
from periplus.condition.tree import key_order
from periplus.errors import PeriplusError, QuestionError
from periplus.journeys.funnel import FunnelQuestion
from periplus.question import Answer, ask, kinds, parse, people
from tests.journeys.logs import SECOND, context

EVENTS: list[dict[str, Any]] = [
    {"customer": 1 << 61, "time": 1 * SECOND, "event": "Product Viewed", "properties": {"color": "red"}},
    {"customer": 1 << 61, "time": 4 * SECOND, "event": "Order Completed", "properties": {}},
    {"customer": 3 << 61, "time": 5 * SECOND, "event": "Product Viewed", "properties": {"color": "blue"}},
]
FUNNEL = {"kind": "funnel", "steps": [{"event": "Product Viewed"}, {"event": "Order Completed"}]}
MAP = {
    "name": "m",
    "goal": "order",
    "stages": [
        {"name": "Look", "steps": [{"name": "View", "rule": {"event": "Product Viewed"}}]},
        {"name": "Buy", "steps": [{"name": "Order", "rule": {"event": "Order Completed"}}]},
    ],
}
ALL = [FUNNEL, {"kind": "map", "map": MAP}, {"kind": "flow", "map": MAP}, {"kind": "flow", "by": "color"}]


@pytest.mark.parametrize("question", ALL)
def test_an_answer_is_json_and_the_same_every_time(question: dict[str, Any]) -> None:
    found = ask(question, context(EVENTS)).to_dict()
    again = ask(question, context(EVENTS)).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found | {"seconds": 0} == again | {"seconds": 0}
    assert list(found) == [
        "kind",
        "question",
        "rows",
        "totals",
        "stages",
        "now",
        "now_from",
        "currency",
        "version",
        "seconds",
        "warnings",
    ]


@pytest.mark.parametrize("question", ALL)
def test_the_question_as_understood_asks_the_same_again(question: dict[str, Any]) -> None:
    found = ask(question, context(EVENTS))
    again = ask(found.question, context(EVENTS))
    assert again.rows == found.rows
    assert again.question == found.question
    assert (found.now_from, again.now_from) == ("last event", "question")


@pytest.mark.parametrize("question", ALL)
def test_every_answer_has_a_table_a_chart_and_a_rich_view(question: dict[str, Any]) -> None:
    found = ask(question, context(EVENTS))
    assert len(found.df()) == len(found.rows)
    assert "data" in json.dumps(found.chart().to_dict())
    assert found._repr_html_().count("<tr>") == len(found.rows) + 1


def test_a_question_object_is_as_good_as_its_document() -> None:
    written = FunnelQuestion(steps=FUNNEL["steps"], within="1d")  # type: ignore[arg-type]
    assert ask(written, context(EVENTS)).rows == ask({**FUNNEL, "within": "1d"}, context(EVENTS)).rows


@pytest.mark.parametrize(
    ("question", "message", "hint"),
    [
        ({}, "A question needs its 'kind'.", "One of:"),
        ({"kind": "funel"}, "Unknown kind of question 'funel'.", "Did you mean 'funnel'?"),
        ({**FUNNEL, "wihtin": "1d"}, "Unknown key 'wihtin' in a funnel question.", "Did you mean 'within'?"),
        ({"kind": "funnel"}, "'steps' is missing in a funnel question.", "Add 'steps'."),
        ({**FUNNEL, "within": "14 days"}, "'14 days' is not a duration.", "such as '30m'"),
        (
            {**FUNNEL, "period": {"form": "2026-01-01"}},
            "Unknown key 'form' in a period.",
            "Did you mean 'from'?",
        ),
        ({**FUNNEL, "period": {"from": "yesterday"}}, "'yesterday' is not a time.", "such as '2026-07-01'"),
        (
            {**FUNNEL, "period": {"from": "2026-02-01", "to": "2026-01-01"}},
            "The period ends before it",
            "swap",
        ),
        (
            {**FUNNEL, "period": {"by": "goal"}},
            "A funnel of customers is selected by when attempts",
            "journeys",
        ),
        (
            {**FUNNEL, "zone": "Europe/Athen"},
            "Unknown time zone 'Europe/Athen'.",
            "Did you mean 'Europe/Athens'?",
        ),
        ({**FUNNEL, "order": "orderd"}, "Unknown `order` 'orderd' in a funnel question.", "'ordered'"),
        ({**FUNNEL, "unit": "session"}, "Unknown `unit` 'session' in a funnel question.", "'sessions'"),
        ({**FUNNEL, "within": {"sessions": 0}}, "within is 0 sessions.", "1 is the session"),
        ({**FUNNEL, "within": {"session": 1}}, "within is {'session': 1}, which is no window.", "'14d'"),
        (
            {**FUNNEL, "unit": "sessions", "within": {"sessions": 2}},
            "within: A window of sessions makes no sense within one session.",
            "count customers",
        ),
        (
            {**FUNNEL, "sessions": {"gap": "30m", "midnigt": True}},
            "Unknown key 'midnigt' in the options of sessions.",
            "Did you mean 'midnight'?",
        ),
        ({**FUNNEL, "steps": [{}] * 31}, "31 steps are too many.", "At most 30"),
        ({**FUNNEL, "breakdown": "color", "breakdown_step": 2}, "breakdown_step is 2", "the last one is 1"),
        (
            {**FUNNEL, "exclude": [{"event": "X", "from": 0, "to": 2}]},
            "exclude[0]: `to` is 2",
            "last one is 1",
        ),
        ({**FUNNEL, "unit": "journeys"}, "A funnel of journeys needs a map.", "Name it"),
        ({**FUNNEL, "steps": [{"step": "view"}]}, "steps[0]: a step of a map needs the map.", "Name it"),
        (
            {**FUNNEL, "map": MAP, "steps": [{"step": "veiw"}]},
            "steps[0]: 'veiw' is no step",
            "Did you mean 'view'?",
        ),
        ({**FUNNEL, "steps": [{"evnt": "A"}]}, "Unknown key 'evnt' in steps[0].", "Did you mean 'event'?"),
        (
            {**FUNNEL, "steps": [{"event": "A", "optional": True}, {}]},
            "steps[0] is optional.",
            "first and the last",
        ),
        (
            {"kind": "map", "map": MAP, "breakdown": "x"},
            "A question of the kind map is split by what customers are, not by 'x'.",
            "segment.NAME",
        ),
        ({"kind": "flow"}, "A flow is over one thing: a map, steps,", 'Give one of "map"'),
        ({"kind": "flow", "map": MAP, "by": "page"}, "A flow is over one thing, not over map and by.", ""),
        (
            {"kind": "flow", "map": MAP, "from": "veiw"},
            "`from` names 'veiw', which is no step here.",
            "'view'",
        ),
        ({"kind": "flow", "map": MAP, "top": 0}, "Top in a flow question:", "0"),
        ({"funnel": FUNNEL}, "A question needs its 'kind'.", 'Write {"kind": "funnel", …}.'),
        ({**FUNNEL, "window": "7d"}, "Unknown key 'window' in a funnel question.", "Did you mean 'within'?"),
        ({"kind": "trend", "metric": "x"}, "Unknown key 'metric' in a trend question.", "'series'"),
        ({**FUNNEL, "steps": ["A", "B"]}, "steps[0] is 'A', which is no condition.", 'Write {"event": "A"}.'),
        ({**FUNNEL, "steps": [3]}, "steps[0] is 3, which is no condition.", 'Write {"event": "…"}.'),
        (
            {**FUNNEL, "period": ["2026-01-01", "2026-02-01"]},
            "Period in a funnel question is ['2026-01-01', '2026-02-01'], which is no object.",
            'Write {"from": …, "to": …, "by": …}.',
        ),
    ],
)
def test_a_wrong_question_is_told_in_one_plain_message(
    question: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(PeriplusError) as problem:
        ask(question, context(EVENTS))
    assert problem.value.message.startswith(message)
    assert hint in problem.value.hint
    assert problem.value.code != "error"


def test_what_other_tools_call_a_key_is_told_as_a_key_that_there_is() -> None:
    keys = {row.alias or name for kind in kinds for name, row in kinds[kind].model.model_fields.items()}
    assert set(said_elsewhere.all_ours()) <= keys | set(key_order())


def test_asking_for_people_of_something_that_is_no_count_names_what_can_be_opened() -> None:
    found = ask(FUNNEL, context(EVENTS))
    with pytest.raises(
        QuestionError, match=r"'rate' is no count of people\. These can be opened: reached, stopped"
    ):
        found.people({"step": 0}, "rate")
    with pytest.raises(QuestionError, match=r"Unknown field 'reachd'\. Did you mean 'reached'\?"):
        found.people({"step": 0}, "reachd")
    with pytest.raises(QuestionError, match="Name a step from 0 to 1"):
        found.people({}, "reached")
    with pytest.raises(QuestionError, match=r"Unknown key 'stp' of a row\. Did you mean 'step'\?"):
        found.people({"stp": 0}, "reached")
    in_map = ask({"kind": "map", "map": MAP}, context(EVENTS))
    with pytest.raises(QuestionError, match=r"Unknown step 'veiw'\. Did you mean 'view'\?"):
        in_map.people({"step": "veiw"}, "visits")
    with pytest.raises(QuestionError, match="These can be opened: visits, journeys"):
        in_map.people({"step": "view"}, "value")


def test_people_are_named_as_the_workspace_names_them() -> None:
    asked = context(EVENTS)
    named = type(asked)(asked.snapshot, asked.settings, asked.wall, labels=lambda ids: {ids[0]: "u-1"})
    found = people({**FUNNEL, "now": "1970-01-01T00:00:05Z"}, {"step": 0}, "reached", named)
    assert found == [
        {"customer": "2000000000000000", "label": "u-1", "time": "1970-01-01T00:00:01Z"},
        {"customer": "6000000000000000", "label": "6000000000000000", "time": "1970-01-01T00:00:05Z"},
    ]


def test_now_is_the_question_s_else_the_clock_s_where_a_source_is_live_else_the_last_event_s() -> None:
    asked = context(EVENTS)
    found = ask(FUNNEL, asked)
    assert (found.now, found.now_from) == ("1970-01-01T00:00:05Z", "last event")
    asked.snapshot.live = True
    found = ask(FUNNEL, asked)
    assert (found.now, found.now_from) == ("1973-03-03T09:46:40Z", "clock")
    early = type(asked)(context(EVENTS).snapshot, asked.settings, 2 * SECOND)
    found = ask(FUNNEL, early)
    assert (found.now, found.now_from) == ("1970-01-01T00:00:02Z", "last event")
    assert found.rows[1]["reached"] == 0
    found = ask({**FUNNEL, "now": "1970-01-01", "zone": "America/New_York"}, asked)
    assert (found.now, found.now_from) == ("1970-01-01T05:00:00Z", "question")


def test_a_kind_is_registered_once() -> None:
    assert list(kinds) == sorted(kinds)
    assert {"flow", "funnel", "map"} <= set(kinds)
    assert isinstance(parse(FUNNEL), FunnelQuestion)


def test_an_answer_without_its_data_says_so() -> None:
    bare = Answer("map", {}, [], {}, [], "", "", "EUR", "1", 0.0, [])
    with pytest.raises(QuestionError, match="Ask again"):
        bare.people({}, "journeys")


def test_no_events_at_all_is_an_answer_too() -> None:
    for question in ALL:
        found = ask(question, context([]))
        assert all(row.get("visits", row.get("reached")) == 0 for row in found.rows)
    with pytest.raises(QuestionError, match="needs steps"):
        ask({"kind": "funnel", "steps": []}, context([]))
