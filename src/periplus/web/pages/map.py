"""The map of a shop: what share reaches the goal, where the others go, as one picture and one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from periplus.maps.fill import fill
from periplus.maps.model import MapDocument
from periplus.maps.sentences import loss
from periplus.web import words
from periplus.web.page import Page, add_page, link
from periplus.web.pages.drawing import drawings, language
from periplus.web.period import Period, by_names, presets
from periplus.web.places import outcome_heads, steps_of
from periplus.web.site import Site
from periplus.web.traffic import of_answer
from periplus.web.words import _, ngettext


def question(kind: str, map_id: str, period: Period) -> dict[str, Any]:
    return period.put({"kind": kind, "map": map_id})


def title(answer: Any, steps: Mapping[str, Mapping[str, Any]], goal: str) -> str:
    """The answer of a map in one sentence."""
    totals = answer.totals
    if not totals["journeys"]:
        return _("No journeys in this period yet")
    share = words.ratio(totals["reached"], totals["journeys"])
    worst = max(answer.rows, key=lambda row: row["stopped"], default=None)
    if worst is None or not worst["stopped"]:
        return _("{share} of journeys reach {goal}").format(share=share, goal=goal)
    return _("{share} of journeys reach {goal}; most stop at {step}").format(
        share=share, goal=goal, step=steps[worst["step"]]["name"]
    )


def goal_name(document: MapDocument, steps: Mapping[str, Mapping[str, Any]]) -> str:
    return " / ".join(str(steps[id]["name"]) for id in document.goal)


def drawn(
    site: Site, request: Request, map_id: str, period: Period, selected: str | None = None
) -> dict[str, Any]:
    """Everything the drawn map page needs; the panel page shows the same behind its panel."""
    ws = site.workspace
    document = ws.map(map_id)
    asked = question("map", map_id, period)
    answer = site.answers.ask(asked)
    steps = steps_of(document)
    goal = goal_name(document, steps)
    flow = site.answers.ask(question("flow", map_id, period))
    filled = fill(document, answer, flow)
    totals = answer.totals
    people = {
        field: link("/people", question=asked, row={}, field=field)
        for field in ("journeys", "reached", "stopped", "open")
    }
    return {
        "said": title(answer, steps, goal),
        "map_id": map_id,
        "name": document.name,
        "maps": ws.maps(),
        "blank": ws.snapshot().last_time is None,
        "goal": goal,
        "answer": answer,
        "totals": totals,
        "counted": ngettext("{n} journey", "{n} journeys", totals["journeys"]).format(
            n=words.number(totals["journeys"])
        ),
        "rows": [{**row, **{"at": steps[row["step"]]}} for row in answer.rows],
        "outcomes": outcome_heads(),
        "asked": asked,
        "people": people,
        "period": period,
        "periods": presets(answer.now),
        "by_names": by_names(),
        "drawings": drawings(filled, period, request.state.nonce, selected),
        "loss": loss(filled, language()),
        "flow": flow,
        "switch": of_answer(totals, asked, lambda to: period.with_traffic(to).link(f"/map/{map_id}")),
        "panel": None,
        "back": period.link(f"/map/{map_id}"),
    }


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def first(request: Request) -> Response:
        maps = ws.maps()
        return RedirectResponse(f"/map/{maps[0]['id']}" if maps else "/import", 303)

    router.add_api_route("/", first, include_in_schema=False)

    def show(request: Request, id: str) -> Page:
        period = Period.of(request.query_params)
        view = drawn(site, request, id, period)
        answer = view["answer"]
        data = {
            "id": id,
            "name": view["name"],
            "title": view["said"],
            "answer": answer.to_dict(),
            "flow": view["flow"].to_dict(),
        }
        return Page("map.html", data, view, view["said"])

    add_page(router, "/map/{id}", show, name="map")
