"""Access to the API of one Ecwid shop: documents by path, bounded in time and size."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from periplus.collect.shops.body import whole
from periplus.errors import AccessError, BusyError, DocumentError, InputError, NotFoundError

BASE = "https://app.ecwid.com/api/v3"
TIMEOUT = 5.0
"""Seconds; Ecwid itself waits 10 for the reply to its webhook."""
LARGEST = 4 << 20


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A token must not follow wherever a reply points."""

    def redirect_request(self, *args: Any) -> None:
        del args


class EcwidApi:
    """`EcwidApi(store, token)("orders/XJ12H")` is the order as the shop has it now.

    Raises NotFoundError where there is none, AccessError where the token is not good for it, BusyError
    where trying again may work.
    """

    def __init__(self, store: str, token: str, base: str = BASE, timeout: float = TIMEOUT) -> None:
        address = urlsplit(base)
        if not store.isdigit() or not token:
            raise DocumentError(
                "Access to an Ecwid shop needs its number and a secret token.",
                hint="Both stand on the page of your custom app in Ecwid.",
            )
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise DocumentError(f"{base} is not an https address.", hint=f"Leave it at {BASE}.")
        self._base, self._token, self._timeout = f"{base}/{store}", token, timeout
        self._opener = urllib.request.build_opener(_NoRedirects)

    def __call__(self, path: str) -> Mapping[str, Any]:
        request = urllib.request.Request(
            f"{self._base}/{path}",
            headers={"Authorization": f"Bearer {self._token}", "Accept": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=self._timeout) as reply:
                raw = _read(reply, time.monotonic() + self._timeout)
        except urllib.error.HTTPError as problem:
            with problem:
                raise _refused(path, problem.code) from None
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise BusyError(
                f"Ecwid did not answer for {path}: {type(problem).__name__}.", hint="It is asked again."
            ) from None
        if len(raw) > LARGEST:
            raise NotFoundError(f"Ecwid's answer for {path} is larger than {LARGEST >> 20} MB.")
        try:
            return whole(raw)
        except InputError:
            raise BusyError(f"Ecwid's answer for {path} is not JSON.", hint="It is asked again.") from None


def _read(reply: http.client.HTTPResponse, until: float) -> bytes:
    """The body, as far as LARGEST; raises TimeoutError where it drips in for longer than that."""
    parts, size = [], 0
    while size <= LARGEST and (part := reply.read1(1 << 16)):
        if time.monotonic() > until:
            raise TimeoutError
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _refused(path: str, status: int) -> NotFoundError | AccessError | BusyError:
    if status == 404:
        return NotFoundError(f"Ecwid has no {path}.", hint="It was deleted meanwhile.")
    if status in (401, 403):
        return AccessError(
            f"Ecwid does not give {path} to this token.",
            hint="Give the app the rights read_orders, read_customers and read_catalog, and enter its token anew.",
        )
    return BusyError(f"Ecwid answered {status} for {path}.", hint="It is asked again.")
