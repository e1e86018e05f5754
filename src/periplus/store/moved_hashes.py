"""What the operational state keeps under hashes of identifiers, kept under others: where identifiers are now stored otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa

from periplus.store import scrub
from periplus.store.state import State, consents, deviations, notes


def copied(state: State, moved: Mapping[str, str]) -> None:
    """Consents and notes under the new hashes; the consents under the old ones stay until `cleared`, so none is ever unknown."""
    with state.connected() as connection:
        for old in _held(connection, consents, moved):
            new = moved[old]
            there = connection.execute(sa.select(consents).where(consents.c.identifier == new)).all()
            known = {(row.purpose, row.time) for row in there}
            for row in connection.execute(sa.select(consents).where(consents.c.identifier == old)).all():
                if (row.purpose, row.time) not in known:
                    connection.execute(consents.insert().values({**row._mapping, "identifier": new}))
        for old in _held(connection, notes, moved):
            connection.execute(notes.update().where(notes.c.identifier == old).values(identifier=moved[old]))


def cleared(state: State, moved: Mapping[str, str], about: Callable[[str], bool]) -> None:
    """Take out the consents under the old hashes, and examples in reports that are `about` somebody."""
    with state.connected() as connection:
        for old in _held(connection, consents, moved):
            connection.execute(consents.delete().where(consents.c.identifier == old))
        for row in connection.execute(sa.select(deviations)).all():
            if about(row.value) or about(row.message_id):
                own = (deviations.c[key] == getattr(row, key) for key in ("wrong", "event", "property"))
                connection.execute(deviations.update().where(sa.and_(*own)).values(value="", message_id=""))
    scrub.compact(state)


def _held(connection: sa.Connection, table: sa.Table, moved: Mapping[str, str]) -> list[str]:
    """Which of the old hashes a table has."""
    rows = connection.execute(sa.select(table.c.identifier).distinct()).all()
    return sorted({str(row.identifier) for row in rows} & moved.keys())
