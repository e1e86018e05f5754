"""Writing a condition out again, in canonical form."""

from __future__ import annotations

from typing import Any as Anything

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
        case _:
            return dict(node.document())


def _merged(parts: tuple[Node, ...]) -> dict[str, Anything]:
    """One object for all the parts: as keys those whose order reading will keep, the rest under `all`."""
    merged: dict[str, Anything] = {}
    rank = facet_rank = -1
    for done, part in enumerate(parts):
        ((key, value),) = write(part).items()
        place, facet = key_order().index(key), _facet_rank(part)
        if place > rank:
            merged[key] = value
        elif key == "where" and place == rank:
            ((name, asked),) = value.items()
            if name not in merged["where"]:
                merged["where"][name] = asked
            elif list(merged["where"])[-1] == name and facet > facet_rank:
                merged["where"][name] = _operators(merged["where"][name]) | _operators(asked)
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
    values = {test.operator: [operand.value for operand in test.operands] for test in tests}
    return {name: each if OPERATORS[name].many else each[0] for name, each in values.items()}


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
