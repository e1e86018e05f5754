"""Two servers on loopback: one that records what the tracker sends, and one that serves the pages of a shop.

They stand on different ports, so a page and its collector are different origins, as they are in life.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from periplus.web.tracker_routes import SCRIPTS, script

LOST = "lost"
"""An answer that never comes: the request is taken, and the connection closed."""


@dataclass
class Answer:
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Received:
    """One request: its text, and its headers by lower-case name."""

    body: str
    headers: dict[str, str]
    at: float
    answer: Answer | str

    @property
    def batch(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.body)["batch"]
        return found


class Recorder:
    """A collector that keeps what it is sent; `answers` are given in turn, then 200."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[Answer | str] = []
        self.always: Answer | str | None = None
        self.asked_permission = 0
        self.lock = threading.Lock()
        self.base = ""

    def take(self, body: str, headers: dict[str, str]) -> Answer | str:
        with self.lock:
            answer = self.always or (self.answers.pop(0) if self.answers else Answer())
            self.received.append(Received(body, headers, time.monotonic(), answer))
            return answer

    @property
    def messages(self) -> list[dict[str, Any]]:
        """Every message of every request that was committed, whether its sender heard of it or not."""
        taken = [
            one for one in self.received if one.answer == LOST or getattr(one.answer, "status", 0) == 200
        ]
        return [message for one in taken for message in one.batch]

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """The same, each message once, as a collector counts them."""
        return list({message["messageId"]: message for message in self.messages}.values())

    def named(self, event: str) -> list[dict[str, Any]]:
        """The accepted events of a name; `page` and `identify` are types."""
        return [m for m in self.accepted if m.get("event", m["type"]) == event]

    def wait(self, event: str, count: int = 1, seconds: float = 60) -> list[dict[str, Any]]:
        """The events of a name, once there are so many."""
        until(lambda: len(self.named(event)) >= count, seconds, lambda: f"{event}: {self.names()}")
        return self.named(event)

    def names(self) -> list[str]:
        """As they came in: requests may overtake each other."""
        return [m.get("event", m["type"]) for m in self.accepted]

    def told(self) -> list[dict[str, Any]]:
        """The accepted messages as they were said: times, and within them ids, say what came after what."""
        return sorted(self.accepted, key=lambda message: (message["timestamp"], message["messageId"]))


def until(true: Callable[[], bool], seconds: float = 60, said: Callable[[], str] = str) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, said()
        time.sleep(0.02)


@dataclass
class Pages:
    """The pages of a shop by path, each with headers of its own."""

    base: str = ""
    pages: dict[str, tuple[str, str, dict[str, str]]] = field(default_factory=dict)

    def add(self, path: str, body: str, *, kind: str = "text/html", **headers: str) -> str:
        """Puts a page up; returns its address."""
        self.pages[path] = (kind, body, {name.replace("_", "-"): value for name, value in headers.items()})
        return self.base + path


class _Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def _running(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


@contextmanager
def recording() -> Iterator[Recorder]:
    """A recorder that also serves the two scripts."""
    recorder = Recorder()
    open_to_all = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}

    class Handler(_Quiet):
        def do_GET(self) -> None:
            name = urlsplit(self.path).path.strip("/")
            if name in SCRIPTS:
                self.answer(200, "text/javascript", script(name).plain, open_to_all)
            else:
                self.answer(404, "text/plain", b"", open_to_all)

        def do_OPTIONS(self) -> None:
            recorder.asked_permission += 1
            self.answer(403, "text/plain", b"", {})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            answer = recorder.take(body, {name.lower(): value for name, value in self.headers.items()})
            if isinstance(answer, str):
                self.close_connection = True
                return
            self.answer(answer.status, "application/json", b"{}", {**open_to_all, **answer.headers})

    with _running(Handler) as base:
        recorder.base = base
        yield recorder


@contextmanager
def serving() -> Iterator[Pages]:
    """The pages of a shop."""
    shop = Pages()

    class Handler(_Quiet):
        def do_GET(self) -> None:
            found = shop.pages.get(urlsplit(self.path).path)
            kind, body, headers = found or ("text/plain", "nothing here", {})
            self.answer(200 if found else 404, kind, body.encode(), headers)

    with _running(Handler) as base:
        shop.base = base
        yield shop


@contextmanager
def folder(path: Path, **headers: str) -> Iterator[str]:
    """The files of a folder, as `python -m http.server` serves them, with headers of one's own."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def end_headers(self) -> None:
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            super().end_headers()

    with _running(partial(Handler, directory=str(path))) as base:
        yield base
