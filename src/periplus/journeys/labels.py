"""Labels: which step each event is on, one small number per event.

A condition that the event's name decides is looked up in a table over the shard's name codes and costs
nothing; only what reads properties is computed by DuckDB, in one expression for all conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, no_type_check

import numpy as np

from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys.walk import MOST_STEPS, OFF
from periplus.store.columns import FileColumns
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard, Snapshot

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
    computed = snapshot.evaluate(_first_met(mixed, off), np.uint8)
    # The first step counts, and off is above all of them.
    return lambda shard: np.minimum(looked_up(table, shard.name), computed[shard.index])


def masks(snapshot: Snapshot, conditions: Sequence[Condition | None]) -> ByShard:
    """uint32 per event: bit i is set where it meets condition i; None is met by every event."""
    plain, mixed = _parted(conditions)
    table = np.zeros(max(len(snapshot.names), 1), np.uint32)
    for index, condition in enumerate(conditions):
        if condition is None:
            table |= np.uint32(1 << index)
    for index, condition in plain:
        table[named(snapshot, condition)] |= np.uint32(1 << index)
    if not mixed:
        return lambda shard: table[shard.name]
    computed = snapshot.evaluate(_all_met(mixed), np.uint32)
    return lambda shard: table[shard.name] | computed[shard.index]


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


def _first_met(
    mixed: Sequence[tuple[int, Condition]], off: int
) -> Callable[[FileColumns], tuple[str, list[Any]]]:
    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        pieces, values = [], []
        for index, condition in mixed:
            text, bound = condition.sql(columns)
            pieces.append(f"WHEN {text} THEN {index}")
            values.extend(bound)
        return f"CAST(CASE {' '.join(pieces)} ELSE {off} END AS UTINYINT)", values

    return expression


def _all_met(mixed: Sequence[tuple[int, Condition]]) -> Callable[[FileColumns], tuple[str, list[Any]]]:
    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        pieces, values = [], []
        for index, condition in mixed:
            text, bound = condition.sql(columns)
            pieces.append(f"CASE WHEN {text} THEN {1 << index} ELSE 0 END")
            values.extend(bound)
        return f"CAST({' + '.join(pieces)} AS UINTEGER)", values

    return expression
