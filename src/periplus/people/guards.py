"""Guards: identifiers that too many people use link nothing, as if they had not been sent.

An address that a call centre writes on a thousand orders, the number on the shop's own card, the till's tablet:
joined by such a thing, strangers would be one customer. An identifier is blocked when the events of a data
version that count carry it with more different ones of one stronger or equal kind than its limit:

    e-mail                    user ids, phone numbers
    phone number              user ids, e-mails
    device                    user ids, e-mails, phone numbers
    order or ticket number    user ids, e-mails, phone numbers

Only values are counted, never the customers they end up as. So it depends on the events alone, not on their order,
and it can be told from the events that carry the identifier. User ids are never blocked by number: an account is one.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Annotated

from pydantic import Field

from periplus.collect.authored import Part
from periplus.store.door import Connection

BESIDE = {
    "email": ("user", "phone"),
    "phone": ("user", "email"),
    "external": ("user", "email", "phone"),
    "device": ("user", "email", "phone"),
    "reference": ("user", "email", "phone"),
}
"""With which kinds an identifier of a kind is counted."""
COLUMN = {
    "user": "user_id",
    "email": "email",
    "phone": "phone",
    "external": "external",
    "device": "anonymous_id",
}
_Limit = Annotated[int, Field(ge=1, le=1_000_000)]


class Limits(Part):
    """With how many different identifiers of one kind an identifier may be seen; with more it links nothing."""

    email: _Limit = 5
    phone: _Limit = 5
    external: _Limit = 5
    device: _Limit = 10
    reference: _Limit = 5


def reset(connection: Connection) -> None:
    """Make the table `barred` (kind, value), empty: what is known to be over its limit before anything is counted."""
    connection.execute("CREATE OR REPLACE TEMP TABLE barred (kind VARCHAR, value VARCHAR)")


def block(connection: Connection, limits: Limits, sent: Container[str]) -> None:
    """Take what is over its limit in `combos`, or barred, out of the tables `spelt_KIND`, and add it to `void_id`.

    `sent` are the kinds that any row of `combos` has: beside what nobody sent nothing is counted.
    """
    run = connection.execute
    run("CREATE TEMP TABLE IF NOT EXISTS barred (kind VARCHAR, value VARCHAR)")
    counted = {kind: column for kind, column in COLUMN.items() if kind in sent}
    guarded = [kind for kind in counted if any(other in sent for other in BESIDE.get(kind, ()))]
    if guarded:
        values = ", ".join(f"s_{kind}.value AS {kind}" for kind in counted)
        joins = " ".join(
            f"LEFT JOIN spelt_{kind} AS s_{kind} ON s_{kind}.raw = c.{column}"
            for kind, column in counted.items()
        )
        run(
            f"CREATE OR REPLACE TEMP TABLE counting AS SELECT DISTINCT {values} FROM combos AS c {joins} "
            "WHERE NOT c.marked"
        )
    kinds = ", ".join(f"'{kind}'" for kind in COLUMN if kind in BESIDE)
    over = [f"SELECT kind, value FROM barred WHERE kind IN ({kinds})"]
    over += [
        f"SELECT '{kind}', {kind} FROM ({crowded('counting', kind, limits, counted)})" for kind in guarded
    ]
    run(f"CREATE OR REPLACE TEMP TABLE over_limit AS {' UNION '.join(over)}")
    if run("SELECT 1 FROM over_limit LIMIT 1").fetchall():
        run("INSERT INTO void_id SELECT * FROM over_limit")
        for kind in COLUMN:
            if kind in BESIDE:
                run(f"DELETE FROM spelt_{kind} WHERE value IN ({void(kind)})")
    run("DROP TABLE IF EXISTS counting")


def block_references(connection: Connection, events: str, limits: Limits) -> None:
    """Take the order and ticket numbers that are over their limit out of the table `orphan`, which needs them."""
    run = connection.execute
    kinds = BESIDE["reference"]
    values = ", ".join(f"s_{kind}.value AS {kind}" for kind in kinds)
    joins = " ".join(
        f"LEFT JOIN spelt_{kind} AS s_{kind} ON s_{kind}.raw = c.{COLUMN[kind]}" for kind in kinds
    )
    run(
        f"CREATE OR REPLACE TEMP TABLE counting AS SELECT DISTINCT c.reference, {values} FROM {events} AS c {joins} "
        "WHERE NOT c.marked AND c.reference IN (SELECT reference FROM orphan)"
    )
    run(f"DELETE FROM orphan WHERE reference IN ({crowded('counting', 'reference', limits)})")
    run("DROP TABLE counting")


def crowded(rows: str, kind: str, limits: Limits, columns: Container[str] = COLUMN) -> str:
    """SQL of the identifiers of a kind that the relation `rows`, of a column per kind, has over the limit.

    Of the kinds it is counted with `columns` must have one at least.
    """
    limit = getattr(limits, kind)
    beside = [other for other in BESIDE[kind] if other in columns]
    # Who is seen with many different ones stands in as many rows: only those few are worth telling apart.
    some = " OR ".join(f"count({other}) > {limit}" for other in beside)
    many = " OR ".join(f"count(DISTINCT {other}) > {limit}" for other in beside)
    several = f"SELECT {kind} FROM {rows} WHERE {kind} IS NOT NULL GROUP BY {kind} HAVING {some}"
    return f"SELECT {kind} FROM {rows} WHERE {kind} IN ({several}) GROUP BY {kind} HAVING {many}"


def void(kind: str) -> str:
    """SQL of the values of a kind that link nothing."""
    return f"SELECT value FROM void_id WHERE kind = '{kind}'"


def barred(kind: str) -> str:
    """SQL of the values of a kind that are barred."""
    return f"SELECT value FROM barred WHERE kind = '{kind}'"
