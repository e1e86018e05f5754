"""Who was erased stays out: which events a tombstone means, among rows by SQL and among messages one at a time.

An event is judged by its identifiers of the highest rank, as identity gives it to somebody: an account's event on
a device that an erased person used before is the account's. Of a statement that joins two ids either counts. Events
that carry nothing but what others use too are known one by one, by their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from periplus.clock import instant, zone
from periplus.collect.identifying import KINDS, identifiers, normal
from periplus.collect.keys import of_message
from periplus.errors import PeriplusError
from periplus.people import decisions
from periplus.people.identifiers import email, phone, usable
from periplus.people.identity_rules import IdentityRules
from periplus.people.orders import text_of
from periplus.store import door, tombstones
from periplus.store.manifest import Manifest
from periplus.store.tombstones import EVENT, EVENT_TEXT, IDENTIFIER, SHARED, Tombstone

Rule = Callable[[str], str]
READ = (
    "type", "time", "key_hi", "key_lo", "user_id", "anonymous_id", "email", "phone", "external", "previous_id", "reference",
)  # fmt: skip
"""The columns that `refused` looks at."""
_RANKS: Mapping[str, Sequence[tuple[str, str, Rule]]] = {
    "user": [("user_id", "user", usable)],
    "person": [("email", "email", email), ("phone", "phone", phone)],
    "device": [("anonymous_id", "device", usable)],
    "reference": [("reference", "reference", lambda column: column)],
    "previous": [("previous_id", "user", usable), ("previous_id", "device", usable)],
}
"""Columns with the kind of identifier in them and how it is compared, by rank."""
REFERENCES = ("order_id", "ticket_id")
"""Properties that hold a reference, the first one first."""


def refused(connection: door.Connection, rows: str, rules: IdentityRules, *, label: str = "") -> str | None:
    """SQL: (key_hi, key_lo) of the `rows` (SQL with the columns READ) that a tombstone means; None: of none of them.

    Needs the table and the macro of `tombstones.register`. Leaves the tables `buried{label}_N`.
    """
    looked = [(rank, *each) for rank, listed in _ranks(rules).items() for each in listed]
    found = []
    for number, (_, column, kind, rule) in enumerate(looked):
        (count,) = connection.execute(
            f"CREATE OR REPLACE TEMP TABLE buried{label}_{number} AS SELECT raw, max(until) FILTER (what = {IDENTIFIER}) "
            f"AS until FROM (SELECT raw, keyed('{kind}', value) AS hash FROM "
            f"(SELECT raw, {rule('raw')} AS value FROM (SELECT DISTINCT {column} AS raw FROM ({rows})) "
            f"WHERE raw IS NOT NULL) WHERE value IS NOT NULL) JOIN tombstone USING (hash) WHERE what <> {EVENT} GROUP BY raw"
        ).fetchall()[0]
        if count:
            found.append(number)
    if not found:
        return None
    joins = "".join(
        f" LEFT JOIN buried{label}_{number} AS b{number} ON b{number}.raw = e.{column}"
        for number, (_, column, _, _) in enumerate(looked)
    )

    def meant(*ranks: str) -> str:
        return " OR ".join(
            f"coalesce(b{number}.until >= e.time, false)"
            for number, (rank, *_) in enumerate(looked)
            if rank in ranks
        )

    carried = " OR ".join(f"b{number}.raw IS NOT NULL" for number in range(len(looked)))
    known = f"keyed('event', {EVENT_TEXT}) IN (SELECT hash FROM tombstone WHERE what = {EVENT})"
    return (
        f"SELECT e.key_hi, e.key_lo FROM ({rows}) AS e{joins} WHERE CASE "
        f"WHEN e.type = 'alias' AND ({meant('user', 'previous')}) THEN true "
        f"WHEN {usable('e.user_id')} IS NOT NULL THEN {meant('user')} "
        f"WHEN {email('e.email')} IS NOT NULL OR {phone('e.phone')} IS NOT NULL OR e.external IS NOT NULL "
        f"THEN {meant('person')} WHEN {usable('e.anonymous_id')} IS NOT NULL THEN {meant('device')} "
        f"ELSE {meant('reference')} END OR CASE WHEN {carried} THEN {known} ELSE false END"
    )


def _ranks(rules: IdentityRules) -> dict[str, list[tuple[str, str, Rule]]]:
    """What is compared, as usual and as the rules of the workspace have it."""
    found = {rank: list(listed) for rank, listed in _RANKS.items()}
    for column, kind, usual in _RANKS["person"]:
        if rules.value(kind, "raw") != usual("raw"):
            found["person"].append((column, kind, partial(rules.value, kind)))
    found["person"].append(("external", "external", partial(rules.value, "external")))
    return found


@dataclass(frozen=True)
class Erased:
    """The tombstones of a version, for messages: the twin of `refused`, which a test holds to it.

    Numbers from traits are not looked at here: at the flush they are.
    """

    own: bytes = b""
    until: Mapping[str, int] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    rules: IdentityRules = field(default_factory=IdentityRules)

    @classmethod
    def of(cls, root: Path, live: Manifest) -> Erased | None:
        """Those of a version; None where nobody was erased."""
        if live.tombstones is None:
            return None
        rules = decisions.of(root, live).force().rules
        return cls.made(tombstones.secret(root), tombstones.load(root, live.tombstones), rules)

    @classmethod
    def made(cls, own: bytes, stones: Sequence[Tombstone], rules: IdentityRules) -> Erased:
        until: dict[str, int] = {}
        for stone in stones:
            if stone.what == IDENTIFIER:
                until[stone.hash] = max(stone.until, until.get(stone.hash, stone.until))
        by_what = {
            what: frozenset(stone.hash for stone in stones if stone.what == what) for what in (SHARED, EVENT)
        }
        return cls(own, until, by_what[SHARED], by_what[EVENT], rules)

    def means(self, message: Mapping[str, Any], source: str, received: int) -> bool:
        """Whether a message (in the Segment spec) is of somebody who was erased, from before that."""
        time = _when(message, received)
        ranks: dict[str, list[str]] = {}
        for kind, value in identifiers(message):
            for each in {value, self.rules.plain(kind, value)}:
                ranks.setdefault(_RANK[kind], []).append(self._hash(kind, each))
        properties = message.get("properties")
        if isinstance(properties, Mapping):
            for name in REFERENCES:
                if (text := text_of(properties.get(name))) is not None:
                    ranks.setdefault("reference", []).append(self._hash("reference", f"{name}:{text}"))
                    break
        previous: list[str] = []
        before = message.get("previousId")
        if isinstance(before, str | int) and not isinstance(before, bool):
            previous = [
                self._hash(kind, plain)
                for kind in ("user", "device")
                if (plain := normal(kind, str(before))) is not None
            ]
        if message.get("type") == "alias" and self._any([*previous, *ranks.get("user", ())], time):
            return True
        highest = next((ranks[rank] for rank in _ORDER if rank in ranks), [])
        if self._any(highest, time):
            return True
        carried = [*previous, *(each for found in ranks.values() for each in found)]
        if not any(each in self.until or each in self.shared for each in carried):
            return False
        key = of_message(source, str(message.get("messageId")))
        return self._hash("event", tombstones.event_text(key >> 64, key & (1 << 64) - 1)) in self.events

    def _hash(self, kind: str, value: str) -> str:
        return tombstones.keyed(self.own, kind, value)

    def _any(self, hashes: Sequence[str], time: int) -> bool:
        return any(self.until.get(each, -(2**63)) >= time for each in hashes)


_ORDER = ("user", "person", "device", "reference")
_RANK = dict(zip(KINDS, ("user", "person", "person", "device"), strict=True))
_UTC = zone("UTC")


def _when(message: Mapping[str, Any], received: int) -> int:
    told = message.get("timestamp")
    if not isinstance(told, str):
        return received
    try:
        return instant(told, _UTC)
    except (PeriplusError, ValueError, OverflowError):
        return received
