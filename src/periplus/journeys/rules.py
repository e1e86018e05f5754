"""What a journey is, as the engine needs it: steps, goal, start, restart, lapse and end.

The engine knows nothing of maps. Whoever has documents that define journeys (the maps do) registers
how a `map` named in a question becomes `JourneyRules`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from periplus.condition import Condition
from periplus.registry import Registry

End = Literal["goal", "restart", "lapse"]


@dataclass(frozen=True)
class StepRule:
    """One step: which events are on it (`rule`; None where nobody measures it yet) and who starts it."""

    id: str
    name: str
    stage: str
    rule: Condition | None
    prolongs: bool = True


@dataclass(frozen=True)
class JourneyRules:
    """Steps in the order of the map; `goal`, `start`, `restart` hold indexes into `steps`.

    `lapse` is in microseconds. Stages are in the order in which they first occur.
    """

    id: str
    name: str
    steps: tuple[StepRule, ...]
    goal: frozenset[int]
    start: frozenset[int]
    restart: frozenset[int]
    lapse: int
    end: End = "goal"
    stages: tuple[str, ...] = field(default=())


Documents = Callable[[str, str], Mapping[str, Any] | None]
"""Looks a stored document up by (kind, name); None where there is none."""

meanings: Registry[Callable[[str | Mapping[str, Any], Documents], JourneyRules]] = Registry("meaning")
"""`meanings["map"](name_or_document, documents)` compiles a map into rules; raises NotFoundError."""
