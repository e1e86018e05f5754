"""Random logs, maps and periods for the engine's tests; times are a few seconds, so that they collide."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from periplus.journeys import (
    attribution,
    doubts,
    drivers,
    flow,
    funnel,
    lifecycle,
    map,
    pattern,
    retention,
    site,
    timing,
    trend,
)
from periplus.maps import meaning
from periplus.question import Answer, Context, ask
from periplus.settings import Settings
from tests.journeys.memory import Memory

SECOND = 1_000_000
CUSTOMERS = [1 << 61, 5 << 61, (1 << 61) + 7]
REGISTERED = (
    attribution,
    doubts,
    drivers,
    flow,
    funnel,
    lifecycle,
    map,
    meaning,
    pattern,
    retention,
    site,
    timing,
    trend,
)
"""Importing them makes the kinds known, and what a map is."""


CROWD = int(os.environ.get("PERIPLUS_CROWD", "0"))
"""Customers of each log (`deep`); 0: up to three, drawn one by one, so that a difference is made small."""
_lists = itertools.count()


def examples(share: float = 1.0) -> settings:
    """120 examples, or what PERIPLUS_EXAMPLES says; `tests.journeys.deep` runs thousands."""
    wanted = int(os.environ.get("PERIPLUS_EXAMPLES", "120"))
    every = list(HealthCheck)
    if CROWD:
        return settings(
            max_examples=wanted,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=every,
        )
    return settings(max_examples=max(int(wanted * share), 1), deadline=None, suppress_health_check=every)


times = st.builds(
    lambda second, part: second * SECOND + part, st.integers(0, 6), st.sampled_from([0, 0, 0, 0, 1, 500_000])
)
nows = st.one_of(st.integers(0, 10).map(lambda second: second * SECOND), times)


class Picker:
    """Where a log comes from: drawn one by one, or for a crowd rolled from one seed that is drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.dice = Random(draw(st.integers(0, 2**63))) if CROWD else None

    def one(self, values: Sequence[Any]) -> Any:
        return self.draw(st.sampled_from(values)) if self.dice is None else self.dice.choice(values)

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high)) if self.dice is None else self.dice.randint(low, high)

    def time(self) -> int:
        return self.number(0, 6) * SECOND + int(self.one([0, 0, 0, 0, 1, 500_000]))

    def owners(self, most: int) -> list[tuple[int, int]]:
        """Customers with how many events each has: up to three, or a crowd, some with one event, some with none."""
        if self.dice is None:
            listed = self.draw(st.lists(st.sampled_from(CUSTOMERS), min_size=1, max_size=3, unique=True))
            return [(owner, self.number(0, most)) for owner in listed]
        counts = [self.dice.choice([0, 1, *range(2, most + 1)]) for _ in range(CROWD)]
        return [((place + 1) * (2**64 // (CROWD + 2)), count) for place, count in enumerate(counts)]


@st.composite
def logs(
    draw: st.DrawFn,
    names: tuple[str, ...] = ("A", "B", "C", "X", "Z"),
    values: tuple[Any, ...] = (None, "1", "2"),
    most: int = 9,
    key: str = "v",
) -> list[dict[str, Any]]:
    """Events of up to three customers, and of nobody."""
    if CROWD:
        return _crowd(Random(draw(st.integers(0, 2**63))), names, values, most, key)
    owners = draw(st.lists(st.sampled_from(CUSTOMERS), min_size=1, max_size=3, unique=True))
    events = []
    for owner in owners:
        for _ in range(draw(st.integers(0, most))):
            value = draw(st.sampled_from(values))
            events.append(
                {
                    "customer": owner if draw(st.integers(0, 19)) else 0,
                    "time": draw(times),
                    "event": draw(st.sampled_from(names)),
                    "properties": {} if value is None else {key: value},
                }
            )
    return events


def _crowd(
    random: Random, names: tuple[str, ...], values: tuple[Any, ...], most: int, key: str
) -> list[dict[str, Any]]:
    """The same for a crowd: some customers with one event or none, some merged of two."""
    events = []
    for number in range(CROWD):
        merged = random.random() < 0.2
        for _ in range(2 if merged else 1):
            for _ in range(
                random.choice([0, 1, random.randint(2, most), random.randint(2, most)]) // (1 + merged)
            ):
                value = random.choice(values)
                events.append(
                    {
                        "customer": (number + 1) * (2**64 // (CROWD + 2)) if random.randrange(20) else 0,
                        "time": random.randint(0, 6) * SECOND + random.choice([0, 0, 0, 0, 1, 500_000]),
                        "event": random.choice(names),
                        "properties": {} if value is None else {key: value},
                    }
                )
    return events


def picks(values: Sequence[Any], count: int) -> st.SearchStrategy[list[Any]]:
    """One of some values for each of so many events."""
    if CROWD:
        return st.integers(0, 2**63).map(lambda seed: Random(seed).choices(values, k=count))
    return st.lists(st.sampled_from(values), min_size=count, max_size=count)


@st.composite
def maps(draw: st.DrawFn, names: tuple[str, ...] = ("A", "B", "C", "D"), value: str = "v") -> dict[str, Any]:
    """A map of up to five steps over up to three stages, with overlapping rules and every kind of end."""
    ids = ["one", "two", "three", "four", "five"][: draw(st.integers(1, 5))]
    steps = []
    for id in ids:
        rule: dict[str, Any] = {"event": draw(st.one_of(st.sampled_from(names), st.just(["A", "B"])))}
        if draw(st.integers(0, 4)) == 0:
            rule["where"] = {value: "1"}
        step: dict[str, Any] = {"id": id, "name": id, "rule": rule, "prolongs": draw(st.integers(0, 3)) > 0}
        if draw(st.integers(0, 9)) == 0 and len(ids) > 1:
            del step["rule"]
        steps.append(step)
    cuts = sorted(draw(st.lists(st.integers(1, len(ids)), max_size=2)))
    edges = sorted({0, *cuts, len(ids)})
    some = st.lists(st.sampled_from(ids), min_size=1, unique=True)
    return {
        "id": "m",
        "name": "m",
        "goal": draw(some.filter(lambda goal: len(goal) <= 2)),
        "start": draw(some),
        "restart": draw(some),
        "lapse": f"{draw(st.integers(1, 3))}s",
        "end": draw(st.sampled_from(["goal", "restart", "lapse"])),
        "stages": [
            {"name": f"S{number}", "steps": steps[low:high]}
            for number, (low, high) in enumerate(pairwise(edges))
        ],
    }


@st.composite
def periods(draw: st.DrawFn, by: tuple[str, ...] = ("start", "goal", "activity")) -> dict[str, Any]:
    """A period, with or without its ends, in microseconds."""
    period: dict[str, Any] = {"by": draw(st.sampled_from(by))}
    low, high = sorted((draw(times), draw(times)))
    if draw(st.booleans()):
        period["from"] = low
    if draw(st.booleans()):
        period["to"] = high
    return period


def written(period: dict[str, Any]) -> dict[str, Any]:
    """A period as a question writes it."""
    return {key: value if key == "by" else moment(value) for key, value in period.items()}


def moment(micros: int) -> str:
    from periplus.clock import iso

    return iso(micros)


def context(events: list[dict[str, Any]], **settings: Any) -> Context:
    return Context(Memory(events), Settings(**{"threads": 1} | settings), wall=10**14)  # type: ignore[arg-type]


def answer(question: dict[str, Any], events: list[dict[str, Any]]) -> Answer:
    return ask(question, context(events))


def check_people(found: Answer, row: dict[str, Any], fields: tuple[str, ...]) -> None:
    """Each count opens into as many entries as it says; of a crowd's rows, every tenth."""
    if CROWD and next(_lists) % 10:
        return
    for field in fields:
        entries = found.people(row, field)
        assert len(entries) == row[field], (row, field, entries)
