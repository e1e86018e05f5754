"""What a condition consists of, once read: a small tree of frozen records.

The readings (memory, sql, english) walk it; parse makes it and writes it out again. `All` and `Any` are
never nested in themselves and never hold a single part; `All(())` is every event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from periplus.condition.customer import Answered, CustomerPart, Did, Near, Segment, Trait
from periplus.errors import QuestionError

OperandKind = Literal["text", "number", "bool", "time", "duration"]
Reference = Literal["touchpoint", "stage"]


class Operand(NamedTuple):
    """A compared value and how it compares. The kind keeps True and 1 apart.

    A time is as it was written (of `between` an empty text: no end), a duration in microseconds.
    """

    kind: OperandKind
    value: str | int | float | bool


class Operator(NamedTuple):
    """One operator: what it takes, and whether a list of it."""

    kinds: tuple[OperandKind, ...]
    many: bool = False


ANY_KIND: tuple[OperandKind, ...] = ("text", "number", "bool")
OPERATORS: dict[str, Operator] = {
    "eq": Operator(ANY_KIND),
    "ne": Operator(ANY_KIND),
    "gt": Operator(("text", "number")),
    "gte": Operator(("text", "number")),
    "lt": Operator(("text", "number")),
    "lte": Operator(("text", "number")),
    "in": Operator(ANY_KIND, many=True),
    "not_in": Operator(ANY_KIND, many=True),
    "contains": Operator(("text",)),
    "starts_with": Operator(("text",)),
    "ends_with": Operator(("text",)),
    "matches": Operator(("text",)),
    "before": Operator(("time",)),
    "after": Operator(("time",)),
    "between": Operator(("time",)),
    "within": Operator(("duration",)),
    "ahead": Operator(("duration",)),
}
"""All operators but `exists`, which asks about the path and compares nothing."""


@dataclass(frozen=True)
class Test:
    """One comparison: an operator of `OPERATORS` and its operands (one, or a list's)."""

    __test__ = False  # not a test case of pytest

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class All:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Any:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Not:
    part: Node


@dataclass(frozen=True)
class Named:
    """The event has one of these names (in NFC)."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Referred:
    """The event is on one of these touchpoints, or in one of these stages, of a map."""

    kind: Reference
    names: tuple[str, ...]


@dataclass(frozen=True)
class Exists:
    """The path holds something, or (`present` false) nothing."""

    path: str
    present: bool


@dataclass(frozen=True)
class Compare:
    """One value of the path (with `every`: each) meets all the tests."""

    path: str
    tests: tuple[Test, ...]
    every: bool = False


Node = All | Any | Not | Named | Referred | Exists | Compare | CustomerPart

CUSTOMER_KEYS = ("did", "did_not", "trait", "segment", "answered")
"""The keys that speak of the customer."""


ROOTS = ("properties", "context", "traits")
"""What a full path begins with; any other name in `where` is a property."""


def key_order() -> tuple[str, ...]:
    """The keys of a condition in the order of reading; the parts of `all` follow the others, `as_of` is no part."""
    return ("event", "touchpoint", "stage", "where", "any", "not", *CUSTOMER_KEYS, "all", "as_of")


def nodes(root: Node) -> Iterator[Node]:
    """Every node of a tree, the root first."""
    waiting: list[Node] = [root]
    while waiting:
        node = waiting.pop()
        yield node
        match node:
            case All(parts) | Any(parts):
                waiting.extend(reversed(parts))
            case Not(part):
                waiting.append(part)


def deep(root: Node) -> Iterator[Node]:
    """Every node of a tree, and of the conditions on single events inside its parts about the customer."""
    for node in nodes(root):
        yield node
        if isinstance(node, CustomerPart):
            for inner in node.about_events():
                yield from nodes(inner)


def both(parts: list[Node]) -> Node:
    """All of them: flat, and the part itself where there is but one."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, All) else (part,))]
    return flat[0] if len(flat) == 1 else All(tuple(flat))


def either(parts: list[Node]) -> Node:
    """Any of them: flat, and the part itself where there is but one."""
    flat = [each for part in parts for each in (part.parts if isinstance(part, Any) else (part,))]
    return flat[0] if len(flat) == 1 else Any(tuple(flat))


EVERY: Node = All(())
NONE: Node = Not(EVERY)


def given(node: Node, name: str) -> Node:
    """What is left of a tree for events that are known to have this name: no test of names."""
    match node:
        case Named(names):
            return EVERY if name in names else NONE
        case Not(part):
            left = given(part, name)
            return left.part if isinstance(left, Not) else Not(left)
        case All(parts):
            kept = [left for part in parts if (left := given(part, name)) != EVERY]
            return NONE if NONE in kept else both(kept)
        case Any(parts):
            kept = [left for part in parts if (left := given(part, name)) != NONE]
            return EVERY if EVERY in kept else either(kept) if kept else NONE
        case _:
            return node


def settled(node: Node, values: Mapping[CustomerPart, bool]) -> Node:
    """What is left of a tree where some of its parts about the customer are known to hold, or not to."""
    match node:
        case Not(part):
            left = settled(part, values)
            return left.part if isinstance(left, Not) else Not(left)
        case All(parts):
            kept = [left for part in parts if (left := settled(part, values)) != EVERY]
            return NONE if NONE in kept else both(kept)
        case Any(parts):
            kept = [left for part in parts if (left := settled(part, values)) != NONE]
            return EVERY if EVERY in kept else either(kept) if kept else NONE
        case Did() | Trait() | Segment() | Answered() if node in values:
            return EVERY if values[node] else NONE
        case _:
            return node


Lookup = Callable[[str, str], Node | None]


def resolve(node: Node, lookup: Lookup) -> Node:
    """The tree with each touchpoint and stage replaced by what `lookup(kind, name)` says it means."""
    match node:
        case All(parts):
            return both([resolve(part, lookup) for part in parts])
        case Any(parts):
            return either([resolve(part, lookup) for part in parts])
        case Not(part):
            return Not(resolve(part, lookup))
        case Referred(kind, names):
            found = [(name, lookup(kind, name)) for name in names]
            for name, meaning in found:
                if meaning is None:
                    raise QuestionError(
                        f"The {kind} {name!r} has no rule on this map, so no event is on it.",
                        code="condition",
                        hint="Choose one that is measured.",
                    )
            return either([meaning for _, meaning in found if meaning is not None])
        case Did(event, before=before, after=after):
            near = [each and Near(resolve(each.event, lookup), each.within) for each in (before, after)]
            return replace(node, event=resolve(event, lookup), before=near[0], after=near[1])
        case _:
            return node


def speaks_of_customer(node: Node) -> bool:
    """Whether some part of a tree is about the customer, not about an event alone."""
    return any(isinstance(each, CustomerPart) for each in nodes(node))
