"""The one table that turns Periplus errors into HTTP, as JSON for programs and as a calm page for people."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from periplus.errors import (
    AccessError,
    BusyError,
    DocumentError,
    InputError,
    NotFoundError,
    PeriplusError,
    QuestionError,
    StoreError,
)
from periplus.web import page
from periplus.web.words import _

STATUSES: dict[type[PeriplusError], int] = {
    InputError: 400,
    DocumentError: 422,
    QuestionError: 400,
    NotFoundError: 404,
    AccessError: 403,
    BusyError: 503,
    StoreError: 500,
}

CODES = {"sign_in": 401, "too_large": 413, "method": 405}
"""Codes that ask for another status than their class has."""


def status_of(problem: PeriplusError) -> int:
    """The status of an error: by its code if that is in `CODES`, else by its nearest class in the table."""
    if problem.code in CODES:
        return CODES[problem.code]
    for kind in type(problem).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return 500


def plain(status: int) -> PeriplusError:
    """What we say where the framework only has a number."""
    if status == 404:
        return NotFoundError(_("There is no such page."), hint=_("The menu leads to every page there is."))
    if status == 405:
        return InputError(_("This address cannot be used that way."), code="method")
    if status == 413:
        return InputError(_("That is too large to be sent here."), code="too_large")
    return InputError(_("The request cannot be read."), code="request")


def unforeseen() -> PeriplusError:
    """What we say where our own code failed; the log says the rest."""
    return StoreError(
        _("Something went wrong here, not with you."),
        code="unforeseen",
        hint=_("The server's log has the details. Nothing was changed."),
    )


def wants_json(request: Request) -> bool:
    """Programs get JSON: the API, every `.json` twin, and whoever asks for it and not for HTML."""
    accept = request.headers.get("accept", "")
    path = request.url.path
    return path.startswith("/api/") or path.endswith(".json") or ("json" in accept and "html" not in accept)


LONGEST = 600
"""Characters of a message or hint; what was sent may stand in it, and may be a megabyte."""


def told(problem: PeriplusError) -> PeriplusError:
    """The error, no longer than a person reads."""

    def clip(text: str) -> str:
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

    problem.message, problem.hint = clip(problem.message), clip(problem.hint)
    problem.allowed = [clip(word) for word in problem.allowed[:100]]
    return problem


def answer(request: Request, problem: PeriplusError, status: int | None = None) -> Response:
    """The response for an error, in the shape the client reads."""
    status = status or status_of(problem)
    problem = told(problem)
    if wants_json(request):
        response = page.json_response(problem.to_dict(), status)
    else:
        fragment = page.is_fragment(request)
        template = "problem_part.html" if fragment else "problem.html"
        response = page.render(request, template, {"problem": problem, "status": status}, status)
    if status == 503:
        response.headers["Retry-After"] = "2"
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def install(app: FastAPI) -> None:
    """Make the table the only place where errors become responses."""

    async def ours(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, PeriplusError)
        return answer(request, problem)

    async def frameworks(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        return answer(request, plain(problem.status_code), problem.status_code)

    async def validation(request: Request, problem: Exception) -> Response:
        return answer(request, plain(422), 422)

    handlers: dict[type[Exception], Any] = {
        PeriplusError: ours,
        HTTPException: frameworks,
        RequestValidationError: validation,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
