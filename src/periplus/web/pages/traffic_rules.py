"""Rules for bots and internal traffic in the browser: tried on every event that is there, then adopted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from periplus.collect.marks import TrafficRules
from periplus.errors import NotFoundError
from periplus.web import words
from periplus.web.errands import Errand, Work, add_errands
from periplus.web.page import Page, add_page
from periplus.web.pages.people import whole
from periplus.web.site import Site
from periplus.web.words import _, ngettext

HERE = "/sources/traffic"
STORED = ("internal traffic", "traffic")
"""Kind and name of the stored rules."""


def label() -> str:
    return _("YAML: what is left out of answers (docs/traffic.md)")


def reasons() -> dict[str, str]:
    """Why an event is left out, in words."""
    return {
        "says so": _("they say so themselves"),
        "bot": _("known bots"),
        "user agent": _("their user agent"),
        "address": _("their address"),
        "staff": _("staff"),
        "e-mail": _("their e-mail address"),
    }


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request) -> Page:
        versions = ws.state.versions(*STORED)
        number = whole(request.query_params.get("version", "")) or None
        rules = ws.traffic_rules()
        if number is not None:
            body = ws.state.document(*STORED, number)
            if body is None:
                raise NotFoundError(
                    _("The rules have no version {n}.").format(n=number),
                    allowed=[str(row["version"]) for row in versions],
                )
            rules = TrafficRules.parse(body)
        data = {"rules": rules.document(), "versions": versions}
        view = {"here": HERE, "text": rules.yaml(), "label": label(), "versions": versions}
        said = _("What does not count as a customer's")
        return Page("traffic_rules.html", data, view, said)

    add_page(router, HERE, show, name="traffic rules")

    actions: dict[str, Work] = {
        "try": lambda text, since, job: ws.try_traffic(text).document(),
        "adopt": lambda text, since, job: {"version": ws.adopt_traffic(text, progress=job.progress)},
    }

    def finished(errand: Errand, data: dict[str, Any], view: dict[str, Any]) -> Page:
        result = data["result"]
        if errand.action == "adopt":
            view |= {
                "back": HERE,
                "next_said": _("They hold for the past and for what comes in. Earlier rules adopted again undo this."),
            }  # fmt: skip
            said = _("The rules are adopted, as version {n}").format(n=result["version"])
            return Page("adopted.html", data, view, said)
        n = result["left_out"]
        said = ngettext("{n} of {of} events would be left out", "{n} of {of} events would be left out", n)
        said = said.format(n=words.number(n), of=words.number(result["events"]))
        return Page("traffic_rules.html", data, {**view, "trial": result, "reasons": reasons()}, said)

    add_errands(router, site.errands, HERE, actions, finished, label)
