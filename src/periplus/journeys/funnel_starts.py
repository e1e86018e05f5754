"""Steps of a funnel that look at the customer as of the start of the attempt.

Each row, as a start, has a signature: which of the parts about the customer hold just before it. For the attempts
that start at rows of one signature these parts are settled, and the steps are conditions on events as others are;
so the funnel is walked once per signature, and of a customer's attempts the one that counts is chosen as always.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

import numpy as np

from periplus.condition import Condition
from periplus.condition.customer import CustomerPart
from periplus.condition.tree import nodes, settled
from periplus.errors import QuestionError
from periplus.journeys import customer_condition
from periplus.journeys.attempts import Attempts
from periplus.journeys.chains import best_of_segment
from periplus.journeys.customer_condition import When
from periplus.journeys.labels import ByShard, Masks
from periplus.people import segments
from periplus.store.snapshot import Shard, Snapshot

MOST_PARTS = 6
"""Parts about the customer as of the start; a funnel is walked up to two to the power of them times."""
Both = tuple[Masks, Masks | None]
"""The masks of the steps and of the exclusions."""


@dataclass(frozen=True)
class Starts:
    """The parts to be settled, as bool per row, and the masks for each signature."""

    parts: Sequence[CustomerPart]
    holds: Sequence[ByShard]
    made: Callable[[dict[CustomerPart, bool]], Both]
    _known: dict[int, Both] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def signature(self, shard: Shard) -> np.ndarray:
        """uint8 per row: bit i is set where part i holds just before it."""
        found = np.zeros(len(shard.time), np.uint8)
        for bit, holds in enumerate(self.holds):
            found |= holds(shard).astype(np.uint8) << np.uint8(bit)
        return found

    def masks(self, signature: int) -> Both:
        """The masks of the steps and exclusions for attempts from starts of a signature."""
        with self._lock:
            if signature not in self._known:
                values = {part: bool(signature >> bit & 1) for bit, part in enumerate(self.parts)}
                self._known[signature] = self.made(values)
            return self._known[signature]


def looked_up(conditions: Sequence[Condition | None], when: When) -> list[Condition | None]:
    """The conditions with their segments and surveys written out."""
    return [
        segments.resolved(each, when.documents, when.names)
        if each is not None and each.speaks_of_customer()
        else each
        for each in conditions
    ]


def starts(
    snapshot: Snapshot,
    conditions: Sequence[Condition | None],
    when: When,
    made: Callable[[dict[CustomerPart, bool]], Both],
) -> Starts | None:
    """What is to be settled in some conditions; None where nothing looks at the start. `made` gives the masks."""
    found: dict[CustomerPart, None] = {}
    for condition in conditions:
        for node in nodes(condition.tree) if condition is not None else ():
            if isinstance(node, CustomerPart) and node.as_of in (None, "start"):
                found[node] = None
    if not found:
        return None
    if len(found) > MOST_PARTS:
        raise QuestionError(
            f"The steps say {len(found)} things of the customer as of the start.",
            code="too_many",
            hint=f"At most {MOST_PARTS} fit; write as_of: event beside the others, or use `customers`.",
        )
    return Starts(
        tuple(found),
        [
            customer_condition.by_row(snapshot, Condition(replace(part, as_of="event")), when)
            for part in found
        ],
        made,
    )


def put(conditions: Sequence[Condition | None], values: dict[CustomerPart, bool]) -> list[Condition | None]:
    """The conditions with some parts settled."""
    return [None if each is None else Condition(settled(each.tree, values)) for each in conditions]


def best(found: Sequence[Attempts], optional: Sequence[bool]) -> Attempts:
    """Of the attempts of customers, found signature by signature, the one of each that counts."""
    rows = np.concatenate([each.rows for each in found])
    options = (rows[:, np.flatnonzero(optional)] >= 0).sum(axis=1).astype(np.int8)
    return best_of_segment(
        np.concatenate([each.segment for each in found]),
        rows,
        np.concatenate([each.furthest for each in found]),
        options,
        np.concatenate([each.open for each in found]),
    )


def together(found: Sequence[tuple[np.ndarray, Attempts]]) -> Attempts:
    """The attempts of journeys or sessions, each found among some segments (int64), in the order of all of them."""
    segment = np.concatenate([among[each.segment] for among, each in found])
    order = np.argsort(segment, kind="stable")
    return Attempts(
        segment[order].astype(np.int32),
        np.concatenate([each.rows for _, each in found])[order],
        np.concatenate([each.furthest for _, each in found])[order],
        np.concatenate([each.open for _, each in found])[order],
    )
