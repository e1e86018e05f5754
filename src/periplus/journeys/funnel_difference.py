"""The difference of two rates: its 95 % interval, and how probable so large a one is by chance.

- Interval of one rate: Wilson, Journal of the American Statistical Association 22, 1927.
- Of the difference: the hybrid of both (method 10 of Newcombe, Statistics in Medicine 17, 1998, 873-890), which keeps
  its promise for small numbers and rates near 0 and 1.
- p, two-sided: Pearson's chi-squared where all four expected counts are at least 5, else Fisher's exact test.
"""

from __future__ import annotations

import math
from typing import Any

from periplus.journeys.drivers_odds import Z95, p_value


def wilson(reached: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a rate.

    >>> [round(end, 4) for end in wilson(56, 70)]
    [0.6918, 0.877]
    """
    rate, z = reached / of, Z95
    middle = rate + z * z / (2 * of)
    spread = z * math.sqrt(rate * (1 - rate) / of + z * z / (4 * of * of))
    whole = 1 + z * z / of
    # At the ends exactly 0 and 1, which rounding would miss.
    return (middle - spread) / whole if reached else 0.0, (middle + spread) / whole if reached < of else 1.0


def difference(one: tuple[int, int], other: tuple[int, int]) -> dict[str, Any]:
    """`difference` of the rates of two sides, each (reached, of), with `low`, `high` and `p`; None of nobody.

    The first pair of Newcombe's table:

    >>> found = difference((56, 70), (48, 80))
    >>> round(found["difference"], 4), round(found["low"], 4), round(found["high"], 4)
    (0.2, 0.0524, 0.3339)
    """
    if not one[1] or not other[1]:
        return dict.fromkeys(("difference", "low", "high", "p"))
    rate, against = one[0] / one[1], other[0] / other[1]
    (low, high), (least, most) = wilson(*one), wilson(*other)
    return {
        "difference": rate - against,
        "low": rate - against - math.hypot(rate - low, most - against),
        "high": rate - against + math.hypot(high - rate, against - least),
        "p": p_value(one[0], one[1], other[0], other[1]),
    }
