"""Watched folders and addresses in the browser: a turn taken now, and taken off the list; the import page lists them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from periplus import clock
from periplus.watch import runner
from periplus.web import words
from periplus.web.auth import form_of_ours
from periplus.web.errands import Errand, Work, add_errands
from periplus.web.jobs import Job
from periplus.web.page import Page
from periplus.web.site import Site
from periplus.web.words import _, ngettext

HERE = "/import/watches"


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def turn(name: str, since: str | None, job: Job) -> list[dict[str, Any]]:
        # Its document is the watch's name, as the form of the import page gives it.
        return [done.to_dict() for done in runner.run(ws, clock.wall(), [name.strip()], job.progress)]

    actions: dict[str, Work] = {"run": turn}

    def finished(errand: Errand, data: dict[str, Any], view: dict[str, Any]) -> Page:
        done = data["result"]
        data["watch"] = errand.text
        n = sum(each["outcome"] == "imported" for each in done)
        said = ngettext("{watch}: {n} new file came in", "{watch}: {n} new files came in", n)
        said = said.format(watch=errand.text, n=words.number(n))
        if any(each["outcome"] == "failed" for each in done):
            said = _("{watch}: not everything could be brought in").format(watch=errand.text)
        return Page("watch_turn.html", data, {**view, "done": done}, said)

    add_errands(router, site.errands, HERE, actions, finished, lambda: "")

    @router.post(HERE + "/remove", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def remove(request: Request) -> Response:
        name = str((await request.form()).get("document") or "")
        await run_in_threadpool(runner.remove, ws, name)
        return RedirectResponse("/import#watches", 303)
