"""Stages as columns: cards as tall as the root of their volume, the flow between, the lanes below."""

from __future__ import annotations

import math
from collections.abc import Mapping

from periplus.maps import ribbons, sentences
from periplus.maps.fill import FilledMap, FilledStage, FilledStep
from periplus.maps.geometry import Box, Card, Column, Layout, Text
from periplus.maps.lanes import stack
from periplus.maps.parts import block, fate, legend, line, long
from periplus.maps.words import Words

GUTTER = 96.0
"""Left of the columns, for the names of the lanes."""
LEAST_PITCH = 176.0
BETWEEN = 12.0
"""Between the headers of two columns."""
GAP = 14.0
"""Between two cards: wide enough to see what flows within a stage."""
TALLEST = 176.0
TARGET = 430.0
"""Height that the fullest column is scaled to …"""
SPARE = 130.0
"""… or, if its cards need that much for their words alone, this much more, to tell large from small."""


def lay_out(filled: FilledMap, width: float, words: Words, detail: bool, header: bool) -> Layout:
    """The wide form; see `layout.lay_out`."""
    pitch = _pitch(len(filled.stages), width - GUTTER)
    wide = max(width, GUTTER + pitch * len(filled.stages))
    texts, y = _header(filled, wide, words) if header else ([], 4.0)
    columns, y = _columns(filled, y, pitch, words)
    usual = sentences.usual_stop(filled)
    top = y + 26
    cards, floor = _cards(filled, top, pitch, usual, words)
    bands, stubs, lowest = ribbons.draw(filled, cards, floor, words, detail)
    notes, lane_texts, rules, y = stack(filled, GUTTER, pitch, BETWEEN, wide, lowest + 28, words)
    swatches, legend_texts, y = legend(filled, GUTTER, y + 34, wide - GUTTER, words)
    folded = any(stub.end in ("other", "back", "before") for stub in stubs)
    foot = _foot(filled, wide, y, folded, words)
    return Layout(
        width=wide,
        height=(foot[-1].y if foot else y) + 16,
        form="wide",
        id=filled.id,
        label=sentences.said_map(filled, words),
        texts=(*texts, *lane_texts, *legend_texts, *foot),
        columns=tuple(columns),
        cards=tuple(cards.values()),
        ribbons=tuple(bands),
        stubs=tuple(stubs),
        notes=tuple(notes),
        rules=tuple(rules),
        swatches=tuple(swatches),
        language=words.language,
        rtl=words.rtl,
    )


def _pitch(stages: int, room: float) -> float:
    """From one column's left edge to the next's; few stages do not sprawl over the whole width."""
    return max(LEAST_PITCH, min(room / stages, 420.0))


def _header(filled: FilledMap, width: float, words: Words) -> tuple[list[Text], float]:
    head, where = sentences.loss(filled, words)
    side = max(long(head, "lead"), long(where, "small"))
    side = min(side, width * 0.4)
    room = width - side - (32 if side else 0)
    texts = [line(0, 25, filled.name, room, "title")]
    said = block(0, 50, sentences.sentence(filled, words), room, "text", "muted", lines=3)
    texts += said
    if head:
        texts.append(line(width, 25, head, side, "lead", "stop", "end"))
    if where:
        texts.append(line(width, 46, where, side, "small", "muted", "end"))
    return texts, said[-1].y + 26


def _columns(filled: FilledMap, y: float, pitch: float, words: Words) -> tuple[list[Column], float]:
    columns: list[Column] = []
    lines = 1
    for index, stage in enumerate(filled.stages):
        x = GUTTER + index * pitch
        room = pitch - BETWEEN
        name = block(x, y + 24, stage.name, room, "lead", lines=2)
        lines = max(lines, len(name))
        columns.append(Column(index, stage.name, stage.color, Box(x, y, room, 4.0), tuple(name), stage.name))
    base = y + 24 + 17 * (lines - 1) + 18
    return [
        _summed(column, filled.stages[column.stage], base, column.stage == len(filled.stages) - 1, words)
        for column in columns
    ], base


def _summed(column: Column, stage: FilledStage, y: float, last: bool, words: Words) -> Column:
    """The column with the line that sums it up, compact where it is long."""
    full, short, on = sentences.stage_line(stage, last, words)
    room = column.edge.width - (long(on, "small") + 8 if on else 0)
    text = full if long(full, "small") <= room else short
    texts = [line(column.edge.x, y, text, room, "small", "muted")]
    if on:
        texts.append(line(column.edge.right, y, on, column.edge.width, "small", "muted", "end"))
    label = ", ".join(part for part in (stage.name, full, on.rstrip(" →←")) if part)
    return Column(column.stage, column.name, column.color, column.edge, (*column.texts, *texts), label)


