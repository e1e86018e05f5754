"""Questions kept under a name: the forms of Explore that keep one and take one off the list."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from periplus.journeys.kept_questions import KeptQuestions
from periplus.web.auth import form_of_ours
from periplus.web.documents import document
from periplus.web.page import link
from periplus.web.site import Site

HERE = "/explore/kept"


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    @router.post(HERE, include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def keep(request: Request) -> Response:
        form = await request.form()
        question = document(str(form.get("question") or ""))
        await run_in_threadpool(
            lambda: KeptQuestions(ws.state).keep(str(form.get("name") or "")[:1000], question)
        )
        return RedirectResponse(link("/explore", question=question) + "#kept", 303)

    @router.post(HERE + "/remove", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def remove(request: Request) -> Response:
        name = str((await request.form()).get("name") or "")[:1000]
        await run_in_threadpool(lambda: KeptQuestions(ws.state).remove(name))
        return RedirectResponse("/explore#kept", 303)
