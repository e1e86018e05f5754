"""A map as a file: the drawing as SVG, HTML or PNG, the document as YAML; the suffix says which.

Drawings in files show the same as the page, with nothing to click.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from periplus.errors import QuestionError, unknown
from periplus.maps import draw
from periplus.maps.fill import FilledMap
from periplus.maps.layout import lay_out
from periplus.maps.model import MapDocument
from periplus.maps.render import escape, render
from periplus.maps.theme import DARK, LIGHT, Theme
from periplus.maps.words import Words
from periplus.question import Answer

WIDTH = 1392
NARROW_WIDTH = 360


def svg(filled: FilledMap, theme: Theme = "light", words: Words | None = None) -> str:
    """The drawing as one SVG file with its own background; `auto` follows the reader's system."""
    drawing = render(lay_out(filled, WIDTH, words=words), theme, live=False, paper=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{drawing}'


def html(filled: FilledMap, theme: Theme = "auto", words: Words | None = None) -> str:
    """The drawing as one page that needs nothing else, for wide and for narrow screens."""
    words = words or Words()
    paper = f"background:{(DARK if theme == 'dark' else LIGHT)['background']}"
    night = f"@media(prefers-color-scheme:dark){{body{{background:{DARK['background']}}}}}"
    wide, narrow = (
        render(lay_out(filled, width, words=words), theme, live=False) for width in (WIDTH, NARROW_WIDTH - 32)
    )
    direction = ' dir="rtl"' if words.rtl else ""
    return (
        f'<!doctype html>\n<html lang="{escape(words.language)}"{direction}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(filled.name)}</title>"
        f"<style>body{{margin:24px;{paper}}}{night if theme == 'auto' else ''}.narrow{{display:none}}"
        "@media(max-width:719px){body{margin:16px}.wide{display:none}.narrow{display:block}}</style></head>"
        f'<body><div class="wide">{wide}</div><div class="narrow">{narrow}</div></body></html>\n'
    )


def png(filled: FilledMap, theme: Theme = "light", words: Words | None = None, scale: float = 2) -> bytes:
    """The drawing as a picture, `scale` pixels to each of the drawing's; `auto` is light."""
    import vl_convert  # loads slowly, and only pictures need it

    drawing = svg(filled, "light" if theme == "auto" else theme, words)
    picture: bytes = vl_convert.svg_to_png(drawing, scale=scale)
    return picture


class Source(Protocol):
    """What has maps and answers questions: a workspace."""

    def map(self, name: str) -> MapDocument: ...

    def ask(self, question: Mapping[str, Any]) -> Answer: ...


DRAWINGS: dict[str, Callable[[FilledMap, Theme, Words | None], bytes]] = {
    ".svg": lambda filled, theme, words: svg(filled, theme, words).encode(),
    ".html": lambda filled, theme, words: html(filled, theme, words).encode(),
    ".png": png,
}
DOCUMENTS = (".yaml", ".yml")


def write(
    source: Source,
    name: str,
    path: Path,
    *,
    period: Mapping[str, Any] | None = None,
    now: str | None = None,
    theme: Theme | None = None,
    words: Words | None = None,
) -> None:
    """Write a map to a file in the format of its suffix; raises QuestionError for one nobody knows.

    Without a theme a page follows its reader's system, and what is printed or pasted is light.
    """
    suffix = path.suffix.lower()
    if suffix not in DRAWINGS and suffix not in DOCUMENTS:
        message, hint, allowed = unknown("format", path.suffix or path.name, [*DRAWINGS, *DOCUMENTS])
        raise QuestionError(message, code="format", hint=hint, allowed=allowed)
    document = source.map(name)
    if suffix in DOCUMENTS:
        data = document.to_yaml().encode()
    else:
        numbers = draw.filled(document, source.ask, period=period, now=now)
        data = DRAWINGS[suffix](numbers, theme or ("auto" if suffix == ".html" else "light"), words)
    path.write_bytes(data)
