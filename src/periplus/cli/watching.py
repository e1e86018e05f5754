"""`periplus watch`: folders and addresses whose files come in by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.errors import InputError
from periplus.terminal import progress, table

watch_app = group("watch", "Folders and addresses whose files come in by themselves.")


@watch_app.command("add")
def watch_add(
    name: Annotated[str, typer.Argument(help="What the watch is called.")],
    folder: Annotated[
        Path | None, typer.Option(help="A folder: each new file in it is imported once.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="An address (http or https) that is fetched.")] = None,
    files: Annotated[str, typer.Option(help="Which names in the folder are meant, such as '*.csv'.")] = "*",
    every: Annotated[str, typer.Option(help="How often, such as 15m, 1h or 1d.")] = "1h",
    mapping: Annotated[
        Path | None, typer.Option(help="What the columns mean (YAML), or a preset's name.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Name of the source; default: the mapping's.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Allow an address of one's own network.")
    ] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Watch a folder or an address; a watch of the same name is replaced, and failed files are tried anew."""
    from periplus.collect.stage import authored
    from periplus.watch import runner
    from periplus.watch.document import Watch

    body = {
        "name": name,
        "folder": None if folder is None else str(folder.expanduser().absolute()),
        "url": url,
        "files": files,
        "every": every,
        "mapping": None if mapping is None else authored(mapping),
        "source": source,
        "private": private,
    }
    watch = Watch.parse(body)
    with opened(workspace) as ws:
        runner.add(ws, watch)
    if as_json:
        show({"name": watch.name, "what": watch.shown, "every": watch.every})
    else:
        typer.echo(
            f"Watching {watch.shown} every {watch.every}, while `periplus serve` runs or `periplus watch run` is called."
        )


@watch_app.command("list")
def watch_list(workspace: Folder = None, as_json: Json = False) -> None:
    """What is watched, when it was looked at last, and which files failed."""
    from periplus.watch import runner

    with opened(workspace) as ws:
        rows = runner.described(ws)
    if as_json:
        show(rows)
        return
    shown = [{**row, "failed": len(row["failed"]), "last": row["last"] or "never"} for row in rows]
    headings = {"name": "Watch", "what": "What", "every": "Every", "last": "Last", "imported": "Files",
                "failed": "Failed", "message": "Said"}  # fmt: skip
    table(shown, headings, "Nothing is watched yet.")
    for row in rows:
        for failed in row["failed"]:
            typer.echo(f"{row['name']}, {failed['file']}: {failed['message']}")


@watch_app.command("remove")
def watch_remove(
    name: Annotated[str, typer.Argument(help="As `watch list` shows it.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Stop watching; what came in stays."""
    from periplus.watch import runner

    with opened(workspace) as ws:
        runner.remove(ws, name)
    show({"removed": name}) if as_json else typer.echo(f"{name} is watched no more; what came in stays.")


@watch_app.command("run")
def watch_run(
    names: Annotated[list[str] | None, typer.Argument(help="Only these, whether due or not.")] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """One round, for cron: watches that are due, or those named. Exit code 1 if a file failed."""
    from periplus import clock
    from periplus.watch import runner

    with opened(workspace) as ws, progress() as told:
        done = runner.run(ws, clock.wall(), names or (), told)
    if as_json:
        show([each.to_dict() for each in done])
    for each in done if not as_json else []:
        said = [each.watch, each.file, each.outcome]
        if each.batch is not None and each.outcome == "imported":
            said.append(f"batch {each.batch}, {each.counts['accepted']:,} of {each.counts['rows']:,} rows")
        typer.echo(" · ".join(filter(None, [*said, each.message])))
    if failed := [each for each in done if each.outcome == "failed"]:
        raise InputError(
            f"{len(failed)} of {len(done)} could not be imported.",
            hint="`periplus watch list` says why; a file is tried again when it changes.",
        )
