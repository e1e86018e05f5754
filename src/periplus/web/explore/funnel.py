"""Funnel: how far people get along some steps, and where those who do not arrive are gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from periplus.question import Answer
from periplus.web.asking import property_name, units_name
from periplus.web.explore import funnel_figures
from periplus.web.explore.controls import Choice, Several, Unit, When, buckets
from periplus.web.explore.exclusions import Exclusions
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.funnel_views import (
    as_parts,
    beside,
    differences,
    durations,
    in_a_sentence,
    over_time,
    side_name,
    without,
)
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import (
    Coded,
    SessionOptions,
    among,
    attempts,
    breakdown,
    hold,
    plainly,
    within,
    zones,
)
from periplus.web.explore.sides import Compared
from periplus.web.explore.steps import Steps
from periplus.web.explore.timing_words import quantile_names
from periplus.web.page import link
from periplus.web.words import _

DIVIDING = ("breakdown", "breakdown_step", "compare", "bucket", "quantiles", "histogram")
"""The keys of a question that say how the whole is divided, or what more is told of it."""
TABLED = 60
"""Values of a breakdown in the table; the download has all of them."""


def usual(offered: Offered, ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    """The first map's way to its goal, by its busiest step per stage; without a map the first events there are."""
    if not offered.has_events:
        return None
    if offered.map is None:
        steps = [{"event": name} for name in list(offered.events)[:3]]
        return {"unit": "customers", "steps": steps} if steps else None
    rows = {row["step"]: row["journeys"] for row in ask({"kind": "map", "map": offered.map["id"]}).rows}
    goal = offered.goal_steps[0]
    chosen: list[str] = []
    for ids in offered.stages:
        if goal in ids:
            chosen += [id for id in ids[: ids.index(goal)] if rows.get(id)][:2]
            break
        busiest = max(ids, key=lambda id: rows.get(id, 0), default=None)
        if busiest is not None and rows.get(busiest):
            chosen.append(busiest)
    steps = [{"step": id} for id in [*chosen[-4:], goal]]
    return {"map": offered.map["id"], "unit": "journeys", "steps": steps}


def orders(_offered: Offered) -> dict[str, str]:
    return {
        "ordered": _("in this order"),
        "strict": _("one right after the other"),
        "any": _("in any order"),
    }


def undivided(question: Mapping[str, Any]) -> dict[str, Any]:
    """The same question about all together."""
    return without(question, *DIVIDING)


def table_rows(
    step: Mapping[str, Any], split: Mapping[str, Any], key: str, whole: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of one step in the table: all together, then each value of the breakdown, or each side."""
    index = step["index"]
    rows = [(step["name"], step["whole"], whole, {"step": index}, "lead")]
    for value, rung in step["parts"][:TABLED]:
        name = side_name(value) if key == "side" else funnel_figures.value_name(value)
        rows.append((name, rung, split, {"step": index, key: value}, "part"))
    return rows


def shown(asked: Asked) -> Shown:
    question = asked.question
    if "breakdown" not in question and "compare" not in question:
        question.pop("breakdown_step", None)
    asked_whole = undivided(question)
    answer, whole = asked.ask(question), asked.ask(asked_whole)
    at = asked.offered.at if isinstance(question.get("map"), str) else {}
    key = "side" if question.get("compare") else "breakdown"
    asked_split = beside(question) if question.get("compare") else without(question, *DIVIDING[2:])
    parts = asked.ask(asked_split).rows if question.get("compare") or question.get("breakdown") else []
    split = as_parts(parts) if key == "side" else parts
    figures = funnel_figures.figures(question, whole.rows, split, at)
    compared = None
    if key == "side":
        figures["drawn"] = [{**part, "name": side_name(part["value"])} for part in figures["drawn"]]
        compared = differences(parts, figures["steps"])
        figures["compared"] = in_a_sentence(compared) if compared else None
    view = {
        "counted": units_name(question),
        "question_whole": asked_whole,
        "question_split": asked_split,
        "part_key": key,
        "breakdown_name": _("side") if key == "side" else property_name(str(question.get("breakdown", ""))),
        "people_of": lambda rows, field: link(
            "/people", ("question", asked_whole), *(("row", row) for row in rows), ("field", field)
        ),
        "table_rows": lambda step: table_rows(step, asked_split, key, asked_whole),
        "differences": compared,
        "over_time": over_time(question, asked.ask, figures["steps"]),
        "durations": durations(question, asked.ask, figures["steps"]),
        **figures,
    }
    title = funnel_figures.title(question, figures["steps"])
    return Shown(title, answer, view, {"whole": whole.to_dict()})


def at_steps(_offered: Offered) -> dict[str, str]:
    return {str(place): _("at step {n}").format(n=place + 1) for place in range(10)}


def histograms() -> dict[str, str]:
    """How times are put into bins; the codes are the values of a question."""
    return {
        "": _("no"),
        "true": _("yes"),
        **{str(n): _("in {n} columns at most").format(n=n) for n in (5, 10, 50)},
        '["1m","10m","1h","6h","1d"]': _("from minutes to a day"),
        '["1h","6h","1d","2d","4d","7d","14d"]': _("from an hour to two weeks"),
        '["1d","7d","14d","30d","60d","90d"]': _("from a day to three months"),
    }


FUNNEL = Explorer(
    name=lambda: _("Funnel"),
    sentence=lambda: _(
        "How many {unit}, {period}, go {steps} {order}, within {within}, split by {breakdown}, beside {compare}?"
    ),
    controls=(
        Unit(sessions=True),
        When(lambda: _("begun"), by=True),
        Steps(least=1),
        Choice("order", lambda: _("In which order"), orders, "ordered"),
        within(),
        breakdown(sessions=True),
        Compared(),
    ),
    more=(
        Coded("bucket", lambda: _("Over time"), lambda _o: plainly({"": _("all at once"), **by_buckets()})),
        Coded("histogram", lambda: _("Draw how long it takes"), lambda _o: plainly(histograms())),
        Several("quantiles", lambda: _("How long it takes"), quantile_names, (), numbers=True),
        among(),
        Exclusions(),
        hold(),
        attempts(),
        Choice("breakdown_step", lambda: _("What splits it is read"), at_steps, "0", whole=True),
        SessionOptions(),
        zones(),
    ),
    usual=usual,
    shown=shown,
    template="explore_funnel.html",
    needed=("steps",),
)


def by_buckets() -> dict[str, str]:
    return {key: _("by {bucket}").format(bucket=name) for key, name in buckets().items()}
