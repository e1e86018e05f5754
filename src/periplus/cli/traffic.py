"""`periplus traffic`: which events are of bots or of the shop's own people, and left out of answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import progress

traffic_app = group("traffic", "Bots and internal traffic: what is left out of answers.")

Rules = Annotated[Path, typer.Argument(help="Rules as YAML; docs/traffic.md has every key.")]


@traffic_app.command("show")
def traffic_show(workspace: Folder = None, as_json: Json = False) -> None:
    """The rules in force, as YAML."""
    with opened(workspace) as ws:
        rules = ws.traffic_rules()
    show(rules.document()) if as_json else typer.echo(rules.yaml(), nl=False)


@traffic_app.command("try")
def traffic_try(rules: Rules, workspace: Folder = None, as_json: Json = False) -> None:
    """What rules would leave out of the events that are there; changes nothing."""
    with opened(workspace) as ws:
        found = ws.try_traffic(rules).document()
    if as_json:
        show(found)
        return
    for line in _said(found):
        typer.echo(line)


@traffic_app.command("adopt")
def traffic_adopt(rules: Rules, workspace: Folder = None, as_json: Json = False) -> None:
    """Put rules in force, for the events that are there and for those to come."""
    with opened(workspace) as ws, progress() as told:
        version = ws.adopt_traffic(rules, progress=told)
    if as_json:
        show({"version": version})
    else:
        typer.echo(f"Adopted, as version {version} of the rules. Earlier rules adopted again undo this.")


def _said(found: dict[str, Any]) -> list[str]:
    """A trial in plain lines."""
    lines = [f"{found['left_out']:,} of {found['events']:,} events would be left out."]
    names = {
        "says so": "say so themselves (context.bot or context.internal)",
        "bot": "of known bots",
        "user agent": "by their user agent",
        "address": "by their address",
        "staff": "of staff",
        "e-mail": "by their e-mail address",
    }
    lines += [f"  {events:,} {names[reason]}" for reason, events in found["reasons"].items()]
    lines.append(f"Newly left out: {found['goes']:,}. Counted again: {found['returns']:,}.")
    if found["agents"]:
        lines.append("User agents left out:")
        lines += [f"  {each['events']:>9,}  {each['user_agent'][:100]}" for each in found["agents"]]
    if found["idle"]:
        lines.append(f"No event meets: {', '.join(found['idle'][:20])}.")
    return lines
