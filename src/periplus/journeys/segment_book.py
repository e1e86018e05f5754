"""The segments of a workspace as people work with them: make one, look at it, count who is in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.journeys import customer_condition, notice
from periplus.journeys.attempts import seen
from periplus.journeys.customer_condition import When
from periplus.journeys.moment import Span, resolve
from periplus.journeys.shards import each_shard
from periplus.people.segments import KIND, SegmentDocument, missing, resolved
from periplus.question import Context
from periplus.store.shard import Shard
from periplus.store.state import State

Written = SegmentDocument | Mapping[str, Any] | str | Path


@dataclass(frozen=True)
class SegmentBook:
    """What `ws.segments` is. `stored` gives the state if there is any yet, `state` makes it if there is none;
    `context` is what questions are answered with, of all traffic or of the customers' alone."""

    stored: Callable[[], State | None]
    state: Callable[[], State]
    context: Callable[[str], Context]

    def add(self, document: Written) -> dict[str, Any]:
        """Keep a segment, as a new version where it is known: its name, `version`, and `warnings` about its words.

        Raises DocumentError or QuestionError: also for a segment it is made of and nobody has made, or for a circle.
        """
        parsed = document if isinstance(document, SegmentDocument) else SegmentDocument.parse(document)
        context = self.context("customers")

        def documents(kind: str, name: str) -> Mapping[str, Any] | None:
            own = (kind, name) == (KIND, parsed.name)
            return parsed.document() if own else context.documents(kind, name)

        whole = resolved(Condition.parse({"segment": parsed.name}), documents, context.names)
        version = self.state().save(KIND, parsed.name, parsed.document())
        said = notice.never_seen([whole], context.snapshot)
        return {"name": parsed.name, "version": version, "warnings": said}

    def listed(self) -> list[dict[str, Any]]:
        """Every segment: name, description, version, what it says in words, the segments it is made of."""
        state = self.stored()
        found = [] if state is None else [self.show(name) for name in state.names(KIND)]
        return [
            {
                "name": each.name,
                "description": each.description or "",
                "version": state.versions(KIND, each.name)[0]["version"] if state else None,
                "says": each.tree().of_customer(),
                "of": each.names(),
            }
            for each in found
        ]

    def show(self, name: str, version: int | None = None) -> SegmentDocument:
        """One segment, the newest version or an older one; raises QuestionError with the nearest name."""
        state = self.stored()
        stored = None if state is None else state.document(KIND, name, version)
        if stored is None:
            raise missing(name, lambda kind: [] if state is None else state.names(kind))
        return SegmentDocument.parse(stored)

    def count(self, name: str, now: str | None = None, traffic: str = "customers") -> dict[str, Any]:
        """How many customers are in it now, or as of a moment, and of how many who had come by then."""
        context, span, among = self._read(name, now, traffic)

        def work(shard: Shard) -> tuple[int, int]:
            came = seen(shard, span.now) > np.asarray(shard.offsets)[:-1]
            return int(np.count_nonzero(among(shard))), int(np.count_nonzero(came))

        parts = each_shard(context, work)
        return {
            "segment": name,
            "customers": sum(inside for inside, _ in parts),
            "of": sum(whole for _, whole in parts),
            "now": clock.iso(span.now),
            "now_from": span.now_from,
        }

    def members(
        self, name: str, now: str | None = None, limit: int = 100, traffic: str = "customers"
    ) -> list[dict[str, Any]]:
        """Customers in it, by their number: `customer` and `label`, at most `limit` of them."""
        context, _, among = self._read(name, now, traffic)
        parts = each_shard(context, lambda shard: np.asarray(shard.customers)[among(shard)])
        found = np.concatenate(parts)[: max(limit, 0)].tolist()
        labels = context.labels(found)
        return [{"customer": f"{each:016x}", "label": labels.get(each, f"{each:016x}")} for each in found]

    def _read(
        self, name: str, now: str | None, traffic: str
    ) -> tuple[Context, Span, customer_condition.ByShard]:
        self.show(name)
        context = self.context(traffic)
        span = resolve(None, now, None, context)
        condition = Condition.parse({"segment": name})
        return (
            context,
            span,
            customer_condition.by_customer(context.snapshot, condition, When.of(span, context)),
        )
