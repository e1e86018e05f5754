"""How sure a share is, given how few it was counted from."""

from __future__ import annotations

from math import sqrt

Z = 1.959963984540054
"""Standard normal quantile for 95 %."""


def wilson(successes: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % score interval of a share (Wilson 1927); (0, 1) where nothing was counted.

    >>> [round(end, 3) for end in wilson(10, 100)]
    [0.055, 0.174]
    """
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    middle = share + Z * Z / (2 * n)
    spread = Z * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    whole = 1 + Z * Z / n
    low, high = (middle - spread) / whole, (middle + spread) / whole
    # At the ends the formula is exact only up to rounding.
    return 0.0 if successes == 0 else low, 1.0 if successes == n else high


def difference(a: int, n: int, b: int, m: int) -> tuple[float, float]:
    """Newcombe's 95 % interval of a/n − b/m, from the two Wilson intervals (Newcombe 1998, method 10).

    >>> [round(end, 3) for end in difference(56, 70, 48, 80)]
    [0.052, 0.334]
    """
    p, q = a / n, b / m
    low_p, high_p = wilson(a, n)
    low_q, high_q = wilson(b, m)
    down = sqrt((p - low_p) ** 2 + (high_q - q) ** 2)
    up = sqrt((high_p - p) ** 2 + (q - low_q) ** 2)
    return p - q - down, p - q + up
