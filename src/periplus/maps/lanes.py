"""The lanes under the flow, in the same columns; those with nothing in them yet share one quiet line."""

from __future__ import annotations

from periplus.maps.fill import FilledCard, FilledMap
from periplus.maps.geometry import Box, Note, Text
from periplus.maps.parts import baseline_after, block
from periplus.maps.words import Words

PAD = 10.0


def stack(
    filled: FilledMap, gutter: float, pitch: float, between: float, width: float, y: float, words: Words
) -> tuple[list[Note], list[Text], list[Box], float]:
    """Cards, texts and hairlines of all lanes from `y` down, and the lowest point."""
    notes: list[Note] = []
    texts: list[Text] = []
    rules: list[Box] = []
    for lane in filled.lanes:
        if not lane.cards:
            continue
        rules.append(Box(0, y, width, 1.0))
        texts += _name(lane.name, lane.note, y, gutter)
        low = y + 48
        foot = [y + 12.0] * len(filled.stages)
        for card in lane.cards:
            note = _note(card, gutter + card.stage * pitch, foot[card.stage], pitch - between)
            notes.append(note)
            foot[card.stage] = note.box.bottom + 8
            low = max(low, note.box.bottom)
        y = low + 16
    owners = [" · ".join(_capital(name) for name in stage.departments) for stage in filled.stages]
    if any(owners):
        rules.append(Box(0, y, width, 1.0))
        texts += _name(words.gettext("Owner"), words.gettext("department"), y, gutter)
        shown = [
            text
            for index, owner in enumerate(owners)
            if owner
            for text in block(gutter + index * pitch, y + 23, owner, pitch - between, "text", "muted")
        ]
        texts += shown
        y = max(y + 44, baseline_after(shown, y) + 8) + 12
    rules.append(Box(0, y, width, 1.0))
    quiet = _quiet(filled, words)
    texts += _name(words.gettext("To come"), "", y, gutter) if quiet else []
    said = block(gutter, y + 23, quiet, width - gutter, "text", "muted", lines=3) if quiet else []
    return notes, texts + said, rules, baseline_after(said, y)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def _name(name: str, note: str, y: float, gutter: float) -> list[Text]:
    texts = block(0, y + 23, name, gutter - 12, "lead")
    if note:
        texts += block(0, texts[-1].y + 16, note, gutter - 12, "small", "muted")
    return texts


def _note(card: FilledCard, x: float, y: float, width: float) -> Note:
    """A card of a lane: a voice is quoted; fact, voice and assumption are painted differently."""
    text = f"“{card.text}”" if card.kind == "voice" and not card.text.startswith("“") else card.text
    texts = block(x + PAD + 4, y + 18, text, width - 2 * PAD - 4, "chosen", lines=3)
    if card.note:
        texts += block(x + PAD + 4, texts[-1].y + 16, card.note, width - 2 * PAD - 4, "small", "muted")
    return Note(Box(x, y, width, texts[-1].y - y + 11), card.kind, card.tone, tuple(texts))


def _quiet(filled: FilledMap, words: Words) -> str:
    """Which of the usual lanes are still empty, and the one thing that would fill them."""
    usual = {
        "Emotion": words.gettext("Emotion"),
        "Voice": words.gettext("Voice"),
        "Pain points": words.gettext("Pain points"),
        "Plays": words.gettext("Plays"),
    }
    filled_ones = {lane.name for lane in filled.lanes if lane.cards}
    missing = [word for name, word in usual.items() if name not in filled_ones and word not in filled_ones]
    if not missing:
        return ""
    hint = words.gettext(
        "What customers feel and say, what it costs and what we do about it will stand in these columns."
    )
    return f"{words.listed(missing)}. {hint}"
