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


class Given(NamedTuple):
    """One change: `identifier` is a hash, `time` when it was said, in microseconds UTC."""

    identifier: str
    purpose: str
    time: int
    given: bool
    source: str


def add(state: State, said: Iterable[Given]) -> list[Given]:
    """Store what changes something; returns it. At one instant a no wins over a yes."""
    waiting = sorted(set(said), key=lambda row: (row.time, row.given))
    written: list[Given] = []
    with state.connected() as connection:
        for start in range(0, len(waiting), AT_ONCE):
            rows = waiting[start : start + AT_ONCE]
            known: dict[tuple[str, str], dict[int, bool]] = {}
            found = connection.execute(
                sa.select(table.c.identifier, table.c.purpose, table.c.time, table.c.given).where(
                    table.c.identifier.in_({row.identifier for row in rows})
                )
            )
            for identifier, purpose, time, given in found:
                known.setdefault((identifier, purpose), {})[time] = given
            for row in rows:
                history = known.setdefault((row.identifier, row.purpose), {})
                before = max((time for time in history if time <= row.time), default=None)
                if before is not None and (
                    history[before] == row.given or (before == row.time and row.given)
                ):
                    continue
                if before == row.time:
                    connection.execute(
                        table.delete().where(
                            table.c.identifier == row.identifier,
                            table.c.purpose == row.purpose,
                            table.c.time == row.time,
                        )
                    )
                history[row.time] = row.given
                connection.execute(table.insert().values(**row._asdict(), recorded=wall()))
                written.append(row)
    return written


def said(state: State, purpose: str, since: int = 0) -> Iterator[tuple[Given, int]]:
    """(change, when it was recorded) for a purpose, recorded at `since` or later, in the order of time."""
    with state.connected() as connection:
        rows = connection.execute(
            sa.select(table)
            .where(table.c.purpose == purpose, table.c.recorded >= since)
            .order_by(table.c.time)
        )
        for row in rows:
            yield Given(row.identifier, row.purpose, row.time, row.given, row.source), row.recorded


def history(state: State, identifiers: Sequence[str]) -> list[Given]:
    """Every change of some identifiers, oldest first."""
    found: list[Given] = []
    with state.connected() as connection:
        for start in range(0, len(identifiers), AT_ONCE):
            some = identifiers[start : start + AT_ONCE]
            rows = connection.execute(sa.select(table).where(table.c.identifier.in_(some)))
            found += [Given(row.identifier, row.purpose, row.time, row.given, row.source) for row in rows]
    return sorted(found, key=lambda row: (row.time, not row.given, row.purpose, row.identifier))
