"""`periplus source`: where events come from, and their write keys."""

from __future__ import annotations

from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import table

source_app = group("source", "Sources of events and their write keys.")


@source_app.command("add")
def source_add(
    name: Annotated[str, typer.Argument(help="What the source is called.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Make a source; its write key stands alone on the last line and is shown only now."""
    with opened(workspace) as ws:
        key = ws.add_source(name)
    show({"source": name, "write_key": key}) if as_json else typer.echo(
        f"Source {name}. Its write key:\n{key}"
    )


@source_app.command("list")
def source_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Where events come from."""
    with opened(workspace) as ws:
        rows = ws.sources()
    show(rows) if as_json else table(
        rows, {"name": "Source", "kind": "Kind", "created": "Since"}, "No sources yet."
    )
