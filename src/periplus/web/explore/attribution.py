"""Attribution: what earned the conversions, by several models side by side, and whom each won."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.datastructures import QueryParams

from periplus.question import Answer
from periplus.web import words
from periplus.web.explore.conditions import Happened, condition_in, pairs_of, view_of
from periplus.web.explore.controls import (
    LONGEST,
    Choice,
    Number,
    Pairs,
    Part,
    Several,
    When,
    property_choice,
    text,
    window,
)
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.funnel_figures import value_name
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import Listed, among, breakdown, zones
from periplus.web.words import _

MODELS = ("first", "last", "last_non_direct", "linear", "position", "time_decay", "markov", "shapley")
CHANNELS = 60
"""Rows of the table; the download has all of them."""
NONE = "(none)"
TOUCHES = ("Page Viewed", "Session Started", "Campaign Clicked")
"""Events that usually say where somebody came from."""


def usual(offered: Offered, _ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    if offered.goal is None:
        return None
    touch = next((name for name in TOUCHES if name in offered.events), None)
    touches = {} if touch is None else {"event": touch}
    return {
        "touches": touches,
        "goal": {"event": offered.goal},
        "models": ["first", "last", "linear"],
    }


def model_names() -> dict[str, str]:
    return {
        "said": _("what they said"),
        "first": _("first touch"),
        "last": _("last touch"),
        "last_non_direct": _("last that is not direct"),
        "linear": _("linear"),
        "position": _("by position"),
        "time_decay": _("time decay"),
        "markov": _("Markov"),
        "shapley": _("Shapley"),
    }


def bys(offered: Offered) -> dict[str, str]:
    return {
        "channel": _("channel"),
        "context.campaign.name": _("campaign"),
        "context.campaign.source": _("source of the campaign"),
        "touchpoint": _("step of the map"),
        **{path: name for path, name in offered.properties if path not in ("channel",)},
    }


@dataclass(frozen=True)
class Spend:
    """The events that say what was spent, and the property with the amount; or nothing."""

    key: str = "spend"
    sort: ClassVar[str] = "spend"
    covers: tuple[str, ...] = ("spend", "map")

    def named(self, name: str) -> bool:
        return name in ("spend", "amount") or name.startswith("spend.")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        written, part = text(params, "spend"), Part()
        if written:
            of = condition_in(params, "spend", written, "", offered)
            part["spend"] = {"of": of, "amount": text(params, "amount") or "cost"}
            if named := text(params, "spent_on"):
                part["spend"]["by"] = named
        fields = [params.get(name, "") for name in ("touches", "goal", "credited")]
        if any(value.startswith("step:") or value == "touchpoint" for value in fields):
            part["map"] = text(params, "map") or (offered.map["id"] if offered.map else "")
        return part

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        spend, named = question.get("spend"), question.get("map")
        found: Pairs = [("map", named)] if isinstance(named, str) else []
        if isinstance(spend, Mapping) and isinstance(of := spend.get("of"), Mapping):
            found += [*pairs_of("spend", "spend", of), ("amount", str(spend.get("amount", "cost"))[:LONGEST])]
            if isinstance(spend.get("by"), str):
                found.append(("spent_on", spend["by"]))
        return found

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        spend = question.get("spend")
        asked = spend if isinstance(spend, Mapping) else {}
        of = asked.get("of")
        view = view_of("spend", "spend", _("Which events say what was spent"), of, "", offered, False)
        if of is None:
            view["groups"] = [("", [("", _("nothing known"))]), *view["groups"][:1]]
            view |= {"code": "", "filtered": False}
        else:
            view["groups"] = [("", [("", _("nothing known"))]), *view["groups"]]
        named = question.get("map")
        return {
            "of": view,
            "amount": str(asked.get("amount", "")),
            "spent_on": str(asked.get("by", "")),
            "hidden": [("map", named)] if isinstance(named, str) else [],
        }


@dataclass(frozen=True)
class Told:
    """The events in which customers say what brought them, and the property with their answer; or nothing."""

    key: str = "said"
    sort: ClassVar[str] = "told"
    covers: tuple[str, ...] = ("said",)

    def named(self, name: str) -> bool:
        return name == "said" or name.startswith("said.")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        if not (written := text(params, "said")):
            return {}
        of = condition_in(params, "said", written, "", offered)
        return {"said": {"of": of, "property": text(params, "said.property") or "answer"}}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        said = question.get("said")
        if not isinstance(said, Mapping) or not isinstance(of := said.get("of"), Mapping):
            return []
        return [*pairs_of("said", "said", of), ("said.property", str(said.get("property", ""))[:LONGEST])]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        said = question.get("said")
        asked = said if isinstance(said, Mapping) else {}
        label = _("In which events customers say what brought them")
        of = view_of("said", "said", label, asked.get("of"), "", offered, False)
        nothing = ("", [("", _("nothing asked"))])
        if asked.get("of") is None:
            of |= {"code": "", "filtered": False, "groups": [nothing, *of["groups"][:1]]}
        else:
            of["groups"] = [nothing, *of["groups"]]
        return {"label": label, "of": of, "property": str(asked.get("property", ""))}


def channels(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows by channel, what has the most conversions by the first model first, `(none)` last."""
    found: dict[Any, dict[str, Any]] = {}
    for row in rows:
        one = found.setdefault(
            row["channel"], {"channel": row["channel"], "name": channel_name(row["channel"]), "models": {}}
        )
        one["models"][row["model"]] = row
        one.setdefault("any", row)
    return sorted(
        found.values(),
        key=lambda one: (one["channel"] == NONE, -float(one["any"]["conversions"]), str(one["name"])),
    )


