"""`periplus doctor`."""

from __future__ import annotations

import sys

from periplus.cli.command import Folder, Json, app, opened, show
from periplus.errors import NotFoundError
from periplus.terminal import table


@app.command()
def doctor(workspace: Folder = None, as_json: Json = False) -> None:
    """Check the installation and the workspace, and prepare what is compiled once."""
    from periplus.doctor import examine

    try:
        ws = opened(workspace)
    except NotFoundError:
        if workspace is not None:
            raise
        ws = None
    checks = examine(ws)
    show(checks) if as_json else table(checks, {"check": "Check", "state": "State", "detail": "Detail"}, "")
    if any(check["state"] == "problem" for check in checks):
        sys.exit(1)
