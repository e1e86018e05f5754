"""Reading what a condition says of an event: every word checked, every message with its place.

`parse_customer` adds what it says of the customer, and has `parse`.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any as Anything
from typing import ClassVar

from periplus import clock
from periplus.condition import times
from periplus.condition.pattern import pattern
from periplus.condition.tree import (
    OPERATORS,
    ROOTS,
    Compare,
    Exists,
    Named,
    Node,
    Not,
    Operand,
    Referred,
    Test,
    both,
    either,
    key_order,
)
from periplus.condition.values import INT64
from periplus.errors import PeriplusError, QuestionError, unknown
from periplus.event import join_path, split_path
from periplus.store.columns import OWN

MAX_DEPTH = 20
MAX_NODES = 1000
MAX_VALUES = 10_000
MAX_TEXT = 10_000


def wrong(at: str, message: str, hint: str = "", allowed: Sequence[str] = ()) -> QuestionError:
    """The error of a condition: where it is, what is wrong, what to do."""
    return QuestionError(f"{at}: {message}", code="condition", hint=hint, allowed=allowed)


def misspelt(at: str, what: str, word: object, known: Sequence[str]) -> QuestionError:
    """The error of a word nobody knows; names the nearest known one."""
    message, hint, allowed = unknown(what, str(word)[:60], known)
    return wrong(at, message[0].lower() + message[1:], hint, allowed)


@dataclass
class EventReader:
    """Reads one document, and stops at one that is absurdly long before the tree is there."""

    seen: int = 0

    def condition(self, document: object, at: str, depth: int) -> Node:
        if not isinstance(document, Mapping):
            raise wrong(
                at, f"a condition is an object, not {short(document)}.", "Write {event: Product Added}."
            )
        if depth > MAX_DEPTH:
            raise wrong(at, f"conditions lie more than {MAX_DEPTH} deep in each other.", "Make it flatter.")
        self.count(at)
        for key in document:
            if key not in key_order():
                raise misspelt(at, "key", key, key_order())
        return both(self.parts(document, at, depth))

    def parts(self, document: Mapping[Anything, object], at: str, depth: int) -> list[Node]:
        """What each key of a document says, in the order of reading."""
        found: list[Node] = []
        for key in key_order():
            if key in document:
                found += getattr(self, self.READ[key])(document[key], f"{at}.{key}", depth)
        return found

    def count(self, at: str, more: int = 1) -> None:
        self.seen += more
        if self.seen > MAX_VALUES:
            raise wrong(
                at, f"the condition has more than {MAX_VALUES} parts and values.", "Ask for less at once."
            )

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
            raise wrong(at, f"this is a list of conditions, not {short(value)}.", "Write [{…}, {…}].")
        if not value:
            raise wrong(at, "the list of conditions is empty.", "Leave it out, or put a condition in.")
        return [self.condition(each, f"{at}[{i}]", depth + 1) for i, each in enumerate(value)]

    def where(self, value: object, at: str, depth: int) -> list[Node]:
        if not isinstance(value, Mapping):
            raise wrong(
                at, f"this is an object of properties, not {short(value)}.", "Write {price: {gte: 10}}."
            )
        parts: list[Node] = []
        for name, compared in value.items():
            parts += self.property(full_path(name, at), compared, f"{at}.{name}")
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
            if operator in times.OPERATORS:
                self.count(place)
                found.append(Test(operator, self.times(operator, value, place)))
                continue
            operands = [value]
            if spec.many:
                if not isinstance(value, list | tuple):
                    raise wrong(place, f"this takes a list, not {short(value)}.", "Write [a, b].")
                if not value:
                    raise wrong(place, "the list of values is empty.", "Put at least one value in.")
                operands = list(value)
            self.count(place, len(operands))
            found.append(Test(operator, tuple(_operand(each, operator, place) for each in operands)))
        return tuple(found)

    def times(self, operator: str, value: object, at: str) -> tuple[Operand, ...]:
        """What a time is compared with: moments, or a length of time."""
        if operator in times.RELATIVE:
            return (Operand("duration", self.duration(value, at)),)
        if operator != "between":
            return (Operand("time", self.written_time(value, at)),)
        since, until = self.between(value, at, self.written_time)
        if since is None and until is None:
            raise wrong(at, "it has no end.", "Write {from: 2026-01-01, to: 2026-07-01}.")
        return (Operand("time", since or ""), Operand("time", until or ""))

    def between(
        self, value: object, at: str, read: Callable[[object, str], str]
    ) -> tuple[str | None, str | None]:
        if not isinstance(value, Mapping) or not value:
            raise wrong(
                at, f"this is an object, not {short(value)}.", "Write {from: 2026-01-01, to: 2026-07-01}."
            )
        for key in value:
            if key not in ("from", "to"):
                raise misspelt(at, "key", key, ("from", "to"))
        since, until = (
            read(value[key], f"{at}.{key}") if value.get(key) is not None else None for key in ("from", "to")
        )
        if since is not None and until is not None and _instant(until) <= _instant(since):
            raise wrong(at, "it ends before it begins.", "`from` is in, `to` is out: swap them.")
        return since, until

    def written_time(self, value: object, at: str) -> str:
        text = value.isoformat() if isinstance(value, date) else value
        if not isinstance(text, str) or times.time_of(text) is None:
            raise wrong(at, f"{short(value)} is no time.", times.HINT)
        return text

    def duration(self, value: object, at: str) -> int:
        hint = "Write a whole number and one of s, m, h, d, w, such as '90d'."
        if not isinstance(value, str):
            raise wrong(at, f"{short(value)} is no duration.", hint)
        try:
            return clock.duration(value)
        except PeriplusError:
            raise wrong(at, f"{short(value)} is no duration.", hint) from None

    def names(self, value: object, at: str) -> tuple[str, ...]:
        names = list(value) if isinstance(value, list | tuple) else [value]
        self.count(at, len(names))
        if not names:
            raise wrong(at, "the list of names is empty.", "Put at least one name in, or leave it out.")
        for name in names:
            if not isinstance(name, str) or not name:
                raise wrong(at, f"a name is a text, not {short(name)}.", "Write a name, or a list of names.")
        return tuple(dict.fromkeys(_nfc(str(name), at) for name in names))

    READ: ClassVar[dict[str, str]] = {
        "event": "event",
        "touchpoint": "touchpoint",
        "stage": "stage",
        "where": "where",
        "any": "any_of",
        "not": "none_of",
        "all": "every_of",
    }
    """The method that reads each key."""


def full_path(name: object, at: str) -> str:
    """The full path of a name in `where`: bare ones are properties, but for the event's own columns."""
    if not isinstance(name, str) or not name:
        raise wrong(at, f"a property has a name, not {short(name)}.", "Write {price: {gte: 10}}.")
    encodable(name, at)
    if "\x00" in name or len(name) > 1000:
        raise wrong(at, f"{short(name)} cannot be the name of a property.", "Shorten it.")
    if name in OWN:
        return name
    keys = split_path(name)
    return join_path(keys if keys[0] in ROOTS and len(keys) > 1 else ("properties", *keys))


