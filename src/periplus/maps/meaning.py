"""What `map` in a question means: a stored map by its id or name, the shop template, or a whole document."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from periplus.errors import DocumentError, NotFoundError, nearest
from periplus.journeys.rules import Documents, JourneyRules, meanings
from periplus.maps import checks
from periplus.maps.model import MapDocument, kebab
from periplus.maps.template import SHOP, TEMPLATES


def find(map: str | Mapping[str, Any], documents: Documents) -> MapDocument:
    """The map of a name or of a document; raises NotFoundError with the nearest name, or DocumentError."""
    if not isinstance(map, str):
        return MapDocument.parse(map)
    for id in dict.fromkeys((map, kebab(map))):
        stored = documents("map", id) if id else None
        if stored is not None:
            return MapDocument.parse(stored)
        if id in TEMPLATES:
            return TEMPLATES[id]
    known = [SHOP.id, SHOP.name]
    close = nearest(map, known)
    raise NotFoundError(
        f"There is no map {map!r}.",
        hint=f"Did you mean {close[0]!r}?" if close else "`periplus map list` shows the maps there are.",
        allowed=known,
    )


def compile(map: str | Mapping[str, Any], documents: Documents) -> JourneyRules:
    """The rules of a map named or given in a question."""
    if not isinstance(map, str | Mapping | MapDocument):
        raise DocumentError("`map` is the name of a map, or a whole map.", hint='Such as "map": "shop".')
    if isinstance(map, str):
        return _rules(_Written(find(map, documents)))
    checks.depth(map)
    return _rules(_Written(map))


class _Written:
    """A document that is the same as one written alike: a map is asked about many times, and read once."""

    def __init__(self, document: Mapping[str, Any] | MapDocument) -> None:
        self.document, self.text = document, repr(document)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Written) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@lru_cache(maxsize=32)
def _rules(written: _Written) -> JourneyRules:
    return MapDocument.parse(written.document).rules()


meanings.add("map", compile)
