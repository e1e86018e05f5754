"""`periplus ask` and `people`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, app, opened, read, show
from periplus.errors import InputError


@app.command()
def ask(
    question: Annotated[Path, typer.Argument(help="A question as JSON; - reads standard input.")],
    workspace: Folder = None,
    as_json: Json = True,
) -> None:
    """Answer a question; prints the Answer as JSON."""
    del as_json
    with opened(workspace) as ws:
        show(ws.ask(read(question)).to_dict())


@app.command()
def people(
    question: Annotated[Path, typer.Argument(help="A question as JSON; - reads standard input.")],
    row: Annotated[str, typer.Option(help="Key fields of the row, such as '{\"step\": 1}'.")],
    field: Annotated[str, typer.Option(help="The count to open, such as reached.")],
    workspace: Folder = None,
    as_json: Json = True,
) -> None:
    """Who is behind a number of an answer; prints JSON."""
    del as_json
    try:
        key = json.loads(row)
    except ValueError:
        raise InputError(f"--row {row!r} is not JSON.", hint="Write it such as '{\"step\": 1}'.") from None
    if not isinstance(key, dict):
        raise InputError("--row is a JSON object.", hint="Write it such as '{\"step\": 1}'.")
    with opened(workspace) as ws:
        show(ws.people(read(question), key, field))
