"""The catalogue of a workspace for looking products up, read anew when it has changed."""

from __future__ import annotations

from periplus.collect.catalogue.join import Index
from periplus.store import products
from periplus.store.state import State


class Kept:
    """One per process; asking for the `index` costs one small question to the state."""

    NOTHING = Index(())

    def __init__(self, state: State) -> None:
        self._state = state
        self._version: tuple[int, int] | None = None
        self._index = self.NOTHING

    def index(self) -> Index:
        """The products as they are now; the same object while nothing changed."""
        version = products.version(self._state)
        if version != self._version:
            self._version, self._index = version, Index(products.every(self._state))
        return self._index
