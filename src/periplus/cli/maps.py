"""`periplus map`: journey maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import table

map_app = group("map", "Journey maps.")


@map_app.command("list")
def map_list(workspace: Folder = None, as_json: Json = False) -> None:
    """The maps there are."""
    with opened(workspace) as ws:
        rows = ws.maps()
    show(rows) if as_json else table(rows, {"id": "Id", "name": "Name"}, "No maps yet.")


@map_app.command("show")
def map_show(name: str, workspace: Folder = None, as_json: Json = False) -> None:
    """A map as YAML."""
    with opened(workspace) as ws:
        document = ws.map(name)
    show(document.document()) if as_json else typer.echo(document.to_yaml())


@map_app.command("add")
def map_add(file: Path, workspace: Folder = None, as_json: Json = False) -> None:
    """Store a map written as YAML."""
    with opened(workspace) as ws:
        name = ws.add_map(file)
    show({"id": name}) if as_json else typer.echo(f"Stored the map {name}.")


@map_app.command("export")
def map_export(
    name: str,
    out: Annotated[Path, typer.Argument(help="A file that ends in .svg, .png, .html or .yaml.")],
    since: Annotated[str | None, typer.Option("--from", help="Journeys begun from here on.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Journeys begun before this.")] = None,
    now: Annotated[str | None, typer.Option(help="Read up to this moment.")] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Write a map with its numbers to a file."""
    from periplus.maps.export import write

    period = {key: value for key, value in (("from", since), ("to", until)) if value is not None}
    with opened(workspace) as ws:
        write(ws, name, out, period=period or None, now=now)
    show({"map": name, "file": str(out)}) if as_json else typer.echo(f"Wrote {out}.")
