"""Products: brought in, found, and beside the events that name them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from periplus import clock
from periplus.workspace.opened import Opened

if TYPE_CHECKING:
    from periplus.collect.catalogue import join
    from periplus.collect.catalogue.keep import CatalogueImport


class Catalogue(Opened):
    """The catalogue."""

    def import_catalogue(
        self, path: str | Path, kind: str | None = None, source: str = "catalogue", partial: bool = False
    ) -> CatalogueImport:
        """Bring the catalogue up to a file; unless it is `partial`, products it lacks are marked as gone."""
        from periplus.collect.catalogue.keep import import_file

        own = self.settings.currency
        with self.home.staging() as folder:
            return import_file(
                self.state, Path(path), folder=folder, currency=own, now=clock.wall(), kind=kind, source=source,
                partial=partial,
            )  # fmt: skip

    def products(
        self, text: str = "", limit: int = 50, offset: int = 0, gone: bool = False
    ) -> dict[str, Any]:
        """Products whose id, SKU, title, brand or category has all words of the text: `total` and `rows`, by title."""
        from periplus.store import products

        if not self._has_state():
            return {"total": 0, "rows": []}
        total, rows = products.find(self.state, text, limit=limit, offset=offset, gone=gone)
        return {"total": total, "rows": rows}

    def product_history(self, source: str, id_text: str) -> list[dict[str, Any]]:
        """What changed of a product, oldest first: time, field, before, after."""
        from periplus.store import products

        return products.history(self.state, source, id_text) if self._has_state() else []

    def catalogue(self) -> join.Index:
        """The catalogue for looking products up; the same object while it does not change."""
        from periplus.collect.catalogue import join
        from periplus.collect.catalogue.kept import Kept

        if not self._has_state():
            return join.Index(())
        if self._catalogue is None:
            self._catalogue = Kept(self.state)
        return self._catalogue.index()

    def told(self, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Events with what the catalogue knows of their products beside what was sent."""
        from periplus.collect.catalogue import join

        catalogue = self.catalogue()
        return [join.beside(event, catalogue) for event in events] if len(catalogue) else events
