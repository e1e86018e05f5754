"""Sources: who sends events, what becomes of them, and what was refused, to be mended and sent again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from periplus import clock
from periplus.collect.sources import SECRETS, SourceDocument
from periplus.errors import InputError, NotFoundError, StoreError, unknown
from periplus.web import words
from periplus.web.auth import form_of_ours
from periplus.web.page import Page, add_page, is_fragment, json_response, render
from periplus.web.pages.imports import COUNTS, ledger_bar, word
from periplus.web.pages.people import PER_PAGE, pages, whole
from periplus.web.site import Site
from periplus.web.snippets import SNIPPETS
from periplus.web.words import _, ngettext

HOURS = 48
"""Hours of receipt that a source's picture shows."""
LIVE = 12
"""Messages that the live view shows."""
PAGES = ("vocabulary", "plan", "traffic")
"""Pages at the addresses of which there would be sources of these names."""
SETTINGS = ("zone", "channel", "department", "secret", "store", "token")
"""Settings that are one short text in the form."""

Rows = Sequence[Mapping[str, Any]]


def summed(rows: Rows) -> dict[str, int]:
    """Counts by outcome, and `received`, over some rows of the ledger."""
    return {name: sum(int(row[name]) for row in rows) for name in (*COUNTS, "received")}


def hourly(rows: Rows, now: int) -> list[dict[str, Any]]:
    """The last HOURS hours of receipt, oldest first, empty ones too, each with its counts."""
    hour = clock.UNITS["h"]
    known: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        known.setdefault(row["hour"], []).append(row)
    begin = now - now % hour - (HOURS - 1) * hour
    moments = [clock.iso(begin + n * hour) for n in range(HOURS)]
    return [{"hour": moment, **summed(known.get(moment, []))} for moment in moments]


def live(rows: Rows) -> list[dict[str, Any]]:
    """Messages of a moment ago, each with the name of its event, if it can be read so far."""
    found = []
    for row in rows:
        try:
            message = json.loads(row["message"])
        except ValueError:
            message = None
        name = (message.get("event") or message.get("type")) if isinstance(message, dict) else None
        found.append({**row, "event": name if isinstance(name, str) else None})
    return found


