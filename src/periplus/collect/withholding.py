"""The step that keeps out who was erased: their late messages are counted as withheld, and nothing of them is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from periplus.collect.steps import WITHHELD, Passage, Step

Means = Callable[[Mapping[str, Any], str, int], bool]
"""Whether a message of a source, received at a time, is of somebody who was erased."""


def withholding(means: Callable[[], Means | None]) -> Step:
    """Withhold the messages that are meant; `means` gives None while nobody was erased, which costs nothing."""

    def withhold(passage: Passage) -> None:
        current = means()
        if current is None:
            return
        kept = []
        for item in passage.pending:
            if current(item.document(), passage.source.name, passage.received + item.place):
                passage.outcomes[item.place] = WITHHELD
                passage.withheld += 1
            else:
                kept.append(item)
        passage.pending = kept

    return withhold
