"""The operational state keeps one contract on SQLite and on a real PostgreSQL server started here."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from periplus.errors import StoreError
from periplus.settings import Settings
from periplus.store import inbox_file, state
from periplus.store.state import State
from tests.store.postgres import PASSWORD, Server

# -- documents ----------------------------------------------------------------------------------


def test_a_document_is_read_as_it_was_saved_last(opened: State) -> None:
    first = {"name": "Größe", "steps": [{"id": 1, "rate": 0.1, "none": None}]}
    assert opened.document("map", "shop") is None
    assert opened.save("map", "shop", first) == 1
    assert opened.document("map", "shop") == first
    assert opened.save("map", "shop", {"name": "later"}) == 2
    assert opened.document("map", "shop") == {"name": "later"}
    assert opened.document("survey", "shop") is None


def test_saving_what_is_there_makes_no_version(opened: State) -> None:
    assert opened.save("map", "a", {"x": 1, "y": 2}) == 1
    assert opened.save("map", "a", {"y": 2, "x": 1}) == 1
    assert opened.save("map", "a", {"x": 2}) == 2
    assert opened.save("map", "a", {"x": 1, "y": 2}) == 3


def test_names_come_in_the_order_of_their_first_version(opened: State) -> None:
    for name in ("b", "a", "c", "b"):
        opened.save("map", name, {"n": name, "at": time.monotonic_ns()})
        time.sleep(0.001)
    opened.save("survey", "nps", {})
    assert opened.names("map") == ["b", "a", "c"]


def test_documents_outlive_the_connection(settings: Settings, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        here = State(tmp_path, settings)
        assert here.save("map", "a", {"n": number}) == number
        here.close()


def test_many_savers_at_once_lose_no_version(settings: Settings, tmp_path: Path) -> None:
    problems: list[BaseException] = []

    def save(number: int) -> None:
        try:
            here = State(tmp_path, settings)  # the first of them makes the tables
            for turn in range(5):
                here.save("map", "a", {"by": number, "turn": turn})
            here.close()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    here = State(tmp_path, settings)
    assert here.save("map", "a", {"by": "last"}) == 21
    here.close()


def test_a_new_file_that_another_process_prepares_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite itself does not wait where a file gets its log: it refuses on the spot."""
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        other.rollback()

    monkeypatch.setattr(inbox_file, "time", SimpleNamespace(monotonic=time.monotonic, sleep=wait))
    here = State(tmp_path, Settings())
    assert len(waits) == 1
    assert here.save("map", "a", {"n": 1}) == 1
    here.close()
    other.close()


# -- secrets ------------------------------------------------------------------------------------


def test_a_secret_is_known_by_its_kind_and_kept_as_a_hash(opened: State) -> None:
    secret = opened.issue("token", "ann")
    assert opened.check("token", secret) == "ann"
    assert opened.check("write key", secret) is None
    assert opened.check("token", secret + "x") is None
    with opened.engine.connect() as connection:
        stored = str(connection.execute(sa.select(state.secrets_table)).all())
    assert secret not in stored


