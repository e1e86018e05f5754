"""A customer's timeline for a page: journeys, visits and what is off the map, grouped, filtered, turned over.

It works on the columns of a `Lifeline`, so that of a hundred thousand events only those of one page are
made into events with all they carry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from periplus.journeys.lifeline import Lifeline
from periplus.journeys.walk import OFF
from periplus.web import words
from periplus.web.words import _

PER_PAGE = 300
"""Events of one page of a timeline."""
MOST_DRAWN = 60
"""Journeys in the picture, the newest; all of them are in the list."""
MOST_DOTS = 300
"""Visits of one journey in the picture, the newest."""
LISTED = 60
"""Names and channels to choose from, the most frequent."""


@dataclass(frozen=True)
class Chosen:
    """What of a timeline is looked at: a text anywhere in an event, a channel, a name; from which event on."""

    search: str = ""
    channel: str = ""
    event: str = ""
    offset: int = 0

    @property
    def filters(self) -> bool:
        return bool(self.search or self.channel or self.event)


def kept(line: Lifeline, chosen: Chosen) -> np.ndarray:
    """bool[n]: which events of a lifeline are looked at."""
    found = np.ones(len(line), np.bool_)
    for wanted, column in ((chosen.channel, "channel"), (chosen.event, "event")):
        if wanted:
            found &= np.array([value == wanted for value in line.history.column(column)], np.bool_)[
                line.places
            ]
    if chosen.search:
        text = chosen.search.casefold()
        on = {
            code
            for code, step in enumerate(line.rules.steps if line.rules else ())
            if text in step.name.casefold() or text in step.stage.casefold()
        }
        found &= line.history.containing(chosen.search)[line.places] | np.isin(line.step, list(on))
    return found


def counted(line: Lifeline, column: str) -> list[tuple[str, int]]:
    """The values of a column with how many events have each, the most first."""
    values = line.history.column(column)
    counts = Counter(values[place] for place in line.places.tolist())
    del counts[None]
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:LISTED]


def groups(
    line: Lifeline, goal: Sequence[str], steps: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The events in groups, oldest first: each journey, and what is in none; in each its visits.

    An event that is in no journey goes with the one around it: before and after it, or before it if that one is
    still running. Each visit has `rows`, the indexes of its events; what only a drawn one needs is added later.
    """
    names = line.history.column("event")
    journey = line.journey.tolist()
    ahead: list[int] = journey.copy()
    for index in range(len(ahead) - 2, -1, -1):
        ahead[index] = journey[index] if journey[index] >= 0 else ahead[index + 1]
    found: list[dict[str, Any]] = []
    current = -1
    for index, own in enumerate(journey):
        if own >= 0:
            current = own
        number = own
        if own < 0 <= current and (current == ahead[index] or (ahead[index] < 0 and line.running(current))):
            number = current
        if not found or found[-1]["number"] != number:
            found.append({"number": number, "rows": []})
        found[-1]["rows"].append(index)
    ordinal = 0
    for group in found:
        rows, inside = group.pop("rows"), group["number"] >= 0
        visits = _visits(line, rows, names, goal, steps)
        on_map = [visit for visit in visits if visit["step"]]
        ordinal += inside
        group |= {
            "ordinal": ordinal if inside else 0,
            "visits": visits,
            "events": len(rows),
            "on_map": len(on_map),
            "start": int(line.time[rows[0]]),
            "end": int(line.time[rows[-1]]),
            "reached": any(visit["goal"] for visit in on_map),
            "fate": line.outcome(group["number"]) if inside else None,
            "last": on_map[-1] if on_map else None,
        }
        group["title"] = title(group)
    return found


