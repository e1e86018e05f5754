"""Conditions as people write them: what is understood, what is refused and how, what it means and says."""

from __future__ import annotations

import datetime
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.store.columns import FileColumns

CART = {"event": "Product Added", "where": {"price": {"gte": 10}}}


def meets(where: dict[str, Any], **properties: Any) -> bool:
    return Condition.parse({"where": where}).matches({"event": "X", "properties": properties})


def test_every_event() -> None:
    condition = Condition.parse({})
    assert condition.matches({})
    assert condition.only_names()
    assert condition.names() is None
    assert condition.document() == {}


@pytest.mark.parametrize(
    ("document", "canonical"),
    [
        (CART, CART),
        ({"event": ["A", "A"]}, {"event": "A"}),
        ({"all": [{"all": [CART]}]}, CART),
        ({"all": [{"event": "A"}, {"where": {"x": 1}}]}, {"event": "A", "where": {"x": 1}}),
        ({"all": [{"where": {"x": 1}}, {"event": "A"}]}, {"where": {"x": 1}, "all": [{"event": "A"}]}),
        ({"any": [{"any": [{"event": "A"}]}, {"event": "B"}]}, {"any": [{"event": "A"}, {"event": "B"}]}),
        ({"where": {"properties.x": {"eq": 5.0}}}, {"where": {"x": 5}}),
        ({"where": {"properties.channel": "a", "channel": "b"}}, None),
        ({"where": {"properties.context.x": 1, "context.x": 1, "context": 1}}, None),
        ({"where": {"x": {"every": {"gte": 1}, "exists": True, "lt": 9}}}, None),
        ({"where": {"x": {"gte": 1, "eq": 2}}}, None),
        ({"not": {"not": CART}, "any": [CART, {}]}, None),
        ({"touchpoint": "cart", "stage": ["intent", "purchase"]}, None),
        ({"where": {"x": {"in": ["a", 1, True]}}}, None),
    ],
)
def test_documents_are_written_out_again(document: dict[str, Any], canonical: dict[str, Any] | None) -> None:
    condition = Condition.parse(document)
    assert condition.document() == (canonical or document)
    assert Condition.parse(condition.document()) == condition


def test_one_is_not_true() -> None:
    assert Condition.parse({"where": {"x": 1}}) != Condition.parse({"where": {"x": True}})


WRONG: list[tuple[Any, str, str]] = [
    ({"evnt": "A"}, "evnt", "event"),
    ({"where": {"price": {"gtee": 1}}}, "condition.where.price: unknown operator 'gtee'", "gte"),
    ({"where": {"price": {"every": {"exists": True}}}}, "operator 'exists'", ""),
    ([], "object", ""),
    ("Product Added", "object", "event: Product Added"),
    ({"event": 5}, "name is a text", ""),
    ({"event": []}, "empty", ""),
    ({"event": [""]}, "name is a text", ""),
    ({"all": []}, "empty", ""),
    ({"any": {}}, "list", ""),
    ({"any": [{"event": "A"}, {"evnt": "A"}]}, r"condition.any\[1\]: unknown key 'evnt'", "event"),
    ({"not": [CART]}, "object", ""),
    ({"where": []}, "object", ""),
    ({"where": {"x": None}}, "null", "exists: false"),
    ({"where": {"x": ["a"]}}, "list", "in: "),
    ({"where": {"x": {}}}, "nothing is asked", "exists: true"),
    ({"where": {"x": {"every": {}}}}, "nothing is asked", ""),
    ({"where": {"x": {"in": []}}}, "empty", ""),
    ({"where": {"x": {"in": "a"}}}, "takes a list", ""),
    ({"where": {"x": {"gt": True}}}, "does not take", "number"),
    ({"where": {"x": {"contains": 5}}}, "does not take", "text"),
    ({"where": {"x": {"contains": ""}}}, "not empty", "exists"),
    ({"where": {"x": {"exists": "yes"}}}, "true or false", ""),
    ({"where": {"x": {"exists": 1}}}, "true or false", ""),
    ({"where": {"x": {"gt": float("nan")}}}, "not a number", ""),
    ({"where": {"x": {"gt": 10**400}}}, "too large", ""),
    ({"where": {"x": {"eq": {"a": 1}}}}, "no value", ""),
    ({"where": {"x": {"matches": "(?=a)"}}}, "pattern", "look-around"),
    ({"where": {"": 1}}, "name", ""),
    ({"where": {"a\x00b": 1}}, "name of a property", ""),
    ({"where": {5: 1}}, "name", ""),
    ({"where": {"x": "\ud800"}}, "surrogate", ""),
    ({"where": {"\ud800": 1}}, "surrogate", ""),
    ({"event": "\ud800"}, "surrogate", ""),
    ({"where": {"x": "a" * 20_000}}, "longer", ""),
    ({"where": {"x": {"in": list(range(20_000))}}}, "10000", ""),
    ({"any": [{"event": f"E{i}"} for i in range(1001)]}, "1000 parts", "`in`"),
    ({"any": [{}] * 20_000}, "10000 parts", ""),
]


