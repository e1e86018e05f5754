"""The web application of one workspace: `create_app(workspace)`.

Pages are one file each in `pages/`; the API is in `api.py`. This file only puts them together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

from periplus.web import api, auth, guard, openapi, page, problems, tracker_routes
from periplus.web.answers import Answers
from periplus.web.collector import CollectorEdge
from periplus.web.errands import Errands
from periplus.web.jobs import Jobs
from periplus.web.pages import PAGES
from periplus.web.site import Site

if TYPE_CHECKING:
    from periplus.people.collector import Collector
    from periplus.workspace import Workspace

UPLOAD_LIMIT = 2 * 1024**3
"""Bytes of one upload through the browser; larger files go through the command line."""

log = logging.getLogger("periplus.web")


def create_app(
    workspace: Workspace,
    *,
    announce: Callable[[str], None] = log.warning,
    upload_limit: int = UPLOAD_LIMIT,
    collector: Collector | None = None,
) -> FastAPI:
    """The application of a workspace; nothing in it is readable without signing in.

    With a running `collector` it also takes in events.

    `announce` is told every new sign-in link asked for in the browser; it must reach only the person
    who runs the server (their terminal). The first link is made by whoever serves: `sign_in_link(app)`.
    """
    app = FastAPI(
        title="Periplus",
        version=version("periplus"),
        openapi_url="/api/openapi.json",
        # The usual documentation pages load their scripts from elsewhere; we never do.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    door = auth.Door(workspace.state)
    jobs = Jobs()
    site = Site(workspace, door, jobs, Errands(jobs), announce, upload_limit, Answers(workspace), collector)
    app.state.site = site

    api.add(app.router, site)
    tracker_routes.add(app.router)
    for add in PAGES:
        add(app.router, site)

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> Response:
        return PlainTextResponse("ok\n")

    app.mount("/static", StaticFiles(directory=page.HERE / "static"), name="static")
    problems.install(app)
    openapi.describe(app, collecting=collector is not None)
    # The last one added is the outermost.
    app.add_middleware(guard.BodyLimit, uploads={"/import": upload_limit})
    app.add_middleware(auth.Gate, door=door, check_token=workspace.check_token)
    app.add_middleware(guard.Surround, settings=workspace.settings)
    if collector is not None:
        app.add_middleware(CollectorEdge, collector=collector)
    return app


def sign_in_link(app: FastAPI, base: str = "") -> str:
    """A fresh one-time sign-in URL for an application; `base` is such as `http://127.0.0.1:8000`."""
    site: Site = app.state.site
    return base.rstrip("/") + site.door.new_link()
