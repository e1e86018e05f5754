"""Who one customer is: every identifier and why it is theirs, traits, and whom they were not joined with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from periplus.clock import iso
from periplus.collect.identifying import normal
from periplus.people import directory, history
from periplus.people.directory import KINDS, shown
from periplus.people.history import History
from periplus.people.identifiers import email, phone
from periplus.people.sightings import among, explained, sightings
from periplus.store import standing
from periplus.store.files import MARKED
from periplus.store.snapshot import Snapshot

APART = 20
"""Other customers that are named for one identifier."""


def profile(snapshot: Snapshot, customer: int) -> dict[str, Any]:
    """Who a customer is: label, identifiers, traits as last stated, first and last event, how many."""
    mine = history.of(snapshot, customer)
    traits: dict[str, Any] = {}
    for told in mine.events(_with_traits(mine)):
        traits |= told["traits"]
    return {
        "customer": shown(customer),
        "label": _label(mine) or shown(customer),
        "identifiers": explained(snapshot, mine),
        "first": iso(int(mine.time[0])),
        "last": iso(int(mine.time[-1])),
        "events": len(mine),
        "traits": traits,
    }


def _label(mine: History) -> str | None:
    """How a customer is named, as `directory.LABEL` has it: user id, else e-mail, else the longest-known other one.

    Marked rows name only who has no others.
    """
    plain = np.flatnonzero(mine.section < MARKED)
    whole = len(plain) in (0, len(mine))
    seen = sightings(mine) if whole else among(mine, plain)
    known: dict[str, list[tuple[int, str]]] = {}
    for (kind, value), sighting in seen.items():
        if sighting.rows:
            known.setdefault(kind, []).append((sighting.first, value))
    if "user" in known:
        return min(value for _, value in known["user"])
    if "email" in known:
        return min(known["email"])[1]
    others = [min(known[kind]) for kind in ("phone", "device") if kind in known]
    return min(others, key=lambda pair: pair[0])[1] if others else None


def _with_traits(mine: History) -> list[int]:
    columns = [mine.column(name) for name in mine.shape.columns if name.startswith("traits.")]
    rest = mine.column("rest")
    return [
        place
        for place in range(len(mine))
        if (rest[place] and '"traits.' in rest[place]) or any(column[place] is not None for column in columns)
    ]


def identifiers(snapshot: Snapshot, customer: int) -> list[tuple[str, str]]:
    """Every identifier that a customer's events carry in their columns (kind, value), as `explained` orders them."""
    order = list(KINDS.values())
    seen = sightings(history.of(snapshot, customer))
    return sorted(seen, key=lambda key: (order.index(key[0]), seen[key].first, key[1]))


def apart(snapshot: Snapshot, customer: int) -> list[dict[str, Any]]:
    """Identifiers that others use too, which is why nobody was joined: a proposal to look at, not a fact.

    Each has `kind`, `value` and `others`: customers (customer, label) it is seen with, at most APART of them.
    """
    mine = history.of(snapshot, customer)
    people = standing.people(snapshot.manifest, snapshot.files)
    cursor = snapshot.cursor()
    found = []
    for column, kind, plain in _shared(mine):
        raw = sorted({text for text in mine.column(column) if normal(kind, text) is not None})[:200]
        if not raw:
            continue
        marks = ", ".join("?" for _ in raw)
        # Spellings as this customer's own events have them: the column is compared as it stands, which is fast.
        rows = cursor.execute(
            f"SELECT DISTINCT {plain} AS value, customer FROM ({people}) "
            f"WHERE {column} IN ({marks}) AND customer <> {int(customer)} ORDER BY ALL",
            raw,
        ).fetchall()
        others: dict[str, list[int]] = {}
        for value, other in rows:
            others.setdefault(value, []).append(int(other))
        found += [(kind, value, listed[:APART]) for value, listed in others.items()]
    labels = directory.labels(snapshot, [other for _, _, listed in found for other in listed])
    return [
        {
            "kind": kind,
            "value": value,
            "others": [
                {"customer": shown(other), "label": labels.get(other, shown(other))} for other in listed
            ],
        }
        for kind, value, listed in found
    ]


def _shared(mine: History) -> Iterator[tuple[str, str, str]]:
    """Columns whose values several customers may use, with their kind and SQL of the value; those that are filled."""
    columns: Sequence[tuple[str, str, str]] = (
        ("email", "email", email("email")),
        ("phone", "phone", phone("phone")),
        ("anonymous_id", "device", "trim(anonymous_id)"),
    )
    for column, kind, plain in columns:
        if mine.table.column(column).null_count < len(mine):
            yield column, kind, plain
