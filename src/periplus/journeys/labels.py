"""Labels: which step each event is on, one small number per event; and masks: which conditions it meets.

What conditions say of the event itself comes from `event_labels`; what they say of its customer from
`customer_condition`, read as of the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys import by_value, customer_condition
from periplus.journeys.customer_condition import When
from periplus.journeys.event_labels import ByShard, bits, first_met, looked_up, named, parted
from periplus.journeys.walk import MOST_STEPS, OFF
from periplus.store.snapshot import Shard, Snapshot

__all__ = ["ByShard", "Masks", "When", "codes", "first_met", "masks"]


def codes(
    snapshot: Snapshot, conditions: Sequence[Condition | None], off: int = OFF, when: When | None = None
) -> ByShard:
    """uint8 per event: the first of the conditions it meets, else `off`; None is never met.

    `when` is needed where a condition speaks of the customer; without it that is a QuestionError.
    """
    if len(conditions) > MOST_STEPS:
        raise QuestionError(
            f"{len(conditions)} steps are too many.", code="too_many", hint=f"At most {MOST_STEPS} fit."
        )
    listed, personal = _personal(snapshot, conditions, when)
    plain, mixed = parted(listed)
    table = np.full(max(len(snapshot.names), 1), off, np.uint8)
    for index, condition in reversed(plain):
        table[named(snapshot, condition)] = index
    computed = (
        snapshot.evaluate(first_met(mixed, off), np.uint8, by_value.first(snapshot, mixed, off))
        if mixed
        else None
    )

    def of(shard: Shard) -> np.ndarray:
        found = looked_up(table, shard.name)
        # The first step counts, and off is above all of them.
        if computed is not None:
            found = np.minimum(found, computed[shard.index])
        for index, met in personal:
            found[met(shard) & (found > index)] = index
        return found

    return of


@dataclass(frozen=True)
class Masks:
    """Which conditions each event meets, as bits of a uint32; `on` and `where` leave out what is elsewhere.

    `table` uint32[names] is what the name decides, `computed` per shard what does not; `where` uint32[256] is
    the bits that may be set for each label of `on`. `personal` are bits that speak of the customer too.
    """

    table: np.ndarray
    computed: list[np.ndarray] | None = None  # uint8 where eight bits do, else uint32
    on: ByShard | None = None
    where: np.ndarray | None = None
    personal: tuple[tuple[int, ByShard], ...] = ()

    def of(self, shard: Shard) -> np.ndarray:
        """uint32 per event of the shard."""
        found = looked_up(self.table, shard.name)
        if self.computed is not None:
            found |= self.computed[shard.index]
        for bit, met in self.personal:
            found |= met(shard).astype(np.uint32) << np.uint32(bit)
        if self.on is not None and self.where is not None:
            found &= self.where[self.on(shard)]
        return found


def masks(snapshot: Snapshot, conditions: Sequence[Condition | None], when: When | None = None) -> Masks:
    """uint32 per event: bit i is set where it meets condition i; None is met by every event.

    `when` is needed where a condition speaks of the customer; without it that is a QuestionError.
    """
    listed, personal = _personal(snapshot, conditions, when)
    table, computed = bits(snapshot, listed)
    for index, condition in enumerate(conditions):
        if condition is None:
            table |= np.uint32(1 << index)
    return Masks(table, computed, personal=tuple(personal))


def _personal(
    snapshot: Snapshot, conditions: Sequence[Condition | None], when: When | None
) -> tuple[list[tuple[int, Condition]], list[tuple[int, ByShard]]]:
    """Conditions on events with their numbers, and of the others what they come to by row."""
    listed = [(index, condition) for index, condition in enumerate(conditions) if condition is not None]
    events = [(index, condition) for index, condition in listed if not condition.speaks_of_customer()]
    return events, [
        (index, customer_condition.by_row(snapshot, condition, when))
        for index, condition in listed
        if condition.speaks_of_customer()
    ]
