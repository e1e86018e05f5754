"""The format of a column: what a look at its kinds of text leaves untried reads nothing, whatever is written there."""

from __future__ import annotations

from datetime import datetime
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from periplus.collect import formats
from periplus.store.door import connect

CONNECTION = connect(threads=1)
ODD = [
    None,
    "",
    "soon",
    "12",
    "2026",
    "0" * 120,
    "x" * 150,
    "1 2 3",
    "é1",
    "１２/０３/2024",
    "Jan",
    "12:00",
    "1 Jänner 24",
]
UNITS = {"s": 1, "ms": 1000, "us": 1_000_000}


@st.composite
def texts(draw: st.DrawFn) -> str | None:
    """A moment as one of the forms has it, spoilt now and then, or something else."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(ODD))
    form, moment = draw(st.sampled_from(formats.CANDIDATES)), draw(st.sampled_from(MOMENTS))
    if form.kind == "unit":
        text = str(int(moment.timestamp() * UNITS[form.unit]))
    else:
        text = moment.strftime(form.format.replace("%z", "+0200") or "%Y-%m-%d %H:%M:%S")
    spoil = draw(st.sampled_from([None, None, None, (" ", "   "), ("0", ""), ("J", "j"), ("-", "/")]))
    return text if spoil is None else text.replace(*spoil)


MOMENTS = [
    datetime(1999, 12, 31, 23, 59, 59),
    datetime(2024, 2, 3, 4, 5, 6),
    datetime(2026, 10, 25, 12, 30, 0, 123456),
    datetime(2026, 1, 13, 0, 0),
]


@settings(max_examples=12)
@given(st.lists(texts(), min_size=1, max_size=40))
def test_what_is_left_untried_reads_nothing(values: list[str | None]) -> None:
    CONNECTION.register("column_x", pa.table({"x": pa.array(values, pa.string())}))
    few = formats._counts(CONNECTION, "column_x", formats.CANDIDATES)
    with mock.patch.object(formats, "_possible", lambda connection, relation, forms: forms):
        assert few == formats._counts(CONNECTION, "column_x", formats.CANDIDATES)


def test_columns_of_too_many_kinds_are_tried_in_every_form() -> None:
    many = [f"{'x' * number} 2026" for number in range(100)] + [
        f"2026{'-' * number}" for number in range(110)
    ]
    CONNECTION.register("column_x", pa.table({"x": many}))
    assert formats._possible(CONNECTION, "column_x", formats.CANDIDATES) == formats.CANDIDATES


@pytest.mark.parametrize(
    ("values", "format"),
    [
        (["03/04/2024", "13/04/2024"], "%d/%m/%Y"),
        (["03/04/2024", "04/13/2024"], "%m/%d/%Y"),
        (["3 Mar 2024", "13 March 2024", "14 Mar 2024"], "%d %b %Y"),
        (["2024-03-04 10:00 PM"] * 3, ""),
        (["2024-03-04 10:00:00 PM"] * 3, "%Y-%m-%d %I:%M:%S %p"),
    ],
)
def test_the_form_of_a_column(values: list[str], format: str) -> None:
    CONNECTION.register("column_x", pa.table({"x": values}))
    assert formats.decide(CONNECTION, "column_x", "x")[0].format == format