def settings_of(form: FormData, known: Mapping[str, Any]) -> dict[str, Any]:
    """A source's settings as the form gives them; what the form does not name stays as it is."""
    document = dict(known)
    for name in SETTINGS:
        if name in SECRETS and not word(form, name, 1000):
            continue  # it is never shown, so an empty field says nothing
        document[name] = word(form, name, 1000)
    if document["store"] is None:
        document["token"] = None  # without the shop's number it is good for nothing
    origins = form.get("origins")
    document["origins"] = str(origins).split() if isinstance(origins, str) else []
    rate = word(form, "rate", 9) or "0"
    if not rate.isdigit():
        raise InputError(_("The limit is a whole number of messages a second."), code="value")
    document["rate"] = int(rate)
    document["consent"] = form.get("consent") is not None
    document["strict"] = form.get("strict") is not None
    document["active"] = form.get("active") is not None
    return {key: value for key, value in document.items() if value is not None}


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def collectors() -> list[dict[str, Any]]:
        return [row for row in ws.sources() if row["kind"] == "key"] if ws.state else []

    def find(name: str) -> dict[str, Any]:
        listed = collectors()
        for row in listed:
            if row["name"] == name:
                return row
        message, hint, allowed = unknown(_("source"), name, [row["name"] for row in listed])
        raise NotFoundError(message, hint=hint, allowed=allowed)

    def arrived(name: str) -> list[dict[str, Any]]:
        return live(site.collector.recent(name, LIVE)) if site.collector is not None else []

    def base_of(name: str) -> str:
        return f"/sources/{quote(name, safe='')}"

    def path_of(name: str) -> str:
        """The page of a source; one that is called like a page beside it has a longer address."""
        return base_of(name) + ("/page" if name in PAGES or name.endswith(".json") else "")

    # -- all of them ------------------------------------------------------------------------------

    def show(request: Request) -> Page:
        listed = collectors()
        counts = [row for row in ws.ledger_counts() if row["kind"] == "collector"]
        sources = []
        for row in listed:
            mine = [count for count in counts if count["source"] == row["name"]]
            sources.append({**row, **summed(mine), "last": mine[0]["hour"] if mine else None})
        total = summed(counts)
        n = total["received"]
        said = ngettext("{n} message has come in", "{n} messages have come in", n).format(n=words.number(n))
        if not listed:
            said = _("Let your shop send its events here")
        view = {
            "sources": sources,
            "total": total,
            "ledger": ledger_bar(total),
            "running": site.collector is not None,
            "problems": site.collector.stats()["problems"] if site.collector is not None else [],
            "path_of": path_of,
        }
        return Page("sources.html", {"sources": sources, "total": total}, view, said)

    add_page(router, "/sources", show, name="sources")

    @router.post("/sources", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def create(request: Request) -> Response:
        form = await request.form()
        name = word(form, "name")
        if name is None:
            raise InputError(
                _("A source needs a name."), hint=_("Name it after what sends: “web shop”, “till”.")
            )
        key = await run_in_threadpool(ws.add_source, name)
        if site.collector is not None:
            await run_in_threadpool(site.collector.sources.refresh)
        # The key is shown this once, in the answer itself: it is in no address and no history.
        return drawn(request, name, key=key)

    # -- one of them ------------------------------------------------------------------------------

    def content(request: Request, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The data of a source's page, and what only the drawing needs."""
        source = find(name)
        offset = whole(request.query_params.get("offset", ""))
        counts = [row for row in ws.ledger_counts(source=name) if row["kind"] == "collector"]
        total, hours = summed(counts), hourly(counts, clock.wall())
        rejects = ws.rejects(source=name, limit=PER_PAGE, offset=offset)
        data = {"source": source, "total": total, "hours": hours, "rejects": rejects}
        here = path_of(name)
        view = {
            **data,
            "here": base_of(name),
            "ledger": ledger_bar(total),
            "most": max((hour["received"] for hour in hours), default=0),
            "pager": pages(here, total["rejected"], offset, []),
            "recent": arrived(name),
            "running": site.collector is not None,
            "noticed": ws.tracking_plan.noticed(),
        }
        return data, view

    def snippets(request: Request, name: str, key: str | None) -> list[dict[str, Any]]:
        here = str(request.base_url).rstrip("/")
        found: dict[str, list[dict[str, str]]] = {}
        for row in SNIPPETS:
            text = row.filled(key, here, quote(name, safe=""))
            found.setdefault(row.group(), []).append({"name": row.name, "text": text, "page": row.page})
        return [{"group": group, "rows": rows} for group, rows in found.items()]

    def said_of(source: Mapping[str, Any], total: Mapping[str, int]) -> str:
        if not total["received"]:
            return _("{name}: nothing has come in yet").format(name=source["name"])
        share = words.ratio(total["accepted"], total["received"])
        return _("{name}: {share} of {n} messages are new events").format(
            name=source["name"], share=share, n=words.number(total["received"])
        )

    def one(request: Request, name: str) -> Page:
        data, view = content(request, name)
        view |= {"key": None, "snippets": snippets(request, name, None), "told": None}
        return Page("source.html", data, view, said_of(data["source"], data["total"]))

    def drawn(
        request: Request, name: str, *, key: str | None = None, told: Mapping[int, str] | None = None
    ) -> Response:
        data, view = content(request, name)
        view |= {"key": key, "snippets": snippets(request, name, key), "told": told}
        title = said_of(data["source"], data["total"])
        return render(request, "source.html", {"data": data, "title": title, **view})

    def recent(request: Request, name: str) -> Response:
        """What came in a moment ago; the page asks for it every two seconds."""
        find(name)
        rows = arrived(name)
        if not is_fragment(request):
            return json_response({"recent": rows})
        return render(request, "source_recent.html", {"recent": rows})

    router.add_api_route("/sources/{name}/recent", recent, include_in_schema=False)

    @router.post("/sources/{name}/key", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    def another(request: Request, name: str) -> Response:
        find(name)
        key = ws.add_source(name)
        if site.collector is not None:
            site.collector.sources.refresh()
        return drawn(request, name, key=key)

    @router.post("/sources/{name}/settings", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def settings(request: Request, name: str) -> Response:
        form = await request.form()

        def save() -> None:
            find(name)
            known = ws.document("source", name) or {"name": name}
            ws.save_source(SourceDocument.parse(settings_of(form, known)).document())
            if site.collector is not None:
                site.collector.sources.refresh()

        await run_in_threadpool(save)
        return RedirectResponse(path_of(name), 303)

    @router.post("/sources/{name}/replay", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def replay(request: Request, name: str) -> Response:
        form = await request.form()
        asked = [int(str(value)) for value in form.getlist("id") if str(value).lstrip("-").isdigit()][:1000]

        def again() -> Response:
            find(name)
            if site.collector is None:
                raise StoreError(
                    _("Nothing takes events in here now."), code="collector", hint=_("Start periplus serve.")
                )
            listed = [row["id"] for row in ws.rejects(source=name, limit=1000)]
            return drawn(
                request, name, told=site.collector.replay([n for n in asked or listed if n in listed])
            )

        return await run_in_threadpool(again)

    add_page(router, "/sources/{name}", one, name="source")
    add_page(router, "/sources/{name}/page", one, name="source of any name")
