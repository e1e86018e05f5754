"""The SQL reading: which column it reads, that nothing hostile gets into the text, that it stays plain."""

from __future__ import annotations

import json
from typing import Any

import duckdb
import pytest

from periplus.condition import Condition
from periplus.event import escape
from periplus.store.columns import FileColumns, elements, pointer, quote, quote_text, text_form

KINDS = {"properties.price": "DOUBLE", "properties.qty": "BIGINT", "properties.name": "VARCHAR"}
KINDS |= {"properties.gift": "BOOLEAN", "properties.products": "JSON"}
FULL = FileColumns(KINDS, frozenset())


def sql(document: dict[str, Any], columns: FileColumns = FULL) -> tuple[str, list[object]]:
    return Condition.parse(document).sql(columns)


@pytest.mark.parametrize(
    ("document", "text", "values"),
    [
        ({}, "true", []),
        ({"not": {}}, "(NOT true)", []),
        ({"event": "A"}, '"event" = ?', ["A"]),
        ({"event": ["A", "B"]}, '"event" IN (?, ?)', ["A", "B"]),
        ({"event": "Käufer"}, 'nfc_normalize("event") = ?', ["Käufer"]),
        ({"event": "Kaffee"}, 'nfc_normalize("event") = ?', ["Kaffee"]),
        ({"where": {"price": {"gte": 10}}}, 'coalesce("properties.price" >= ?, false)', [10.0]),
        ({"where": {"qty": {"gt": 1.5}}}, 'coalesce("properties.qty" >= ?, false)', [2]),
        ({"where": {"qty": {"lt": 2**64}}}, 'coalesce("properties.qty" IS NOT NULL, false)', []),
        ({"where": {"qty": {"gt": 2**63}}}, "false", []),
        ({"where": {"price": {"gt": 2**53 + 1}}}, 'coalesce("properties.price" > ?, false)', [2.0**53]),
        ({"where": {"price": {"eq": 2**53 + 1}}}, "false", []),
        ({"where": {"qty": "7"}}, 'coalesce("properties.qty" = ?, false)', [7]),
        ({"where": {"qty": "007"}}, "false", []),
        ({"where": {"name": "shoes"}}, 'coalesce("properties.name" = ?, false)', ["shoes"]),
        ({"where": {"gift": True}}, 'coalesce("properties.gift", false)', []),
        ({"where": {"gift": 1}}, "false", []),
        ({"where": {"nowhere": 1}}, "false", []),
        ({"where": {"nowhere": {"exists": False}}}, "true", []),
        ({"where": {"channel": "web"}}, 'coalesce("channel" = ?, false)', ["web"]),
        (
            {"event": "A", "where": {"price": {"gte": 1, "lt": 2}}},
            '("event" = ? AND coalesce(("properties.price" >= ? AND "properties.price" < ?), false))',
            ["A", 1.0, 2.0],
        ),
        (
            {"any": [{"event": "A"}, {"where": {"qty": 1}}, {"where": {"price": 2}}]},
            'coalesce(("event" = ? OR "properties.qty" = ? OR "properties.price" = ?), false)',
            ["A", 1, 2.0],
        ),
    ],
)
def test_the_common_forms_are_plain(document: dict[str, Any], text: str, values: list[object]) -> None:
    assert sql(document) == (text, values)
    assert [type(value) for value in sql(document)[1]] == [type(value) for value in values]


def test_the_rest_is_read_only_where_the_path_may_be() -> None:
    document = {"where": {"price": {"gte": 10}}}
    assert "rest" not in sql(document)[0]
    assert "rest" in sql(document, FileColumns(KINDS, frozenset({"properties.price"})))[0]
    assert "rest" in sql(document, FileColumns(KINDS, None))[0]
    inside = {"where": {"items.sku": "x"}}
    assert sql(inside)[0] == "false"
    assert "/properties.items" in sql(inside, FileColumns({}, frozenset({"properties.items"})))[0]
    below = {"where": {"items": {"exists": True}}}
    assert "rest" in sql(below, FileColumns({}, frozenset({"properties.items.sku"})))[0]
    assert "rest" not in sql(below, FileColumns({}, frozenset({"properties.itemsku"})))[0]


HOSTILE = [
    "'; DROP TABLE t; --",
    '" OR 1=1 --',
    "\\' OR true --",
    "a?b",
    "$1",
    "*/ OR /*",
    "e -> true",
    "\x01",
    "%s{0}",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_stay_words(text: str) -> None:
    connection = duckdb.connect()
    key = escape(text)
    rest = json.dumps({f"properties.{key}": 1, "properties.list": [{text: text}]})
    connection.execute("CREATE TABLE t AS SELECT ? AS event, ? AS rest", [text, rest])
    connection.execute(f"ALTER TABLE t ADD COLUMN {quote('properties.z' + key)} VARCHAR")
    connection.execute(f"UPDATE t SET {quote('properties.z' + key)} = ?", [text])
    columns = FileColumns({f"properties.z{key}": "VARCHAR"}, None)
    documents: list[dict[str, Any]] = [
        {"event": text},
        {"where": {key: 1}},
        {"where": {f"z{key}": text}},
        {"where": {f"z{key}": {"starts_with": text}}},
        {"where": {f"list.{key}": {"every": text}}},
        {"where": {f"list.{key}": text}},
        {"where": {key: {"exists": True}}},
    ]
    for document in documents:
        for sign, expected in ((document, True), ({"not": document}, False)):
            condition, values = Condition.parse(sign).sql(columns)
            assert connection.execute(f"SELECT {condition} FROM t", values).fetchall() == [(expected,)]
        wrong, values = Condition.parse({"event": text + "x"}).sql(columns)
        assert connection.execute(f"SELECT {wrong} FROM t", values).fetchall() == [(False,)]
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_identifiers_have_no_nul() -> None:
    for function in (quote, quote_text, pointer):
        with pytest.raises(ValueError, match="NUL"):
            function("a\x00b")


def test_many_values_are_fast_enough() -> None:
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("CREATE TABLE t AS SELECT 'u' || i AS \"properties.name\" FROM range(200000) r(i)")
    text, values = sql({"where": {"name": {"in": [f"u{i}" for i in range(0, 9000, 3)]}}})
    found = connection.execute(f"SELECT count(*) FROM t WHERE {text}", values).fetchone()
    assert found == (3000,)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("DOUBLE", "7.0::DOUBLE", "7"),
        ("DOUBLE", "1e300::DOUBLE", "1e+300"),
        ("DOUBLE", "-0.0::DOUBLE", "0"),
        ("DOUBLE", "'nan'::DOUBLE", None),
        ("BIGINT", "7", "7"),
        ("BOOLEAN", "true", "true"),
        ("JSON", "'[1]'::JSON", None),
        ("JSON", "'null'::JSON", None),
        ("JSON", "'7.50'::JSON", "7.5"),
        ("JSON", "'\"x\"'::JSON", "x"),
    ],
)
def test_text_forms(kind: str, value: str, text: str | None) -> None:
    assert duckdb.execute(f"SELECT {text_form(kind, value)}").fetchone() == (text,)


def test_elements_of_lists() -> None:
    products = """'[{"a": 1}, {"a": [2, [3]]}, {"b": 4}, 5]'::JSON"""
    (some,), (each,) = (
        duckdb.execute(f"SELECT {elements(products, ('a',), missing=missing)}").fetchone() or ()
        for missing in (False, True)
    )
    assert some == ["1", "2", "[3]"]
    assert each == ["1", "2", "[3]", None, None]
