"""The reading aloud: a condition as an English sentence. All its words are in `WORDS`."""

from __future__ import annotations

import json

from periplus.condition.document import bare
from periplus.condition.tree import All, Any, Compare, Exists, Named, Node, Not, Operand, Referred, Test

WORDS = {
    "everything": "any event",
    "where": "{subject} where {clauses}",
    "touchpoint": "an event on the touchpoint {names}",
    "stage": "an event in the stage {names}",
    "is": "it is {subject}",
    "not": "it is not the case that {clause}",
    "anything but": "any event but {subject}",
    "either": "either {clauses}",
    "and": "{first} and {last}",
    "or": "{first} or {last}",
    "group": "({clause})",
    "every": "for every value, {clause}",
    "exists": "{path} is there",
    "missing": "{path} is not there",
    "eq": "{path} is {value}",
    "ne": "{path} is other than {value}",
    "gt": "{path} is more than {value}",
    "gte": "{path} is at least {value}",
    "lt": "{path} is less than {value}",
    "lte": "{path} is at most {value}",
    "in": "{path} is {value}",
    "not_in": "{path} is other than {value}",
    "contains": "{path} contains {value}",
    "starts_with": "{path} starts with {value}",
    "ends_with": "{path} ends with {value}",
    "matches": "{path} matches the pattern {value}",
    "text": "“{value}”",
}
"""Every template of the sentence, by what it is for; operators by their own names."""


def english(node: Node) -> str:
    """The tree as a phrase that names events: `Product Added where price is at least 10`."""
    match node:
        case All(()):
            return WORDS["everything"]
        case All((Named() | Referred() as first, *others)):
            clauses = _joined("and", [_grouped(part) for part in others])
            return WORDS["where"].format(subject=english(first), clauses=clauses)
        case Named(names):
            return _joined("or", list(names))
        case Referred(kind, names):
            return WORDS[kind].format(names=_joined("or", list(names)))
        case Any(parts) if all(isinstance(part, Named | Referred) for part in parts):
            return _joined("or", [english(part) for part in parts])
        case Not(Named() | Referred() as part):
            return WORDS["anything but"].format(subject=english(part))
        case All() | Any() | Not() | Exists() | Compare():
            return WORDS["where"].format(subject=WORDS["everything"], clauses=_clause(node))
        case _:
            return node.english()


def _clause(node: Node) -> str:
    """The tree as a clause about one event, that can follow "where"."""
    match node:
        case All((Named() | Referred(), *_)) | All(()):
            return WORDS["is"].format(subject=english(node))
        case All(parts):
            return _joined("and", [_grouped(part) for part in parts])
        case Any(parts):
            return WORDS["either"].format(clauses=_joined("or", [_grouped(part) for part in parts]))
        case Not(part):
            return WORDS["not"].format(clause=_grouped(part))
        case Exists(path, present):
            return WORDS["exists" if present else "missing"].format(path=bare(path))
        case Compare(path, tests, every):
            clause = _joined("and", [_test(bare(path), test) for test in tests])
            return WORDS["every"].format(clause=clause) if every else clause
        case _:
            return WORDS["is"].format(subject=english(node))


def _grouped(node: Node) -> str:
    """A clause within a longer one: in brackets where it would run into its neighbours."""
    match node:
        case All((_, _, *_)) | Any() | Not():
            return WORDS["group"].format(clause=_clause(node))
        case Compare(_, (_, _, *_)) | Compare(every=True):
            return WORDS["group"].format(clause=_clause(node))
        case _:
            return _clause(node)


def _test(path: str, test: Test) -> str:
    value = _joined("or", [_value(operand) for operand in test.operands])
    return WORDS[test.operator].format(path=path, value=value)


def _value(operand: Operand) -> str:
    if operand.kind == "text":
        return WORDS["text"].format(value=operand.value)
    return json.dumps(operand.value)


def _joined(word: str, phrases: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(phrases) == 1:
        return phrases[0]
    return WORDS[word].format(first=", ".join(phrases[:-1]), last=phrases[-1])
