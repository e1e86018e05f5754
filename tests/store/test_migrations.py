"""A state laid out anew is the sum of the migrations; one of a newer version is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from periplus.errors import StoreError
from periplus.settings import Settings
from periplus.store import state
from periplus.store.state import HEAD, State


def _shape(engine: sa.Engine) -> dict[str, object]:
    """Tables, columns with their types, and keys, as the database has them."""
    inspector = sa.inspect(engine)
    return {
        table: (
            [
                (column["name"], str(column["type"]), column["nullable"])
                for column in inspector.get_columns(table)
            ],
            inspector.get_pk_constraint(table)["constrained_columns"],
            sorted(
                (index["name"] or "", tuple(index["column_names"])) for index in inspector.get_indexes(table)
            ),
        )
        for table in inspector.get_table_names()
    }


def test_a_fresh_schema_is_the_sum_of_the_migrations(
    opened: State, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A new SQLite file is laid out as declared; what was migrated, and PostgreSQL always is, looks the same."""
    if opened.engine.dialect.name == "sqlite":
        other = sa.create_engine(f"sqlite:///{tmp_path / 'other.db'}")
        state._migrate(other)
    else:
        url = request.getfixturevalue("server").fresh("declared")
        other = sa.create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
        state.metadata.create_all(other)
    try:
        declared = _shape(opened.engine)
        migrated = _shape(other) | {"alembic_version": declared["alembic_version"]}
        assert declared == migrated
        assert state._is_newest(opened.engine)
        if other.dialect.name == "sqlite":
            assert _shape(other) == declared
            assert state._is_newest(other)
        assert len(declared) > 8
    finally:
        other.dispose()


def test_a_state_killed_while_it_was_laid_out_is_laid_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as cut:
        cut.setattr(state, "HEAD", object())  # no value of a database: it stops before the last statement
        with pytest.raises(StoreError):
            State(tmp_path, Settings())
    here = State(tmp_path, Settings())
    assert state._is_newest(here.engine)
    here.save("map", "a", {"n": 1})
    assert here.document("map", "a") == {"n": 1}
    here.close()


def test_head_is_the_newest_migration() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(state.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_state_from_a_newer_version_is_refused_and_left_alone(settings: Settings, tmp_path: Path) -> None:
    here = State(tmp_path, settings)
    here.save("map", "a", {"n": 1})
    with here.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError) as refused:
        State(tmp_path, settings)
    assert refused.value.code == "newer"
    assert "newer version" in refused.value.message
    with here.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"
        assert connection.scalar(sa.text("SELECT count(*) FROM documents")) == 1
    here.close()
