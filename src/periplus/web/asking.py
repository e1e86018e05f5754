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
    if kind not in ("map", "flow"):
        counted = units(question, n)
    elif field in BY_VISIT and any(rows):
        counted = ngettext("{n} visit", "{n} visits", n).format(n=words.number(n))
    elif field == "customers":
        counted = units({"unit": "customers"}, n)
    else:
        counted = units({"unit": "journeys"}, n)
    title = f"{counted}: {where}, {name}" if where else f"{counted}: {name}"
    back = None
    if kind == "funnel":
        back = link("/explore", question=dict(question))
    elif isinstance(question.get("map"), str):
        back = Period.of_question(question).link(f"/map/{question['map']}")
    return {"title": title, "back": back, "field": name, "steps": at}


def _row_said(
    question: Mapping[str, Any], row: Mapping[str, Any], at: Mapping[str, Mapping[str, Any]]
) -> str:
    parts = []
    step = row.get("step")
    if isinstance(step, str):
        parts.append(str(at[step]["name"]) if step in at else step)
    elif isinstance(step, int) and not isinstance(step, bool):
        steps = question.get("steps")
        if isinstance(steps, list) and 0 <= step < len(steps):
            parts.append(step_name(steps[step], at))
    if "source" in row or "target" in row:
        names = {**ends(), **{id: str(entry["name"]) for id, entry in at.items()}}
        parts.append(
            " → ".join(names.get(str(row.get(end)), str(row.get(end))) for end in ("source", "target"))
        )
    if "breakdown" in row:
        parts.append(_("without a value") if row["breakdown"] is None else str(row["breakdown"]))
    return ", ".join(parts)
