"""The question `drivers`: which properties and early events go with reaching a goal, and how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np

from periplus.errors import QuestionError
from periplus.journeys import chart, entries, reading
from periplus.journeys.apart import told_apart
from periplus.journeys.drivers_features import Cell, Features
from periplus.journeys.drivers_members import Members
from periplus.journeys.drivers_odds import corrected, odds
from periplus.journeys.drivers_plan import Plan, plan
from periplus.journeys.map import journeys_at
from periplus.journeys.moment import Period
from periplus.journeys.shards import each_shard
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds

COUNTS = ("customers", "reached")
TOTALS = ("customers", "reached", "early_customers", "early_reached", "recent")
NUMBERS = ("rate", "others_rate", "lift", "low", "high", "p", "p_single")
DRAWN = 30


class DriversQuestion(Question):
    """`{"kind": "drivers", "goal": {"event": "Order Completed"}, "of": {"event": "Product Viewed"}, "within": "30d"}`."""

    title: ClassVar[str] = "a question on drivers"
    kind: Literal["drivers"] = "drivers"
    goal: Any = None
    of: Any = None
    within: Any = None
    early: Any = "1h"
    features: list[Any] | None = None
    unit: Literal["customers", "journeys"] = "customers"
    map: str | dict[str, Any] | None = None
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def answer(question: DriversQuestion, context: Context) -> Result:
    """A row per value of each feature, the surest first."""
    planned = plan(question, context)
    parts = each_shard(context, planned.of)
    features = Features(planned, [known for known, _ in parts], context)
    totals = _totals(features, [recent for _, recent in parts])
    cells, warnings = features.cells()
    if not totals["customers"] and totals["recent"]:
        warnings.append("For nobody is the time for the goal over yet: ask for a shorter `within`.")
    span = planned.span
    return Result(
        planned.asked, _rows(cells, totals), span.now, span.now_from, totals, [], planned.warnings + warnings
    )


def _totals(features: Features, recent: list[Members]) -> Row:
    counts = {
        "customers": sum(len(part) for part in features.everyone),
        "reached": sum(int(part.reached.sum()) for part in features.everyone),
        "early_customers": sum(len(part) for part in features.early),
        "early_reached": sum(int(part.reached.sum()) for part in features.early),
        "recent": sum(len(part) for part in recent),
    }
    rate = counts["reached"] / counts["customers"] if counts["customers"] else None
    return {**counts, "rate": rate}


def _rows(cells: Sequence[Cell], totals: Row) -> list[Row]:
    found = []
    for cell in cells:
        whole = totals["early_customers" if cell.early else "customers"]
        reached = totals["early_reached" if cell.early else "reached"]
        others, c = whole - cell.customers, reached - cell.reached
        found.append((cell, others, c, odds(cell.reached, cell.customers, c, others)))
    rows: list[Row] = [
        {
            "feature": cell.feature,
            "value": cell.value,
            "customers": cell.customers,
            "reached": cell.reached,
            "rate": cell.reached / cell.customers,
            "others_rate": c / others if others else None,
            "lift": each.lift,
            "low": each.low,
            "high": each.high,
            "p": p,
            "p_single": each.p,
        }
        for (cell, others, c, each), p in zip(found, corrected([each.p for *_, each in found]), strict=True)
    ]
    return sorted(rows, key=_surest)


def _surest(row: Row) -> tuple[Any, ...]:
    none = row["p_single"] is None
    return (none, row["p"] or 0, row["p_single"] or 0, -row["customers"], row["feature"], str(row["value"]))


# -- people -------------------------------------------------------------------------------------


def people(question: DriversQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who has a value (`{"feature": "channel", "value": "email"}`), or of all (`{}`), at the event they began with."""
    entries.check_row(row, ("feature", "value"), (*TOTALS, *NUMBERS))
    whole = row.get("feature") is None
    entries.check_field(field, TOTALS if whole else COUNTS, ("feature", "value", *NUMBERS))
    planned = plan(question, context)
    parts = each_shard(context, planned.of)
    features = Features(planned, [known for known, _ in parts], context)
    if whole:
        picked = [recent for _, recent in parts] if field == "recent" else features.everyone
        if field.startswith("early"):
            picked = features.early
    else:
        picked = _with(features, row)
    if field.endswith("reached"):
        picked = [part.where(part.reached) for part in picked]
    return entries.listed([entry for part in picked for entry in _entries(planned, part)], context)


def _with(features: Features, row: Mapping[str, Any]) -> list[Members]:
    """The members who have the value that a row is of."""
    asked = [
        each for each in features.planned.features if each.label == row["feature"] and each.kind != "each"
    ]
    if not asked:
        cells, _ = features.cells()
        known = list(dict.fromkeys(cell.feature for cell in cells))
        entries.one_of(row, "feature", known)
        return [
            part.where(kept) for part, kept in zip(features.early, features.did(row["feature"]), strict=True)
        ]
    if "value" not in row:
        raise QuestionError("The row lacks its 'value'.", code="row", hint="A row has a feature and a value.")
    placed = features.placed(asked[0])
    forms = [None if value is None else reading.form(value) for value in placed.values]
    value = row["value"]
    place = (
        forms.index(None)
        if value is None and None in forms
        else entries.one_of({"value": reading.form(value)}, "value", forms)
    )
    return [part.where(code == place) for part, code in zip(features.of(asked[0]), placed.codes, strict=True)]


def _entries(planned: Plan, part: Members) -> list[Row]:
    walked = planned.walked(part.shard)
    if walked is not None:
        return journeys_at(walked, part.life, part.begin)
    shard, time = part.shard, np.asarray(part.shard.time)
    return [
        {"customer": int(shard.customers[customer]), "time": int(time[begin])}
        for customer, begin in zip(part.customer, part.begin, strict=True)
    ]


def _chart(found: Answer) -> Any:
    rows = [row for row in found.rows if row["lift"] and row["low"] and row["high"]][:DRAWN]
    if not rows:
        raise QuestionError("No feature can be compared: there is nothing to draw.", code="empty")
    return chart.intervals(rows, ("feature", "value"), "lift", "low", "high")


kinds.add("drivers", told_apart(QuestionKind(DriversQuestion, answer, people, _chart, customers=True)))
