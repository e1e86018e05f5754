"""Products that shops tell of by webhook, on their way into the catalogue: noted at the door, taken in a moment later.

What is noted is not on disk yet: after a crash a product is as it was until the shop tells of it again, or
the next file is imported. Events do not go this way.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping
from typing import Any

from periplus.collect.catalogue.keep import take
from periplus.collect.catalogue.kinds import KINDS
from periplus.collect.wire import Reading
from periplus.errors import PeriplusError
from periplus.store.state import State

MOST = 10_000
"""Products that wait at most; beyond it the oldest are dropped, which is said."""

log = logging.getLogger("periplus.collect")


class Told:
    """One per collector. `note` may be called by one thread while another takes in."""

    def __init__(self, state: State, currency: str) -> None:
        self.state, self.currency = state, currency
        self._waiting: deque[tuple[str, str, Mapping[str, Any], bool]] = deque()

    def note(self, source: str, dialect: str, reading: Reading) -> None:
        """Keep the product of a reading, if it has one, for `take_in`."""
        product = reading.found.get("product")
        if dialect not in KINDS or not isinstance(product, Mapping):
            return
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            log.warning("more than %s products wait for the catalogue; the oldest is left out", MOST)
        self._waiting.append((source, dialect, product, bool(reading.found.get("gone"))))

    def take_in(self, now: int) -> int:
        """Bring what waits into the catalogue, in the order it was told; returns how many products changed.

        Raises BusyError or StoreError where the state cannot be written: then the rest waits on.
        """
        changed = 0
        while self._waiting:
            source, kind, product, gone = self._waiting[0]
            try:
                done = take(self.state, kind, source, product, gone=gone, now=now, currency=self.currency)
                changed += done.new + done.changed + done.gone
            except PeriplusError:
                raise
            except Exception:  # one product must not keep the others waiting
                log.exception("a product of %s could not be read", source)
            if self._waiting and self._waiting[0][2] is product:
                self._waiting.popleft()
        return changed
