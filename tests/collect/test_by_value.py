"""Staging by distinct values beside staging by whole rows: the same events to the last column."""

from __future__ import annotations

import csv
import json
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.collect import by_value, keys, origin, plain_times
from periplus.collect.iso_times import iso_times
from periplus.collect.stage import stage
from periplus.collect.uuids import uuids
from periplus.errors import PeriplusError
from periplus.settings import Settings

START = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)
IDS = st.one_of(
    st.uuids().map(str),
    st.uuids().map(lambda each: str(each).upper()),
    st.uuids().map(lambda each: each.hex),
    st.uuids().map(lambda each: f"key:{each.hex}"),
    st.sampled_from(["m1", "m2", "evt_é", " m3 ", "key:1", "0123456789012345678901234567890123zz"]),
)
"""Ids as they come: mostly of one form, in some files of many."""


def times(form: str) -> st.SearchStrategy[str]:
    moments = st.integers(0, 300).map(
        lambda minutes: START + timedelta(minutes=minutes, milliseconds=minutes)
    )
    if form == "zulu":
        return moments.map(lambda each: each.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    if form == "local":  # over a night in which the clocks of the workspace change
        return moments.map(lambda each: each.strftime("%Y-%m-%d %H:%M:%S"))
    return st.one_of(
        times("zulu"),
        times("local"),
        st.sampled_from(["2026-03-28", "2026-03-28T10:00:00+02:00", " 2026-03-28T10:00:00Z "]),
    )


@st.composite
def rows(draw: st.DrawFn, *, again: bool = True) -> list[dict[str, Any]]:
    """Rows of a file, most of which have nothing odd about them; `again`: some stand in it more than once."""
    ids = draw(st.sampled_from([st.uuids().map(str), IDS, st.one_of(IDS, st.sampled_from([None, ""]))]))
    moments = times(draw(st.sampled_from(["zulu", "local", "mixed"])))
    odd = draw(st.booleans())
    prices = st.sampled_from(["1", "2.50", "", "12.0"] + (["free", "nan", "1e400"] if odd else []))
    received = times("zulu") if draw(st.booleans()) else st.none()
    text = st.sampled_from(["a", "b", "Ä", "A\u0308", "", None] + ([" ", "c d", "[1]"] if odd else []))
    found = [
        {
            "type": draw(
                st.sampled_from(["track", "track", "page", "identify", "alias"] + (["odd"] if odd else []))
            ),
            "event": draw(st.sampled_from(["Viewed", "Bought", "Cafe\u0301"] + (["", " "] if odd else []))),
            "id": draw(ids),
            "time": draw(moments),
            "user": draw(text),
            "device": draw(text),
            "previous": draw(text),
            "price": draw(prices),
            "colour": draw(text),
            "order": draw(text),
            "email": draw(st.sampled_from(["a@x.org", "b@x.org", None, ""])),
            "received": draw(st.one_of(st.none(), received)),
            "list": draw(
                st.sampled_from(['[{"product_id": "p"}]', "[]", None] + (["[1", "none"] if odd else []))
            ),
            "count": draw(st.sampled_from([1, 2, None])),
            "flag": draw(st.sampled_from([True, False, None])),
            "score": draw(
                st.sampled_from([0.5, -0.0, 0.0, None] + ([float("inf"), float("nan")] if odd else []))
            ),
        }
        for _ in range(draw(st.integers(1, 12)))
    ]
    found += draw(st.lists(st.sampled_from(found), max_size=3 if again else 0))
    if draw(st.booleans()):
        found.sort(key=lambda row: str(row["time"]), reverse=draw(st.booleans()))
    return found


MAPPING = {
    "source": "till",
    "tables": [
        {
            "files": "*",
            "events": [
                {
                    "event": {"column": "event"}, "messageId": "id", "time": {"column": "time", "format": "iso"},
                    "userId": "user", "anonymousId": {"column": "device", "null": ["b"]}, "email": "email",
                    "properties": {
                        "price": {"column": "price", "type": "number"}, "colour": "colour", "order_id": "order",
                        "count": {"column": "count", "type": "integer"}, "flag": {"column": "flag", "type": "boolean"},
                        "score": "score", "products": {"column": "list", "type": "json"},
                        "kind": {"column": "type", "map": {"odd": "even"}},
                    },
                }
            ],
        }
    ],
}  # fmt: skip
KEYLESS = json.loads(json.dumps(MAPPING))
"""The same without message ids: events are told apart by their rows."""
del KEYLESS["tables"][0]["events"][0]["messageId"]
SEGMENT = {
    "id": "messageId", "time": "timestamp", "user": "userId", "device": "anonymousId", "previous": "previousId", "price": "properties.price",
    "colour": "properties.colour", "order": "properties.order_id", "email": "traits.email",
    "received": "receivedAt", "list": "properties.products", "count": "properties.count", "flag": "properties.flag",
    "score": "properties.score",
}  # fmt: skip


def written(folder: Path, form: str, found: list[dict[str, Any]]) -> tuple[Path, Any]:
    """The rows as a file of a form, and the mapping it needs."""
    path = folder / f"t.{form.split()[1]}" if " " in form else folder / f"t.{form}"
    flat = [{SEGMENT.get(name, name): value for name, value in row.items()} for row in found]
    if form.startswith("mapped csv"):
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(found[0]))
            writer.writeheader()
            writer.writerows(
                {name: "" if value is None else value for name, value in row.items()} for row in found
            )
    elif "parquet" in form:
        pq.write_table(
            pa.Table.from_pylist(found if form.startswith("mapped") else flat), path, row_group_size=5
        )
    else:
        path.write_text("".join(json.dumps(nested(row)) + "\n" for row in flat), encoding="utf-8")
    mapping = KEYLESS if form.endswith("without ids") else MAPPING
    return path, mapping if form.startswith("mapped") else None


