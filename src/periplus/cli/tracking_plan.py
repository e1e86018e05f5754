"""`periplus plan`: which events and properties are expected."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import table

plan_app = group("plan", "The tracking plan: which events and properties are expected.")

Since = Annotated[
    str | None, typer.Option("--since", help="Only events from this time on, such as 2026-01-01.")
]
Until = Annotated[str | None, typer.Option("--until", help="Only events before this time.")]


@plan_app.command("show")
def plan_show(workspace: Folder = None, as_json: Json = False) -> None:
    """The plan in force, as YAML."""
    with opened(workspace) as ws:
        plan = ws.tracking_plan.show()
    show(plan.document()) if as_json else typer.echo(plan.to_yaml(), nl=False)


@plan_app.command("suggest")
def plan_suggest(since: Since = None, workspace: Folder = None, as_json: Json = False) -> None:
    """A plan that fits the events there are, as YAML, to begin with."""
    with opened(workspace) as ws:
        plan = ws.tracking_plan.suggest(since)
    show(plan.document()) if as_json else typer.echo(plan.to_yaml(), nl=False)


@plan_app.command("adopt")
def plan_adopt(file: Path, workspace: Folder = None, as_json: Json = False) -> None:
    """Put a plan in force. Nothing is refused because of it, unless a source is strict."""
    with opened(workspace) as ws:
        adopted = ws.tracking_plan.adopt(file)
    show(adopted) if as_json else typer.echo(
        f"Adopted version {adopted['version']}, {adopted['events']} events. See: periplus plan check"
    )


@plan_app.command("check")
def plan_check(
    file: Annotated[Path | None, typer.Argument(help="A plan; default: the one in force.")] = None,
    since: Since = None,
    until: Until = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """What arrived otherwise than planned: how often, when first and last, and an example."""
    with opened(workspace) as ws:
        rows = [found.to_dict() for found in ws.tracking_plan.check(file, since, until)]
    headings = {"wrong": "What", "event": "Event", "property": "Property", "events": "Events", "example": "Example",
                "hint": "Planned", "first": "First", "last": "Last"}  # fmt: skip
    show(rows) if as_json else table(rows, headings, "Everything arrived as planned.")
