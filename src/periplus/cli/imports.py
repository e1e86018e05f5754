"""`periplus import`, `batch` and `ledger`: files in, and what became of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, app, group, opened, show
from periplus.errors import InputError
from periplus.terminal import plan as show_plan
from periplus.terminal import progress, table

batch_app = group("batch", "Imports: list them, take one back.")


@app.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, JSONL or Parquet, plain or compressed.")],
    mapping: Annotated[Path | None, typer.Option(help="What the columns mean (YAML).")] = None,
    source: Annotated[str | None, typer.Option(help="Name of the source; default: the mapping's.")] = None,
    replace: Annotated[int | None, typer.Option(help="Undo this batch in the same step.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; write nothing.")] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Bring events in. The same file twice adds nothing; a batch can be undone."""
    with opened(workspace) as ws, progress() as told:
        result = ws.import_file(
            files, mapping=mapping, source=source, replace=replace, dry_run=dry_run, progress=told
        )
    if dry_run:
        show(result.to_dict()) if as_json else show_plan(result)
        return
    if as_json:
        show(result.to_dict())
    else:
        typer.echo(
            f"Batch {result.batch}: {result.rows:,} rows = {result.accepted:,} accepted + {result.duplicate:,} duplicate "
            f"+ {result.rejected:,} rejected + {result.withheld:,} withheld; {result.events:,} new events."
        )
        for warning in result.warnings:
            typer.echo(f"Note: {warning}")
        if result.duplicate and not result.accepted:
            typer.echo(
                "All of it was here already. To bring the rows anew under a mended mapping use --replace BATCH."
            )
        if result.rejected:
            typer.echo(f"See why: periplus ledger --batch {result.batch} --outcome rejected")
    if result.rows and result.rejected == result.rows:
        raise InputError(
            "Every row was rejected.", hint="Look at the reasons, mend the mapping, and import again."
        )


@batch_app.command("list")
def batch_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Every import, the newest first."""
    with opened(workspace) as ws:
        rows = ws.batches()
    if as_json:
        show(rows)
        return
    for row in rows:
        row["names"] = ", ".join(file["name"] for file in row["files"])
    headings = {"id": "Batch", "created": "When", "source": "Source", "rows": "Rows", "accepted": "Accepted",
                "duplicate": "Duplicate", "rejected": "Rejected", "withheld": "Withheld", "events": "Events",
                "undone": "Undone", "names": "Files"}  # fmt: skip
    table(rows, headings, "Nothing was imported yet.")


@batch_app.command("undo")
def batch_undo(
    batch: Annotated[int, typer.Argument(help="Its number, as `batch list` shows it.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Take an import back, as if it had never been."""
    with opened(workspace) as ws, progress() as told:
        row = ws.undo(batch, told)
    show(row) if as_json else typer.echo(f"Batch {batch} is undone; {row['events']:,} events left with it.")


@app.command()
def ledger(
    batch: Annotated[int | None, typer.Option(help="Only this batch.")] = None,
    outcome: Annotated[str | None, typer.Option(help="accepted, duplicate or rejected.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many rows.")] = 100,
    counts: Annotated[bool, typer.Option("--counts", help="Numbers by source and hour of receipt.")] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """What became of every row of a file, and of every message received: outcome and reason."""
    with opened(workspace) as ws:
        rows = ws.ledger_counts()[:limit] if counts else ws.ledger(batch=batch, outcome=outcome, limit=limit)
    if as_json:
        show(rows)
        return
    headings = {"batch": "Batch", "source": "Source", "file": "File", "line": "Line", "outcome": "Outcome",
                "column": "Column", "value": "Value", "reason": "Why"}  # fmt: skip
    if counts:
        headings = {"source": "Source", "hour": "Hour", "received": "Received", "accepted": "Accepted",
                    "duplicate": "Duplicate", "rejected": "Rejected", "withheld": "Withheld"}  # fmt: skip
    table(rows, headings, "No such rows.")
