"""What conditions say of single events, as numbers per row: by the event's name where it decides, else by DuckDB.

A condition that the event's name decides is looked up in a table over the shard's name codes and costs
nothing; only what reads properties is computed by DuckDB, in one expression for all conditions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from periplus.condition import Condition
from periplus.journeys import by_value
from periplus.journeys.look_up import look_up
from periplus.store.columns import FileColumns
from periplus.store.snapshot import Shard, Snapshot

MOST_NAMES = 40
"""Names by which conditions are told apart in SQL; with more of them they are asked one after another."""
BITS = 32
"""Conditions whose answers fit into one number per row."""
ByShard = Callable[[Shard], np.ndarray]
"""Labels or masks of one shard, in the order of its rows."""
Numbered = list[tuple[int, Condition]]
"""Conditions with their numbers."""


def met(snapshot: Snapshot, conditions: Sequence[Condition]) -> Callable[[Shard], list[np.ndarray]]:
    """bool per event for each of any number of conditions on single events."""
    groups = [conditions[at : at + BITS] for at in range(0, len(conditions), BITS)]
    read = [bits(snapshot, list(enumerate(group))) for group in groups]

    def of(shard: Shard) -> list[np.ndarray]:
        found = []
        for group, (table, computed) in zip(groups, read, strict=True):
            mask = looked_up(table, shard.name)
            if computed is not None:
                mask |= computed[shard.index]
            found += [(mask >> np.uint32(bit)) & np.uint32(1) != 0 for bit in range(len(group))]
        return found

    return of


def bits(snapshot: Snapshot, numbered: Numbered) -> tuple[np.ndarray, list[np.ndarray] | None]:
    """Bit i for condition i: uint32 by name code, and by shard what the name does not decide (None: nothing)."""
    plain, mixed = parted(numbered)
    table = np.zeros(max(len(snapshot.names), 1), np.uint32)
    for index, condition in plain:
        table[named(snapshot, condition)] |= np.uint32(1 << index)
    if not mixed:
        return table, None
    dtype = _bits(mixed)
    return table, snapshot.evaluate(all_met(mixed), dtype, by_value.bits(snapshot, mixed, dtype))


def parted(numbered: Numbered) -> tuple[Numbered, Numbered]:
    """Conditions that are decided by the name, and the others."""
    return (
        [(index, condition) for index, condition in numbered if condition.only_names()],
        [(index, condition) for index, condition in numbered if not condition.only_names()],
    )


def named(snapshot: Snapshot, condition: Condition) -> np.ndarray:
    """Codes of the event names that meet a condition on names alone."""
    return _named(condition, snapshot.names)


@lru_cache(maxsize=4096)
def _named(condition: Condition, names: tuple[str, ...]) -> np.ndarray:
    # A map asks the same of its steps each time.
    found = np.array(
        [code for code, name in enumerate(names) if condition.matches({"event": name})], np.int64
    )
    found.flags.writeable = False
    return found


def looked_up(table: np.ndarray, name: np.ndarray) -> np.ndarray:
    """`table[name]` for a uint8 or uint32 table and uint16 names."""
    found = np.empty(len(name), table.dtype)
    look_up(table, np.asarray(name), found)
    return found


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


def all_met(mixed: Sequence[tuple[int, Condition]]) -> Callable[[FileColumns], tuple[str, list[Any]]]:
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
