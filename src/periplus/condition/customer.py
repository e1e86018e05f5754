"""The parts of a condition that speak of the customer: what they did, their traits, segments, answers.

Each is read as of a moment: that of the event in question, of the start (of the journey or attempt), or now.
What a customer did is read strictly before the moment, in the order of events, so that no event makes itself
true; a trait as it was said last, the same instant included. docs/conditions.md is the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from periplus.condition.tree import Node, Test

Moment = Literal["event", "start", "now"]
MOMENTS: tuple[Moment, ...] = ("event", "start", "now")
Measure = Literal["sum", "mean", "min", "max"]
MEASURES: tuple[Measure, ...] = ("sum", "mean", "min", "max")
MOST_AMOUNT = 1e100
"""A number that is greater is no amount of anything, and would make sums overflow."""


@dataclass(frozen=True)
class Amount:
    """A measure of a property over the events that count, and what it must be."""

    measure: Measure
    path: str
    tests: tuple[Test, ...]


@dataclass(frozen=True)
class Near:
    """Another event; `within` (microseconds) is how far away it may be at most."""

    event: Node
    within: int | None = None


@dataclass(frozen=True)
class Did:
    """The customer did something: the events that meet `event` and lie in the window are counted.

    `count` are tests of their number (none: at least one). `within` is in microseconds, back from the moment;
    `since` and `until` are times as written, the second excluded. `first` and `last` are tests of the first
    and the last of them; `before` and `after` leave only those with such another event later, or earlier.
    """

    event: Node
    count: tuple[Test, ...] = ()
    within: int | None = None
    since: str | None = None
    until: str | None = None
    amounts: tuple[Amount, ...] = ()
    first: Node | None = None
    last: Node | None = None
    before: Near | None = None
    after: Near | None = None
    as_of: Moment | None = None

    def about_events(self) -> Iterator[Node]:
        """The conditions on single events that it is made of."""
        yield self.event
        yield from (each for each in (self.first, self.last) if each is not None)
        yield from (each.event for each in (self.before, self.after) if each is not None)


@dataclass(frozen=True)
class Trait:
    """A trait, as it was said last: `said` is a test of one path under `traits`."""

    said: Node
    as_of: Moment | None = None

    def about_events(self) -> Iterator[Node]:
        yield self.said


@dataclass(frozen=True)
class Segment:
    """The customer is in one of these segments, conditions kept under a name."""

    names: tuple[str, ...]
    as_of: Moment | None = None

    def about_events(self) -> Iterator[Node]:
        return iter(())


@dataclass(frozen=True)
class Answered:
    """The customer's last answer to a survey is such; `said` tests its fields (None: there is an answer)."""

    survey: str
    said: Node | None = None
    as_of: Moment | None = None

    def about_events(self) -> Iterator[Node]:
        return iter(() if self.said is None else (self.said,))


CustomerPart = Did | Trait | Segment | Answered
