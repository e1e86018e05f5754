"""The models of attribution that look at one path at a time: the share of the conversion each touch gets.

A model is a function from paths to float64[t], the share of each touch; those of a path that has touches
add up to 1. What all models then do with shares is one loop, `credit`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys.attribution_paths import Paths
from periplus.store.compiled import compiled


@dataclass(frozen=True)
class Setting:
    """What the models are told: the places of the direct channel, of positions their `weights` (first, between,
    last), the `half_life` in microseconds, and for Shapley `player` int64[groups], the group as which each counts."""

    direct: int
    weights: tuple[float, float, float]
    half_life: int
    player: np.ndarray


Model = Callable[[Paths, np.ndarray, Setting], np.ndarray]


def first(paths: Paths, place: np.ndarray, setting: Setting) -> np.ndarray:
    """All to the first touch."""
    return _all_to(paths.edges[:-1][paths.length > 0], len(place))


def last(paths: Paths, place: np.ndarray, setting: Setting) -> np.ndarray:
    """All to the last touch."""
    return _all_to(paths.edges[1:][paths.length > 0] - 1, len(place))


def last_non_direct(paths: Paths, place: np.ndarray, setting: Setting) -> np.ndarray:
    """All to the last touch that is not direct; to the last one where all are."""
    some = paths.edges[:-1][paths.length > 0]
    if not len(some):
        return np.zeros(0)
    named = np.where(place != setting.direct, np.arange(len(place)), -1)
    latest = np.maximum.reduceat(named, some)
    return _all_to(np.where(latest >= 0, latest, paths.edges[1:][paths.length > 0] - 1), len(place))


def linear(paths: Paths, place: np.ndarray, setting: Setting) -> np.ndarray:
    """The same to each touch."""
    return 1 / np.repeat(paths.length, paths.length)


def position(paths: Paths, place: np.ndarray, setting: Setting) -> np.ndarray:
    """The first and the last touch get their weights, those between share theirs; of two each gets half."""
    head, between, tail = setting.weights
    length = np.repeat(paths.length, paths.length)
    share = between / np.maximum(length - 2, 1)
    many = paths.length > 2
    share[paths.edges[:-1][many]] = head
    share[paths.edges[1:][many] - 1] = tail
    return np.where(length > 2, share, 1 / length)


def time_decay(paths: Paths, place: np.ndarray, setting: Setting) -> np.ndarray:
    """Half as much per half-life before the conversion."""
    some = paths.edges[:-1][paths.length > 0]
    if not len(some):
        return np.zeros(0)
    time = np.asarray(paths.shard.time)[paths.touch]
    # Reckoned from the last touch: shares are the same, and do not vanish where all touches are long ago.
    latest = np.repeat(time[paths.edges[1:][paths.length > 0] - 1], paths.length[paths.length > 0])
    weight = np.exp2((time - latest) / setting.half_life)
    return np.asarray(weight / np.repeat(np.add.reduceat(weight, some), paths.length[paths.length > 0]))


def shapley(paths: Paths, place: np.ndarray, setting: Setting) -> np.ndarray:
    """The same to each different channel of the path, at its first touch.

    That is the Shapley value where the worth of a set of channels is the conversions of the paths whose
    channels all lie in it: a sum over paths of games which a set wins by holding all channels of the path, in which
    all of these are alike and all others worth nothing. The value of a sum of games is the sum of their values
    (L. S. Shapley, "A Value for n-Person Games", 1953), so no subset needs to be looked at.
    """
    player = setting.player[place]
    _, kept = np.unique(paths.owner * len(setting.player) + player, return_index=True)
    different = np.zeros(len(place), np.bool_)
    different[kept] = True
    count = np.bincount(paths.owner[different], minlength=len(paths.goal))
    return np.where(different, 1 / np.maximum(count, 1)[paths.owner], 0.0)


MODELS: dict[str, Model] = {
    "first": first,
    "last": last,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position": position,
    "time_decay": time_decay,
    "shapley": shapley,
}


def _all_to(touch: np.ndarray, touches: int) -> np.ndarray:
    share = np.zeros(touches)
    share[touch] = 1
    return share


def credit(paths: Paths, place: np.ndarray, share: np.ndarray, worth: np.ndarray, groups: int) -> np.ndarray:
    """float64[groups, 4]: conversions and what rounding took from them, value and what rounding took from it.

    `place` int64[t] and `share` float64[t] of each touch, `worth` float64[p] of each path. Paths that do not
    convert count for nothing.
    """
    sums = np.zeros((groups, 4))
    _credit(paths.edges, paths.goal, place, share, worth, sums)
    return sums


@compiled("void(i8[::1], i8[::1], i8[::1], f8[::1], f8[::1], f8[:, ::1])")
@no_type_check
def _credit(edges, goal, place, share, worth, sums):
    """Sums after Neumaier: beside each stands what its additions have rounded off."""
    for p in range(goal.shape[0]):
        if goal[p] < 0:
            continue
        for i in range(edges[p], edges[p + 1]):
            for column in range(0, 4, 2):
                part = share[i] if column == 0 else share[i] * worth[p]
                before = sums[place[i], column]
                after = before + part
                if abs(before) >= abs(part):
                    sums[place[i], column + 1] += (before - after) + part
                else:
                    sums[place[i], column + 1] += (part - after) + before
                sums[place[i], column] = after
