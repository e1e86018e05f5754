"""The answer of a kind nobody drew yet: its rows as a table, every count among them a way to its people."""

from __future__ import annotations

from typing import Any

from periplus.errors import PeriplusError
from periplus.question import Answer
from periplus.web import words
from periplus.web.words import _, ngettext

ROWS = 500
"""Rows in the table; the download has all of them."""


def figures(answer: Answer) -> dict[str, Any]:
    """The table: its columns, its first rows, and which of its columns are counts of people."""
    columns = list(dict.fromkeys(key for row in answer.rows for key in row))
    return {
        "columns": columns,
        "table": answer.rows[:ROWS],
        "numbers": [name for name in columns if any(_is_number(row.get(name)) for row in answer.rows[:ROWS])],
        "left_out": max(0, len(answer.rows) - ROWS),
        "counts": counts(answer),
        "totals": answer.totals,
        "cell": cell,
    }


def counts(answer: Answer) -> list[str]:
    """The fields of a row that open into people: the kind names them when it is asked for another."""
    if not answer.rows:
        return []
    try:
        answer.people(answer.rows[0], "no such field")
    except PeriplusError as problem:
        return [name for name in answer.rows[0] if name in problem.allowed]
    return []


def cell(value: object) -> str:
    """A cell as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if not isinstance(value, (int, float)):
        return str(value)
    return words.number(value, 0 if float(value).is_integer() else 3)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def title(answer: Answer) -> str:
    n = len(answer.rows)
    return ngettext("{n} row", "{n} rows", n).format(n=words.number(n))
