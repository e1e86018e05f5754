"""How long events are kept, in the browser: rules tried on what is there, adopted, and carried out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from periplus.errors import NotFoundError
from periplus.people.retention_rules import KIND, NAME, RetentionRules
from periplus.web import words
from periplus.web.errands import Errand, Work, add_errands
from periplus.web.page import Page, add_page
from periplus.web.pages.people import whole
from periplus.web.site import Site
from periplus.web.who import BROWSER
from periplus.web.words import _, ngettext

HERE = "/sources/retention"


def label() -> str:
    return _("YAML: how long the events of each source are kept (docs/erasure.md)")


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request) -> Page:
        versions = ws.retention.versions()
        number = whole(request.query_params.get("version", "")) or None
        rules = ws.retention.rules()
        if number is not None:
            body = ws.state.document(KIND, NAME, number)
            if body is None:
                known = [str(row["version"]) for row in versions]
                raise NotFoundError(_("The rules have no version {n}.").format(n=number), allowed=known)
            rules = RetentionRules.parse(body)
        data = {"rules": rules.document(), "versions": versions}
        view = {"here": HERE, "text": rules.yaml(), "label": label(), "versions": versions}
        return Page("retention.html", data, view, _("How long events are kept"))

    add_page(router, HERE, show, name="retention")

    def adopt(text: str, since: str | None, job: Any) -> Any:
        del since, job
        return {"version": ws.retention.adopt(text, who=BROWSER)}

    actions: dict[str, Work] = {
        "try": lambda text, since, job: ws.retention.trial(text, progress=job.progress),
        "adopt": adopt,
        "run": lambda text, since, job: ws.retention.run(who=BROWSER, progress=job.progress),
    }

    def finished(errand: Errand, data: dict[str, Any], view: dict[str, Any]) -> Page:
        result = data["result"]
        if errand.action == "adopt":
            view |= {
                "back": HERE,
                "next_said": _("They hold for what comes in at once, and for what is there from the next run on, which is daily."),
            }  # fmt: skip
            said = _("The rules are adopted, as version {n}").format(n=result["version"])
            return Page("adopted.html", data, view, said)
        n = result["events"]
        if errand.action == "run":
            said = ngettext("{n} event was too old, and is gone", "{n} events were too old, and are gone", n)
        else:
            said = ngettext("{n} event would leave", "{n} events would leave", n)
        text = errand.text if errand.action == "try" else ws.retention.rules().yaml()
        shown = {**view, "trial": result, "ran": errand.action == "run", "text": text}
        return Page("retention.html", data, shown, said.format(n=words.number(n)))

    add_errands(router, site.errands, HERE, actions, finished, label)