def channel_name(channel: object) -> str:
    return _("no touch before") if channel == NONE else value_name(channel)


def title(listed: Sequence[Mapping[str, Any]], question: Mapping[str, Any], totals: Mapping[str, Any]) -> str:
    earned = [one for one in listed if one["channel"] != NONE]
    if not totals["conversions"]:
        return _("Nobody converted in this period")
    if not earned:
        return _("No conversion of this period had a touch before")
    best = earned[0]
    row = best["any"]
    return _("{channel} earns the most by {model}: {share} of {n} conversions").format(
        channel=best["name"],
        model=model_names().get(row["model"], row["model"]),
        share=words.ratio(row["conversions"], totals["conversions"]),
        n=words.number(totals["conversions"]),
    )


def figure(value: float | None) -> str:
    """Credits and amounts: counts whole, others with one digit, the small ones with two."""
    if value is None:
        return ""
    if isinstance(value, int):
        return words.number(value)
    return words.number(value, 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0)


def shown(asked: Asked) -> Shown:
    question = asked.question
    answer = asked.ask(question)
    listed = channels(answer.rows)
    models = list(dict.fromkeys(row["model"] for row in answer.rows))
    most = {
        model: max((row["conversions"] for row in answer.rows if row["model"] == model), default=0)
        for model in models
    }
    view = {
        "channels": listed[:CHANNELS],
        "left_out": max(0, len(listed) - CHANNELS),
        "models": [(model, model_names().get(model, model)) for model in models],
        "most": most,
        "totals": answer.totals,
        "valued": question.get("value") is not None,
        "spent": question.get("spend") is not None,
        "figure": figure,
    }
    return Shown(title(listed, question, answer.totals), answer, view)


ATTRIBUTION = Explorer(
    name=lambda: _("Attribution"),
    sentence=lambda: _(
        "Which {by} earns {goal}, {period}? What earns it is {touches}, up to {lookback} before; "
        "its worth is {value}; by {models}; spent was {spend}."
    ),
    controls=(
        Choice("by", lambda: _("What is credited"), bys, "channel", field="credited"),
        Happened("goal", lambda: _("What is earned"), "touchpoint"),
        When(lambda: _("reached")),
        Happened("touches", lambda: _("What may earn it"), "touchpoint"),
        window("lookback", lambda: _("How long before"), "30d"),
        property_choice("value", lambda: _("Which property is its worth"), lambda: _("not asked")),
        Several(
            "models", lambda: _("By which models"), lambda: {m: model_names()[m] for m in MODELS}, MODELS
        ),
        Spend(),
    ),
    more=(
        Told(),
        Listed(
            "weights", lambda: _("Weights by position: first, between, last"), "0.4, 0.2, 0.4", of="numbers"
        ),
        window("half_life", lambda: _("Time decay: half after"), "7d"),
        Choice(
            "markov_order",
            lambda: _("Markov: touches that it remembers"),
            lambda _o: {str(n): words.number(n) for n in (1, 2, 3)},
            "1",
            whole=True,
        ),
        Number("groups", lambda: _("Shapley: how many are told apart"), 20, 1, 1000),
        among(),
        breakdown(events=False),
        zones(),
    ),
    usual=usual,
    shown=shown,
    template="explore_attribution.html",
    needed=("touches", "goal"),
)
