"""The question `attribution`: which channels, campaigns or touchpoints have earned the conversions, by several models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from periplus.errors import QuestionError
from periplus.journeys import chart, entries, reading
from periplus.journeys.apart import told_apart
from periplus.journeys.attribution_count import SHAPLEY, Found, Part, conversions, find, markov
from periplus.journeys.attribution_groups import MOST_VALUES, NONE
from periplus.journeys.attribution_plan import ALL_MODELS, MARKOV, Plan, plan
from periplus.journeys.attribution_said import SAID, Answered, answered
from periplus.journeys.moment import Period
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds

WHOLE = ("first", "last", "last_non_direct")
"""Models that give a conversion to one touch, so that their counts are whole."""
COUNTS = ("conversions", "won", "repeated")
TOTALS = ("conversions", "touched", "untouched", "not_converted")
NUMBERS = ("value", "repeat_rate", "lifetime_value", "spend", "cost", "return")


class AttributionQuestion(Question):
    """`{"kind": "attribution", "touches": {"event": "Page Viewed"}, "goal": {"event": "Order Completed"}, "value": "revenue"}`."""

    title: ClassVar[str] = "an attribution question"
    kind: Literal["attribution"] = "attribution"
    touches: Any
    by: str = "channel"
    goal: Any
    value: str | None = None
    lookback: Any = "30d"
    models: list[Any] = Field(default_factory=lambda: list(ALL_MODELS))
    weights: list[Any] = Field(default_factory=lambda: [0.4, 0.2, 0.4])
    half_life: Any = "7d"
    markov_order: int = Field(default=1, ge=1, le=3)
    groups: int = Field(default=20, ge=1, le=MOST_VALUES)
    spend: Any = None
    said: Any = None
    map: str | dict[str, Any] | None = None
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def answer(question: AttributionQuestion, context: Context) -> Result:
    """A row per model and group, and for conversions without a touch the row `(none)`."""
    planned = plan(question, context)
    found = find(planned, context)
    totals = _totals(found, planned)
    rows: list[Row] = []
    for model in planned.models:
        rows += _rows(found, planned, model, totals["untouched"])
    rows += _said(found, planned, context)
    warnings = [*planned.warnings, *found.placed.warnings]
    if MARKOV in planned.models and totals["touched"] and not totals["not_converted"]:
        warnings.append(
            "Every path converts: Markov's model then says little. Are events of those who did not buy missing?"
        )
    if planned.spend is not None and not found.entries:
        warnings.append("Nothing was spent: no event of the period meets `spend.of` and has the amount.")
    span = planned.span
    return Result(planned.asked, rows, span.now, span.now_from, totals, [], warnings)


def _totals(found: Found, planned: Plan) -> Row:
    touched = sum(int(np.count_nonzero(p.paths.converted & (p.paths.length > 0))) for p in found.parts)
    untouched = sum(int(np.count_nonzero(p.paths.length == 0)) for p in found.parts)
    totals: Row = {
        "conversions": touched + untouched,
        "touched": touched,
        "untouched": untouched,
        "not_converted": sum(int(np.count_nonzero(~p.paths.converted)) for p in found.parts),
        "value": None
        if planned.value is None
        else math.fsum(x for p in found.parts for x in p.worth.tolist()),
    }
    if found.spent is not None:
        totals["spend"] = math.fsum(found.spent.tolist())
    return totals


def _rows(found: Found, planned: Plan, model: str, untouched: int) -> list[Row]:
    """The rows of a model; those of groups which it counts as one are one."""
    counts, values = conversions(found, model, planned)
    to = found.setting.player if model == SHAPLEY else np.arange(len(found.placed))
    won, repeated, lifetime = _won(found, np.append(to, len(to)))
    spent = None if found.spent is None else np.bincount(to, found.spent, minlength=len(to))
    rows: list[Row] = []
    for place in sorted({int(to[each]) for each in found.placed.seen}):
        earned = float(counts[place])
        rows.append(
            {
                "model": model,
                "channel": found.placed.names[place],
                "conversions": round(earned) if model in WHOLE else earned,
                "value": None if planned.value is None else float(values[place]),
                **_lifetime(planned, int(won[place]), int(repeated[place]), lifetime[place]),
                **_return(
                    planned, None if spent is None else float(spent[place]), earned, float(values[place])
                ),
            }
        )
    if untouched or won[-1]:
        value = math.fsum(x for p in found.parts for x in p.worth[p.paths.length == 0].tolist())
        rows.append(
            {
                "model": model,
                "channel": NONE,
                "conversions": untouched,
                "value": None if planned.value is None else value,
                **_lifetime(planned, int(won[-1]), int(repeated[-1]), lifetime[-1]),
                **_return(planned, None if spent is None else 0.0, untouched, value),
            }
        )
    return rows


def _said(found: Found, planned: Plan, context: Context) -> list[Row]:
    """The conversions by what their customers said brought them, and those of whom nothing was said."""
    told = _answered(found, planned, context)
    if told is None:
        return []
    names = [*told.placed.names, NONE]
    rows: list[Row] = []
    for place, name in enumerate(names):
        wanted = place if place < len(told.placed) else -1
        here = [
            (at == wanted) & part.paths.converted for part, at in zip(found.parts, told.place, strict=True)
        ]
        number = sum(int(np.count_nonzero(kept)) for kept in here)
        if not number:
            continue
        value = math.fsum(
            x for part, kept in zip(found.parts, here, strict=True) for x in part.worth[kept].tolist()
        )
        rows.append(
            {
                "model": SAID,
                "channel": name,
                "conversions": number,
                "value": None if planned.value is None else value,
                **dict.fromkeys(("won", "repeated", "repeat_rate", "lifetime_value")),
                **({} if found.spent is None else dict.fromkeys(("spend", "cost", "return"))),
            }
        )
    return rows


def _answered(found: Found, planned: Plan, context: Context) -> Answered | None:
    if planned.said is None or planned.answers is None:
        return None
    paths = [part.paths for part in found.parts]
    return answered(planned.said, planned.answers, planned.mask, paths, planned.span.now, context.snapshot)


def _who_said(found: Found, planned: Plan, row: Mapping[str, Any], context: Context) -> list[Row]:
    """The conversions of an answer, each wholly its own."""
    told = _answered(found, planned, context)
    if told is None:
        raise QuestionError(
            "Nothing was asked of what customers said.", code="row", hint='Add "said" to the question.'
        )
    names = [*told.placed.names, NONE]
    forms = [None if name is None else reading.form(name) for name in names]
    place = entries.one_of(
        {"channel": None if row["channel"] is None else reading.form(row["channel"])}, "channel", forms
    )
    wanted = place if place < len(told.placed) else -1
    return [
        each
        for part, at in zip(found.parts, told.place, strict=True)
        for each in _conversions(part, ((at == wanted) & part.paths.converted).astype(float))
    ]


def _won(found: Found, to: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Customers won, those of them that came again, and their worth, by group and at last those without a touch."""
    width = len(to)
    won, repeated = np.zeros(width, np.int64), np.zeros(width, np.int64)
    worth: list[list[float]] = [[] for _ in range(width)]
    for part in found.parts:
        by = to[found.won_by(part)]
        won += np.bincount(by, minlength=width)
        repeated += np.bincount(by[part.won.goals > 1], minlength=width)
        for place in np.unique(by).tolist():
            worth[place].append(math.fsum(part.won.value[by == place].tolist()))
    return won, repeated, [math.fsum(each) for each in worth]


