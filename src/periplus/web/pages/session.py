"""Signing in and out, and the choice between light and dark."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from periplus.errors import AccessError
from periplus.web.auth import COOKIE, SESSION_LIFE, form_of_ours
from periplus.web.page import render
from periplus.web.site import Site
from periplus.web.words import _

YEAR = 365 * 86_400


def add(router: APIRouter, site: Site) -> None:
    door = site.door

    @router.get("/sign-in", include_in_schema=False)
    def sign_in(request: Request) -> Response:
        token = request.query_params.get("token", "")
        if request.state.session is not None:
            return RedirectResponse("/", 303)
        if not token:
            return render(request, "sign_in.html", {"problem": None, "sent": False}, 401)
        cookie = door.admit(token[:200])
        if cookie is None:
            used = AccessError(_("This sign-in link has been used, or is too old."), code="link")
            return render(request, "sign_in.html", {"problem": used, "sent": False}, 401)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=SESSION_LIFE,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    @router.post("/sign-in", include_in_schema=False)
    def new_link(request: Request) -> Response:
        # Anybody may ask; the link only ever appears where the server runs.
        if door.may_ask_again():
            site.announce(f"Sign in: {str(request.base_url).rstrip('/')}{door.new_link()}")
        return render(request, "sign_in.html", {"problem": None, "sent": True})

    @router.post("/sign-out", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    def sign_out(request: Request) -> Response:
        door.leave(request.state.session)
        response = RedirectResponse("/sign-in", 303)
        response.delete_cookie(COOKIE)
        return response

    @router.post("/theme", include_in_schema=False, dependencies=[Depends(form_of_ours)])
    async def theme(request: Request) -> Response:
        chosen = (await request.form()).get("theme", "auto")
        back = urlsplit(request.headers.get("referer", ""))
        here = back.path if back.netloc == request.headers.get("host") and back.path.startswith("/") else "/"
        response = RedirectResponse(here + (f"?{back.query}" if back.query else ""), 303)
        value = chosen if chosen in ("light", "dark") else "auto"
        response.set_cookie("periplus_theme", str(value), max_age=YEAR, httponly=True, samesite="lax")
        return response
