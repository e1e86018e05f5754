"""Maps: stored, listed, found and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from periplus.errors import InputError, NotFoundError
from periplus.question import Answer, Traffic
from periplus.workspace.questions import Questions

if TYPE_CHECKING:
    from periplus.maps.theme import Theme


class Maps(Questions):
    """Maps."""

    def add_map(self, document: Mapping[str, Any] | str | Path) -> str:
        """Store a map (a document, YAML text or a file) as a new version; returns its id."""
        from periplus.maps import MapDocument

        if isinstance(document, Path):
            document = _text(document)
        parsed = MapDocument.parse(document)
        self.state.save("map", parsed.id, parsed.document())
        return parsed.id

    def maps(self) -> list[dict[str, Any]]:
        """The maps there are, stored ones first; the template is always there."""
        from periplus.maps.template import TEMPLATES

        stored = [self.map(name) for name in self.state.names("map")] if self._has_state() else []
        known = {document.id for document in stored}
        listed = [*stored, *(template for name, template in TEMPLATES.items() if name not in known)]
        return [{"id": document.id, "name": document.name} for document in listed]

    def map(self, name: str) -> Any:
        """The MapDocument of an id or name; raises NotFoundError with the nearest."""
        from periplus.errors import nearest
        from periplus.maps.meaning import find

        try:
            return find(name, self.document)
        except NotFoundError as problem:
            known = [entry["id"] for entry in self.maps()]
            close = nearest(name, known)
            hint = f"Did you mean {close[0]!r}?" if close else problem.hint
            raise NotFoundError(problem.message, code="no_map", hint=hint, allowed=known) from None

    def draw(
        self,
        map_id: str,
        period: Mapping[str, Any] | None = None,
        now: str | None = None,
        theme: Theme = "auto",
        traffic: Traffic = "customers",
        **options: Any,
    ) -> str:
        """The map with its numbers as one SVG, the same in page, file and notebook."""
        from periplus.maps.draw import draw

        def ask(asked: Mapping[str, Any]) -> Answer:
            return self.ask({**asked, "traffic": traffic})

        return draw(self.map(map_id), ask, period=period, now=now, theme=theme, **options)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise InputError(f"{path} cannot be read: {problem.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text in UTF-8.") from None
