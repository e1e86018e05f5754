"""A proxy in front of the server that behaves as networks and busy servers do, in an order that is known."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FINE, BUSY, UNAVAILABLE, LOST, UNANSWERED = "fine", "busy", "unavailable", "lost", "unanswered"
"""Passed on; 429; 503; the connection dropped before anything is passed on; dropped once the server has answered."""
STORM = (UNANSWERED, FINE, UNAVAILABLE, FINE, LOST, FINE, BUSY, FINE)
"""What happens to the first requests, one after another; the rest is fine."""
STATUS = {BUSY: 429, UNAVAILABLE: 503}
WAIT = "1"
"""Retry-After of a busy answer, in seconds."""
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"})


@dataclass
class Weather:
    """The proxy's address, and how often each thing happened."""

    base: str
    happened: Counter[str] = field(default_factory=Counter)
    statuses: list[int] = field(default_factory=list)
    """What the server behind answered to what was passed on, apart from preflights and settings."""


@contextmanager
def weather(server: str, plan: Sequence[str] = ()) -> Iterator[Weather]:
    """A proxy for `server` (scheme and host), with the plan's faults for the first requests that carry events."""
    left = list(plan)
    alone = threading.Lock()
    target = urlsplit(server)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            pass

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except ConnectionError:  # a browser that was closed
                self.close_connection = True

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            events = self.command == "POST" or "data=" in self.path or "_k=" in self.path
            with alone:
                what = left.pop(0) if events and left else FINE
                if events:
                    now.happened[what] += 1
            if what == LOST:
                return self.drop()
            if what in STATUS:
                return self.tell(STATUS[what], {"Retry-After": WAIT, **self.open()}, b"{}")
            inner = http.client.HTTPConnection(target.hostname or "", target.port, timeout=120)
            named = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            inner.request(self.command, self.path, body or None, named)
            answer = inner.getresponse()
            said = answer.read()
            inner.close()
            if events:
                now.statuses.append(answer.status)
            if what == UNANSWERED:
                return self.drop()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP}
            return self.tell(answer.status, kept, said)

        def open(self) -> dict[str, str]:
            """What lets the page of another origin see the answer."""
            origin = self.headers.get("origin")
            allowed = {
                "Access-Control-Allow-Credentials": "true",
                "Access-Control-Expose-Headers": "Retry-After",
            }
            return {"Access-Control-Allow-Origin": origin, **allowed} if origin else {}

        def tell(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def drop(self) -> None:
            self.close_connection = True
            self.connection.close()

        do_GET = do_POST = do_OPTIONS = pass_on  # noqa: N815

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A connection that breaks is what this server is for."""

    with Server(("127.0.0.1", 0), Handler) as proxy:
        now = Weather(f"http://127.0.0.1:{proxy.server_port}")
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        yield now
        proxy.shutdown()
        thread.join(5)
