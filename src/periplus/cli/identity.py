"""`periplus identity`: why one person, proposals, and decisions by hand that can be seen first and taken back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from periplus.cli.command import Folder, Json, group, opened, show
from periplus.cli.foreseen import foreseen
from periplus.errors import InputError
from periplus.terminal import progress, table

identity_app = group("identity", "Who is who: why one person, joins and separations by hand, rules.")

Identifier = Annotated[str, typer.Argument(help="Such as email:ann@shop.example, user:7, device:abc.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for whoever reads the log.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")]


@identity_app.command("why")
def identity_why(
    customer: Annotated[
        str, typer.Argument(help="A user id, an e-mail address, or the customer's 16 digits.")
    ],
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Why a customer is one person: each link of two identifiers, and the event that made it."""
    with opened(workspace) as ws:
        links = ws.identity.merges(customer)
    if as_json:
        show(links)
        return
    headings = {
        "identifier": "Identifier",
        "with": "One with",
        "by": "By",
        "time": "Since",
        "counts": "Counts",
    }
    rows = [
        {
            "identifier": f"{row['identifier']['kind']}:{row['identifier']['value']}",
            "with": f"{row['with']['kind']}:{row['with']['value']}",
            "by": f"decision {row['decision']}" if row["by"] == "hand" else str(row["event"]),
            "time": row["time"],
            "counts": "yes" if row["counts"] else "no",
        }
        for row in links
    ]
    table(rows, headings, "One identifier alone: nothing was joined.")


@identity_app.command("proposals")
def identity_proposals(workspace: Folder = None, as_json: Json = False) -> None:
    """Accounts that share an e-mail, phone or number, or were matched, and that nobody has joined or declined."""
    with opened(workspace) as ws:
        found = ws.identity.proposals()
    if as_json:
        show(found)
        return
    rows = [
        {
            "accounts": ", ".join(f"{each['kind']}:{each['value']}" for each in row["accounts"]),
            "shared": ", ".join(f"{each['kind']}:{each['value']}" for each in row["shared"])
            or f"{', '.join(row['agrees']).replace('_', ' ')}: {row['probability']:.1%} likely",
            "events": row["events"],
        }
        for row in found["rows"]
    ]
    table(rows, {"accounts": "Accounts", "shared": "Share", "events": "Events"}, "Nothing is proposed.")


@identity_app.command("match")
def identity_match(
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="How likely a pair must be, from 0.5 to 1; usually 0.9."),
    ] = None,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Look for records that may be one person by name, postcode and birth date, and propose them; nothing is joined."""
    from periplus.people import matching

    with opened(workspace) as ws, progress() as told:
        found = ws.identity.match(matching.THRESHOLD if threshold is None else threshold, told)
    if as_json:
        show(found)
    elif found["records"] < matching.FEWEST:
        typer.echo(
            f"{found['records']:,} customers have a name, postcode or birth date; "
            f"from fewer than {matching.FEWEST} nothing can be learnt."
        )
    else:
        typer.echo(
            f"{found['records']:,} records compared: {found['kept']:,} of {found['found']:,} likely pairs are proposed. "
            "`periplus identity proposals` lists them."
        )


@identity_app.command("join")
def identity_join(
    one: Identifier,
    other: Identifier,
    why: Why = "",
    dry_run: DryRun = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Two identifiers are one person."""
    _decide({"join": [one, other], "why": why}, dry_run, workspace, as_json)


