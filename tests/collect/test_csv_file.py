"""CSV: Python's own csv module is the oracle for values, counting by hand for lines and damage."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.collect.csv_file import CsvFile, Dialect
from periplus.collect.plain import plain
from periplus.collect.rows import Damaged
from periplus.errors import InputError

FIELD = st.text(alphabet=st.sampled_from(list('ab1é€😀 ,;"\n\r\t')), max_size=8)
ROWS = st.lists(st.lists(FIELD, min_size=3, max_size=3), min_size=1, max_size=12)


def read(
    raw: bytes, dialect: Dialect | None = None
) -> tuple[list[str], list[tuple[int, list[str | None]]], list[Damaged]]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "t.csv"
        path.write_bytes(raw)
        with plain(path, folder=Path(name)) as text:
            file = CsvFile(text, dialect or Dialect())
            rows: list[tuple[int, list[str | None]]] = []
            damaged: list[Damaged] = []
            for chunk in file.chunks():
                for row in chunk.rows.to_pylist():
                    rows.append((row["@line"], [row[column] for column in file.columns]))
                damaged += chunk.damaged
            return file.columns, rows, damaged


@settings(max_examples=150, deadline=None)
@given(
    ROWS,
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([",", ";", "\t"]),
    st.integers(0, 2),
    st.booleans(),
)
def test_as_pythons_csv_module_reads_it(
    rows: list[list[str]], ending: str, delimiter: str, blank: int, last: bool
) -> None:
    written = io.StringIO()
    writer = csv.writer(written, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    for row in rows:
        written.write(ending * blank)
        writer.writerow(row)
    text = written.getvalue() if last else written.getvalue().removesuffix(ending)
    _, found, damaged = read(text.encode(), Dialect(delimiter=delimiter))
    oracle = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if row][1:]
    assert damaged == []
    assert [[value or "" for value in values] for _, values in found] == oracle
    # each line found is where the row's own text stands, counting LF, CR LF and CR as one break each
    breaks = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for (line, _), row in zip(found, oracle, strict=True):
        first = row[0].replace("\r\n", "\n").replace("\r", "\n").split("\n")[0].replace('"', '""')
        assert breaks[line - 1].startswith('"' + first)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_minimal_quoting(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows([["a", "b", "c"], *rows])
    _, found, damaged = read(written.getvalue().encode())
    assert damaged == []
    assert [[value or "" for value in values] for _, values in found] == rows


def test_lines_are_physical() -> None:
    _, rows, _ = read(b'\n\na,b\n\n1,"x\ny\r\nz"\n  \n2,w\n\n3,"v"')
    assert [(line, values[0]) for line, values in rows] == [(5, "1"), (9, "2"), (11, "3")]


@pytest.mark.parametrize(
    ("raw", "reasons", "left"),
    [
        (b"a,b\n1,2,3\n4,5\n", {2: "too many columns: 3 instead of 2"}, ["4"]),
        (b"a,b\n1\n4,5\n", {2: "too few columns: 1 instead of 2"}, ["4"]),
        (b'a,b\n1,"x\n4,5\n6,7\n', {2: "a quote is opened and never closed"}, ["4", "6"]),
        (b'a,b\n1,"x\n4,"5"\n6,7\n', {2: "text follows a closing quote"}, ["4", "6"]),
        (b'a,b\n1,"x"y\n4,5\n', {2: "text follows a closing quote"}, ["4"]),
        (b"a,b\n1,\xff\n4,5\n", {2: "the text is not UTF-8"}, ["4"]),
        (b"a,b\n1,\xed\xa0\x80\n4,\xf0\x9f\x98\x80\n", {2: "the text is not UTF-8"}, ["4"]),
        (b'a,b\n1,"x",\n"2\n",3\n4,5\n', {2: "too many columns: 3 instead of 2"}, ["2\n", "4"]),
    ],
)
def test_a_damaged_row_costs_itself_only(raw: bytes, reasons: dict[int, str], left: list[str]) -> None:
    _, rows, damaged = read(raw)
    assert {row.line: row.reason for row in damaged} == reasons
    assert [values[0] for _, values in rows] == left
    assert damaged[0].payload == raw.split(b"\n")[1].decode("utf-8", "replace")


def test_quotes_inside_a_bare_field_are_text() -> None:
    _, rows, damaged = read(b'a,b\n5" pipe,x"y"\n')
    assert (rows, damaged) == ([(2, ['5" pipe', 'x"y"'])], [])


def test_an_escape_character() -> None:
    _, rows, _ = read(b'a,b\n"x\\"y",z\\,w\n', Dialect(escape="\\"))
    assert rows == [(2, ['x"y', "z,w"])]


def test_no_quote_character() -> None:
    _, rows, _ = read(b'a\tb\n"x\ty"\n', Dialect(delimiter="\t", quote=None))
    assert rows == [(2, ['"x', 'y"'])]


def test_null_words_and_empty_fields() -> None:
    _, rows, _ = read(b'a,b,c\nNA,"",n/a\nNAN,0,NA\n', Dialect(nulls=("NA", "n/a")))
    assert [values for _, values in rows] == [[None, None, None], ["NAN", "0", None]]


def test_headers() -> None:
    assert read(b"x,x,,y \n1,2,3,4\n")[0] == ["x", "x_2", "column3", "y"]
    columns, rows, _ = read(b"1,2\n3,4\n", Dialect(header=False))
    assert (columns, [line for line, _ in rows]) == (["column1", "column2"], [1, 2])
    assert read(b"1,2\n", Dialect(header=("p", "q")))[0] == ["p", "q"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "is empty"), (b"\n\n", "only blank lines"), (b"a,b\n", "a header and no rows"), (b"a,b\n\n \n", "a header and no rows"),
        (b'"a,b\n1,2\n', "never closed"), (b"\xff\xfea\x00,\x00b\x00\n\x00", "not a text file"), (b"PK\x03\x04xxxx", "Excel"), (b"a\x00\x01b", "not a text file"),
        (b"\xe9t\xe9,b\n1,2\n", "not UTF-8"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(raw: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(raw)


def test_many_chunks_and_a_long_field(monkeypatch: Any) -> None:
    from periplus.collect import csv_file

    monkeypatch.setattr(csv_file, "FIELDS", 2)
    lines = "".join(f"{i},{'y' * (i % 7)}\n" for i in range(1000))
    _, rows, _ = read(f"a,b\n{lines}".encode())
    assert [(line, values[0]) for line, values in rows] == [(i + 2, str(i)) for i in range(1000)]
    _, rows, damaged = read(b'a,b\n1,"' + b"x" * (2 << 20) + b'"\n3,4\n')
    assert [row.line for row in damaged] == [2]
    assert [values[0] for _, values in rows] == ["3"]