def _lifetime(planned: Plan, won: int, repeated: int, worth: float) -> Row:
    return {
        "won": won,
        "repeated": repeated,
        "repeat_rate": repeated / won if won else None,
        "lifetime_value": worth / won if won and planned.value is not None else None,
    }


def _return(planned: Plan, spent: float | None, earned: float, value: float) -> Row:
    """What a group cost: in all, per conversion, and what came back of each unit spent."""
    if spent is None:
        return {}
    return {
        "spend": spent,
        "cost": _ratio(spent, earned),
        "return": None if planned.value is None else _ratio(value, spent),
    }


def _ratio(part: float, whole: float) -> float | None:
    """None where it is of nothing, or of so little that it is no number any more."""
    found = part / whole if whole else math.inf
    return found if math.isfinite(found) else None


# -- people -------------------------------------------------------------------------------------


def people(question: AttributionQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is behind a count: conversions with the `credit` that the row's group has of each, or customers won.

    The credits of a row's entries add up to its number. Without model and channel it is the totals' counts.
    """
    entries.check_row(row, ("model", "channel"), (*COUNTS, *TOTALS, *NUMBERS))
    whole = row.get("model") is None and "channel" not in row
    entries.check_field(field, TOTALS if whole else COUNTS, ("model", "channel", *NUMBERS))
    planned = plan(question, context)
    found = find(planned, context)
    if whole:
        return entries.listed([each for part in found.parts for each in _of_all(part, field)], context)
    if "channel" not in row or (field == "conversions" and row.get("model") is None):
        raise QuestionError("The row lacks its model or its channel.", code="row", hint="A row has both.")
    if row.get("model") == SAID:
        entries.check_field(field, COUNTS[:1], COUNTS[1:])
        return entries.listed(_who_said(found, planned, row, context), context)
    model = None if row.get("model") is None else planned.models[entries.one_of(row, "model", planned.models)]
    place = _place(found, row)
    if field != "conversions":
        to = found.setting.player if model == SHAPLEY else np.arange(len(found.placed))
        listed = [
            _customers(part, np.append(to, len(to))[found.won_by(part)] == place, field)
            for part in found.parts
        ]
    elif place == len(found.placed):
        listed = [_conversions(part, (part.paths.length == 0).astype(float)) for part in found.parts]
    elif model == MARKOV:
        share = float(markov(found, planned)[place])
        listed = [
            _conversions(part, share * (part.paths.converted & (part.paths.length > 0)))
            for part in found.parts
        ]
    else:
        assert model is not None
        listed = [_conversions(part, _credited(found, part, model, place)) for part in found.parts]
    return entries.listed([each for part in listed for each in part], context)


def _place(found: Found, row: Mapping[str, Any]) -> int:
    """The place of the row's channel; that after the last for conversions without a touch."""
    shown = [*found.placed.names, NONE]
    forms = [None if name is None else reading.form(name) for name in shown]
    asked = row["channel"]
    if asked is None:
        return forms.index(None)
    return entries.one_of({"channel": reading.form(asked)}, "channel", forms)


def _credited(found: Found, part: Part, model: str, place: int) -> np.ndarray:
    """float64[p]: what a group has of each path that converts."""
    here = found.place(part, model) == place
    share = found.share(part, model)
    credit = np.bincount(part.paths.owner[here], share[here], minlength=len(part.paths.goal))
    return np.where(part.paths.converted, credit, 0.0)


def _conversions(part: Part, credit: np.ndarray) -> list[Row]:
    shard, paths = part.paths.shard, part.paths
    return [
        {
            "customer": int(shard.customers[paths.customer[path]]),
            "time": int(shard.time[paths.goal[path]]),
            "credit": float(credit[path]),
        }
        for path in np.flatnonzero(credit).tolist()
    ]


def _customers(part: Part, kept: np.ndarray, field: str) -> list[Row]:
    """Customers won, at their first conversion."""
    shard = part.paths.shard
    if field == "repeated":
        kept = kept & (part.won.goals > 1)
    return [
        {
            "customer": int(shard.customers[part.won.customer[index]]),
            "time": int(shard.time[part.won.goal[index]]),
            "conversions": int(part.won.goals[index]),
        }
        for index in np.flatnonzero(kept).tolist()
    ]


def _of_all(part: Part, field: str) -> list[Row]:
    """Conversions at their goal, paths that do not convert at their last touch."""
    paths = part.paths
    kept = {
        "conversions": paths.converted,
        "touched": paths.converted & (paths.length > 0),
        "untouched": paths.length == 0,
        "not_converted": ~paths.converted,
    }[field]
    ends = [
        int(paths.goal[path] if paths.goal[path] >= 0 else paths.touch[paths.edges[path + 1] - 1])
        for path in np.flatnonzero(kept).tolist()
    ]
    return [
        {"customer": int(paths.shard.customers[paths.customer[path]]), "time": int(paths.shard.time[end])}
        for path, end in zip(np.flatnonzero(kept).tolist(), ends, strict=True)
    ]


def _chart(found: Answer) -> Any:
    if not found.rows:
        raise QuestionError("Nobody converted in this period: there is nothing to draw.", code="empty")
    return chart.table(found, ["model", "channel"], ["conversions"])


kinds.add(
    "attribution", told_apart(QuestionKind(AttributionQuestion, answer, people, _chart, customers=True))
)
