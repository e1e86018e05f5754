"""Writing a condition out again, in canonical form."""

from __future__ import annotations

from typing import Any as Anything

from periplus import clock
from periplus.condition.customer import Answered, CustomerPart, Did, Segment, Trait
from periplus.condition.tree import (
    OPERATORS,
    ROOTS,
    All,
    Any,
    Compare,
    Exists,
    Named,
    Node,
    Not,
    Referred,
    Test,
    key_order,
)
from periplus.event import split_path
from periplus.store.columns import OWN


def write(node: Node) -> dict[str, Anything]:
    """The canonical document of a tree; reading it gives the tree again."""
    match node:
        case All(parts):
            return _merged(parts)
        case Any(parts):
            return {"any": [write(part) for part in parts]}
        case Not(part):
            return {"not": write(part)}
        case Named(names):
            return {"event": _one_or_list(names)}
        case Referred(kind, names):
            return {kind: _one_or_list(names)}
        case Exists() | Compare():
            return {"where": {bare(node.path): _facet(node)}}
        case Did():
            return _as_of({"did": _did(node)}, node)
        case Trait(said):
            assert isinstance(said, Exists | Compare)
            return _as_of({"trait": {said.path.removeprefix("traits."): _facet(said)}}, node)
        case Segment(names):
            return _as_of({"segment": _one_or_list(names)}, node)
        case Answered(survey, said):
            return _as_of({"answered": {"survey": survey, **({} if said is None else _where(said))}}, node)


def _as_of(document: dict[str, Anything], part: CustomerPart) -> dict[str, Anything]:
    return document if part.as_of is None else document | {"as_of": part.as_of}


def _did(node: Did) -> dict[str, Anything]:
    found = write(node.event)
    if node.count:
        found["count"] = _tests(node.count)
    if node.within is not None:
        found["within"] = clock.duration_text(node.within)
    if node.since is not None or node.until is not None:
        ends = {"from": node.since, "to": node.until}
        found["between"] = {key: each for key, each in ends.items() if each is not None}
    for amount in node.amounts:
        found.setdefault(amount.measure, {})[bare(amount.path)] = _tests(amount.tests)
    for key, such in (("first", node.first), ("last", node.last)):
        if such is not None:
            found[key] = _where(such)
    for key, near in (("before", node.before), ("after", node.after)):
        if near is not None:
            window = {} if near.within is None else {"within": clock.duration_text(near.within)}
            found[key] = write(near.event) | window
    return found


def _where(node: Node) -> dict[str, Anything]:
    """Tests of properties, as they stand under `where`: each property once, as it was read."""
    found: dict[str, Anything] = {}
    for part in node.parts if isinstance(node, All) else (node,):
        assert isinstance(part, Exists | Compare)
        name = bare(part.path)
        found[name] = _operators(found[name]) | _operators(_facet(part)) if name in found else _facet(part)
    return found


def _merged(parts: tuple[Node, ...]) -> dict[str, Anything]:
    """One object for all the parts: as keys those whose order reading will keep, the rest under `all`."""
    merged: dict[str, Anything] = {}
    rank = facet_rank = -1
    for done, part in enumerate(parts):
        if isinstance(part, CustomerPart) and part.as_of is not None:  # its moment is not that of the others
            return merged | {"all": [write(each) for each in parts[done:]]}
        ((key, value),) = write(part).items()
        place, facet = key_order().index(key), _facet_rank(part.said if isinstance(part, Trait) else part)
        if place > rank:
            merged[key] = value
        elif key in ("where", "trait") and place == rank:
            ((name, asked),) = value.items()
            known = merged[key]
            if name not in known:
                known[name] = asked
            elif list(known)[-1] == name and facet > facet_rank:
                known[name] = _operators(known[name]) | _operators(asked)
            else:
                return merged | {"all": [write(each) for each in parts[done:]]}
        else:
            return merged | {"all": [write(each) for each in parts[done:]]}
        rank, facet_rank = place, facet
    return merged


def _facet_rank(part: Node) -> int:
    return 0 if isinstance(part, Exists) else 1 + (isinstance(part, Compare) and part.every)


def _facet(node: Exists | Compare) -> Anything:
    if isinstance(node, Exists):
        return {"exists": node.present}
    plain = _tests(node.tests)
    return {"every": plain} if node.every else plain


def _tests(tests: tuple[Test, ...]) -> Anything:
    if len(tests) == 1 and tests[0].operator == "eq":
        return tests[0].operands[0].value
    return {test.operator: _asked(test) for test in tests}


def _asked(test: Test) -> Anything:
    """What a test compares with, as it is written."""
    values = [operand.value for operand in test.operands]
    if test.operator == "between":
        return {key: each for key, each in zip(("from", "to"), values, strict=True) if each}
    if test.operands[0].kind == "duration":
        return clock.duration_text(int(values[0]))
    return values if OPERATORS[test.operator].many else values[0]


def _operators(facet: Anything) -> dict[str, Anything]:
    return facet if isinstance(facet, dict) else {"eq": facet}


def _one_or_list(names: tuple[str, ...]) -> str | list[str]:
    return names[0] if len(names) == 1 else list(names)


def bare(path: str) -> str:
    """The shortest name of a full path that reads as this path again.

    >>> bare("properties.price"), bare("properties.channel"), bare("context.ip")
    ('price', 'properties.channel', 'context.ip')
    """
    if not path.startswith("properties."):
        return path
    name = path.removeprefix("properties.")
    keys = split_path(name)
    hidden = name in OWN or not name or (keys[0] in ROOTS and len(keys) > 1)
    return path if hidden else name