@pytest.mark.parametrize(("document", "message", "hint"), WRONG)
def test_what_is_wrong_is_said(document: Any, message: str, hint: str) -> None:
    with pytest.raises(QuestionError, match=message) as caught:
        Condition.parse(document)
    assert caught.value.code == "condition"
    assert caught.value.hint
    assert hint in caught.value.hint
    assert len(str(caught.value)) < 600


def test_the_nearest_word_comes_first() -> None:
    with pytest.raises(QuestionError) as caught:
        Condition.parse({"where": {"x": {"startswith": "a"}}}, where="steps[2]")
    assert caught.value.message.startswith("steps[2].where.x")
    assert caught.value.allowed[0] == "starts_with"


def test_depth_is_bounded() -> None:
    document: dict[str, Any] = {"event": "A"}
    for _ in range(19):
        document = {"not": document}
    Condition.parse(document)
    for _ in range(2000):
        document = {"not": document}
    with pytest.raises(QuestionError, match="deep"):
        Condition.parse(document)


def test_dates_that_yaml_reads_are_texts() -> None:
    condition = Condition.parse({"where": {"day": {"gte": datetime.date(2026, 1, 1)}}})
    assert condition.matches({"properties": {"day": "2026-01-02"}})
    assert not condition.matches({"properties": {"day": "2025-12-31"}})


# The value rules, one line each: docs/conditions.md shows the same.
VALUES: list[tuple[Any, Any, bool]] = [
    ("shoes", "shoes", True),
    ("shoes", "Shoes", False),
    ("caf\u00e9", "cafe\u0301", True),
    ({"eq": "7"}, 7, True),
    ({"eq": "7"}, 7.0, True),
    ({"eq": "0.1"}, 0.1, True),
    ({"eq": "007"}, 7, False),
    ({"eq": 7}, "007", True),
    ({"eq": 7}, "7.0", True),
    ({"eq": 7}, " 7", False),
    ({"eq": 1000}, "1_000", False),
    ({"eq": 1000}, "1e3", True),
    ({"gt": 0}, "inf", False),
    ({"gt": 0}, "nan", False),
    ({"gt": 0}, "1e999", False),
    ({"eq": 1}, True, False),
    ({"eq": True}, 1, False),
    ({"eq": True}, "true", True),
    ({"eq": True}, "True", False),
    ({"eq": "true"}, True, True),
    ({"eq": 2**53}, 2**53 + 1, False),
    ({"gt": 2**53}, 2**53 + 1, True),
    ({"eq": 2**53 + 1}, float(2**53), False),
    ({"lt": 2**63}, 2**63 - 1, True),
    ({"eq": 12345678901234567890}, 12345678901234567890, True),
    ({"gte": 12345678901234567890}, "12345678901234567890", True),
    ({"lte": 12345678901234567890}, 1.2345678901234567e19, True),
    ({"gte": -0.0}, 0, True),
    ({"ne": 5}, 6, True),
    ({"ne": 5}, "blue", False),
    ({"ne": "5"}, "blue", True),
    ({"ne": "5"}, None, False),
    ({"not_in": [5, "red"]}, "blue", True),
    ({"not_in": [5, 6]}, "blue", False),
    ({"not_in": [5, "red"]}, None, False),
    ({"in": ["7", False]}, "false", True),
    ({"gt": "10"}, "9", True),
    ({"gt": "10"}, 9, True),
    ({"gt": 10}, "9", False),
    ({"gt": "a"}, "é", True),
    ({"contains": "20"}, 1200, True),
    ({"contains": "hoe"}, "shoes", True),
    ({"starts_with": "e"}, "e\u0301", False),
    ({"ends_with": "es"}, "shoes", True),
    ({"matches": "^s.*s$"}, "shoes", True),
    ("red", ["blue", "red"], True),
    ({"ne": "red"}, ["blue", "red"], True),
    ({"ne": "red"}, ["red"], False),
    ({"every": "red"}, ["red", "red"], True),
    ({"every": "red"}, ["red", None], False),
    ({"every": "red"}, [], False),
    ({"every": "red"}, "red", True),
    ({"gte": 5, "lte": 6}, [1, 9], False),
    ({"gte": 5, "lte": 6}, [1, 5.5], True),
    ("red", [["red"]], False),
    ({"exists": True}, {"any": "object"}, True),
    ({"ne": "x"}, {"any": "object"}, False),
    ({"exists": True}, None, False),
    ({"exists": True}, {"a": None}, False),
    ({"exists": True}, {}, True),
    ({"exists": True}, [], False),
    ({"exists": True}, [None], False),
    ({"exists": True}, [[]], True),
    ({"exists": False}, "", False),
]


