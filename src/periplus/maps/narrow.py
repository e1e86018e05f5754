"""Stages under each other, for a telephone: cards as wide as the page, and flows as short lists.

Every list ends in the number of visits: what is not named is summed up in a last line.
"""

from __future__ import annotations

from collections.abc import Sequence

from periplus.maps import sentences
from periplus.maps.fill import ENDS, FilledMap, FilledStage, FilledStep, Flow
from periplus.maps.geometry import OTHERS, Box, Card, Column, Layout, Note, Row, Text
from periplus.maps.parts import baseline_after, block, fate, legend, line, long
from periplus.maps.words import Words

EDGE, PAD = 4.0, 12.0
NAMED = 3
"""Flows named under a card, unless all are asked for."""
ROW = 24.0


def lay_out(filled: FilledMap, width: float, words: Words, detail: bool, header: bool) -> Layout:
    """The narrow form; see `layout.lay_out`."""
    texts, y = _header(filled, width, words) if header else ([], 4.0)
    usual = sentences.usual_stop(filled)
    columns: list[Column] = []
    cards: list[Card] = []
    rows: list[Row] = []
    notes: list[Note] = []
    names = {step.id: step.name for step in filled.steps}
    for index, stage in enumerate(filled.stages):
        column, y = _stage(filled, index, y, width, words)
        columns.append(column)
        for step in stage.steps:
            card, y = _card(step, stage, y, width, usual, words)
            cards.append(card)
            listed, y = _rows(filled, step, names, y, width, words, detail)
            rows += listed
            y += 12
        more, y = _lanes(filled, index, y, width)
        notes += more
        y += 20
    rules = [Box(0, y - 8, width, 1.0)]
    swatches, legend_texts, y = legend(filled, 0, y + 16, width, words)
    foot = _foot(filled, y + 24, width, words)
    return Layout(
        width=width,
        height=baseline_after(foot, y) + 14,
        form="narrow",
        id=filled.id,
        label=sentences.said_map(filled, words),
        texts=(*texts, *legend_texts, *foot),
        columns=tuple(columns),
        cards=tuple(cards),
        rows=tuple(rows),
        notes=tuple(notes),
        rules=tuple(rules),
        swatches=tuple(swatches),
        language=words.language,
        rtl=words.rtl,
    )


def _header(filled: FilledMap, width: float, words: Words) -> tuple[list[Text], float]:
    texts = block(0, 19, filled.name, width, "heading", lines=2)
    texts += block(0, texts[-1].y + 24, sentences.sentence(filled, words), width, "text", "muted", lines=5)
    head, where = sentences.loss(filled, words)
    if head:
        texts += block(0, texts[-1].y + 26, head, width, "lead", "stop")
    if where:
        texts += block(0, texts[-1].y + 18, where, width, "small", "muted")
    return texts, texts[-1].y + 24


def _stage(filled: FilledMap, index: int, y: float, width: float, words: Words) -> tuple[Column, float]:
    stage = filled.stages[index]
    full, short, on = sentences.stage_line(stage, index == len(filled.stages) - 1, words)
    texts = block(0, y + 24, stage.name, width, "lead")
    base = texts[-1].y + 18
    room = width - (long(on, "small") + 8 if on else 0)
    texts.append(line(0, base, full if long(full, "small") <= room else short, room, "small", "muted"))
    if on:
        down = on.replace("→", "↓").replace("←", "↓")
        texts.append(line(width, base, down, width, "small", "muted", "end"))
    if stage.departments:
        owner = " · ".join(name[:1].upper() + name[1:] for name in stage.departments)
        said = words.gettext("Owner: %(departments)s") % {"departments": owner}
        texts.append(line(0, base + 17, said, width, "small", "muted"))
        base += 17
    label = ", ".join(part for part in (stage.name, full, on.rstrip(" →←")) if part)
    return Column(index, stage.name, stage.color, Box(0, y, width, 4.0), tuple(texts), label), base + 14


