"""What a trend leads one to expect: a moving average, and the range of a bucket by those before it in the season.

A bucket's season is its hour of the week, day of the week, month or quarter of the year; weeks and years have none. Of
the last few buckets of the same season before it, the median is what is expected, and the range around it is so
many times their median absolute deviation, scaled to a standard deviation of normal values: Hampel's identifier
(Hampel, The influence curve and its role in robust estimation, Journal of the American Statistical Association 69,
1974; Leys et al., Detecting outliers, Journal of Experimental Social Psychology 49, 2013). A count spreads by
chance at least as Poisson's distribution does, so its deviation is at least the root of the median.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any

from periplus import clock
from periplus.errors import QuestionError, unknown
from periplus.journeys.buckets import Buckets

NORMAL = 1.4826
"""A standard deviation of normal values in median absolute deviations: 1 / Φ⁻¹(3/4)."""
FEWEST = 4
"""With fewer buckets of a season before it, nothing is expected of one."""
KEYS = ("width", "seasons")


@dataclass(frozen=True)
class Expecting:
    """How a range is made: `width` deviations to both sides, of the last `seasons` buckets of the season."""

    width: float = 3.0
    seasons: int = 8


@dataclass(frozen=True)
class Range:
    """What is expected of a bucket: the median, and from where to where."""

    middle: float
    low: float
    high: float


def expecting(document: Any) -> Expecting | None:
    """`true`, or `{"width": 3, "seasons": 8}`; raises QuestionError."""
    if document is None or document is False:
        return None
    if document is True:
        return Expecting()
    example = 'Write "expected": true, or {"width": 3, "seasons": 8}.'
    if not isinstance(document, Mapping):
        raise QuestionError(f"expected is {document!r:.60}.", code="value", hint=example)
    for key in document:
        if key not in KEYS:
            message, hint, allowed = unknown("key", str(key), KEYS)
            raise QuestionError(
                f"{message[:-1]} in expected.", code="unknown_key", hint=hint, allowed=allowed
            )
    width, seasons = document.get("width", 3.0), document.get("seasons", 8)
    if isinstance(width, bool) or not isinstance(width, int | float) or not 0 < width <= 100:
        raise QuestionError(f"The width is {width!r:.60}.", code="value", hint=example)
    if isinstance(seasons, bool) or not isinstance(seasons, int) or not FEWEST <= seasons <= 1000:
        raise QuestionError(
            f"The seasons are {seasons!r:.60}.", code="value", hint=f"A whole number from {FEWEST} to 1000."
        )
    return Expecting(float(width), seasons)


def seasons(buckets: Buckets) -> list[int]:
    """The season of each bucket."""
    found = []
    for edge in buckets.edges[:-1].tolist():
        local = (clock.EPOCH + timedelta(microseconds=edge)).astimezone(buckets.zone)
        found.append(
            {
                "hour": local.weekday() * 24 + local.hour,
                "day": local.weekday(),
                "month": local.month,
                "quarter": local.month,
            }.get(buckets.kind, 0)
        )
    return found


def averages(values: Sequence[float | None], width: int) -> list[float | None]:
    """The mean of each bucket and the `width` - 1 before it; None where there are fewer, or all are nothing.

    >>> averages([1, 2, None, 6], 2)
    [None, 1.5, 2.0, 6.0]
    """
    found: list[float | None] = []
    for place in range(len(values)):
        known = [value for value in values[max(place - width + 1, 0) : place + 1] if value is not None]
        found.append(math.fsum(known) / len(known) if known and place >= width - 1 else None)
    return found


def ranges(
    values: Sequence[float | None], season: Sequence[int], how: Expecting, counts: bool
) -> list[Range | None]:
    """What the buckets before lead one to expect of each; `counts`: values are whole, and chance alone spreads them.

    >>> found = ranges([10, 12, 11, 9, 13, 10, 30, 11, 24], [0] * 9, Expecting(), True)[-1]
    >>> found.middle, round(found.low, 2), round(found.high, 2)
    (11.0, 1.05, 20.95)
    """
    before: dict[int, list[float]] = {}
    found: list[Range | None] = []
    for value, own in zip(values, season, strict=True):
        earlier = before.setdefault(own, [])
        found.append(_range(earlier[-how.seasons :], how.width, counts) if len(earlier) >= FEWEST else None)
        if value is not None:
            earlier.append(value)
    return found


def _range(earlier: Sequence[float], width: float, counts: bool) -> Range:
    middle = float(median(earlier))
    spread = NORMAL * float(median([abs(value - middle) for value in earlier]))
    if counts:
        spread = max(spread, math.sqrt(middle))
    low = middle - width * spread
    return Range(middle, max(low, 0.0) if counts else low, middle + width * spread)
