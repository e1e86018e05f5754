"""`periplus simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, app, show
from periplus.terminal import progress


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="A file that ends in .jsonl, .jsonl.gz or .parquet.")],
    events: Annotated[int, typer.Option(help="About how many events.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same file.")] = 1,
    truth: Annotated[Path | None, typer.Option(help="Write here what was planted (JSON).")] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Write the events of a shop that does not exist, for demos, tests and load; needs no workspace."""
    del workspace
    from periplus.simulate import simulate as run

    with progress() as told:
        count = run(out, events, seed, truth, progress=told)["events"]
    show({"file": str(out), "events": count}) if as_json else typer.echo(f"Wrote {count:,} events to {out}.")
