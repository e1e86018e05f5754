"""From a document and a way to ask questions to the drawing: the two questions, filled in and painted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from periplus.maps.fill import FilledMap, fill
from periplus.maps.layout import lay_out
from periplus.maps.model import MapDocument
from periplus.maps.render import Link, render
from periplus.maps.theme import Theme
from periplus.maps.words import Words
from periplus.question import Answer

Ask = Callable[[Mapping[str, Any]], Answer]


def filled(
    document: MapDocument, ask: Ask, *, period: Mapping[str, Any] | None = None, now: str | None = None
) -> FilledMap:
    """The map with its numbers over a period, read up to `now`: one `map` and one `flow` question.

    Both are asked with the whole document, so that they speak of the very map that is drawn.
    """
    shared: dict[str, Any] = {"map": document.document()}
    if period:
        shared["period"] = dict(period)
    if now is not None:
        shared["now"] = now
    answer = ask({"kind": "map", **shared})
    # the same moment, even where the first question took it from the clock
    flow = ask({"kind": "flow", **shared, "now": answer.now})
    return fill(document, answer, flow)


def draw(
    document: MapDocument,
    ask: Ask,
    *,
    period: Mapping[str, Any] | None = None,
    now: str | None = None,
    theme: Theme = "auto",
    width: float = 1392,
    words: Words | None = None,
    detail: bool = False,
    header: bool = True,
    selected: str | None = None,
    link: Link | None = None,
    live: bool = True,
) -> str:
    """The map with its numbers as one SVG; see `layout.lay_out` and `render.render` for the options."""
    layout = lay_out(
        filled(document, ask, period=period, now=now), width, words=words, detail=detail, header=header
    )
    return render(layout, theme, selected=selected, link=link, live=live)
