"""Mappings of what lies in lists, of what may be missing, and of what nobody named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from periplus.clock import iso
from periplus.collect import others, unfold
from periplus.collect.mapping import MappingDocument
from periplus.errors import DocumentError
from tests.collect.conftest import Importing, Result

Table = Callable[..., dict[str, Any]]


def lines(
    importing: Importing, rows: list[dict[str, Any]], mapping: dict[str, Any], **of_table: Any
) -> Result:
    mapping["tables"][0] |= of_table
    return importing.stage(importing.write("t.jsonl", rows), mapping=mapping)


def row(**more: Any) -> dict[str, Any]:
    return {"user": "u", "at": "2026-01-01", **more}


class TestListsOfKeyAndValue:
    def test_each_key_is_a_column_of_the_kind_its_values_have(
        self, importing: Importing, table: Table
    ) -> None:
        rows = [
            row(p=[{"key": "page", "value": {"s": "/a"}}, {"key": "n", "value": {"i": "5"}}, {"key": "ok", "value": {"s": "true"}}]),
            row(p=[{"key": "n", "value": {"i": 7, "s": None}}, {"key": "x", "value": {"d": 1.5}}, {"key": "a.b", "value": {"s": "é"}}]),
            row(p=[]),
            row(),
        ]  # fmt: skip
        result = lines(
            importing, rows, table(properties={"*": "p.*", "url": "p.page"}), unfold={"p": {"value": ["value.s", "value.i", "value.d"]}}
        )  # fmt: skip
        assert result.one("properties.url") == ["/a", None, None, None]
        assert result.one("properties.n") == [5, 7, None, None]
        assert result.one("properties.x") == [None, 1.5, None, None]
        assert result.one("properties.ok") == [True, None, None, None]
        assert result.one("properties.a\\.b") == [None, "é", None, None]
        assert "properties.page" not in result.staged.columns

    def test_a_key_named_twice_counts_once_and_nonsense_is_no_list(
        self, importing: Importing, table: Table
    ) -> None:
        rows = [
            row(p=[{"key": "a", "value": 1}, {"key": "a", "value": 2}, 5, None, {"value": 3}, {"key": None, "value": 3}]),
            row(p="text"), row(p={"key": "a", "value": 9}), row(p=4), row(p=[[{"key": "a", "value": 8}]]),
        ]  # fmt: skip
        result = lines(importing, rows, table(properties={"a": "p.a"}), unfold={"p": {}}, optional=["p*"])
        assert result.one("properties.a") == [1, None, None, None, None]
        assert result.rejects == []

    def test_a_named_key_that_no_row_has_is_empty_and_a_misspelt_list_is_an_error(
        self, importing: Importing, table: Table
    ) -> None:
        rows = [row(p=[{"key": "a", "value": 1}])]
        result = lines(importing, rows, table(properties={"b": "p.b"}), unfold={"p": {}})
        assert [key for key in result.staged.columns if key.startswith("properties")] == []
        with pytest.raises(DocumentError, match="'params'"):
            lines(importing, rows, table(properties={"b": "params.b"}), unfold={"params": {}})

    def test_rare_keys_beyond_the_limit_are_left_out_and_said_but_never_named_ones(
        self, importing: Importing, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unfold, "MOST", 3)
        rows = [row(p=[{"key": f"k{i}", "value": i} for i in range(j)]) for j in range(1, 7)]
        result = lines(
            importing, rows, table(properties={"*": "p.*", "last": {"column": "p.k5"}}), unfold={"p": {}}
        )
        assert sorted(result.staged.columns) == ["properties.k0", "properties.k1", "properties.last"]
        assert any("3 keys of p are rarer" in warning for warning in result.staged.warnings)

    def test_of_parquet_lists_too_and_values_in_structs_have_paths(
        self, importing: Importing, table: Table
    ) -> None:
        kinds = pa.list_(
            pa.struct([("key", pa.string()), ("value", pa.struct([("i", pa.int64()), ("s", pa.string())]))])
        )
        place = pa.struct([("city", pa.string()), ("at", pa.struct([("lat", pa.float64())]))])
        content = pa.table(
            {
                "user": ["u", "v"], "at": ["2026-01-01", "2026-01-02"],
                "p": pa.array([[{"key": "n", "value": {"i": 3}}], None], kinds),
                "where": pa.array([{"city": "Kos", "at": {"lat": 36.9}}, None], place),
            }
        )  # fmt: skip
        path = importing.folder / "t.parquet"
        pq.write_table(content, path)
        mapping = table(
            properties={"n": "p.n", "city": "where.city", "lat": "where.at.lat", "whole": "where"}
        )
        mapping["tables"][0] |= {"unfold": {"p": {"value": ["value.s", "value.i"]}}}
        result = importing.stage(path, mapping=mapping)
        assert result.one("properties.n") == [3, None]
        assert result.one("properties.city") == ["Kos", None]
        assert result.one("properties.lat") == [36.9, None]
        assert json.loads(result.one("properties.whole")[0]) == {"city": "Kos", "at": {"lat": 36.9}}
        # what identifies a row are its own columns, as before
        plain = importing.stage(path, mapping=table())
        assert plain.one("key_lo") == result.one("key_lo")


class TestElements:
    ITEMS = (
        {"item_id": "7", "price": "2.5", "quantity": "2", "extra": {"a": None}, "gone": None},
        {"item_id": 8, "quantity": "many"},
        "no object",
    )

    def test_they_are_renamed_typed_and_kept(self, importing: Importing, table: Table) -> None:
        each = {
            "product_id": "item_id", "price": {"column": "price", "type": "number"},
            "quantity": {"column": "quantity", "type": "integer"},
        }  # fmt: skip
        rows = [row(items=list(self.ITEMS)), row(items=[]), row(items=None), row(items="text")]
        result = lines(importing, rows, table(properties={"products": {"column": "items", "each": each}}))
        first, second, third, fourth = result.one("properties.products")
        assert json.loads(first) == [
            {"extra": {}, "product_id": "7", "price": 2.5, "quantity": 2}, {"product_id": 8, "quantity": "many"}, "no object",
        ]  # fmt: skip
        assert (json.loads(second), third, fourth) == ([], None, "text")
        assert result.staged.columns["properties.products"] == "JSON"
        assert json.loads(result.events[3]["rest"]) == {"properties.products": "text"}

    def test_one_value_from_inside(self, importing: Importing, table: Table) -> None:
        properties = {
            "first": {"column": "items", "at": "0.item_id", "type": "text"},
            "price": {"column": "items", "at": "0.price", "type": "number"},
            "none": {"column": "items", "at": "9.item_id"},
        }
        rows = [row(items=list(self.ITEMS)), row(items=[]), row(items=None), row(items="text")]
        result = lines(importing, rows, table(properties=properties))
        assert result.one("properties.first") == ["7", None, None, None]
        assert result.one("properties.price") == [2.5, None, None, None]

    def test_rows_of_a_second_file_are_gathered(self, importing: Importing, table: Table) -> None:
        importing.write("lines.csv", "order,sku,n,note\n1,b,2,\n2,c,x,hi\n1,a,1,\n")
        join = {
            "file": "lines.csv",
            "on": "order",
            "list": {
                "lines": {"product_id": "sku", "quantity": {"column": "n", "type": "integer"}, "note": "note"}
            },
        }
        mapping = table(
            properties={"products": {"column": "lines", "type": "json"}}, join=join, files="t*.csv"
        )
        result = importing.text("user,at,order\nu,2026-01-01,1\nu,2026-01-02,2\nu,2026-01-03,3\n", mapping)
        assert [value and json.loads(value) for value in result.one("properties.products")] == [
            [{"product_id": "b", "quantity": 2}, {"product_id": "a", "quantity": 1}],
            [{"product_id": "c", "quantity": "x", "note": "hi"}],
            None,
        ]
        join["list"] = {"lines": {"product_id": "skew"}}
        with pytest.raises(DocumentError, match="'skew'"):
            importing.text("user,at,order\nu,2026-01-01,1\n", mapping)

    def test_a_join_that_is_optional_and_not_there(self, importing: Importing, table: Table) -> None:
        mapping = table(
            properties={"city": "city"}, files="t*.csv", join={"file": "people.csv", "on": "user", "optional": True}
        )  # fmt: skip
        mapping["tables"][0]["optional"] = ["city"]
        result = importing.text("user,at\nu,2026-01-01\n", mapping)
        assert len(result.events) == 1
        assert any("people.csv" in warning for warning in result.staged.warnings)


class TestColumnsThatMayBeMissing:
    def test_they_are_read_as_empty_and_it_is_said(self, importing: Importing, table: Table) -> None:
        mapping = table(
            userId="uid", email="mail", properties={"x": {"column": "x", "type": "number"}, "y": "y"},
            when={"column": "flag", "null": True},
        )  # fmt: skip
        mapping["tables"][0]["optional"] = ["uid", "mail", "x", "fl*"]
        result = importing.text("user,at,y\nu,2026-01-01,1\n", mapping)
        assert (result.one("user_id"), result.one("email")) == ([None], [None])
        assert list(result.staged.columns) == ["properties.y"]
        assert any("has no column flag, mail, uid, x" in warning for warning in result.staged.warnings)
        with pytest.raises(DocumentError, match="'z'"):
            importing.text("user,at\nu,2026-01-01\n", table(properties={"z": "z"}))

    def test_an_event_whose_time_is_missing_is_not_made_and_no_place_moves(
        self, importing: Importing, table: Table
    ) -> None:
        mapping = table()
        mapping["tables"][0]["events"] = [
            {"event": "A", "userId": "user", "time": "a"}, {"event": "B", "userId": "user", "time": "b"},
        ]  # fmt: skip
        mapping["tables"][0]["optional"] = "a"
        result = importing.text("user,b\nu,2026-01-01\n", mapping)
        assert [(event["event"], event["place"]) for event in result.events] == [("B", 1)]

    def test_of_two_files_one_may_lack_it(self, importing: Importing, table: Table) -> None:
        mapping = table(properties={"x": "x"})
        mapping["tables"][0]["optional"] = "x"
        first = importing.write("t0.csv", "user,at,x\nu,2026-01-01,1\n")
        second = importing.write("t1.csv", "user,at\nu,2026-01-02\n")
        assert importing.stage(first, second, mapping=mapping).one("properties.x") == [1, None]

    def test_a_column_that_stands_in(self, importing: Importing, table: Table) -> None:
        mapping = table(
            userId={"column": "user", "else": "other", "null": ["-"]},
            properties={"n": {"column": "a", "else": "b"}},
        )
        rows = "user,other,at,a,b\n-,o,2026-01-01,,2\nu,o,2026-01-02,1,9.5\n,,2026-01-03,,\n"
        result = importing.text(rows, mapping)
        assert result.one("user_id") == ["o", "u", None]
        assert result.one("properties.n") == [2.0, 1.0, None]


class TestAStar:
    def test_it_stands_for_what_is_named_nowhere(self, importing: Importing, table: Table) -> None:
        mapping = table(properties={"*": "*", "extra_*": "x_*", "n": {"value": 1}})
        rows = "user,at,a,x_1,n\nu,2026-01-01,5,6,7\n"
        result = importing.text(rows, mapping)
        event = result.events[0]
        assert {key: event[key] for key in event if key.startswith("properties.")} == {
            "properties.a": 5, "properties.x_1": 6, "properties.extra_1": 6, "properties.n": 1,
        }  # fmt: skip

    def test_beyond_the_limit_it_is_said(
        self, importing: Importing, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(others, "MOST", 2)
        result = importing.text("user,at,a,b,c\nu,2026-01-01,1,2,3\n", table(properties={"*": "*"}))
        assert sorted(result.staged.columns) == ["properties.a", "properties.b"]
        assert any("such as c" in warning for warning in result.staged.warnings)

    @pytest.mark.parametrize("given", [{"*": "x"}, {"*": {"value": 1}}, {"*": "a*b*"}, {"a*b*": "x*"}])
    def test_what_it_cannot_stand_for(self, table: Table, given: dict[str, Any]) -> None:
        with pytest.raises(DocumentError, match=r"with a \*"):
            MappingDocument.parse(table(properties=given))


def test_the_original_name_is_kept_where_it_differs(importing: Importing, table: Table) -> None:
    mapping = table(event={"column": "n", "map": {"buy": "Order Completed"}}, original="n")
    result = importing.text("user,at,n\nu,2026-01-01,buy\nu,2026-01-02,Other\n", mapping)
    assert (result.one("event"), result.one("original")) == (["Order Completed", "Other"], ["buy", None])


def test_a_part_of_a_text(importing: Importing, table: Table) -> None:
    mapping = table(
        email={"column": "who", "find": "[^() ]+@[^() ]+"},
        properties={
            "total": {"column": "sum", "find": "-?[0-9][0-9.,]*", "format": "1,234.5", "type": "number"}
        },
    )
    rows = 'user,at,who,sum\nu,2026-01-01,Ann (ann@x.org),"$1,234.50"\nu,2026-01-02,nobody,-€5\nu,2026-01-03,,free\n'
    result = importing.text(rows, mapping)
    assert result.one("email") == ["ann@x.org", None, None]
    assert result.one("properties.total") == [1234.5, 5.0, None]
    for wrong in ("(", "a{9999}", "(?=x)", "x" * 600):
        with pytest.raises(DocumentError, match="`find`"):
            MappingDocument.parse(table(email={"column": "who", "find": wrong}))


def test_a_day_and_a_clock_and_longer_units(importing: Importing, table: Table) -> None:
    rows = (
        "user,day,clock,minutes\nu,03/01/2026,10:15:00 PM,90\nu,25/01/2026,9:00:00 AM,\nu,soon,9:00:00 AM,1\n"
    )
    result = importing.text(rows, table(time={"column": "day", "clock": "clock"}))
    assert [iso(event["time"]) for event in result.events] == ["2026-01-03T22:15:00Z", "2026-01-25T09:00:00Z"]
    assert result.rejects[0]["value"] == "soon 9:00:00 AM"
    for unit, expected in (
        ("m", "2026-01-03T01:30:00Z"),
        ("h", "2026-01-06T18:00:00Z"),
        ("d", "2026-04-03T00:00:00Z"),
    ):
        mapping = table(
            time={"column": "day", "format": "%d/%m/%Y", "plus": {"column": "minutes", "unit": unit}}
        )
        assert iso(importing.text(rows, mapping).events[0]["time"]) == expected


@pytest.mark.parametrize(
    ("when", "found"),
    [
        ({"like": "Total*"}, [3]), ({"unlike": "Total*"}, [2, 4, 5]), ({"like": "*%_*"}, [4]), ({"like": "*"}, [2, 3, 4]),
        ({"like": "total*"}, []), ({"like": "a\\*"}, []),
    ],
)  # fmt: skip
def test_texts_that_are_like_others(
    importing: Importing, table: Table, when: dict[str, str], found: list[int]
) -> None:
    rows = "user,at,s\nu,2026-01-01,x\nu,2026-01-01,Total: all\nu,2026-01-01,5%_y\nu,2026-01-01,\n"
    result = importing.text(rows, table(when={"column": "s", **when}))
    assert [event["line"] for event in result.events] == found


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_before_the_header(importing: Importing, table: Table, end: str) -> None:
    text = end.join(['Report, "of" March', "", "user,at", "u,2026-01-01", "u,soon", ""])
    result = importing.text(text, table(format={"skip": 2}))
    assert [event["line"] for event in result.events] == [4]
    assert result.reasons == {5: "not a time"}


def test_several_events_missed_by_one_row_are_all_said(importing: Importing, table: Table) -> None:
    mapping = table()
    mapping["tables"][0]["events"] = [
        {"event": name, "userId": "user", "time": name.lower()} for name in ("A", "B", "C")
    ]
    plan = importing.plan(
        importing.write(
            "t.csv", "user,a,b,c\nu,2026-01-01,soon,1800-01-01\nu,2026-01-01,2026-01-02,2026-01-03\n"
        ),
        mapping=mapping,
    )
    assert [(each["line"], each["event"], each["column"], each["value"], each["reason"]) for each in plan.unmade] == [
        (2, "B", "b", "soon", "not a time"), (2, "C", "c", "1800-01-01", "the year is outside 1970 to 2200"),
    ]  # fmt: skip
    assert plan.rows[0]["remark"] == "no B: not a time; no C: the year is outside 1970 to 2200"
    assert plan.counts["rejected"] == 0
