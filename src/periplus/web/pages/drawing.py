"""The map's picture in a page: wide and narrow, in the request's language, every part a link."""

from __future__ import annotations

from urllib.parse import quote

from babel.numbers import get_currency_precision
from markupsafe import Markup

from periplus.maps.fill import FilledMap
from periplus.maps.layout import lay_out
from periplus.maps.render import render
from periplus.maps.words import Words
from periplus.web import words
from periplus.web.page import trusted
from periplus.web.period import Period

WIDE, NARROW = 1392, 328
"""Widths of the two drawings; the style sheet shows one of them and lets the wide one grow."""


def language() -> Words:
    """The current request's language, as the drawing wants it."""
    speech = words.speech()
    return Words(
        gettext=words.gettext,
        ngettext=words.ngettext,
        decimal=lambda value, digits: words.number(value, digits),
        moment=words.moment,
        language=speech.language.code,
        rtl=speech.language.direction == "rtl",
        exponents=get_currency_precision,
    )


def drawings(filled: FilledMap, period: Period, nonce: str, selected: str | None) -> list[tuple[str, Markup]]:
    """(form, SVG) of a filled map: the wide one and the one for telephones."""
    base = f"/map/{quote(filled.id)}"

    def link(source: str, target: str) -> str:
        if target:
            return period.link(f"{base}/flow/{quote(source)}/{quote(target)}")
        return period.link(f"{base}/step/{quote(source)}")

    spoken = language()
    return [
        (
            form,
            trusted(
                render(lay_out(filled, width, words=spoken, header=False), link=link, selected=selected),
                nonce,
            ),
        )
        for form, width in (("wide", WIDE), ("narrow", NARROW))
    ]
