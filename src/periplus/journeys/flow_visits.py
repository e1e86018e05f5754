"""Visits made anew for a flow: of whole stages, or one for each event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from periplus.journeys.walk import BACK, OFF, ONWARD, Walked


def regrouped(walked: Walked, part: np.ndarray | None, collapse: bool) -> Walked:
    """The same journeys with other visits.

    `part` uint8[steps + 1] says what each step (and what is off the map) belongs to, such as its stage; None: to
    itself. With `collapse` consecutive events of one part are one visit, else each event is one.
    """
    if part is None and collapse:
        return walked
    visit = np.arange(len(walked.journey)) if collapse else None
    rows = walked.first if collapse else _events(walked)
    if visit is None:
        visit = np.searchsorted(walked.first, rows, "right") - 1
    step = walked.step[visit] if part is None else part[walked.step[visit]]
    journey = walked.journey[visit]
    fresh = np.ones(len(rows), np.bool_)
    if collapse:
        fresh[1:] = (step[1:] != step[:-1]) | (journey[1:] != journey[:-1])
    first = np.flatnonzero(fresh)
    final = np.append(first[1:], len(rows))[: len(first)] - 1
    outcome = walked.outcome[visit[final]].copy()
    goes_on = np.zeros(len(first), np.bool_)
    goes_on[:-1] = journey[first[1:]] == journey[first[:-1]]
    here, there = step[first[:-1]], step[first[1:]]
    outcome[:-1][goes_on[:-1]] = np.where(there > here, ONWARD, BACK)[goes_on[:-1]]
    return replace(
        walked,
        journey=np.ascontiguousarray(journey[first], np.int32),
        step=np.ascontiguousarray(step[first], np.uint8),
        first=np.ascontiguousarray(rows[first], np.int32),
        last=np.ascontiguousarray(walked.last[visit[final]] if collapse else rows, np.int32),
        events=np.add.reduceat(walked.events, first).astype(np.int32)
        if collapse and len(first)
        else _ones(first),
        outcome=outcome,
        visits=np.searchsorted(journey[first], np.arange(len(walked.begin) + 1)).astype(np.int32),
    )


def _events(walked: Walked) -> np.ndarray:
    """The rows of all visits, in order."""
    edge = np.zeros(len(walked.label) + 1, np.int8)
    # The last row of a visit is never the first of another one, so each place changes by one at most.
    edge[walked.first] += 1
    edge[walked.last + 1] -= 1
    return np.flatnonzero((np.cumsum(edge, dtype=np.int8)[:-1] > 0) & (walked.label != OFF))


def _ones(first: np.ndarray) -> np.ndarray:
    return np.ones(len(first), np.int32)
