"""The API for programs: questions, the people behind a number, the maps. JSON in, JSON out.

`Authorization: Bearer TOKEN` (made by `periplus token add NAME`) or a signed-in browser.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from periplus.errors import InputError, unknown
from periplus.web.documents import document
from periplus.web.page import json_response
from periplus.web.site import Site

PEOPLE = ("question", "row", "field")
"""The keys of what is asked of /api/people."""


async def body_of(request: Request) -> dict[str, Any]:
    """The JSON object a program sent; raises InputError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Another site can have a browser send a form or plain text with its cookie; JSON it cannot, nor anything with a token.
    if kind != "application/json" and request.state.session is not None:
        raise InputError(
            "The body is not sent as JSON.",
            code="content_type",
            hint="Send the header Content-Type: application/json.",
        )
    return document(await request.body())


def add(router: APIRouter, site: Site) -> None:
    """The routes under /api/."""
    ws = site.workspace

    @router.post(
        "/api/ask",
        summary="Ask a question",
        description="The body is a question; the response is its Answer.",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def ask(request: Request) -> Response:
        question = await body_of(request)
        answer = await run_in_threadpool(ws.ask, question)
        return json_response(answer.to_dict())

    @router.post(
        "/api/people",
        summary="The people behind a number",
        description="The body is {question, row, field}; the response lists as many rows as the number says.",
        openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}},
    )
    async def people(request: Request) -> Response:
        body = await body_of(request)
        for key in body:
            if key not in PEOPLE:
                message, hint, allowed = unknown("key", key, PEOPLE)
                raise InputError(message, code="unknown_key", hint=hint, allowed=allowed)
        question, row, field = body.get("question"), body.get("row", {}), body.get("field")
        if not isinstance(question, dict) or not isinstance(row, dict) or not isinstance(field, str):
            raise InputError(
                "People are asked for with a question, a row and a field.",
                code="people",
                hint='Send {"question": {…}, "row": {"step": 1}, "field": "reached"}.',
            )
        found = await run_in_threadpool(ws.people, question, row, field)
        return json_response(found)

    @router.get(
        "/api/suggest",
        summary="Words for a condition",
        description="`what` is event, where, trait, segment, or value (of the property `path`); `text` is what is typed.",
    )
    def suggest(what: str = "event", text: str = "", path: str | None = None, limit: int = 20) -> Response:
        return json_response(ws.suggest(what, text, path, limit))

    @router.get("/api/maps", summary="The maps of this workspace")
    def maps() -> Response:
        return json_response(ws.maps())
