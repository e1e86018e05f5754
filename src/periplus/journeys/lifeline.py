"""One customer's events with the step, stage, journey and visit each is in, by the engine's own walk."""

from __future__ import annotations

from typing import Any

import numpy as np

from periplus.clock import iso
from periplus.journeys.rules import JourneyRules
from periplus.journeys.walk import OFF, OUTCOMES, STATES, walk
from periplus.store.files import MARKED
from periplus.store.snapshot import Shard


def lifeline(events: list[dict[str, Any]], rules: JourneyRules | None, now: int) -> list[dict[str, Any]]:
    """The events (as `people.history.events` gives them) with `time` and, where `rules` are given, their place.

    Added keys: `step`, `stage`, `step_name`, `journey` (from 0), `visit` (from 0 in its journey), `outcome`
    of the visit, `state` of the journey; None for an event that is in no journey. Statements and events
    after `now` are left out.
    """
    told = [
        event | {"time": event["timestamp"], "step": None, "stage": None, "journey": None, "visit": None}
        for event in events
        if event["section"] % MARKED < 2 and event["micros"] <= now
    ]
    if rules is None or not told:
        return told
    label = np.array([_step(event, rules) for event in told], np.uint8)
    time = np.array([event["micros"] for event in told], np.int64)
    shard = Shard(
        0, np.ones(1, np.uint64), np.array([0, len(told)], np.int64), time, np.zeros(len(told), np.uint16)
    )
    walked = walk(shard, label, rules, now, 0, now + 1)
    for row, code in enumerate(label):
        if code != OFF:
            told[row] |= {
                "step": rules.steps[code].id,
                "step_name": rules.steps[code].name,
                "stage": rules.steps[code].stage,
            }
    for visit in range(len(walked.step)):
        journey = int(walked.journey[visit])
        place = {
            "journey": journey,
            "visit": visit - int(walked.visits[journey]),
            "outcome": OUTCOMES[walked.outcome[visit]],
            "state": STATES[walked.state[journey]],
            "running": bool(walked.running[journey]),
            "journey_end": iso(int(time[walked.end[journey]])),
        }
        for row in range(int(walked.first[visit]), int(walked.last[visit]) + 1):
            if label[row] != OFF:
                told[row] |= place
    return told


def _step(event: dict[str, Any], rules: JourneyRules) -> int:
    for index, step in enumerate(rules.steps):
        if step.rule is not None and step.rule.matches(event):
            return index
    return OFF
