"""A layout painted as one SVG that needs nothing else: the same in a page, a file and a notebook.

Cards, ribbons and stubs are focusable, say in words what they show, and carry `data-step`, or
`data-source` and `data-target`, so that a page can open what is behind them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import sha256

from periplus.maps.geometry import OTHERS, Box, Card, Column, Layout, Note, Ribbon, Row, Stub, Swatch, Text
from periplus.maps.theme import Theme, sheet

OWN_COLOR = ("goal", "again", "start")
"""Ends painted in the colour of the stage."""
MARGIN = 24
FOLDED = ("other", "back", "before")
"""Stubs that stand for many small flows; they open the step, where all are listed."""
INWARD = ("start", "before", "back")
STRENGTH = {"again": "0.3", "start": "0.3", "other": "0.4", "before": "0.3", "running": "0.8"}
"""How full a dissolve begins."""
Link = Callable[[str, str], str]
"""(step, "") to the address of a step; (source, target) to that of a flow."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(text: str) -> str:
    """Text for XML, between tags and in attributes; characters that XML cannot hold become U+FFFD.

    >>> escape('<b> & "c"')
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    text = _NOT_XML.sub("\ufffd", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def render(
    layout: Layout,
    theme: Theme = "auto",
    *,
    selected: str | None = None,
    link: Link | None = None,
    live: bool = True,
    paper: bool = False,
) -> str:
    """The drawing as one SVG element.

    `selected` gives a step an ink frame, darkens its own ribbons and pales the others. `link` makes of
    everything that opens an `<a>` (a page that works without scripts). A drawing that is not `live` has
    nothing to click: for files. `paper` paints a background and a margin, which a page has of itself.
    """
    pen = _Pen(layout, selected, link, live, theme)
    body = [
        *(pen.column(column) for column in layout.columns),
        *(pen.rule(box) for box in layout.rules),
        pen.group("flow faint" if selected else "flow", pen.flows()),
        *(pen.card(card) for card in layout.cards),
        *(pen.row(row) for row in layout.rows),
        *(pen.note(note) for note in layout.notes),
        *(pen.swatch(swatch) for swatch in layout.swatches),
        *(pen.text(text) for text in layout.texts),
    ]
    margin = MARGIN if paper else 0
    width, height = _n(layout.width + 2 * margin), _n(layout.height + 2 * margin)
    corner = f'x="{-margin}" y="{-margin}"'
    ground = f'<rect class="paper" {corner} width="{width}" height="{height}"/>' if paper else ""
    direction = ' direction="rtl"' if layout.rtl else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pm {pen.key} pm-{layout.form}" role="group" '
        f'aria-label="{escape(layout.label)}" lang="{escape(layout.language)}"{direction} '
        f'viewBox="{-margin} {-margin} {width} {height}" width="{width}" height="{height}" '
        f'data-map="{escape(layout.id)}">'
        f"<style>{sheet(theme, live, pen.key)}</style>{pen.gradients()}{ground}{''.join(body)}</svg>\n"
    )


def _n(value: float) -> str:
    """A number as short as it can be written."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value else "0"


