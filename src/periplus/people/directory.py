"""Who there is: customers found by an identifier, listed, named, and with every id that is theirs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from periplus.clock import iso
from periplus.errors import NotFoundError
from periplus.people import history
from periplus.people.identifiers import email, hashed, phone, usable
from periplus.store import standing
from periplus.store.snapshot import Snapshot

KINDS = {"user_id": "user", "email": "email", "phone": "phone", "anonymous_id": "device"}
"""Columns that hold identifiers, in the order in which one names a customer, with their kinds."""

_CLEAN = {"user_id": usable, "email": email, "phone": phone, "anonymous_id": usable}

LABEL = (
    "coalesce(min({user_id}), arg_min({email}, (first, {email})), "
    "CASE WHEN min(first) FILTER ({phone} IS NOT NULL) <= coalesce(min(first) FILTER ({anonymous_id} IS NOT NULL), "
    "9223372036854775807) THEN arg_min({phone}, (first, {phone})) "
    "ELSE arg_min({anonymous_id}, (first, {anonymous_id})) END)"
)
"""SQL: user id, else e-mail, else the longest-known other identifier."""


def _label() -> str:
    return LABEL.format(**{column: _CLEAN[column](column) for column in KINDS})


def _people(snapshot: Snapshot) -> str:
    """SQL of who is in the events that the snapshot shows."""
    return standing.people(snapshot.manifest, snapshot.files, with_marked=snapshot.with_marked)


def shown(customer: int) -> str:
    """A customer as others see it: 16 hexadecimal digits."""
    return f"{customer:016x}"


def labels(snapshot: Snapshot, customers: Sequence[int]) -> dict[int, str]:
    """How customers are shown, by customer; who has no identifier left is shown by the customer's digits."""
    wanted = np.unique(np.asarray(list(customers), np.uint64))
    if not len(wanted):
        return {}
    found: dict[int, str] = {}
    # Who has marked events only is named by those; everybody else by the others, whichever traffic is shown.
    for with_marked in (False, True) if snapshot.has_marked else (False,):
        wanted = wanted[[int(customer) not in found for customer in wanted]]
        people = standing.people(snapshot.manifest, snapshot.files, with_marked=with_marked)
        cursor = snapshot.cursor()
        cursor.register("wanted_column", {"customer": wanted})
        try:
            rows = cursor.execute(
                f"SELECT customer, {_label()} FROM ({people}) "
                "SEMI JOIN wanted_column USING (customer) GROUP BY customer"
            ).fetchall()
        finally:
            cursor.unregister("wanted_column")
        found |= {int(customer): label or shown(customer) for customer, label in rows}
    return found


def search(snapshot: Snapshot, text: str, *, limit: int = 50, offset: int = 0) -> dict[str, Any]:
    """Customers one of whose identifiers contains `text` (all where it is empty), last seen first.

    Returns `total` and `rows` of customer, label, identifiers, first, last (ISO, UTC) and events.
    """
    people = _people(snapshot)
    bound: list[Any] = []
    matching = ""
    if text.strip():
        tests = [f"contains(lower({column}), ?)" for column in KINDS]
        wanted = text.strip().lower()
        bound = [wanted] * len(tests)
        if re.fullmatch("[0-9a-f]{16}", wanted):
            tests.append("customer = ?")
            bound.append(int(wanted, 16))
        matching = f" WHERE customer IN (SELECT customer FROM ({people}) WHERE {' OR '.join(tests)})"
    cursor = snapshot.cursor()
    total = cursor.execute(f"SELECT count(DISTINCT customer) FROM ({people}){matching}", bound).fetchall()[0][
        0
    ]
    rows = cursor.execute(
        f"SELECT customer, {_label()}, "
        f"list_distinct(flatten([{', '.join(f'list({_CLEAN[c](c)})' for c in KINDS)}])), "
        f"min(first), max(last), sum(events) FROM ({people}){matching} "
        "GROUP BY customer ORDER BY max(last) DESC, customer LIMIT ? OFFSET ?",
        [*bound, max(0, min(limit, 10_000)), max(0, offset)],
    ).fetchall()
    return {
        "total": int(total),
        "rows": [
            {
                "customer": shown(customer),
                "label": label or shown(customer),
                "identifiers": sorted(value for value in ids if value is not None),
                "first": iso(first),
                "last": iso(last),
                "events": int(events),
            }
            for customer, label, ids, first, last, events in rows
        ],
    }


