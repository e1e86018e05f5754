"""What one customer allowed: by purpose, with time and source, over all the identifiers that are theirs.

Two things are read together: what was said under any of the identifiers (kept in the operational state, also
by those whose events were not kept), and what the customer's own events carry, imported ones too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from periplus.clock import iso, wall
from periplus.collect.consent import set_by_hand, state_now
from periplus.collect.identifying import hashed
from periplus.collect.purposes import PURPOSES, by_purpose, purpose
from periplus.errors import InputError, unknown
from periplus.people import directory, history, profile
from periplus.store import consents
from periplus.store.consents import Given
from periplus.store.snapshot import Snapshot
from periplus.store.state import State

CARRIED = "event"
"""Stands for the identifier of what an event carried."""


def consent(snapshot: Snapshot, state: State | None, customer: int) -> dict[str, Any]:
    """`purposes`: what holds now, by purpose; `history`: every change, the newest first.

    Each says `given`, `time`, `source`, and under which identifier (kind and value) it was said.
    """
    known = {hashed(kind, value): (kind, value) for kind, value in profile.identifiers(snapshot, customer)}
    said = consents.history(state, list(known)) if state is not None else []
    again = [row._replace(time=row.confirmed, confirmed=None) for row in said if row.confirmed is not None]
    said = _changes([*said, *again, *_carried(snapshot, customer)])

    def told(row: Given) -> dict[str, Any]:
        kind, value = known.get(row.identifier, (CARRIED, ""))
        when = {"given": row.given, "time": iso(row.time), "source": row.source}
        return {**when, "kind": kind, "identifier": value}

    return {
        "customer": directory.shown(customer),
        "purposes": {name: told(row) for name, row in sorted(state_now(said).items())},
        "history": [{"purpose": row.purpose, **told(row)} for row in reversed(said)],
    }


def give(
    snapshot: Snapshot,
    state: State,
    customer: int,
    said: Mapping[str, bool],
    source: str,
    time: int | None = None,
) -> int:
    """Store what a customer said elsewhere, under each of their identifiers; returns how many changes that made.

    Raises InputError for a purpose nobody knows, with the nearest.
    """
    plain: dict[str, bool] = {}
    for name, given in said.items():
        if (ours := purpose(name)) not in PURPOSES:
            message, hint, allowed = unknown("purpose", name, PURPOSES)
            raise InputError(message, code="purpose", hint=hint, allowed=allowed)
        if not isinstance(given, bool):
            raise InputError(f"{name} is {given!r}, neither yes nor no.", hint="Give true or false.")
        assert ours is not None
        plain[ours] = given
    if not source.strip():
        raise InputError("Consent needs a source.", hint="Say where it was given: a form, a call, a letter.")
    if time is not None and time > wall():
        raise InputError("Consent cannot be given in the future.", hint="Leave the time out, or mend it.")
    return set_by_hand(state, profile.identifiers(snapshot, customer), plain, source.strip(), time)


def _carried(snapshot: Snapshot, customer: int) -> list[Given]:
    mine = history.of(snapshot, customer)
    read: dict[str, dict[str, bool]] = {}
    found = []
    for time, text, source in zip(
        mine.time.tolist(), mine.column("consent"), mine.column("source"), strict=True
    ):
        if not text:
            continue
        if text not in read:
            said = json.loads(text)
            read[text] = by_purpose(said) if isinstance(said, Mapping) else {}
        found += [Given("", name, time, given, source or "") for name, given in read[text].items()]
    return found


def _changes(said: list[Given]) -> list[Given]:
    """Without what only says again what held already, over all identifiers; at one instant what is kept by identifier goes first."""
    kept: list[Given] = []
    last: dict[str, bool] = {}
    for row in sorted(said, key=lambda row: (row.time, not row.identifier, row.purpose)):
        if last.get(row.purpose) != row.given:
            kept.append(row)
            last[row.purpose] = row.given
    return kept
