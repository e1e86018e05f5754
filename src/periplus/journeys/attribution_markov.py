"""Attribution by a Markov chain: what would be lost without a channel, solved exactly.

The states are the last k touches, with the start before the first; each path is a walk that ends in its conversion
or in nothing. The chance of each step is how often the paths take it. Removing a channel leads every step
onto it into nothing; its removal effect is the share of the chance of converting that is lost. (Anderl,
Becker, von Wangenheim, Schumann, "Mapping the customer journey", 2016.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from periplus.errors import QuestionError
from periplus.journeys.attribution_paths import Paths

MOST_STATES = 3000
ORDERS = (1, 2, 3)


@dataclass(frozen=True)
class Steps:
    """How often the paths go from a state on to a touch, convert from it, or end there in nothing; these add up.

    `onward` holds one number per state and touch, `state * base + touch`; the state is the last k touches as the
    digits of a number in that base, a touch its group from 1, the start 0.
    """

    onward: tuple[np.ndarray, np.ndarray]
    converted: tuple[np.ndarray, np.ndarray]
    lost: tuple[np.ndarray, np.ndarray]


def steps(paths: Paths, place: np.ndarray, groups: int, order: int) -> Steps:
    """The steps of the paths of one shard; `place` int64[t] is the group of each touch."""
    base = groups + 1
    digit = place + 1
    nth = np.arange(len(place)) - np.repeat(paths.edges[:-1], paths.length)
    before = np.zeros(len(place), np.int64)
    after = digit.copy()
    for back in range(1, order + 1):
        earlier = np.where(nth >= back, np.roll(digit, back), 0)
        before += earlier * base ** (back - 1)
        if back < order:
            after += earlier * base**back
    end = paths.edges[1:][paths.length > 0] - 1
    converted = paths.converted[paths.length > 0]
    return Steps(
        _counted(before * base + digit), _counted(after[end[converted]]), _counted(after[end[~converted]])
    )


def removal_effects(parts: Sequence[Steps], groups: int, order: int) -> np.ndarray:
    """float64[groups]: the share of the chance of converting that is lost without each group.

    Raises QuestionError where there are more states than can be solved exactly.
    """
    base = groups + 1
    key, taken = _summed([part.onward for part in parts])
    ends, converted = _summed([part.converted for part in parts])
    dead, lost = _summed([part.lost for part in parts])
    source = key // base
    target = (key // base % base ** (order - 1)) * base + key % base
    states = np.unique(np.concatenate((source, target)))
    if len(states) > MOST_STATES:
        raise QuestionError(
            f"A Markov chain of order {order} has {len(states):,} states here, more than {MOST_STATES:,}.",
            code="too_many",
            hint='Lower "markov_order", or leave "markov" out of the models.',
        )
    if not len(ends):
        return np.zeros(groups)
    size = len(states)
    begin, finish = np.searchsorted(states, source), np.searchsorted(states, target)
    leaving = np.zeros(size)
    np.add.at(leaving, begin, taken)
    np.add.at(leaving, np.searchsorted(states, ends), converted)
    np.add.at(leaving, np.searchsorted(states, dead), lost)
    chain = np.eye(size)
    np.subtract.at(chain, (begin, finish), taken / leaving[begin])
    wins = np.zeros(size)
    wins[np.searchsorted(states, ends)] = converted
    # visits[s]: how often a walk from the start is expected in each state; chance[s]: of converting from it.
    start = np.zeros(size)
    start[0] = 1  # the start is state 0, the least
    expected = np.linalg.inv(chain)
    chance = expected @ (wins / leaving)
    visits = start @ expected
    effects = np.zeros(groups)
    on = states % base - 1
    for group in np.unique(on[on >= 0]).tolist():
        mine = np.flatnonzero(on == group)
        # The walks that come onto the group, by the state in which they first do: all later visits to its states
        # follow from these. Those are what is lost, as far as they would have converted.
        came = np.linalg.solve(expected[np.ix_(mine, mine)].T, visits[mine])
        effects[group] = max(float(came @ chance[mine]) / float(chance[0]), 0.0)
    return effects


def _counted(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, counts = np.unique(keys, return_counts=True)
    return found, counts


def _summed(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Keys and counts of all parts together."""
    found, place = np.unique(np.concatenate([keys for keys, _ in parts]), return_inverse=True)
    return found, np.bincount(
        place, np.concatenate([counts for _, counts in parts]).astype(np.float64), minlength=len(found)
    )
