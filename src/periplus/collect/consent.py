"""Consent at the door: may a message be kept, and what people said, remembered for the messages that say nothing.

A message's own consent counts first, then what was last said under one of its identifiers, then the
default of its source. What people said is kept in the operational state under hashes of their
identifiers; of it `Consents` holds in memory what the door asks: analytics, yes or no.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Literal

from periplus.clock import instant, wall, zone
from periplus.collect.hashing import Hashing, told
from periplus.collect.identifying import hashed, identifiers
from periplus.collect.purposes import allows, stated
from periplus.errors import PeriplusError
from periplus.store import consents
from periplus.store.consents import Given
from periplus.store.state import State

Verdict = Literal["keep", "strip", "withhold"]
OVERLAP = 60_000_000
"""Microseconds by which `refresh` looks back: other processes' rows may become visible late."""
REMEMBERED = 200_000
"""Identifiers whose last statement is remembered, so that saying the same again costs nothing."""
STATEMENTS = frozenset({"identify", "group", "alias"})


class Consents:
    """Who allowed what. One per process; threads may share it.

    `no_analytics` is the setting of that name: what becomes of messages that may not be analysed, `drop` or
    `anonymous`. `defaults` says by source whether one that nothing is known of may be (True where absent).
    """

    def __init__(
        self, state: State, *, no_analytics: str = "drop", defaults: Mapping[str, bool] | None = None
    ) -> None:
        self.hashing: Hashing | None = None
        """How identifiers are kept, where they are kept hashed: what people say is remembered under their pseudonyms."""
        self.state = state
        self.no_analytics = no_analytics
        self.defaults: Mapping[str, bool] = defaults or {}
        self._known: dict[str, tuple[int, bool]] = {}
        """By hash of an identifier: (when it was last said, whether analytics was allowed), the newest."""
        self._waiting: set[Given] = set()
        self._last: dict[str, tuple[int, dict[str, bool]]] = {}
        self._seen = 0
        self._lock = threading.Lock()
        self.refresh()

    def usual(self, source: str) -> Verdict | None:
        """The verdict on messages that say nothing themselves, where it is the same for all; None where it depends on whose they are."""
        return None if self._known or not self.defaults.get(source, True) else "keep"

    def decide(self, message: Mapping[str, Any], source: str) -> Verdict:
        """What may become of a message: kept, kept by nobody's name (`anonymous.stripped`), or only counted.

        Decides, and changes nothing: the caller also has `record` remember what the message says.
        """
        allowed = allows(stated(message), "analytics")
        if allowed is None:
            allowed = self._remembered(message)
        if allowed is None:
            allowed = self.defaults.get(source, True)
        if allowed:
            return "keep"
        # A statement that names nobody states nothing.
        if self.no_analytics == "anonymous" and message.get("type") not in STATEMENTS:
            return "strip"
        return "withhold"

    def _remembered(self, message: Mapping[str, Any]) -> bool | None:
        """What was last said of analytics under any of the message's identifiers; at one instant a no wins."""
        if not self._known:
            return None
        found = [
            (said[0], not said[1])
            for kind, value in self._meant(message)
            if (said := self._known.get(hashed(kind, value))) is not None
        ]
        return not max(found)[1] if found else None

    def _meant(self, message: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The identifiers of a message as they came, under which something may have been said before, and as they are kept."""
        came = list(identifiers(message))
        if self.hashing is None:
            return came
        return list(
            dict.fromkeys([*came, *((kind, told(self.hashing, kind, value)) for kind, value in came)])
        )

    def record(self, message: Mapping[str, Any], source: str, received: int) -> None:
        """Remember the consent that a message carries, under each of its identifiers; `save` makes it last.

        Whatever its verdict: a refusal is known by the hash of who refused. It was said at the message's
        `timestamp`, at most when it was received.
        """
        said = stated(message)
        if not said:
            return
        time = _when(message, received)
        for kind, value in identifiers(message):
            kept = value if self.hashing is None else told(self.hashing, kind, value)
            self.note(hashed(kind, kept), said, time, source)

    def note(self, identifier: str, said: Mapping[str, bool], time: int, source: str) -> None:
        """Remember what was said under a hashed identifier."""
        with self._lock:
            if "analytics" in said:
                self._learn(identifier, time, said["analytics"])
            last = self._last.get(identifier)
            if last is not None and last[1] == said and last[0] <= time < last[0] + consents.DAY:
                return
            if len(self._last) >= REMEMBERED:
                self._last.clear()
            if last is None or last[0] <= time:
                self._last[identifier] = (time, dict(said))
            self._waiting.update(
                Given(identifier, purpose, time, given, source[:200]) for purpose, given in said.items()
            )

    def save(self) -> int:
        """Store what was recorded since, and learn what other processes stored; returns how much was new.

        Where the state cannot be written what waits stays waiting, and the problem is raised.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        try:
            written = consents.add(self.state, waiting) if waiting else []
        except BaseException:
            with self._lock:
                self._waiting |= waiting
            raise
        self.refresh()
        return len(written)

    def refresh(self) -> None:
        """Learn what was stored by other processes."""
        rows = list(consents.said(self.state, "analytics", max(0, self._seen - OVERLAP)))
        with self._lock:
            for given, recorded in rows:
                self._learn(given.identifier, given.last, given.given)
                self._seen = max(self._seen, recorded)

    def _learn(self, identifier: str, time: int, given: bool) -> None:
        known = self._known.get(identifier)
        if known is None or (known[0], not known[1]) <= (time, not given):
            self._known[identifier] = (time, given)


def _when(message: Mapping[str, Any], received: int) -> int:
    told = message.get("timestamp")
    if not isinstance(told, str):
        return received
    try:
        return max(0, min(instant(told, _UTC), received))
    except (PeriplusError, ValueError, OverflowError):
        return received


_UTC = zone("UTC")


def state_now(history: list[Given]) -> dict[str, Given]:
    """The newest word on each purpose; at one instant a no wins."""
    newest: dict[str, Given] = {}
    for row in history:
        known = newest.get(row.purpose)
        if known is None or (known.last, not known.given) <= (row.last, not row.given):
            newest[row.purpose] = row
    return newest


def set_by_hand(
    state: State, known: list[tuple[str, str]], said: Mapping[str, bool], source: str, time: int | None = None
) -> int:
    """Store what somebody said elsewhere, under each identifier (kind, value); returns how much was new."""
    moment = wall() if time is None else time
    return len(
        consents.add(
            state,
            (
                Given(hashed(kind, value), purpose, moment, given, source[:200])
                for kind, value in known
                for purpose, given in said.items()
            ),
        )
    )
