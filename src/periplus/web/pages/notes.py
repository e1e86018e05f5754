"""Notes about a customer: written and changed in the browser, and by programs."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from periplus.errors import InputError, unknown
from periplus.web.api import body_of
from periplus.web.auth import form_of_ours
from periplus.web.page import json_response
from periplus.web.site import Site
from periplus.web.words import _

AUTHOR = "browser"
"""What a note written by a signed-in person says of who wrote it, until people have names here."""
ACTS = ("change", "remove")
_JSON: dict[str, Any] = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}


def add(router: APIRouter, site: Site) -> None:
    ws = site.workspace

    def author_of(request: Request) -> str:
        """Whose session or token a request brings."""
        if getattr(request.state, "session", None) is not None:
            return AUTHOR
        token = request.headers.get("authorization", "").partition(" ")[2].strip()
        return ws.state.check("token", token) or AUTHOR

    async def written(request: Request) -> str:
        text = (await request.form()).get("text")
        if not isinstance(text, str):
            raise InputError(_("The note is empty."), code="note", hint=_("Write it, then keep it."))
        return text

    @router.post("/people/{customer}/notes", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def create(request: Request, customer: str) -> Response:
        note = await run_in_threadpool(
            ws.add_note, customer[:200], await written(request), author_of(request)
        )
        return RedirectResponse(f"/people/{quote(customer, safe='')}#note-{note['number']}", 303)

    @router.post(
        "/people/{customer}/notes/{number:int}",
        include_in_schema=False,
        dependencies=[Depends(form_of_ours)],
    )
    async def edit(request: Request, customer: str, number: int) -> Response:
        act = (await request.form()).get("act")
        if act not in ACTS:
            message, hint, allowed = unknown(_("act"), str(act)[:40], ACTS)
            raise InputError(message, hint=hint, allowed=allowed)
        if act == "remove":
            await run_in_threadpool(ws.remove_note, number)
            return RedirectResponse(f"/people/{quote(customer, safe='')}#notes", 303)
        await run_in_threadpool(ws.change_note, number, await written(request))
        return RedirectResponse(f"/people/{quote(customer, safe='')}#note-{number}", 303)

    @router.get("/api/customers/{customer}/notes", summary="The notes about a customer")
    def listed(customer: str) -> Response:
        return json_response(ws.notes(customer[:200]))

    @router.post(
        "/api/customers/{customer}/notes",
        summary="Write a note about a customer",
        description='The body is {"text": "…"}; the response is the note, with its number.',
        openapi_extra=_JSON,
    )
    async def create_by_program(request: Request, customer: str) -> Response:
        text = str((await body_of(request)).get("text") or "")
        note = await run_in_threadpool(ws.add_note, customer[:200], text, author_of(request))
        return json_response(note, 201)

    @router.put(
        "/api/notes/{number:int}",
        summary="Replace the text of a note",
        description='The body is {"text": "…"}; the response is the note.',
        openapi_extra=_JSON,
    )
    async def change(request: Request, number: int) -> Response:
        text = str((await body_of(request)).get("text") or "")
        return json_response(await run_in_threadpool(ws.change_note, number, text))

    @router.delete("/api/notes/{number:int}", summary="Delete a note")
    def remove(number: int) -> Response:
        ws.remove_note(number)
        return Response(status_code=204)
