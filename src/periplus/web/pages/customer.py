"""One customer: who, by which ids, and everything that happened, journey by journey, visit by visit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from periplus.errors import NotFoundError
from periplus.web import words
from periplus.web.page import Page, add_page, link
from periplus.web.pages.journeys_picture import lay_out
from periplus.web.places import steps_of
from periplus.web.site import Site
from periplus.web.traffic import asked, reasons, switch
from periplus.web.words import _, ngettext

MANY = 2000
"""Events drawn on one page; older ones are said to be there and stand in the `.json`."""

TOLD = (
    "order_id",
    "total",
    "revenue",
    "value",
    "price",
    "name",
    "product",
    "product_name",
    "query",
    "url",
    "path",
    "title",
    "subject",
    "text",
    "rating",
    "score",
    "coupon",
    "status",
    "reason",
)
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
                if isinstance(value, float)
                else str(value)
            )
            said.append(
                f"{key.replace('_', ' ')} {text}" if key not in ("name", "product", "title", "text") else text
            )
    return ", ".join(said)[:160]


def visits_of(
    events: Iterable[Mapping[str, Any]], goal: Sequence[str], steps: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The visits among events of one journey, as they began; what is off the map in runs between."""
    runs: dict[object, list[Mapping[str, Any]]] = {}
    for place, event in enumerate(events):
        key: object = event.get("visit")
        if key is None:
            last = next(reversed(runs), None)
            same = isinstance(last, tuple) and last[1] == event.get("event")
            key = last if same else (place, event.get("event"))
        runs.setdefault(key, []).append(event)
    return [_visit(inside, goal, steps) for inside in runs.values()]


