"""The tracking plan in the browser: suggested from what arrived, checked, adopted, and what arrives otherwise."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from periplus import clock
from periplus.collect.tracking_plan import KIND, TrackingPlan
from periplus.errors import NotFoundError
from periplus.web import words
from periplus.web.errands import Errand, Work, add_errands
from periplus.web.page import Page, add_page
from periplus.web.pages.people import whole
from periplus.web.site import Site
from periplus.web.words import _, ngettext

HERE = "/sources/plan"
LOOKS_BACK = 30 * clock.UNITS["d"]
"""How far back a check looks where nobody says otherwise, in microseconds."""
BEGIN = """\
name: shop
events:
  Order Completed:
    properties:
      order_id: {type: text, required: true}
      total: number
"""
"""What stands in the editor before there is a plan."""


def label() -> str:
    return _("YAML: the events that are expected (docs/tracking-plan.md)")


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request) -> Page:
        book = ws.tracking_plan
        versions = ws.state.versions(KIND, KIND)
        version = versions[0]["version"] if versions else None
        shown = whole(request.query_params.get("version", "")) or version
        body = None if shown is None else ws.state.document(KIND, KIND, shown)
        if shown is not None and body is None:
            raise NotFoundError(
                _("The plan has no version {n}.").format(n=shown),
                allowed=[str(row["version"]) for row in versions],
            )
        plan = None if body is None else TrackingPlan.parse(body)
        noticed = book.noticed()
        data = {
            "plan": None if plan is None else plan.document(),
            "version": shown,
            "versions": versions,
            "noticed": noticed,
        }
        view = {
            "here": HERE,
            "version": version,
            "shown": shown,
            "versions": versions,
            "noticed": noticed,
            "text": BEGIN if plan is None else plan.to_yaml(),
            "label": label(),
            "since": clock.iso(clock.wall() - LOOKS_BACK)[:10],
            "has_events": bool(ws.snapshot().files),
        }
        if plan is None:
            return Page("plan.html", data, view, _("Which events do you expect?"))
        n = len(plan.events)
        said = ngettext("{n} event is planned", "{n} events are planned", n).format(n=words.number(n))
        if noticed:
            m = len(noticed)
            said += "; " + ngettext("{n} thing comes in otherwise", "{n} things come in otherwise", m).format(
                n=words.number(m)
            )
        return Page("plan.html", data, view, said)

    add_page(router, HERE, show, name="tracking plan")

    actions: dict[str, Work] = {
        "try": lambda text, since, job: [row.to_dict() for row in ws.tracking_plan.check(text, since)],
        "adopt": lambda text, since, job: ws.tracking_plan.adopt(text),
        "suggest": lambda text, since, job: ws.tracking_plan.suggest(since).document(),
    }

    def finished(errand: Errand, data: dict[str, Any], view: dict[str, Any]) -> Page:
        result = data["result"]
        if errand.action == "adopt":
            view |= {"back": HERE, "next_said": _("What comes in from now on is compared with it.")}
            said = _("The plan is adopted, as version {n}").format(n=result["version"])
            return Page("adopted.html", data, view, said)
        if errand.action == "suggest":
            plan = TrackingPlan.parse(result)
            n = len(plan.events)
            said = ngettext("A plan of {n} event", "A plan of {n} events", n).format(n=words.number(n))
            return Page("plan_checked.html", data, {**view, "found": [], "text": plan.to_yaml()}, said)
        n = sum(row["events"] for row in result)
        said = ngettext("{n} deviation in {kinds}", "{n} deviations in {kinds}", n).format(
            n=words.number(n), kinds=ngettext("{n} sort", "{n} sorts", len(result)).format(n=len(result))
        )
        if not result:
            said = _("Everything arrived as planned")
        return Page("plan_checked.html", data, {**view, "found": result}, said)

    add_errands(router, site.errands, HERE, actions, finished, label)
