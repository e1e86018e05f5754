"""The one rule language: a tree of tests over an event and over its customer, with three readings that agree.

A `Condition` is read once from its document; then it is SQL over a file of events (`sql`), a predicate
on one event in memory (`matches`), and an English phrase (`english`). What it says of the customer is read by
`holds` in memory, and by the engine (`journeys/customer_condition`). docs/conditions.md is its page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any as Anything
from zoneinfo import ZoneInfo

from periplus.condition import customer_memory, memory
from periplus.condition.customer import CustomerPart, Did
from periplus.condition.customer_memory import Life
from periplus.condition.document import write
from periplus.condition.english import english, of_customer
from periplus.condition.parse_customer import check_of_customers
from periplus.condition.parse_customer import parse as read
from periplus.condition.sql import sql
from periplus.condition.times import UTC
from periplus.condition.tree import (
    All,
    Any,
    Compare,
    Exists,
    Named,
    Node,
    Not,
    Referred,
    deep,
    given,
    nodes,
    resolve,
    speaks_of_customer,
)
from periplus.store.columns import FileColumns

__all__ = ["Condition", "Life"]


@dataclass(frozen=True)
class Condition:
    """A condition that was understood; equal if it says the same in the same words and order.

    >>> added = Condition.parse({"event": "Product Added", "where": {"price": {"gte": 10}}})
    >>> added.matches({"event": "Product Added", "properties": {"price": 12}})
    True
    >>> added.english()
    'Product Added where price is at least 10'
    """

    tree: Node

    @classmethod
    def parse(cls, document: Mapping[str, Anything], *, where: str = "condition") -> Condition:
        """The condition of a document; `{}` is every event. `where` names its place in messages.

        Raises QuestionError with code `condition` for whatever it does not understand.
        """
        return cls(read(document, where))

    def document(self) -> dict[str, Anything]:
        """The canonical document: `Condition.parse(c.document()) == c`."""
        return write(self.tree)

    def names(self) -> frozenset[str] | None:
        """The event names it can match, in NFC; None where it might match any."""
        return _names(self.tree)

    def given(self, name: str) -> Condition:
        """What is left to test of an event that is known to have this name (in NFC)."""
        return Condition(given(self.tree, name))

    def only_names(self) -> bool:
        """Whether the event's name alone decides it."""
        return all(isinstance(node, All | Any | Not | Named) for node in nodes(self.tree))

    def paths(self) -> frozenset[str]:
        """The full paths it reads; `channel`, `source`, `department` for the event's own columns."""
        found: set[str] = set()
        for node in nodes(self.tree):
            match node:
                case Exists(path) | Compare(path):
                    found.add(path)
                case _:
                    pass
        return frozenset(found)

    def literals(self) -> list[tuple[str, object]]:
        """Each (path, value) it compares for equality, for warnings about values never seen."""
        return [
            (node.path, operand.value)
            for node in nodes(self.tree)
            if isinstance(node, Compare)
            for test in node.tests
            if test.operator in ("eq", "ne", "in", "not_in")
            for operand in test.operands
        ]

    def speaks_of_customer(self) -> bool:
        """Whether it says something of the customer, and so needs a life and a moment (`holds`)."""
        return speaks_of_customer(self.tree)

    def check_of_customers(self, at: str) -> None:
        """Raise QuestionError where some part speaks of a single event: a customer alone is meant."""
        check_of_customers(self.tree, at)

    def inner(self) -> list[Condition]:
        """The conditions on single events inside what it says of the customer, for warnings."""
        parts = [node for node in nodes(self.tree) if isinstance(node, CustomerPart)]
        amounts = [
            Exists(each.path, True) for part in parts if isinstance(part, Did) for each in part.amounts
        ]
        return [Condition(each) for part in parts for each in part.about_events()] + [
            Condition(each) for each in amounts
        ]

    def comparisons(self) -> list[tuple[str, str, str, object]]:
        """Each (path, operator, kind of operand, operand) it compares, for warnings about kinds that do not fit."""
        return [
            (node.path, test.operator, operand.kind, operand.value)
            for node in nodes(self.tree)
            if isinstance(node, Compare)
            for test in node.tests
            for operand in test.operands
        ]

    def references(self) -> frozenset[tuple[str, str]]:
        """The touchpoints and stages it names, as (kind, name): what `resolve` will ask for."""
        return frozenset(
            (node.kind, name) for node in deep(self.tree) if isinstance(node, Referred) for name in node.names
        )

    def resolve(self, lookup: Callable[[str, str], Condition | None]) -> Condition:
        """The condition with each touchpoint and stage replaced by the rule a map gives it.

        `lookup("touchpoint", step_id)` and `lookup("stage", name)` return the rule, None if nobody can
        measure it (an error here), or raise if the map has no such thing.
        """

        def meaning(kind: str, name: str) -> Node | None:
            found = lookup(kind, name)
            return None if found is None else found.tree

        return Condition(resolve(self.tree, meaning))

    def sql(self, columns: FileColumns) -> tuple[str, list[object]]:
        """A boolean SQL expression over one file, never NULL, and the values to bind to its `?`."""
        return sql(self.tree, columns)

    def matches(self, event: Mapping[str, Anything], zone: ZoneInfo = UTC) -> bool:
        """Whether one event meets it. The mapping has event, type, channel, source, department,
        properties, context and traits (`Event.facts()`), and `time` in microseconds UTC; what is missing is missing.
        Times without an offset are those of the clock in `zone`."""
        return memory.matches(self.tree, event, zone)

    def holds(self, life: Life) -> bool:
        """Whether it holds in a customer's life, at the moment that the life names."""
        return customer_memory.holds(self.tree, life)

    def english(self) -> str:
        """The condition as an English phrase that names events."""
        return english(self.tree)

    def of_customer(self) -> str:
        """The condition as an English clause about a customer."""
        return of_customer(self.tree)


def _names(node: Node) -> frozenset[str] | None:
    match node:
        case Named(names):
            return frozenset(names)
        case All(parts):
            known = [each for part in parts if (each := _names(part)) is not None]
            return frozenset.intersection(*known) if known else None
        case Any(parts):
            known = [each for part in parts if (each := _names(part)) is not None]
            return frozenset().union(*known) if len(known) == len(parts) else None
        case Not(All(())):
            return frozenset()
        case _:
            return None
