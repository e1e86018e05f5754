"""A file fetched from an address of the web, within limits of time and size, and only where that is allowed.

A name is resolved once, every address it has is checked, and the connection goes to one that was checked, so
that a name cannot mean something else a moment later. Each redirection is checked like the first address.
Proxies of the environment are not used.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from periplus.errors import InputError
from periplus.watch.document import check_url, shown_url

SECONDS = 600.0
"""How long a fetch may take in all; a silence of `PATIENCE` ends it too."""
PATIENCE = 30.0
LARGEST = 4 << 30
"""Bytes of the largest file that is fetched."""
REDIRECTIONS = 5
_MOVED = (301, 302, 303, 307, 308)
_ENDINGS = {
    "text/csv": ".csv", "application/csv": ".csv", "application/json": ".jsonl", "application/x-ndjson": ".jsonl",
    "application/jsonl": ".jsonl", "application/vnd.apache.parquet": ".parquet",
}  # fmt: skip

Resolve = Callable[..., Sequence[Any]]


@dataclass(frozen=True)
class Fetched:
    """What a server answered: the file (None: it is as it was), and how to ask for it next time."""

    path: Path | None
    etag: str
    modified: str


def fetch(
    url: str,
    folder: Path,
    *,
    private: bool = False,
    etag: str = "",
    modified: str = "",
    largest: int = LARGEST,
    seconds: float = SECONDS,
    resolve: Resolve = socket.getaddrinfo,
) -> Fetched:
    """Fetch an address into a file of `folder`; `etag` and `modified` are those of the time before.

    Raises InputError, retryable in the next round, for whatever goes wrong; its words hold no secrets.
    """
    deadline = time.monotonic() + seconds
    asked = url
    for _ in range(REDIRECTIONS + 1):
        connection, path, headers = _connection(asked, private, deadline, resolve)
        if etag:
            headers["If-None-Match"] = etag
        if modified:
            headers["If-Modified-Since"] = modified
        alarm = threading.Timer(max(0.0, deadline - time.monotonic()), _cut, [connection])
        alarm.daemon = True
        alarm.start()
        try:
            connection.request("GET", path, headers=headers)
            with connection.getresponse() as response:
                if response.status in _MOVED:
                    asked = _moved(asked, response.getheader("Location"))
                    continue
                if response.status == 304:
                    return Fetched(None, etag, modified)
                if response.status != 200:
                    raise _problem(asked, f"the server answered {response.status}", "status")
                taken = folder / _name(asked, response.getheader("Content-Type"))
                _save(response, taken, asked, largest, deadline)
                tags = [response.getheader(name) or "" for name in ("ETag", "Last-Modified")]
                return Fetched(taken, *tags)
        except (OSError, ValueError, http.client.HTTPException) as problem:
            if time.monotonic() >= deadline:
                raise _problem(asked, f"it took longer than {seconds:g} seconds", "slow") from None
            raise _problem(asked, _said(problem), "connection") from None
        finally:
            alarm.cancel()
            connection.close()
    raise _problem(url, f"it leads on more than {REDIRECTIONS} times", "redirects")


def _connection(
    url: str, private: bool, deadline: float, resolve: Resolve
) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """A connection to an address that was checked, the path to ask for, and headers."""
    try:
        check_url(url)
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii") if parts.hostname else ""
    except (ValueError, UnicodeError) as problem:
        raise _problem(url, str(problem) or "that is no address of the web", "address") from None
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    address = _checked(url, host, port, private, resolve)
    connection = (_Secure if secure else _Plain)(host, port, address, deadline)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    if parts.query:
        path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?[]")
    headers = {"User-Agent": "Periplus", "Accept": "*/*", "Accept-Encoding": "identity"}
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    return connection, path, headers


def _checked(url: str, host: str, port: int, private: bool, resolve: Resolve) -> str:
    """One address of a host, all of which may be asked; raises InputError for one's own network."""
    try:
        found = [str(row[4][0]) for row in resolve(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        raise _problem(url, f"no computer is known by the name {host}", "name") from None
    if not found:
        raise _problem(url, f"no computer is known by the name {host}", "name")
    if not private and not all(is_public(address) for address in found):
        raise InputError(
            f"{shown_url(url)} lies in this computer's own network.",
            code="private_address",
            hint="If that is meant, add the watch with --private.",
        )
    return found[0]


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet: not this computer, not its network, not a neighbour's.

    >>> [is_public(each) for each in ("93.184.216.34", "127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1%eth0")]
    [True, False, False, False, False, False]
    """
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
    return ip.is_global and not ip.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class _Plain(http.client.HTTPConnection):
    """A connection to an address, whatever its name has come to mean since."""

    def __init__(self, host: str, port: int, address: str, deadline: float) -> None:
        super().__init__(host, port)
        self.address, self.deadline = address, deadline

    def connect(self) -> None:
        patience = min(PATIENCE, max(0.1, self.deadline - time.monotonic()))
        self.sock = socket.create_connection((self.address, self.port), timeout=patience)
        if time.monotonic() >= self.deadline:  # the alarm found nothing to cut
            raise TimeoutError


class _Secure(_Plain):
    """The same, encrypted; the certificate must be that of the name."""

    default_port = 443

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _cut(connection: http.client.HTTPConnection) -> None:
    """End a connection from outside, whatever it is waiting for."""
    if (sock := connection.sock) is not None:
        try:
            socket.socket.shutdown(sock, socket.SHUT_RDWR)
        except OSError:
            return


def _moved(url: str, location: str | None) -> str:
    """Where a redirection leads; a name and password go along only to the same host."""
    if not location:
        raise _problem(url, "it leads on, and does not say where", "redirects")
    before, after = urlsplit(url), urlsplit(urljoin(url, location))
    if after.scheme not in ("http", "https") or (before.scheme == "https" and after.scheme == "http"):
        raise _problem(
            url, "it leads on to an address that is not encrypted, or none of the web", "redirects"
        )
    same = (before.scheme, before.hostname, before.port) == (after.scheme, after.hostname, after.port)
    if same and before.username is not None and after.username is None:
        after = after._replace(netloc=f"{before.netloc.rpartition('@')[0]}@{after.netloc}")
    return after.geturl()


def _save(response: http.client.HTTPResponse, path: Path, url: str, largest: int, deadline: float) -> None:
    said = response.getheader("Content-Length")
    expected = int(said) if said is not None and said.isdecimal() else None
    if expected is not None and expected > largest:
        raise _problem(url, f"the file has more than {largest:,} bytes", "large")
    taken = 0
    with path.open("wb") as out:
        while block := response.read1(1 << 16):
            taken += len(block)
            if taken > largest:
                raise _problem(url, f"the file has more than {largest:,} bytes", "large")
            if time.monotonic() > deadline:
                raise TimeoutError
            out.write(block)
    if time.monotonic() > deadline or (expected is not None and taken != expected):
        raise http.client.IncompleteRead(b"", expected)


def _name(url: str, content_type: str | None) -> str:
    """A name for the file: the last part of the address, with an ending that says what it is."""
    last = unquote(urlsplit(url).path.rstrip("/").rsplit("/", 1)[-1])
    name = re.sub(r"[^\w.\-]+", "_", last).strip("._")[:100] or "fetched"
    kind = (content_type or "").split(";")[0].strip().lower()
    return name if "." in name else name + _ENDINGS.get(kind, ".csv")


def _said(problem: Exception) -> str:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {problem.verify_message}"
    if isinstance(problem, TimeoutError):
        return f"it said nothing for {PATIENCE:g} seconds"
    if isinstance(problem, http.client.IncompleteRead):
        return "the file was cut off"
    if isinstance(problem, OSError):
        return (problem.strerror or "the connection broke").lower()
    return "its answer is not readable as HTTP"


def _problem(url: str, why: str, code: str) -> InputError:
    return InputError(
        f"{shown_url(url)} could not be fetched: {why}.",
        code=f"fetch_{code}",
        hint="It is tried again at the watch's next turn.",
    )
