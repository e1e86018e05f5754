"""Reading a condition from its document, and writing it out again in canonical form."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any as Anything
from typing import ClassVar

from periplus.condition.pattern import pattern
from periplus.condition.tree import (
    CUSTOMER_KEYS,
    OPERATORS,
    All,
    Any,
    Compare,
    Exists,
    Named,
    Node,
    Not,
    Operand,
    Referred,
    Test,
    both,
    customer_parts,
    either,
    nodes,
)
from periplus.errors import QuestionError, unknown
from periplus.event import join_path, split_path
from periplus.store.columns import OWN

KEYS = ("event", "touchpoint", "stage", "where", "any", "not", "all")
ROOTS = ("properties", "context", "traits")
MAX_DEPTH = 20
MAX_NODES = 1000
MAX_VALUES = 10_000
MAX_TEXT = 10_000


def wrong(at: str, message: str, hint: str = "", allowed: Sequence[str] = ()) -> QuestionError:
    """The error of a condition: where it is, what is wrong, what to do."""
    return QuestionError(f"{at}: {message}", code="condition", hint=hint, allowed=allowed)


def misspelt(at: str, what: str, word: object, known: Sequence[str]) -> QuestionError:
    """The error of a word nobody knows; names the nearest known one."""
    message, hint, allowed = unknown(what, _short(word), known)
    return wrong(at, message[0].lower() + message[1:], hint, allowed)


def parse(document: Mapping[str, Anything], at: str) -> Node:
    """The tree of a document; `at` says where the document stands, for the messages."""
    tree = _Reader().condition(document, at, 1)
    weights = [len(node.tests) if isinstance(node, Compare) else 1 for node in nodes(tree)]
    if sum(weights) > MAX_NODES:
        raise wrong(at, f"the condition has more than {MAX_NODES} parts.", "Use `in` with a list of values.")
    return tree


@dataclass
class _Reader:
    """Reads one document, and stops at one that is absurdly long before the tree is there."""

    seen: int = 0

    def condition(self, document: object, at: str, depth: int) -> Node:
        if not isinstance(document, Mapping):
            raise wrong(
                at, f"a condition is an object, not {_short(document)}.", "Write {event: Product Added}."
            )
        if depth > MAX_DEPTH:
            raise wrong(at, f"conditions lie more than {MAX_DEPTH} deep in each other.", "Make it flatter.")
        self.count(at)
        for key in document:
            if key not in KEYS and key not in customer_parts:
                raise self.unknown_key(at, key)
        parts: list[Node] = []
        for key in _order():
            if key in document and key in customer_parts:
                parts.append(customer_parts[key](document[key], f"{at}.{key}"))
            elif key in document:
                parts += self.READ[key](self, document[key], f"{at}.{key}", depth)
        return both(parts)

    def one(self, at: str) -> None:
        self.count += 1
        if self.count > MAX_NODES:
            raise wrong(
                at, f"the condition has more than {MAX_NODES} parts.", "Use `in` with a list of values."
            )

    @staticmethod
    def unknown_key(at: str, key: object) -> QuestionError:
        if key in CUSTOMER_KEYS:
            hint = "Describe the event itself, with `event` and `where`."
            return wrong(at, f"{key!r} speaks of the customer; that is not available here yet.", hint)
        return misspelt(at, "key", key, (*KEYS, *customer_parts))

    def event(self, value: object, at: str, depth: int) -> list[Node]:
        return [Named(self.names(value, at))]

    def touchpoint(self, value: object, at: str, depth: int) -> list[Node]:
        return [Referred("touchpoint", self.names(value, at))]

    def stage(self, value: object, at: str, depth: int) -> list[Node]:
        return [Referred("stage", self.names(value, at))]

    def every_of(self, value: object, at: str, depth: int) -> list[Node]:
        return [both(self.several(value, at, depth))]

    def any_of(self, value: object, at: str, depth: int) -> list[Node]:
        return [either(self.several(value, at, depth))]

    def none_of(self, value: object, at: str, depth: int) -> list[Node]:
        return [Not(self.condition(value, at, depth + 1))]

    def several(self, value: object, at: str, depth: int) -> list[Node]:
        if not isinstance(value, list | tuple):
            raise wrong(at, f"this is a list of conditions, not {_short(value)}.", "Write [{…}, {…}].")
        if not value:
            raise wrong(at, "the list of conditions is empty.", "Leave it out, or put a condition in.")
        return [self.condition(each, f"{at}[{i}]", depth + 1) for i, each in enumerate(value)]

    def where(self, value: object, at: str, depth: int) -> list[Node]:
        if not isinstance(value, Mapping):
            raise wrong(
                at, f"this is an object of properties, not {_short(value)}.", "Write {price: {gte: 10}}."
            )
        parts: list[Node] = []
        for name, compared in value.items():
            parts += self.property(_path(name, at), compared, f"{at}.{name}")
        return parts

    def property(self, path: str, compared: object, at: str) -> list[Node]:
        self.count(at)
        if not isinstance(compared, Mapping):
            return [Compare(path, (Test("eq", (_operand(compared, "eq", at),)),))]
        if not compared:
            hint = "Write {exists: true}, or an operator such as {gte: 10}."
            raise wrong(at, "nothing is asked of this property.", hint)
        known = (*OPERATORS, "exists", "every")
        for operator in compared:
            if operator not in known:
                raise misspelt(at, "operator", operator, known)
        parts: list[Node] = []
        if "exists" in compared:
            parts.append(Exists(path, _flag(compared["exists"], f"{at}.exists")))
        tests = self.tests({key: each for key, each in compared.items() if key in OPERATORS}, at)
        if tests:
            parts.append(Compare(path, tests))
        if "every" in compared:
            parts.append(Compare(path, self.each(compared["every"], f"{at}.every"), every=True))
        return parts

    def each(self, compared: object, at: str) -> tuple[Test, ...]:
        if not isinstance(compared, Mapping):
            return (Test("eq", (_operand(compared, "eq", at),)),)
        for operator in compared:
            if operator not in OPERATORS:
                raise misspelt(at, "operator", operator, tuple(OPERATORS))
        if not compared:
            raise wrong(at, "nothing is asked of every value.", "Write an operator such as {gte: 10}.")
        return self.tests(compared, at)

    def tests(self, compared: Mapping[str, object], at: str) -> tuple[Test, ...]:
        found = []
        for operator, spec in OPERATORS.items():
            if operator not in compared:
                continue
            place, value = f"{at}.{operator}", compared[operator]
            operands = [value]
            if spec.many:
                if not isinstance(value, list | tuple):
                    raise wrong(place, f"this takes a list, not {_short(value)}.", "Write [a, b].")
                if not value:
                    raise wrong(place, "the list of values is empty.", "Put at least one value in.")
                if len(value) > MAX_LIST:
                    raise wrong(
                        place, f"the list has more than {MAX_LIST} values.", "Ask for fewer at a time."
                    )
                operands = list(value)
            self.count(place, len(operands))
            found.append(Test(operator, tuple(_operand(each, operator, place) for each in operands)))
        return tuple(found)

    def names(self, value: object, at: str) -> tuple[str, ...]:
        names = list(value) if isinstance(value, list | tuple) else [value]
        self.count(at, len(names))
        if not names:
            raise wrong(at, "the list of names is empty.", "Put at least one name in, or leave it out.")
        for name in names:
            if not isinstance(name, str) or not name:
                raise wrong(at, f"a name is a text, not {_short(name)}.", "Write a name, or a list of names.")
        return tuple(dict.fromkeys(_nfc(str(name), at) for name in names))

    READ: ClassVar[dict[str, Callable[[_Reader, object, str, int], list[Node]]]] = {
        "event": event,
        "touchpoint": touchpoint,
        "stage": stage,
        "where": where,
        "any": any_of,
        "not": none_of,
        "all": every_of,
    }


def _path(name: object, at: str) -> str:
    """The full path of a name in `where`: bare ones are properties, but for the event's own columns."""
    if not isinstance(name, str) or not name:
        raise wrong(at, f"a property has a name, not {_short(name)}.", "Write {price: {gte: 10}}.")
    _encodable(name, at)
    if "\x00" in name or len(name) > 1000:
        raise wrong(at, f"{_short(name)} cannot be the name of a property.", "Shorten it.")
    if name in OWN:
        return name
    keys = split_path(name)
    return join_path(keys if keys[0] in ROOTS and len(keys) > 1 else ("properties", *keys))


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


