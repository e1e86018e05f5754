"""What watches have seen: files by name with what became of them, and when each watch last had its turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from periplus.store.state import State, documents, sightings, turns

KIND = "watch"


@dataclass(frozen=True)
class Sighting:
    """A file as a watch saw it last: size in bytes, times in microseconds, SHA-256 of its content once it was taken.

    `outcome` is `waiting` (it may still grow), `imported`, `failed` or `aside` (only looked up by others).
    """

    watch: str
    name: str
    size: int
    modified: int
    hash: str
    outcome: str
    batch: int | None
    message: str
    seen: int


@dataclass(frozen=True)
class Turn:
    """When a watch last had its turn, what came of it, and what a server said of its file (`etag`, `modified`)."""

    watch: str
    began: int
    ended: int | None = None
    message: str = ""
    etag: str = ""
    modified: str = ""


def save(state: State, name: str, body: Mapping[str, Any]) -> None:
    """Store a watch; files that failed before are tried anew, as its mapping may have been mended."""
    state.save(KIND, name, body)
    with state.connected() as connection:
        connection.execute(
            sightings.delete().where(sightings.c.watch == name, sightings.c.outcome != "imported")
        )
        connection.execute(turns.delete().where(turns.c.watch == name))


def bodies(state: State) -> list[dict[str, Any]]:
    """The stored watches, in the order in which they were added."""
    found = [state.document(KIND, name) for name in state.names(KIND)]
    return [body for body in found if body is not None]


def remove(state: State, name: str) -> None:
    """Forget a watch and all it has seen; what it imported stays."""
    with state.connected() as connection:
        connection.execute(documents.delete().where(documents.c.kind == KIND, documents.c.name == name))
        for table in (sightings, turns):
            connection.execute(table.delete().where(table.c.watch == name))


def seen(state: State, watch: str) -> dict[str, Sighting]:
    """What a watch has seen, by name."""
    with state.connected() as connection:
        rows = connection.execute(sightings.select().where(sightings.c.watch == watch))
        return {row.name: Sighting(**row._mapping) for row in rows}


def note(state: State, sighting: Sighting) -> None:
    """Keep what was seen of a file, in the place of what was known of it."""
    own = (sightings.c.watch == sighting.watch) & (sightings.c.name == sighting.name)
    with state.connected() as connection:
        connection.execute(sightings.delete().where(own))
        connection.execute(sightings.insert().values(**asdict(sighting)))


def last_turns(state: State) -> dict[str, Turn]:
    """The last turn of every watch that had one."""
    with state.connected() as connection:
        return {row.watch: Turn(**row._mapping) for row in connection.execute(sa.select(turns))}


def note_turn(state: State, turn: Turn) -> None:
    """Keep a watch's turn, in the place of the one before."""
    with state.connected() as connection:
        connection.execute(turns.delete().where(turns.c.watch == turn.watch))
        connection.execute(turns.insert().values(**asdict(turn)))
