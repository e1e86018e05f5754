"""The server: one process, the application on uvicorn, and a sign-in link printed alone on a line."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvicorn

from periplus.errors import StoreError
from periplus.watch.scheduler import Scheduler
from periplus.web.app import create_app, sign_in_link

if TYPE_CHECKING:
    from periplus.workspace import Workspace


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
    app = create_app(workspace, announce=say)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    say("Sign in with this link; it is good once:")
    say(sign_in_link(app, f"http://{shown}:{taken}"))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False))
    try:
        with Scheduler(workspace):
            server.run(sockets=[listening])
    finally:
        listening.close()
