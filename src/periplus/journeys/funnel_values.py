"""Values a funnel is broken down by: of the event, of the session it is in, of the customer as known by then."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from periplus import clock
from periplus.journeys import reading
from periplus.journeys.customer_condition import When
from periplus.journeys.segment_values import ROOT as SEGMENT
from periplus.journeys.segment_values import SegmentValues
from periplus.journeys.session_rules import Sessions
from periplus.journeys.session_values import ROOT, SessionValues
from periplus.journeys.trait_values import TRAITS, TraitValues
from periplus.question import Context


class Values(Protocol):
    """`known[code]` for each code that `at` gives for rows of a shard (int64; -1: no value)."""

    @property
    def known(self) -> list[Any]: ...

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray: ...


def values_of(
    name: str, names: frozenset[str] | None, sessions: Sessions | None, now: int, context: Context
) -> Values:
    """The values of a property at events of some names (None: any); `sessions` where it is one of sessions."""
    if name.startswith(ROOT):
        assert sessions is not None
        return SessionValues(name, sessions, now, context)
    if name.startswith(SEGMENT):
        when = When(now, clock.zone(context.settings.zone), context.documents, context.names)
        return SegmentValues(name, when, context)
    path = reading.full_path(name, "breakdown")
    if path.startswith(TRAITS):
        return TraitValues(path, context)
    return reading.read(context.snapshot, [path], names)
