"""Time between steps: how long it takes from each step to the next, as quantiles on one scale of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from periplus.question import Answer
from periplus.web import words
from periplus.web.asking import step_name, step_place
from periplus.web.explore import funnel
from periplus.web.explore.controls import Choice, Several, Unit, When
from periplus.web.explore.exclusions import Exclusions
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import SessionOptions, among, attempts, breakdown, hold, within, zones
from periplus.web.explore.steps import Steps
from periplus.web.explore.timing_words import quantile_names
from periplus.web.words import _

TIMES = (1, 10, 60, 600, 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400, 10 * 365 * 86_400)
"""Lengths of time, in seconds, that the scale may name."""


def usual(offered: Offered, ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    found = funnel.usual(offered, ask)
    return None if found is None or len(found["steps"]) < 2 else found


def orders(offered: Offered) -> dict[str, str]:
    return {key: name for key, name in funnel.orders(offered).items() if key != "any"}


def said(quantile: float) -> str:
    return quantile_names().get(f"{quantile:g}", words.percent(quantile))


def scale(rows: Sequence[Mapping[str, Any]]) -> Callable[[float], float]:
    """Seconds → per cent of the width, by their logarithm, from a second to beyond the longest."""
    longest = max((row["seconds"] or 0 for row in rows), default=0)
    end = math.log1p(next((t for t in TIMES if t > longest), longest or 1))
    return lambda seconds: round(100 * math.log1p(max(seconds, 0)) / end, 3)


def pairs(
    rows: Sequence[Mapping[str, Any]], question: Mapping[str, Any], at: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """The rows by pair of steps, in order, each quantile with its place on the scale."""
    place = scale(rows)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    steps = question["steps"]
    for row in rows:
        key = (row["source"], row["target"])
        pair = found.setdefault(
            key,
            {
                "source": step_name(steps[key[0]], at),
                "target": step_name(steps[key[1]], at),
                "at": step_place(steps[key[1]], at),
                "row": {"source": key[0], "target": key[1]},
                "attempts": row["attempts"],
                "quantiles": [],
            },
        )
        if row["seconds"] is not None:
            pair["quantiles"].append(
                {"quantile": row["quantile"], "seconds": row["seconds"], "x": place(row["seconds"])}
            )
    for pair in found.values():
        pair["quantiles"].sort(key=lambda each: each["quantile"])
        name_marks(pair["quantiles"])
        pair["low"] = min((each["x"] for each in pair["quantiles"]), default=0)
        pair["width"] = max((each["x"] for each in pair["quantiles"]), default=0) - pair["low"]
    return list(found.values())


def name_marks(marks: list[dict[str, Any]]) -> None:
    """Which marks have their time written under them (`named`): the ends, and between them the median if there is
    room, on a narrow page (`yes`) or only on a wide one (`wide`)."""
    for place, mark in enumerate(marks):
        end = place in (0, len(marks) - 1)
        near = min((abs(mark["x"] - other["x"]) for other in (marks[0], marks[-1])), default=0.0)
        room = "yes" if near > 24 else "wide" if near > 3 else ""
        mark["named"] = "yes" if end else room if mark["quantile"] == 0.5 else ""


def grid(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The lengths of time named over the picture."""
    place = scale(rows)
    return [
        {"x": place(t), "text": words.span(t), "minor": t in (10, 600, 6 * 3600)}
        for t in TIMES
        if place(t) <= 96
    ]


def title(drawn: Sequence[Mapping[str, Any]]) -> str:
    timed = [pair for pair in drawn if pair["quantiles"]]
    if not timed:
        return _("Nobody went from one step to the next in this period")
    slowest = max(timed, key=lambda pair: float(middle(pair)["seconds"]))
    found = middle(slowest)
    share = said(found["quantile"])
    return _("{share} need up to {time} from {a} to {b}").format(
        share=share[:1].upper() + share[1:],
        time=words.span(found["seconds"]),
        a=slowest["source"],
        b=slowest["target"],
    )


def middle(pair: Mapping[str, Any]) -> Mapping[str, Any]:
    """The quantile nearest to the median."""
    found: Mapping[str, Any] = min(pair["quantiles"], key=lambda each: abs(each["quantile"] - 0.5))
    return found


def shown(asked: Asked) -> Shown:
    question = asked.question
    answer = asked.ask(question)
    at = asked.offered.at if isinstance(question.get("map"), str) else {}
    drawn = pairs(answer.rows, question, at)
    quantiles = sorted({row["quantile"] for row in answer.rows})
    view = {
        "pairs": drawn,
        "grid": grid(answer.rows),
        "quantiles": [(quantile, said(quantile)) for quantile in quantiles],
    }
    return Shown(title(drawn), answer, view)


TIMING = Explorer(
    name=lambda: _("Time between"),
    sentence=lambda: _(
        "How long do {unit}, {period}, take {steps} {order}, within {within}? Show {quantiles}."
    ),
    controls=(
        Unit(sessions=True),
        When(lambda: _("begun"), by=True),
        Steps(),
        Choice("order", lambda: _("In which order"), orders, "ordered"),
        within(),
        Several("quantiles", lambda: _("Who is looked at"), quantile_names, ("0.5", "0.9"), numbers=True),
    ),
    more=(
        breakdown(sessions=True),
        Choice("breakdown_step", lambda: _("What splits it is read"), funnel.at_steps, "0", whole=True),
        among(),
        Exclusions(),
        hold(),
        attempts(),
        SessionOptions(),
        zones(),
    ),
    usual=usual,
    shown=shown,
    template="explore_timing.html",
    needed=("steps",),
)
