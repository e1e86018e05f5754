"""One step or one ribbon of a map, opened beside it: its fate, where from, where to, who.

For htmx it is the panel alone; as a page of its own it is the map with the panel open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from periplus import clock
from periplus.errors import NotFoundError, unknown
from periplus.web import words
from periplus.web.interval import wilson
from periplus.web.page import Page, add_page, is_fragment, link, render, text
from periplus.web.pages.map import drawn, question
from periplus.web.period import Period
from periplus.web.places import OUTCOMES, ends, outcome_names, steps_of
from periplus.web.site import Site
from periplus.web.words import _, ngettext

LISTED = 8
"""Rows of a come-from or go-to list; what is over is one last row, so that it still adds up."""

WEEKS = 26
PATIENCE = 3.0
"""Seconds the weekly trend may cost; where it would cost more it is left out."""


FILLS = {"(start)": "f-ink", "(stopped)": "f-stop", "(ended)": "f-ended", "(running)": "f-running"}


def neighbours(
    rows: Sequence[Mapping[str, Any]], side: str, here: str, steps: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The steps at one side of a step, most visits first, the smallest folded into one last row."""
    order = list(steps)
    listed = []
    for row in sorted(rows, key=lambda row: -row["visits"]):
        at = steps.get(row[side])
        backwards = at is not None and (order.index(row[side]) > order.index(here)) == (side == "source")
        listed.append(
            {
                "id": row[side],
                "name": at["name"] if at else ends().get(row[side], row[side]),
                "place": at["place"] if at else None,
                "color": at["color"] if at else None,
                "fill": FILLS.get(row[side], "f-grey"),
                "back": backwards and row[side] != here,
                "visits": row["visits"],
                "row": {"source": row["source"], "target": row["target"]},
            }
        )
    if len(listed) > LISTED + 1:
        rest = listed[LISTED:]
        n = len(rest)
        folded = {
            "id": None,
            "name": ngettext("{n} other", "{n} others", n).format(n=n),
            "place": None,
            "color": None,
            "fill": "f-grey",
            "back": False,
            "visits": sum(row["visits"] for row in rest),
            "row": None,
        }
        listed = [*listed[:LISTED], folded]
    return listed


def step_title(name: str, row: Mapping[str, Any]) -> str:
    if not row["visits"]:
        return _("{step}: nobody came here in this period").format(step=name)
    if row["stopped"]:
        share = words.ratio(row["stopped"], row["visits"])
        return _("{step}: {share} of visits stop here").format(step=name, share=share)
    on = row["onward"] + row["back"] + row["goal"] + row["again"]
    return _("{step}: {share} of visits go on").format(step=name, share=words.ratio(on, row["visits"]))


