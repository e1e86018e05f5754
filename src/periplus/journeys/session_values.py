"""What is said of whole sessions: how one began, by which device, how long it was, the how manieth.

- `session.landing`: the path of its first page; `session.exit`: of its last one.
- `session.source`, `session.campaign`, `session.referrer`, `session.channel`: of the event it landed with, its first one
  with a page (without any page its first one). The source is the campaign's, else the host of the referrer where that
  is another site, else the channel.
- `session.device`: of its first event that says one.
- `session.length`, `session.bounced`: as it was seen at `now`; the length in classes, bounced with a single event.
- `session.number`: 1 for a customer's first session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from periplus.errors import QuestionError, unknown
from periplus.journeys import reading
from periplus.journeys.session_rules import Sessions
from periplus.question import Context
from periplus.store.snapshot import Shard

ROOT = "session."
NAMES = (
    "landing", "exit", "source", "campaign", "referrer", "channel", "device", "length", "bounced", "number",
)  # fmt: skip
LENGTHS = ("0s", "under 1m", "under 5m", "under 15m", "under 30m", "under 1h", "1h or more")
_EDGES = np.array([1, 60, 300, 900, 1800, 3600], np.int64) * 1_000_000

_PATH = ("properties.path", "context.page.path")
_URL = ("properties.url", "context.page.url")
_REFERRER = ("context.arrival.referrer", "properties.referrer", "context.page.referrer")
_SOURCE = ("context.campaign.source", "context.arrival.campaign.source")
_CAMPAIGN = ("context.campaign.name", "context.arrival.campaign.name")


class SessionValues:
    """The values of one such property, `known[code]` for each code that `at` gives."""

    def __init__(self, name: str, sessions: Sessions, now: int, context: Context) -> None:
        self.name = checked(name)
        self.known: list[Any] = []
        self._sessions, self._now, self._context = sessions, now, context
        self._read: dict[str, reading.Values] = {}
        self._numbers: dict[Any, int] = {}
        snapshot = context.snapshot
        self._shards = [snapshot.shard(index) for index in range(snapshot.shard_count)]
        self._codes = [self._of_sessions(shard) for shard in self._shards]

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray:
        """int64 per row asked for: the code of its session's value, -1 where that has none."""
        codes = self._codes[shard]
        if not len(codes):
            return np.full(len(rows), -1, np.int64)
        found: np.ndarray = codes[self._sessions.of(self._shards[shard])[rows]]
        return found

    def _of_sessions(self, shard: Shard) -> np.ndarray:
        """int64 per session of a shard: the code of its value."""
        session = self._sessions.of(shard)
        if not len(session):
            return np.zeros(0, np.int64)
        first = np.flatnonzero(np.diff(session, prepend=-1))
        if self.name in ("length", "bounced", "number"):
            return self._counted(shard, first)
        if self.name == "device":
            return self._first(shard, session, ("context.device.type",), first=True)
        if self.name in ("landing", "exit"):
            return self._first(shard, session, _PATH, first=self.name == "landing")
        return self._of_landing(shard, self._landing(shard, session, first))

    def _counted(self, shard: Shard, first: np.ndarray) -> np.ndarray:
        time = np.asarray(shard.time)
        if self.name == "number":
            owner = np.searchsorted(np.asarray(shard.offsets), first, "right") - 1
            begins = np.flatnonzero(np.diff(owner, prepend=-1))
            before = np.repeat(begins, np.diff(np.append(begins, len(first))))
            number: np.ndarray = np.arange(len(first)) - before
            self.known = list(range(1, max(len(self.known), int(number.max()) + 1) + 1))
            return number
        end = np.append(first[1:], len(time))
        unseen = np.concatenate(([0], np.cumsum(time > self._now)))
        events = np.maximum(end - first - (unseen[end] - unseen[first]), 1)
        if self.name == "bounced":
            self.known = [False, True]
            return np.asarray(events == 1, np.int64)
        self.known = list(LENGTHS)
        return np.asarray(np.searchsorted(_EDGES, time[first + events - 1] - time[first], "right"), np.int64)

    def _first(self, shard: Shard, session: np.ndarray, paths: Sequence[str], *, first: bool) -> np.ndarray:
        """The value at the first (or last) event of each session that has one."""
        rows = self._with(shard, paths)
        found = np.full(int(session[-1]) + 1, -1, np.int64)
        codes = self._texts(shard, rows, paths)
        if not first:
            rows, codes = rows[::-1], codes[::-1]
        own, at = np.unique(session[rows], return_index=True)
        found[own] = codes[at]
        return found

    def _landing(self, shard: Shard, session: np.ndarray, first: np.ndarray) -> np.ndarray:
        """int64 per session: the row of its first event with a page, else its first one."""
        rows = self._with(shard, _PATH)
        own, at = np.unique(session[rows], return_index=True)
        landed = first.copy()
        landed[own] = rows[at]
        return landed

    def _of_landing(self, shard: Shard, rows: np.ndarray) -> np.ndarray:
        if self.name == "campaign":
            return self._texts(shard, rows, _CAMPAIGN)
        channel = self._texts(shard, rows, ("channel",)) if self.name in ("channel", "source") else rows
        if self.name == "channel":
            return channel
        # A referrer of the shop's own site brought nobody.
        referrer, here = self._texts(shard, rows, _REFERRER, host), self._texts(shard, rows, _URL, host)
        referrer[referrer == here] = -1
        if self.name == "referrer":
            return referrer
        source = self._texts(shard, rows, _SOURCE)
        return np.where(source >= 0, source, np.where(referrer >= 0, referrer, channel))

    def _with(self, shard: Shard, paths: Sequence[str]) -> np.ndarray:
        """The rows seen that have one of some paths."""
        among = [self._values(path).among(shard.index)[0] for path in paths]
        rows = np.unique(np.concatenate(among)).astype(np.int64)
        return rows[np.asarray(shard.time)[rows] <= self._now]

    def _texts(
        self, shard: Shard, rows: np.ndarray, paths: Sequence[str], shown: Callable[[str], str | None] = str
    ) -> np.ndarray:
        """int64 per row: the code of what the first of some paths says there."""
        found = np.full(len(rows), -1, np.int64)
        for path in paths:
            values = self._values(path)
            table = np.array(
                [self._number(shown(reading.form(value))) for value in values.known] + [-1], np.int64
            )
            found = np.where(found >= 0, found, table[values.at(shard.index, rows)])
        return found

    def _number(self, value: str | None) -> int:
        if value is None or value == "":
            return -1
        if value not in self._numbers:
            self._numbers[value] = len(self.known)
            self.known.append(value)
        return self._numbers[value]

    def _values(self, path: str) -> reading.Values:
        if path not in self._read:
            self._read[path] = reading.read(self._context.snapshot, [path], None)
        return self._read[path]


def checked(name: str) -> str:
    """The name of such a property without its root; raises QuestionError with the nearest."""
    own = name.removeprefix(ROOT)
    if own not in NAMES:
        listed = [f"{ROOT}{each}" for each in NAMES]
        message, hint, allowed = unknown("property of sessions", f"{ROOT}{own}", listed)
        raise QuestionError(message, code="property", hint=hint, allowed=allowed)
    return own


def host(address: str) -> str | None:
    """The host of an address, without `www.`.

    >>> host("https://www.google.gr/search?q=x"), host("google.gr"), host("android-app://com.slack/")
    ('google.gr', 'google.gr', 'com.slack')
    """
    try:
        found = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
    return found.removeprefix("www.") if found else None
