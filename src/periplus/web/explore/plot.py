"""Geometry of pictures that stretch with the page: shares of the width in per cent, heights in pixels. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from periplus.web import words
from periplus.web.words import _

COLORS = 6
"""Colours told apart; lines beyond stand in the table."""
NAMED = 7
"""Most labels under a picture."""


def ticks(top: float, most: int = 4, whole: bool = False) -> list[float]:
    """Round values from 0 to at least `top`, at most `most` steps of them; whole numbers if `whole` (of counts).

    >>> ticks(87), ticks(10), ticks(10, whole=True)
    ([0, 25, 50, 75, 100], [0.0, 2.5, 5.0, 7.5, 10.0], [0, 5, 10])
    """
    if top <= 0 or not math.isfinite(top):
        return [0, 1]
    rough = top / most
    size = 10 ** math.floor(math.log10(rough))
    steps = [size * factor for factor in (1, 2, 2.5, 5, 10)]
    if whole:
        steps = [each for each in steps if each == int(each)] or [1]
    step = next((each for each in steps if each >= rough * (1 - 1e-9)), steps[-1])
    if step >= 1:
        step = int(step) if step == int(step) else step
    count = math.ceil(top / step - 1e-9)
    return [step * index for index in range(count + 1)]


def middles(n: int) -> list[float]:
    """The middle of each of n equal columns, in per cent of the width."""
    return [round(100 * (index + 0.5) / n, 4) for index in range(n)]


def labels(starts: Sequence[str], bucket: str) -> list[dict[str, Any]]:
    """Which columns have their name under the picture, evenly, and where: `x` in per cent, `minor` if a narrow
    page leaves it out."""
    n = len(starts)
    if not n:
        return []
    every = max(1, math.ceil(n / NAMED))
    at = middles(n)
    chosen = list(range(0, n, every))
    return [
        {"x": at[index], "text": bucket_name(starts[index], bucket, short=True), "minor": place % 2 == 1}
        for place, index in enumerate(chosen)
    ]


def bucket_name(start: str, bucket: str, short: bool = False) -> str:
    """A bucket as people say it: `Mar 2026`, `2026`, `Q2 2026`, `9 Mar 2026`, `9 Mar, 14:00`."""
    try:
        when = datetime.fromisoformat(start)
    except ValueError:
        return start
    if bucket == "year":
        return str(when.year)
    if bucket == "quarter":
        return _("Q{n} {year}").format(n=(when.month - 1) // 3 + 1, year=when.year)
    if bucket == "month":
        return words.month(when)
    if bucket == "hour":
        # The label has its own offset: it is shown as it is, not moved into another zone.
        return f"{words.day(when.date(), year=False)}, {when:%H:%M}"
    return words.day(when.date(), year=not short)


def said_in(start: str, bucket: str) -> str:
    """When a bucket is, within a sentence: `in Mar 2026`, `in the week of 9 Mar 2026`, `on 9 Mar 2026`."""
    name = bucket_name(start, bucket)
    if bucket == "week":
        return _("in the week of {day}").format(day=name)
    if bucket in ("day", "hour"):
        return _("on {day}").format(day=name)
    return _("in {month}").format(month=name)


def ends(start: str, bucket: str) -> datetime:
    """The moment a bucket is over, as local time without a zone."""
    when = datetime.fromisoformat(start).replace(tzinfo=None)
    if bucket == "hour":
        return when + timedelta(hours=1)
    if bucket in ("day", "week"):
        return when + timedelta(days=1 if bucket == "day" else 7)
    months = {"month": 1, "quarter": 3, "year": 12}[bucket]
    index = when.year * 12 + when.month - 1 + months
    if index // 12 > 9999:
        return datetime.max
    return datetime.combine(date(index // 12, index % 12 + 1, 1), datetime.min.time())


def is_open(start: str, bucket: str, now: str) -> bool:
    """Whether a bucket is not over at the moment `now` (ISO), in the zone of the workspace."""
    seen = words.instant(now)
    return seen is not None and ends(start, bucket) > seen.replace(tzinfo=None)
