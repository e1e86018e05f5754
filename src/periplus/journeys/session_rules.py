"""What ends a session: the silence, midnight, another campaign; said by a question, else by the workspace."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np

from periplus import clock
from periplus.errors import QuestionError
from periplus.journeys import reading
from periplus.journeys.buckets import Buckets, covering
from periplus.journeys.sessions import sessions
from periplus.question import Context, Document
from periplus.store.snapshot import Shard, Snapshot

CAMPAIGN = tuple(f"context.campaign.{part}" for part in ("source", "medium", "name", "term", "content"))
"""What says by which campaign an event came."""


class SessionOptions(Document):
    """`{"gap": "30m", "midnight": true, "campaign": true}`; what is left out is as the workspace has it."""

    title: ClassVar[str] = "the options of sessions"
    gap: str | None = None
    midnight: bool | None = None
    campaign: bool | None = None


@dataclass(frozen=True)
class SessionRules:
    """A session ends after more than `gap` microseconds of silence; at `midnight` in `zone`, and with another
    `campaign`, where that is asked for."""

    gap: int
    midnight: bool
    campaign: bool
    zone: ZoneInfo

    def document(self) -> dict[str, Any]:
        """As a question says it."""
        return {"gap": clock.duration_text(self.gap), "midnight": self.midnight, "campaign": self.campaign}


def session_rules(options: SessionOptions | None, zone: ZoneInfo, context: Context) -> SessionRules:
    """The rules of a question's sessions: what it says, else what the workspace's settings say."""
    said, settings = options or SessionOptions(), context.settings
    gap = clock.duration(settings.session_gap if said.gap is None else said.gap)
    if gap <= 0:
        raise QuestionError(
            "The gap of sessions is nothing.", code="sessions", hint="Write a duration such as '30m'."
        )
    midnight = "midnight" in settings.session_new if said.midnight is None else said.midnight
    campaign = "campaign" in settings.session_new if said.campaign is None else said.campaign
    return SessionRules(gap, midnight, campaign, zone)


class Sessions:
    """The sessions of a question's events, numbered shard by shard, each shard once.

    `of(shard)` is int32[n], ascending over a shard's rows: a customer's next session has the next number.
    """

    def __init__(self, rules: SessionRules, context: Context) -> None:
        self.rules = rules
        snapshot = context.snapshot
        self._days = _days(rules.zone, snapshot) if rules.midnight else None
        self._campaigns = _campaigns(snapshot) if rules.campaign else None
        self._found: dict[int, np.ndarray] = {}
        self._lock = Lock()

    def of(self, shard: Shard) -> np.ndarray:
        """int32[n]: the session of each row of a shard."""
        with self._lock:
            found = self._found.get(shard.index)
        if found is None:
            days = None if self._days is None else self._days.of(np.asarray(shard.time))
            found = sessions(shard, self.rules.gap, days, self._campaign(shard))
            with self._lock:
                self._found[shard.index] = found
        return found

    def goes_on(self, shard: Shard, last: np.ndarray, now: int) -> np.ndarray:
        """bool per row in `last`: whether an event right after `now` could be in the session of that row, a customer's
        last one seen."""
        time = np.asarray(shard.time)[last]
        still = now + 1 - time <= self.rules.gap
        if self._days is not None:
            still &= self._days.of(time) == self._days.of(now + 1)
        return np.asarray(still)

    def _campaign(self, shard: Shard) -> np.ndarray | None:
        """int32[n]: the campaign of each row, 0 where it says none."""
        if self._campaigns is None:
            return None
        found = np.zeros(len(shard.time), np.int32)
        rows = np.unique(np.concatenate([values.among(shard.index)[0] for values in self._campaigns]))
        if len(rows):
            parts = np.stack([values.at(shard.index, rows) for values in self._campaigns], axis=1)
            _, number = np.unique(parts, axis=0, return_inverse=True)
            found[rows] = number.reshape(-1) + 1
        return found


def _days(zone: ZoneInfo, snapshot: Snapshot) -> Buckets:
    """The days of a zone from the first event's to the last one's and the one after."""
    times = [np.asarray(snapshot.shard(index).time) for index in range(snapshot.shard_count)]
    first = min((int(time.min()) for time in times if len(time)), default=0)
    last = max((int(time.max()) for time in times if len(time)), default=0)
    return covering("day", zone, "monday", first, last)


def _campaigns(snapshot: Snapshot) -> list[reading.Values]:
    known = [path for path in CAMPAIGN if path in snapshot.properties]
    return [reading.read(snapshot, [path], None) for path in known or CAMPAIGN[:1]]
