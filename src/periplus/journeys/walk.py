"""The walk: a customer's labelled events in order become journeys and visits.

One loop over each shard writes two tables, one row per visit and one per journey. Whatever is said of
maps, flows, people and funnels of journeys is counted from these tables and nothing else, so that all
answers speak of the same journeys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import no_type_check

import numpy as np

from periplus.journeys.rules import JourneyRules
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

OUTCOMES = ("onward", "back", "goal", "again", "stopped", "ended", "running")
ONWARD, BACK, GOAL, AGAIN, STOPPED, ENDED, RUNNING = range(7)
STATES = ("reached", "stopped", "open")
REACHED, GAVE_UP, OPEN = range(3)
OFF = 255
"""The label of an event that is on no step."""
MOST_STEPS = 250

_IS_START, _IS_GOAL, _IS_RESTART, _PROLONGS = 1, 2, 4, 8
_ENDS = {"goal": 0, "restart": 1, "lapse": 2}
_AT_GOAL, _AT_RESTART = 0, 1


@dataclass(frozen=True)
class Walked:
    """The journeys and visits of one shard, in the order of their events.

    Visits, [v] each: `journey` int32 (index below), `step` uint8, `first` and `last` int32 (rows of the
    shard), `events` int32, `outcome` uint8 (index into OUTCOMES).
    Journeys, [j] each: `customer` int32 (index into the shard's customers), `begin` int32 (row of the opening
    event), `goal` and `last_goal` int32 (rows of the first and the last event on a goal step; -1: none),
    `visits` int32[j+1] (visits[i]:visits[i+1] are its visits), `state` uint8 (index into
    STATES), `running` uint8.
    `off_map` and `outside` count events of the period asked for. `among` bool[n] says at which rows the customer
    is one of those who count (None: everywhere); `chosen` leaves out journeys that begin elsewhere.
    """

    shard: Shard
    label: np.ndarray
    journey: np.ndarray
    step: np.ndarray
    first: np.ndarray
    last: np.ndarray
    events: np.ndarray
    outcome: np.ndarray
    customer: np.ndarray
    begin: np.ndarray
    goal: np.ndarray
    last_goal: np.ndarray
    visits: np.ndarray
    state: np.ndarray
    running: np.ndarray
    off_map: int
    outside: int
    among: np.ndarray | None = None

    @property
    def end(self) -> np.ndarray:
        """int32[j]: row of each journey's last event."""
        return np.asarray(self.last[self.visits[1:] - 1])


def walk(
    shard: Shard,
    label: np.ndarray,
    rules: JourneyRules,
    now: int,
    since: int,
    until: int,
    among: np.ndarray | None = None,
) -> Walked:
    """Journeys and visits of a shard whose rows are labelled with steps (uint8[n], OFF: none).

    Events after `now` are unseen. `off_map` and `outside` are counted over since <= time < until. A label
    equal to the number of steps stands for events off the map that are to form visits of their own.
    """
    n = len(label)
    flags = np.zeros(len(rules.steps) + 1, np.uint8)
    for index, rule in enumerate(rules.steps):
        flags[index] = (
            _IS_START * (index in rules.start)
            + _IS_GOAL * (index in rules.goal)
            + _IS_RESTART * (index in rules.restart)
            + _PROLONGS * rule.prolongs
        )
    whole = [np.empty(n, np.int32) for _ in range(4)]
    small = [np.empty(n, np.uint8) for _ in range(2)]
    owner, begin, goal, last_goal = (np.empty(n, np.int32) for _ in range(4))
    visits = np.empty(n + 1, np.int32)
    state, running = np.empty(n, np.uint8), np.empty(n, np.uint8)
    tally = np.zeros(4, np.int64)
    _walk(
        np.asarray(shard.offsets), np.asarray(shard.time), label, flags, _ENDS[rules.end], rules.lapse,
        now, since, until,
        *whole, *small, owner, begin, goal, last_goal, visits, state, running, tally,
    )  # fmt: skip
    v, j = int(tally[0]), int(tally[1])
    # What was allocated beyond these ends has never been touched, so it takes no memory.
    journey, first, last, events = (column[:v] for column in whole)
    step, outcome = (column[:v] for column in small)
    walked = Walked(
        shard, label, journey, step, first, last, events, outcome,
        owner[:j], begin[:j], goal[:j], last_goal[:j], visits[: j + 1], state[:j], running[:j],
        int(tally[2]), int(tally[3]), among,
    )  # fmt: skip
    if among is None:
        return walked
    off_map, outside = (int(np.count_nonzero(rows)) for rows in in_no_journey(walked, now, since, until))
    return replace(walked, off_map=off_map, outside=outside)


