"""What a condition says of the customer, by row: computed shard by shard, all moments of a customer in one pass.

The parts on single events come from DuckDB as masks (`event_labels`). What counts for a moment is then a run of
the events that count at all, which only moves on as the moments do; so every part is a walk along two ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from periplus.condition import Condition
from periplus.condition.customer import CustomerPart, Did, Moment, Trait
from periplus.condition.tree import All, Node, Not, nodes
from periplus.condition.tree import Any as Either
from periplus.errors import QuestionError
from periplus.journeys import customer_did, customer_trait, event_labels
from periplus.journeys.attempts import seen
from periplus.journeys.customer_moments import Moments
from periplus.people import segments
from periplus.question import Context, Documents, Names, no_documents, no_names
from periplus.store.snapshot import Shard, Snapshot

if TYPE_CHECKING:
    from periplus.journeys.moment import Span

ByShard = Callable[[Shard], np.ndarray]
Value = Callable[[Shard, Moments], np.ndarray]
"""bool per moment of a shard: whether a part holds as of it."""


@dataclass(frozen=True)
class When:
    """What parts about the customer are read as of, where they do not say it: `default`; and what `now` is.

    `start` says whether a row may stand for the start of something; `start` as a moment is refused where it may not.
    """

    now: int
    zone: ZoneInfo
    documents: Documents = no_documents
    names: Names = no_names
    default: Moment = "event"
    start: bool = True

    @classmethod
    def of(cls, span: Span, context: Context, *, start: bool = True) -> When:
        """As a question sees it."""
        return cls(span.now, span.zone, context.documents, context.names, start=start)


def by_row(snapshot: Snapshot, condition: Condition, when: When | None) -> ByShard:
    """bool per event of a shard: whether the condition holds as of it, whatever it speaks of."""
    found = _Read(snapshot, _known(condition, when))

    return found.of


def by_customer(snapshot: Snapshot, condition: Condition, when: When) -> ByShard:
    """bool per customer of a shard: whether a condition on customers holds as of now.

    Customers of whom nothing had happened by then are in none.
    """
    known, _ = _known(condition, when)
    known.check_of_customers("customers")
    for node in nodes(known.tree):
        if isinstance(node, CustomerPart) and node.as_of in ("event", "start"):
            raise QuestionError(
                f"There is no {node.as_of} here: customers are looked at as of now.",
                code="condition",
                hint="Leave out `as_of`, or write as_of: now.",
            )
    found = _Read(snapshot, (known, replace(when, default="now", start=False)))

    def of(shard: Shard) -> np.ndarray:
        moments = _now(shard, when.now)
        return found.at(shard, moments) & (moments.row > np.asarray(shard.offsets)[:-1])

    return of


def _known(condition: Condition, when: When | None) -> tuple[Condition, When]:
    """The condition with its segments and surveys looked up."""
    if when is None:
        raise QuestionError(
            "What is said of the customer cannot be asked here.",
            code="condition",
            hint="Describe the event with `event` and `where`.",
        )
    return segments.resolved(condition, when.documents, when.names), when


def _now(shard: Shard, now: int) -> Moments:
    """One moment per customer: the present."""
    count = len(shard.customers)
    return Moments(np.arange(count + 1, dtype=np.int64), seen(shard, now), np.full(count, now, np.int64))


@dataclass
class _Read:
    """A condition made ready: its parts on events as masks, those about the customer as functions of moments."""

    snapshot: Snapshot
    asked: tuple[Condition, When]
    events: dict[Node, int] = field(default_factory=dict)
    parts: dict[CustomerPart, Value] = field(default_factory=dict)
    masks: Callable[[Shard], list[np.ndarray]] = field(init=False)

    def __post_init__(self) -> None:
        self._gather(self.asked[0].tree)
        self.masks = event_labels.met(self.snapshot, [Condition(node) for node in self.events])

    def _gather(self, node: Node) -> None:
        match node:
            case Did():
                self._moment(node)
                self.parts[node] = customer_did.ready(self.snapshot, node, self.asked[1].zone)
            case Trait():
                self._moment(node)
                self.parts[node] = customer_trait.ready(self.snapshot, node)
            case All(parts) | Either(parts) if Condition(node).speaks_of_customer():
                for part in parts:
                    self._gather(part)
            case Not(part) if Condition(node).speaks_of_customer():
                self._gather(part)
            case _:
                self.events.setdefault(node, len(self.events))

    def _moment(self, part: CustomerPart) -> Moment:
        moment = part.as_of or self.asked[1].default
        if moment == "start" and not self.asked[1].start:
            raise QuestionError(
                "There is no start here for this to be read as of.",
                code="condition",
                hint="Write as_of: event, or as_of: now.",
            )
        return moment

    def of(self, shard: Shard) -> np.ndarray:
        """bool per row."""
        offsets = np.asarray(shard.offsets)
        rows = Moments(offsets, np.arange(len(shard.time), dtype=np.int64), np.asarray(shard.time))
        masks = self.masks(shard)

        def value(part: CustomerPart) -> np.ndarray:
            if self._moment(part) != "now":
                return self.parts[part](shard, rows)
            return np.repeat(self.parts[part](shard, _now(shard, self.asked[1].now)), np.diff(offsets))

        return _combined(self.asked[0].tree, self.events, masks, value, len(shard.time))

    def at(self, shard: Shard, moments: Moments) -> np.ndarray:
        """bool per moment, whatever moments the parts name; there are no parts on events."""
        return _combined(
            self.asked[0].tree, {}, [], lambda part: self.parts[part](shard, moments), len(moments.row)
        )


def _combined(
    node: Node,
    events: Mapping[Node, int],
    masks: list[np.ndarray],
    value: Callable[[Any], np.ndarray],
    length: int,
) -> np.ndarray:
    if node in events:
        return masks[events[node]]
    match node:
        case All(parts):
            found = np.ones(length, np.bool_)
            for part in parts:
                found &= _combined(part, events, masks, value, length)
            return found
        case Either(parts):
            found = np.zeros(length, np.bool_)
            for part in parts:
                found |= _combined(part, events, masks, value, length)
            return found
        case Not(part):
            return ~_combined(part, events, masks, value, length)
        case _:
            return value(node)
