"""`periplus vocabulary`: names of other tools and the house's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import progress, table

vocabulary_app = group("vocabulary", "Names of events and properties: other tools' and the house's own.")

Since = Annotated[
    str | None, typer.Option("--since", help="Only events from this time on, such as 2026-01-01.")
]


@vocabulary_app.command("list")
def vocabulary_list(workspace: Folder = None, as_json: Json = False) -> None:
    """The vocabularies there are: the workspace's own, and the built-in ones of other tools."""
    with opened(workspace) as ws:
        rows = ws.vocabulary.listed()
    headings = {"name": "Name", "kind": "Kind", "version": "Version", "events": "Events", "properties": "Properties",
                "description": "What it is"}  # fmt: skip
    show(rows) if as_json else table(rows, headings)


@vocabulary_app.command("show")
def vocabulary_show(
    name: str,
    version: Annotated[int | None, typer.Option(help="An earlier version of the workspace's own.")] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """A vocabulary as YAML."""
    with opened(workspace) as ws:
        document = ws.vocabulary.show(name, version)
    show(document.document()) if as_json else typer.echo(document.to_yaml(), nl=False)


@vocabulary_app.command("try")
def vocabulary_try(file: Path, since: Since = None, workspace: Folder = None, as_json: Json = False) -> None:
    """Try a document on the newest events of each name; changes nothing."""
    with opened(workspace) as ws:
        changes = ws.vocabulary.try_on(file, since=since).to_dict()
    show(changes) if as_json else _print(changes, "looked at, would change")
    if not as_json:
        typer.echo(f"Nothing was changed. To use it from now on: periplus vocabulary adopt {file}")


@vocabulary_app.command("adopt")
def vocabulary_adopt(file: Path, workspace: Folder = None, as_json: Json = False) -> None:
    """Put a document in force for the events that come from now on."""
    with opened(workspace) as ws:
        adopted = ws.vocabulary.adopt(file)
    show(adopted) if as_json else typer.echo(
        f"Adopted {adopted['name']}, version {adopted['version']}. "
        "For the events that are there already: periplus vocabulary apply --dry-run"
    )


@vocabulary_app.command("apply")
def vocabulary_apply(
    since: Since = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; write nothing.")] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Apply the adopted vocabulary to the events that are there: in one step, and as often as one likes."""
    with opened(workspace) as ws, progress() as told:
        changes = ws.vocabulary.apply(since=since, dry_run=dry_run, progress=told).to_dict()
    show(changes) if as_json else _print(
        changes, "looked at, would change" if dry_run else "looked at, changed"
    )


def _print(changes: dict[str, Any], verb: str) -> None:
    typer.echo(f"{changes['events']:,} events {verb} {changes['changed']:,}.")
    table(changes["names"], {"from": "Name", "to": "Becomes", "events": "Events"})
    for key, said in (("added", "Properties added"), ("removed", "Properties taken away")):
        if changes[key]:
            typer.echo(f"\n{said}:")
            table(changes[key], {"event": "Event", "property": "Property", "events": "Events"})
    if changes["collisions"]:
        typer.echo("\nThe event has another value under the house's name; that one stays:")
        table(changes["collisions"], {"event": "Event", "property": "Property", "events": "Events"})
    several = [
        {
            "event": row["event"],
            "sent": ", ".join(f"{name} ({count:,})" for name, count in row["sent"].items()),
        }
        for row in changes["meeting"]
    ]
    if several:
        typer.echo("\nOne name for several; look whether the same act is sent twice:")
        table(several, {"event": "Event", "sent": "Sent as"})
    for row in changes["names"]:
        for example in row["examples"][:1]:
            typer.echo(f"\n{row['from']} becomes {row['to']}, for example:")
            typer.echo(
                f"  {example['before'].get('properties', {})}\n  {example['after'].get('properties', {})}"
            )
