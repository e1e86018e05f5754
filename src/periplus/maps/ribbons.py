"""Where the visits go: slots along the edges of cards, and the ribbons, lines and stubs between them.

Along an edge a visit has its share of the edge's length: the right edge of a card is all that leaves
it, the left edge all that arrives. Flows within a stage leave and arrive at the bottom and top edges, at
the same scale to the width. So at no edge do the slots add up to more than the edge.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from periplus.maps.fill import START, FilledMap, Flow
from periplus.maps.geometry import Box, Card, Ribbon, Stub
from periplus.maps.sentences import end_of, said_end, said_flow
from periplus.maps.words import Words

SMALL = 0.01
"""A flow below this share of what leaves its source folds into one with the other small ones …"""
MUCH = 0.05
"""… unless it is at least this share of what arrives at its target."""
DISSOLVE = 34.0
INFLOW = 18.0
TAIL = 14.0
Kind = Literal["forward", "within", "back"]
Slots = dict[tuple[str, str], Box]


@dataclass(frozen=True)
class Flows:
    """The flows of a map by how they are drawn; those too small to draw are summed, by step.

    `onward` and `back` sum what leaves for many steps, `before` what comes from many.
    """

    between: tuple[tuple[Flow, Kind], ...]
    ends: tuple[Flow, ...]
    starts: tuple[Flow, ...]
    onward: Mapping[str, int]
    back: Mapping[str, int]
    before: Mapping[str, int]


def sort(filled: FilledMap, detail: bool = False) -> Flows:
    """Tell forward flows from those within a stage and back; fold the small ones unless `detail`.

    A line back is worth its ink if it is also 1 % of the journeys: from a small step many ways lead back.
    """
    order = {step.id: index for index, step in enumerate(filled.steps)}
    stage = {step.id: step.stage for step in filled.steps}
    visits = {step.id: max(1, step.visits) for step in filled.steps}
    between: list[tuple[Flow, Kind]] = []
    ends: list[Flow] = []
    starts: list[Flow] = []
    onward: dict[str, int] = defaultdict(int)
    back: dict[str, int] = defaultdict(int)
    before: dict[str, int] = defaultdict(int)
    for flow in filled.flows:
        if flow.source == START:
            if flow.target in order:
                starts.append(flow)
            continue
        if end_of(flow.target):
            ends.append(flow)
            continue
        kind: Kind = "within" if stage[flow.target] == stage[flow.source] else "forward"
        if order[flow.target] <= order[flow.source]:
            kind = "back"
        small = flow.visits < SMALL * visits[flow.source]
        if kind == "back":
            small = small or flow.visits < SMALL * filled.journeys
        else:
            small = small and flow.visits < MUCH * visits[flow.target]
        if small and not detail:
            (back if kind == "back" else onward)[flow.source] += flow.visits
            before[flow.target] += flow.visits
        elif flow.source != flow.target:
            between.append((flow, kind))
    return Flows(tuple(between), tuple(ends), tuple(starts), onward, back, before)


def draw(
    filled: FilledMap, cards: Mapping[str, Card], floor: float, words: Words, detail: bool = False
) -> tuple[list[Ribbon], list[Stub], float]:
    """Ribbons and stubs between the cards, and how low the lowest line hangs.

    `floor` is the lower edge of the lowest card.
    """
    flows = sort(filled, detail)
    names = {step.id: step.name for step in filled.steps}
    visits = {step.id: max(1, step.visits) for step in filled.steps}
    forward = [flow for flow, kind in flows.between if kind == "forward"]
    within = [flow for flow, kind in flows.between if kind == "within"]
    back = [flow for flow, kind in flows.between if kind == "back"]

    right = _upright(forward, "source", cards, visits)
    left = _upright(forward, "target", cards, visits)
    bottom = _flat(within, "source", cards, visits)
    top = _flat(within, "target", cards, visits)
    groups: list[tuple[Kind, list[Flow], Slots, Slots]] = [
        ("forward", forward, right, left),
        ("within", within, bottom, top),
    ]
    ribbons = [
        Ribbon(
            flow.source,
            flow.target,
            kind,
            cards[flow.source].color,
            flow.visits,
            a[flow.source, flow.target],
            b[flow.source, flow.target],
            said_flow(flow, names, words),
            _shift(flow, cards) if kind == "within" else None,
        )
        for kind, group, a, b in groups
        for flow in sorted(group, key=lambda flow: (-flow.visits, flow.source, flow.target))
    ]
    lines, lowest = _lines(back, cards, visits, names, floor, words)
    return lines + ribbons, _stubs(flows, cards, visits, names, words), lowest


def _shift(flow: Flow, cards: Mapping[str, Card]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Between which heights a ribbon within a stage moves sideways: behind the first card it passes.

    So that in the gaps between cards it runs straight down; between neighbours it has only the gap.
    """
    here, there = cards[flow.source].box, cards[flow.target].box
    passed = [c.box for c in cards.values() if c.box.x == here.x and here.y < c.box.y < there.y]
    if not passed:
        return (here.x, here.bottom), (here.x, there.y)
    return (here.x, passed[0].y), (here.x, passed[0].bottom)


