"""`periplus export`: every event, out again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, app, opened, show
from periplus.terminal import progress


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A file that ends in .jsonl, .jsonl.gz or .parquet.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Write every event, as Segment-spec JSONL or flat Parquet, which imports again without a mapping."""
    with opened(workspace) as ws, progress() as told:
        count = ws.export(out, told)
    show({"file": str(out), "events": count}) if as_json else typer.echo(f"Wrote {count:,} events to {out}.")
