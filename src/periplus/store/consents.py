"""What people allowed, kept under hashes of their identifiers: every change by purpose, with time and source.

An identifier itself is never written here, so that somebody who refuses can be recognised without
being kept. Rows are only added; of an identifier's rows for a purpose the newest counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from periplus.clock import wall
from periplus.store.state import State
from periplus.store.state import consents as table

AT_ONCE = 500
"""Identifiers asked for in one query."""


DAY = 86_400_000_000
"""How much later a word must be said again for that to be stored, in microseconds."""


class Given(NamedTuple):
    """What was said: `identifier` is a hash, `time` when, `confirmed` when it was last said again, in microseconds UTC."""

    identifier: str
    purpose: str
    time: int
    given: bool
    source: str
    confirmed: int | None = None

    @property
    def last(self) -> int:
        """When it was last said."""
        return self.time if self.confirmed is None else self.confirmed


def add(state: State, said: Iterable[Given]) -> list[Given]:
    """Store what changes something; returns it. At one instant a no wins over a yes.

    What only says again what holds is no change; that it was said again is noted, to the day.
    """
    waiting = sorted(set(said), key=lambda row: (row.time, row.given))
    written: list[Given] = []
    with state.connected() as connection:
        for start in range(0, len(waiting), AT_ONCE):
            rows = waiting[start : start + AT_ONCE]
            known: dict[tuple[str, str], dict[int, Given]] = {}
            for stored in _rows(connection, table.c.identifier.in_({row.identifier for row in rows})):
                known.setdefault((stored.identifier, stored.purpose), {})[stored.time] = stored
            for row in rows:
                history = known.setdefault((row.identifier, row.purpose), {})
                before = history.get(max((time for time in history if time <= row.time), default=-1))
                if before is not None and before.given == row.given:
                    if row.time >= before.last + DAY:
                        history[before.time] = before._replace(confirmed=row.time)
                        change = {"confirmed": row.time, "recorded": wall()}
                        connection.execute(table.update().where(_same(before)).values(**change))
                    continue
                if before is not None and before.time == row.time:
                    if row.given:
                        continue
                    connection.execute(table.delete().where(_same(before)))
                history[row.time] = row
                connection.execute(table.insert().values(**row._asdict(), recorded=wall()))
                written.append(row)
    return written


def _same(row: Given) -> sa.ColumnElement[bool]:
    return sa.and_(
        table.c.identifier == row.identifier, table.c.purpose == row.purpose, table.c.time == row.time
    )


def _rows(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Iterator[Given]:
    for row in connection.execute(sa.select(table).where(where)):
        yield Given(row.identifier, row.purpose, row.time, row.given, row.source, row.confirmed)


def said(state: State, purpose: str, since: int = 0) -> Iterator[tuple[Given, int]]:
    """(what was said, when it was recorded) for a purpose, recorded at `since` or later."""
    query = sa.select(table).where(table.c.purpose == purpose, table.c.recorded >= since)
    with state.connected() as connection:
        for row in connection.execute(query):
            given = Given(row.identifier, row.purpose, row.time, row.given, row.source, row.confirmed)
            yield given, row.recorded


def history(state: State, identifiers: Sequence[str]) -> list[Given]:
    """Every change of some identifiers, oldest first."""
    found: list[Given] = []
    with state.connected() as connection:
        for start in range(0, len(identifiers), AT_ONCE):
            found += _rows(connection, table.c.identifier.in_(identifiers[start : start + AT_ONCE]))
    return sorted(found, key=lambda row: (row.time, not row.given, row.purpose, row.identifier))
