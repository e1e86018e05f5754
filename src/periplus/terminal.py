"""What the command line prints: tables, a progress bar, and the plan of an import."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer


def table(rows: list[dict[str, Any]], columns: dict[str, str], empty: str = "") -> None:
    """Print rows as a table; `columns` maps keys to headings."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        typer.echo(empty)
        return
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for key, heading in columns.items():
        numeric = all(isinstance(row.get(key), int | float | None) for row in rows)
        drawn.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        # As plain text: what stands in a file is never markup.
        drawn.add_row(*(Text("" if row.get(key) is None else str(row[key])) for key in columns))
    Console().print(drawn)


def _unseen(done: int, total: int, what: str = "") -> None:
    del done, total, what


@contextmanager
def progress() -> Iterator[Callable[[int, int, str], None]]:
    """A bar on standard error while one looks; nothing where nobody does."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _unseen
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def move(done: int, total: int, what: str = "") -> None:
            bar.update(task, completed=done, total=total or None, description=what or "working")

        yield move


def plan(found: Any) -> None:
    """Print the plan of an import (`collect.plan.Plan`): counts, columns, first events, problems."""
    counts = found.counts
    names = ", ".join(f"{count:,} {name}" for name, count in found.names[:8])
    typer.echo(f"{counts['accepted']:,} of {counts['rows']:,} rows would come in; nothing has been written.")
    typer.echo(
        f"{counts['rows']:,} rows = {counts['accepted']:,} accepted + {counts['duplicate']:,} duplicate "
        f"+ {counts['rejected']:,} rejected + {counts['withheld']:,} withheld; {found.events:,} events: {names}"
    )
    typer.echo(
        f"From {found.first} to {found.last}. Times without a zone are read in {found.zone}: {found.zone_from}."
    )
    typer.echo(f"Read as {found.reading}, into the source {found.source!r}.\n")
    columns = [
        {**column, "samples": " · ".join(column["samples"])[:60], "filled": f"{column['filled']:.0%}"}
        for column in found.columns
    ]
    table(
        columns,
        {"name": "Column", "samples": "Samples", "filled": "Filled", "field": "Becomes", "why": "Why"},
        "Every column is a field of the Segment spec.",
    )
    rows = [
        {
            **row,
            "events": ", ".join(f"{event['event']} {event['time']}" for event in row["events"]),
        }
        for row in found.rows
    ]
    typer.echo("\nThe first rows as events")
    headings = {
        "line": "Line",
        "outcome": "Outcome",
        "customer": "Customer",
        "events": "Events",
        "remark": "Remark",
    }
    table(rows, headings)
    if found.problems:
        typer.echo("\nThe first problems")
        table(
            found.problems,
            {"file": "File", "line": "Line", "column": "Column", "value": "Value", "reason": "Why"},
        )
        typer.echo("\nAll reasons")
        table(
            [{"reason": why, "rows": count} for why, count in found.reasons],
            {"rows": "Rows", "reason": "Why"},
        )
    if found.unmade:
        typer.echo("\nEvents that rows which come in would not make")
        table(
            found.unmade,
            {
                "file": "File",
                "line": "Line",
                "event": "Event",
                "column": "Column",
                "value": "Value",
                "reason": "Why",
            },
        )
    for warning in found.warnings:
        typer.echo(f"Note: {warning}")
    if found.suggested:
        typer.echo(
            "\nThe files need a mapping. This one was guessed; save it, mend it, and name it with --mapping:\n"
        )
        typer.echo(found.mapping)