@pytest.mark.parametrize(("asked", "value", "expected"), VALUES)
def test_the_value_rules(asked: Any, value: Any, expected: bool) -> None:
    assert meets({"x": asked}, x=value) is expected


def test_a_missing_value_meets_the_not() -> None:
    for asked in (5, {"ne": 5}, {"not_in": [5]}, {"gt": "a"}, {"every": 5}, {"matches": "."}):
        assert not meets({"x": asked})
        assert Condition.parse({"not": {"where": {"x": asked}}}).matches({"properties": {}})


def test_paths_through_lists_and_objects() -> None:
    products = [{"category": "shoes", "size": {"eu": 42}}, {"category": ["bags", "new"]}, {}, None, 5]
    assert meets({"products.category": "shoes"}, products=products)
    assert meets({"products.category": "new"}, products=products)
    assert meets({"products.size.eu": {"gte": 42}}, products=products)
    assert not meets(
        {"products.category": {"every": {"exists": True, "ne": "x"}.get("ne")}}, products=products
    )
    assert meets({"products.category": {"every": {"in": ["shoes", "hats"]}}}, products=[{"category": "hats"}])
    assert not meets({"products.category": {"every": "hats"}}, products=[{"category": "hats"}, {}])


def test_names_and_roots() -> None:
    event = {"channel": "web", "properties": {"channel": "p", "a.b": 1, "context": 2}, "context": {"x": 3}}
    for where in (
        {"channel": "web"},
        {"properties.channel": "p"},
        {r"a\.b": 1},
        {"context": 2},
        {"context.x": 3},
    ):
        assert Condition.parse({"where": where}).matches(event)
    condition = Condition.parse(
        {"event": "A", "where": {"channel": "web", "context.x": {"in": [3]}, "y": {"gt": 1}}}
    )
    assert condition.paths() == {"channel", "context.x", "properties.y"}
    assert condition.literals() == [("channel", "web"), ("context.x", 3)]


def test_names() -> None:
    a, b = {"event": "A"}, {"event": ["A", "B"]}
    assert Condition.parse(b).names() == {"A", "B"}
    assert Condition.parse({"all": [a, b, {"where": {"x": 1}}]}).names() == {"A"}
    assert Condition.parse({"any": [a, b]}).names() == {"A", "B"}
    assert Condition.parse({"any": [a, {"where": {"x": 1}}]}).names() is None
    assert Condition.parse({"not": a}).names() is None
    assert Condition.parse({"not": {}}).names() == frozenset()
    assert Condition.parse({"any": [a, {"not": b}]}).only_names()
    assert not Condition.parse({"event": "A", "where": {"x": 1}}).only_names()
    assert not Condition.parse({"touchpoint": "cart"}).only_names()


