"""Who may come in: one-time sign-in links, sessions behind a signed cookie, tokens for programs.

Everything is closed unless it is listed in `OPEN`. The link is printed by the server where only its
owner sees it; it works once. The cookie holds a random session id and its signature; the server
keeps only the id's hash.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from periplus import clock
from periplus.errors import AccessError
from periplus.web import problems
from periplus.web.words import _

COOKIE = "periplus_session"
LINK_LIFE = 24 * 3600 * clock.SECOND
SESSION_LIFE = 14 * 86_400 * clock.SECOND
LINK_PAUSE = 20 * clock.SECOND
OPEN = ("/static/", "/healthz", "/sign-in")
"""Paths (a trailing slash means: and all below) that need no sign-in; they show nothing of the shop."""


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


@dataclass(frozen=True)
class Session:
    """One signed-in browser; `key` is the hash of its id, `csrf` the token its forms carry."""

    key: bytes
    csrf: str
    ends: int


@dataclass
class Door:
    """Issues links, admits their holders, and knows the open sessions. Safe from several threads."""

    now: Callable[[], int] = clock.wall
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _links: dict[bytes, int] = field(default_factory=dict)
    _sessions: dict[bytes, Session] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _last_link: int = 0

    def new_link(self) -> str:
        """The path and query of a fresh one-time link; to be shown only where its owner looks."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._links[digest(token)] = self.now() + LINK_LIFE
            self._last_link = self.now()
        return f"/sign-in?token={token}"

    def may_ask_again(self) -> bool:
        """Whether enough time has passed since the last link, so that nobody can flood the terminal."""
        with self._lock:
            return self.now() - self._last_link >= LINK_PAUSE

    def admit(self, token: str) -> str | None:
        """The cookie for whoever brings an unused link in time, else None; the link is used up."""
        with self._lock:
            ends = self._links.pop(digest(token), 0)
            if ends < self.now():
                return None
            return self._open()

    def _open(self) -> str:
        name = secrets.token_urlsafe(32)
        key = digest(name)
        self._sessions = {k: s for k, s in self._sessions.items() if s.ends >= self.now()}
        self._sessions[key] = Session(key, self._sign("csrf", name), self.now() + SESSION_LIFE)
        return f"{name}.{self._sign('cookie', name)}"

    def session(self, cookie: str) -> Session | None:
        """The open session a cookie speaks of; None if it is forged, over or unknown."""
        name, _dot, signature = cookie.partition(".")
        if not hmac.compare_digest(self._sign("cookie", name).encode(), signature.encode("utf-8", "replace")):
            return None
        with self._lock:
            found = self._sessions.get(digest(name))
        return found if found is not None and found.ends >= self.now() else None

    def leave(self, session: Session) -> None:
        with self._lock:
            self._sessions.pop(session.key, None)

    def _sign(self, purpose: str, text: str) -> str:
        message = f"{purpose}:{text}".encode("utf-8", "replace")
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()


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
        session = self.door.session(request.cookies.get(COOKIE, ""))
        state["session"] = session
        state["csrf"] = session.csrf if session else ""
        if refusal := self.refusal(request, session):
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
            return AccessError(_("This was sent from another site."), code="origin", hint=_("Use the form here."))
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


async def form_of_ours(request: Request) -> None:
    """A dependency of every form: its token must be this session's (beside the origin, checked at the gate)."""
    given = request.headers.get("x-csrf-token", "")
    if not given:
        value = (await request.form()).get("csrf", "")
        given = value if isinstance(value, str) else ""
    wanted = getattr(request.state, "csrf", "")
    if not wanted or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise AccessError(
            _("This form is out of date."), code="csrf", hint=_("Load the page again and send it once more.")
        )
