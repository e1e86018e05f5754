"""`periplus segment`: conditions on customers, kept under a name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import table

segment_app = group("segment", "Segments: conditions on customers, kept under a name.")

Now = Annotated[str | None, typer.Option("--now", help="As of this moment, such as 2026-07-01.")]


@segment_app.command("list")
def segment_list(workspace: Folder = None, as_json: Json = False) -> None:
    """The segments there are, and what each says."""
    with opened(workspace) as ws:
        rows = ws.segments.listed()
    headings = {"name": "Name", "version": "Version", "says": "Who"}
    show(rows) if as_json else table(rows, headings, "No segments yet.")


@segment_app.command("show")
def segment_show(name: str, workspace: Folder = None, as_json: Json = False) -> None:
    """A segment as YAML."""
    with opened(workspace) as ws:
        segment = ws.segments.show(name)
    show(segment.document()) if as_json else typer.echo(segment.to_yaml(), nl=False)


@segment_app.command("add")
def segment_add(file: Path, workspace: Folder = None, as_json: Json = False) -> None:
    """Keep a segment written as YAML; a known one becomes a new version."""
    with opened(workspace) as ws:
        added = ws.segments.add(file)
    for warning in added["warnings"]:
        typer.echo(f"Note: {warning}", err=True)
    show(added) if as_json else typer.echo(
        f"Kept the segment {added['name']}, version {added['version']}. See: periplus segment count {added['name']}"
    )


@segment_app.command("count")
def segment_count(name: str, now: Now = None, workspace: Folder = None, as_json: Json = False) -> None:
    """How many customers are in a segment."""
    with opened(workspace) as ws:
        found = ws.segments.count(name, now)
    show(found) if as_json else typer.echo(
        f"{found['customers']} of {found['of']} customers are in {name}, as of {found['now']}."
    )
