"""Counts of what arrived otherwise than planned, as the flush notices it: one row per deviation, added up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from periplus.store.state import State
from periplus.store.state import deviations as table

MOST = 5000
"""Different deviations that are counted by name; names are what clients make them."""


class Which(NamedTuple):
    """What is wrong, with which event, and with which of its properties (empty: with the event itself)."""

    wrong: str
    event: str
    property: str


class Seen(NamedTuple):
    """How often, when first and last (event time, microseconds UTC), and one example."""

    events: int
    first: int
    last: int
    value: str
    message_id: str


def add(state: State, found: Mapping[Which, Seen]) -> None:
    """Add counts to those stored; what is new beyond `MOST` is not kept."""
    with state.connected() as connection:
        room = MOST - int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
        for which, seen in found.items():
            here = sa.and_(*(table.c[name] == value for name, value in which._asdict().items()))
            known = connection.execute(
                sa.select(table.c.count, table.c.first, table.c.last).where(here)
            ).first()
            if known is None and room > 0:
                room -= 1
                connection.execute(table.insert().values(**which._asdict(), **_columns(seen)))
            elif known is not None:
                connection.execute(
                    table.update()
                    .where(here)
                    .values(
                        count=table.c.count + seen.events,
                        first=min(known.first, seen.first),
                        last=max(known.last, seen.last),
                    )
                )


def _columns(seen: Seen) -> dict[str, Any]:
    return {"count" if name == "events" else name: value for name, value in seen._asdict().items()}


def listed(state: State) -> list[dict[str, Any]]:
    """Every counted deviation, the most frequent first."""
    with state.connected() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.count.desc(), table.c.event)).mappings()
        return [dict(row) for row in rows]


def clear(state: State) -> None:
    """Begin anew: for a new plan, by which what was counted may be right."""
    with state.connected() as connection:
        connection.execute(table.delete())