class _Pen:
    """Paints the pieces of one layout, mirrored for scripts that run from right to left."""

    def __init__(
        self, layout: Layout, selected: str | None, link: Link | None, live: bool, theme: Theme
    ) -> None:
        self.layout, self.selected, self.link, self.live = layout, selected, link, live
        self.key = "pm" + sha256(f"{layout.id} {layout.width} {theme}".encode()).hexdigest()[:8]

    def x(self, value: float) -> str:
        return _n(self.layout.width - value if self.layout.rtl else value)

    def rect(self, box: Box, rest: str) -> str:
        left = self.layout.width - box.right if self.layout.rtl else box.x
        return (
            f'<rect x="{_n(left)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" {rest}/>'
        )

    def group(self, name: str, content: str) -> str:
        return f'<g class="{name}">{content}</g>'

    def thing(self, name: str, data: dict[str, str], label: str, content: str) -> str:
        """Something that opens: a link where there is an address, else what a script can listen to."""
        marks = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
        said = f'class="{name}"{marks} aria-label="{escape(label)}"'
        inside = f"<title>{escape(label)}</title>{content}"
        if not self.live:
            return f'<g {said} role="img">{inside}</g>'
        if self.link is not None:
            href = self.link(data.get("step") or data.get("source", ""), data.get("target", ""))
            return f'<a {said} href="{escape(href)}">{inside}</a>'
        return f'<g {said} role="button" tabindex="0">{inside}</g>'

    def text(self, text: Text) -> str:
        tone = "" if text.tone == "ink" else f" {text.tone}"
        anchor = "" if text.anchor == "start" else f' text-anchor="{text.anchor}"'
        whole = f"<title>{escape(text.whole)}</title>" if text.whole else ""
        return (
            f'<text class="t-{text.style}{tone}" x="{self.x(text.x)}" y="{_n(text.y)}"{anchor}>'
            f"{whole}{escape(text.text)}</text>"
        )

    def texts(self, texts: tuple[Text, ...]) -> str:
        return "".join(self.text(text) for text in texts)

    def rule(self, box: Box) -> str:
        return self.rect(box, 'class="rule"')

    def column(self, column: Column) -> str:
        edge = self.rect(column.edge, f'rx="2" fill="{column.color}"')
        return (
            f'<g class="stage" data-stage="{column.stage}" role="group" aria-label="{escape(column.label)}">'
            f"{edge}{self.texts(column.texts)}</g>"
        )

    def card(self, card: Card) -> str:
        box = card.box
        frame = f'class="frame" stroke="{card.color}"' if card.ring else 'class="frame plain"'
        parts = [self.rect(box, f'{frame} rx="6"')]
        edge = Box(box.x, box.y, 4, box.height)
        if card.measured:
            parts.append(self.rect(edge, f'rx="2" fill="{card.color}"'))
        parts.append(self.texts(card.texts))
        if card.bar:
            parts.append(self.rect(card.bar.box, 'class="track" rx="1.5"') if not card.bar.segments else "")
            for segment in card.bar.segments:
                rise = 1 if segment.outcome == "goal" else 0
                y, height = card.bar.box.y - rise, card.bar.box.height + 2 * rise
                piece = Box(segment.x, y, segment.width, height)
                parts.append(self.rect(piece, self.fate(segment.outcome, card.color)))
        if card.ring:
            parts.append(self.ring(*card.ring, card.color))
        name = "card" if card.measured else "card guess"
        chosen = " chosen" if card.step == self.selected else ""
        return self.thing(name + chosen, {"step": card.step}, card.label, "".join(parts))

    def fate(self, outcome: str, color: str) -> str:
        own = f' fill="{color}"' if outcome in ("onward", "goal", "again") else ""
        return f'class="o-{outcome}"{own}'

    def flows(self) -> str:
        stubs = "".join(self.stub(stub) for stub in self.layout.stubs)
        return stubs + "".join(self.ribbon(ribbon) for ribbon in self.layout.ribbons)

    def own(self, *steps: str) -> str:
        return " own" if self.selected in steps else ""

    def ribbon(self, ribbon: Ribbon) -> str:
        data = {"source": ribbon.source, "target": ribbon.target}
        name = f"ribbon {ribbon.kind}{self.own(ribbon.source, ribbon.target)}"
        shape = {"forward": self.forward, "within": self.within, "back": self.back}[ribbon.kind](ribbon)
        return self.thing(name, data, ribbon.label, shape)

    def forward(self, ribbon: Ribbon) -> str:
        """From a right edge to a left one; both ends reach under the round corners of their cards."""
        a, b = ribbon.a, ribbon.b
        bend = (b.x - a.x) * 0.5
        x0, x1, c0, c1 = (self.x(v) for v in (a.x, b.x, a.x + bend, b.x - bend))
        under, over = self.x(a.x - 6), self.x(b.x + 4)
        y0, y1, z0, z1 = _n(a.y), _n(b.y), _n(a.bottom), _n(b.bottom)
        return (
            f'<path fill="{ribbon.color}" d="M{under} {y0}H{x0}C{c0} {y0} {c1} {y1} {x1} {y1}'
            f'H{over}V{z1}H{x1}C{c1} {z1} {c0} {z0} {x0} {z0}H{under}Z"/>'
        )

    def within(self, ribbon: Ribbon) -> str:
        """From a bottom edge down to a top one, behind what stands between."""
        assert ribbon.bend is not None
        a, b = ribbon.a, ribbon.b
        (_, upper), (_, lower) = ribbon.bend
        y0, y1, middle = _n(upper), _n(lower), _n((upper + lower) / 2)
        ax, ar, bx, br = (self.x(v) for v in (a.x, a.right, b.x, b.right))
        top, foot = _n(a.y - 6), _n(b.y + 6)
        return (
            f'<path fill="{ribbon.color}" d="M{ax} {top}V{y0}C{ax} {middle} {bx} {middle} {bx} {y1}V{foot}'
            f'H{br}V{y1}C{br} {middle} {ar} {middle} {ar} {y0}V{top}Z"/>'
        )

    def back(self, ribbon: Ribbon) -> str:
        assert ribbon.bend is not None
        (c0x, c0y), (c1x, c1y) = ribbon.bend
        x0, y0, x1, y1 = ribbon.a.x, ribbon.a.middle, ribbon.b.x, ribbon.b.middle
        side = 1 if c1x > x1 else -1
        tip = x1 + side * 1
        head = (
            f'<path class="head" d="M{self.x(tip)} {_n(y1)}L{self.x(tip + side * 6)} {_n(y1 - 3)}'
            f'V{_n(y1 + 3)}Z"/>'
        )
        return (
            f'<path d="M{self.x(x0)} {_n(y0)}C{self.x(c0x)} {_n(c0y)} {self.x(c1x)} {_n(c1y)} '
            f'{self.x(x1 + side * 5)} {_n(y1)}" stroke-width="{_n(ribbon.a.height)}"/>{head}'
        )

    def stub(self, stub: Stub) -> str:
        if stub.end in OWN_COLOR:
            fill = f"{self.key}-{stub.end}-{stub.color.lstrip('#')}"
        else:
            fill = f"{self.key}-{stub.end}"
        shape = self.rect(stub.box, f'fill="url(#{fill})"')
        target = f"({stub.end})"
        data = {"source": stub.step, "target": target}
        if stub.end == "start":
            data = {"source": target, "target": stub.step}
        elif stub.end in FOLDED:
            data = {"step": stub.step}
        return self.thing(f"stub{self.own(stub.step)}", data, stub.label, shape)

    def gradients(self) -> str:
        """What dissolves: ends away from their card, beginnings towards it."""
        wanted = sorted({(s.end, s.color if s.end in OWN_COLOR else "") for s in self.layout.stubs})
        made = []
        for end, color in wanted:
            name = f"{self.key}-{end}" + (f"-{color.lstrip('#')}" if color else "")
            paint = f'stop-color="{color}"' if color else f'class="s-{end}"'
            strength = STRENGTH.get(end, "0.6")
            grows = (end in INWARD) != self.layout.rtl
            first, last = ("0", strength) if grows else (strength, "0")
            made.append(
                f'<linearGradient id="{name}"><stop offset="0" {paint} stop-opacity="{first}"/>'
                f'<stop offset="1" {paint} stop-opacity="{last}"/></linearGradient>'
            )
        return f"<defs>{''.join(made)}</defs>" if made else ""

    def row(self, row: Row) -> str:
        """A line of a list, with a thin bar for its share."""
        box = row.box
        length = Box(box.x, box.bottom - 3, max(0.5, box.width * min(1.0, row.share)), 2)
        if row.color.startswith("#"):
            paint = f'fill="{row.color}"'
        elif row.color in ("goal", "again"):
            card = next(card for card in self.layout.cards if card.step == row.source)
            paint = self.fate(row.color, card.color)
        else:
            paint = f'class="o-{row.color or "back"}"'
        hit = self.rect(box, 'fill="none" pointer-events="all"')
        content = hit + self.texts(row.texts) + self.rect(length, paint)
        data = {"source": row.source, "target": row.target}
        if row.target == OTHERS:
            data = {"step": row.source}
        return self.thing("row", data, row.label, content)

    def note(self, note: Note) -> str:
        kind = {"assumption": " guess", "voice": " voice"}.get(note.kind, "")
        edge = Box(note.box.x, note.box.y, 4, note.box.height)
        mark = "" if note.kind == "assumption" else self.rect(edge, f'class="quote {note.tone}" rx="2"')
        frame = self.rect(note.box, 'class="frame plain" rx="6"')
        return f'<g class="note{kind}">{frame}{mark}{self.texts(note.texts)}</g>'

    def ring(self, x: float, y: float, color: str) -> str:
        """The mark of the goal."""
        at = f'cx="{self.x(x)}" cy="{_n(y)}"'
        return f'<circle class="ring" {at} r="4.5" stroke="{color}"/><circle {at} r="1.75" fill="{color}"/>'

    def swatch(self, one: Swatch) -> str:
        if one.outcome == "goal":
            return self.ring(one.x + 4, one.y + 4, one.color)
        paint = self.fate(one.outcome, one.color).replace('"o-', '"swatch o-')
        return self.rect(Box(one.x, one.y, 8, 8), f'{paint} rx="2"')
