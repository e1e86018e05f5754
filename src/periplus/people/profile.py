"""Who one customer is: every identifier and the event that linked it, traits, and whom they were not joined with.

Everything is said from the customer's own rows: an identifier of a lower rank belongs to somebody because an
event, or an alias, carried it together with a higher one, and that event is among these rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from periplus.clock import iso
from periplus.collect.identifying import normal
from periplus.people import directory, history
from periplus.people.directory import KINDS, shown
from periplus.people.history import History
from periplus.people.identifiers import email, phone
from periplus.store import standing
from periplus.store.files import MARKED
from periplus.store.snapshot import Snapshot

RANKS = {"user": "user", "email": "person", "phone": "person", "device": "device"}
"""The rank of each kind of identifier, the highest first."""
_HIGHER = {
    "user": (),
    "email": ("user", "phone"),
    "phone": ("user", "email"),
    "device": ("user", "email", "phone"),
}
"""With which kinds an identifier is seen that say whose it is, the strongest first."""
APART = 20
"""Other customers that are named for one identifier."""


@dataclass
class _Sighting:
    """One identifier in the rows of a customer: first and last time, rows, and the first row with each other one."""

    first: int
    last: int
    rows: int = 0
    beside: dict[tuple[str, str], int] = field(default_factory=dict)


def profile(snapshot: Snapshot, customer: int) -> dict[str, Any]:
    """Who a customer is: label, identifiers, traits as last stated, first and last event, how many."""
    mine = history.of(snapshot, customer)
    traits: dict[str, Any] = {}
    for told in mine.events(_with_traits(mine)):
        traits |= told["traits"]
    return {
        "customer": shown(customer),
        "label": _label(mine) or shown(customer),
        "identifiers": identifiers(snapshot, customer),
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
    seen = sightings(mine) if whole else _sightings(mine, plain)
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


def identifiers(snapshot: Snapshot, customer: int) -> list[dict[str, Any]]:
    """Every identifier of a customer, the highest rank first, then the first seen.

    Each has `kind`, `value`, `rank`, `first`, `last`, `events`, `why` (a sentence), and `linked`: the `event` that
    linked it, with its `time`, `source` and the identifier it came `with` (kind, value); None where none did.
    """
    mine = history.of(snapshot, customer)
    seen = sightings(mine)
    order = list(KINDS.values())
    found = []
    for (kind, value), sighting in seen.items():
        linked = _linked(mine, kind, sighting)
        found.append(
            {
                "kind": kind,
                "value": value,
                "rank": RANKS[kind],
                "first": iso(sighting.first),
                "last": iso(sighting.last),
                "events": sighting.rows,
                "why": _why(kind, linked),
                "linked": linked,
            }
        )
    return sorted(found, key=lambda row: (order.index(str(row["kind"])), row["first"], row["value"]))


_seen: WeakKeyDictionary[History, dict[tuple[str, str], _Sighting]] = WeakKeyDictionary()
"""Sightings of the histories that are kept: profile, consent and notes all ask for them."""


def sightings(mine: History) -> dict[tuple[str, str], _Sighting]:
    """Every identifier in a customer's rows (kind, value), with what it was seen beside."""
    if mine not in _seen:
        _seen[mine] = _sightings(mine)
    return _seen[mine]


def _sightings(mine: History, places: np.ndarray | None = None) -> dict[tuple[str, str], _Sighting]:
    raw = [(kind, mine.column(column)) for column, kind in KINDS.items()]
    previous, kinds = mine.column("previous_id"), mine.column("type")
    known: dict[tuple[str, str | None], tuple[str, str] | None] = {}

    def plain(kind: str, text: str | None) -> tuple[str, str] | None:
        if (kind, text) not in known:
            value = normal(kind, text)
            known[kind, text] = None if value is None else (kind, value)
        return known[kind, text]

    users = {plain("user", text) for text in raw[0][1]} - {None}
    seen: dict[tuple[str, str], _Sighting] = {}
    for place in range(len(mine)) if places is None else places.tolist():
        time = int(mine.time[place])
        carried = [one for kind, column in raw if (one := plain(kind, column[place])) is not None]
        for one in carried:
            if one not in seen:
                seen[one] = _Sighting(time, time)
            seen[one].last = time
            seen[one].rows += 1
        if kinds[place] == "alias" and previous[place] is not None:
            before = plain("user", previous[place])
            # A previous id that is a user's joins two users; otherwise it is a device's.
            before = before if before in users else plain("device", previous[place])
            if before is not None and before not in carried:
                carried.append(before)
                seen.setdefault(before, _Sighting(time, time))
        if mine.section[place] >= MARKED:
            continue  # what a bot or the staff did links nothing
        for one in carried:
            for other in carried:
                if other != one:
                    seen[one].beside.setdefault(other, place)
    return seen


def _linked(mine: History, kind: str, sighting: _Sighting) -> dict[str, Any] | None:
    """The first event that carried an identifier together with the strongest kind it was ever seen with."""
    for higher in (*_HIGHER[kind], *(("user",) if kind == "user" else ())):
        places = {other: place for other, place in sighting.beside.items() if other[0] == higher}
        if not places:
            continue
        other = min(places, key=lambda one: places[one])
        (told,) = mine.events([places[other]])
        return {
            "event": told.get("event") or told.get("type"),
            "type": told.get("type"),
            "time": told["timestamp"],
            "source": told.get("source"),
            "with": {"kind": other[0], "value": other[1]},
        }
    return None


def _why(kind: str, linked: dict[str, Any] | None) -> str:
    if linked is not None:
        other = linked["with"]
        if kind == "user":
            return f"joined with the account {other['value']} by an alias"
        if other["kind"] == "user":
            return f"seen with the account {other['value']}"
        return f"seen with {other['value']}"
    if kind == "user":
        return "the account"
    return "the only identifier of its events" if kind == "device" else "carried by the events themselves"


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