def find(snapshot: Snapshot, text: str) -> int:
    """The customer an id means now: its own, one it had before its history was joined, or an identifier.

    Raises NotFoundError, with the code `left_out` where only marked events know the id.
    """
    found = _find(snapshot, text)
    if found is not None:
        return found
    if snapshot.everything is not snapshot and _find(snapshot.everything, text) is not None:
        raise NotFoundError(
            f"Of {text[:80]!r} there are only events of bots and internal traffic, which are left out.",
            code="left_out",
            hint='Ask for all traffic: "traffic": "all".',
        )
    raise NotFoundError(
        f"There is no customer {text[:80]!r}.",
        code="no_customer",
        hint="Search for a user id, an e-mail or a device.",
    )


def _find(snapshot: Snapshot, text: str) -> int | None:
    people = _people(snapshot)
    cursor = snapshot.cursor()
    if re.fullmatch("[0-9a-fA-F]{16}", text):
        number = int(text, 16)
        if cursor.execute(f"SELECT 1 FROM ({people}) WHERE customer = ? LIMIT 1", [number]).fetchall():
            return number
        # An id is the hash of an identifier; whoever has that identifier now is meant.
        tests = [f"{hashed(kind, _CLEAN[column](column))} = ?" for column, kind in KINDS.items()]
        rows = cursor.execute(
            f"SELECT arg_max(customer, last) FROM ({people}) WHERE {' OR '.join(tests)}",
            [number] * len(tests),
        ).fetchall()
        if rows[0][0] is not None:
            return int(rows[0][0])
    rows = cursor.execute(
        f"SELECT arg_max(customer, last) FROM ({people}) WHERE {' OR '.join(f'{column} = ?' for column in KINDS)}",
        [text] * len(KINDS),
    ).fetchall()
    return None if rows[0][0] is None else int(rows[0][0])


def identifiers(snapshot: Snapshot, customer: int) -> list[dict[str, Any]]:
    """Every identifier of a customer: kind, value, first, last, events, and why it is this customer's."""
    people = _people(snapshot)
    parts = [
        f"SELECT '{kind}' AS kind, {_CLEAN[column](column)} AS value, user_id, email, phone, first, last, events "
        f"FROM one"
        for column, kind in KINDS.items()
    ]
    rows = (
        snapshot.cursor()
        .execute(
            f"WITH one AS MATERIALIZED (SELECT * FROM ({people}) WHERE customer = ?) "
            "SELECT kind, value, min(first), max(last), sum(events), "
            "min(user_id) FILTER (kind <> 'user'), "
            "min(coalesce(email, phone)) FILTER (kind = 'device') "
            f"FROM ({' UNION ALL '.join(parts)}) WHERE value IS NOT NULL GROUP BY kind, value",
            [customer],
        )
        .fetchall()
    )
    order = list(KINDS.values())
    found = [
        {
            "kind": kind,
            "value": value,
            "first": iso(first),
            "last": iso(last),
            "events": int(events),
            "why": _why(kind, with_user, with_person),
        }
        for kind, value, first, last, events, with_user, with_person in rows
    ]
    return sorted(found, key=lambda row: (order.index(str(row["kind"])), row["first"], row["value"]))


def _why(kind: str, with_user: str | None, with_person: str | None) -> str:
    if kind == "user":
        return "the account"
    if with_user is not None:
        return f"seen with the account {with_user}"
    if with_person is not None:
        return f"seen with {with_person}"
    return "the only identifier of its events" if kind == "device" else "carried by the events themselves"


def profile(snapshot: Snapshot, customer: int) -> dict[str, Any]:
    """Who a customer is: label, identifiers, traits as last stated, first and last event, how many."""
    people = _people(snapshot)
    first, last, events = (
        snapshot.cursor()
        .execute(f"SELECT min(first), max(last), sum(events) FROM ({people}) WHERE customer = ?", [customer])
        .fetchall()[0]
    )
    traits: dict[str, Any] = {}
    for told in history.events(snapshot, customer):
        traits |= told["traits"]
    return {
        "customer": shown(customer),
        "label": labels(snapshot, [customer]).get(customer, shown(customer)),
        "identifiers": identifiers(snapshot, customer),
        "first": iso(first),
        "last": iso(last),
        "events": int(events),
        "traits": traits,
    }
