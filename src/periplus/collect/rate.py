"""How many messages a source may send: a bucket that fills at the rate allowed and is emptied by what comes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

BURST = 10.0
"""Seconds of the rate that may come at once."""


class Rates:
    """The buckets of all sources, by name. Used by one thread."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait(self, source: str, rate: int, messages: int) -> int:
        """Take `messages` out of a bucket; returns 0, or after how many seconds to come again, having taken nothing.

        A request is let in whole while there is anything in the bucket, so that a large one is not shut out
        for ever; the bucket then owes.

        >>> rates = Rates(lambda: 0.0)
        >>> rates.wait("web", 5, 60), rates.wait("web", 5, 1)
        (0, 3)
        """
        if rate <= 0:
            return 0
        now = self.now()
        held, at = self._buckets.get(source, (rate * BURST, now))
        held = min(rate * BURST, held + (now - at) * rate)
        if held <= 0:
            self._buckets[source] = (held, now)
            return max(1, math.ceil((1 - held) / rate))
        self._buckets[source] = (held - messages, now)
        return 0