def _cards(
    filled: FilledMap, top: float, pitch: float, usual: float, words: Words
) -> tuple[dict[str, Card], float]:
    """Cards by step, each column centred in the height of the fullest; and the lowest edge of any."""
    width = min(210.0, max(124.0, pitch * 0.7))
    least = {step.id: _least(step, width) for step in filled.steps}
    scale = _scale(filled, least)
    heights = {step.id: _height(step, least[step.id], scale) for step in filled.steps}
    totals = [
        sum(heights[step.id] for step in stage.steps) + GAP * (len(stage.steps) - 1)
        for stage in filled.stages
    ]
    tallest = max(totals)
    cards: dict[str, Card] = {}
    for index, stage in enumerate(filled.stages):
        y = top + (tallest - totals[index]) / 2
        for step in stage.steps:
            box = Box(GUTTER + index * pitch, y, width, heights[step.id])
            cards[step.id] = _card(step, stage, box, usual, words)
            y += box.height + GAP
    return cards, top + tallest


EDGE, PAD = 4.0, 9.0


def _room(width: float, step: FilledStep) -> float:
    return width - EDGE - 2 * PAD - (14 if step.goal else 0)


def _least(step: FilledStep, width: float) -> float:
    """The height a card needs for its words."""
    lines = len(block(0, 0, step.name, _room(width, step), "lead"))
    return (48.0 if step.measured else 44.0) + 17 * (lines - 1)


def _height(step: FilledStep, least: float, scale: float) -> float:
    return max(least, min(TALLEST, scale * math.sqrt(step.visits)))


def _scale(filled: FilledMap, least: Mapping[str, float]) -> float:
    """Pixels per root of a visit so that the fullest column fills the target, by bisection.

    The largest card stands for itself: where all fit easily it is as tall as a card may be.
    """
    most = max((step.visits for step in filled.steps), default=0)
    if not most:
        return 0.0

    def fullest(scale: float) -> float:
        return max(
            sum(_height(step, least[step.id], scale) for step in stage.steps) + GAP * (len(stage.steps) - 1)
            for stage in filled.stages
        )

    target = max(TARGET, fullest(0.0) + SPARE)
    low, high = 0.0, TALLEST / math.sqrt(most)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if fullest(middle) <= target else (low, middle)
    return low


def _card(step: FilledStep, stage: FilledStage, box: Box, usual: float, words: Words) -> Card:
    x, right = box.x + EDGE + PAD, box.right - PAD
    name = block(x, box.y + 18, step.name, _room(box.width, step), "lead")
    label = sentences.said_step(step, stage, words)
    y = name[-1].y + 16
    if not step.measured:
        note = line(x, y, words.gettext("not measured yet"), right - x, "small", "muted")
        return Card(step.id, step.stage, stage.color, box, (*name, note), label, measured=False)
    share, tone = sentences.rate(step, usual, words)
    count = words.number(step.visits)
    if long(count, "text") + 8 + long(share, "small") > right - x:
        count = words.compact(step.visits)
    volume = line(x, y, count, right - x, "text")
    left = right - x - long(count, "text") - 8
    texts = [*name, volume, line(right, y, share, left, "small", tone, "end")]
    bar = fate(step.outcomes, Box(x, y + 6, right - x, 3.0))
    if step.channel and box.bottom - bar.box.bottom >= 22:
        texts.append(line(x, bar.box.bottom + 16, step.channel, right - x, "small", "muted"))
    ring = (right - 4, box.y + 13.5) if step.goal else None
    return Card(step.id, step.stage, stage.color, box, tuple(texts), label, bar=bar, ring=ring)


def _foot(filled: FilledMap, width: float, y: float, folded: bool, words: Words) -> list[Text]:
    """What the numbers rest on, and what is not drawn by itself."""
    if not filled.journeys:
        return []
    said = words.gettext("Every journey counted, none sampled.")
    if filled.now:
        said += " " + words.gettext("Read up to %(moment)s.") % {"moment": words.moment(filled.now)}
    if folded:
        said += " " + words.gettext("Ways that few take are drawn together.")
    return [line(GUTTER, y + 20, said, width - GUTTER, "small", "muted")]
