"""What people did with the data of persons, and which copies the product made of it: who, when, what.

Rows are only added. `detail` is a small JSON object without identifiers; `subject` a keyed hash where it is
about one person.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from periplus.clock import iso, wall
from periplus.store.state import State
from periplus.store.state import actions as table

EXPORTED, EXPORTED_PERSON, ERASED, RETAINED, RULED = "export", "person export", "erase", "retention", "rules"


class Action(NamedTuple):
    """One action; `time` in microseconds UTC."""

    number: int
    time: int
    who: str
    action: str
    subject: str
    detail: dict[str, Any]


def add(state: State, action: str, who: str, detail: Mapping[str, Any], subject: str = "") -> None:
    """Note an action now."""
    text = json.dumps(dict(detail), ensure_ascii=False, default=str)
    row = {"time": wall(), "who": who.strip()[:200] or "?", "action": action, "subject": subject}
    with state.connected() as connection:
        connection.execute(table.insert().values(**row, detail=text))


def listed(state: State, *kinds: str, limit: int = 1000) -> list[Action]:
    """Actions of some kinds (all, where none is named), the newest first."""
    query = sa.select(table).order_by(table.c.number.desc()).limit(limit)
    if kinds:
        query = query.where(table.c.action.in_(kinds))
    with state.connected() as connection:
        return [
            Action(row.number, row.time, row.who, row.action, row.subject, json.loads(row.detail))
            for row in connection.execute(query)
        ]


def change(state: State, number: int, detail: Mapping[str, Any]) -> None:
    """Replace what is said of an action: for a path that names a person who was erased since."""
    text = json.dumps(dict(detail), ensure_ascii=False, default=str)
    with state.connected() as connection:
        connection.execute(table.update().where(table.c.number == number).values(detail=text))


def told(row: Action) -> dict[str, Any]:
    """An action as lists show it."""
    return {"number": row.number, "time": iso(row.time), "who": row.who, "action": row.action, **row.detail}