def _operand(value: object, operator: str, at: str) -> Operand:
    if isinstance(value, date):  # YAML reads a bare 2026-01-01 as a date; events hold it as text
        value = value.isoformat()
    found: Operand
    if isinstance(value, bool):
        found = Operand("bool", value)
    elif isinstance(value, int):
        if abs(value) > 10**300:
            raise wrong(at, "this number is too large to compare with.", "Write it as a text.")
        found = Operand("number", value)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise wrong(at, f"{value} is not a number to compare with.", "Write a finite number.")
        found = Operand("number", int(value) if value.is_integer() and abs(value) < 2**53 else value)
    elif isinstance(value, str):
        found = Operand("text", _nfc(value, at))
    elif value is None:
        raise wrong(at, "null is no value to compare with.", "Write {exists: false} for what is missing.")
    elif isinstance(value, list | tuple):
        raise wrong(at, "a list cannot be compared as one value.", "Write {in: [a, b]}.")
    else:
        raise wrong(
            at, f"{_short(value)} is no value to compare with.", "Write a text, a number, true or false."
        )
    kinds = OPERATORS[operator].kinds
    if found.kind not in kinds:
        hint = f"Write a {' or a '.join(kinds)}."
        raise wrong(at, f"{operator!r} does not take {_short(value)}.", hint)
    if operator in ("contains", "starts_with", "ends_with", "matches") and not found.value:
        raise wrong(at, f"{operator!r} takes a text that is not empty.", "Use {exists: true} for any value.")
    if operator == "matches":
        try:
            pattern(str(found.value))
        except ValueError as error:
            raise wrong(at, f"{_short(value)} is not a pattern we can use: {error}.", PATTERN_HINT) from None
    return found


