"""`periplus token`: who may use the HTTP API."""

from __future__ import annotations

from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import table

token_app = group("token", "Tokens for the HTTP API.")


@token_app.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Make a token for the HTTP API; it stands alone on the last line and is shown only now."""
    with opened(workspace) as ws:
        token = ws.add_token(name)
    show({"name": name, "token": token}) if as_json else typer.echo(f"Token for {name}:\n{token}")


@token_app.command("list")
def token_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Who has a token."""
    with opened(workspace) as ws:
        rows = ws.tokens()
    show(rows) if as_json else table(rows, {"name": "Name", "created": "Since"}, "No tokens yet.")
