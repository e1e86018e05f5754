"""Funnel: how far people get along some steps, and where those who do not arrive are gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from periplus.question import Answer
from periplus.web.asking import property_name, units_name
from periplus.web.explore import funnel_figures
from periplus.web.explore.conditions import Steps
from periplus.web.explore.controls import Choice, Unit, When, breakdown, window
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.offered import Offered
from periplus.web.page import link
from periplus.web.words import _

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
    return {k: v for k, v in question.items() if k not in ("breakdown", "breakdown_step")}


def table_rows(
    step: Mapping[str, Any], question: Mapping[str, Any], whole: Mapping[str, Any]
) -> list[tuple[Any, ...]]:
    """The rows of one step in the table: all together, then each value of the breakdown."""
    index = step["index"]
    rows = [(step["name"], step["whole"], whole, {"step": index}, "lead")]
    for value, rung in step["parts"][:TABLED]:
        rows.append(
            (funnel_figures.value_name(value), rung, question, {"step": index, "breakdown": value}, "part")
        )
    return rows


def shown(asked: Asked) -> Shown:
    question = asked.question
    if "breakdown" not in question:
        question.pop("breakdown_step", None)
    asked_whole = undivided(question)
    whole = asked.ask(asked_whole)
    split = asked.ask(question) if question.get("breakdown") else None
    at = asked.offered.at if isinstance(question.get("map"), str) else {}
    figures = funnel_figures.figures(question, whole.rows, split.rows if split else [], at)
    answer = split or whole
    view = {
        "counted": units_name(question),
        "question_whole": asked_whole,
        "breakdown_name": property_name(str(question.get("breakdown", ""))),
        "people_of": lambda rows, field: link(
            "/people", ("question", asked_whole), *(("row", row) for row in rows), ("field", field)
        ),
        "table_rows": lambda step: table_rows(step, question, asked_whole),
        **figures,
    }
    title = funnel_figures.title(question, figures["steps"])
    return Shown(title, answer, view, {"whole": whole.to_dict()})


FUNNEL = Explorer(
    name=lambda: _("Funnel"),
    sentence=lambda: _(
        "How many {unit}, {period}, go {steps} {order}, within {within}, split by {breakdown}?"
    ),
    controls=(
        Unit(sessions=True),
        When(lambda: _("begun")),
        Steps(least=1),
        Choice("order", lambda: _("In which order"), orders, "ordered"),
        window("within", lambda: _("Within what time"), "", lambda: _("the time it may take")),
        breakdown(),
    ),
    usual=usual,
    shown=shown,
    template="explore_funnel.html",
    needed=("steps",),
)
