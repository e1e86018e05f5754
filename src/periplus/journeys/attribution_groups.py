"""What attribution credits: the values of a property at the touches, or the steps of a map they are on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from periplus.condition import Condition
from periplus.journeys import labels, reading
from periplus.journeys.rules import JourneyRules
from periplus.journeys.walk import OFF
from periplus.store.snapshot import Shard, Snapshot

NONE, OTHER = "(none)", "(other)"
TOUCHPOINT = "touchpoint"
DIRECT = "direct"
MOST_VALUES = 1000


@dataclass(frozen=True)
class Groups:
    """The values there are: `known[code]`; `of(shard, rows)` int64 is the code of each row, len(known) for none."""

    known: list[Any]
    of: Callable[[Shard, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Placed:
    """The values as rows show them: `names` by place, with those of no value and of the rest, which come last.

    `place` int64[known + 1] by code of the value; `forms` by its text form. `player` int64[names] is the group
    as which each counts in Shapley's model. `seen` are the places that have anything to show.
    """

    names: list[Any]
    place: np.ndarray
    forms: dict[str | None, int]
    player: np.ndarray
    seen: frozenset[int]
    warnings: list[str]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def direct(self) -> int:
        """The place of direct arrivals, -1 where there are none."""
        return self.forms.get(DIRECT, -1)


def groups(
    by: str, touches: Condition, rules: JourneyRules | None, snapshot: Snapshot, when: labels.When
) -> Groups:
    """The values of `by` (a path, or `touchpoint`: steps of the map) at the touches."""
    if by == TOUCHPOINT and rules is not None:
        step = labels.codes(snapshot, [each.rule for each in rules.steps], when=when)
        steps = len(rules.steps)

        def on_step(shard: Shard, rows: np.ndarray) -> np.ndarray:
            found = step(shard)[rows].astype(np.int64)
            return np.where(found == OFF, steps, found)

        return Groups([each.id for each in rules.steps], on_step)
    read = reading.read(snapshot, [by], touches.names())

    def with_value(shard: Shard, rows: np.ndarray) -> np.ndarray:
        found = read.at(shard.index, rows)
        return np.where(found < 0, len(read.known), found)

    return Groups(read.known, with_value)


def placed(known: list[Any], counts: np.ndarray, more: Iterable[str | None], players: int) -> Placed:
    """The most frequent 1,000 values in the order of their text, the rest as (other).

    `counts` int64[known + 1] says how often each value was touched, -1: nowhere that counts; `more` are text
    forms from elsewhere. In Shapley's model the most frequent `players` are groups of their own.
    """
    often: dict[str | None, int] = {}
    shown: dict[str | None, Any] = {}
    for code, value in enumerate([*known, None]):
        if counts[code] >= 0:
            form = None if value is None else reading.form(value)
            often[form], shown[form] = int(counts[code]), value
    for form in more:
        often.setdefault(form, 0)
    ranked = sorted(often, key=lambda form: (-often[form], form is None, form or ""))
    kept = sorted([form for form in ranked if form is not None][:MOST_VALUES])
    names = [_own(shown.get(form, form)) for form in kept] + [None, OTHER]
    rest = len(names) - 1
    forms: dict[str | None, int] = dict.fromkeys(often, rest)
    forms |= {form: place for place, form in enumerate(kept)} | {None: rest - 1}
    place = [forms.get(reading.form(value), rest) for value in known]
    player = np.arange(len(names))
    touched = [forms[form] for form in ranked if often[form] and forms[form] != rest]
    player[touched[players:]] = rest
    hidden = len(often) - (None in often) - len(kept)
    return Placed(
        names=names,
        place=np.array([*place, rest - 1], np.int64),
        forms=forms,
        player=player,
        seen=frozenset(forms[form] for form in often),
        warnings=[
            f"There are {hidden + len(kept)} values to credit; {hidden} of them are together in {OTHER}."
        ]
        if hidden
        else [],
    )


def _own(value: Any) -> Any:
    """A value that is spelt like a row of ours is shown in quotes."""
    return f'"{value}"' if value in (NONE, OTHER) else value
