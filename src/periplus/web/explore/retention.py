"""Retention: who came back, as a triangle of cohorts by the periods after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from periplus.question import Answer
from periplus.web import words
from periplus.web.explore.conditions import Happened
from periplus.web.explore.controls import Choice, Number, When, bucket, buckets
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import Coded, Listed, among, breakdown, sums, zones
from periplus.web.explore.plot import bucket_name
from periplus.web.words import _

SHADES = 10
"""Steps of the colour behind a share; the share itself stands in the cell."""
COHORTS = 120
"""Cohorts in the table, the newest; the download has all of them."""


def usual(offered: Offered, _ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    if offered.goal is None:
        return None
    goal = {"event": offered.goal}
    return {"start": goal, "return": goal, "bucket": "month", "periods": 6}


def modes(_offered: Offered) -> dict[str, str]:
    return {
        "classic": _("in each"),
        "rolling": _("in each, or any later,"),
        "bracket": _("in each span (below)"),
    }


def cohorts(_offered: Offered) -> dict[str, str]:
    return {"first": _("did for the first time"), "every": _("did")}


def cell(row: Mapping[str, Any], most: float) -> dict[str, Any]:
    """One share of the triangle, with the shade behind it: the darkest stands behind the largest share."""
    shade = 0 if not row["returned"] else max(1, round(row["rate"] / most * SHADES))
    return {"row": row, "shade": shade}


def triangle(rows: list[dict[str, Any]], bucket: str) -> dict[str, Any]:
    """Cohorts with their cells by period, and over them what all whose period is over did together."""
    by_cohort: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_cohort.setdefault(row["cohort"], []).append(row)
    periods = sorted({row["period"] for row in rows})
    shown = list(by_cohort)[-COHORTS:]
    most = max((row["rate"] for row in rows), default=0)
    return {
        "columns": periods,
        "cohorts": [
            {
                "cohort": cohort,
                "name": bucket_name(cohort, bucket),
                "size": by_cohort[cohort][0]["size"],
                "cells": {row["period"]: cell(row, most) for row in by_cohort[cohort]},
            }
            for cohort in shown
        ],
        "together": {period: together(rows, period) for period in periods},
        "left_out": len(by_cohort) - len(shown),
    }


def together(rows: list[dict[str, Any]], period: int) -> dict[str, Any] | None:
    """Of all cohorts whose period is over: how many there were, how many came back; None if none is over."""
    over = [row for row in rows if row["period"] == period and not row["open"]]
    size = sum(row["size"] for row in over)
    returned = sum(row["returned"] for row in over)
    return {"size": size, "returned": returned, "rate": returned / size} if size else None


def title(question: Mapping[str, Any], drawn: Mapping[str, Any]) -> str:
    if not drawn["cohorts"]:
        return _("Nobody began in this period")
    first = drawn["together"].get(1)
    if first is None or question.get("brackets"):
        return _("It is too early to say who comes back")
    share = words.percent(first["rate"])
    return {
        "hour": _("{share} come back in the hour after"),
        "day": _("{share} come back on the day after"),
        "week": _("{share} come back in the week after"),
        "month": _("{share} come back in the month after"),
        "quarter": _("{share} come back in the quarter after"),
        "year": _("{share} come back in the year after"),
    }[str(question.get("bucket", "week"))].format(share=share)


def shown(asked: Asked) -> Shown:
    question = asked.question
    answer = asked.ask(question)
    bucket = str(question.get("bucket", "week"))
    drawn = triangle(answer.rows, bucket)
    heads = {period: period_name(question, period) for period in drawn["columns"]}
    view = {
        **drawn,
        "heads": heads,
        "bucket_name": buckets().get(bucket, bucket),
        "size": answer.totals["size"],
    }
    return Shown(title(question, drawn), answer, view)


def period_name(question: Mapping[str, Any], period: int) -> str:
    """The head of a column: the period and its number, or its bracket."""
    brackets = question.get("brackets")
    unit = buckets().get(str(question.get("bucket", "week")), "")
    if isinstance(brackets, list) and period < len(brackets):
        low, high = brackets[period]
        return f"{unit} {low}" if high == low + 1 else f"{unit} {low}–{high - 1}"
    return f"{unit} {period}"


RETENTION = Explorer(
    name=lambda: _("Retention"),
    sentence=lambda: _(
        "Of those who {cohort} {start}, {period}: how many do {return} {mode} {bucket} after, for {periods} of them?"
    ),
    controls=(
        Choice("cohort", lambda: _("Who begins"), cohorts, "first"),
        Happened("start", lambda: _("What begins it")),
        When(lambda: _("begun")),
        Happened("return", lambda: _("What counts as coming back")),
        Choice("mode", lambda: _("When they count as back"), modes, "classic"),
        bucket("week"),
        Number("periods", lambda: _("How many periods"), 8, 0, 1000),
    ),
    more=(
        Coded("measure", lambda: _("What comes back"), lambda offered: sums(offered, _("customers alone"))),
        Listed("brackets", lambda: _("Spans of periods, the last one not in"), "0-1, 1-4, 4-13", of="spans"),
        among(),
        breakdown(events=False),
        zones(),
    ),
    usual=usual,
    shown=shown,
    template="explore_retention.html",
    needed=("start", "return"),
)
