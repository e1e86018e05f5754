"""Whose turn it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from periplus.store.watches import Turn
from periplus.watch.document import Watch


def due(watches: Sequence[Watch], turns: Mapping[str, Turn], now: int) -> list[Watch]:
    """The watches whose period is over at `now` (microseconds), who waited longest first; a new one is due at once.

    A turn that lies in the future (the clock was set back) counts for nothing.

    >>> from periplus.clock import SECOND
    >>> shop = Watch(name="shop", folder="/srv/shop", every="1h")
    >>> [watch.name for watch in due([shop], {"shop": Turn("shop", 0)}, 3599 * SECOND)]
    []
    >>> [watch.name for watch in due([shop], {"shop": Turn("shop", 0)}, 3600 * SECOND)]
    ['shop']
    """
    waiting = []
    for place, watch in enumerate(watches):
        turn = turns.get(watch.name)
        began = None if turn is None or turn.began > now else turn.began
        if began is None or now - began >= watch.period:
            waiting.append((began is not None, began or 0, place, watch))
    return [watch for *_, watch in sorted(waiting, key=lambda row: row[:3])]
