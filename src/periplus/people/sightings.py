"""The identifiers in one customer's rows: since when, what each was seen beside, and why it is this customer's.

Everything is said from the customer's own rows, the rules and the decisions in force: an identifier of a lower rank
belongs to somebody because an event, or an alias, carried it together with a higher one, and that event is among
these rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from periplus.clock import iso
from periplus.collect.identifying import normal
from periplus.people import decisions
from periplus.people.decisions import PEOPLE, Decision, Identifier
from periplus.people.directory import KINDS
from periplus.people.history import History
from periplus.people.linking import Linking
from periplus.store import standing
from periplus.store.columns import FileColumns
from periplus.store.files import MARKED
from periplus.store.snapshot import Snapshot

RANKS = {"user": "user", "email": "person", "phone": "person", "external": "person", "device": "device"}
"""The rank of each kind of identifier, the highest first."""
_HIGHER = {
    "user": ("user",),
    "email": ("user", "phone", "external"),
    "phone": ("user", "email", "external"),
    "external": ("user", "email", "phone"),
    "device": ("user", "email", "phone", "external"),
}
"""With which kinds an identifier is seen that say whose it is, the strongest first."""
Key = tuple[str, str]


@dataclass
class Sighting:
    """One identifier in the rows of a customer: first and last time, rows, and the first row with each other one.

    `place` is the first row that carried it.
    """

    first: int
    last: int
    place: int
    rows: int = 0
    beside: dict[Key, int] = field(default_factory=dict)


_seen: WeakKeyDictionary[History, dict[Key, Sighting]] = WeakKeyDictionary()
"""Sightings of the histories that are kept: profile, consent and notes all ask for them."""


def sightings(mine: History) -> dict[Key, Sighting]:
    """Every identifier in the columns of a customer's rows (kind, value), with what it was seen beside."""
    if mine not in _seen:
        _seen[mine] = among(mine)
    return _seen[mine]


def with_numbers(snapshot: Snapshot, mine: History, linking: Linking) -> dict[Key, Sighting]:
    """The same, with the numbers from traits that rank as a person's by the rules in force."""
    traits = linking.rules.external
    if not traits or not len(mine):
        return sightings(mine)

    def number(columns: FileColumns) -> tuple[str, list[Any]]:
        sent = standing.external_value(columns.columns, columns.rest, traits)
        return linking.value("external", f"({sent})"), []

    return among(mine, numbers=mine.evaluate(snapshot, number).tolist())


def among(
    mine: History, places: np.ndarray | None = None, numbers: list[str | None] | None = None
) -> dict[Key, Sighting]:
    """The identifiers in some rows, else in all; `numbers` are those from traits, one or None for each row."""
    raw = [(kind, mine.column(column)) for column, kind in KINDS.items()]
    previous, kinds = mine.column("previous_id"), mine.column("type")
    known: dict[tuple[str, str | None], Key | None] = {}

    def plain(kind: str, text: str | None) -> Key | None:
        if (kind, text) not in known:
            value = normal(kind, text)
            known[kind, text] = None if value is None else (kind, value)
        return known[kind, text]

    users = {plain("user", text) for text in raw[0][1]} - {None}
    seen: dict[Key, Sighting] = {}
    for place in range(len(mine)) if places is None else places.tolist():
        time = int(mine.time[place])
        carried = [one for kind, column in raw if (one := plain(kind, column[place])) is not None]
        if numbers is not None and isinstance(numbers[place], str):
            carried.append(("external", str(numbers[place])))
        for one in carried:
            if one not in seen:
                seen[one] = Sighting(time, time, place)
            seen[one].last = time
            seen[one].rows += 1
        if kinds[place] == "alias" and previous[place] is not None:
            before = plain("user", previous[place])
            # A previous id that is a user's joins two users; otherwise it is a device's.
            before = before if before in users else plain("device", previous[place])
            if before is not None and before not in carried:
                carried.append(before)
                seen.setdefault(before, Sighting(time, time, place))
        if mine.section[place] >= MARKED:
            continue  # what a bot or the staff did links nothing
        for one in carried:
            for other in carried:
                if other != one:
                    seen[one].beside.setdefault(other, place)
    return seen


