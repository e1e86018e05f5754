"""The control of what ends an attempt: events between two steps of a funnel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.datastructures import QueryParams

from periplus.web.asking import step_name
from periplus.web.explore.conditions import MOST, condition_in, pairs_of, view_of
from periplus.web.explore.controls import LONGEST, Pairs, Part
from periplus.web.explore.offered import Offered
from periplus.web.words import _


@dataclass(frozen=True)
class Exclusions:
    """`exclude` of a funnel: conditions, each with the steps between which it ends an attempt."""

    key: str = "exclude"
    sort: ClassVar[str] = "exclusions"
    covers: tuple[str, ...] = ("exclude",)

    def named(self, name: str) -> bool:
        return name == "exclude" or name.startswith("exclude.")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        found: list[Part] = []
        ends = {end: params.getlist(f"exclude.{end}") for end in ("from", "to")}
        for place, each in enumerate(params.getlist("exclude")[:MOST]):
            if not each.strip():
                continue
            one = condition_in(params, f"exclude.{place}", each.strip()[:LONGEST], "touchpoint", offered)
            for end, listed in ends.items():
                if place < len(listed) and listed[place].strip():
                    said = listed[place].strip()[:20]
                    one[end] = int(said) if said.isascii() and said.isdigit() else said
            found.append(one)
        return {"exclude": found} if found else {}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        found: Pairs = []
        listed = _listed(question)
        for place, each in enumerate(listed):
            found += pairs_of(f"exclude.{place}", "exclude", _condition(each))
            found += [(f"exclude.{end}", str(each.get(end, ""))) for end in ("from", "to")]
        if all(not each.get("from") and each.get("to") is None for each in listed):
            return [pair for pair in found if pair[0] not in ("exclude.from", "exclude.to")]
        return found

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        steps = question.get("steps")
        names = [
            (str(place), step_name(step, offered.at))
            for place, step in enumerate(steps if isinstance(steps, list) else [])
        ]
        views = []
        for place, each in enumerate([*_listed(question), None]):
            condition = None if each is None else _condition(each)
            view = view_of(
                f"exclude.{place}", "exclude", _("What ends an attempt"), condition, "touchpoint", offered,
                each is not None and not condition,
            )  # fmt: skip
            # One that is left empty is none: so one is taken away, and the last line is there to be filled in.
            view["groups"] = [("", [("", _("nothing"))]), *view["groups"]]
            if each is None:
                view |= {"code": "", "filtered": False}
                view["groups"] = [group for group in view["groups"] if group[0] or group[1][0][0] == ""]
            view["ends"] = {
                end: ("" if each is None or each.get(end) is None else str(each[end]))
                for end in ("from", "to")
            }
            views.append(view)
        return {"label": _("What ends an attempt"), "listed": views, "names": names}


def _listed(question: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    value = question.get("exclude")
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


def _condition(each: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in each.items() if key not in ("from", "to")}
