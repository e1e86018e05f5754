"""Pieces that both forms of the drawing are made of: a text that fits its place, a fate bar, the legend."""

from __future__ import annotations

from collections.abc import Sequence

from periplus.maps.fill import FilledMap, Outcomes
from periplus.maps.geometry import SIZES, Anchor, Bar, Box, Segment, Style, Swatch, Text, Tone
from periplus.maps.measure import cut, width, wrap
from periplus.maps.sentences import outcome_words
from periplus.maps.words import Words

LEADING = {"title": 30.0, "heading": 24.0, "lead": 17.0, "text": 20.0, "small": 16.0, "chosen": 16.0}


def long(text: str, style: Style) -> float:
    """Pixels that a text takes in its style."""
    return width(text, *SIZES[style])


def line(
    x: float,
    y: float,
    text: str,
    room: float,
    style: Style = "text",
    tone: Tone = "ink",
    anchor: Anchor = "start",
) -> Text:
    """One line, cut where it is wider than its room."""
    shown = cut(text, room, *SIZES[style])
    return Text(x, y, shown, style, tone, anchor, text if shown != text else "")


def block(
    x: float,
    y: float,
    text: str,
    room: float,
    style: Style = "text",
    tone: Tone = "ink",
    lines: int = 2,
    anchor: Anchor = "start",
) -> list[Text]:
    """A few lines, wrapped; the first one's baseline is at `y`."""
    shown = wrap(text, room, *SIZES[style], lines=lines)
    whole = text if "".join(shown).replace(" ", "") != "".join(text.split()) else ""
    step = LEADING[style]
    return [Text(x, y + step * i, part, style, tone, anchor, whole) for i, part in enumerate(shown)]


def fate(outcomes: Outcomes, box: Box) -> Bar:
    """The seven outcomes as parts of one bar, in its width."""
    total = outcomes.visits
    segments: list[Segment] = []
    done = 0
    for name, count in outcomes.items().items():
        if count:
            x = box.x + box.width * done / total
            done += count
            segments.append(Segment(name, x, box.x + box.width * done / total - x))
    return Bar(box, tuple(segments))


def legend(
    filled: FilledMap, x: float, y: float, room: float, words: Words
) -> tuple[list[Swatch], list[Text], float]:
    """The seven outcomes explained, in as many lines as they need; returns the last baseline too."""
    swatches: list[Swatch] = []
    texts: list[Text] = []
    color = filled.stages[0].color
    at = x
    for outcome, word in outcome_words(words).items():
        need = 14 + long(word, "small") + 16
        if at > x and at + need > x + room:
            at, y = x, y + 18
        swatches.append(Swatch(outcome, at, y - 8, color))
        texts.append(line(at + 14, y, word, room - 14, "small", "muted"))
        at += need
    return swatches, texts, y


def baseline_after(texts: Sequence[Text], otherwise: float) -> float:
    """The lowest baseline of some texts."""
    return max((text.y for text in texts), default=otherwise)
