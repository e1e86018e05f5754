"""What stands around every response: the security headers, the language, and the limit on bodies."""

from __future__ import annotations

import logging
import secrets
from contextlib import suppress
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from periplus import clock
from periplus.errors import InputError
from periplus.settings import Settings
from periplus.web import problems, words
from periplus.web.words import _

log = logging.getLogger("periplus.web")

BODY_LIMIT = 2 * 1024 * 1024
"""Bytes of any request's body that is not a file upload."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}


def content_policy(nonce: str) -> str:
    """Only what we serve ourselves runs or loads; a picture's own style element carries the nonce."""
    return (
        "default-src 'none'; script-src 'self'; "
        f"style-src 'self' 'nonce-{nonce}'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


class Surround:
    """Adds the security headers, chooses the language everything below speaks, catches the unforeseen."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self.zone = clock.zone(settings.zone)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce

        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = content_policy(nonce)
                # What is meant for pages of other sites says so itself, in these headers.
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        accepted = Request(scope).headers.get("accept-language", "")
        code = words.preferred(accepted, self.settings.language)
        with words.speaking(words.Speech(words.language(code), self.zone, self.settings.currency)):
            try:
                await self.app(scope, receive, sending)
            except Exception as problem:
                log.exception("unforeseen problem at %s", scope["path"], exc_info=problem)
                if started:
                    raise
                await problems.answer(Request(scope), problems.unforeseen(), 500)(scope, receive, sending)


class TooLargeError(Exception):
    """Raised inside a handler's reading of the body once it passes the limit."""


class BodyLimit:
    """Refuses bodies over the limit with a plain message, by what is announced and by what arrives."""

    def __init__(self, app: ASGIApp, uploads: dict[str, int]) -> None:
        self.app = app
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        limit = self.uploads.get(request.url.path, BODY_LIMIT)
        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced[:20]) > limit:
            await self.refuse(scope, receive, send, limit)
            return
        state: dict[str, Any] = {"seen": 0, "over": False, "started": False}

        async def reading() -> Message:
            message = await receive()
            state["seen"] += len(message.get("body", b""))
            if state["seen"] > limit:
                state["over"] = True
                raise TooLargeError
            return message

        async def sending(message: Message) -> None:
            # Whatever a handler made of the broken-off body, the answer is ours.
            if state["over"]:
                return
            state["started"] = True
            await send(message)

        with suppress(TooLargeError):
            await self.app(scope, reading, sending)
        if state["over"] and not state["started"]:
            await self.refuse(scope, receive, send, limit)

    async def refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        hint = _("Send a smaller file, pack it with gzip, or use the command line: periplus import FILE.")
        if scope["path"] in ("/api/ask", "/api/people"):
            hint = _(
                "A question needs no more: name fewer events or values, or keep a segment and name that."
            )
        problem = InputError(
            _("That is larger than {limit}.").format(limit=words.data_size(limit)),
            code="too_large",
            hint=hint,
        )
        await problems.answer(Request(scope), problem)(scope, receive, send)