def nested(row: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, value in row.items():
        root, _, leaf = path.partition(".")
        if value != value or value in (float("inf"),):
            continue  # no JSON
        if value is not None and leaf:
            found.setdefault(root, {})[leaf] = value
        elif value is not None:
            found[root] = value
    return found


def told(path: Any, mapping: Any, zone: str) -> Any:
    """Everything that staging says of a file."""
    with tempfile.TemporaryDirectory() as folder:
        staged = stage(path, folder=Path(folder), settings=Settings(zone=zone), mapping=mapping)
        with duckdb.connect() as connection:
            events: list[Any] = []
            for each in staged.events:
                listed = sorted(
                    row[0] for row in connection.execute(f"DESCRIBE FROM read_parquet('{each}')").fetchall()
                )
                columns = ", ".join('"' + name + '"' for name in listed)
                found = connection.execute(
                    f"SELECT {columns} FROM read_parquet('{each}') ORDER BY file, line, place"
                )
                events.append((listed, found.fetchall()))
            rejects = (
                staged.rejects
                and connection.execute(f"FROM read_parquet('{staged.rejects}') ORDER BY ALL").fetchall()
            )
        return repr(events), staged.columns, staged.rest, rejects, staged.rows, staged.warnings


@pytest.mark.parametrize(
    "form",
    [
        "mapped csv",
        "mapped parquet",
        "mapped csv without ids",
        "mapped parquet without ids",
        "flat parquet",
        "jsonl",
    ],
)
def test_values_say_what_rows_say(form: str) -> None:
    """Random files with what is odd in some: values give the events, the rest and the refused rows that whole rows give."""
    carried = []
    real = by_value.staged

    @settings(max_examples=40)
    @given(rows(), st.sampled_from(["UTC", "Europe/Athens"]))
    def asked(found: list[dict[str, Any]], zone: str) -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            path, mapping = written(Path(folder), form, found)
            patch.setattr(origin, "LEAST", 0)
            patch.setattr(by_value, "staged", lambda *given: None)
            by_rows = told(path, mapping, zone)
            patch.setattr(by_value, "staged", lambda *given: carried.append(real(*given)) or carried[-1])
            assert told(path, mapping, zone) == by_rows

    asked()
    done = sum(each is not None for each in carried)
    assert done > len(carried) / 5, "hardly any file was staged by values"


TYPED = [
    pa.timestamp(unit, zone) for unit in ("s", "ms", "us", "ns") for zone in (None, "UTC", "Europe/Athens")
]
TYPED += [pa.date32(), pa.date64(), pa.int64(), pa.uint64(), pa.int32()]
ODD = [None, -1, 0, 7_289_654_400_000_000, 2**62 // 1_000, 1_774_735_200_000_001]
"""Microseconds: none, those outside the years that are taken and at their edges, and one that is finer than a millisecond."""


@pytest.mark.parametrize("form", ["mapped", "mapped as iso", "flat"])
def test_columns_that_are_times_say_what_their_texts_say(form: str) -> None:
    read = []
    real = plain_times.PlainTimes.of

    @settings(max_examples=60)
    @given(
        st.sampled_from(TYPED),
        st.lists(st.integers(0, 400), min_size=1, max_size=9),
        st.lists(st.sampled_from(ODD), max_size=1),
        st.integers(0, 1),
        st.sampled_from(["UTC", "Europe/Athens"]),
    )
    def asked(kind: pa.DataType, minutes: list[int], odd: list[int | None], finer: int, zone: str) -> None:
        micros = [int(START.timestamp() * 1e6) + each * 60_000_000 for each in minutes] + odd
        values = [None if each is None else _as_kind(each, kind, finer) for each in micros]
        name = "timestamp" if form == "flat" else "time"
        try:
            column = pa.array(values, pa.int64()).cast(_plain(kind)).view(kind)
        except pa.ArrowInvalid:
            return  # more than the type holds
        table = {
            name: column,
            "messageId" if form == "flat" else "id": [f"m{i}" for i in range(len(values))],
            "event": ["Viewed"] * len(values),
            "userId" if form == "flat" else "user": ["u"] * len(values),
        }
        time = {"column": "time", "format": "iso"} if form == "mapped as iso" else "time"
        event = {"event": {"column": "event"}, "messageId": "id", "time": time, "userId": "user"}
        mapping = {"source": "till", "tables": [{"files": "*", "events": [event]}]}

        def said(least: int) -> Any:
            patch.setattr(origin, "LEAST", least)
            try:
                return told(path, None if form == "flat" else mapping, zone)
            except PeriplusError as problem:
                return problem.code, problem.message

        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            path = Path(folder) / "t.parquet"
            pq.write_table(pa.table(table), path, row_group_size=3, version="2.6")
            by_rows = said(1_000)
            patch.setattr(plain_times.PlainTimes, "of", lambda *given: read.append(real(*given)) or read[-1])
            assert said(0) == by_rows

    asked()
    done = sum(each is not None for each in read)
    assert done > len(read) / 3, "hardly any column was read as it is"


def _as_kind(micros: int, kind: pa.DataType, finer: int) -> int:
    """A moment as the number that a type keeps of it; of nanoseconds now and then one that is no microsecond."""
    if pa.types.is_date32(kind):
        return micros // 86_400_000_000
    if pa.types.is_date64(kind):
        return micros // 86_400_000_000 * 86_400_000
    if not pa.types.is_timestamp(kind):
        return micros
    return {"s": micros // 1_000_000, "ms": micros // 1_000, "us": micros, "ns": micros * 1_000 + finer}[
        kind.unit
    ]


def _plain(kind: pa.DataType) -> pa.DataType:
    """Whole numbers as wide as a type."""
    return pa.int32() if pa.types.is_date32(kind) else kind if pa.types.is_integer(kind) else pa.int64()


def test_uuids_are_read_as_python_reads_them() -> None:
    texts = [
        str(uuid.UUID(int=7)),
        str(uuid.uuid4()).upper(),
        "not one",
        "",
        "g" * 36,
        uuid.uuid4().hex,
        "0" * 36,
    ]
    texts += ["f" * 8 + "-" + "f" * 4 + "-" + "f" * 4 + "-" + "f" * 4 + "-" + "f" * 12]
    held = pa.array(texts)
    high, low, others = (np.zeros(len(texts), kind) for kind in (np.uint64, np.uint64, np.bool_))
    _, offsets, data = held.buffers()
    uuids(np.frombuffer(offsets, np.int32), np.frombuffer(data, np.uint8), 0, len(texts), high, low, others)
    assert others.tolist() == [False, False, True, True, True, True, True, False]
    for text, upper, lower, other in zip(texts, high.tolist(), low.tolist(), others.tolist(), strict=True):
        if not other:
            assert (upper << 64 | lower) ^ keys.number("web") == keys.of_message("web", text)


def test_times_are_read_as_duckdb_reads_them() -> None:
    texts = [
        "2026-03-01T10:00:00Z", "2026-03-01 10:00:00", "2024-02-29T23:59:59.999999Z", "2023-02-29T00:00:00Z",
        "1970-01-01T00:00:00.5", "2200-12-31T23:59:59Z", "2026-03-01T10:00:00.1234567Z", "2026-03-01T10:00:00.",
        "2026-13-01T00:00:00Z", "2026-12-00T00:00:00Z", "2026-12-31T24:00:00Z", "1969-12-31T00:00:00Z", "2026-03-01",
        "2026-03-01T10:00:00+02:00", "2026-03-01T10:00:00.12:4Z", "2100-02-29T00:00:00Z", "2000-02-29T00:00:00.1Z", "", "Z",
    ]  # fmt: skip
    texts += [
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=days, seconds=days * 7)).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )
        for days in range(0, 84_000, 97)
    ]
    held = pa.array(texts)
    written, zulu, others = (np.zeros(len(texts), kind) for kind in (np.int64, np.bool_, np.bool_))
    _, offsets, data = held.buffers()
    iso_times(
        np.frombuffer(offsets, np.int32), np.frombuffer(data, np.uint8), 0, len(texts), written, zulu, others
    )
    known = [text for text, other in zip(texts, others.tolist(), strict=True) if not other]
    assert len(known) == len(texts) - 12
    with duckdb.connect() as connection:
        for text, micros, ends, other in zip(
            texts, written.tolist(), zulu.tolist(), others.tolist(), strict=True
        ):
            if not other:
                (expected,) = connection.execute("SELECT epoch_us(CAST(? AS TIMESTAMP))", [text]).fetchall()[
                    0
                ]
                assert (micros, ends) == (expected, text.endswith("Z")), text


