"""`periplus consent`: what customers allowed."""

from __future__ import annotations

from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.terminal import table

consent_app = group("consent", "What customers allowed, by purpose.")


@consent_app.command("show")
def consent_show(
    customer: Annotated[
        str, typer.Argument(help="A user id, an e-mail address, or the customer's 16 digits.")
    ],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """What a customer allows now, and how that came about."""
    with opened(workspace) as ws:
        found = ws.consent(customer)
    if as_json:
        show(found)
        return
    rows = [{"purpose": name, **row} for name, row in found["purposes"].items()]
    headings = {
        "purpose": "Purpose",
        "given": "Allowed",
        "time": "Since",
        "source": "Source",
        "kind": "Said by",
    }
    table([{**row, "given": "yes" if row["given"] else "no"} for row in rows], headings, "Nothing was said.")


@consent_app.command("set")
def consent_set(
    customer: Annotated[
        str, typer.Argument(help="A user id, an e-mail address, or the customer's 16 digits.")
    ],
    allow: Annotated[
        list[str] | None, typer.Option(help="A purpose that is allowed; may be repeated.")
    ] = None,
    refuse: Annotated[
        list[str] | None, typer.Option(help="A purpose that is refused; may be repeated.")
    ] = None,
    source: Annotated[str, typer.Option(help="Where it was said: a call, a letter.")] = "by hand",
    time: Annotated[str | None, typer.Option(help="When; default: now.")] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Store what a customer said elsewhere."""
    if not allow and not refuse:
        from periplus.collect.purposes import PURPOSES

        raise typer.BadParameter(f"name a purpose with --allow or --refuse: {', '.join(PURPOSES)}")
    said = dict.fromkeys(allow or [], True) | dict.fromkeys(refuse or [], False)
    with opened(workspace) as ws:
        count = ws.set_consent(customer, said, source, time)
    show({"changes": count}) if as_json else typer.echo(f"Stored; {count} changes.")
