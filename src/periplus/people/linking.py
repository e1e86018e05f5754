"""Decisions in force, made ready for the SQL of identity: how identifiers are compared, which links count.

void_id (kind, value)                   identifiers that link nothing: blocked by hand, or by a guard
hand_id (kind, value, team)             identifiers that are one person by hand share a team
cut_A_B (a, b)                          links between kinds A and B that do not count, for kinds that have any
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from periplus.people.decisions import Force, Identifier
from periplus.people.identity_rules import IdentityRules
from periplus.store.door import Connection


@dataclass(frozen=True)
class Linking:
    """`Force` as identity uses it: every identifier in it is compared as the rules have it."""

    force: Force = field(default_factory=Force)

    @property
    def rules(self) -> IdentityRules:
        return self.force.rules

    def compared(self, identifier: Identifier) -> Identifier:
        """An identifier as the rules compare it."""
        return Identifier(identifier.kind, self.rules.plain(identifier.kind, identifier.value))

    def value(self, kind: str, column: str) -> str:
        """SQL of the identifier in a column as it is compared, NULL where it means nobody."""
        return self.rules.value(kind, column)

    def alike(self, kind: str, column: str) -> str:
        """SQL that equals `value` wherever that is not NULL, and is quicker."""
        return self.rules.alike(kind, column)

    def links(self, kind: str) -> bool:
        return self.rules.links(kind)

    @cached_property
    def teams(self) -> list[list[Identifier]]:
        """Identifiers that are one person by hand, as they are compared."""
        pairs = (sorted((self.compared(one), self.compared(other))) for one, other in self.force.joins)
        plain = Force(
            joins=frozenset((one, other) for one, other in pairs if one != other),
            blocked=frozenset(map(self.compared, self.force.blocked)),
        )
        return plain.groups()

    @cached_property
    def _cut(self) -> dict[tuple[str, str], set[tuple[str, str]]]:
        found: dict[tuple[str, str], set[tuple[str, str]]] = {}
        for pair in self.force.cuts:
            one, other = map(self.compared, pair)
            found.setdefault((one.kind, other.kind), set()).add((one.value, other.value))
            found.setdefault((other.kind, one.kind), set()).add((other.value, one.value))
        return found

    def counts(self, kind: str, value: str, other_kind: str, other: str) -> str:
        """SQL: whether a link between two identifiers counts (expressions of their values)."""
        if not (self.links(kind) and self.links(other_kind)):
            return "false"
        if (kind, other_kind) not in self._cut:
            return "true"
        return f"(({value}, {other}) NOT IN (SELECT (a, b) FROM cut_{kind}_{other_kind}))"

    def load(self, connection: Connection) -> None:
        """Make the tables of the module's head."""
        blocked = sorted(map(self.compared, self.force.blocked))
        table(connection, "void_id", ("kind", "value"), [(each.kind, each.value) for each in blocked])
        hand = [(each.kind, each.value, number) for number, team in enumerate(self.teams) for each in team]
        table(
            connection, "hand_id", ("kind", "value"), [row[:2] for row in hand], team=[row[2] for row in hand]
        )
        for (kind, other), pairs in self._cut.items():
            table(connection, f"cut_{kind}_{other}", ("a", "b"), sorted(pairs))


def table(
    connection: Connection,
    name: str,
    columns: Sequence[str],
    rows: Iterable[tuple[str, ...]],
    **numbers: Sequence[int | None],
) -> None:
    """A temporary table of texts, and of numbers beside them."""
    listed = list(rows)
    if not listed and not any(numbers.values()):
        kinds = [f"{column} VARCHAR" for column in columns] + [f"{column} UBIGINT" for column in numbers]
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({', '.join(kinds)})")
        return
    arrays = {
        column: pa.array([row[place] for row in listed], pa.string()) for place, column in enumerate(columns)
    }
    arrays |= {column: pa.array(values, pa.uint64()) for column, values in numbers.items()}
    connection.register("table_rows", pa.table(arrays))
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM table_rows")
    connection.unregister("table_rows")
