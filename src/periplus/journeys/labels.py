"""Labels: which step each event is on, one small number per event; and masks: which conditions it meets.

What conditions say of the event itself comes from `event_labels`; what they say of its customer from
`customer_condition`, read as of the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys import by_value, customer_condition
from periplus.journeys.customer_condition import When
from periplus.journeys.event_labels import ByShard, bits, first_met, looked_up, named, parted
from periplus.journeys.walk import MOST_STEPS, OFF
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard, Snapshot

__all__ = ["ByShard", "Masks", "When", "codes", "first_met", "masks"]
_SEVERAL = 255


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

    def codes(self, shard: Shard, bits: int) -> np.ndarray | None:
        """uint8 per event: the one bit it has (of `bits`), or bits + 1; None if some event has several."""
        alone = self.on is None and not self.personal
        if alone and self.computed is None:
            known = np.empty(len(self.table), np.uint8)
            return looked_up(known, shard.name) if _single(self.table, bits, known) else None
        if alone and self.computed is not None and self.computed[shard.index].dtype == np.uint8:
            code = np.full(256, _SEVERAL, np.uint8)
            code[0] = bits + 1
            code[1 << np.arange(min(bits, 8))] = np.arange(min(bits, 8))
            if int(self.table.max()) < 256:
                found = np.empty(len(shard.name), np.uint8)
                own = self.table.astype(np.uint8)
                whole = _coded(own, np.asarray(shard.name), self.computed[shard.index], code, found)
                return found if whole else None
        found = np.empty(len(shard.name), np.uint8)
        return found if _single(self.of(shard), bits, found) else None


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


@compiled("b1(u4[::1], i8, u1[::1])")
@no_type_check
def _single(mask, bits, found):
    """The number of the one bit of each mask; False at the first mask with several."""
    for i in range(mask.shape[0]):
        m = mask[i]
        if m & (m - np.uint32(1)):
            return False
        code = bits + 1
        for bit in range(bits):
            if m == np.uint32(1) << np.uint32(bit):
                code = bit
        found[i] = code
    return True


@compiled(
    "b1(u1[::1], Array(uint16, 1, 'C', readonly=True), Array(uint8, 1, 'C', readonly=True), u1[::1], u1[::1])"
)
@no_type_check
def _coded(table, name, computed, code, found):
    """The code of what the name and what the properties decide, together; False at the first of several bits."""
    for i in range(name.shape[0]):
        c = code[table[name[i]] | computed[i]]
        if c == _SEVERAL:
            return False
        found[i] = c
    return True
