"""What a laid-out map consists of: places, sizes and words, and nothing about how they are painted.

All numbers are pixels from the top left, rounded to hundredths so that the same map is the same drawing
to the byte. Every `label` is the thing in words, for people who do not see the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Style = Literal["title", "heading", "lead", "text", "small", "chosen"]
Tone = Literal["ink", "muted", "stop", "good"]
Anchor = Literal["start", "end", "middle"]

SIZES: dict[Style, tuple[float, bool]] = {
    "title": (24, True),
    "heading": (17, True),
    "lead": (13, True),
    "text": (13, False),
    "small": (11.5, False),
    "chosen": (11.5, True),
}
"""Style to size and whether it is semibold."""

OTHERS = "(other)"
"""The target of a list's line that sums up several."""


@dataclass(frozen=True)
class Text:
    """One line of text; `y` is its baseline. `whole` is all of it where it had to be cut."""

    x: float
    y: float
    text: str
    style: Style = "text"
    tone: Tone = "ink"
    anchor: Anchor = "start"
    whole: str = ""


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


@dataclass(frozen=True)
class Segment:
    """One outcome's part of a fate bar."""

    outcome: str
    x: float
    width: float


@dataclass(frozen=True)
class Bar:
    """The fate of a card's visits; its segments add up to its width."""

    box: Box
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Card:
    """A step. An unmeasured one has no bar. `ring` is where the goal's ring stands."""

    step: str
    stage: int
    color: str
    box: Box
    texts: tuple[Text, ...]
    label: str
    measured: bool = True
    bar: Bar | None = None
    ring: tuple[float, float] | None = None


@dataclass(frozen=True)
class Ribbon:
    """Visits from one card to another: `a` and `b` are its slots at both ends.

    A forward ribbon leaves a right edge and arrives at a left one; its slots are upright. One `within` a
    stage leaves a bottom edge and arrives at a top one; its slots lie flat, and it changes from the one
    to the other between the heights of `bend`. One `back` is a line: from `a` along a cubic with the
    control points `bend` to `b`, as thick as the height of its slots.
    """

    source: str
    target: str
    kind: Literal["forward", "within", "back"]
    color: str
    visits: int
    a: Box
    b: Box
    label: str
    bend: tuple[tuple[float, float], tuple[float, float]] | None = None


@dataclass(frozen=True)
class Stub:
    """Visits that leave a card for an end, to the right, or that begin at it, from the left."""

    step: str
    end: str
    color: str
    box: Box
    visits: int
    label: str


@dataclass(frozen=True)
class Row:
    """A line of a list, where there is no room for ribbons: from `source` to a step or an end."""

    source: str
    target: str
    box: Box
    color: str
    tone: str
    share: float
    texts: tuple[Text, ...]
    label: str


@dataclass(frozen=True)
class Column:
    """A stage: its coloured edge, its name, and a line that sums it up."""

    stage: int
    name: str
    color: str
    edge: Box
    texts: tuple[Text, ...]
    label: str


@dataclass(frozen=True)
class Note:
    """A card of a lane."""

    box: Box
    kind: str
    tone: str
    texts: tuple[Text, ...]


@dataclass(frozen=True)
class Swatch:
    """A small square that explains a colour."""

    outcome: str
    x: float
    y: float
    color: str


@dataclass(frozen=True)
class Layout:
    """A drawing of a map, ready to be painted in any theme."""

    width: float
    height: float
    form: Literal["wide", "narrow"]
    id: str
    label: str
    texts: tuple[Text, ...] = ()
    columns: tuple[Column, ...] = ()
    cards: tuple[Card, ...] = ()
    ribbons: tuple[Ribbon, ...] = ()
    stubs: tuple[Stub, ...] = ()
    rows: tuple[Row, ...] = ()
    notes: tuple[Note, ...] = ()
    rules: tuple[Box, ...] = ()
    swatches: tuple[Swatch, ...] = ()
    language: str = "en"
    rtl: bool = False
