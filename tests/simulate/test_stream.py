"""The stream: the same seed gives the same bytes, both files say the same, and refusals are plain."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime

import duckdb
import pyarrow.parquet as pq
import pytest

from periplus.errors import InputError
from periplus.event import Event
from periplus.simulate import simulate


def flattened(value, path=""):
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from flattened(inner, f"{path}{key}.")
        else:
            yield f"{path}{key}", inner


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    file = tmp_path_factory.mktemp("lines") / "shop.jsonl"
    simulate(file, 6_000, seed=3)
    return file


@pytest.mark.parametrize("name", ["shop.jsonl", "shop.jsonl.gz", "shop.parquet"])
def test_the_same_seed_gives_the_same_bytes(tmp_path, name):
    first, second, other = tmp_path / f"1{name}", tmp_path / f"2{name}", tmp_path / f"3{name}"
    simulate(first, 3_000, seed=5)
    simulate(second, 3_000, seed=5)
    simulate(other, 3_000, seed=6)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_more_events_of_one_seed_begin_with_the_same_people(tmp_path):
    """Several chunks: people do not depend on how many there are or in which chunk they fall."""
    small = simulate(tmp_path / "small.parquet", 20_000, seed=5)
    large = simulate(tmp_path / "large.parquet", 300_000, seed=5)
    assert large["people"] > small["people"]
    missing = (
        duckdb.connect()
        .sql(
            f"""
        SELECT count(*) FROM '{tmp_path / "small.parquet"}' small
        WHERE "properties.name" IS DISTINCT FROM 'Home'
          AND messageId NOT IN (SELECT messageId FROM '{tmp_path / "large.parquet"}')
        """
        )
        .fetchall()
    )
    assert missing == [(0,)]


@pytest.mark.parametrize("count", [1, 2, 17, 1000, 131_073])
def test_as_many_events_as_asked_for(tmp_path, count):
    truth = simulate(tmp_path / "shop.parquet", count, seed=count)
    assert duckdb.connect().sql(f"SELECT count(*) FROM '{tmp_path / 'shop.parquet'}'").fetchall() == [
        (count,)
    ]
    assert truth["events"] == sum(truth["events_by_name"].values()) == count


def test_every_line_is_a_segment_event(lines):
    names = set()
    for line in lines.read_text(encoding="utf-8").splitlines():
        sent = json.loads(line)
        event = Event.from_segment(sent, received=0)
        names.add(event.event)
        assert event.message_id
        assert event.user_id or event.anonymous_id
        assert event.time < 1793491200_000000  # 2026-11-01
        assert sent["type"] == "track" or "event" not in sent
        assert "properties" not in sent or sent["properties"]
    assert {"Product Viewed", "Order Completed", "Page Viewed", "identify"} <= names


def test_parquet_and_json_say_the_same(lines, tmp_path):
    simulate(tmp_path / "shop.parquet", 6_000, seed=3)
    rows = pq.read_table(tmp_path / "shop.parquet").to_pylist()
    nested = [dict(flattened(json.loads(line))) for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(nested) == 6_000
    for flat, lined in zip(rows, nested, strict=True):
        flat = {name: value for name, value in flat.items() if value is not None}
        assert flat.pop("timestamp") == datetime.fromisoformat(lined.pop("timestamp")).astimezone(UTC)
        if "properties.products" in flat:
            flat["properties.products"] = json.loads(flat["properties.products"])
        assert flat == lined


def test_gzip_is_the_same_text(lines, tmp_path):
    simulate(tmp_path / "shop.jsonl.gz", 6_000, seed=3)
    assert gzip.decompress((tmp_path / "shop.jsonl.gz").read_bytes()) == lines.read_bytes()


def test_currency_end_and_length_are_arguments(tmp_path):
    truth = simulate(
        tmp_path / "shop.parquet", 5_000, seed=1, end="2024-03-01T12:00:00Z", days=60, currency="RON"
    )
    assert (truth["start"], truth["end"]) == ("2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z")
    [(first, last, currencies)] = (
        duckdb.connect()
        .sql(
            f"""
        SELECT min(timestamp)::VARCHAR, max(timestamp)::VARCHAR, list(DISTINCT "properties.currency")
        FROM '{tmp_path / "shop.parquet"}'
        """
        )
        .fetchall()
    )
    assert first >= "2024-01-01"
    assert last < "2024-03-01"
    assert [name for name in currencies if name] == ["RON"]


@pytest.mark.parametrize(
    ("name", "count", "days", "says"),
    [
        ("shop.csv", 10, 365, ".jsonl"),
        ("shop.parquet", 0, 365, "1 or more"),
        ("shop.parquet", 10, 5, "30 to 3660"),
        ("nowhere/shop.parquet", 10, 365, "Make it first"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path, name, count, days, says):
    with pytest.raises(InputError, match=says):
        simulate(tmp_path / name, count, seed=1, days=days)


def test_progress_reaches_the_end(tmp_path):
    told = []
    simulate(tmp_path / "shop.parquet", 300_000, seed=2, progress=lambda *said: told.append(said))
    assert told[-1] == (300_000, 300_000, "events")
    assert len(told) >= 3
    assert told == sorted(told)
