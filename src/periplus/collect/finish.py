"""What an event is given between the inbox and the store: the house's words, its source's defaults, device and channel.

Documents may change while events wait; what counts is what they say when the event is brought into the
store. A step that fails on a message leaves it as it was: nothing here may lose an event.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from periplus import clock
from periplus.collect.catalogue.join import attach
from periplus.collect.catalogue.kept import Kept
from periplus.collect.deviations import Deviations
from periplus.collect.enrich import enrich
from periplus.collect.outline import document
from periplus.collect.sources import Sources
from periplus.collect.tracking_plan import TrackingPlan
from periplus.collect.vocabulary import Vocabularies
from periplus.errors import PeriplusError
from periplus.store.inbox_file import Received
from periplus.store.state import State

log = logging.getLogger("periplus.collect")


class Finisher:
    """Makes messages ready for the store, by the vocabularies, sources and tracking plan of the workspace."""

    def __init__(self, state: State, sources: Sources) -> None:
        self.state = state
        self.sources = sources
        self.deviations = Deviations()
        self._vocabularies = Vocabularies()
        self._plan: TrackingPlan | None = None
        self._kept = Kept(state)
        self._catalogue = Kept.NOTHING
        self._read = False
        self._failed: set[str] = set()

    def refresh(self) -> None:
        """Read the documents anew, and save what was noticed; what fails waits.

        Before every flush, so that what comes in after a plan is adopted is judged by that plan.
        """
        self._read = True
        try:
            self._vocabularies = Vocabularies.stored(self.state)
            self._plan = TrackingPlan.stored(self.state)
            self._catalogue = self._kept.index()
            self.deviations.save(self.state)
        except PeriplusError as problem:
            log.warning("vocabularies and tracking plan are as they were last known: %s", problem)

    def off_plan(self, message: dict[str, Any], source: str, dialect: str) -> str | None:
        """What about a message is otherwise than the plan in force says, in the house's words; None where all is well.

        Without a plan all is well.
        """
        if not self._read:
            self.refresh()
        plan = self._plan
        if plan is None:
            return None
        found = plan.check(self._vocabularies.of(source, dialect).apply(message))
        if not found:
            return None
        first, more = found[0], len(found) - 1
        name = f"{first.event}, {first.property}" if first.property else first.event
        hint = plan.hint(first)
        return (
            f"{name}: {first.wrong}."
            + (f" Planned is {hint!r}." if hint else " See `periplus plan show`.")
            + (f" And {more} more." if more else "")
        )

    def line(self, event: Received) -> bytes:
        """The event as a line of Segment-spec JSON that the importer reads."""
        message = document(event.message)
        message["source"] = event.source
        message["receivedAt"] = clock.iso(event.received)
        try:
            message = self._finished(message, event)
        except Exception:  # a mistake of ours must not cost the event
            if event.dialect not in self._failed:
                self._failed.add(event.dialect)
                log.exception("an event of %s is stored as it came", event.dialect)
        return msgspec.json.encode(message)

    def _finished(self, message: dict[str, Any], event: Received) -> dict[str, Any]:
        told = self._vocabularies.of(event.source, event.dialect).apply(message)
        source = self.sources.by_name(event.source)
        if source is not None:
            for name, value in (
                ("channel", source.document.channel),
                ("department", source.document.department),
            ):
                if value is not None and not told.get(name):
                    told = {**told, name: value}
        told = enrich(told)
        if self._plan is not None:
            self.deviations.add(self._plan.check(told), event.received, str(told.get("messageId", "")))
        return attach(told, self._catalogue) if len(self._catalogue) else told
