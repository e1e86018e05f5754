"""A filled map as geometry: stages beside each other, or under each other where the page is narrow.

Pure and deterministic: the same map, width and words give the same drawing.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from periplus.maps import narrow, wide
from periplus.maps.fill import FilledMap
from periplus.maps.geometry import Layout
from periplus.maps.words import Words

NARROW = 720
"""Pixels under which the stages stand under each other."""

T = TypeVar("T")


def lay_out(
    filled: FilledMap,
    width: float = 1392,
    *,
    words: Words | None = None,
    detail: bool = False,
    header: bool = True,
) -> Layout:
    """Where everything of the map goes, in a drawing of `width` pixels (at least 280).

    A map of many stages may come out wider, to be scrolled. `detail` draws flows under 1 % too;
    without `header` the title is left to the page.
    """
    form = narrow.lay_out if width < NARROW else wide.lay_out
    return _rounded(form(filled, max(280.0, float(width)), words or Words(), detail, header))


def _rounded(value: T) -> T:
    """Hundredths of a pixel everywhere: no drawing differs by the last bit of a float."""

    def walk(part: Any) -> Any:
        if isinstance(part, float):
            return round(part, 2) + 0.0
        if isinstance(part, tuple):
            return tuple(walk(inner) for inner in part)
        if is_dataclass(part) and not isinstance(part, type):
            return replace(part, **{field.name: walk(getattr(part, field.name)) for field in fields(part)})
        return part

    rounded: T = walk(value)
    return rounded