def test_a_secret_is_spent_once_even_by_many_at_once(opened: State) -> None:
    secret = opened.issue("sign-in", "ann")
    found: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: found.append(opened.check("sign-in", secret, spend=True)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == [None, None, None, "ann"]


def test_a_secret_expires(opened: State, monkeypatch: pytest.MonkeyPatch) -> None:
    secret, lasting = opened.issue("session", "ann", seconds=60), opened.issue("session", "bob")
    assert opened.check("session", secret) == "ann"
    later = state.wall() + 61_000_000
    monkeypatch.setattr(state, "wall", lambda: later)
    assert opened.check("session", secret) is None
    assert opened.check("session", secret, spend=True) is None
    assert opened.check("session", lasting) == "bob"


def test_expired_secrets_go_when_the_next_is_issued(opened: State, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ann", "bob"):
        opened.issue("session", name, seconds=60)
    lasting, token = opened.issue("session", "eve", seconds=3600), opened.issue("token", "till")
    later = state.wall() + 61_000_000
    monkeypatch.setattr(state, "wall", lambda: later)
    fresh = opened.issue("sign-in", "ann", seconds=60)
    with opened.engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(state.secrets_table)) == 3
    assert opened.check("session", lasting) == "eve"
    assert opened.check("token", token) == "till"
    assert opened.check("sign-in", fresh, spend=True) == "ann"


def test_a_secret_is_revoked(opened: State) -> None:
    first, second = opened.issue("token", "ann"), opened.issue("token", "ann")
    opened.revoke("token", first)
    opened.revoke("token", first)
    assert opened.check("token", first) is None
    assert opened.check("token", second) == "ann"
    assert [row["name"] for row in opened.issued("token")] == ["ann"]


# -- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres//nowhere", "not the URL of a database"),
        ("postgresql://ann:hush-hush@127.0.0.1:port/x", "not the URL of a database"),
        ("oracle9://ann:hush-hush@host/x", "cannot be used"),
        ("sqlite:////nowhere/at/all/state.db", "unable to open"),
        ("postgresql://ann:hush-hush@127.0.0.1:9/x", "127.0.0.1"),
        ("postgresql://ann:hush-hush@127.0.0.1:9/x?flavour=vanilla", "flavour"),
    ],
)
def test_a_wrong_url_is_one_plain_message_without_the_password(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(StoreError) as refused:
        State(tmp_path, Settings(state=url))
    told = str(refused.value)
    assert said in told
    assert "hush" not in told
    assert "\n" not in told
    assert refused.value.hint or "cannot be used" in told


@pytest.mark.postgres
@pytest.mark.parametrize("wrong", [{"password": "hush-hush"}, {"database": "nowhere"}, {"port": 9}])
def test_a_server_that_refuses_is_one_plain_message(
    server: Server, tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(StoreError) as refused:
        State(tmp_path, Settings(state=server.url(**wrong)))  # type: ignore[arg-type]
    told = str(refused.value)
    assert "hush" not in told
    assert PASSWORD not in told
    assert "\n" not in told
    assert "URL" in refused.value.hint


@pytest.mark.postgres
def test_a_server_that_dies_is_one_plain_message_and_comes_back(server: Server, tmp_path: Path) -> None:
    here = State(tmp_path, Settings(state=server.fresh("dying")))
    here.save("map", "a", {"n": 1})
    alive = here.engine.url
    admin = sa.create_engine(
        server.url().replace("postgresql", "postgresql+psycopg", 1), isolation_level="AUTOCOMMIT"
    )
    with admin.connect() as connection:
        connection.execute(sa.text("ALTER DATABASE dying ALLOW_CONNECTIONS false"))
        connection.execute(
            sa.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dying'")
        )
        for call in (
            lambda: here.document("map", "a"),
            lambda: here.names("map"),
            lambda: here.save("map", "a", {"n": 2}),
            lambda: here.issue("token", "x"),
            lambda: here.check("token", "x"),
            lambda: here.revoke("token", "x"),
            lambda: here.issued("token"),
        ):
            with pytest.raises(StoreError) as refused:
                call()
            assert PASSWORD not in str(refused.value)
            assert "\n" not in str(refused.value)
        connection.execute(sa.text("ALTER DATABASE dying ALLOW_CONNECTIONS true"))
    assert here.document("map", "a") == {"n": 1}
    assert here.engine.url == alive
    admin.dispose()
    here.close()


def test_what_is_no_database_is_one_plain_message(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(
        b"this is not a database, but it is long enough to be read as one" * 20
    )
    with pytest.raises(StoreError) as refused:
        State(tmp_path, Settings())
    assert "not a database" in str(refused.value)
    assert "\n" not in str(refused.value)
