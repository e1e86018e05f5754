"""Labels: which step each event is on, one small number per event.

A condition that the event's name decides is looked up in a table over the shard's name codes and costs
nothing; only what reads properties is computed by DuckDB, in one expression for all conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np

from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys.walk import MOST_STEPS, OFF
from periplus.store.columns import FileColumns
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard, Snapshot

MOST_NAMES = 40
"""Names by which conditions are told apart in SQL; with more of them they are asked one after another."""
_SEVERAL = 255
ByShard = Callable[[Shard], np.ndarray]
"""Labels or masks of one shard, in the order of its rows."""


def codes(snapshot: Snapshot, conditions: Sequence[Condition | None], off: int = OFF) -> ByShard:
    """uint8 per event: the first of the conditions it meets, else `off`; None is never met."""
    if len(conditions) > MOST_STEPS:
        raise QuestionError(
            f"{len(conditions)} steps are too many.", code="too_many", hint=f"At most {MOST_STEPS} fit."
        )
    plain, mixed = _parted(conditions)
    table = np.full(max(len(snapshot.names), 1), off, np.uint8)
    for index, condition in reversed(plain):
        table[named(snapshot, condition)] = index
    if not mixed:
        return lambda shard: looked_up(table, shard.name)
    computed = snapshot.evaluate(first_met(mixed, off), np.uint8)
    # The first step counts, and off is above all of them.
    return lambda shard: np.minimum(looked_up(table, shard.name), computed[shard.index])


@dataclass(frozen=True)
class Masks:
    """Which conditions each event meets, as bits of a uint32; `on` and `where` leave out what is elsewhere.

    `table` uint32[names] is what the name decides, `computed` per shard what does not; `where` uint32[256] is
    the bits that may be set for each label of `on`.
    """

    table: np.ndarray
    computed: list[np.ndarray] | None = None  # uint8 where eight bits do, else uint32
    on: ByShard | None = None
    where: np.ndarray | None = None

    def of(self, shard: Shard) -> np.ndarray:
        """uint32 per event of the shard."""
        found = np.empty(len(shard.name), np.uint32)
        _look_up_wide(self.table, np.asarray(shard.name), found)
        if self.computed is not None:
            found |= self.computed[shard.index]
        if self.on is not None and self.where is not None:
            found &= self.where[self.on(shard)]
        return found

    def codes(self, shard: Shard, bits: int) -> np.ndarray | None:
        """uint8 per event: the one bit it has (of `bits`), or bits + 1; None if some event has several."""
        if self.on is None and self.computed is None:
            known = np.empty(len(self.table), np.uint8)
            return looked_up(known, shard.name) if _single(self.table, bits, known) else None
        if self.on is None and self.computed is not None and self.computed[shard.index].dtype == np.uint8:
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


def masks(snapshot: Snapshot, conditions: Sequence[Condition | None]) -> Masks:
    """uint32 per event: bit i is set where it meets condition i; None is met by every event."""
    plain, mixed = _parted(conditions)
    table = np.zeros(max(len(snapshot.names), 1), np.uint32)
    for index, condition in enumerate(conditions):
        if condition is None:
            table |= np.uint32(1 << index)
    for index, condition in plain:
        table[named(snapshot, condition)] |= np.uint32(1 << index)
    return Masks(table, snapshot.evaluate(_all_met(mixed), _bits(mixed)) if mixed else None)


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


@compiled("void(u4[::1], Array(uint16, 1, 'C', readonly=True), u4[::1])")
@no_type_check
def _look_up_wide(table, name, found):
    """One table entry per name."""
    for i in range(name.shape[0]):
        found[i] = table[name[i]]


def named(snapshot: Snapshot, condition: Condition) -> np.ndarray:
    """Codes of the event names that meet a condition on names alone."""
    met = [code for code, name in enumerate(snapshot.names) if condition.matches({"event": name})]
    return np.array(met, np.int64)


def looked_up(table: np.ndarray, name: np.ndarray) -> np.ndarray:
    """`table[name]` for a uint8 table and uint16 names."""
    found = np.empty(len(name), np.uint8)
    _look_up(table, np.asarray(name), found)
    return found


@compiled("void(u1[::1], Array(uint16, 1, 'C', readonly=True), u1[::1])")
@no_type_check
def _look_up(table, name, found):
    """One table entry per name."""
    for i in range(name.shape[0]):
        found[i] = table[name[i]]


def _parted(
    conditions: Sequence[Condition | None],
) -> tuple[list[tuple[int, Condition]], list[tuple[int, Condition]]]:
    """Conditions with their index: those decided by the name, and the others."""
    listed = [(index, condition) for index, condition in enumerate(conditions) if condition is not None]
    return (
        [(index, condition) for index, condition in listed if condition.only_names()],
        [(index, condition) for index, condition in listed if not condition.only_names()],
    )


def _bits(mixed: Sequence[tuple[int, Condition]]) -> type[np.unsignedinteger[Any]]:
    """The smallest type that holds the bits of some conditions: the fewer bytes, the faster they are fetched."""
    return np.uint8 if max(index for index, _ in mixed) < 8 else np.uint32


def first_met(
    mixed: Sequence[tuple[int, Condition]], off: int
) -> Callable[[FileColumns], tuple[str, list[Any]]]:
    """The expression of the first of some conditions, given with their codes, that an event meets, else `off`."""

    def chosen(listed: Sequence[tuple[int, Condition]], columns: FileColumns) -> tuple[str, list[Any]]:
        pieces, values = [], []
        for index, condition in listed:
            text, bound = condition.sql(columns)
            pieces.append(f"WHEN {text} THEN {index}::UTINYINT")
            values.extend(bound)
        nothing = f"{off}::UTINYINT"
        return f"CASE {' '.join(pieces)} ELSE {nothing} END" if pieces else nothing, values

    return lambda columns: _by_name(mixed, lambda listed: chosen(listed, columns))


def _all_met(mixed: Sequence[tuple[int, Condition]]) -> Callable[[FileColumns], tuple[str, list[Any]]]:
    kind = "UTINYINT" if _bits(mixed) is np.uint8 else "UINTEGER"

    def added(listed: Sequence[tuple[int, Condition]], columns: FileColumns) -> tuple[str, list[Any]]:
        pieces, values = [], []
        for index, condition in listed:
            text, bound = condition.sql(columns)
            pieces.append(f"CASE WHEN {text} THEN {1 << index}::{kind} ELSE 0::{kind} END")
            values.extend(bound)
        return " + ".join(pieces) or f"0::{kind}", values

    return lambda columns: _by_name(mixed, lambda listed: added(listed, columns))


def _by_name(
    mixed: Sequence[tuple[int, Condition]],
    text: Callable[[Sequence[tuple[int, Condition]]], tuple[str, list[Any]]],
) -> tuple[str, list[Any]]:
    """`text` of the conditions, told apart by the event's name first: each row is asked only what its name leaves open.

    That is a comparison with one name for all of a column's dictionary, and reads no property of other events.
    """
    known = [condition.names() for _, condition in mixed]
    names = sorted(frozenset().union(*(each for each in known if each is not None)))
    if not names or len(names) > MOST_NAMES:
        return text(mixed)
    pieces: list[str] = []
    values: list[Any] = []
    for name in names:
        listed = [
            (index, condition.given(name))
            for (index, condition), may in zip(mixed, known, strict=True)
            if may is None or name in may
        ]
        sql, bound = text(listed)
        pieces.append(f"WHEN ? THEN {sql}")
        values.extend([name, *bound])
    rest, bound = text([each for each, may in zip(mixed, known, strict=True) if may is None])
    return f'CASE "event" {" ".join(pieces)} ELSE {rest} END', [*values, *bound]
