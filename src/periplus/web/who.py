"""Who asks: what a log of actions says of a request."""

from __future__ import annotations

from starlette.requests import Request

from periplus.workspace import Workspace

BROWSER = "browser"
"""What a signed-in person is called until people have names here."""


def who(request: Request, workspace: Workspace) -> str:
    """The name of the token a program brings; for a browser's session that it is one."""
    if getattr(request.state, "session", None) is not None:
        return BROWSER
    token = request.headers.get("authorization", "").partition(" ")[2].strip()
    return (workspace.state.check("token", token) if token else None) or BROWSER