OF_DUCKDB = {
    "json": "'[{\"a\":1}]'::JSON", "uuid": "uuid()", "enum": "'a'::ENUM('a', 'b')", "list": "[i]", "struct": "{'a': i}", "map": "MAP {'a': i}",
    "decimal": "(i + 0.5)::DECIMAL(10, 2)", "huge": "i::HUGEINT << 70", "time": "TIME '10:00:00'", "interval": "INTERVAL (i) DAY",
    "zoned": "TIMESTAMPTZ '2026-01-01 10:00:00+02'", "nanoseconds": "TIMESTAMP_NS '2026-01-01 10:00:00.123456789'", "date": "DATE '2026-01-01'",
    "blob": "'ab'::BLOB", "float": "(CASE WHEN i = 2 THEN 'nan' ELSE '1.5' END)::FLOAT", "tiny": "i::TINYINT", "null": "NULL::VARCHAR",
}  # fmt: skip


@pytest.mark.parametrize("kind", OF_DUCKDB)
@pytest.mark.parametrize("name", ["properties.x", "anonymousId"])
@pytest.mark.parametrize("rows", [5, 2], ids=["in all rows", "in few"])
def test_columns_of_any_type(
    kind: str, name: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns as others type them, as a property and as an id."""
    path = tmp_path / "t.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT 'E' AS event, uuid() AS \"messageId\", TIMESTAMP '2026-03-29 00:30:00' AS timestamp, "
            f"CASE WHEN i < {rows} THEN {OF_DUCKDB[kind]} END AS \"{name}\" FROM range(5) AS t(i)) TO '{path}' (FORMAT PARQUET)"
        )
    alike(path, monkeypatch)


NUMBERS = 5
OF_ARROW = {
    "zoned nanoseconds": ("timestamp", pa.array([1774744200000000123] * NUMBERS, pa.timestamp("ns", tz="UTC"))),
    "milliseconds": ("timestamp", pa.array([1774744200000] * NUMBERS, pa.timestamp("ms"))),
    "of Athens": ("timestamp", pa.array([1774744200000] * NUMBERS, pa.timestamp("ms", tz="Europe/Athens"))),
    "whole microseconds": ("timestamp", pa.array([1774744200000000] * NUMBERS)),
    "a time that is missing": ("timestamp", pa.array([1774744200000000, None] * 2 + [5])),
    "an hour that is skipped": ("receivedAt", pa.array(["2026-03-29 03:30:00"] * NUMBERS)),
    "an id that is missing": ("messageId", pa.array(["a", None, "b", "c", "d"])),
    "one id": ("messageId", pa.array(["a"] * NUMBERS)),
    "categories": ("event", pa.array(["A", "B", None, "A", "B"]).dictionary_encode()),
    "numbers as categories": ("properties.x", pa.array([1, 2, 1, 2, 1]).dictionary_encode()),
    "large texts": ("event", pa.array(["A"] * NUMBERS, pa.large_string())),
    "views of texts": ("event", pa.array(["A"] * NUMBERS, pa.string_view())),
    "half": ("properties.x", pa.array([1.5] * NUMBERS, pa.float16())),
    "nothing": ("properties.x", pa.nulls(NUMBERS)),
    "a name in other letters": ("EVENT", pa.array(["B"] * NUMBERS)),
    "a property in other letters": ("properties.X", pa.array(["B"] * NUMBERS)),
    "a name of our own": ("@row", pa.array(["B"] * NUMBERS)),
    "seconds that passed": ("properties.x", pa.array([1, 2, 3, 1, None], pa.duration("s"))),
    "a time of day": ("properties.x", pa.array([1, 2, 3, 1, None], pa.time64("us"))),
    "two structs": ("foo", pa.array([{"a": 1}, {"a": 2}, None, None, None])),
    "bytes": ("event", pa.array([b"A"] * NUMBERS, pa.binary())),
}  # fmt: skip


@pytest.mark.parametrize("kind", OF_ARROW)
def test_columns_as_arrow_writes_them(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, values = OF_ARROW[kind]
    columns = {
        "event": pa.array(["A"] * NUMBERS),
        "messageId": pa.array([str(uuid.UUID(int=number)) for number in range(NUMBERS)]),
        "timestamp": pa.array([1774744200000000] * NUMBERS, pa.timestamp("us")),
        "properties.x": pa.array([1, 2, 3, 1, 2]),
        name: values,
    }
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path)
    events, *_ = alike(path, monkeypatch)
    if kind == "zoned nanoseconds":  # as pandas writes times with a zone
        assert "1774744200000000" in events


@pytest.mark.parametrize("other", [pa.int64(), pa.int32(), pa.string()], ids=str)
@pytest.mark.parametrize("coded", [(True, False), (False, True), (False, False)], ids=str)
def test_files_of_one_import_whose_columns_differ(
    other: pa.DataType, coded: tuple[bool, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file has its texts as codes, or its numbers in other bytes, and the next has not."""
    paths = []
    for number, kind in enumerate((pa.int64(), other)):
        columns = {
            "event": pa.array(["Viewed", "Bought"] * 5),
            "id": pa.array([str(uuid.UUID(int=10 * number + row)) for row in range(10)]),
            "time": pa.array(["2026-01-01T00:00:00Z"] * 10),
            "user": pa.array(["a", "b"] * 5),
            "count": pa.array([1, 2] * 5).cast(kind),
        }
        paths.append(tmp_path / f"{number}.parquet")
        pq.write_table(pa.table(columns), paths[-1], use_dictionary=coded[number])
    names = ("userId", "messageId", "time", "event")
    event = {name: value for name, value in MAPPING["tables"][0]["events"][0].items() if name in names}  # type: ignore[index]
    event["properties"] = {"count": {"column": "count", "type": "integer"}}
    alike(paths, monkeypatch, {"source": "till", "tables": [{"files": "*", "events": [event]}]})


def alike(path: Any, monkeypatch: pytest.MonkeyPatch, mapping: Any = None) -> Any:
    """What staging says of files, which is the same by values and by rows."""
    real = by_value.staged
    monkeypatch.setattr(origin, "LEAST", 0)
    by_values = told(path, mapping, "Europe/Athens")
    monkeypatch.setattr(by_value, "staged", lambda *given: None)
    assert told(path, mapping, "Europe/Athens") == by_values
    monkeypatch.setattr(by_value, "staged", real)
    return by_values