@identity_app.command("separate")
def identity_separate(
    one: Identifier,
    other: Identifier,
    why: Why = "",
    dry_run: DryRun = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """A link between two identifiers does not count, whatever events carry both."""
    _decide({"separate": [one, other], "why": why}, dry_run, workspace, as_json)


@identity_app.command("block")
def identity_block(
    identifier: Identifier,
    why: Why = "",
    dry_run: DryRun = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """An identifier links nothing, as if nobody had sent it: a call centre's address, a till's device."""
    _decide({"block": identifier, "why": why}, dry_run, workspace, as_json)


@identity_app.command("dismiss")
def identity_dismiss(
    one: Identifier, other: Identifier, why: Why = "", workspace: Folder = None, as_json: Json = False
) -> None:
    """A proposal was looked at: these accounts are several people."""
    _decide({"dismiss": [one, other], "why": why}, False, workspace, as_json)


@identity_app.command("undo")
def identity_undo(
    decision: Annotated[
        int, typer.Argument(help="The number of a decision; `periplus identity log` lists them.")
    ],
    why: Why = "",
    dry_run: DryRun = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Take a decision back: every answer is as if it had never been made."""
    _decide({"undo": decision, "why": why}, dry_run, workspace, as_json)


@identity_app.command("rules")
def identity_rules(
    file: Annotated[
        Path | None, typer.Argument(help="Rules as YAML to put in force; docs/identity.md.")
    ] = None,
    why: Why = "",
    dry_run: DryRun = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """The rules in force, as YAML; with a file, put others in force."""
    if file is not None:
        from periplus.people.identity_rules import IdentityRules

        rules = IdentityRules.parse(file)
        _decide({"rules": rules.document(), "why": why}, dry_run, workspace, as_json)
        return
    with opened(workspace) as ws:
        held = ws.identity.rules()
    show(held.document()) if as_json else typer.echo(held.yaml(), nl=False)


@identity_app.command("hash")
def identity_hash(
    kinds: Annotated[
        list[str] | None, typer.Argument(help="Kinds to keep hashed: email, phone. Without any: which are.")
    ] = None,
    none: Annotated[
        bool, typer.Option("--none", help="Keep no kind hashed any more, of what comes in from now on.")
    ] = False,
    workspace: Folder = None,
    as_json: Json = False,
) -> None:
    """Keep e-mail addresses or phone numbers hashed: in what comes in, and in all that is stored, for good."""
    if none and kinds:
        raise InputError(
            "Kinds and --none contradict each other.", code="identifier", hint="Give one of them."
        )
    with opened(workspace) as ws, progress() as told:
        if none or kinds:
            made = ws.hashing.keep(*(kinds or ()), progress=told)
        else:
            made = {"kinds": list(ws.hashing.kinds()), "events": 0, "clear": []}
    if as_json:
        show(made)
        return
    typer.echo(f"Kept hashed: {', '.join(made['kinds']) or 'nothing'}.")
    if made["events"]:
        typer.echo(
            f"What is stored was written anew ({made['events']:,} events); this cannot be turned back."
        )
    if made["clear"]:
        typer.echo(
            f"From now on {' and '.join(made['clear'])} of new events is kept as it is sent. What is hashed stays so, "
            "and counts as another id: people whom nothing else ties become two."
        )


@identity_app.command("log")
def identity_log(workspace: Folder = None, as_json: Json = False) -> None:
    """Every decision, the newest first: by whom, when, why, and whether it holds."""
    with opened(workspace) as ws:
        found = ws.identity.log()
    if as_json:
        show(found)
        return
    headings = {
        "id": "Number",
        "said": "Decision",
        "who": "By",
        "time": "When",
        "why": "Why",
        "holds": "Holds",
    }
    rows = [
        {
            **{name: row[name] for name in ("id", "who", "time", "why")},
            "said": said(row),
            "holds": "yes" if row["in_force"] else "taken back" if row["undone"] else "no",
        }
        for row in found
    ]
    table(rows, headings, "Nothing was decided yet.")


def said(row: Mapping[str, Any]) -> str:
    """What was decided, in one line."""
    if row["kind"] == "rules":
        rules = ", ".join(f"{key}: {value}" for key, value in row["rules"].items())
        return f"rules {rules or 'as usual'}"
    if row["identifier"] is not None:
        return f"block {row['identifier']['kind']}:{row['identifier']['value']}"
    return f"{row['kind']} {', '.join(' and '.join(link) for link in row['links'])}"


def _decide(document: Mapping[str, Any], dry_run: bool, workspace: Path | None, as_json: bool) -> None:
    with opened(workspace) as ws, progress() as told:
        if dry_run:
            found = ws.identity.preview(document, progress=told)
        else:
            made = ws.identity.decide(document, progress=told)
    if as_json:
        show(found if dry_run else made)
    elif dry_run:
        for line in foreseen(found):
            typer.echo(line)
    elif made["undone"] is None:
        typer.echo(f"Decision {made['id']} holds. `periplus identity undo {made['id']}` takes it back.")
    else:
        typer.echo(f"Decision {made['id']} is taken back.")
