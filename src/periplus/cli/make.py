"""`periplus init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, app, show


@app.command()
def init(
    directory: Annotated[Path | None, typer.Argument(help="A new or empty folder.")] = None,
    zone: Annotated[str, typer.Option(help="Display time zone, such as Europe/Athens.")] = "UTC",
    currency: Annotated[str, typer.Option(help="Currency, such as EUR.")] = "EUR",
    shards: Annotated[int, typer.Option(help="How many shards; fixed from then on.")] = 16,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Make a workspace: a folder that holds a shop's events, maps and settings."""
    from periplus.store import compiled
    from periplus.workspace import init as make

    target = directory or workspace
    if target is None:
        raise typer.BadParameter("name the folder to make", param_hint="DIRECTORY")
    with make(target, zone=zone, currency=currency, shards=shards) as made:
        compiled.keep_ready()
        if (problem := compiled.cache_problem()) is not None:
            typer.echo(f"Note: {problem}", err=True)
        if as_json:
            show({"workspace": str(made.path), "zone": zone, "currency": currency, "shards": shards})
        else:
            typer.echo(f"Made the workspace {target}. Next: periplus import FILE --workspace {target}")
