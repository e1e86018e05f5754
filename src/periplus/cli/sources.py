"""`periplus source`: where events come from, their write keys, and how what they send is read."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.errors import InputError
from periplus.terminal import table

source_app = group("source", "Sources of events and their write keys.")


@source_app.command("add")
def source_add(
    name: Annotated[str, typer.Argument(help="What the source is called.")],
    zone: Annotated[str | None, typer.Option(help="Zone of times without an offset.")] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="A site that may send; any if none is named.")
    ] = None,
    dialect: Annotated[
        list[str] | None, typer.Option(help="A kind of requests it may send; any if none is named.")
    ] = None,
    channel: Annotated[str | None, typer.Option(help="Channel of events that name none.")] = None,
    department: Annotated[str | None, typer.Option(help="Department of events that name none.")] = None,
    consent: Annotated[
        bool | None,
        typer.Option("--consent/--no-consent", help="Is analytics allowed where nothing is known?"),
    ] = None,
    rate: Annotated[int | None, typer.Option(help="Messages a second; 0 is no limit.")] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="PERIPLUS_SOURCE_SECRET", help="What a shop signs its webhooks with; - reads it."
        ),
    ] = None,
    store: Annotated[str | None, typer.Option(help="The shop's number in Ecwid, to fetch orders.")] = None,
    token: Annotated[
        str | None,
        typer.Option(envvar="PERIPLUS_SOURCE_TOKEN", help="Secret token of Ecwid's app; - reads it."),
    ] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Make a source, or one more key of it; the write key stands alone on the last line and is shown only now."""
    given: dict[str, Any] = {
        "zone": zone, "origins": origin, "dialects": dialect, "channel": channel, "department": department,
        "consent": consent, "rate": rate, "secret": _read("secret", secret), "store": store,
        "token": _read("token", token),
    }  # fmt: skip
    with opened(workspace) as ws:
        key = ws.add_source(name, **{field: value for field, value in given.items() if value is not None})
    show({"source": name, "write_key": key}) if as_json else typer.echo(
        f"Source {name}. Its write key:\n{key}"
    )


def _read(what: str, given: str | None) -> str | None:
    """A secret as given; for `-` typed unseen, or a line of the standard input: it must stand in no history."""
    if given != "-":
        return given or None
    if sys.stdin.isatty():
        return str(typer.prompt(f"The {what}", hide_input=True, err=True)).strip()
    line = sys.stdin.readline().strip()
    if not line:
        raise InputError(
            f"No {what} came in.", hint=f"Write it: echo … | periplus source add NAME --{what} -"
        )
    return line


@source_app.command("set")
def source_set(
    file: Annotated[Path, typer.Argument(help="The source as YAML (docs/collector.md).")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Change how a source is read."""
    with opened(workspace) as ws:
        name = ws.save_source(file)
    show({"source": name}) if as_json else typer.echo(f"Source {name} is read so from now on.")


@source_app.command("list")
def source_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Where events come from."""
    with opened(workspace) as ws:
        rows = ws.sources()
    show(rows) if as_json else table(
        rows, {"name": "Source", "kind": "Kind", "keys": "Keys", "created": "Since"}, "No sources yet."
    )
