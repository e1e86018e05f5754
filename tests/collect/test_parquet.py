"""Flat Parquet, and Parquet by a mapping."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import periplus
from periplus.collect import keys, origin, segment
from periplus.errors import InputError
from tests.collect.conftest import Importing

TEN = datetime(2026, 7, 1, 10, tzinfo=UTC)
MICROS = 1782900000000000


def write(importing: Importing, columns: dict[str, Any], name: str = "e.parquet") -> Path:
    pq.write_table(pa.table(columns), importing.folder / name)
    return importing.folder / name


@pytest.mark.parametrize(
    "times",
    [
        pa.array([TEN], pa.timestamp("us", "UTC")),
        pa.array([TEN.replace(tzinfo=None)], pa.timestamp("ms")),
        pa.array([MICROS]),
        pa.array(["2026-07-01T13:00:00+03:00"]),
    ],
)
def test_times_of_any_type(importing: Importing, times: pa.Array) -> None:
    path = write(importing, {"type": ["track"], "event": ["E"], "timestamp": times, "receivedAt": times})
    row = importing.stage(path).events[0]
    assert (row["time"], row["received_at"], row["sequence"]) == (MICROS, MICROS, MICROS << 10)


def test_values_of_every_kind(importing: Importing) -> None:
    columns = {
        "type": ["track"], "event": ["E"], "timestamp": [TEN], "userId": ["007"], "anonymousId": [5], "messageId": ["m"], "channel": ["web"],
        "properties.i": pa.array([3], pa.int16()), "properties.d": [Decimal("1.25")], "properties.f": [float("nan")], "properties.b": [True],
        "properties.s": pa.array(["x"]).dictionary_encode(), "properties.l": [[{"a": 1}]], "properties.j": ['[{"a": 1}]'], "properties.t": [TEN],
        "properties.big": pa.array([2**64 - 1], pa.uint64()), "context.device.type": ["mobile"], "traits.email": ["a@x"], "rest": ['{"properties.z":1}'], "other": ["o"],
    }  # fmt: skip
    result = importing.stage(write(importing, columns))
    row = result.events[0]
    assert (row["user_id"], row["anonymous_id"], row["email"], row["channel"], row["line"]) == (
        "007",
        "5",
        "a@x",
        "web",
        1,
    )
    assert {path: row.get(path) for path in result.staged.columns} == {
        "properties.i": 3, "properties.d": 1.25, "properties.f": None, "properties.b": True, "properties.s": "x", "properties.l": '[{"a":1}]',
        "properties.j": '[{"a": 1}]', "properties.t": "2026-07-01T10:00:00Z", "properties.big": None, "context.device.type": "mobile", "traits.email": "a@x",
    }  # fmt: skip
    assert row["rest"] == '{"properties.z":1,"other":"o","properties.big":18446744073709551615}'
    assert row["key_hi"] << 64 | row["key_lo"] == keys.of_message("import", "m")


def test_rows_without_an_id_are_told_apart(importing: Importing) -> None:
    path = write(
        importing,
        {
            "type": ["track"] * 3,
            "event": ["E"] * 3,
            "timestamp": [MICROS] * 3,
            "messageId": pa.array([None, None, "m"]),
        },
    )
    result = importing.stage(path)
    row = {"type": "track", "event": "E", "timestamp": str(MICROS)}
    expected = [keys.of_row("import", row), keys.of_row("import", row, 0, 1), keys.of_message("import", "m")]
    assert [event["key_hi"] << 64 | event["key_lo"] for event in result.events] == expected
    assert result.one("sequence") == [0, 1 << 8, 2 << 8]


def test_refused_rows_show_themselves(importing: Importing) -> None:
    result = importing.stage(
        write(importing, {"type": ["track", "track"], "event": ["E", None], "timestamp": [None, MICROS]})
    )
    assert result.reasons == {1: "the time is empty", 2: "a track event without a name"}
    assert result.rejects[0]["payload"] == '{"type":"track","event":"E"}'


def test_columns_beyond_the_cap_go_to_the_rest(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segment, "COLUMN_CAP", 1)
    columns = {
        "type": ["track"],
        "event": ["E"],
        "timestamp": [MICROS],
        "properties.a": [1],
        "properties.b": ["x"],
        "properties.c": [None],
    }
    result = importing.stage(write(importing, columns))
    assert (result.staged.columns, result.events[0]["rest"]) == (
        {"properties.a": "BIGINT"},
        '{"properties.b":"x"}',
    )
    assert result.staged.rest == ("properties.b",)


def test_by_a_mapping(importing: Importing, table: Any) -> None:
    columns = {
        "user": [7, 8],
        "at": pa.array([TEN, None]),
        "n": [1, 2],
        "x": [1.5, None],
        "no": ["1", "2"],
        "s": [{"a": 1}, None],
    }
    mapping = table(zone="Europe/Athens", properties={"n": "n", "x": "x", "no": "no", "s": "s"})
    result = importing.stage(write(importing, columns), mapping=mapping)
    row = result.events[0]
    assert (
        row["user_id"],
        row["time"],
        row["properties.n"],
        row["properties.x"],
        row["properties.no"],
        row["properties.s"],
    ) == ("7", MICROS, 1, 1.5, "1", '{"a":1}')
    assert result.reasons == {2: "the time is empty"}


@pytest.mark.parametrize("broken", [b"PAR1 and then nothing", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_broken_file(importing: Importing, broken: bytes) -> None:
    path = importing.folder / "e.parquet"
    path.write_bytes(broken)
    with pytest.raises(InputError, match=r"e\.parquet cannot be read as Parquet"):
        importing.stage(path)


def test_no_rows_and_no_events(importing: Importing) -> None:
    with pytest.raises(InputError, match="no rows"):
        importing.stage(write(importing, {"type": pa.array([], pa.string())}))
    with pytest.raises(InputError, match="no file of events"):
        importing.stage(write(importing, {"a": [1]}))


@pytest.mark.parametrize("least", [0, 10_000], ids=["by values", "by rows"])
@pytest.mark.parametrize("column", ["type", "event", "timestamp", "messageId", "userId", "properties.plan"])
@pytest.mark.parametrize("mapped", [False, True])
def test_a_damaged_column_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, mapped: bool, least: int
) -> None:
    """A footer that is whole and a column that is not: import and dry run say so, and the next file comes in."""
    monkeypatch.setattr(origin, "LEAST", least)
    count = 300
    table = {
        "type": ["track"] * count,
        "event": ["Viewed", "Bought"] * (count // 2),
        "timestamp": [f"2026-07-01T10:{i // 60:02}:{i % 60:02}.000Z" for i in range(count)],
        "messageId": [f"m{i}" for i in range(count)],
        "userId": [f"u{i % 50}" for i in range(count)],
        "properties.plan": [f"p{i % 7}" for i in range(count)],
    }
    path = tmp_path / "events.parquet"
    pq.write_table(pa.table(table), path, compression="zstd")
    whole = path.read_bytes()
    chunk = pq.read_metadata(path).row_group(0).column(list(table).index(column))
    broken = bytearray(whole)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    for place in range(start, start + chunk.total_compressed_size):
        broken[place] ^= 0xFF
    path.write_bytes(broken)
    event = {
        "event": {"column": "event"}, "messageId": "messageId", "time": "timestamp", "userId": "userId",
        "properties": {"plan": "properties.plan"}, "context": {"type": "type"},
    }  # fmt: skip
    mapping = {"source": "shop", "tables": [{"files": "*", "events": [event]}]} if mapped else None
    with periplus.init(tmp_path / "shop") as ws:
        for dry_run in (False, True):
            with pytest.raises(InputError) as problem:
                ws.import_file(path, mapping=mapping, dry_run=dry_run)
            assert (
                problem.value.message
                == f"events.parquet cannot be read as Parquet: its column {column} is damaged."
            )
        assert not ws.batches()
        path.write_bytes(whole)
        assert ws.import_file(path, mapping=mapping).events == count


@pytest.mark.parametrize("least", [0, 10_000], ids=["by values", "by rows"])
def test_old_times_reach_as_far_as_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    """Times of twelve bytes, as Spark and Hive write them: those of an open end are no time of this century."""
    monkeypatch.setattr(origin, "LEAST", least)
    ends = [datetime(9999, 12, 31), datetime(2600, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 16)] * 4
    table = {
        "event": ["Viewed"] * 12,
        "at": pa.array([datetime(2024, 1, 1)] * 12, pa.timestamp("us")),
        "until": pa.array(ends, pa.timestamp("us")),
        "id": [f"m{i}" for i in range(12)],
    }
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(table), path, use_deprecated_int96_timestamps=True, store_schema=False)
    for time, came, until in (("at", 12, "9999-12-31 00:00:00"), ("until", 4, "2024-01-01 00:00:00.000016")):
        event = {"event": "E", "time": time, "messageId": "id", "properties": {"until": "until"}}
        with periplus.init(tmp_path / time) as ws:
            result = ws.import_file(
                path, mapping={"source": "s", "tables": [{"files": "*", "events": [event]}]}
            )
            assert (result.accepted, result.rejected) == (came, 12 - came)
            ws.export(tmp_path / f"{time}.jsonl")
        first = json.loads((tmp_path / f"{time}.jsonl").read_text(encoding="utf-8").splitlines()[0])
        assert first["properties"]["until"] == until


@pytest.mark.parametrize("least", [0, 10_000], ids=["by values", "by rows"])
def test_texts_that_are_not_utf_8_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setattr(origin, "LEAST", least)
    broken = pa.array([b"ok", b"\xff\xfe"]).view(pa.string())
    table = {"event": ["A", "B"], "time": ["2026-07-01T10:00:00Z"] * 2, "id": ["1", "2"], "plan": broken}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(table), path)
    event = {
        "event": {"column": "event"},
        "time": "time",
        "messageId": "id",
        "properties": {"plan": "plan"},
    }
    with periplus.init(tmp_path / "shop") as ws, pytest.raises(InputError) as problem:
        ws.import_file(path, mapping={"source": "s", "tables": [{"files": "*", "events": [event]}]})
    assert problem.value.message == "t.parquet has texts in the column plan that are not UTF-8."
