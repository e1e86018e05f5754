"""Questions as people say them: the names of their steps, and what one number of them counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from periplus.errors import PeriplusError
from periplus.web import words
from periplus.web.page import compact, link
from periplus.web.period import Period
from periplus.web.places import OUTCOMES, ends, steps_of
from periplus.web.words import _, ngettext

if TYPE_CHECKING:
    from periplus.workspace import Workspace


def places(ws: Workspace, question: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The steps of the map a question names (empty without one): id → name, stage, place, colour."""
    named = question.get("map")
    if not isinstance(named, str):
        return {}
    try:
        return steps_of(ws.map(named))
    except PeriplusError:
        return {}


def step_name(step: object, at: Mapping[str, Mapping[str, Any]]) -> str:
    """A step of a question in words: its label, the map's name for it, its event, else its rule."""
    if not isinstance(step, Mapping):
        return str(step)
    if step.get("label"):
        return str(step["label"])
    ids = step.get("step")
    if ids is not None:
        listed = [ids] if isinstance(ids, str) else list(ids)
        return _(" or ").join(str(at[id]["name"]) if id in at else str(id) for id in listed)
    event = step.get("event")
    if event is not None:
        said = event if isinstance(event, str) else _(" or ").join(map(str, event))
        where = step.get("where")
        return f"{said} ({compact(where)})" if where else said
    return compact({k: v for k, v in step.items() if k not in ("optional", "within")})


def step_place(step: object, at: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Where a step of a question stands on the map, for its colour."""
    if isinstance(step, Mapping) and (ids := step.get("step")) is not None:
        first = ids if isinstance(ids, str) else next(iter(ids), "")
        return at.get(first)
    return None


def property_name(path: str) -> str:
    """A property as people read it: `context.device.type` is `device type`, a trait says that it is one."""
    root, _dot, rest = path.partition(".")
    if root == "traits" and rest:
        return _("{name} (trait)").format(name=rest.replace("_", " "))
    name = rest if root in ("properties", "context") and rest else path
    return name.replace(".", " ").replace("_", " ")


def units(question: Mapping[str, Any], n: int) -> str:
    """What a question counts, with its number: `29 368 journeys`."""
    unit = question.get("unit", "customers" if question.get("kind") == "funnel" else "journeys")
    said = {
        "customers": ngettext("{n} customer", "{n} customers", n),
        "journeys": ngettext("{n} journey", "{n} journeys", n),
        "sessions": ngettext("{n} session", "{n} sessions", n),
    }.get(str(unit), ngettext("{n} customer", "{n} customers", n))
    return said.format(n=words.number(n))


def units_name(question: Mapping[str, Any]) -> str:
    """What a question counts, in the plural and without a number."""
    unit = question.get("unit", "customers")
    return {"journeys": _("journeys"), "sessions": _("sessions")}.get(str(unit), _("customers"))


def field_names() -> dict[str, str]:
    """The fields of answers as people read them after a step's name."""
    return {
        "reached": _("reached"),
        "stopped": _("stopped"),
        "open": _("still open"),
        "visits": _("visits"),
        "journeys": _("journeys"),
        "customers": _("customers"),
        "onward": _("went onward"),
        "back": _("went back"),
        "goal": _("closed at the goal"),
        "again": _("began anew"),
        "ended": _("ended after the goal"),
        "running": _("still running"),
        "size": _("began"),
        "returned": _("came back"),
        "value": _("counted"),
        "previous": _("counted in the time before"),
        "attempts": _("went on"),
        "conversions": _("conversions"),
        "touched": _("with a touch before"),
        "untouched": _("without a touch before"),
        "not_converted": _("not converted"),
        "won": _("won"),
        "repeated": _("won, and came again"),
        "matched": _("go that way"),
    }


BY_VISIT = ("visits", *OUTCOMES)
"""Fields of a map or flow that count visits; a list of them has one row per visit."""


def said_number(
    ws: Workspace, question: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], field: str, n: int
) -> dict[str, Any]:
    """Title of a people list, and the way back to where its number stands."""
    at = places(ws, question)
    name = field_names().get(field, field)
    kind = question.get("kind")
    where = "; ".join(filter(None, (_row_said(question, row, at) for row in rows)))
    counted = _counted(question, rows, field, n)
    title = f"{counted}: {where}, {name}" if where else f"{counted}: {name}"
    back = None
    if kind != "map":
        back = link("/explore", question=dict(question))
    elif isinstance(question.get("map"), str):
        back = Period.of_question(question).link(f"/map/{question['map']}")
    return {"title": title, "back": back, "field": name, "steps": at}


def _counted(question: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], field: str, n: int) -> str:
    """What one entry of a people list is, with how many there are."""
    kind = question.get("kind")
    if kind == "funnel":
        return units(question, n)
    if kind == "timing":
        return units({"unit": "customers", **question}, n)
    if kind in ("map", "flow") and field in BY_VISIT and any(rows):
        return ngettext("{n} visit", "{n} visits", n).format(n=words.number(n))
    if kind == "trend":
        return _of_series(question, rows, n)
    if kind == "attribution" and field not in ("won", "repeated"):
        return ngettext("{n} conversion", "{n} conversions", n).format(n=words.number(n))
    if kind in ("map", "flow", "pattern") and field != "customers":
        return units({"unit": "journeys"}, n)
    return units({"unit": "customers"}, n)


def _of_series(question: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], n: int) -> str:
    """What a number of a trend counts: events, unless its series says otherwise."""
    series = question.get("series")
    listed = series if isinstance(series, list) else []
    named = rows[0].get("series") if rows else None
    for place, each in enumerate(listed):
        if isinstance(each, Mapping) and (each.get("label") or place) == (named or 0):
            measure = each.get("measure", "events")
            if measure in ("customers", "sessions", "journeys"):
                return units({"unit": measure}, n)
    return ngettext("{n} event", "{n} events", n).format(n=words.number(n))


def _row_said(
    question: Mapping[str, Any], row: Mapping[str, Any], at: Mapping[str, Mapping[str, Any]]
) -> str:
    """The row a number stands in, in words: its step, its ways, its time, its group."""
    parts = []
    step, steps = row.get("step"), question.get("steps")

    def named(number: object) -> str:
        if isinstance(number, int) and isinstance(steps, list) and 0 <= number < len(steps):
            return step_name(steps[number], at)
        names = {**ends(), **{id: str(entry["name"]) for id, entry in at.items()}}
        return names.get(str(number), str(number))

    if step is not None and not isinstance(step, bool):
        parts.append(named(step))
    if "source" in row or "target" in row:
        parts.append(" → ".join(named(row.get(end)) for end in ("source", "target")))
    for key in ("cohort", "bucket", "period", "state", "model", "match"):
        if row.get(key) is not None:
            parts.append(_("period {n}").format(n=row[key]) if key == "period" else str(row[key]))
    for key in ("channel", "breakdown"):
        if key in row and not (row[key] is None and not question.get(key) and key == "breakdown"):
            parts.append(_("without a value") if row[key] is None else str(row[key]))
    return ", ".join(parts)
