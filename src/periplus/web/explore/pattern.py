"""Pattern: which journeys go a certain way, the ways drawn as squares in the colours of their stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from periplus.question import Answer
from periplus.web import words
from periplus.web.explore import funnel
from periplus.web.explore.controls import Number, When, Written, map_choice
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import among, breakdown, zones
from periplus.web.words import _

DRAWN = 12
"""Steps of a way that are drawn; a longer one ends in dots."""
OTHER, NOTHING = "(other)", "(nothing)"


def usual(offered: Offered, ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    """Who came close to the goal of the first map, and did not get there."""
    found = funnel.usual(offered, ask)
    if found is None or "map" not in found or len(found["steps"]) < 2:
        return None
    on_the_way, goal = found["steps"][1:-1] or found["steps"][:1], found["steps"][-1]["step"]
    before = on_the_way[0]["step"]
    return {"map": found["map"], "pattern": f"{before} (?!.* {goal}) .*"}


def step_words(offered: Offered) -> list[tuple[str, str]]:
    """The words of a pattern, with the names of the steps they stand for."""
    return [(id, str(entry["name"])) for id, entry in offered.at.items() if entry["measured"]]


def way(match: str, at: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One way: its steps for the squares, and in words."""
    if match == OTHER:
        return {"steps": [], "more": 0, "said": _("all other ways")}
    if match == NOTHING:
        return {"steps": [], "more": 0, "said": _("no step at all")}
    ids = match.split(" ")
    names = [str(at[id]["name"]) if id in at else id for id in ids]
    said = names if len(names) <= DRAWN else [*names[:DRAWN], "…"]
    return {
        "steps": [at.get(id) for id in ids[:DRAWN]],
        "more": max(0, len(ids) - DRAWN),
        "said": ", ".join(said),
    }


def title(totals: Mapping[str, Any]) -> str:
    if not totals["journeys"]:
        return _("No journeys in this period yet")
    if not totals["matched"]:
        return _("No journey of {total} goes that way").format(total=words.number(totals["journeys"]))
    return _("{n} of {total} journeys go that way ({share})").format(
        n=words.number(totals["matched"]),
        total=words.number(totals["journeys"]),
        share=words.ratio(totals["matched"], totals["journeys"]),
    )


def shown(asked: Asked) -> Shown:
    answer = asked.ask(asked.question)
    at = asked.offered.at
    view = {
        "ways": [(row, way(row["match"], at)) for row in answer.rows],
        "totals": answer.totals,
    }
    return Shown(title(answer.totals), answer, view)


PATTERN = Explorer(
    name=lambda: _("Pattern"),
    sentence=lambda: _(
        "Which journeys on {map}, {period}, go this way: {pattern} Show the {top} most frequent ways."
    ),
    controls=(
        map_choice(),
        When(lambda: _("begun"), by=True),
        Written("pattern", lambda: _("The pattern"), step_words),
        Number("top", lambda: _("How many ways"), 20, 1, 1000),
    ),
    more=(among(), breakdown(events=False), zones()),
    usual=usual,
    shown=shown,
    template="explore_pattern.html",
    needed=("map", "pattern"),
)
