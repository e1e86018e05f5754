"""Moves: every chosen visit as one row from where to where, the stuff flows are counted from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys import tables
from periplus.journeys.walk import GOAL, OUTCOMES, Walked
from periplus.store.compiled import compiled

_ENDS = len(OUTCOMES) - GOAL


@dataclass(frozen=True)
class Moves:
    """Transitions of a shard's visits, [m] each, in the order of the visits.

    `pair` int64 is source node times the number of nodes, plus target node: node 0 is (start), the steps
    follow, the ends come last, in the order of the outcomes. `visit` int32 is the source visit (from (start):
    the target), `micros` int64 the time between the two, -1 where one of them is an end, `returns` bool whether
    the journey has been at the target before.
    """

    pair: np.ndarray
    visit: np.ndarray
    micros: np.ndarray
    returns: np.ndarray

    def of(self, kept: np.ndarray) -> Moves:
        """Some of them, by number."""
        return Moves(self.pair[kept], self.visit[kept], self.micros[kept], self.returns[kept])


@dataclass(frozen=True)
class Counted:
    """What moves come to: visits, journeys and returning visits int64[pairs] by pair, keys of the times between, the
    visits that are a source, and the journeys that have a move, int64[states]."""

    visits: np.ndarray
    journeys: np.ndarray
    returning: np.ndarray
    seconds: np.ndarray
    begun: int
    states: np.ndarray


def moves_of(
    walked: Walked,
    visits: np.ndarray,
    leave: tuple[int, ...] | None,
    arrive: tuple[int, ...] | None,
    nodes: int,
) -> Moves:
    """The moves of the chosen `visits` (bool[v]), each journey cut to what lies from its first visit on one
    of the steps `leave` up to its first visit on one of `arrive` (None: uncut)."""
    room = len(walked.journey) + len(walked.begin)
    pair, visit, micros = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.int64)
    returns = np.zeros(room, np.bool_)
    count = _move(
        np.asarray(walked.shard.time), visits, walked.visits, walked.step, walked.first, walked.last,
        walked.outcome, _flags(leave, nodes), _flags(arrive, nodes), leave is not None, arrive is not None,
        nodes, np.full(nodes, -1, np.int64), pair, visit, micros, returns,
    )  # fmt: skip
    return Moves(pair[:count], visit[:count], micros[:count], returns[:count])


def counted(walked: Walked, moves: Moves, nodes: int, states: int) -> Counted:
    """Visits, journeys and times by pair of nodes; journeys by state."""
    pairs = nodes * nodes
    visits, journeys, returning = (np.zeros(pairs, np.int64) for _ in range(3))
    by_state, seconds = np.zeros(states, np.int64), np.empty(len(moves.pair), np.int64)
    count = _count(moves.pair, moves.visit, moves.micros, moves.returns, walked.journey, walked.state,
                   np.full(pairs, -1, np.int32), visits, journeys, returning, by_state, seconds)  # fmt: skip
    return Counted(visits, journeys, returning, seconds[:count], int(visits[nodes:].sum()), by_state)


def beyond(visits: np.ndarray, top: int) -> np.ndarray:
    """bool per pair: not among the most frequent; of equally frequent ones the first in order stay."""
    rest = np.ones(len(visits), np.bool_)
    rest[np.argsort(-visits, kind="stable")[:top]] = False
    return rest


def with_other(moves: Moves, rest: np.ndarray, nodes: int, other: int) -> Moves:
    """The moves, each rare one split in two: from its source to `other`, and from `other` to its target."""
    rare = rest[moves.pair]
    twice = np.repeat(np.arange(len(rare)), np.where(rare, 2, 1))
    second = np.zeros(len(twice), np.bool_)
    second[1:] = twice[1:] == twice[:-1]
    split = moves.of(twice)
    away = np.where(rare[twice], split.pair // nodes * nodes + other, split.pair)
    pair = np.where(second, other * nodes + split.pair % nodes, away)
    return Moves(pair, split.visit, split.micros, split.returns)


def _flags(steps: tuple[int, ...] | None, size: int) -> np.ndarray:
    found = np.zeros(size, np.bool_)
    found[list(steps or ())] = True
    return found


@compiled(
    "i8(Array(int64, 1, 'C', readonly=True), b1[::1], i4[::1], u1[::1], i4[::1], i4[::1], u1[::1], "
    "b1[::1], b1[::1], b1, b1, i8, i8[::1], i8[::1], i4[::1], i8[::1], b1[::1])"
)
@no_type_check
def _move(
    time, chosen, visits, step, first, last, outcome, leave, arrive, leaves, arrives, nodes,
    seen, pair, visit, micros, returns,
):  # fmt: skip
    """Journey by journey: the visits between where it leaves and where it arrives, and one row for each."""
    n = 0
    for j in range(visits.shape[0] - 1):
        begin = np.int64(visits[j])
        end = np.int64(visits[j + 1])
        # Cut short or not, the last visit goes where the journey ends.
        final = nodes - _ENDS + outcome[end - 1] - GOAL
        if leaves:
            while begin < end and not leave[step[begin]]:
                begin += 1
        if arrives:
            stop = begin
            while stop < end and not arrive[step[stop]]:
                stop += 1
            # A journey that never gets there has no way to it.
            end = stop + 1 if stop < end else begin
        if begin == end:
            continue
        if chosen[begin]:
            pair[n] = np.int64(step[begin]) + 1
            visit[n] = begin
            micros[n] = -1
            n += 1
        # Between visits nothing is asked: what is not chosen is written over by the next one.
        for v in range(begin, end - 1):
            here, there = np.uint64(step[v]), np.uint64(step[v + 1])
            seen[here] = j
            pair[n] = np.int64((here + np.uint64(1)) * np.uint64(nodes) + there + np.uint64(1))
            visit[n] = v
            micros[n] = time[first[v + 1]] - time[last[v]]
            returns[n] = seen[there] == j
            n += np.int64(chosen[v])
        returns[n] = False
        if chosen[end - 1]:
            pair[n] = (np.int64(step[end - 1]) + 1) * nodes + final
            visit[n] = end - 1
            micros[n] = -1
            n += 1
    return n


@compiled(
    "i8(i8[::1], i4[::1], i8[::1], b1[::1], i4[::1], u1[::1], i4[::1], "
    "i8[::1], i8[::1], i8[::1], i8[::1], i8[::1])"
)
@no_type_check
def _count(pair, visit, micros, returns, journey, state, seen, visits, journeys, returning, states, seconds):
    """A journey that goes the same way twice counts once; journeys come in order.

    What nobody can foretell is added as 0 or 1, and asked nowhere: a wrong guess costs the processor more.
    """
    n = 0
    last = -1
    for i in range(pair.shape[0]):
        p = np.uint64(pair[i])
        j = journey[visit[i]]
        visits[p] += 1
        journeys[p] += np.int64(seen[p] != j)
        seen[p] = j
        returning[p] += np.int64(returns[i])
        if j != last:
            last = j
            states[state[j]] += 1
        seconds[n] = np.int64((p << np.uint64(tables.SHIFT)) | np.uint64(micros[i]) // np.uint64(1_000_000))
        n += np.int64(micros[i] >= 0)
    return n
