"""How much more often some reach a goal than the others: the lift, its interval, its p, and a correction for many.

Of `n` customers with a feature `a` reach the goal, of the `m` others `c`. The lift is the ratio of the two rates.

- Interval: on the logarithm of the ratio (Katz, Baptista, Azen and Pike, Biometrics 34, 1978). Where a cell of the
  table is empty, ½ is added to each (Pagano and Gauvreau, Principles of Biostatistics, 2000).
- p, two-sided: Pearson's chi-squared where all four expected counts are at least 5 (Cochran, Biometrics 10, 1954),
  else Fisher's exact test: the tables no more probable than the one seen.
- Many tests: Benjamini and Hochberg, Journal of the Royal Statistical Society B 57, 1995.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""
EXPECTED = 5
"""The least expected count with which chi-squared is near enough."""
_TIE = 1e-7
"""Tables whose probabilities differ by less than this share are as probable as each other."""


@dataclass(frozen=True)
class Odds:
    """`lift` and its 95 % interval (None: infinite, or of nothing), and `p` (None: there is nobody to compare with)."""

    lift: float | None
    low: float | None
    high: float | None
    p: float | None


def odds(a: int, n: int, c: int, m: int) -> Odds:
    """Of `n` with a feature `a` reach the goal, of `m` without it `c`.

    >>> found = odds(8, 508, 0, 500)
    >>> found.lift, round(found.low, 2), found.high, round(found.p, 5)
    (None, 0.97, None, 0.00761)
    """
    if not n or not m:
        return Odds(None, None, None, None)
    p = p_value(a, n, c, m)
    if not a and not c:
        return Odds(None, None, None, p)
    lift = (a / n) / (c / m) if c else None
    half = 0.0 if min(a, n - a, c, m - c) else 0.5
    one, other = (a + half) / (n + 2 * half), (c + half) / (m + 2 * half)
    middle = math.log(one / other)
    spread = Z95 * math.sqrt(1 / (a + half) - 1 / (n + 2 * half) + 1 / (c + half) - 1 / (m + 2 * half))
    low = 0.0 if not a else math.exp(middle - spread)
    return Odds(lift, low, None if not c else math.exp(middle + spread), p)


def p_value(a: int, n: int, c: int, m: int) -> float:
    """Two-sided: how probable so large a difference is where there is none.

    >>> round(p_value(3, 4, 1, 4), 12)  # Fisher's tea: 17/35
    0.485714285714
    """
    reached, whole = a + c, n + m
    missed = whole - reached
    if min(n, m) * min(reached, missed) < EXPECTED * whole:
        return _exact(a, n, reached, whole)
    chi = whole * (a * (m - c) - c * (n - a)) ** 2 / (n * m * reached * missed)
    return math.erfc(math.sqrt(chi / 2))  # one degree of freedom: the square of a normal variable


def _exact(a: int, n: int, reached: int, whole: int) -> float:
    """Fisher's test: over all tables with these margins, relative to the probability of the one seen."""
    least, most = max(0, n + reached - whole), min(n, reached)
    k = np.arange(least, most, dtype=np.float64)
    # From each table to the next: one more of the n reaches the goal, one fewer of the others.
    ratio = np.log((n - k) * (reached - k)) - np.log((k + 1) * (whole - n - reached + k + 1))
    relative = np.concatenate(([0.0], np.cumsum(ratio)))
    relative -= relative[a - least]
    share = np.exp(relative - relative.max())
    return min(float(math.fsum(share[relative <= _TIE]) / math.fsum(share)), 1.0)


def corrected(ps: Sequence[float | None]) -> list[float | None]:
    """Each p as it must be read among so many tests: at most a share α of those below α are false discoveries.

    >>> corrected([0.01, None, 0.04, 0.03])
    [0.03, None, 0.04, 0.04]
    """
    tested = [(p, place) for place, p in enumerate(ps) if p is not None]
    found: list[float | None] = [None] * len(ps)
    least = 1.0
    for rank, (p, place) in reversed(list(enumerate(sorted(tested), 1))):
        least = min(least, p * len(tested) / rank)
        found[place] = least
    return found
