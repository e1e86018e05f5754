"""The guards as people see them: which identifiers link nothing or little, why, since when, and how many use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from weakref import WeakKeyDictionary

from periplus.clock import iso
from periplus.people import guards
from periplus.people.decisions import LONGEST
from periplus.people.guards import BESIDE
from periplus.people.identifiers import reference
from periplus.people.linking import Linking
from periplus.store import standing
from periplus.store.door import Connection
from periplus.store.snapshot import Snapshot

State = Literal["crowded", "by hand", "junk", "shared"]
STATES: tuple[State, ...] = ("crowded", "by hand", "junk", "shared")
"""Over its limit and by hand: blocked. Junk: means nobody. Shared: a device that is split by time."""
COLUMN = {"user": "user_id", "email": "email", "phone": "phone", "device": "anonymous_id"}
"""Kinds that files say who has them, with their columns."""
_NAMED = {"user": "accounts", "email": "e-mails", "phone": "phone numbers"}

_known: WeakKeyDictionary[Snapshot, list[dict[str, Any]]] = WeakKeyDictionary()
"""What each data version has: it does not change."""


def listed(snapshot: Snapshot, linking: Linking) -> list[dict[str, Any]]:
    """Identifiers that are guarded against, those on most events first.

    Each has `kind`, `value`, `state`, `why` (a sentence), `accounts`, `emails`, `phones` (how many different ones it is
    seen with), `customers` (who are seen with it), `events`, `first` and `last`, and `since`: when it went over its
    limit, else when it was first seen. Events of bots and internal traffic are not counted.
    """
    if snapshot not in _known:
        found = [*_identifiers(snapshot, linking), *_references(snapshot, linking)]
        _known[snapshot] = sorted(found, key=lambda row: (-row["events"], row["kind"], row["value"]))
    return [dict(row) for row in _known[snapshot]]


def _identifiers(snapshot: Snapshot, linking: Linking) -> list[dict[str, Any]]:
    cursor = snapshot.cursor()
    people = standing.people(snapshot.manifest, snapshot.files, nobody=True)
    values = ", ".join(f"{linking.value(kind, column)} AS plain_{kind}" for kind, column in COLUMN.items())
    both = ", ".join(
        f"plain_{kind} AS {kind}, CASE WHEN plain_{kind} IS NULL THEN trim({column}) END AS sent_{kind}"
        for kind, column in COLUMN.items()
    )
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE guarded AS SELECT {both}, customer, first, last, events "
        f"FROM (SELECT *, {values} FROM ({people}))"
    )
    found = [row for kind in COLUMN for row in _of_kind(cursor, linking, kind)]
    cursor.execute("DROP TABLE guarded")
    return found


def _of_kind(cursor: Connection, linking: Linking, kind: str) -> Iterator[dict[str, Any]]:
    """The rows of one kind, out of the table `guarded`: values as compared, and as sent where they mean nobody."""
    junk = cursor.execute(
        f"SELECT sent_{kind}, 0, 0, 0, count(DISTINCT nullif(customer, 0)), sum(events), min(first), max(last), NULL "
        f"FROM guarded WHERE sent_{kind} IS NOT NULL GROUP BY sent_{kind}"
    ).fetchall()
    for row in junk:
        yield _row(kind, row, "junk", "it means nobody")
    hand = {each.value for each in map(linking.compared, linking.force.blocked) if each.kind == kind}
    limits = linking.rules.limits
    crowded: set[str] = set()
    if kind in BESIDE:
        crowded = {value for (value,) in cursor.execute(guards.crowded("guarded", kind, limits)).fetchall()}
    _name(cursor, crowded | hand)
    if kind == "device":
        cursor.execute(
            "INSERT INTO guarded_id SELECT device FROM guarded WHERE device IS NOT NULL AND customer <> 0 "
            "GROUP BY device HAVING min(customer) <> max(customer)"
        )
    rows = cursor.execute(
        f"SELECT {kind}, count(DISTINCT user), count(DISTINCT email), count(DISTINCT phone), "
        "count(DISTINCT nullif(customer, 0)), sum(events), min(first), max(last), NULL FROM guarded "
        f"WHERE {kind} IN (SELECT id FROM guarded_id) GROUP BY {kind}"
    ).fetchall()
    since = _since(cursor, "guarded", kind, getattr(limits, kind, 0)) if crowded else {}
    for row in rows:
        if row[0] in crowded:
            yield _row(kind, (*row[:8], since.get(row[0])), "crowded", _crowded(row, getattr(limits, kind)))
        elif row[0] in hand:
            yield _row(kind, row, "by hand", "somebody decided so")
        else:
            yield _row(
                kind,
                row,
                "shared",
                f"{row[4]} customers use it: what carries nothing else is who was there last",
            )


def _references(snapshot: Snapshot, linking: Linking) -> Iterator[dict[str, Any]]:
    """The same of order and ticket numbers, which stand in the events only."""
    columns = ("user_id", "email", "phone", "numbers", "time", "customer", "marked")
    rows = standing.narrow(snapshot.manifest, snapshot.files, columns)
    values = ", ".join(
        f"{linking.value(kind, COLUMN[kind])} AS {kind}" for kind in ("user", "email", "phone")
    )
    cursor = snapshot.cursor()
    cursor.execute(
        f"CREATE OR REPLACE TEMP TABLE guarded AS SELECT {values}, customer, time AS first, time AS last, 1 AS events, "
        f"sent, {reference('sent')} AS reference FROM (SELECT *, {standing.parts('numbers')} AS sent FROM ({rows})) "
        "WHERE sent IS NOT NULL AND NOT marked"
    )
    limits = linking.rules.limits
    crowded = {
        value for (value,) in cursor.execute(guards.crowded("guarded", "reference", limits)).fetchall()
    }
    blocked = map(linking.compared, linking.force.blocked)
    hand = {f"{each.kind}_id:{each.value}" for each in blocked if each.kind in ("order", "ticket")}
    _name(cursor, crowded | hand)
    found = cursor.execute(
        "SELECT sent, count(DISTINCT user), count(DISTINCT email), count(DISTINCT phone), "
        "count(DISTINCT nullif(customer, 0)), sum(events), min(first), max(last), bool_or(reference IS NULL) FROM guarded "
        "WHERE reference IS NULL OR reference IN (SELECT id FROM guarded_id) GROUP BY sent"
    ).fetchall()
    since = _since(cursor, "guarded", "reference", limits.reference) if crowded else {}
    cursor.execute("DROP TABLE guarded")
    for row in found:
        kind, _, value = row[0].partition("_id:")
        told = (value, *row[1:8], since.get(row[0]))
        if row[8]:
            yield _row(kind, told, "junk", "it means nobody")
        elif row[0] in crowded:
            yield _row(kind, told, "crowded", _crowded(row, limits.reference))
        else:
            yield _row(kind, told, "by hand", "somebody decided so")


def _name(cursor: Connection, values: set[str]) -> None:
    cursor.execute("CREATE OR REPLACE TEMP TABLE guarded_id (id VARCHAR)")
    if values:
        cursor.executemany("INSERT INTO guarded_id VALUES (?)", [(value,) for value in sorted(values)])


def _since(cursor: Connection, rows: str, kind: str, limit: int) -> dict[str, int]:
    """When each crowded identifier was first seen with one more than its limit, microseconds UTC."""
    met = " UNION ALL ".join(
        f"SELECT {kind} AS id, '{other}' AS other, {other} AS value, min(first) AS first FROM {rows} "
        f"WHERE {kind} IN (SELECT id FROM guarded_id) AND {other} IS NOT NULL GROUP BY ALL"
        for other in BESIDE[kind]
    )
    found = cursor.execute(
        "SELECT id, min(first) FROM (SELECT id, first, row_number() OVER (PARTITION BY id, other ORDER BY first, value) AS n "
        f"FROM ({met})) WHERE n = {limit + 1} GROUP BY id"
    ).fetchall()
    return {value: int(first) for value, first in found}


def _crowded(row: tuple[Any, ...], limit: int) -> str:
    counts = [(int(row[1]), "user"), (int(row[2]), "email"), (int(row[3]), "phone")]
    said = " and ".join(f"{count:,} {_NAMED[kind]}" for count, kind in counts if count > limit)
    return f"seen with {said}; more than {limit} link nothing"


def _row(kind: str, row: tuple[Any, ...], state: State, why: str) -> dict[str, Any]:
    value, users, emails, phones, customers, events, first, last, since = row
    shown = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
    return {
        "kind": kind, "value": shown, "state": state, "why": why, "accounts": int(users), "emails": int(emails),
        "phones": int(phones), "customers": int(customers), "events": int(events), "first": iso(int(first)),
        "last": iso(int(last)), "since": iso(int(first if since is None else since)),
    }  # fmt: skip