PATTERN_HINT = "Use letters, classes, groups, |, ?, *, +, {m,n}, ^, $ and \\b; no look-around, no references."


def _flag(value: object, at: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(at, f"this takes true or false, not {_short(value)}.", "Write {exists: true}.")
    return value


def _nfc(text: str, at: str) -> str:
    if len(text) > MAX_TEXT:
        raise wrong(at, f"a text is longer than {MAX_TEXT} characters.", "Shorten it.")
    _encodable(text, at)
    return unicodedata.normalize("NFC", text)


def _encodable(text: str, at: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise wrong(at, "a text holds half a character (a lone surrogate).", "Send it as UTF-8.") from None


def _short(value: object) -> str:
    text = repr(value) if not isinstance(value, str) else value
    return repr(text[:60]) if isinstance(value, str) else text[:60]


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


def _order() -> tuple[str, ...]:
    """The keys in the order in which they are read; `all` last, so that its parts follow the others."""
    return (*KEYS[:-1], *customer_parts, KEYS[-1])


def _merged(parts: tuple[Node, ...]) -> dict[str, Anything]:
    """One object for all the parts: as keys those whose order reading will keep, the rest under `all`."""
    merged: dict[str, Anything] = {}
    rank = facet_rank = -1
    for done, part in enumerate(parts):
        ((key, value),) = write(part).items()
        place, facet = _order().index(key), _facet_rank(part)
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
                    hint = "Choose a step that has a rule."
                    raise wrong(kind, f"{name!r} has no rule on this map, so no event is on it.", hint)
            return either([meaning for _, meaning in found if meaning is not None])
        case _:
            return node
