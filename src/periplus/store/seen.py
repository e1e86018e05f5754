"""Which event keys the live version has, asked all day long: its key files held open, named anew as versions come.

A key that the collector itself brought, or has claimed, is told from one that only an imported batch
brought: the collector must lay a claim on the latter, or undoing that import would lose the event.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from periplus.store import keys, manifest

NEW, OURS, OTHERS = 0, 1, 2
"""Not there; brought or claimed by the collector; only brought by imports."""


class Seen:
    """The keys of the live version. Used by one thread."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._number = -1
        self._open: dict[str, keys.Sorted] = {}

    def refresh(self) -> int:
        """Open the key files of the live version, if it is a new one; returns its number."""
        number = manifest.live_number(self.root)
        if number != self._number:
            names = manifest.read(self.root).keys
            self._open = {name: self._open.get(name) or keys.opened(self.root, name) for name in names}
            self._number = number
        return number

    def look(self, high: np.ndarray, low: np.ndarray) -> np.ndarray:
        """uint8[n] of NEW, OURS, OTHERS for keys given as two uint64[n]."""
        found = np.zeros(len(high), np.uint8)
        for name, known in self._open.items():
            hit = keys.among(known, high, low)
            if keys.is_collected(name):
                found[hit] = OURS
            else:
                found[hit & (found == NEW)] = OTHERS
        return found
