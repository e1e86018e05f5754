"""The features of drivers, counted: of those who have each value, how many there are and how many reached the goal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from periplus.journeys import reading
from periplus.journeys.drivers_members import Members, how_often, tally
from periplus.journeys.drivers_plan import MOST_FEATURES, Asked, Plan
from periplus.journeys.walk import OFF
from periplus.question import Context
from periplus.store.snapshot import Shard

OTHER = "(other)"
TIMES = ("0", "1", "2–3", "4–7", "8–15", "16 and more")
"""Buckets of a count: each as wide as all before it."""
_TIMES = np.array([min(count.bit_length(), len(TIMES) - 1) for count in range(17)])


@dataclass(frozen=True)
class Cell:
    """One value of a feature. `early`: only those still without the goal after the early window are looked at."""

    feature: str
    value: Any
    early: bool
    customers: int
    reached: int


@dataclass(frozen=True)
class Placed:
    """A feature of which each member has one value: `codes` int64[m] by shard are places in `values`, -1: none of them."""

    values: list[Any]
    codes: list[np.ndarray]


class Features:
    """The features of a plan over the members of all shards."""

    def __init__(self, planned: Plan, parts: Sequence[Members], context: Context) -> None:
        self.planned, self.context = planned, context
        self.everyone = list(parts)
        self.early = [part.where(part.early) for part in parts]

    def cells(self) -> tuple[list[Cell], list[str]]:
        """Every value of every feature that somebody has, and what to warn of."""
        found: list[Cell] = []
        warnings: list[str] = []
        for feature in self.planned.features:
            if feature.kind == "each":
                listed, hidden = self._each({cell.feature for cell in found} | self._labels)
                found += listed
                if hidden:
                    warnings.append(
                        f"Of what was done early the {MOST_FEATURES} most frequent are looked at; {hidden} are not."
                    )
                continue
            placed = self.placed(feature)
            counts = np.zeros((len(placed.values) + 1, 2), np.int64)
            for part, code in zip(self.of(feature), placed.codes, strict=True):
                np.add.at(counts, (code, part.reached.astype(np.int64)), 1)
            found += [
                Cell(feature.label, value, feature.kind != "start", int(both.sum()), int(both[1]))
                for value, both in zip(placed.values, counts, strict=False)
                if both.sum()
            ]
        return found, warnings

    def of(self, feature: Asked) -> list[Members]:
        """Those whom a feature is asked of: at the start everyone, else those who are still without the goal after it."""
        return self.everyone if feature.kind == "start" else self.early

    def placed(self, feature: Asked) -> Placed:
        """The value of a feature that is not `each`, for each of its members."""
        if feature.kind in ("start", "early"):
            return self._property(feature)
        times = [often[:, feature.bit] for often in self._often]
        if feature.kind == "done":
            return Placed([True], [np.where(count > 0, 0, -1) for count in times])
        return Placed(list(TIMES), [_TIMES[np.minimum(count, 16)] for count in times])

    def did(self, label: str) -> list[np.ndarray]:
        """bool[m] by shard of the early members: who did what a row of `each` is called."""
        code = [f"did {name}" for name in self.planned.names].index(label)
        return [
            np.array(
                [(codes[a : b + 1] == code).any() for a, b in zip(part.begin, part.last, strict=True)],
                np.bool_,
            )
            for part, codes in ((part, self._done(part.shard)) for part in self.early)
        ]

    @cached_property
    def _labels(self) -> set[str]:
        return {feature.label for feature in self.planned.features}

    @cached_property
    def _often(self) -> list[np.ndarray]:
        """int64[m, bits] by shard: on how many early rows a member meets each condition."""
        found = []
        for part in self.early:
            counts = np.zeros((len(part), self.planned.conditions + 2), np.int64)
            how_often(part.begin, part.last, self.planned.bits(part.shard), counts)
            found.append(counts)
        return found

    def _done(self, shard: Shard) -> np.ndarray:
        """uint16 per row: the event's name, or the touchpoint it is on."""
        if self.planned.step is None:
            return np.asarray(shard.name)
        return self.planned.step(shard).astype(np.uint16)

    def _on_map(self, shard: Shard) -> np.ndarray | None:
        """bool per row: whether it may lie in a journey; None of customers, whose every event counts."""
        if not self.planned.journeys or self.planned.step is None:
            return None
        found: np.ndarray = self.planned.step(shard) != OFF
        return found

    def _each(self, taken: set[str]) -> tuple[list[Cell], int]:
        names = self.planned.names
        counts = np.zeros((max(len(names), OFF + 1), 2), np.int64)
        for part in self.early:
            seen = np.full(len(counts), -1, np.int64)
            tally(part.begin, part.last, part.reached, self._done(part.shard), seen, counts)
        listed = [
            Cell(f"did {name}", True, True, int(both.sum()), int(both[1]))
            for name, both in zip(names, counts, strict=False)
            if both.sum() and f"did {name}" not in taken
        ]
        listed.sort(key=lambda cell: (-cell.customers, cell.feature))
        return listed[:MOST_FEATURES], len(listed[MOST_FEATURES:])

    def _property(self, feature: Asked) -> Placed:
        parts = self.of(feature)
        names: set[str] | None = None
        if feature.kind == "start":  # only events that began something need be read
            used = {
                code for part in parts for code in np.unique(np.asarray(part.shard.name)[part.begin]).tolist()
            }
            names = {self.context.snapshot.names[code] for code in used}
        read = reading.read(self.context.snapshot, [feature.path], names)
        codes = [
            read.at(part.shard.index, part.begin)
            if feature.kind == "start"
            else _first_known(read, part, self._on_map(part.shard))
            for part in parts
        ]
        often: Counter[int] = Counter()
        for code in codes:
            often.update(dict(enumerate(np.bincount(code + 1, minlength=len(read.known) + 1).tolist(), -1)))
        ranked = sorted(
            (code for code in often if code >= 0 and often[code]), key=lambda code: (-often[code], code)
        )
        kept, rest = ranked[: feature.top], ranked[feature.top :]
        values = [own(read.known[code]) for code in kept] + [OTHER, None]
        place = np.full(len(read.known) + 1, len(values) - 1)  # the last is of those without a value
        place[kept] = np.arange(len(kept))
        place[rest] = len(kept)
        return Placed(values, [place[code] for code in codes])


def own(value: Any) -> Any:
    """A value that is spelt like a row of ours is shown in quotes."""
    return f'"{value}"' if value == OTHER else value


def _first_known(read: reading.Values, part: Members, on_map: np.ndarray | None) -> np.ndarray:
    """int64[m]: the first value on a member's early rows, -1 for none; of journeys, on those of the map (`on_map` bool
    per row): what is off it lies in no journey."""
    rows, codes = read.among(part.shard.index)
    if on_map is not None:
        kept = on_map[rows]
        rows, codes = rows[kept], codes[kept]
    if not len(rows):
        return np.full(len(part), -1, np.int64)
    place = np.searchsorted(rows, part.begin)
    there = place < len(rows)
    place = np.minimum(place, len(rows) - 1)
    return np.where(there & (rows[place] <= part.last), codes[place], -1)
