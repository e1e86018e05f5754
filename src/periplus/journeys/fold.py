"""The fold of a map: counts by step and by stage over the visits a period selects, shard by shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys.moment import ALWAYS, Span
from periplus.journeys.tables import SHIFT
from periplus.journeys.walk import BACK, GOAL, ONWARD, OUTCOMES, STATES, Walked
from periplus.store.compiled import compiled

JOURNEYS, CUSTOMERS, WITH_GOAL, NET, GROSS = range(5)


@dataclass(frozen=True)
class Folded:
    """The counts of a map.

    `outcomes` int64[steps, 7]; `counts` int64[steps, 5] (journeys, customers, those that reach the goal,
    value net and gross); `stages` int64[stages, 7]; `totals` int64[5] (journeys by state, value net and
    gross); `seconds`: keys of the durations of visits by step, but for
    those of no length, which `zeros` int64[steps] counts; `off_map` and `outside`: events.
    """

    outcomes: np.ndarray
    counts: np.ndarray
    stages: np.ndarray
    totals: np.ndarray
    seconds: list[np.ndarray]
    zeros: np.ndarray
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


@dataclass(frozen=True)
class Part:
    """The counts of one shard: they add up over shards.

    `moves` and `of_runs` int64[steps, steps + 7]: visits, and runs within a stage, from each step by where they went or
    how they ended; the rest as in `Folded`.
    """

    moves: np.ndarray
    of_runs: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    seconds: np.ndarray
    zeros: np.ndarray
    off_map: int
    outside: int


def fold(walked: Walked, span: Span, stage: np.ndarray, net: np.ndarray, gross: np.ndarray) -> Part:
    """The counts of one shard.

    `stage` int64[steps] is each step's stage; `net` and `gross` int64[j] the journeys' values.
    """
    visits, _ = chosen(walked, span)
    steps = len(stage)
    moves, of_runs = (np.zeros((steps, steps + len(OUTCOMES)), np.int64) for _ in range(2))
    counts, totals = np.zeros((steps, 5), np.int64), np.zeros(len(STATES) + 2, np.int64)
    zeros, keys = np.zeros(steps, np.int64), np.empty(len(walked.step), np.int64)
    count = _fold(
        np.asarray(walked.shard.time), visits, walked.visits, walked.step, walked.first, walked.last, walked.outcome,
        walked.customer, walked.last_goal, walked.state, net, gross, stage,
        moves.reshape(-1), of_runs.reshape(-1), counts, totals, zeros, keys,
    )  # fmt: skip
    return Part(moves, of_runs, counts, totals, keys[:count], zeros, walked.off_map, walked.outside)


def summed(parts: Sequence[Part], stage: np.ndarray, stages: int) -> Folded:
    """The counts of all shards; `stage` int64[steps] is each step's stage, of `stages`."""
    moves = np.sum([part.moves for part in parts], axis=0)
    of_runs = np.sum([part.of_runs for part in parts], axis=0)
    return Folded(
        _outcomes(moves, np.arange(len(stage)), len(stage)),
        np.sum([part.counts for part in parts], axis=0),
        _outcomes(of_runs, stage, stages),
        np.sum([part.totals for part in parts], axis=0),
        [part.seconds for part in parts],
        np.sum([part.zeros for part in parts], axis=0),
        sum(part.off_map for part in parts),
        sum(part.outside for part in parts),
    )


def _outcomes(moves: np.ndarray, place: np.ndarray, places: int) -> np.ndarray:
    """int64[places, 7]: outcomes by place, of moves int64[steps, steps + 7] from steps to steps, or to where journeys end.

    `place` int64[steps] says where each step is; a move within a place is none.
    """
    steps = len(place)
    found = np.zeros((places, len(OUTCOMES)), np.int64)
    here, there = place[:, None], place[None, :]
    np.add.at(found[:, ONWARD], place, np.where(there > here, moves[:, :steps], 0).sum(axis=1))
    np.add.at(found[:, BACK], place, np.where(there < here, moves[:, :steps], 0).sum(axis=1))
    np.add.at(found, place, moves[:, steps:])
    return found


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
    "i8[::1], i8[::1], i8[:, ::1], i8[::1], i8[::1], i8[::1])"
)
@no_type_check
def _fold(
    time, chosen, visits, step, first, last, outcome, customer, last_goal, state, net, gross, stage,
    moves, of_runs, counts, totals, zeros, keys,
):  # fmt: skip
    """Journey by journey: what is counted once per journey or customer remembers the last one it saw.

    Whether a visit counts is added as 0 or 1 where that can be: nobody can foretell it, and a processor that
    has guessed wrong loses more time than adding takes. `of_runs` counts the moves of those runs of visits
    within one stage that began in the period.
    """
    steps = stage.shape[0]
    width = np.uint64(steps + len(OUTCOMES))
    seen_journey = np.full(steps, -1, np.int32)
    seen_customer = np.full(steps, -1, np.int32)
    n = 0
    for j in range(visits.shape[0] - 1):
        final = visits[j + 1] - 1
        end = np.uint64(steps + outcome[final])
        who = customer[j]
        rare = last_goal[j] >= 0 or net[j] != 0 or gross[j] != 0
        some = False
        here = np.int64(-1)  # the stage of the present run of visits
        run_counts = np.int64(0)
        for v in range(visits[j], final + 1):
            s = np.uint64(step[v])
            after = np.uint64(step[min(v + 1, final)])
            move = s * width + (end if v == final else after)
            counted = np.int64(chosen[v])
            some |= chosen[v]
            run_counts = run_counts if stage[s] == here else counted
            here = stage[s]
            moves[move] += counted
            of_runs[move] += run_counts
            fresh = counted & np.int64(seen_journey[s] != j)
            counts[s, JOURNEYS] += fresh
            counts[s, CUSTOMERS] += counted & np.int64(seen_customer[s] != who)
            seen_journey[s] = j if counted else seen_journey[s]
            seen_customer[s] = who if counted else seen_customer[s]
            if rare and fresh:
                counts[s, NET] += net[j]
                counts[s, GROSS] += gross[j]
                counts[s, WITH_GOAL] += np.int64(last_goal[j] >= first[v])
            if first[v] == last[v]:  # one event, as most visits are
                zeros[s] += counted
            elif counted:
                keys[n] = (np.int64(s) << SHIFT) | ((time[last[v]] - time[first[v]]) // 1_000_000)
                n += 1
        if some:
            totals[state[j]] += 1
            totals[3] += net[j]
            totals[4] += gross[j]
    return n