def test_touchpoints_wait_for_a_map() -> None:
    condition = Condition.parse({"any": [{"touchpoint": "cart"}, {"not": {"stage": ["intent"]}}]})
    assert condition.references() == {("touchpoint", "cart"), ("stage", "intent")}
    with pytest.raises(QuestionError, match="needs a map"):
        condition.matches({"event": "A"})
    with pytest.raises(QuestionError, match="needs a map"):
        condition.sql(FileColumns({}))
    rules = {"cart": Condition.parse({"event": "Product Added"}), "intent": Condition.parse({"event": "B"})}
    resolved = condition.resolve(lambda kind, name: rules[name])
    assert resolved == Condition.parse({"any": [{"event": "Product Added"}, {"not": {"event": "B"}}]})
    assert resolved.references() == frozenset()
    with pytest.raises(QuestionError, match="no rule"):
        condition.resolve(lambda kind, name: None)


ENGLISH: list[tuple[dict[str, Any], str]] = [
    ({}, "any event"),
    ({"event": "Product Added"}, "Product Added"),
    ({"event": ["A", "B", "C"]}, "A, B or C"),
    (CART, "Product Added where price is at least 10"),
    (
        {"event": "A", "where": {"price": {"gte": 10, "lt": 20}, "category": {"in": ["shoes", "bags"]}}},
        "A where (price is at least 10 and price is less than 20) and category is “shoes” or “bags”",
    ),
    ({"where": {"flag": True}}, "any event where flag is true"),
    ({"where": {"x": {"exists": False}}}, "any event where x is not there"),
    ({"not": {"event": "A"}}, "any event but A"),
    (
        {"not": CART},
        "any event where it is not the case that (it is Product Added where price is at least 10)",
    ),
    (
        {"any": [CART, {"event": "B"}]},
        "any event where either (it is Product Added where price is at least 10) or it is B",
    ),
    ({"any": [{"event": "A"}, {"touchpoint": "cart"}]}, "A or an event on the touchpoint cart"),
    (
        {"stage": "intent", "where": {"products.price": {"every": {"gt": 1.5}}}},
        "an event in the stage intent where (for every value, products.price is more than 1.5)",
    ),
    (
        {"where": {"a": 1}, "any": [{"where": {"b": {"ne": "x"}}}, {"where": {"c": {"matches": "^y"}}}]},
        "any event where a is 1 and (either b is other than “x” or c matches the pattern “^y”)",
    ),
    ({"event": "{names}", "where": {"{path}": "{value}"}}, "{names} where {path} is “{value}”"),
]


@pytest.mark.parametrize(("document", "sentence"), ENGLISH)
def test_english(document: dict[str, Any], sentence: str) -> None:
    assert Condition.parse(document).english() == sentence


words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=6)
wheres = st.dictionaries(words, words | st.integers().map(lambda n: {"gte": n}), min_size=1, max_size=3)
leaves = st.fixed_dictionaries(
    {}, optional={"event": words, "touchpoint": words, "stage": words, "where": wheres}
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(trees)
def test_the_sentence_names_everything(document: dict[str, Any]) -> None:
    condition = Condition.parse(document)
    sentence = condition.english()
    assert sentence
    for _, name in condition.references():
        assert name in sentence
    for name in condition.names() or ():
        assert name in sentence
    for _, value in condition.literals():
        assert str(value) in sentence
    assert Condition.parse(condition.document()) == condition


def test_the_worked_table_of_the_docs() -> None:
    page = Path(__file__).parents[1].joinpath("docs", "conditions.md").read_text(encoding="utf-8")
    rows = page.split("| asked |")[1].split("## ")[0].splitlines()[2:]
    checked = 0
    for row in filter(None, rows):
        asked, values, holds, _ = (cell.strip() for cell in row.strip("|").split("|", 3))
        where = {"x": yaml.safe_load(asked.strip("`"))}
        if values == "nothing":
            assert meets(where) == (holds == "yes"), row
            checked += 1
        for value in re.findall("`([^`]*)`", values):
            assert meets(where, x=json.loads(value)) == (holds == "yes"), (row, value)
            checked += 1
    assert checked > 25
