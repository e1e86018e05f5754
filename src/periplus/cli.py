"""The command line. Exit codes: 0 done, 1 a problem in the data or the question, 2 wrong usage."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from periplus.errors import InputError, NotFoundError, PeriplusError, StoreError
from periplus.terminal import plan as show_plan
from periplus.terminal import progress, table

if TYPE_CHECKING:
    from periplus.workspace import Workspace

app = typer.Typer(
    name="periplus",
    help="The living, executable journey map of an online shop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
batch_app = typer.Typer(help="Imports: list them, take one back.", no_args_is_help=True)
source_app = typer.Typer(help="Sources of events and their write keys.", no_args_is_help=True)
token_app = typer.Typer(help="Tokens for the HTTP API.", no_args_is_help=True)
map_app = typer.Typer(help="Journey maps.", no_args_is_help=True)
app.add_typer(batch_app, name="batch")
app.add_typer(source_app, name="source")
app.add_typer(token_app, name="token")
app.add_typer(map_app, name="map")

Folder = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace; default: the folder one stands in, upwards."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def main() -> None:
    """The entry point: one plain message for every problem, never a traceback for what a user did."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text, a terminal know few letters
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except PeriplusError as problem:
        _fail(problem)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as problem:
        _fail(
            StoreError(
                f"{problem.filename or 'A file'} cannot be used: {problem.strerror or problem}.",
                code="os",
                hint="Check that it is there, and that this user may read and write it.",
            )
        )


def _fail(problem: PeriplusError) -> None:
    if "--json" in sys.argv:
        typer.echo(json.dumps(problem.to_dict(), ensure_ascii=False), err=True)
    else:
        typer.echo(f"Problem: {problem.message}", err=True)
        if problem.hint:
            typer.echo(f"   Hint: {problem.hint}", err=True)
    sys.exit(1)


def _open(folder: Path | None) -> Workspace:
    from periplus.store.home import find
    from periplus.workspace import open_workspace

    return open_workspace(folder if folder is not None else find(Path.cwd()))