def _upright(flows: Sequence[Flow], side: str, cards: Mapping[str, Card], visits: Mapping[str, int]) -> Slots:
    """Slots down the right edges of sources or the left edges of targets, so that few ribbons cross."""
    other = "target" if side == "source" else "source"

    def place(flow: Flow) -> tuple[float, float]:
        there = cards[getattr(flow, other)].box
        return there.middle, there.x

    taken: dict[str, float] = defaultdict(float)
    slots: Slots = {}
    for flow in sorted(flows, key=place):
        id = getattr(flow, side)
        box = cards[id].box
        height = box.height * flow.visits / visits[id]
        x = box.right if side == "source" else box.x
        slots[flow.source, flow.target] = Box(x, box.y + taken[id], 0.0, height)
        taken[id] += height
    return slots


def _flat(flows: Sequence[Flow], side: str, cards: Mapping[str, Card], visits: Mapping[str, int]) -> Slots:
    """Slots along bottom edges of sources or top edges of targets, the nearest card's first."""

    def distance(flow: Flow) -> float:
        return cards[flow.target].box.y - cards[flow.source].box.y

    taken: dict[str, float] = defaultdict(float)
    slots: Slots = {}
    for flow in sorted(flows, key=distance):
        id = getattr(flow, side)
        box = cards[id].box
        width = box.width * flow.visits / visits[id]
        y = box.bottom if side == "source" else box.y
        slots[flow.source, flow.target] = Box(box.x + taken[id], y, width, 0.0)
        taken[id] += width
    return slots


def _stubs(
    flows: Flows,
    cards: Mapping[str, Card],
    visits: Mapping[str, int],
    names: Mapping[str, str],
    words: Words,
) -> list[Stub]:
    """What leaves for an end, from the foot of the right edge up; what begins, at the left edge's foot."""
    leaving: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    coming: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for flow in flows.ends:
        leaving[flow.source][end_of(flow.target)] += flow.visits
    for flow in flows.starts:
        coming[flow.target]["start"] += flow.visits
    for id, count in flows.onward.items():
        leaving[id]["other"] += count
    for id, count in flows.before.items():
        coming[id]["before"] += count
    stubs: list[Stub] = []
    for id, card in cards.items():
        for side, counts in (("right", leaving[id]), ("left", coming[id])):
            y = card.box.bottom
            for end in _STACK:
                count = counts.get(end, 0)
                if not count:
                    continue
                height = card.box.height * count / visits[id]
                y -= height
                x, length = (card.box.right, DISSOLVE) if side == "right" else (card.box.x - INFLOW, INFLOW)
                box = Box(x, y, length, height)
                stubs.append(Stub(id, end, card.color, box, count, said_end(names[id], end, count, words)))
        if count := flows.back.get(id, 0):
            thick = _thickness(count, visits[id])
            foot = Box(card.box.x - TAIL, card.box.bottom - 6 - thick / 2, TAIL, thick)
            stubs.append(Stub(id, "back", card.color, foot, count, said_end(names[id], "back", count, words)))
    return stubs


_STACK = ("stopped", "ended", "running", "again", "goal", "other", "start", "before")


def _thickness(visits: int, of: int) -> float:
    """A line back: thin, and a little less thin where many go."""
    return 0.6 + 2.4 * math.sqrt(min(1.0, visits / of))


def _lines(
    back: Sequence[Flow],
    cards: Mapping[str, Card],
    visits: Mapping[str, int],
    names: dict[str, str],
    floor: float,
    words: Words,
) -> tuple[list[Ribbon], float]:
    """Thin lines of those who go back: from a card's left edge to an earlier one's right, at their feet.

    Within a stage and to the stage before they bow gently; further back they hang below all cards.
    """
    ribbons: list[Ribbon] = []
    lowest = floor
    depth: dict[int, int] = defaultdict(int)
    for flow in sorted(back, key=lambda flow: (-flow.visits, flow.source, flow.target)):
        here, there = cards[flow.source], cards[flow.target]
        thick = _thickness(flow.visits, visits[flow.source])
        span = here.stage - there.stage
        start = (here.box.x, here.box.bottom - 6)
        if span == 0:
            end = (there.box.x, there.box.bottom - 6)
            bow = 8.0 + min(14.0, abs(start[1] - end[1]) / 20)
            bend = ((start[0] - bow, start[1]), (end[0] - bow, end[1]))
        else:
            end = (there.box.right, there.box.bottom - 6)
            reach = max(24.0, (start[0] - end[0]) * 0.45)
            if span == 1:
                sag = max(start[1], end[1]) + 14
                bend = ((start[0] - reach, sag), (end[0] + reach, sag))
            else:
                hang = floor + 6 + 5 * min(depth[span], 4) + 4 * min(span, 6)
                depth[span] += 1
                low = (hang - 0.125 * (start[1] + end[1])) / 0.75
                reach = min(reach, 90.0)
                bend = ((start[0] - reach, low), (end[0] + reach, low))
                lowest = max(lowest, hang)
        ribbons.append(
            Ribbon(
                flow.source,
                flow.target,
                "back",
                here.color,
                flow.visits,
                Box(start[0], start[1] - thick / 2, 0.0, thick),
                Box(end[0], end[1] - thick / 2, 0.0, thick),
                said_flow(flow, names, words),
                bend,
            )
        )
    return ribbons, lowest