def _visit(
    inside: list[Mapping[str, Any]], goal: Sequence[str], steps: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    first = inside[0]
    at = steps.get(str(first.get("step")))
    return {
        "step": first.get("step") if first.get("journey") is not None else None,
        "at": at,
        "stage": at["stage"] if at else None,
        "name": at["name"] if at else first.get("event"),
        "goal": first.get("step") in goal and first.get("journey") is not None,
        "start": first["time"],
        "end": inside[-1]["time"],
        "count": len(inside),
        "events": inside,
        "channel": ", ".join(dict.fromkeys(where for event in inside if (where := _where(event)))),
        "told": next(
            (text for e in reversed(inside) if (text := told(e.get("known") or e.get("properties") or {}))),
            "",
        ),
    }


def _where(event: Mapping[str, Any]) -> str:
    context = event.get("context") or {}
    device = context.get("device") if isinstance(context, Mapping) else None
    kind = device.get("type") if isinstance(device, Mapping) else None
    return ", ".join(str(part) for part in (event.get("channel"), kind) if part)


def matches(event: Mapping[str, Any], text: str) -> bool:
    """Whether a searched text occurs anywhere in an event."""
    wanted = text.casefold()

    def inside(value: object) -> bool:
        if isinstance(value, Mapping):
            return any(inside(v) for v in value.values())
        if isinstance(value, (list, tuple)):
            return any(inside(v) for v in value)
        return value is not None and wanted in str(value).casefold()

    return inside(event)


def journeys_of(
    timeline: Sequence[Mapping[str, Any]], goal: Sequence[str], steps: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The events in groups, oldest first: each journey, and what is in none.

    An event that is in no journey goes with the one around it: before and after it, or before it if
    that one is still running.
    """
    following: list[object] = [None] * len(timeline)
    after: object = None
    for place in range(len(timeline) - 1, -1, -1):
        after = timeline[place].get("journey") if timeline[place].get("journey") is not None else after
        following[place] = after
    found: list[dict[str, Any]] = []
    current: object = None
    running = False
    for event, ahead in zip(timeline, following, strict=True):
        own = event.get("journey")
        if own is not None:
            current, running = own, bool(event.get("running"))
        number = (
            own if own is not None else current if current == ahead or (running and ahead is None) else None
        )
        if not found or found[-1]["number"] != number:
            found.append({"number": number, "events": []})
        found[-1]["events"].append(event)
    for group in found:
        visits = visits_of(group["events"], goal, steps)
        on_map = [visit for visit in visits if visit["step"]]
        group |= {
            "visits": visits,
            "on_map": len(on_map),
            "start": group["events"][0]["time"],
            "end": group["events"][-1]["time"],
            "reached": any(visit["goal"] for visit in on_map),
            "fate": next((e["outcome"] for e in reversed(group["events"]) if e.get("outcome")), None),
            "last": on_map[-1] if on_map else None,
        }
    return found


def journey_title(group: Mapping[str, Any], index: int) -> str:
    if group["number"] is None:
        return _("Outside any journey")
    name = _("Journey {n}").format(n=index)
    last = group["last"]["name"] if group["last"] else ""
    said = {
        "stopped": _("stopped at {step}").format(step=last),
        "ended": _("reached the goal, ended"),
        "goal": _("reached the goal"),
        "again": _("reached the goal, then began again"),
        "running": _("reached the goal, still running") if group["reached"] else _("still running"),
    }.get(str(group["fate"]), _("reached the goal") if group["reached"] else "")
    return f"{name}, {said}" if said else name


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request, customer: str) -> Page | Response:
        traffic = asked(request.query_params.get("traffic", ""))
        twin = ".json" if request.url.path.endswith(".json") else ""
        try:
            person = ws.customer(customer[:200], traffic)
        except NotFoundError as problem:
            if problem.code != "left_out":
                raise
            return RedirectResponse(link(f"/people/{quote(customer)}{twin}", traffic="all"), 302)
        if person["customer"] != customer:
            address = f"/people/{quote(person['customer'])}{twin}"
            return RedirectResponse(link(address, traffic=None if traffic == "customers" else traffic), 301)
        maps = ws.maps()
        named = request.query_params.get("map") or (maps[0]["id"] if maps else None)
        document = ws.map(named) if named else None
        steps = steps_of(document) if document else {}
        goal = list(document.goal) if document else []
        timeline = ws.timeline(person["customer"], named, traffic=traffic)
        search = request.query_params.get("search", "").strip()[:200]
        channel = request.query_params.get("channel", "")[:100]
        groups = journeys_of(timeline, goal, steps)
        numbered = [group for group in groups if group["number"] is not None]
        for index, group in enumerate(numbered, 1):
            group["title"] = journey_title(group, index)
        for group in groups:
            group.setdefault("title", journey_title(group, 0))
        picture = lay_out(numbered, stages_of(steps)) if numbered else None
        shown = [event for event in timeline if chosen(event, search, channel)]
        if search or channel:
            kept = {id(event) for event in shown}
            for group in groups:
                group["visits"] = [
                    {**visit, "events": inside, "count": len(inside)}
                    for visit in group["visits"]
                    if (inside := [event for event in visit["events"] if id(event) in kept])
                ]
            groups = [group for group in groups if group["visits"]]
        drawn, left = newest(groups)
        reached = sum(group["reached"] for group in numbered)
        data = {"customer": person, "map": named, "timeline": timeline}
        view = {
            "person": person,
            "picture": picture,
            "groups": drawn,
            "left": left,
            "found": len(shown),
            "of": len(timeline),
            "search": search,
            "channel": channel,
            "channels": channels(timeline),
            "reached": reached,
            "journeys": len(numbered),
            "where": _where,
            "lasted": lasted,
            "traffic": None if traffic == "customers" else traffic,
            "reasons": reasons(),
            "switch": switch(
                traffic,
                None if ws.snapshot().has_marked else 0,
                lambda to: link(
                    f"/people/{quote(customer)}",
                    map=request.query_params.get("map"),
                    search=search,
                    channel=channel,
                    traffic=None if to == "customers" else to,
                ),
            ),
        }
        return Page("customer.html", data, view, title(person, numbered))

    add_page(router, "/people/{customer}", show, name="customer")


def lasted(visit: Mapping[str, Any]) -> float | None:
    """Seconds from the first to the last event of a visit."""
    start, end = words.instant(visit["start"]), words.instant(visit["end"])
    return (end - start).total_seconds() if start and end else None


def title(person: Mapping[str, Any], journeys: Sequence[Mapping[str, Any]]) -> str:
    """What to know about a person before anything else, in one sentence."""
    label = str(person["label"])
    if not journeys:
        return _("{label} has not begun a journey on this map").format(label=label)
    last = journeys[-1]
    at = last["last"]["name"] if last["last"] else ""
    if last["fate"] == "running" and not last["reached"]:
        return _("{label} is on the way, last at {step}").format(label=label, step=at)
    if last["reached"]:
        return _("{label} reached the goal; last seen at {step}").format(label=label, step=at)
    return _("{label} stopped at {step}").format(label=label, step=at)


def chosen(event: Mapping[str, Any], search: str, channel: str) -> bool:
    if channel and (event.get("channel") or "") != channel:
        return False
    return not search or matches(event, search)


def channels(timeline: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Channels of the events with their counts, the most first."""
    counts: dict[str, int] = {}
    for event in timeline:
        if event.get("channel"):
            counts[str(event["channel"])] = counts.get(str(event["channel"]), 0) + 1
    return [
        (name, words.number(n))
        for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
    ]


def stages_of(steps: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stages of a map, in its order."""
    found: dict[str, dict[str, Any]] = {}
    for step in steps.values():
        found.setdefault(
            step["stage"], {"name": step["stage"], "place": step["place"], "color": step["color"]}
        )
    return list(found.values())


def newest(groups: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], str]:
    """Groups and visits newest first, at most MANY events; and what is said of those left out."""
    drawn: list[dict[str, Any]] = []
    room = MANY
    left = 0
    for group in reversed(groups):
        visits = []
        for visit in reversed(group["visits"]):
            if room <= 0:
                left += visit["count"]
                continue
            room -= visit["count"]
            visits.append(visit)
        if visits:
            drawn.append({**group, "visits": visits})
    return drawn, ngettext("{n} older event", "{n} older events", left).format(
        n=words.number(left)
    ) if left else ""
