"""The collector's routes: the thinnest edge over `collect.door`, in front of everything else of the application.

What clients of other tools send needs no sign-in, no form token and no language; it is known by its path.
Any site may send (a write key is public: it stands in the shop's pages); a source can name its sites.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.types import ASGIApp, Receive, Scope, Send

from periplus import clock
from periplus.collect.wire import Reply, Request

if TYPE_CHECKING:
    from periplus.people.collector import Collector

OURS_TOO = ("/import", "/import/")
"""Paths of a dialect that a page of ours has as well."""
PREFLIGHT_AGE = "86400"
MOST_FIELDS = 1000

Headers = list[tuple[bytes, bytes]]


class CollectorEdge:
    """ASGI: requests to the collector's paths go to the door, all others on to `app`."""

    def __init__(self, app: ASGIApp, collector: Collector) -> None:
        self.app = app
        self.collector = collector
        self.answers = Answers()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self.collector.door.knows(scope["path"]):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"] in OURS_TOO and _is_page(scope, headers):
            await self.app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            allowed = ", ".join([*self.collector.door.methods(scope["path"]), "OPTIONS"])
            await _send(send, Reply(204), [*_cors(headers), *_preflight(headers, allowed)])
            return
        received = clock.wall()
        body = await _body(receive, headers, self.collector.door.limit)
        if body is None:
            return
        request = _request(scope, headers, b"" if isinstance(body, int) else body, received)
        if isinstance(body, int):
            told = self.collector.door.refuse(
                request, 413, "too_large", f"The body is larger than {body:,} bytes. Send smaller batches."
            )
            await _send(send, told, [*_cors(headers), (b"connection", b"close")])
            return
        reply = await self.answers.of(self.collector.receive, request)
        await _send(send, reply, _cors(headers))


class Answers:
    """Answers that come from the inbox's thread, brought to the event loop many at a time."""

    def __init__(self) -> None:
        self._ready: deque[tuple[asyncio.Future[Reply], Reply]] = deque()
        self._called = False

    async def of(
        self, receive: Callable[[Request, Callable[[Reply], None]], None], request: Request
    ) -> Reply:
        """What `receive` answers to a request."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()

        def answer(reply: Reply) -> None:
            self._ready.append((future, reply))
            if not self._called:
                self._called = True
                loop.call_soon_threadsafe(self._deliver)

        receive(request, answer)
        return await future

    def _deliver(self) -> None:
        self._called = False  # first: what is added from now on calls again
        while self._ready:
            future, reply = self._ready.popleft()
            if not future.done():
                future.set_result(reply)


def _request(scope: Scope, headers: Mapping[str, str], body: bytes, received: int) -> Request:
    """The request as the door knows one; a look at the headers of an answer is asked as for the answer."""
    return Request(
        method="GET" if scope["method"] == "HEAD" else scope["method"],
        path=scope["path"],
        query=_query(scope["query_string"]),
        headers=headers,
        body=body,
        received=received,
        address=scope["client"][0] if scope.get("client") else None,
    )


async def _body(receive: Receive, headers: Mapping[str, str], limit: int) -> bytes | int | None:
    """The body; the limit where it is larger; None where the client went away."""
    announced = headers.get("content-length", "0")
    if announced.isdigit() and int(announced[:20]) > limit:
        return limit
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            return limit
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _query(raw: bytes) -> list[tuple[str, str]]:
    if not raw:
        return []
    try:
        return parse_qsl(
            raw.decode("latin-1"), keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace"
        )
    except ValueError:
        return []


def _is_page(scope: Scope, headers: Mapping[str, str]) -> bool:
    """Whether a request to a path that is also a page's means the page: a form with files, or a look without data."""
    if scope["method"] in ("GET", "HEAD"):
        return not any(pair.startswith(b"data=") for pair in scope["query_string"].split(b"&"))
    return headers.get("content-type", "").lower().startswith("multipart/form-data")


def _cors(headers: Mapping[str, str]) -> Headers:
    """Any page may read the answer; which site may send is the source's to say."""
    origin = headers.get("origin")
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-credentials", b"true"),
        (b"access-control-expose-headers", b"retry-after"),
        (b"vary", b"Origin"),
    ]


def _preflight(headers: Mapping[str, str], methods: str) -> Headers:
    asked = headers.get("access-control-request-headers", "authorization, content-type")
    return [
        (b"access-control-allow-methods", methods.encode()),
        (b"access-control-allow-headers", asked.encode("latin-1")),
        (b"access-control-max-age", PREFLIGHT_AGE.encode()),
    ]


async def _send(send: Send, reply: Reply, more: Headers) -> None:
    listed: Headers = [
        (b"content-type", reply.content_type.encode("latin-1")),
        (b"content-length", str(len(reply.body)).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers.items()),
        *more,
    ]
    start: dict[str, Any] = {"type": "http.response.start", "status": reply.status, "headers": listed}
    await send(start)
    await send({"type": "http.response.body", "body": reply.body})
