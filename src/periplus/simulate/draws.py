"""Chance that can be repeated: one small random generator per person, compiled.

A person's stream depends on the seed and on the person's number alone, so it is the same whatever
the chunk, the thread or the number of people before. The generator is splitmix64 (Steele, Lea and
Flood, "Fast splittable pseudorandom number generators", 2014): its state is one 64-bit word.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from periplus.store.compiled import Loop

F = TypeVar("F", bound=Callable[..., Any])

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0


def compiled(function: F) -> F:
    """Compile a loop for the types it is first called with; kept in the cache of the store's loops."""
    return cast(F, Loop(function, None))


@compiled
def mixed(word: Any) -> Any:
    """A 64-bit word scrambled so that neighbouring inputs have nothing in common."""
    word = (word ^ (word >> _30)) * _FIRST
    word = (word ^ (word >> _27)) * _SECOND
    return word ^ (word >> _31)


@compiled
def seeded(seed: Any, number: Any, salt: Any) -> Any:
    """The 64-bit word that belongs to (seed, number, salt)."""
    first = mixed(np.uint64(seed) + GOLDEN * np.uint64(salt + 1))
    return mixed(first + GOLDEN * np.uint64(number + 1))


@compiled
def draw(state: NDArray[np.uint64]) -> float:
    """The next number in [0, 1)."""
    state[0] += GOLDEN
    return float(mixed(state[0]) >> _11) * _UNIT


@compiled
def exponential(state: NDArray[np.uint64], mean: float) -> float:
    """A waiting time with this mean."""
    return -mean * math.log(1.0 - draw(state))


@compiled
def lognormal(state: NDArray[np.uint64], median: float, sigma: float) -> float:
    """A positive number with this median; `sigma` is the deviation of its logarithm (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - draw(state)))
    return median * math.exp(sigma * radius * math.cos(2.0 * math.pi * draw(state)))


@compiled
def pick(state: NDArray[np.uint64], cumulative: NDArray[np.float64]) -> int:
    """An index of a short table of cumulated shares that ends at 1."""
    chance = draw(state)
    index = 0
    while index < len(cumulative) - 1 and chance >= cumulative[index]:
        index += 1
    return index


@compiled
def pick_between(state: NDArray[np.uint64], cumulative: NDArray[np.float64], low: int, high: int) -> int:
    """An index in [low, high) of a long table; that range of it is cumulated on its own and ends at 1."""
    chance = draw(state)
    high -= 1
    while low < high:
        middle = (low + high) // 2
        if chance < cumulative[middle]:
            high = middle
        else:
            low = middle + 1
    return low
