"""The server: one process, the application and the collector on uvicorn, and a sign-in link alone on a line."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import uvicorn

from periplus.errors import PeriplusError, StoreError
from periplus.people.retention_book import Daily
from periplus.question import kinds
from periplus.watch.scheduler import Scheduler
from periplus.web.app import create_app, sign_in_link
from periplus.web.collector import CollectorEdge

if TYPE_CHECKING:
    from periplus.workspace import Workspace

GRACE = 10
"""Seconds that requests have to end when the server is told to stop."""
SWITCH = 0.0002
"""Seconds after which a thread that computes lets the others go on: the inbox's writer asks for its turn several times a
commit, and everybody whose events are in it waits for that."""
COLLECT = (50_000, 20, 50)
"""How many new objects it takes to look for garbage; a batch of events is a few thousand that go by themselves."""

log = logging.getLogger("periplus.web")


def serve(workspace: Workspace, *, host: str, port: int, say: Callable[[str], None] = print) -> None:
    """Serve until interrupted; port 0 takes a free one. The link is printed once the port is ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as problem:
        listening.close()
        raise StoreError(
            f"Port {port} of {host} cannot be taken: {problem.strerror}.",
            code="port",
            hint="Stop what uses it, or choose another with --port.",
        ) from None
    taken = listening.getsockname()[1]
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    sys.setswitchinterval(SWITCH)
    for kind in kinds:
        kinds[kind]  # loaded before the first request, which should not wait for it
    gc.collect()
    gc.freeze()  # what is loaded stays; looking through it again and again would hold requests up
    gc.set_threshold(*COLLECT)
    # uvicorn ends by raising the signal that stopped it once more; it must not end us before the inbox is brought in.
    signal.signal(signal.SIGTERM, _leave)
    try:
        _finish_erasures(workspace)
        with workspace.collector(apart=True) as collector, Scheduler(workspace), Daily(workspace.retention):
            app = create_app(workspace, announce=say, collector=collector)
            say("Sign in with this link; it is good once:")
            say(sign_in_link(app, f"http://{shown}:{taken}"))
            config = uvicorn.Config(
                CollectorEdge(app, collector),  # events need nothing of what is around the pages
                log_level="warning",
                server_header=False,
                access_log=False,
                timeout_graceful_shutdown=GRACE,
            )
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listening])
    finally:
        gc.unfreeze()
        listening.close()


def _finish_erasures(workspace: Workspace) -> None:
    """Go on with erasures that were stopped, before anything else comes in."""
    try:
        for proof in workspace.erasures.finish():
            log.warning("erasure %d had been stopped, and is finished", proof["number"])
    except PeriplusError as problem:
        log.error("an erasure that had been stopped could not be finished: %s", problem)


def _leave(number: int, frame: object) -> None:
    del number, frame
    raise SystemExit(0)