def in_no_journey(walked: Walked, now: int, since: int, until: int) -> tuple[np.ndarray, np.ndarray]:
    """bool[n], bool[n]: seen events of the period off the map, and those on it but in no journey."""
    time = np.asarray(walked.shard.time)
    seen = (time >= since) & (time < until) & (time <= now)
    if walked.among is not None:
        seen &= walked.among
    inside = np.zeros(len(time) + 1, np.int64)
    np.add.at(inside, walked.begin, 1)
    np.add.at(inside, walked.end + 1, -1)
    off = walked.label == OFF
    return seen & off, seen & ~off & (np.cumsum(inside)[:-1] == 0)


_READ_I8 = "Array(int64, 1, 'C', readonly=True)"


@compiled(
    f"void({_READ_I8}, {_READ_I8}, Array(uint8, 1, 'C', readonly=True), u1[::1], i8, i8, i8, i8, i8, "
    "i4[::1], i4[::1], i4[::1], i4[::1], u1[::1], u1[::1], "
    "i4[::1], i4[::1], i4[::1], i4[::1], i4[::1], u1[::1], u1[::1], i8[::1])"
)
@no_type_check
def _walk(
    offsets, time, label, flags, ends, lapse, now, since, until,
    v_journey, v_first, v_last, v_events, v_step, v_outcome,
    j_customer, j_begin, j_goal, j_last_goal, j_visits, j_state, j_running, tally,
):  # fmt: skip
    """The rules of SEMANTICS on journeys, event by event."""
    v = 0  # visits so far
    j = 0  # journeys so far
    off_map = 0
    outside = 0
    for c in range(offsets.shape[0] - 1):
        is_open = False
        reached = False
        here = -1  # step of the visit one is in
        prolonged = 0  # time of the last event that prolongs the open journey
        for r in range(offsets[c], offsets[c + 1]):
            t = time[r]
            if t > now:
                break
            s = label[r]
            if s == OFF:
                if since <= t < until:
                    off_map += 1
                continue
            flag = flags[s]
            begins = False
            if not is_open:
                begins = (flag & _IS_START) != 0
            elif t - prolonged > lapse:
                v_outcome[v - 1] = ENDED if reached else STOPPED
                j_state[j - 1] = REACHED if reached else GAVE_UP
                is_open = False
                begins = (flag & _IS_START) != 0
            elif reached and ends == _AT_RESTART and (flag & _IS_RESTART) != 0:
                v_outcome[v - 1] = AGAIN
                j_state[j - 1] = REACHED
                begins = True
            if begins:
                j_customer[j] = c
                j_begin[j] = r
                j_goal[j] = -1
                j_last_goal[j] = -1
                j_visits[j] = v
                j_running[j] = 0
                j += 1
                is_open = True
                reached = False
                here = -1
                prolonged = t
            elif not is_open:
                if since <= t < until:
                    outside += 1
                continue
            if s != here:
                if here >= 0:
                    v_outcome[v - 1] = ONWARD if s > here else BACK
                v_journey[v] = j - 1
                v_step[v] = s
                v_first[v] = r
                v_events[v] = 0
                here = s
                v += 1
            v_last[v - 1] = r
            v_events[v - 1] += 1
            if (flag & _PROLONGS) != 0:
                prolonged = t
            if (flag & _IS_GOAL) != 0:
                if not reached:
                    j_goal[j - 1] = r
                    reached = True
                j_last_goal[j - 1] = r
                if ends == _AT_GOAL:
                    v_outcome[v - 1] = GOAL
                    j_state[j - 1] = REACHED
                    is_open = False
        if is_open:
            if now - prolonged <= lapse:
                v_outcome[v - 1] = RUNNING
                j_state[j - 1] = REACHED if reached else OPEN
                j_running[j - 1] = 1
            else:
                v_outcome[v - 1] = ENDED if reached else STOPPED
                j_state[j - 1] = REACHED if reached else GAVE_UP
    j_visits[j] = v
    tally[0] = v
    tally[1] = j
    tally[2] = off_map
    tally[3] = outside