def _operand(value: object, operator: str, at: str) -> Operand:
    if isinstance(value, date):  # YAML reads a bare 2026-01-01 as a date; events hold it as text
        value = value.isoformat()
    found: Operand
    if isinstance(value, bool):
        found = Operand("bool", value)
    elif isinstance(value, int):
        if abs(value) > 10**300:
            raise wrong(at, "this number is too large to compare with.", "Write it as a text.")
        # An event's whole number beyond 64 bits is kept as a double, and so is what it is compared with.
        found = Operand("number", value if value in INT64 else float(value))
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
            at, f"{short(value)} is no value to compare with.", "Write a text, a number, true or false."
        )
    kinds = OPERATORS[operator].kinds
    if found.kind not in kinds:
        hint = f"Write a {' or a '.join(kinds)}."
        raise wrong(at, f"{operator!r} does not take {short(value)}.", hint)
    if operator in ("contains", "starts_with", "ends_with", "matches") and not found.value:
        raise wrong(at, f"{operator!r} takes a text that is not empty.", "Use {exists: true} for any value.")
    if operator == "matches":
        try:
            pattern(str(found.value))
        except ValueError as error:
            raise wrong(at, f"{short(value)} is not a pattern we can use: {error}.", PATTERN_HINT) from None
    return found


PATTERN_HINT = "Use letters, classes, groups, |, ?, *, +, {m,n}, ^, $ and \\b; no look-around, no references."


def _flag(value: object, at: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(at, f"this takes true or false, not {short(value)}.", "Write {exists: true}.")
    return value


def _nfc(text: str, at: str) -> str:
    if len(text) > MAX_TEXT:
        raise wrong(at, f"a text is longer than {MAX_TEXT} characters.", "Shorten it.")
    encodable(text, at)
    return unicodedata.normalize("NFC", text)


def encodable(text: str, at: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise wrong(at, "a text holds half a character (a lone surrogate).", "Send it as UTF-8.") from None


def _instant(text: str) -> int:
    return clock.instant(text, clock.zone("UTC"))


def short(value: object) -> str:
    text = repr(value) if not isinstance(value, str) else value
    return repr(text[:60]) if isinstance(value, str) else text[:60]