def _card(
    step: FilledStep, stage: FilledStage, y: float, width: float, usual: float, words: Words
) -> tuple[Card, float]:
    x, right = EDGE + PAD, width - PAD
    count = words.number(step.visits) if step.measured else ""
    taken = long(count, "text") + 12 if count else 0
    ring = (right - taken - 6, y + 18.5) if step.goal else None
    name = block(x, y + 23, step.name, right - x - taken - (18 if step.goal else 0), "lead")
    label = sentences.said_step(step, stage, words)
    base = name[-1].y + 18
    if not step.measured:
        note = line(x, base, words.gettext("not measured yet"), right - x, "small", "muted")
        box = Box(0, y, width, base + 14 - y)
        return Card(step.id, step.stage, stage.color, box, (*name, note), label, measured=False), box.bottom
    share, tone = sentences.rate(step, usual, words)
    texts = [*name, line(right, y + 23, count, right - x, "text", "ink", "end")]
    texts.append(line(right, base, share, (right - x) * 0.6, "small", tone, "end"))
    if step.channel:
        room = right - x - min((right - x) * 0.6, long(share, "small")) - 12
        texts.append(line(x, base, step.channel, room, "small", "muted"))
    bar = fate(step.outcomes, Box(x, base + 8, right - x, 3.0))
    box = Box(0, y, width, bar.box.bottom + 11 - y)
    return Card(step.id, step.stage, stage.color, box, tuple(texts), label, bar=bar, ring=ring), box.bottom


def _rows(
    filled: FilledMap,
    step: FilledStep,
    names: dict[str, str],
    y: float,
    width: float,
    words: Words,
    detail: bool,
) -> tuple[list[Row], float]:
    """Where the visits of a card went, most first, then its ends; together as many as there were."""
    out = [flow for flow in filled.flows if flow.source == step.id]
    ends = {flow.target: flow for flow in out if flow.target in ENDS}
    ways = sorted(
        (flow for flow in out if flow.target not in ENDS), key=lambda flow: (-flow.visits, flow.target)
    )
    shown, rest = (ways, []) if detail or len(ways) <= NAMED + 1 else (ways[:NAMED], ways[NAMED:])
    order = {one.id: index for index, one in enumerate(filled.steps)}
    rows: list[Row] = []
    for flow in shown:
        forward = order[flow.target] > order[step.id]
        arrow = "→" if forward != words.rtl else "←"
        color = filled.stages[filled.steps[order[flow.target]].stage].color
        rows.append(_row(flow, f"{arrow} {names[flow.target]}", color, "ink", step, y, width, words, names))
        y += ROW
    if rest:
        many = words.ngettext("%(n)s other", "%(n)s others", len(rest)) % {"n": words.number(len(rest))}
        folded = Flow(step.id, OTHERS, sum(flow.visits for flow in rest))
        rows.append(_row(folded, many, "", "muted", step, y, width, words, names))
        y += ROW
    said = sentences.end_words(words)
    for target in ENDS:
        if target in ends:
            end = sentences.end_of(target)
            tone = "stop" if end == "stopped" else "muted"
            rows.append(_row(ends[target], said[end], end, tone, step, y, width, words, names))
            y += ROW
    return rows, y + (4 if rows else 0)


def _row(
    flow: Flow,
    text: str,
    color: str,
    tone: str,
    step: FilledStep,
    y: float,
    width: float,
    words: Words,
    names: dict[str, str],
) -> Row:
    x = EDGE + PAD
    count = words.number(flow.visits)
    right = width - PAD
    room = right - x - long(count, "small") - 12
    texts = (
        line(
            x,
            y + 16,
            text,
            room,
            "small",
            "stop" if tone == "stop" else "muted" if tone == "muted" else "ink",
        ),
        line(right, y + 16, count, right - x, "small", "ink", "end"),
    )
    if flow.target in names:
        label = sentences.said_flow(flow, names, words)
    else:
        label = f"{step.name}: {text}, {count}"
    return Row(
        flow.source,
        flow.target,
        Box(x, y, right - x, ROW),
        color,
        tone,
        flow.visits / max(1, step.visits),
        texts,
        label,
    )


def _lanes(filled: FilledMap, stage: int, y: float, width: float) -> tuple[list[Note], float]:
    notes: list[Note] = []
    for lane in filled.lanes:
        for card in lane.cards:
            if card.stage != stage:
                continue
            x, room = EDGE + PAD, width - EDGE - 2 * PAD
            text = f"“{card.text}”" if card.kind == "voice" and not card.text.startswith("“") else card.text
            texts: Sequence[Text] = [
                line(x, y + 18, lane.name, room, "small", "muted"),
                *block(x, y + 35, text, room, "chosen", lines=3),
            ]
            if card.note:
                texts = [*texts, *block(x, texts[-1].y + 16, card.note, room, "small", "muted")]
            box = Box(0, y, width, texts[-1].y - y + 11)
            notes.append(Note(box, card.kind, card.tone, tuple(texts)))
            y = box.bottom + 10
    return notes, y


def _foot(filled: FilledMap, y: float, width: float, words: Words) -> list[Text]:
    if not filled.journeys:
        return []
    said = words.gettext("Every journey counted, none sampled.")
    if filled.now:
        said += " " + words.gettext("Read up to %(moment)s.") % {"moment": words.moment(filled.now)}
    return block(0, y, said, width, "small", "muted", lines=3)
