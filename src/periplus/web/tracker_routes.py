"""The scripts that pages of the shop load: `/periplus.js` and `/periplus-experience.js`, open to everybody and to any site.

They are built from `tracker/` into `static/`; here they get an address that is easy to write down, a fingerprint by which
browsers know that theirs is still the newest, and the compression without which they would be twice as large.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache

from fastapi import APIRouter, Request
from starlette.responses import Response

from periplus.web.page import HERE

SCRIPTS = ("periplus.js", "periplus-experience.js")
CACHE = "public, max-age=3600, stale-while-revalidate=86400"
"""An hour: a new build reaches every page of the shop within it, and an answer to "still the same?" costs nothing."""


@dataclass(frozen=True)
class Script:
    """One script as it is sent, plain and packed, and its fingerprint (the value of ETag)."""

    plain: bytes
    packed: bytes
    tag: str


@cache
def script(name: str) -> Script:
    """A script, read and packed once."""
    plain = (HERE / "static" / name).read_bytes()
    tag = hashlib.sha256(plain).hexdigest()[:16]
    return Script(plain, gzip.compress(plain, 9, mtime=0), f'"{tag}"')


def add(router: APIRouter) -> None:
    """The routes of the scripts; HEAD is answered as well."""
    for name in SCRIPTS:
        _route(router, name)


def _route(router: APIRouter, name: str) -> None:
    @router.api_route(f"/{name}", methods=["GET", "HEAD"], include_in_schema=False)
    def send(request: Request) -> Response:
        return response(script(name), request)


def response(sent: Script, request: Request) -> Response:
    """The script, or 304 for whoever has it already."""
    headers = {
        "Cache-Control": CACHE,
        "ETag": sent.tag,
        "Vary": "Accept-Encoding",
        # Any page may load it, isolated ones (COEP) included; the application's own pages stay closed to others.
        "Cross-Origin-Resource-Policy": "cross-origin",
        "Access-Control-Allow-Origin": "*",
    }
    known = request.headers.get("if-none-match", "")
    if known == "*" or sent.tag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return Response(status_code=304, headers=headers)
    packed = takes_gzip(request.headers.get("accept-encoding", ""))
    if packed:
        headers["Content-Encoding"] = "gzip"
    body = sent.packed if packed else sent.plain
    return Response(body, media_type="text/javascript", headers=headers)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip and does not refuse it.

    >>> takes_gzip("br, gzip;q=0.5"), takes_gzip("gzip;q=0"), takes_gzip("")
    (True, False, False)
    """
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