def explained(snapshot: Snapshot, mine: History) -> list[dict[str, Any]]:
    """Every identifier of a customer, the highest rank first, then the first seen.

    Each has `kind`, `value`, `rank`, `first`, `last`, `events`; `by`, why it is here: "event", "alias", "hand",
    "spelling" (a rule says that it is another spelling of one), "events" (they carry it, though no link counts), or
    "itself"; `why`, the same as a sentence; `other`, the value it is one with, None where it stands by itself; `linked`:
    the `event` that linked it, with its `type`, `time`, `source` and the identifier it came `with` (kind, value), None
    where none did; `carried`: the first event that carried it at all; and `decision`, the number of the one by hand.
    """
    decided = decisions.of(snapshot.root, snapshot.manifest)
    linking = Linking(decided.force())
    seen = with_numbers(snapshot, mine, linking)
    links = {key: _link(linking, key, sighting) for key, sighting in seen.items()}
    places = sorted(
        {each.place for each in seen.values()} | {place for _, place in filter(None, links.values())}
    )
    told = {place: _evidence(event) for place, event in zip(places, mine.events(places), strict=True)}
    reasons = _Reasons(linking, decided.listed, seen)
    rows = []
    for key, sighting in seen.items():
        linked = None
        if (link := links[key]) is not None:
            (kind, value), place = link
            linked = told[place] | {"with": {"kind": kind, "value": value}}
        rows.append(
            {
                "kind": key[0],
                "value": key[1],
                "rank": RANKS[key[0]],
                "first": iso(sighting.first),
                "last": iso(sighting.last),
                "events": sighting.rows,
                "linked": linked,
                "carried": told[sighting.place],
                **reasons.of(key, linked),
            }
        )
    order = list(PEOPLE)
    return sorted(rows, key=lambda row: (order.index(row["kind"]), row["first"], row["value"]))


def _link(linking: Linking, key: Key, sighting: Sighting) -> tuple[Key, int] | None:
    """The strongest kind an identifier was ever seen with, by a link that counts: the first such one, and its row."""
    for higher in _HIGHER[key[0]] if linking.links(key[0]) else ():
        places = {
            other: place
            for other, place in sighting.beside.items()
            if other[0] == higher and linking.links(higher) and not _is_cut(linking, key, other)
        }
        if places:
            return min(places.items(), key=lambda pair: pair[1])
    return None


def _is_cut(linking: Linking, one: Key, other: Key) -> bool:
    """Whether somebody separated two identifiers."""
    if not linking.force.cuts:
        return False
    pair = {linking.compared(_read(one)), linking.compared(_read(other))}
    return any(pair == set(map(linking.compared, cut)) for cut in linking.force.cuts)


def _evidence(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": told.get("event") or told.get("type"),
        "type": told.get("type"),
        "time": told["timestamp"],
        "source": told.get("source"),
    }


class _Reasons:
    """Why identifiers are one customer's, where no event alone says so: joins by hand, and other spellings."""

    def __init__(self, linking: Linking, decided: Sequence[Decision], seen: Mapping[Key, Sighting]) -> None:
        self._beside = {key for key, sighting in seen.items() if sighting.beside}
        self._compared = {key: linking.compared(_read(key)) for key in seen}
        self._spelled: dict[Identifier, list[Key]] = {}
        for key in sorted(seen, key=lambda key: (not seen[key].beside, seen[key].first, key)):
            self._spelled.setdefault(self._compared[key], []).append(key)
        self._by_hand: dict[Identifier, tuple[Decision, Identifier]] = {}
        for decision in decided:
            for pair in decision.links if decision.kind == "join" and decision.undone is None else ():
                for mine, other in (pair, pair[::-1]):
                    self._by_hand.setdefault(linking.compared(mine), (decision, other))

    def of(self, key: Key, linked: Mapping[str, Any] | None) -> dict[str, Any]:
        """`by`, `why` (a sentence), `other` (a value) and `decision` (the number of one by hand)."""
        kind = key[0]
        if linked is not None:
            other = linked["with"]["value"]
            if linked["type"] == "alias":
                joined = "joined with the account" if kind == "user" else "linked to"
                return _told("alias", f"{joined} {other} by an alias", other)
            account = "the account " if linked["with"]["kind"] == "user" else ""
            return _told("event", f"seen with {account}{other}", other)
        if self._compared[key] in self._by_hand:
            decision, end = self._by_hand[self._compared[key]]
            why = f"joined with {end.value} by hand, decision {decision.id}"
            return _told("hand", why, end.value, decision.id)
        for _, spelled in (other_key for other_key in self._spelled[self._compared[key]] if other_key != key):
            return _told("spelling", f"another spelling of {spelled}, by a rule", spelled)
        if kind == "user":
            return _told("itself", "the account")
        if key in self._beside or kind != "device":
            return _told("events", "carried by the events themselves")
        return _told("itself", "the only identifier of its events")


def _told(by: str, why: str, other: str | None = None, decision: int | None = None) -> dict[str, Any]:
    return {"by": by, "why": why, "other": other, "decision": decision}


def _read(key: Key) -> Identifier:
    return Identifier(*key)  # type: ignore[arg-type]
