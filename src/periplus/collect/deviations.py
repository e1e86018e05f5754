"""Counting deviations from the tracking plan as messages pass: in memory, and now and then in the state."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from periplus.collect.tracking_plan import Deviation
from periplus.store import deviations
from periplus.store.deviations import Seen, Which
from periplus.store.state import State

LONGEST = 200
"""Letters that are kept of a name."""


class Deviations:
    """What the flush notices; approximate, as messages read again after a crash are counted again.

    The exact report of a period is `plan_report.report`.
    """

    def __init__(self) -> None:
        self._seen: dict[Which, Seen] = {}
        self._lock = threading.Lock()

    def add(self, found: Iterable[Deviation], time: int, message_id: str = "") -> None:
        """Count what `TrackingPlan.check` found in a message of `time`, in microseconds UTC."""
        for one in found:
            which = Which(one.wrong, one.event[:LONGEST], one.property[:LONGEST])
            with self._lock:
                seen = self._seen.get(which)
                if seen is not None:
                    self._seen[which] = Seen(
                        seen.events + 1,
                        min(seen.first, time),
                        max(seen.last, time),
                        seen.value,
                        seen.message_id,
                    )
                elif len(self._seen) < deviations.MOST:
                    self._seen[which] = Seen(1, time, time, one.value, message_id[:LONGEST])

    def save(self, state: State) -> None:
        """Add the counts to the state; where it cannot be written they stay, and the problem is raised."""
        with self._lock:
            waiting, self._seen = self._seen, {}
        if not waiting:
            return
        try:
            deviations.add(state, waiting)
        except BaseException:
            with self._lock:
                self._seen = {**waiting, **self._seen}
            raise