def _visits(
    line: Lifeline,
    rows: list[int],
    names: list[Any],
    goal: Sequence[str],
    steps: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The visits among the events of one group, as they began; what is off the map in runs between."""
    runs: dict[object, list[int]] = {}
    last: object = None
    for index in rows:
        visit = int(line.visit[index])
        key: object = visit
        if visit < 0:
            name = names[line.places[index]]
            key = last if isinstance(last, tuple) and last[1] == name else (index, name)
        if key not in runs:
            last = key
        runs.setdefault(key, []).append(index)
    return [_visit(line, inside, names, goal, steps) for inside in runs.values()]


def _visit(
    line: Lifeline,
    rows: list[int],
    names: list[Any],
    goal: Sequence[str],
    steps: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    first = rows[0]
    code = int(line.step[first])
    on = None if line.rules is None or code == OFF else line.rules.steps[code].id
    step = on if line.journey[first] >= 0 else None
    at = steps.get(on) if on else None
    return {
        "step": step,
        "at": at,
        "stage": at["stage"] if at else None,
        "name": at["name"] if at else names[line.places[first]],
        "goal": step is not None and step in goal,
        "start": (start := int(line.time[first])),
        "end": (end := int(line.time[rows[-1]])),
        "seconds": (end - start) / 1e6,
        "count": len(rows),
        "rows": rows,
    }


def turned(
    whole: Sequence[dict[str, Any]], seen: np.ndarray, offset: int
) -> tuple[list[dict[str, Any]], list[int]]:
    """One page of the groups, newest first, with what is looked at; and the indexes of its events, oldest first.

    A visit that does not fit is carried on by the next page; its count is that of all its events looked at.
    """
    drawn: list[dict[str, Any]] = []
    indexes: list[int] = []
    passed, room = 0, PER_PAGE
    for group in reversed(whole):
        visits = []
        for visit in reversed(group["visits"]):
            if room <= 0:
                break
            inside = [row for row in visit["rows"] if seen[row]]
            skipped = min(len(inside), max(0, offset - passed))
            passed += len(inside)
            # The newest of a visit first, as of everything else.
            shown = inside[: len(inside) - skipped][-room:]
            if shown:
                room -= len(shown)
                indexes += shown
                visits.append({**visit, "rows": shown, "count": len(inside)})
        if visits:
            drawn.append({**group, "visits": visits})
        if room <= 0:
            break
    return drawn, sorted(indexes)


def filled(drawn: Sequence[dict[str, Any]], events: Mapping[int, Mapping[str, Any]]) -> None:
    """Give the visits of a page their events, channels, and a line of what they were about."""
    for group in drawn:
        for visit in group["visits"]:
            inside = [events[row] for row in visit["rows"]]
            visit["events"] = inside
            visit["channel"] = ", ".join(dict.fromkeys(said for event in inside if (said := where(event))))
            about = (told(event.get("known") or event.get("properties") or {}) for event in reversed(inside))
            visit["told"] = next((text for text in about if text), "")


def title(group: Mapping[str, Any]) -> str:
    """What a journey came to, in a few words."""
    if group["number"] < 0:
        return _("Outside any journey")
    name = _("Journey {n}").format(n=words.number(group["ordinal"]))
    said = fate(group)
    return f"{name}, {said}" if said else name


def fate(group: Mapping[str, Any]) -> str:
    last = group["last"]["name"] if group["last"] else ""
    said = {
        "stopped": _("stopped at {step}").format(step=last),
        "ended": _("reached the goal, ended"),
        "goal": _("reached the goal"),
        "again": _("reached the goal, then began again"),
        "running": _("reached the goal, still running") if group["reached"] else _("still running"),
    }
    return said.get(str(group["fate"]), _("reached the goal") if group["reached"] else "")


def where(event: Mapping[str, Any]) -> str:
    """By which channel and on what an event happened."""
    context = event.get("context") or {}
    device = context.get("device") if isinstance(context, Mapping) else None
    kind = device.get("type") if isinstance(device, Mapping) else None
    return ", ".join(str(part) for part in (event.get("channel"), kind) if part)


TOLD = (
    "order_id", "ticket_id", "total", "revenue", "value", "price", "name", "product", "product_name", "query",
    "url", "path", "title", "subject", "text", "rating", "score", "coupon", "status", "reason",
)  # fmt: skip
"""Properties that say most about an event, in the order they are told."""


def told(properties: Mapping[str, Any]) -> str:
    """What an event was about, in a line: its telling properties, else its first ones."""
    if not isinstance(properties, Mapping):
        return ""
    keys = [key for key in TOLD if key in properties] or list(properties)[:2]
    said = []
    for key in keys[:3]:
        value = properties[key]
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != "":
            text = (
                words.number(value, 0 if value == int(value) else 2)
                if isinstance(value, float) and abs(value) < 1e15
                else str(value)
            )
            said.append(
                f"{key.replace('_', ' ')} {text}" if key not in ("name", "product", "title", "text") else text
            )
    return ", ".join(said)[:160]
