"""`periplus serve`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, app, opened, say


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8765,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Serve the application; prints a sign-in link, good once, alone on a line."""
    from periplus.web.serve import serve as run

    def say_json(text: str) -> None:
        if text.startswith("http"):
            say(json.dumps({"url": text}))

    with opened(workspace) as ws, ws.serving():
        run(ws, host=host, port=port, say=say_json if as_json else say)
