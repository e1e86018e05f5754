"""Notes that people write about customers, each under the hash of one identifier of whom it was written for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from periplus.store.state import State
from periplus.store.state import notes as table

AT_ONCE = 500
"""Identifiers asked for in one query."""
NUMBERS = range(1, 1 << 63)
"""What the number of a note can be; no database takes a larger one, not even to look for it."""


class Note(NamedTuple):
    """One note: `about` is the time of the last event then known of the customer; times are microseconds UTC."""

    number: int
    identifier: str
    about: int
    text: str
    author: str
    written: int
    changed: int | None


def add(state: State, identifier: str, about: int, text: str, author: str, written: int) -> int:
    """Store a note; returns its number."""
    row = {"identifier": identifier, "about": about, "text": text, "author": author, "written": written}
    with state.connected() as connection:
        return int(connection.execute(table.insert().values(**row).returning(table.c.number)).scalar_one())


def get(state: State, number: int) -> Note | None:
    if number not in NUMBERS:
        return None
    with state.connected() as connection:
        row = connection.execute(sa.select(table).where(table.c.number == number)).first()
    return None if row is None else Note(*row)


def change(state: State, number: int, text: str, changed: int) -> bool:
    """Replace a note's text; whether there was one."""
    if number not in NUMBERS:
        return False
    with state.connected() as connection:
        done = connection.execute(
            table.update().where(table.c.number == number).values(text=text, changed=changed)
        )
        return bool(done.rowcount)


def remove(state: State, number: int) -> bool:
    """Delete a note; whether there was one."""
    if number not in NUMBERS:
        return False
    with state.connected() as connection:
        return bool(connection.execute(table.delete().where(table.c.number == number)).rowcount)


def under(state: State, identifiers: Sequence[str]) -> list[Note]:
    """Notes under some identifiers, the newest first."""
    found: list[Note] = []
    with state.connected() as connection:
        for start in range(0, len(identifiers), AT_ONCE):
            wanted = table.c.identifier.in_(identifiers[start : start + AT_ONCE])
            found += [Note(*row) for row in connection.execute(sa.select(table).where(wanted))]
    return sorted(found, key=lambda note: (note.written, note.number), reverse=True)
