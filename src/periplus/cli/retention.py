"""`periplus retention`: how long events are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.cli.persons import who
from periplus.terminal import progress, table

retention_app = group("retention", "How long the events of each source are kept.")


@retention_app.command("show")
def retention_show(workspace: Folder = None, as_json: Json = False) -> None:
    """The rules in force, as YAML."""
    with opened(workspace) as ws:
        rules = ws.retention.rules()
    show(rules.document()) if as_json else typer.echo(rules.yaml(), nl=False)


@retention_app.command("set")
def retention_set(
    rules: Annotated[Path, typer.Argument(help="Rules as YAML; docs/erasure.md has every key.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would leave; nothing is changed.")
    ] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Put rules in force: for what comes in at once, for what is there with the next run."""
    with opened(workspace) as ws, progress() as told:
        found = ws.retention.trial(rules, progress=told)
        version = None if dry_run else ws.retention.adopt(rules, who=who())
    if as_json:
        show({**found, "rules_version": version})
        return
    _said(found, "would leave")
    if version is not None:
        typer.echo(
            f"In force, as version {version} of the rules; `periplus retention run` removes what is there."
        )


@retention_app.command("run")
def retention_run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count; nothing is changed.")] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Remove what is older than the rules keep it; a server does this every day."""
    with opened(workspace) as ws, progress() as told:
        book = ws.retention
        found = book.trial(book.rules(), progress=told) if dry_run else book.run(who=who(), progress=told)
    show(found) if as_json else _said(found, "would leave" if dry_run else "are gone")


def _said(found: dict[str, Any], what: str) -> None:
    typer.echo(f"{found['events']:,} events {what}.")
    rows = [
        {"source": name, "events": count, "before": found["limits"].get(name, found["limits"].get("*"))}
        for name, count in found["sources"].items()
    ]
    if rows:
        table(rows, {"source": "Source", "events": "Events", "before": "From before"})