def _print(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def _read(path: Path) -> dict[str, Any]:
    """A JSON document from a file, or from standard input for `-`."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
        document = json.loads(text)
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}.", hint="Check the name.") from None
    except (UnicodeDecodeError, ValueError, RecursionError) as problem:
        raise InputError(f"{path} is not JSON: {problem}.", hint="Mend the place it names.") from None
    if not isinstance(document, dict):
        raise InputError(
            f"{path} is not a JSON object.", hint='A question looks like {"kind": "map", "map": "shop"}.'
        )
    return document


@app.command()
def init(
    directory: Annotated[Path | None, typer.Argument(help="A new or empty folder.")] = None,
    zone: Annotated[str, typer.Option(help="Display time zone, such as Europe/Athens.")] = "UTC",
    currency: Annotated[str, typer.Option(help="Currency, such as EUR.")] = "EUR",
    shards: Annotated[int, typer.Option(help="How many shards; fixed from then on.")] = 16,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Make a workspace: a folder that holds a shop's events, maps and settings."""
    from periplus.store import compiled
    from periplus.workspace import init as make

    target = directory or workspace
    if target is None:
        raise typer.BadParameter("name the folder to make", param_hint="DIRECTORY")
    with make(target, zone=zone, currency=currency, shards=shards) as made:
        compiled.warm()
        if (problem := compiled.cache_problem()) is not None:
            typer.echo(f"Note: {problem}", err=True)
        if as_json:
            _print({"workspace": str(made.path), "zone": zone, "currency": currency, "shards": shards})
        else:
            typer.echo(f"Made the workspace {target}. Next: periplus import FILE --workspace {target}")


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
    with _open(workspace) as ws, progress() as told:
        result = ws.import_file(
            files, mapping=mapping, source=source, replace=replace, dry_run=dry_run, progress=told
        )
    if dry_run:
        _print(result.to_dict()) if as_json else show_plan(result)
        return
    if as_json:
        _print(result.to_dict())
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


@app.command()
def ask(
    question: Annotated[Path, typer.Argument(help="A question as JSON; - reads standard input.")],
    workspace: Folder = None,
    as_json: Json = True,
) -> None:
    """Answer a question; prints the Answer as JSON."""
    del as_json
    with _open(workspace) as ws:
        _print(ws.ask(_read(question)).to_dict())


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
    with _open(workspace) as ws:
        _print(ws.people(_read(question), key, field))


@batch_app.command("list")
def batch_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Every import, the newest first."""
    with _open(workspace) as ws:
        rows = ws.batches()
    if as_json:
        _print(rows)
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
    with _open(workspace) as ws, progress() as told:
        row = ws.undo(batch, told)
    _print(row) if as_json else typer.echo(f"Batch {batch} is undone; {row['events']:,} events left with it.")


@app.command()
def ledger(
    batch: Annotated[int | None, typer.Option(help="Only this batch.")] = None,
    outcome: Annotated[str | None, typer.Option(help="accepted, duplicate or rejected.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many rows.")] = 100,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """What became of every row: file, line, outcome and reason."""
    with _open(workspace) as ws:
        rows = ws.ledger(batch=batch, outcome=outcome, limit=limit)
    if as_json:
        _print(rows)
        return
    headings = {"batch": "Batch", "file": "File", "line": "Line", "outcome": "Outcome", "column": "Column",
                "value": "Value", "reason": "Why"}  # fmt: skip
    table(rows, headings, "No such rows.")


@source_app.command("add")
def source_add(
    name: Annotated[str, typer.Argument(help="What the source is called.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Make a source; its write key stands alone on the last line and is shown only now."""
    with _open(workspace) as ws:
        key = ws.add_source(name)
    _print({"source": name, "write_key": key}) if as_json else typer.echo(
        f"Source {name}. Its write key:\n{key}"
    )


@source_app.command("list")
def source_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Where events come from."""
    with _open(workspace) as ws:
        rows = ws.sources()
    _print(rows) if as_json else table(
        rows, {"name": "Source", "kind": "Kind", "created": "Since"}, "No sources yet."
    )


@token_app.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="Who will use it.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Make a token for the HTTP API; it stands alone on the last line and is shown only now."""
    with _open(workspace) as ws:
        token = ws.add_token(name)
    _print({"name": name, "token": token}) if as_json else typer.echo(f"Token for {name}:\n{token}")


@token_app.command("list")
def token_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Who has a token."""
    with _open(workspace) as ws:
        rows = ws.tokens()
    _print(rows) if as_json else table(rows, {"name": "Name", "created": "Since"}, "No tokens yet.")


@map_app.command("list")
def map_list(workspace: Folder = None, as_json: Json = False) -> None:
    """The maps there are."""
    with _open(workspace) as ws:
        rows = ws.maps()
    _print(rows) if as_json else table(rows, {"id": "Id", "name": "Name"}, "No maps yet.")


@map_app.command("show")
def map_show(name: str, workspace: Folder = None, as_json: Json = False) -> None:
    """A map as YAML."""
    with _open(workspace) as ws:
        document = ws.map(name)
    _print(document.document()) if as_json else typer.echo(document.to_yaml())


@map_app.command("add")
def map_add(file: Path, workspace: Folder = None, as_json: Json = False) -> None:
    """Store a map written as YAML."""
    with _open(workspace) as ws:
        name = ws.add_map(file)
    _print({"id": name}) if as_json else typer.echo(f"Stored the map {name}.")


@map_app.command("export")
def map_export(
    name: str,
    out: Annotated[Path, typer.Argument(help="A file that ends in .svg, .png, .html or .yaml.")],
    since: Annotated[str | None, typer.Option("--from", help="Journeys begun from here on.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Journeys begun before this.")] = None,
    now: Annotated[str | None, typer.Option(help="Read up to this moment.")] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Write a map with its numbers to a file."""
    from periplus.maps.export import write

    period = {key: value for key, value in (("from", since), ("to", until)) if value is not None}
    with _open(workspace) as ws:
        write(ws, name, out, period=period or None, now=now)
    _print({"map": name, "file": str(out)}) if as_json else typer.echo(f"Wrote {out}.")


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A file that ends in .jsonl, .jsonl.gz or .parquet.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Write every event, as Segment-spec JSONL or flat Parquet, which imports again without a mapping."""
    with _open(workspace) as ws, progress() as told:
        count = ws.export(out, told)
    _print({"file": str(out), "events": count}) if as_json else typer.echo(
        f"Wrote {count:,} events to {out}."
    )


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 8765,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Serve the application; prints a sign-in link, good once, alone on a line."""
    from periplus.web.serve import serve as run

    def say_json(text: str) -> None:
        if text.startswith("http"):
            _say(json.dumps({"url": text}))

    with _open(workspace) as ws, ws.serving():
        run(ws, host=host, port=port, say=say_json if as_json else _say)


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
    _print({"file": str(out), "events": count}) if as_json else typer.echo(
        f"Wrote {count:,} events to {out}."
    )


@app.command()
def doctor(workspace: Folder = None, as_json: Json = False) -> None:
    """Check the installation and the workspace, and prepare what is compiled once."""
    from periplus.doctor import examine

    try:
        ws = _open(workspace)
    except NotFoundError:
        if workspace is not None:
            raise
        ws = None
    checks = examine(ws)
    _print(checks) if as_json else table(checks, {"check": "Check", "state": "State", "detail": "Detail"}, "")
    if any(check["state"] == "problem" for check in checks):
        sys.exit(1)


def _say(text: str) -> None:
    """Print at once, also into a pipe: whoever started us waits for the link."""
    print(text, flush=True)
