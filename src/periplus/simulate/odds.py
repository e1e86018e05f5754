"""The plan, the season and the catalogue as the tables that the compiled loops read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from periplus.simulate import plan, season
from periplus.simulate.catalogue import CATEGORIES, Catalogue
from periplus.simulate.habits import habits
from periplus.simulate.log import DAY, HOUR, ODDS, SLOTS

LONGEST_VISIT = 3 * HOUR
"""No visit begins within this time before the end, so that none is cut off."""


def odds(goods: Catalogue, seed: int, start: int, days: int) -> Any:
    """The ODDS record of a shop that is open for `days` days from `start` (midnight UTC, microseconds)."""
    first = datetime.fromtimestamp(start / 1e6, UTC).date()
    calendar = [first + timedelta(days=n) for n in range(days)]
    weights = season.day_weights(first, days)
    tuesday = next(n for n in range(7) if (first + timedelta(days=n)).weekday() == 1)
    letters = [start + n * DAY + 8 * HOUR for n in range(tuesday, days, season.NEWSLETTER_EVERY)]
    table = np.zeros(1, ODDS)
    values: dict[str, Any] = {
        "seed": seed,
        "start": start,
        "end": start + days * DAY,
        "close": start + days * DAY - LONGEST_VISIT,
        "day_count": days,
        "letter_count": len(letters),
        "mean_day": weights.mean() / weights.max(),
        "rates": plan.rates(),
        "habit": habits(),
        "kinds": _cumulated([kind.share for kind in plan.KINDS]),
        "devices": _cumulated(plan.DEVICE_SHARE),
        "countries": _cumulated(plan.COUNTRY_SHARE),
        "channels": [_cumulated(kind.channels) for kind in plan.KINDS],
        "campaigns": _campaigns(),
        "month": [day.month - 1 for day in calendar],
        "weekend": [day.weekday() >= 5 for day in calendar],
        "day": weights / weights.max(),
        "days": _cumulated(weights),
        "hours": season.hour_shares(),
        "letter": letters,
        "carrier": plan.CARRIER_OF,
        "price": goods.price,
        "popular": goods.popular,
        "first": goods.first,
        "interest": _cumulated([row[1] for row in CATEGORIES]),
    }
    for name, value in values.items():
        room = table[name][0]
        if name in ("month", "weekend", "day", "days", "letter"):
            room[: len(value)] = value
        else:
            table[name][0] = value
    return table[0]


def _cumulated(shares: object) -> NDArray[np.float64]:
    table = np.asarray(shares, dtype=np.float64)
    return np.asarray(np.cumsum(table / table.sum()))


def _campaigns() -> NDArray[np.int8]:
    """Which campaign brings a visit, [channel, month, slot]: each has slots in proportion to its weight."""
    slots = np.zeros((len(plan.CHANNELS), 12, SLOTS), dtype=np.int8)
    for channel in range(len(plan.CHANNELS)):
        for month in range(12):
            rows = [
                place
                for place, row in enumerate(plan.CAMPAIGNS)
                if row.channel == channel and month + 1 in row.months
            ]
            ends = _cumulated([plan.CAMPAIGNS[place].weight for place in rows])
            slots[channel, month] = np.array(rows)[
                np.searchsorted(ends, np.arange(SLOTS) / SLOTS, side="right")
            ]
    return slots