def weekly(site: Site, map_id: str, step: str, answer: Any) -> list[dict[str, Any]]:
    """Share of visits that stop, by the week they began, weeks whose lapse has run out only."""
    lapse = clock.duration(site.workspace.map(map_id).lapse)
    zone = clock.zone(site.workspace.settings.zone)
    week = clock.UNITS["w"]
    now = clock.instant(answer.now, zone)
    last = (now - lapse) // clock.UNITS["d"] * clock.UNITS["d"]
    found = []
    for back in range(WEEKS, 0, -1):
        start = last - back * week
        period = {"from": clock.iso(start), "to": clock.iso(start + week), "by": "activity"}
        asked = {"kind": "map", "map": map_id, "period": period, "now": answer.now}
        asked |= {"traffic": answer.question.get("traffic", "customers")}
        row = next(row for row in site.answers.ask(asked).rows if row["step"] == step)
        found.append({"week": clock.iso(start, zone), "visits": row["visits"], "stopped": row["stopped"]})
    return found


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def shown(request: Request, page: Page, map_id: str, period: Period) -> Page:
        """The panel as htmx wants it, or in its place on the whole map."""
        if is_fragment(request):
            return page
        whole = drawn(site, request, map_id, period, page.data.get("step"))
        inside = text(request, page.template, {"data": page.data, "title": page.title, **page.view})
        return Page("map.html", page.data, {**whole, "panel": inside}, page.title)

    def find(map_id: str, step: str) -> dict[str, dict[str, Any]]:
        steps = steps_of(ws.map(map_id))
        if step not in steps:
            message, hint, allowed = unknown("step", step[:100], steps)
            raise NotFoundError(message, hint=hint, allowed=allowed)
        return steps

    def show_step(request: Request, id: str, step: str) -> Page:
        period = Period.of(request.query_params)
        steps = find(id, step)
        asked, flow_asked = question("map", id, period), question("flow", id, period)
        answer, flow = site.answers.ask(asked), site.answers.ask(flow_asked)
        row = next((row for row in answer.rows if row["step"] == step), None)
        if row is None:
            row = dict.fromkeys(("visits", "journeys", "customers", "reached", "value", *OUTCOMES), 0)
            row |= {"step": step, "median_seconds": None}
        came = [r for r in flow.rows if r["target"] == step]
        went = [r for r in flow.rows if r["source"] == step]
        goal = list(ws.map(id).goal)
        funnel = period.put(
            {
                "kind": "funnel",
                "map": id,
                "unit": "journeys",
                "steps": [{"step": step}, {"step": goal if len(goal) > 1 else goal[0]}],
            }
        )
        data = {
            "map": id,
            "step": step,
            "name": steps[step]["name"],
            "row": row,
            "come_from": came,
            "go_to": went,
            "now": answer.now,
            "version": answer.version,
        }
        view = {
            "here": steps[step],
            "period": period,
            "asked": asked,
            "flow_asked": flow_asked,
            "outcomes": outcome_names(),
            "came": neighbours(came, "source", step, steps),
            "went": neighbours(went, "target", step, steps),
            "funnel": None if step in goal else link("/explore", question=funnel),
            "trend": answer.seconds * WEEKS < PATIENCE and row["visits"] > 0,
            "back": period.link(f"/map/{id}"),
            "path_of": {name: f"/map/{quote(id)}/step/{quote(step)}/{name}" for name in ("trend", "people")},
        }
        page = Page("panel_step.html", data, view, step_title(str(steps[step]["name"]), row))
        return shown(request, page, id, period)

    def show_flow(request: Request, id: str, source: str, target: str) -> Page:
        period = Period.of(request.query_params)
        steps = steps_of(ws.map(id))
        for end in (source, target):
            if end not in ends():
                find(id, end)
        asked = question("flow", id, period)
        flow = site.answers.ask(asked)
        row = next((r for r in flow.rows if (r["source"], r["target"]) == (source, target)), None)
        visits = row["visits"] if row else 0
        out = sum(r["visits"] for r in flow.rows if r["source"] == source)
        into = sum(r["visits"] for r in flow.rows if r["target"] == target)
        names = [steps[end]["name"] if end in steps else ends()[end] for end in (source, target)]
        data = {
            "map": id,
            "source": source,
            "target": target,
            "row": row or {"source": source, "target": target, "visits": 0, "journeys": 0},
            "of_source": out,
            "of_target": into,
            "now": flow.now,
            "version": flow.version,
        }
        said = _("{share} of visits to {source} go on to {target}").format(
            share=words.ratio(visits, out) or words.percent(0), source=names[0], target=names[1]
        )
        view = {
            "names": names,
            "ends": [steps.get(source), steps.get(target)],
            "period": period,
            "asked": asked,
            "back": period.link(f"/map/{id}"),
        }
        return shown(request, Page("panel_flow.html", data, view, said), id, period)

    add_page(router, "/map/{id}/step/{step}", show_step, name="map-step")
    add_page(router, "/map/{id}/flow/{source}/{target}", show_flow, name="map-flow")

    @router.get("/map/{id}/step/{step}/trend", include_in_schema=False)
    def trend(request: Request, id: str, step: str) -> Response:
        find(id, step)
        answer = site.answers.ask(question("map", id, Period.of(request.query_params)))
        weeks = [week for week in weekly(site, id, step, answer) if week["visits"]]
        return render(request, "panel_trend.html", {"trend": trend_picture(weeks)})

    @router.get("/map/{id}/step/{step}/people", include_in_schema=False)
    def people(request: Request, id: str, step: str) -> Response:
        find(id, step)
        asked = question("map", id, Period.of(request.query_params))
        found = ws.people(asked, {"step": step}, "visits")
        latest = sorted(found, key=lambda person: str(person["time"]), reverse=True)[:6]
        return render(request, "panel_people.html", {"people": latest, "traffic": asked.get("traffic")})


def trend_picture(weeks: list[dict[str, Any]], width: int = 330, height: int = 72) -> dict[str, Any] | None:
    """Line and band of the weekly share (Wilson's 95 % interval), as points of a picture."""
    if len(weeks) < 4:
        return None
    shares = [(week["stopped"] / week["visits"], *wilson(week["stopped"], week["visits"])) for week in weeks]
    low, high = min(s[1] for s in shares), max(s[2] for s in shares)
    reach = max(high - low, 0.02)
    across = width / (len(weeks) - 1)

    def y(share: float) -> float:
        return round(height - (share - low) / reach * height, 1)

    line = [(round(i * across, 1), y(s[0])) for i, s in enumerate(shares)]
    band = [(round(i * across, 1), y(s[2])) for i, s in enumerate(shares)]
    band += [(round(i * across, 1), y(s[1])) for i, s in reversed(list(enumerate(shares)))]
    return {
        "width": width,
        "height": height,
        "line": " ".join(f"{a},{b}" for a, b in line),
        "band": " ".join(f"{a},{b}" for a, b in band),
        "last": line[-1],
        "high": high,
        "low": low,
        "from": weeks[0]["week"],
        "to": weeks[-1]["week"],
        "first_share": shares[0][0],
        "last_share": shares[-1][0],
    }
