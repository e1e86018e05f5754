"""The fold of a map: counts by step and by stage over the visits a period selects, shard by shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys.moment import ALWAYS, Span
from periplus.journeys.tables import SHIFT
from periplus.journeys.walk import GOAL, OUTCOMES, STATES, Walked
from periplus.store.compiled import compiled

JOURNEYS, CUSTOMERS, WITH_GOAL, NET, GROSS = range(5)


@dataclass(frozen=True)
class Folded:
    """Partial counts of a map; they add up.

    `outcomes` int64[steps, 7]; `counts` int64[steps, 5] (journeys, customers, those that reach the goal,
    value net and gross); `stages` int64[stages, 7]; `totals` int64[5] (journeys by state, value net and
    gross); `seconds`: keys of the durations of visits by step; `off_map` and `outside`: events.
    """

    outcomes: np.ndarray
    counts: np.ndarray
    stages: np.ndarray
    totals: np.ndarray
    seconds: list[np.ndarray]
    off_map: int
    outside: int


def chosen(walked: Walked, span: Span) -> tuple[np.ndarray, np.ndarray]:
    """bool[v], bool[j]: the visits and the journeys that the period selects.

    By activity, visits that began in it and the journeys they belong to; else journeys, with all visits. In both
    cases only journeys of the customers who count when they begin.
    """
    visits, journeys = _of_period(walked, span)
    if walked.among is not None:
        journeys &= walked.among[walked.begin]
        visits &= journeys[walked.journey]
    return visits, journeys


def _of_period(walked: Walked, span: Span) -> tuple[np.ndarray, np.ndarray]:
    if span.by != "goal" and span.since <= -ALWAYS and span.until >= ALWAYS:
        return np.ones(len(walked.journey), np.bool_), np.ones(len(walked.begin), np.bool_)
    time = np.asarray(walked.shard.time)

    def within(moment: np.ndarray) -> np.ndarray:
        return (moment >= span.since) & (moment < span.until)

    if span.by == "activity":
        visits = within(time[walked.first])
        journeys = np.zeros(len(walked.begin), np.bool_)
        journeys[walked.journey[visits]] = True
        return visits, journeys
    if span.by == "goal":
        journeys = (
            (walked.goal >= 0) & within(time[np.maximum(walked.goal, 0)]) if len(time) else walked.goal >= 0
        )
    else:
        journeys = within(time[walked.begin])
    return journeys[walked.journey], journeys


def fold(
    walked: Walked, span: Span, stage: np.ndarray, stages: int, net: np.ndarray, gross: np.ndarray
) -> Folded:
    """The partial counts of one shard.

    `stage` int64[steps] is each step's stage, of `stages`; `net` and `gross` int64[j] the journeys' values.
    """
    visits, _ = chosen(walked, span)
    steps = len(stage)
    outcomes, by_stage = (
        np.zeros((steps, len(OUTCOMES)), np.int64),
        np.zeros((stages, len(OUTCOMES)), np.int64),
    )
    counts, totals = np.zeros((steps, 5), np.int64), np.zeros(len(STATES) + 2, np.int64)
    time = np.asarray(walked.shard.time)
    seconds = np.empty(len(walked.step), np.int64)
    count = _fold(
        time, visits, walked.journey, walked.step, walked.first, walked.last, walked.outcome,
        walked.customer, walked.last_goal, walked.state, net, gross, stage,
        outcomes, counts, by_stage, totals, seconds,
    )  # fmt: skip
    return Folded(outcomes, counts, by_stage, totals, [seconds[:count]], walked.off_map, walked.outside)


def summed(parts: Sequence[Folded]) -> Folded:
    """The sum of partial counts."""
    return Folded(
        np.sum([part.outcomes for part in parts], axis=0),
        np.sum([part.counts for part in parts], axis=0),
        np.sum([part.stages for part in parts], axis=0),
        np.sum([part.totals for part in parts], axis=0),
        [keys for part in parts for keys in part.seconds],
        sum(part.off_map for part in parts),
        sum(part.outside for part in parts),
    )


def stage_runs(walked: Walked, stage: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Runs of consecutive visits within one stage: first visit, last visit, outcome, each [runs]."""
    here = stage[walked.step]
    fresh = np.ones(len(here), np.bool_)
    fresh[1:] = (here[1:] != here[:-1]) | (walked.journey[1:] != walked.journey[:-1])
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(here))[: len(first)] - 1
    outcome = walked.outcome[last].copy()
    onward = outcome < GOAL
    outcome[onward] = np.where(here[last[onward] + 1] > here[last[onward]], 0, 1)
    return first, last, outcome


@compiled(
    "i8(Array(int64, 1, 'C', readonly=True), b1[::1], i4[::1], u1[::1], i4[::1], i4[::1], u1[::1], "
    "i4[::1], i4[::1], u1[::1], i8[::1], i8[::1], i8[::1], "
    "i8[:, ::1], i8[:, ::1], i8[:, ::1], i8[::1], i8[::1])"
)
@no_type_check
def _fold(
    time, chosen, journey, step, first, last, outcome, customer, last_goal, state, net, gross, stage,
    outcomes, counts, by_stage, totals, seconds,
):  # fmt: skip
    """Visits in order: what is counted once per journey or customer remembers the last one it saw."""
    steps = stage.shape[0]
    seen_journey = np.full(steps, -1, np.int64)
    seen_customer = np.full(steps, -1, np.int64)
    in_totals = -1
    n = 0
    run_chosen = False  # whether the present run of visits within one stage began in the period
    for v in range(journey.shape[0]):
        j = journey[v]
        s = step[v]
        begins = v == 0 or journey[v - 1] != j or stage[step[v - 1]] != stage[s]
        if begins:
            run_chosen = chosen[v]
        if run_chosen:
            if outcome[v] >= GOAL:
                by_stage[stage[s], outcome[v]] += 1
            elif stage[step[v + 1]] != stage[s]:
                by_stage[stage[s], 0 if stage[step[v + 1]] > stage[s] else 1] += 1
        if not chosen[v]:
            continue
        outcomes[s, outcome[v]] += 1
        seconds[n] = (np.int64(s) << SHIFT) | ((time[last[v]] - time[first[v]]) // 1_000_000)
        n += 1
        if seen_journey[s] != j:
            seen_journey[s] = j
            counts[s, JOURNEYS] += 1
            counts[s, NET] += net[j]
            counts[s, GROSS] += gross[j]
            if last_goal[j] >= first[v]:
                counts[s, WITH_GOAL] += 1
        if seen_customer[s] != customer[j]:
            seen_customer[s] = customer[j]
            counts[s, CUSTOMERS] += 1
        if in_totals != j:
            in_totals = j
            totals[state[j]] += 1
            totals[3] += net[j]
            totals[4] += gross[j]
    return n
