"""One customer's events with the step, stage, journey and visit each is in, by the engine's own walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from periplus.clock import iso
from periplus.journeys import customers, labels
from periplus.journeys.moment import Span, resolve
from periplus.journeys.rules import JourneyRules
from periplus.journeys.walk import OFF, OUTCOMES, STATES, Walked, walk
from periplus.people.history import History
from periplus.question import Context
from periplus.store.snapshot import Shard, Snapshot


@dataclass(frozen=True)
class Lifeline:
    """The events of one customer up to a moment, oldest first, and where each stands.

    `places` int64[n] are their rows in `history`, `time` int64[n] microseconds UTC, `step` uint8[n] the index of
    the step in `rules` (OFF: none); `journey` and `visit` int32[n] count from 0 (-1: in none), a visit within its
    journey. `walked` has the journeys and visits themselves; it is None where no rules are given. `now` is the
    moment, microseconds UTC.
    """

    history: History
    places: np.ndarray
    time: np.ndarray
    step: np.ndarray
    journey: np.ndarray
    visit: np.ndarray
    rules: JourneyRules | None
    walked: Walked | None
    now: int

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def _visits(self) -> np.ndarray:
        """int32: the first visit of each journey among all."""
        return np.zeros(0, np.int32) if self.walked is None else np.asarray(self.walked.visits)

    def outcome(self, journey: int) -> str:
        """What became of a journey: the outcome of its last visit."""
        assert self.walked is not None
        return OUTCOMES[int(self.walked.outcome[int(self._visits[journey + 1]) - 1])]

    def running(self, journey: int) -> bool:
        assert self.walked is not None
        return bool(self.walked.running[journey])

    def events(self, chosen: np.ndarray | Sequence[int] | None = None) -> list[dict[str, Any]]:
        """Events as `people.history` gives them (those at some indexes, or all), with `time` and their place.

        Added keys: `step`, `stage`, `step_name`, `journey` (from 0), `visit` (from 0 in its journey), `outcome`
        of the visit, `state` of the journey; None for an event that is in no journey.
        """
        indexes = np.arange(len(self)) if chosen is None else np.asarray(chosen, np.int64)
        told = self.history.events(self.places[indexes])
        return [event | self._place(int(index), event) for index, event in zip(indexes, told, strict=True)]

    def _place(self, index: int, event: dict[str, Any]) -> dict[str, Any]:
        place: dict[str, Any] = {
            "time": event["timestamp"], "step": None, "stage": None, "journey": None, "visit": None,
        }  # fmt: skip
        code = int(self.step[index])
        if self.rules is not None and code != OFF:
            step = self.rules.steps[code]
            place |= {"step": step.id, "step_name": step.name, "stage": step.stage}
        journey = int(self.journey[index])
        if self.walked is None or journey < 0:
            return place
        visit = int(self.visit[index])
        return place | {
            "journey": journey,
            "visit": visit,
            "outcome": OUTCOMES[int(self.walked.outcome[int(self._visits[journey]) + visit])],
            "state": STATES[int(self.walked.state[journey])],
            "running": bool(self.walked.running[journey]),
            "journey_end": iso(int(self.time[int(self.walked.end[journey])])),
        }


def lifeline(
    snapshot: Snapshot,
    history: History,
    rules: JourneyRules | None,
    context: Context,
    moment: str | None = None,
) -> Lifeline:
    """The lifeline of a customer; statements and events after the moment are left out."""
    span = resolve(None, moment, None, context)
    now = span.now
    places = history.happened
    places = places[history.time[places] <= now]
    time = np.ascontiguousarray(history.time[places])
    n = len(places)
    nowhere = np.full(n, -1, np.int32)
    if rules is None or not n:
        return Lifeline(
            history, places, time, np.full(n, OFF, np.uint8), nowhere, nowhere.copy(), None, None, now
        )
    label = np.ascontiguousarray(_labels(snapshot, history, rules, span, context)[places])
    shard = Shard(0, np.ones(1, np.uint64), np.array([0, n], np.int64), time, np.zeros(n, np.uint16))
    walked = walk(shard, label, rules, now, 0, now + 1)
    journey, visit = nowhere, nowhere.copy()
    for number in range(len(walked.step)):
        inside = slice(int(walked.first[number]), int(walked.last[number]) + 1)
        on = label[inside] != OFF
        own = int(walked.journey[number])
        journey[inside][on] = own
        visit[inside][on] = number - int(walked.visits[own])
    return Lifeline(history, places, time, label, journey, visit, rules, walked, now)


def _labels(
    snapshot: Snapshot, history: History, rules: JourneyRules, span: Span, context: Context
) -> np.ndarray:
    """uint8 per row of a history: its step, OFF where it is on none."""
    steps = [step.rule for step in rules.steps]
    conditions = [(code, rule) for code, rule in enumerate(steps) if rule is not None]
    if not any(rule.speaks_of_customer() for _, rule in conditions):
        return np.asarray(history.evaluate(snapshot, labels.first_met(conditions, OFF)), np.uint8)
    # What is said of the customer needs all of their events: the shard they are in has them.
    found = np.full(len(history), OFF, np.uint8)
    customer = int(history.column("customer")[0])
    shard = snapshot.shard(customer * snapshot.shard_count >> 64)
    owner = int(np.searchsorted(np.asarray(shard.customers), np.uint64(customer)))
    mine = slice(int(shard.offsets[owner]), int(shard.offsets[owner + 1]))
    found[history.happened] = labels.codes(snapshot, steps, when=customers.of_map(span, context))(shard)[mine]
    return found
