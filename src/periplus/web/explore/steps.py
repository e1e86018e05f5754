"""The control of the steps of a funnel: conditions one after the other, and how each may follow the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.datastructures import QueryParams

from periplus.web.explore.conditions import MOST, Spelt, condition_in, pairs_of, view_of
from periplus.web.explore.controls import LONGEST, Pairs, Part, text
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import decoded, encoded, windows
from periplus.web.words import _

WAYS = ("label", "within", "optional")
"""What a step says beside its condition."""


@dataclass(frozen=True)
class Steps:
    """Conditions one after the other, at least two: `from A through B to C`; each may have a name of its own, a time
    within which it must follow, and be one that may be left out."""

    key: str = "steps"
    spelt: Spelt = "step"
    least: int = 2
    sort: ClassVar[str] = "steps"

    @property
    def covers(self) -> tuple[str, ...]:
        return (self.key,)

    def named(self, name: str) -> bool:
        return name == "step" or name.startswith("step.")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        codes = params.getlist("step")[:MOST]
        found = [
            condition_in(params, f"step.{place}", each.strip()[:LONGEST], self.spelt, offered)
            | _ways(params, f"step.{place}")
            for place, each in enumerate(codes)
            if each.strip()
        ]
        drop = params.get("drop", "")
        if drop.isascii() and drop.isdigit() and len(found) > self.least and len(drop) < 4:
            del found[int(drop) : int(drop) + 1]
        if found and params.get("add") and len(found) < MOST:
            found.append(found[-1])
        return {self.key: found} if found else {}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        steps = question.get(self.key)
        listed = steps if isinstance(steps, list) else []
        return [
            pair
            for place, step in enumerate(listed)
            if isinstance(step, Mapping)
            for pair in [
                *pairs_of(f"step.{place}", "step", _met(step)),
                *((f"step.{place}.{way}", encoded(step[way])) for way in WAYS if step.get(way)),
            ]
        ]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        steps = question.get(self.key)
        listed = steps if isinstance(steps, list) else []
        views = []
        for place, each in enumerate(listed):
            step = each if isinstance(each, Mapping) else {}
            name, label = f"step.{place}", _("Step {n}").format(n=place + 1)
            view = view_of(name, "step", label, _met(step), self.spelt, offered, False)
            within = encoded(step.get("within") or "")
            known = {"": _("as long as all may take"), **windows()}
            view["ways"] = {
                "label": str(step.get("label") or ""),
                "within": within,
                "windows": known if within in known else {**known, within: within},
                "optional": bool(step.get("optional")),
                "may": 0 < place < len(listed) - 1,
                "after": place > 0,
            }
            said = [
                view["said"] and _("where {clauses}").format(clauses=view["said"]),
                within and _("within {time}").format(time=known.get(within, within)),
                _("if at all") if step.get("optional") else "",
                step.get("label") and _("called {name}").format(name=step["label"]),
            ]
            view["told"] = ", ".join(filter(None, said))
            views.append(view)
        return {"steps": views, "least": self.least, "most": MOST}


def _met(step: Mapping[str, Any]) -> dict[str, Any]:
    """The condition of a step."""
    return {key: value for key, value in step.items() if key not in WAYS}


def _ways(params: QueryParams, name: str) -> Part:
    """What an address says of a step beside its condition."""
    found: Part = {}
    if label := text(params, f"{name}.label"):
        found["label"] = label
    if text(params, f"{name}.optional") == "true":
        found["optional"] = True
    if within := text(params, f"{name}.within"):
        found["within"] = decoded(within)
    return found
