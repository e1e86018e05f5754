"""Files by a mapping: times, values, consent, what is refused and why; keys and joins have files beside this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from periplus.clock import iso
from periplus.errors import DocumentError, InputError
from tests.collect.conftest import Importing, Result

Table = Callable[..., dict[str, Any]]


def times(result: Result) -> list[str]:
    return [iso(row["time"]) for row in result.events]


def test_ids_are_text_and_types_are_found_over_the_whole_file(importing: Importing, table: Table) -> None:
    rows = "user,at,order_id,zip,n,x,b,t,plus,number_of_cds,empty\n"
    rows += (
        "007,2026-01-01,1,1,1,1,true,1,+3,5,\n" + "12345678901234567890,2026-01-02,2,2,-2,2.50,FALSE,a,4,6,\n"
    )
    names = ["order_id", "zip", "n", "x", "b", "t", "plus", "number_of_cds", "empty"]
    result = importing.text(rows, table(properties=dict(zip(names, names, strict=True))))
    assert result.one("user_id") == ["007", "12345678901234567890"]
    assert result.staged.columns == {
        "properties.order_id": "VARCHAR", "properties.zip": "VARCHAR", "properties.n": "BIGINT", "properties.x": "DOUBLE",
        "properties.b": "BOOLEAN", "properties.t": "VARCHAR", "properties.plus": "VARCHAR", "properties.number_of_cds": "BIGINT",
    }  # fmt: skip
    assert result.one("properties.x") == [1.0, 2.5]
    assert result.one("properties.b") == [True, False]
    assert result.one("properties.plus") == ["+3", "4"]
    assert result.staged.rest == ()


def test_typed_fields_and_what_does_not_fit(importing: Importing, table: Table) -> None:
    rows = 'user;at;total;n;b;tags;j;k\nu;2026-01-01;1.234,50;7;yes;"a, b,,c";{"x":1};m\nu;2026-01-02;free;7.5;maybe;;nope;f\n'
    properties = {
        "total": {"column": "total", "type": "number", "format": "1.234,5"}, "n": {"column": "n", "type": "integer"},
        "b": {"column": "b", "type": "boolean"}, "tags": {"column": "tags", "type": "list", "split": ","}, "j": {"column": "j", "type": "json"},
        "k": {"column": "k", "map": {"m": 1, "f": 2}}, "c": {"value": "EUR"}, "one": {"value": 1}, "sure": {"value": True},
    }  # fmt: skip
    result = importing.text(rows, table(format={"delimiter": ";"}, properties=properties))
    first, second = result.events
    assert first["properties.total"] == 1234.5
    assert (first["properties.n"], first["properties.b"], first["properties.tags"]) == (
        7,
        True,
        '["a","b","c"]',
    )
    assert (first["properties.j"], first["properties.k"], second["properties.k"]) == ('{"x":1}', 1, 2)
    assert (first["properties.c"], first["properties.one"], first["properties.sure"]) == ("EUR", 1, True)
    assert (
        second["rest"]
        == '{"properties.total":"free","properties.n":"7.5","properties.b":"maybe","properties.j":"nope"}'
    )
    assert result.staged.rest == ("properties.b", "properties.j", "properties.n", "properties.total")


def test_every_place_an_event_has(importing: Importing, table: Table) -> None:
    rows = "user,at,name,anon,mail,tel,dev,ch,c\nu,2026-01-01,Vue,a,m@x.org,+30 1,d,web,GR\n"
    mapping = table(
        event={"column": "name", "map": {"Vue": "Product Viewed"}}, anonymousId="anon", email="mail", phone="tel", channel="ch",
        department={"value": "shop"}, context={"device.type": "dev"}, traits={"country": "c"},
    )  # fmt: skip
    row = importing.text(rows, mapping).events[0]
    expected = {
        "event": "Product Viewed", "type": "track", "section": 0, "user_id": "u", "anonymous_id": "a", "email": "m@x.org", "phone": "+30 1",
        "channel": "web", "department": "shop", "source": "s", "context.device.type": "d", "traits.country": "GR", "line": 2, "place": 0,
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected


def test_statements_and_views(importing: Importing, table: Table) -> None:
    rows = "user,at,old\nu,2026-01-01,o\n"
    for kind, name, section in (
        ("identify", "identify", 2),
        ("alias", "alias", 2),
        ("page", "Page Viewed", 0),
        ("screen", "Screen Viewed", 0),
    ):
        mapping = table(type=kind, previousId="old")
        del mapping["tables"][0]["events"][0]["event"]
        row = importing.text(rows, mapping).events[0]
        assert (row["type"], row["event"], row["section"], row["previous_id"]) == (kind, name, section, "o")


def test_zones(importing: Importing, table: Table) -> None:
    rows = "user,at\nu,2026-07-01 12:00\nu,2026-07-01 12:00Z\nu,2026-07-01T12:00:00+05:30\n"
    athens = ["2026-07-01T09:00:00Z", "2026-07-01T12:00:00Z", "2026-07-01T06:30:00Z"]
    assert times(importing.text(rows, table(zone="Europe/Athens"))) == athens
    assert times(importing.in_zone("Europe/Athens").text(rows, table(zone=None))) == athens
    assert (
        times(importing.text(rows, table(zone="UTC", time={"column": "at", "zone": "Europe/Athens"})))
        == athens
    )
    with pytest.raises(DocumentError, match="Europe/Athens"):
        importing.text(rows, table(zone="Europe/Atens"))


def test_units_and_a_time_added(importing: Importing, table: Table) -> None:
    rows = "user,at,ms\nu,2026-07-01,90061000\nu,2026-07-01,\nu,2026-07-01,x\n"
    result = importing.text(
        rows, table(time={"column": "at", "format": "%Y-%m-%d", "plus": {"column": "ms", "unit": "ms"}})
    )
    assert times(result) == ["2026-07-02T01:01:01Z", "2026-07-01T00:00:00Z"]
    assert list(result.reasons) == [4]
    result = importing.text("user,at\nu,1538405774195002\n", table(time={"column": "at", "unit": "us"}))
    assert times(result) == ["2018-10-01T14:56:14.195002Z"]


@pytest.mark.parametrize(
    ("column", "expected", "refused"),
    [
        (
            ["03/04/2026", "25/04/2026", "04/25/2026", "01/02/2026"],
            ["2026-04-03", "2026-04-25", "2026-02-01"],
            4,
        ),
        (
            ["03/04/2026", "04/25/2026", "04/26/2026", "25/04/2026"],
            ["2026-03-04", "2026-04-25", "2026-04-26"],
            5,
        ),
        (["2026-01-02", "2026-01-03", "03.01.2026"], ["2026-01-02", "2026-01-03"], 4),
    ],
)
def test_one_format_for_a_column(
    importing: Importing, table: Table, column: list[str], expected: list[str], refused: int
) -> None:
    result = importing.text("user,at\n" + "".join(f"u,{value}\n" for value in column), table())
    assert [moment[:10] for moment in times(result)] == expected
    assert result.reasons == {refused: "another date format than the rest of the column"}


def test_a_tie_between_day_and_month_is_said(importing: Importing, table: Table) -> None:
    result = importing.text("user,at\nu,03/04/2026\n", table())
    assert times(result) == ["2026-04-03T00:00:00Z"]
    assert any("day or month first" in warning for warning in result.staged.warnings)


def test_a_format_that_only_the_end_of_a_long_column_has(importing: Importing, table: Table) -> None:
    rows = "user,at\n" + "u,2026-01-01\n" * 2500 + "u,01/02/2026 10:00\n" * 3000
    result = importing.text(rows, table())
    assert len(result.events) == 3000
    assert set(result.reasons.values()) == {"another date format than the rest of the column"}


def test_refused_rows_say_why_and_keep_their_text(importing: Importing, table: Table) -> None:
    rows = 'user,at\nu,2026-03-29 03:30\nu,\nu,soon\nu,"1900-01-01"\nu,2026-02-30\nu\nu,2026-01-01\n'
    result = importing.text(rows, table(zone="Europe/Athens"))
    assert result.reasons == {
        2: "the local time does not exist (skipped by a clock change)", 3: "the time is empty", 4: "not a time",
        5: "the year is outside 1970 to 2200", 6: "there is no such day or hour", 7: "too few columns: 1 instead of 2",
    }  # fmt: skip
    assert [(row.get("column"), row.get("value"), row["payload"]) for row in result.rejects] == [
        ("at", "2026-03-29 03:30", "u,2026-03-29 03:30"), ("at", None, "u,"), ("at", "soon", "u,soon"), ("at", "1900-01-01", 'u,"1900-01-01"'),
        ("at", "2026-02-30", "u,2026-02-30"), (None, None, "u"),
    ]  # fmt: skip
    assert result.staged.rows == 7
    assert len(result.events) == 1


def test_nobody_is_accepted(importing: Importing, table: Table) -> None:
    result = importing.text("user,at\n,2026-01-01\nguest,2026-01-01\n", table())
    assert result.one("user_id") == [None, "guest"]
    assert result.rejects == []


def test_several_events_of_a_row(importing: Importing, table: Table) -> None:
    mapping = table()
    mapping["tables"][0]["events"] = [
        {"event": "A", "userId": "user", "time": "a"}, {"event": "B", "userId": "user", "time": "b"},
        {"event": "C", "userId": "user", "time": "a", "when": {"column": "s", "equals": "gone"}},
    ]  # fmt: skip
    result = importing.text(
        "user,a,b,s\nu,2026-01-01,2026-01-02,\nv,,2026-01-03,gone\nw,,,\nx,2026-01-04,soon,gone\n", mapping
    )
    assert [(row["line"], row["place"], row["event"]) for row in result.events] == [
        (2, 0, "A"),
        (2, 1, "B"),
        (3, 1, "B"),
        (5, 0, "A"),
        (5, 2, "C"),
    ]
    assert result.reasons == {4: "the time is empty"}
    assert any("came in without B" in warning for warning in result.staged.warnings)
    assert len({(row["key_hi"], row["key_lo"]) for row in result.events}) == 5


@pytest.mark.parametrize(
    ("when", "lines"),
    [
        ({"column": "s", "equals": "x"}, [2]), ({"column": "s", "equals": 1}, [3]), ({"column": "s", "in": ["x", 1]}, [2, 3]),
        ({"column": "s", "not": "x"}, [3, 4]), ({"column": "s", "not": ["x", None]}, [3]), ({"column": "s", "null": True}, [4]),
        ({"column": "s", "null": False}, [2, 3]), ({"column": "s"}, [2, 3]), ([{"column": "s"}, {"column": "s", "not": 1}], [2]),
    ],
)  # fmt: skip
def test_conditions(importing: Importing, table: Table, when: Any, lines: list[int]) -> None:
    rows = "user,at,s\nu,2026-01-01,x\nu,2026-01-01,1\nu,2026-01-01,\n"
    chosen = importing.text(rows, table(when=when))
    assert [row["line"] for row in chosen.events] == lines
    assert {row["line"] for row in chosen.rejects} == {2, 3, 4} - set(lines)
    left_out = importing.text(rows, table(where=when))
    assert [row["line"] for row in left_out.events] == lines
    assert (left_out.rejects, left_out.staged.rows) == ([], len(lines))


def test_consent(importing: Importing, table: Table) -> None:
    rows = "user,at,ok,mail\nu,2026-01-01,1,0\nu,2026-01-02,0,1\nu,2026-01-03,,1\nu,2026-01-04,what,1\n"
    said = {
        "analytics": {"column": "ok"},
        "marketing": {"column": "mail", "map": {"1": True, "0": False}},
        "ads": False,
    }
    result = importing.text(rows, table(consent=said))
    assert result.one("consent") == [
        '{"analytics":true,"marketing":false,"ads":false}',
        '{"marketing":true,"ads":false}',
    ]
    assert (result.staged.withheld, result.rejects, result.staged.rows) == (2, [], 4)
    everything = importing.text(rows, table(consent={"analytics": False}))
    assert (everything.staged.withheld, everything.events) == (4, [])
    constant = importing.text(rows, table(consent={"analytics": True}))
    assert constant.staged.consent == {"analytics": True}


def test_json_lines_by_a_mapping(importing: Importing, table: Table) -> None:
    rows = [
        {"who": {"id": 7}, "at": "2026-01-01T00:00:00Z", "v": 5, "l": [1, {"a": 2}]}, {"who": {"id": "x"}, "at": "2026-01-02", "v": "5", "l": None},
        {"who": {"id": "NA"}, "at": "2026-01-03", "v": 6},
    ]  # fmt: skip
    mapping = table(userId="who.id", format={"null": ["NA"]}, properties={"v": "v", "l": "l"})
    result = importing.stage(importing.write("t.jsonl", rows), mapping=mapping)
    assert result.one("user_id") == ["7", "x", None]
    assert result.staged.columns == {"properties.v": "BIGINT", "properties.l": "JSON"}
    assert (result.one("properties.v"), result.events[1]["rest"]) == ([5, "5", 6], '{"properties.v":"5"}')
    assert result.events[0]["properties.l"] == '[1, {"a": 2}]'


class TestWhatCannotBe:
    def test_a_missing_column_names_the_nearest(self, importing: Importing, table: Table) -> None:
        with pytest.raises(DocumentError, match=r"'usr'.*Did you mean 'user'"):
            importing.text("user,at\nu,2026-01-01\n", table(userId="usr"))

    def test_a_constant_where_a_column_is_meant(self, importing: Importing, table: Table) -> None:
        with pytest.raises(DocumentError, match=r"\{value: web\}"):
            importing.text("user,at\nu,2026-01-01\n", table(channel="web"))

    def test_the_wrong_delimiter(self, importing: Importing, table: Table) -> None:
        with pytest.raises(DocumentError, match="seems to be delimited by ';'"):
            importing.text("user;at\nu;2026-01-01\nv;2026-01-01\n", table())

    def test_a_column_only_one_of_two_files_has(self, importing: Importing, table: Table) -> None:
        first, second = (
            importing.write("t0.csv", "user,at,x\nu,2026-01-01,1\n"),
            importing.write("t1.csv", "user,at\nu,2026-01-01\n"),
        )
        with pytest.raises(DocumentError, match=r"'x'.* in t1\.csv"):
            importing.stage(first, second, mapping=table(properties={"x": "x"}))

    @pytest.mark.parametrize("content", [b"", b"user,at\n", b"\x89PNG\r\n\x1a\n\0\0\0", b"PK\x03\x04"])
    def test_files_of_nothing(self, importing: Importing, table: Table, content: bytes) -> None:
        with pytest.raises(InputError, match=r"t\.csv"):
            importing.text(content, table())
        assert list((importing.folder / "staging").iterdir()) == []

    def test_a_truncated_gzip_leaves_nothing(self, importing: Importing, table: Table) -> None:
        path = importing.write("t.csv.gz", "user,at\n" + "".join(f"u{i},2026-01-01\n" for i in range(5000)))
        path.write_bytes(path.read_bytes()[:-500])
        with pytest.raises(InputError, match="cut off"):
            importing.stage(path, mapping=table())
        assert list((importing.folder / "staging").iterdir()) == []

    def test_a_file_no_table_is_for(self, importing: Importing, table: Table) -> None:
        mapping = table(files="a*.csv")
        mapping["tables"].append({**mapping["tables"][0], "files": ["b*.csv"]})
        with pytest.raises(InputError, match=r"says nothing of t\.csv"):
            importing.text("user,at\nu,2026-01-01\n", mapping)

    def test_a_file_that_is_not_there(self, importing: Importing, table: Table) -> None:
        importing.write("orders.csv", "x")
        with pytest.raises(InputError, match=r"Did you mean 'orders\.csv'"):
            importing.stage(importing.folder / "order.csv", mapping=table())


def test_progress_and_cancelling(importing: Importing, table: Table) -> None:
    said: list[tuple[int, int, str]] = []
    importing.text("user,at\nu,2026-01-01\n", table(), progress=lambda *what: said.append(what))
    assert {what for _, _, what in said} >= {"reading t.csv", "writing events"}

    class Stopped(Exception):
        pass

    def stop(done: int, total: int, what: str) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        importing.text("user,at\nu,2026-01-01\n", table(), progress=stop)
    assert len(list((importing.folder / "staging").iterdir())) == 1


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_other_encodings(importing: Importing, table: Table, encoding: str) -> None:
    rows = "user,at,city\nJosé,2026-01-01,Köln\n".encode(encoding)
    result = importing.text(rows, table(format={"encoding": encoding}, properties={"city": "city"}))
    assert (result.one("user_id"), result.one("properties.city")) == (["José"], ["Köln"])


def test_names_that_sql_and_json_trip_over(importing: Importing, table: Table) -> None:
    rows = '"o\'x","a""b",at,line,row\n1,2,2026-01-01,3,4\n'
    result = importing.text(
        rows,
        table(
            userId="o'x", properties={'a"b': 'a"b', "line": "line", "row": {"column": "row", "type": "text"}}
        ),
    )
    row = result.events[0]
    assert (row["user_id"], row['properties.a"b'], row["properties.line"], row["properties.row"]) == (
        "1",
        2,
        3,
        "4",
    )
