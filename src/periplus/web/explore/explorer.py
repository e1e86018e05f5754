"""One row per kind of question that Explore can build: its sentence, its controls, how its answer is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from periplus.question import Answer
from periplus.web.explore.controls import Control, Said
from periplus.web.explore.offered import Offered


@dataclass(frozen=True)
class Asked:
    """A question, what is offered beside it, and the way to answers."""

    question: dict[str, Any]
    offered: Offered
    ask: Callable[[Mapping[str, Any]], Answer]


@dataclass(frozen=True)
class Shown:
    """An answer made ready: the sentence over it, what the picture and the table need, more data for the twin."""

    title: str
    answer: Answer
    view: Mapping[str, Any]
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Explorer:
    """How one kind is asked and shown. `sentence` has a slot in braces for each control's key.

    `usual` is the question a fresh page shows (None: there is nothing to ask yet), `needed` the keys that
    are taken from it where an address leaves them out; `more` are the controls of what few questions need, which
    stand folded under the sentence.
    """

    name: Said
    sentence: Said
    controls: tuple[Control, ...]
    usual: Callable[[Offered, Callable[[Mapping[str, Any]], Answer]], dict[str, Any] | None]
    shown: Callable[[Asked], Shown]
    template: str
    needed: tuple[str, ...] = ()
    more: tuple[Control, ...] = ()

    @property
    def every(self) -> tuple[Control, ...]:
        """All controls, in the order in which they are read."""
        return self.controls + self.more
