"""How long it takes to get from the start of an attempt to each of its steps: quantiles and a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from periplus import clock
from periplus.errors import QuestionError
from periplus.journeys import tables
from periplus.journeys.attempts import Attempts

MOST_QUANTILES = 20
MOST_BINS = 200
BINS = 20
"""Bins at most, where only a histogram is asked for."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
WIDTHS = (
    1, 2, 5, 10, 15, 30, _MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE,
    _HOUR, 2 * _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY, 28 * _DAY,
)  # fmt: skip
"""Seconds that bins may be wide; beyond them multiples of the last."""


def quantiles_of(asked: Sequence[Any]) -> list[float]:
    """The quantiles as a question names them; raises QuestionError."""
    good = all(isinstance(q, int | float) and not isinstance(q, bool) and 0 <= q <= 1 for q in asked)
    if not asked or not good or len(asked) > MOST_QUANTILES:
        raise QuestionError(
            f"The quantiles are {list(asked)!r:.80}.",
            code="quantiles",
            hint=f"Write up to {MOST_QUANTILES} numbers from 0 to 1, such as [0.5, 0.9].",
        )
    return [float(q) for q in asked]


def bins_of(asked: Any) -> int | list[int]:
    """How many bins, or at which seconds they part, as a question says it; raises QuestionError."""
    if asked is True:
        return BINS
    if isinstance(asked, int) and not isinstance(asked, bool) and 1 <= asked <= MOST_BINS:
        return asked
    if (
        isinstance(asked, list)
        and 1 <= len(asked) < MOST_BINS
        and all(isinstance(each, str) for each in asked)
    ):
        edges = [clock.duration(each) // 1_000_000 for each in asked]
        if edges[0] > 0 and all(low < high for low, high in pairwise(edges)):
            return edges
    raise QuestionError(
        f"The histogram is {asked!r:.80}.",
        code="histogram",
        hint=f'Write true, a number of bins up to {MOST_BINS}, or rising durations at which they part: ["1h", "1d"].',
    )


def since_start(attempts: Attempts, group: np.ndarray | None, time: np.ndarray) -> np.ndarray:
    """Keys of the times from the first event to that of each later step done, by group * steps + step."""
    steps = attempts.rows.shape[1]
    time = np.asarray(time)
    found = [np.zeros(0, np.int64)]
    for step in range(1, steps):
        done = np.flatnonzero(attempts.rows[:, step] >= 0)
        place = np.full(len(done), step) if group is None else group[done] * steps + step
        found.append(tables.keys(place, time[attempts.rows[done, step]] - time[attempts.rows[done, 0]]))
    return np.concatenate(found)


def histogram(parts: Sequence[np.ndarray], groups: int, bins: int | list[int]) -> list[list[dict[str, Any]]]:
    """The durations of each group by bin, `from` (in) and `to` (out, None: without end) in seconds; the bins are the
    same for all groups."""
    keys = np.concatenate([np.zeros(0, np.int64), *parts])
    group, seconds = keys >> tables.SHIFT, keys & ((1 << tables.SHIFT) - 1)
    edges = bins if isinstance(bins, list) else _even(int(seconds.max()) if len(seconds) else 0, bins)
    lows = [0, *edges] if isinstance(bins, list) else edges[:-1]
    highs = [*edges, None] if isinstance(bins, list) else edges[1:]
    place = np.searchsorted(lows, seconds, "right") - 1
    counts = np.bincount(group * len(lows) + place, minlength=groups * len(lows)).reshape(groups, len(lows))
    return [
        [{"from": low, "to": high, "count": count} for low, high, count in zip(lows, highs, row, strict=True)]
        for row in counts.tolist()
    ]


def _even(greatest: int, most: int) -> list[int]:
    """Edges of at most so many bins as wide as each other that hold all durations up to the greatest.

    >>> _even(3599, 20)
    [0, 300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000, 3300, 3600]
    """
    width = next((width for width in WIDTHS if greatest < width * most), 0)
    if not width:
        width = WIDTHS[-1] * -(-(greatest + 1) // (WIDTHS[-1] * most))
    return list(range(0, (greatest // width + 1) * width + 1, width))
