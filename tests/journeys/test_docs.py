"""The worked examples of the pages on questions, computed from their own tables."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from periplus import clock
from tests.journeys.logs import answer

PAGES = Path(__file__).resolve().parents[2] / "docs" / "questions"


def tables(text: str) -> list[list[dict[str, str]]]:
    """The tables of a page, each a list of rows by heading."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        found.append([dict(zip(lines[0], line, strict=True)) for line in lines[2:]])
    return found


def event(row: dict[str, str]) -> dict[str, Any]:
    plain = ("customer", "event", "time", "channel")
    properties = {key: value for key, value in row.items() if key not in plain and value}
    time = clock.instant(row["time"], clock.zone("UTC"))
    customer = int.from_bytes(row["customer"].encode(), "big") << 32
    own = {"channel": row["channel"]} if row.get("channel") else {}
    return {"customer": customer, "time": time, "event": row["event"], "properties": properties, **own}


def shown(value: Any) -> str:
    """A value as a table shows it."""
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e5 else str(value).removesuffix(".0")


@pytest.mark.parametrize(
    "page",
    [
        "map",
        "flow",
        "funnel",
        "retention",
        "lifecycle",
        "timing",
        "trend",
        "attribution",
        "pattern",
        "../sessions",
        "drivers",
        "site",
    ],
)
def test_the_worked_example_is_what_the_engine_says(page: str) -> None:
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8").split("## A worked example")[1]
    log, *wanted = tables(text)
    (question,) = re.findall(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    found = answer(json.loads(question), [event(row) for row in log])
    got = [found.rows, *([found.stages] if found.stages else []), *([[found.totals]] if found.totals else [])]
    assert len(got) == len(wanted)
    for rows, expected in zip(got, wanted, strict=True):
        assert [{key: shown(row[key]) for key in expected[0]} for row in rows] == expected
