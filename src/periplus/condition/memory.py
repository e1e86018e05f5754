"""The reading in memory: whether one event, as a mapping, meets a condition."""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any as Anything
from zoneinfo import ZoneInfo

from periplus.condition import times
from periplus.condition.customer import CustomerPart
from periplus.condition.pattern import pattern
from periplus.condition.tree import All, Any, Compare, Exists, Named, Node, Not, Operand, Referred, Test
from periplus.condition.values import number_is_finite, number_of, slots, text_of, truth_of
from periplus.errors import QuestionError
from periplus.event import split_path

FORMS: dict[str, Callable[[object], Anything]] = {"text": text_of, "number": number_of, "bool": truth_of}
COMPARED: dict[str, Callable[[Anything, Anything], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "contains": lambda value, part: part in value,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
    "matches": lambda value, text: pattern(text).search(value),
}
DENIED = {"ne", "not_in"}


def matches(node: Node, event: Mapping[str, Anything], zone: ZoneInfo = times.UTC) -> bool:
    """Whether the event meets the tree; times without an offset are those of the clock in `zone`."""
    match node:
        case All(parts):
            return all(matches(part, event, zone) for part in parts)
        case Any(parts):
            return any(matches(part, event, zone) for part in parts)
        case Not(part):
            return not matches(part, event, zone)
        case Named(names):
            name = event.get("event")
            return isinstance(name, str) and unicodedata.normalize("NFC", name) in names
        case Exists(path, present):
            return present == any(_is_there(slot) for slot in slots(event, _keys(path)))
        case Compare(path, tests, every):
            at = event.get("time")
            moment = at if isinstance(at, int) else None
            met = [
                all(
                    timely(test, slot, moment, zone)
                    if test.operator in times.OPERATORS
                    else meets(test, slot)
                    for test in tests
                )
                for slot in slots(event, _keys(path))
            ]
            return bool(met) and all(met) if every else any(met)
        case Referred():
            raise unresolved(node)
        case _:
            raise of_customer(node)


def unresolved(node: Referred) -> QuestionError:
    """The error of a touchpoint or stage where no map says what it is."""
    return QuestionError(
        f"The {node.kind} {node.names[0]!r} needs a map.",
        code="condition",
        hint="Name the map in the question, or write the events themselves.",
    )


def of_customer(node: CustomerPart) -> QuestionError:
    """The error of a part about the customer where one event is all there is."""
    key = type(node).__name__.lower()
    return QuestionError(
        f"{key!r} speaks of the customer, and here an event is looked at by itself.",
        code="condition",
        hint="Describe the event with `event` and `where`; who counts is said with `customers`.",
    )


_keys = lru_cache(maxsize=4096)(split_path)


def _is_there(slot: object) -> bool:
    return slot is not None and number_is_finite(slot)


def meets(test: Test, slot: object) -> bool:
    """One test on one value. A value that is missing, or no such thing as the operand, meets nothing."""
    if test.operator in DENIED:
        comparable = any(FORMS[operand.kind](slot) is not None for operand in test.operands)
        return comparable and not any(_holds("eq", operand, slot) for operand in test.operands)
    sign = "eq" if test.operator == "in" else test.operator
    return any(_holds(sign, operand, slot) for operand in test.operands)


def timely(test: Test, slot: object, moment: int | None, zone: ZoneInfo) -> bool:
    """A test of a time on one value; `moment` is the event's own time (None: not known, so nothing is near it)."""
    if test.operator in times.ABSOLUTE:
        said = tuple(str(operand.value) for operand in test.operands)
        return times.lies(slot, times.absolute(test.operator, said, zone))
    if moment is None:
        return False
    return times.lies(slot, times.relative(test.operator, int(test.operands[0].value), moment, zone))


def _holds(sign: str, operand: Operand, slot: object) -> bool:
    form = FORMS[operand.kind](slot)
    return form is not None and COMPARED[sign](form, operand.value)
