"""A page and its twin: one function gives the data, from which come both the HTML and the `.json`.

`Page.data` is the content, as JSON; `Page.view` holds what only the drawn page needs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from periplus.web import words

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Page:
    """What a page function returns: which template, the data (its twin), and the extras for drawing."""

    template: str
    data: Mapping[str, Any]
    view: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


PageFunction = Callable[..., Page | Response]


def link(path: str, *pairs: tuple[str, object], **query: object) -> str:
    """An address of this application with its query; mappings are written as JSON, None is left out.

    >>> link("/people", field="reached", row={"step": 1})
    '/people?field=reached&row=%7B%22step%22%3A1%7D'
    """
    flat = [
        (key, compact(value) if isinstance(value, (dict, list)) else str(value))
        for key, value in [*query.items(), *pairs]
        if value is not None and value != ""
    ]
    return f"{path}?{urlencode(flat)}" if flat else path


def compact(value: object) -> str:
    """JSON without spaces, as it goes into an address."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@cache
def environment() -> Environment:
    """The templates; sentences go through the catalogue of the current request."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.policies["ext.i18n.trimmed"] = True
    for name in (
        "number",
        "percent",
        "money",
        "amount",
        "moment",
        "clock",
        "day",
        "days",
        "moments",
        "span",
        "data_size",
        "identifier",
    ):
        env.filters[name] = getattr(words, name)
    env.filters["compact"] = compact
    env.globals.update(link=link, ratio=words.ratio, asset=asset, THIN=words.THIN)
    return env


@cache
def asset(name: str) -> str:
    """The address of a static file, with its size and time in it so that a new one is fetched."""
    found = (HERE / "static" / name).stat()
    return f"/static/{name}?v={found.st_size:x}{int(found.st_mtime) & 0xFFFFFF:x}"


def is_fragment(request: Request) -> bool:
    """Whether htmx asks for a part of the page it is on, not for a whole page."""
    headers = request.headers
    return headers.get("hx-request") == "true" and headers.get("hx-history-restore-request") != "true"


def text(request: Request, template: str, context: Mapping[str, Any]) -> Markup:
    """A filled template, with what every page has: the session's token, language, theme, nonce."""
    speech = words.speech()
    state = request.state
    return Markup(
        environment()
        .get_template(template)
        .render(
            request=request,
            path=request.url.path,
            language=speech.language.code,
            direction=speech.language.direction,
            theme=theme(request),
            csrf=getattr(state, "csrf", ""),
            nonce=getattr(state, "nonce", ""),
            signed_in=getattr(state, "session", None) is not None,
            simulated=_is_simulated(request),
            **context,
        )
    )


def _is_simulated(request: Request) -> bool:
    """Whether all events of the workspace were made by `periplus simulate`, as the demo imports them."""
    site = getattr(request.app.state, "site", None)
    live = [] if site is None else site.workspace.snapshot().manifest.batches
    return bool(live) and all(batch.source == "simulated" for batch in live)


def render(request: Request, template: str, context: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """A filled template as the response."""
    # htmx and whole pages share an address, so a cache must not mix them up.
    headers = {"Vary": "HX-Request, Cookie, Accept-Language", "Cache-Control": "no-store"}
    return HTMLResponse(text(request, template, context), status, headers)


def theme(request: Request) -> str:
    """`light` or `dark` where the person chose one, else `auto`."""
    chosen = request.cookies.get("periplus_theme", "auto")
    return chosen if chosen in ("light", "dark") else "auto"


def finite(value: Any) -> Any:
    """The same data with numbers JSON cannot hold (NaN, infinity) as null and keys as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(inner) for inner in value]
    return value


def json_response(data: object, status: int = 200) -> Response:
    """JSON as every twin and API route gives it."""
    body = json.dumps(finite(data), ensure_ascii=False, separators=(",", ":"), default=str)
    return Response(
        body.encode("utf-8", "backslashreplace"),
        status,
        {"Cache-Control": "no-store"},
        media_type="application/json",
    )


def add_page(router: APIRouter, path: str, function: PageFunction, *, name: str) -> None:
    """Serve a page at `path` and its twin at `path.json`; the twin first, as `{id}` would swallow it."""

    def twin(request: Request) -> Response:
        made = function(request, **request.path_params)
        return made if isinstance(made, Response) else json_response(made.data, made.status)

    def whole(request: Request) -> Response:
        made = function(request, **request.path_params)
        if isinstance(made, Response):
            return made
        context = {"data": made.data, "title": made.title, **made.view}
        response = render(request, made.template, context, made.status)
        response.headers.update(made.headers)
        return response

    router.add_api_route(f"{path}.json", twin, name=f"{name}.json", include_in_schema=False)
    router.add_api_route(path, whole, name=name, include_in_schema=False)


def trusted(svg: str, nonce: str) -> Markup:
    """A picture our own code drew, to be put into a page: its style element gets the page's nonce."""
    return Markup(svg.replace("<style>", f'<style nonce="{nonce}">', 1))
