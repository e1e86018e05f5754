"""Answers before and after: rows are paired by what names them, and what stays the same is only counted."""

from __future__ import annotations

from typing import Any

from periplus.people.comparison import MOST_NUMBERS, compared, unit


def answer(kind: str, rows: list[dict[str, Any]], **totals: Any) -> dict[str, Any]:
    return {
        "question": {"kind": kind},
        "currency": "EUR",
        "totals": totals,
        "stages": [],
        "rows": rows,
    }


def test_rows_are_paired_by_name_though_others_come_and_go():
    before = answer(
        "retention", [{"cohort": "2026-01", "period": 1, "size": 4, "rate": 0.5, "open": False}], size=4
    )
    rows = [
        {"cohort": "2025-12", "period": 1, "size": 9, "rate": None, "open": False},
        {"cohort": "2026-01", "period": 1, "size": 4, "rate": 0.25, "open": True},
    ]
    found = compared("Come back", before, answer("retention", rows, size=13))
    assert [(each["of"], each["number"], each["before"], each["after"], each["difference"]) for each in found["numbers"]] == [
        ("", "size", 4, 13, 9),
        ("2026-01 · period 1", "rate", 0.5, 0.25, -0.25),
        ("2025-12 · period 1", "size", None, 9, None),
    ]  # fmt: skip
    assert (found["changed"], found["same"]) == (3, 1)


def test_equal_answers_have_no_numbers_and_many_are_bounded():
    rows = [{"channel": f"c{n}", "visits": n} for n in range(500)]
    assert compared("x", answer("site", rows), answer("site", rows))["numbers"] == []
    many = compared("x", answer("site", rows), answer("site", [row | {"visits": -1} for row in rows]))
    assert (len(many["numbers"]), many["changed"]) == (MOST_NUMBERS, 500)
    twice = [{"channel": "c", "visits": 1}, {"channel": "c", "visits": 2}]
    assert compared("x", answer("site", twice), answer("site", twice))["same"] == 2


def test_units_are_told_from_the_field_and_its_kind():
    assert [unit("map", "value"), unit("trend", "value"), unit("funnel", "rate"), unit("map", "median_seconds")] == [
        "money", "count", "share", "seconds",
    ]  # fmt: skip
