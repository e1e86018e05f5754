"""What every command stands on: the application, `--workspace` and `--json`, how problems are said."""

from __future__ import annotations

import gc
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from periplus import __version__
from periplus.errors import InputError, PeriplusError, StoreError

if TYPE_CHECKING:
    from periplus.workspace import Workspace

app = typer.Typer(
    name="periplus",
    help="The living, executable journey map of an online shop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_ALLOCATED = 50_000
"""Objects that may be made, and not yet gone, before the first look for garbage."""


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"periplus {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """The living, executable journey map of an online shop."""


Folder = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", help="The workspace; default: the folder one stands in, upwards."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def group(name: str, help: str) -> typer.Typer:
    """A new group of commands, such as `batch`, to which its file adds `list` and the others."""
    made = typer.Typer(help=help, no_args_is_help=True)
    app.add_typer(made, name=name)
    return made


def main() -> None:
    """The entry point: one plain message for every problem, never a traceback for what a user did."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text, a terminal know few letters
        sys.stdout.reconfigure(errors="backslashreplace")
    # What is imported stays: looking through it for garbage again and again takes longer than most commands do.
    gc.set_threshold(_ALLOCATED)
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


def opened(folder: Path | None) -> Workspace:
    """The workspace named, or the one that one stands in."""
    from periplus.store.home import find
    from periplus.workspace import open_workspace

    return open_workspace(folder if folder is not None else find(Path.cwd()))


def show(value: Any) -> None:
    """Print JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


def read(path: Path) -> dict[str, Any]:
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


def say(text: str) -> None:
    """Print at once, also into a pipe: whoever started us waits for the link."""
    print(text, flush=True)
