"""Flow: what leaves each step, and where it goes; it adds up step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.datastructures import QueryParams

from periplus.question import Answer
from periplus.web.explore.controls import WINDOWS, Choice, Pairs, Part, When, text, window_name
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import Coded, among, breakdown, plainly, zones
from periplus.web.explore.steps import Steps
from periplus.web.places import ends
from periplus.web.words import _

OWN = "steps:"
TABLED = 60
"""Sources in the table; the download has all of them."""


@dataclass(frozen=True)
class Between:
    """What flows are between: the steps or stages of a map, the values of a property (`by:context.device.type`), or
    steps of their own (`steps:`)."""

    key: str = "between"
    sort: ClassVar[str] = "choice"
    covers: tuple[str, ...] = ("map", "by")

    def named(self, name: str) -> bool:
        return name in ("map", "between")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        sort, _colon, rest = text(params, "between").partition(":")
        if sort in ("map", "by") and rest:
            return {sort: rest}
        if sort == "stages" and rest:
            return {"map": rest, "by": "stage"}
        if sort == "steps":
            return {}
        named = text(params, "map") or (offered.map["id"] if offered.map else "")
        return {"map": named} if named else {}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        by, named = question.get("by"), question.get("map")
        if question.get("steps"):
            return [("between", OWN)]
        if by == "stage" and isinstance(named, str):
            return [("between", f"stages:{named}"), ("map", named)]
        if isinstance(by, str):
            return [("between", f"by:{by}")]
        return [("map", str(question["map"]))] if isinstance(question.get("map"), str) else []

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        options = {
            f"map:{map['id']}": _("the steps of {map}").format(map=map["name"]) for map in offered.maps
        }
        options |= {
            f"stages:{map['id']}": _("the stages of {map}").format(map=map["name"]) for map in offered.maps
        }
        options |= {OWN: _("steps of their own")}
        options |= {
            f"by:{path}": _("the values of {property}").format(property=name)
            for path, name in offered.properties
        }
        said = dict(self.pairs(question))
        chosen = said.get("between") or f"map:{said.get('map', '')}"
        if chosen not in options:
            options[chosen] = chosen.partition(":")[2] or _("nothing")
        return {"field": "between", "label": _("Between what"), "options": options, "chosen": chosen}


class OwnSteps(Steps):
    """The steps of a flow without a map."""

    def read(self, params: QueryParams, offered: Offered) -> Part:
        if text(params, "between") != OWN:
            return {}
        found = super().read(params, offered)
        most = sorted(offered.events, key=lambda name: -offered.events[name])
        return found or {"steps": [{"event": name} for name in most[:3]]}


def usual(offered: Offered, _ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    return None if offered.map is None else {"map": offered.map["id"], "top": 50}


def froms(offered: Offered) -> dict[str, str]:
    return {"": _("from their beginning"), **_steps(offered, _("from {step} on"))}


def tos(offered: Offered) -> dict[str, str]:
    return {"": _("to their end"), **_steps(offered, _("up to {step}"))}


def tops(_offered: Offered) -> dict[str, str]:
    return {"": _("all of them"), **{str(n): _("the {n} most used").format(n=n) for n in (10, 20, 30, 50)}}


def _steps(offered: Offered, said: str) -> dict[str, str]:
    return {id: said.format(step=entry["name"]) for id, entry in offered.at.items()}


def _off_map() -> dict[str, str]:
    return {"": _("are left out"), "true": _("are visits of their own")}


def _collapse() -> dict[str, str]:
    return {"": _("are one visit"), "false": _("are a visit each")}


def _lapses() -> dict[str, str]:
    return {"": window_name("30d"), **{each: window_name(each) for each in WINDOWS if each != "30d"}}


def leaving(rows: Sequence[Mapping[str, Any]], at: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a flow by their source, in the order of the map, else by their visits; each with its sum."""
    visits: dict[str, int] = {}
    for row in rows:
        visits[row["source"]] = visits.get(row["source"], 0) + row["visits"]
    order = [*at, *sorted((source for source in visits if source not in at), key=lambda each: -visits[each])]
    found = []
    for source in ["(start)", *(each for each in order if each != "(start)")]:
        if source in visits:
            own = sorted(
                (row for row in rows if row["source"] == source), key=lambda row: -int(row["visits"])
            )
            found.append({"source": source, "visits": visits[source], "rows": own})
    return found


def names_of(rows: Sequence[Mapping[str, Any]], at: Mapping[str, Any]) -> dict[str, str]:
    """Every place of a flow as people read it."""
    found = {str(row[end]): str(row[f"{end}_name"]) for row in rows for end in ("source", "target")}
    return {**found, **ends(), **{id: str(entry["name"]) for id, entry in at.items()}}


def title(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> str:
    between = [row for row in rows if row["source"] not in ends() and row["target"] not in ends()]
    if not between:
        return _("No journeys in this period yet")
    most = max(between, key=lambda row: int(row["visits"]))
    return _("The most used way goes from {a} to {b}").format(
        a=names[most["source"]], b=names[most["target"]]
    )


def shown(asked: Asked) -> Shown:
    question = asked.question
    answer = asked.ask(question)
    at = asked.offered.at if isinstance(question.get("map"), str) else {}
    names = names_of(answer.rows, at)
    groups = leaving(answer.rows, at)
    view = {
        "groups": groups[:TABLED],
        "left_out": max(0, len(groups) - TABLED),
        "names": names,
        "at": at,
        "totals": answer.totals,
    }
    return Shown(title(answer.rows, names), answer, view)


FLOW = Explorer(
    name=lambda: _("Flow"),
    sentence=lambda: _("Where do journeys between {between} {steps}, {period}, go {from} {to}? Show {top}."),
    controls=(
        Between(),
        When(lambda: _("begun"), by=True),
        OwnSteps(least=1),
        Choice("from", lambda: _("From where"), froms, field="begin"),
        Choice("to", lambda: _("Up to where"), tos, field="end"),
        Choice("top", lambda: _("How many ways"), tops, whole=True),
    ),
    more=(
        Coded("off_map", lambda: _("Events off the map"), lambda _o: plainly(_off_map())),
        Coded("collapse", lambda: _("Events of one step in a row"), lambda _o: plainly(_collapse())),
        Coded(
            "lapse",
            lambda: _("How long a silence ends a journey (without a map)"),
            lambda _o: plainly(_lapses()),
        ),
        among(),
        breakdown(events=False),
        zones(),
    ),
    usual=usual,
    shown=shown,
    template="explore_flow.html",
)
