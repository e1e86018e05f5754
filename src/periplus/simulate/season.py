"""When people come: the weight of each day of the year and of each hour of the day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

MONTHS = (0.95, 0.85, 0.95, 1.0, 1.02, 0.95, 0.85, 0.68, 1.0, 1.08, 1.4, 1.7)
WEEKDAYS = (1.05, 1.0, 0.97, 0.98, 0.92, 0.95, 1.13)
NEWSLETTER_EVERY = 14
"""Days between two newsletters; they leave on a Tuesday morning."""

_EVENING = (1.2, 0.6, 0.3, 0.2, 0.2, 0.4, 1.2, 2.2, 2.6, 2.6, 2.6, 2.8, 3.2, 3.0, 2.6, 2.7, 3.0, 3.6, 4.6,
            5.8, 6.4, 5.8, 4.2, 2.4)  # fmt: skip
_OFFICE = (0.6, 0.3, 0.2, 0.1, 0.1, 0.2, 0.8, 2.4, 4.4, 5.0, 5.0, 4.8, 5.2, 4.8, 4.4, 4.2, 4.0, 3.6, 3.6,
           4.0, 4.0, 3.2, 2.0, 1.0)  # fmt: skip
_WEEKEND = (1.6, 0.9, 0.4, 0.3, 0.2, 0.3, 0.6, 1.2, 2.4, 3.8, 4.8, 5.0, 4.6, 4.4, 4.6, 4.8, 5.0, 5.2, 5.2,
            5.6, 5.8, 5.0, 3.6, 2.4)  # fmt: skip


def black_friday(year: int) -> date:
    """The Friday after the fourth Thursday of November.

    >>> black_friday(2025)
    datetime.date(2025, 11, 28)
    """
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21 + 1)


def day_weight(day: date) -> float:
    """How busy a day is; an ordinary one is about 1."""
    weight = MONTHS[day.month - 1] * WEEKDAYS[day.weekday()]
    to_friday = (day - black_friday(day.year)).days
    if -4 <= to_friday <= 3:
        weight *= 2.4 if to_friday in (0, 3) else 1.5
    if day.month == 12 and day.day >= 22:
        weight *= 0.45
    return weight


def day_weights(start: date, days: int) -> NDArray[np.float64]:
    """`float64[days]`, the weight of each day from `start` on."""
    return np.array([day_weight(start + timedelta(days=n)) for n in range(days)])


def hour_shares() -> NDArray[np.float64]:
    """Cumulated shares of the 24 hours (UTC), [week day or weekend, device, hour]."""
    week = np.array([_EVENING, _OFFICE, _EVENING])
    rest = np.array([_WEEKEND, _WEEKEND, _WEEKEND])
    weights = np.stack([week, rest])
    return np.asarray(np.cumsum(weights / weights.sum(axis=2, keepdims=True), axis=2))
