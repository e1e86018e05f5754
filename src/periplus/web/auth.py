"""Who may come in: one-time sign-in links, sessions behind a signed cookie, tokens for programs.

Everything is closed unless it is listed in `OPEN`. The link is printed by the server where only its
owner sees it; it works once. The cookie holds 32 random bytes that say nothing and can be neither
guessed nor made; the workspace keeps only their hash.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from periplus import clock
from periplus.errors import AccessError
from periplus.web import problems
from periplus.web.words import _

COOKIE = "periplus_session"
LINK_LIFE = 24 * 3600
SESSION_LIFE = 14 * 86_400
"""Seconds a link waits for its owner, and a session lasts."""

REMEMBERED = 60 * clock.SECOND
LINK_PAUSE = 20 * clock.SECOND
OPEN = ("/static/", "/healthz", "/sign-in", "/periplus.js", "/periplus-experience.js")
"""Paths (a trailing slash means: and all below) that need no sign-in; they show nothing of the shop."""


class Secrets(Protocol):
    """What the door needs of the workspace's state: secrets that are kept as hashes and may be spent."""

    def issue(self, kind: str, name: str, *, seconds: int | None = None) -> str: ...

    def check(self, kind: str, secret: str, *, spend: bool = False) -> str | None: ...

    def revoke(self, kind: str, secret: str) -> None: ...


@dataclass(frozen=True)
class Session:
    """One signed-in browser: the secret in its cookie, and the token its forms carry."""

    secret: str

    @property
    def csrf(self) -> str:
        """What only a page that knows the cookie's secret can name; it gives the secret away to nobody."""
        return hmac.new(self.secret.encode(), b"form", hashlib.sha256).hexdigest()


class Door:
    """Issues links, admits their holders, and knows the open sessions. Safe from several threads.

    Links and sessions are secrets of the workspace's state, kept there as hashes only, so that they
    outlive the server and are good on every server of one workspace.
    """

    def __init__(self, secrets: Secrets, now: Callable[[], int] = clock.wall) -> None:
        self.secrets = secrets
        self.now = now
        self._last_link = 0
        self._known: dict[str, int] = {}
        self._lock = threading.Lock()

    def new_link(self) -> str:
        """The path and query of a fresh one-time link; to be shown only where its owner looks."""
        with self._lock:
            self._last_link = self.now()
        return f"/sign-in?token={self.secrets.issue('sign-in', 'link', seconds=LINK_LIFE)}"

    def may_ask_again(self) -> bool:
        """Whether enough time has passed since the last link, so that nobody can flood the terminal."""
        with self._lock:
            return self.now() - self._last_link >= LINK_PAUSE

    def admit(self, token: str) -> str | None:
        """The cookie for whoever brings an unused link in time, else None; the link is used up."""
        if self.secrets.check("sign-in", token, spend=True) is None:
            return None
        return self.secrets.issue("session", "browser", seconds=SESSION_LIFE)

    def session(self, cookie: str) -> Session | None:
        """The open session a cookie speaks of; None if it is made up, over, or left."""
        if not 16 <= len(cookie) <= 200 or not cookie.isascii():
            return None
        now = self.now()
        with self._lock:
            # A page is many requests; asking the state once a minute is enough.
            if self._known.get(cookie, 0) > now:
                return Session(cookie)
        if self.secrets.check("session", cookie) is None:
            return None
        with self._lock:
            self._known = {known: until for known, until in self._known.items() if until > now}
            self._known[cookie] = now + REMEMBERED
        return Session(cookie)

    def leave(self, session: Session) -> None:
        with self._lock:
            self._known.pop(session.secret, None)
        self.secrets.revoke("session", session.secret)


def is_open(path: str) -> bool:
    """Whether anybody may see a path."""
    return any(path == entry or (entry.endswith("/") and path.startswith(entry)) for entry in OPEN)


def same_origin(request: Request) -> bool:
    """Whether a browser says that the request comes from a page of ours; no header at all is no browser."""
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == request.headers.get("host", "")
    return request.headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")


class Gate:
    """Lets a request through if its path is open, its session is, or (under /api/) its token is known."""

    def __init__(self, app: ASGIApp, door: Door, check_token: Callable[[str], bool]) -> None:
        self.app = app
        self.door = door
        self.check_token = check_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope)
        state = scope.setdefault("state", {})
        session = None
        if cookie := request.cookies.get(COOKIE, ""):
            session = await run_in_threadpool(self.door.session, cookie)
        state["session"] = session
        state["csrf"] = session.csrf if session else ""
        if refusal := await run_in_threadpool(self.refusal, request, session):
            if refusal.code == "sign_in" and not problems.wants_json(request) and request.method == "GET":
                await RedirectResponse("/sign-in", 303)(scope, receive, send)
            else:
                await problems.answer(request, refusal)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def refusal(self, request: Request, session: Session | None) -> AccessError | None:
        """Why this request may not pass, or None."""
        path = request.url.path
        writes = request.method not in ("GET", "HEAD", "OPTIONS")
        if writes and not same_origin(request):
            return AccessError(
                _("This was sent from another site."), code="origin", hint=_("Use the form here.")
            )
        if is_open(path) or session is not None:
            return None
        if path.startswith("/api/"):
            scheme, _space, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer" and self.check_token(token.strip()):
                return None
        return AccessError(
            _("This is only for people who are signed in."),
            code="sign_in",
            hint=_("Open the sign-in link the server printed; programs send “Authorization: Bearer TOKEN”."),
        )


async def form_of_ours(request: Request) -> AsyncIterator[None]:
    """A dependency of every form: its token must be this session's; the gate checks the origin."""
    given = request.headers.get("x-csrf-token", "")
    if not given:
        value = (await request.form()).get("csrf", "")
        given = value if isinstance(value, str) else ""
    wanted = getattr(request.state, "csrf", "")
    if not wanted or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise AccessError(
            _("This form is out of date."), code="csrf", hint=_("Load the page again and send it once more.")
        )
    yield
    # Uploads wait in temporary files; they go as soon as the page has what it wants of them.
    await request.close()
