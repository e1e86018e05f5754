"""JSON Lines: Python's json module and `event.flatten` are the oracles."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.collect.fields import majority
from periplus.collect.jsonl import JsonLines
from periplus.collect.plain import plain
from periplus.collect.tape import Wanted
from periplus.event import flatten

KEYS = st.text(alphabet=st.sampled_from(list('abc.\\"é😀\n ')), max_size=4)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False) | st.text(alphabet=st.sampled_from(list('ab"\\\n\té€😀\x7f')), max_size=6)
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(KEYS, VALUES, max_size=4), min_size=1, max_size=6)


def read(
    raw: bytes, *, cap: int = 200, drop: frozenset[str] = frozenset()
) -> tuple[JsonLines, list[dict[str, Any]], list[tuple[int, str]]]:
    """Rows as columns of the most frequent paths, and the damaged lines."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "t.jsonl"
        path.write_bytes(raw)
        with plain(path, folder=Path(name)) as text:
            file = JsonLines(text)
            file.discover()
            kinds = {path: majority(counts) for path, counts in list(file.kinds.items())[:cap]}
            wanted = [Wanted(path, path, kind) for path, kind in kinds.items() if kind]
            rows, damaged = [], []
            for chunk in file.chunks(wanted, drop=drop, text_unless=""):
                rows += chunk.rows.to_pylist()
                damaged += [(row.line, row.reason) for row in chunk.damaged]
            for row in rows:
                row["@json"] = {want.name for want in wanted if want.kind == "JSON"}
            return file, rows, damaged


def leaves(row: dict[str, Any]) -> dict[str, Any]:
    """A row's columns and rest as one flat object, as `flatten` gives it."""
    found = json.loads(row["@rest"]) if row["@rest"] else {}
    for name, value in row.items():
        if not name.startswith("@") and value is not None:
            found[name] = json.loads(value) if name in row["@json"] else value
    return found


@settings(max_examples=150, deadline=None)
@given(ROWS, st.sampled_from([0, 1, 200]), st.booleans())
def test_flattening_loses_nothing(documents: list[dict[str, Any]], cap: int, ascii: bool) -> None:
    raw = "".join(json.dumps({"properties": document}, ensure_ascii=ascii) + "\n" for document in documents)
    _, rows, damaged = read(raw.encode(), cap=cap)
    assert damaged == []
    for row, document in zip(rows, documents, strict=True):
        expected = flatten(document, "properties")
        found = leaves(row)
        assert found == expected
        for path, value in found.items():  # 1 and 1.0 and True are equal to Python, not to us
            if isinstance(value, bool) != isinstance(expected[path], bool):
                raise AssertionError(path)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from(list('{}[]",:0123456789.eE+-tfnrualse\\ bxé')), max_size=16))
def test_a_line_is_json_where_python_says_so(text: str) -> None:
    line = '{"a":' + text + "}"

    def constant(_: str) -> float:
        raise ValueError

    try:
        document = json.loads(line, parse_constant=constant)
    except (ValueError, RecursionError):
        document = None
    _, rows, damaged = read(line.encode() + b'\n{"b": 1}\n')
    if document is None:
        assert damaged == [(1, "the line is not valid JSON")]
    else:
        assert damaged == []
    assert len(rows) + len(damaged) == 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "the line is not a JSON object"), (b"5", "the line is not a JSON object"), (b'"x"', "the line is not a JSON object"),
        (b"{", "the line is not valid JSON"), (b'{"a":1}x', "the line is not valid JSON"), (b'{"a":01}', "the line is not valid JSON"),
        (b'{"a":"\xff"}', "the text is not UTF-8"), (b'{"a":"\x01"}', "the line is not valid JSON"), (b'{"a":NaN}', "the line is not valid JSON"),
        (b'{"a":1,}', "the line is not valid JSON"), (b'{"a":[1,]}', "the line is not valid JSON"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "objects lie more than 32 deep in each other"),
    ],
)  # fmt: skip
def test_damaged_lines(line: bytes, reason: str) -> None:
    _, rows, damaged = read(b'{"b":1}\r\n\n' + line + b'\n   \n{"b":2}')
    assert damaged == [(3, reason)]
    assert [(row["@line"], row["b"]) for row in rows] == [(1, 1), (5, 2)]


def test_kinds_and_misfits() -> None:
    raw = "\n".join(f'{{"n":{value}}}' for value in ("1", "2.5", '"x"', "9007199254740993", "1e400", "3"))
    file, rows, _ = read(raw.encode())
    assert file.kinds["n"] == {"BIGINT": 2, "DOUBLE": 1, "VARCHAR": 1, "LONG": 1, "HUGE": 1}
    assert [row["n"] for row in rows] == [1.0, 2.5, None, None, None, 3.0]
    assert [row["@rest"] for row in rows[2:5]] == ['{"n":"x"}', '{"n":9007199254740993}', '{"n":1e400}']


def test_a_key_given_twice_means_the_last() -> None:
    _, rows, _ = read(b'{"a":1,"a":2}\n{"a":1,"a":"x"}\n{"a":"x","a":1}\n{"a":3}\n')
    assert [leaves(row) for row in rows] == [{"a": 2}, {"a": "x"}, {"a": 1}, {"a": 3}]


def test_more_paths_than_there_is_room_for_at_first() -> None:
    documents = [{f"k{i}_{j}": j for j in range(40)} for i in range(200)]
    raw = "".join(json.dumps(document) + "\n" for document in documents)
    file, rows, _ = read(raw.encode(), cap=50)
    assert len(file.kinds) == 8000
    assert [leaves(row) for row in rows] == documents


def test_what_identifies_a_row_does_not_depend_on_the_order_of_keys() -> None:
    _, rows, _ = read(b'{"b":{"c":1,"d":null},"a":"x"}\n{"a": "x", "b": {"c": 1}}\n{"a":"x","b":{"c":2}}\n')
    assert rows[0]["@text"] == rows[1]["@text"] == "1:a1:x3:b.c1:1"
    assert rows[2]["@text"] != rows[0]["@text"]


def test_floats_are_read_to_the_last_bit() -> None:
    values = [0.1, 1e-300, 1.7976931348623157e308, 2.2250738585072014e-308, 123456.789012345, math.pi]
    _, rows, _ = read("".join(json.dumps({"x": value}) + "\n" for value in values).encode())
    found = [leaves(row)["x"] for row in rows]
    assert found == values
