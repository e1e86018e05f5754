"""The vocabulary in the browser: look at it, change it, try it on real events, adopt it, apply it to the past."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from periplus.collect.vocabulary import KIND
from periplus.web import words
from periplus.web.errands import Errand, Work, add_errands
from periplus.web.jobs import Job
from periplus.web.page import Page, add_page, link
from periplus.web.pages.people import whole
from periplus.web.site import Site
from periplus.web.words import _, ngettext

HERE = "/sources/vocabulary"
BEGIN = """\
name: mine
events:
  bought: Order Completed
properties:
  nr: order_id
"""
"""What stands in the editor before there is a vocabulary of one's own."""


def label() -> str:
    return _("YAML: names as sent, and the house's names for them (docs/vocabulary.md)")


def title_of(errand: Errand, changes: dict[str, Any]) -> str:
    """What a trial or an application came to, in a sentence."""
    n, said = changes["changed"], _("Nothing changes")
    if n and errand.action == "apply":
        said = ngettext("{n} event was told anew", "{n} events were told anew", n)
    elif n and errand.action == "look":
        said = ngettext("{n} event would change", "{n} events would change", n)
    elif n:
        said = ngettext("{n} of {of} events would change", "{n} of {of} events would change", n)
    return said.format(n=words.number(n), of=words.number(changes["events"]))


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def show(request: Request) -> Page:
        book = ws.vocabulary
        listed = book.listed()
        own = [row["name"] for row in listed if row["kind"] == "own"]
        asked = request.query_params
        chosen = asked.get("name") or (None if asked.get("new") or not own else own[0])
        number = whole(asked.get("version", "")) or None
        document = None if chosen is None else book.show(chosen, number)
        versions = ws.state.versions(KIND, chosen) if chosen in own and chosen is not None else []
        version = number or (versions[0]["version"] if versions else None)
        data = {
            "vocabularies": listed,
            "versions": versions,
            "version": version,
            "document": None if document is None else document.document(),
        }
        view = {
            "here": HERE,
            "listed": listed,
            "chosen": chosen,
            "version": version,
            "versions": versions,
            "text": BEGIN if document is None else document.to_yaml(),
            "label": label(),
        }
        n = len(own)
        said = ngettext("{n} vocabulary of your own", "{n} vocabularies of your own", n).format(
            n=words.number(n)
        )
        return Page("vocabulary.html", data, view, said if n else _("The house's names for what others send"))

    add_page(router, HERE, show, name="vocabulary")

    def look(since: str | None, job: Job, *, dry: bool) -> dict[str, Any]:
        return ws.vocabulary.apply(since=since, dry_run=dry, progress=job.progress).to_dict()

    actions: dict[str, Work] = {
        "try": lambda text, since, job: ws.vocabulary.try_on(text).to_dict(),
        "adopt": lambda text, since, job: ws.vocabulary.adopt(text),
        "look": lambda text, since, job: look(since, job, dry=True),
        "apply": lambda text, since, job: look(since, job, dry=False),
    }

    def finished(errand: Errand, data: dict[str, Any], view: dict[str, Any]) -> Page:
        result = data["result"]
        if errand.action == "adopt":
            view |= {
                "back": link(HERE, name=result["name"]),
                "next_said": _("It holds for what comes in from now on. What is there stays as it is told now."),
            }  # fmt: skip
            said = _("{name} is adopted, as version {n}").format(name=result["name"], n=result["version"])
            return Page("vocabulary_adopted.html", data, view, said)
        return Page("vocabulary_changes.html", data, {**view, "changes": result}, title_of(errand, result))

    add_errands(router, site.errands, HERE, actions, finished, label)
