"""`periplus person`, `erase` and `erasure`: what is held about one person, and taking it away."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from periplus.cli.command import Folder, Json, app, group, opened, show
from periplus.errors import InputError
from periplus.terminal import progress, table

Identifier = Annotated[
    str,
    typer.Argument(
        help="A user id, e-mail, phone, device, order or ticket number, or a customer's 16 digits."
    ),
]

person_app = group("person", "What is held about one person.")


def who() -> str:
    """Who runs the command, as the log of actions names them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "command line"


@person_app.command("export")
def person_export(
    identifier: Identifier,
    out: Annotated[Path, typer.Argument(help="A file that ends in .json, or in .zip for tables.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Write all that is held about one person: events, traits, identifiers, consent, notes, orders, tickets."""
    with opened(workspace) as ws:
        found = ws.subject(identifier).export(out, who=who())
    if as_json:
        show({"file": str(out), "customer": found["person"]["customer"], "events": len(found["events"])})
    else:
        typer.echo(
            f"Wrote {len(found['events']):,} events and all else that is held of {found['person']['label']} to {out}."
        )


@app.command()
def erase(
    identifier: Identifier,
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking again.")] = False,
    later: Annotated[
        bool,
        typer.Option("--later", help="Keep out what they do later, too: they are not to be known again."),
    ] = False,
    reason: Annotated[str, typer.Option(help="Why, for the proof: a letter's number, a date.")] = "",
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Erase a person from everything, after showing what will go; prints the proof."""
    with opened(workspace) as ws:
        book = ws.subject(identifier)
        if not yes:
            with progress() as told:
                found = book.preview(told)
            if as_json:
                show(found)
                return
            _said(found)
            if not sys.stdin.isatty():
                raise InputError(
                    "Nothing was erased.", code="not_confirmed", hint="Run it again with --yes to do it."
                )
            if not typer.confirm(f"Erase {found['label']} for good?"):
                typer.echo("Nothing was erased.")
                return
        with progress() as told:
            proof = book.erase(who=who(), reason=reason, later=later, progress=told)
    show(proof) if as_json else _proven(proof)


erasure_app = group("erasure", "What was erased, and the proof of it.")


@erasure_app.command("list")
def erasure_list(workspace: Folder = None, as_json: Json = False) -> None:
    """Every erasure: when, by whom, how much was there before and after."""
    with opened(workspace) as ws:
        proofs, waiting = ws.erasures.listed(), ws.erasures.unfinished()
    if as_json:
        show({"erasures": proofs, "unfinished": waiting})
        return
    rows = [
        {
            **proof,
            "before": sum(each["before"]["rows"] for each in proof["places"]),
            "after": sum(each["after"]["rows"] for each in proof["places"]),
        }
        for proof in proofs
    ]
    headings = {"number": "Number", "finished": "Done", "who": "By", "reason": "Why"}
    table(rows, {**headings, "before": "Rows before", "after": "Rows after"}, "Nobody was erased.")
    if waiting:
        typer.echo(
            f"Not done yet: {', '.join(map(str, waiting))}. `periplus erasure finish` goes on with them."
        )


@erasure_app.command("show")
def erasure_show(
    number: Annotated[int, typer.Argument(help="The number of the erasure.")],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """The proof of one erasure."""
    with opened(workspace) as ws:
        proof = ws.erasures.show(number)
    show(proof) if as_json else _proven(proof)


@erasure_app.command("finish")
def erasure_finish(workspace: Folder = None, as_json: Json = False) -> None:
    """Go on with erasures that were begun and stopped; `serve` and `doctor` do that too."""
    with opened(workspace) as ws, progress() as told:
        proofs = ws.erasures.finish(told)
    if as_json:
        show(proofs)
        return
    typer.echo(f"{len(proofs)} finished." if proofs else "There is nothing to finish.")


@erasure_app.command("log")
def erasure_log(
    limit: Annotated[int, typer.Option(help="How many actions, the newest first.")] = 100,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Who exported, erased or set a rule of retention, and when."""
    with opened(workspace) as ws:
        rows = ws.erasures.actions(limit)
    if as_json:
        show(rows)
        return
    said = [
        {
            **row,
            "detail": ", ".join(
                f"{name} {value}"
                for name, value in row.items()
                if name not in ("number", "time", "who", "action") and value not in ("", None)
            ),
        }
        for row in rows
    ]
    table(said, {"time": "When", "who": "Who", "action": "What", "detail": "Details"}, "Nothing was done.")


_PLACES = {"place": "Place", "files": "Files", "rows": "Rows", "bytes": "Bytes"}


def _said(found: dict[str, Any]) -> None:
    """A preview in plain lines."""
    typer.echo(f"{found['label']} (customer {found['customer']}): what an erasure would remove\n")
    table([each for each in found["places"] if each["files"] or each["rows"]], _PLACES, "Nothing.")
    kinds: dict[str, int] = {}
    for each in found["identifiers"]:
        kinds[each["kind"]] = kinds.get(each["kind"], 0) + 1
    typer.echo(f"\nIdentifiers: {', '.join(f'{count} {kind}' for kind, count in kinds.items()) or 'none'}.")
    if found["shared"]:
        typer.echo(
            f"Used by others too, and theirs: {', '.join(each['value'] for each in found['shared'][:10])}."
        )
    _left(found)


def _proven(proof: dict[str, Any]) -> None:
    """A proof in plain lines."""
    typer.echo(
        f"Erasure {proof['number']}, asked for by {proof['who']} on {proof['requested']}, done on {proof['finished']}."
    )
    rows = [
        {
            "place": each["place"],
            "before": each["before"]["rows"] or each["before"]["files"],
            "after": each["after"]["rows"] or each["after"]["files"],
            "bytes": each["before"]["bytes"],
        }
        for each in proof["places"]
        if any(each["before"].values()) or any(each["after"].values())
    ]
    table(rows, {"place": "Place", "before": "Before", "after": "After", "bytes": "Bytes before"})
    typer.echo(f"Data version {proof['version_before']} became {proof['version_after']}.")
    if proof["shared"]:
        typer.echo(f"{proof['shared']} identifiers are used by others too, and stayed with them.")
    _left(proof)


def _left(found: dict[str, Any]) -> None:
    """Where somebody may still be, outside of what the product can reach."""
    for each in found["files"]:
        typer.echo(f"Imported from (batch {each['batch']}): {', '.join(each['files'])}.")
    for each in found["copies"]:
        typer.echo(f"Exported on {each['time']} by {each['who']}: {each['path'] or 'sent to a browser'}.")
    for each in found["documents"]:
        typer.echo(f"Named in a document that people wrote: {each}.")
