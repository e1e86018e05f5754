"""Keys: the SQL and the Python spelling are one definition."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.collect import keys
from periplus.store.door import connect

CONNECTION = connect(threads=1)
TEXT = st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
IDS = (
    st.uuids().map(str)
    | st.uuids().map(lambda u: u.hex.upper())
    | st.uuids().map(lambda u: "key:" + u.hex)
    | TEXT
    | st.text("0123456789abcdef-", min_size=32, max_size=36)
)


@settings(max_examples=200, deadline=None)
@given(TEXT, IDS)
def test_message_keys_are_the_same_in_sql_and_python(source: str, message_id: str) -> None:
    sql = keys.message_sql("s", keys.hash_sql(source), "m")
    found = CONNECTION.execute(
        f"SELECT {sql} AS k FROM (SELECT ? AS s, ? AS m)", [source, message_id]
    ).fetchone()
    halves = CONNECTION.execute(
        f"SELECT {keys.high_sql('k')}, {keys.low_sql('k')} FROM (SELECT {sql} AS k FROM (SELECT ? AS s, ? AS m))",
        [source, message_id],
    ).fetchone()
    assert found[0] == keys.of_message(source, message_id)
    assert halves[0] << 64 | halves[1] == found[0]


@settings(max_examples=50, deadline=None)
@given(
    TEXT,
    st.dictionaries(st.sampled_from(["b", "a", "é", "x y"]), TEXT | st.none(), max_size=4),
    st.integers(0, 9),
    st.integers(0, 200),
)
def test_row_keys_are_the_same_in_sql_and_python(
    source: str, columns: dict[str, str | None], before: int, place: int
) -> None:
    names = {name: f"v{i}" for i, name in enumerate(columns)}
    given = ", ".join(f"?::VARCHAR AS {column}" for column in names.values()) or "1"
    sql = keys.mixed_sql(keys.row_sql(source, names), str(before), place)
    found = CONNECTION.execute(f"SELECT {sql} FROM (SELECT {given})", list(columns.values())).fetchone()
    assert found[0] == keys.of_row(source, columns, place, before)


def test_a_uuid_keeps_its_bits_and_sources_do_not_meet() -> None:
    one = uuid.UUID(int=5)
    assert keys.of_message("a", str(one)) ^ keys.of_message("a", str(uuid.UUID(int=6))) == 3
    assert keys.of_message("a", str(one)) != keys.of_message("b", str(one))
    assert keys.of_message("a", str(one)) == keys.of_message("a", str(one).upper())


def test_our_own_exports_key_is_itself() -> None:
    assert keys.of_message("any", "key:" + "0f" * 16) == int("0f" * 16, 16)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": "1", "b": "2"}, {"a": "12", "b": ""}),
        ({"a": "1:b"}, {"a": "1", "b": ""}),
        ({"ab": "c"}, {"a": "bc"}),
    ],
)
def test_neighbouring_texts_are_not_confused(one: dict[str, str], other: dict[str, str]) -> None:
    assert keys.of_row("s", one) != keys.of_row("s", other)


def test_a_null_column_is_as_none() -> None:
    assert keys.of_row("s", {"a": "1", "b": None}) == keys.of_row("s", {"a": "1"})
