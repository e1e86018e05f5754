"""An engine serves one connection after another, and nothing of one is met by the next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from periplus.errors import StoreError
from periplus.store import door


@pytest.fixture(autouse=True)
def none_waits() -> Iterator[None]:
    door._idle.clear()
    yield
    door._idle.clear()


def settings_of(connection: door.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT name, value FROM duckdb_settings() ORDER BY name").fetchall()


def test_the_next_connection_is_as_a_first_one(tmp_path: Path) -> None:
    limits = {"memory": "300MB", "threads": 1}
    with door.opened(**limits, spill=tmp_path / "spill") as connection:
        fresh = settings_of(connection)
        first = door._engines[connection]
        connection.execute("CREATE TEMP TABLE rejects AS SELECT 1 AS x")
        connection.execute("CREATE TEMP VIEW timed AS SELECT 2 AS x")
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET parquet_metadata_cache = true")
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute("BEGIN")
        connection.execute("SET disabled_optimizers = ''")
    del connection
    with door.opened(**limits, spill=tmp_path / "elsewhere") as connection:
        assert door._engines[connection] is first
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchall() == [(0,)]
        assert connection.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [
            (0,)
        ]
        moved = [
            (name, str(tmp_path / "spill") if name == "temp_directory" else value)
            for name, value in settings_of(connection)
        ]
        assert moved == fresh
        assert dict(settings_of(connection))["temp_directory"] == str(tmp_path / "elsewhere")


def test_no_two_connections_share_an_engine_at_one_time() -> None:
    with door.opened() as one, door.opened() as other:
        assert door._engines[one] is not door._engines[other]
    with door.opened(threads=1) as narrow, door.opened(memory="200MB") as small:
        assert (door.threads(narrow), door.memory(small) >> 20) == (1, 190)


def test_what_outlasts_a_connection_ends_with_it(tmp_path: Path) -> None:
    with door.opened() as told:
        door.text_functions(told, {"shouted": str.upper})
        assert told.execute("SELECT shouted('a')").fetchall() == [("A",)]
    del told
    assert not door._idle
    with door.opened(memory="60MB", threads=1, spill=tmp_path / "one") as spilled:
        spilled.execute("CREATE TEMP TABLE wide AS SELECT range AS x, hash(range) AS y FROM range(8000000)")
        assert list((tmp_path / "one").iterdir()), "it did not spill, so this shows nothing"
    del spilled
    assert not door._idle
    assert not (tmp_path / "one").exists()


def test_an_engine_that_holds_much_or_has_served_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "CONNECTIONS", 3)
    met = []
    for _ in range(4):
        with door.opened() as connection:
            met.append(door._engines[connection])
        del connection
    assert met[0] is met[1] is met[2] is not met[3]
    monkeypatch.setattr(door, "IDLE_BYTES", -1)
    with door.opened() as connection:
        pass
    del connection
    assert not door._idle


def test_limits_nobody_can_keep_are_told() -> None:
    with pytest.raises(StoreError, match="query engine did not start"):
        door.connect(memory="much")
