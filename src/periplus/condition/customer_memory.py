"""The reading in memory of what a condition says of the customer: their events, looked through one by one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Anything
from zoneinfo import ZoneInfo

from periplus import clock
from periplus.condition import memory
from periplus.condition.customer import (
    MOST_AMOUNT,
    Amount,
    Answered,
    CustomerPart,
    Did,
    Moment,
    Near,
    Segment,
    Trait,
)
from periplus.condition.tree import All, Any, Exists, Node, Not, Test
from periplus.condition.values import number_of, slots
from periplus.errors import QuestionError
from periplus.event import STATEMENTS, split_path

Event = Mapping[str, Anything]
MEASURED: dict[str, Callable[[list[float]], float]] = {
    "sum": math.fsum,
    "mean": lambda numbers: math.fsum(numbers) / len(numbers),
    "min": min,
    "max": max,
}
UTC = ZoneInfo("UTC")


@dataclass(frozen=True)
class Life:
    """A customer's life, and the moment it is looked at from.

    `events` are all of the customer's events and statements in the order of (time, sequence, key), each as
    `Event.facts()` says it, with `time` in microseconds UTC. `event` is the index of the event in question,
    `start` that of the start of its journey or attempt; None where there is none. `default` is the moment of parts
    that name none. Bare dates in a condition are midnight in `zone`.
    """

    events: Sequence[Event]
    now: int
    event: int | None = None
    start: int | None = None
    default: Moment = "now"
    zone: ZoneInfo = UTC


def holds(node: Node, life: Life) -> bool:
    """Whether the tree holds: what it says of an event, of the one in question; the rest as of its moment."""
    match node:
        case All(parts):
            return all(holds(part, life) for part in parts)
        case Any(parts):
            return any(holds(part, life) for part in parts)
        case Not(part):
            return not holds(part, life)
        case Did():
            return _did(node, life)
        case Trait():
            return _trait(node, life)
        case Segment() | Answered():
            raise unresolved(node)
        case _:
            if life.event is None:
                raise QuestionError(
                    "This speaks of an event, and there is only a customer.",
                    code="condition",
                    hint="Put it inside `did`: {did: {event: Order Completed}}.",
                )
            return memory.matches(node, life.events[life.event], life.zone)


def unresolved(node: CustomerPart) -> QuestionError:
    """The error of a segment or survey that nobody has looked up."""
    what, name = ("segment", node.names[0]) if isinstance(node, Segment) else ("survey", node.survey)  # type: ignore[union-attr]
    return QuestionError(
        f"The {what} {name!r} is kept in a workspace, and there is none here.",
        code="condition",
        hint="Ask the question of a workspace, or write the condition out.",
    )


def _at(part: CustomerPart, life: Life) -> tuple[int | None, int]:
    """The moment of a part: the index of its event (None: now), and its time."""
    moment = part.as_of or life.default
    if moment == "now":
        return None, life.now
    index = life.event if moment == "event" else life.start
    if index is None:
        raise QuestionError(
            f"There is no {moment} here for this to be read as of.",
            code="condition",
            hint="Write as_of: now.",
        )
    return index, int(life.events[index]["time"])


def _did(part: Did, life: Life) -> bool:
    index, moment = _at(part, life)
    before = life.events if index is None else life.events[:index]
    seen = [event for event in before if event["time"] <= moment and event["type"] not in STATEMENTS]
    since, until = (
        None if end is None else clock.instant(end, life.zone) for end in (part.since, part.until)
    )
    counted = [
        event
        for place, event in enumerate(seen)
        if memory.matches(part.event, event, life.zone)
        and (part.within is None or moment - event["time"] <= part.within)
        and (since is None or event["time"] >= since)
        and (until is None or event["time"] < until)
        and (part.before is None or _near(part.before, event, seen[place + 1 :], life.zone))
        and (part.after is None or _near(part.after, event, seen[:place], life.zone))
    ]
    often = _all(part.count, len(counted)) if part.count else bool(counted)
    ends = [(part.first, counted[:1]), (part.last, counted[-1:])]
    return (
        often
        and all(_amount(amount, counted) for amount in part.amounts)
        and all(
            such is None or any(memory.matches(such, event, life.zone) for event in end) for such, end in ends
        )
    )


def _near(near: Near, event: Event, others: Sequence[Event], zone: ZoneInfo) -> bool:
    return any(
        memory.matches(near.event, other, zone)
        and (near.within is None or abs(other["time"] - event["time"]) <= near.within)
        for other in others
    )


def _amount(amount: Amount, events: Sequence[Event]) -> bool:
    numbers = [number for event in events if (number := amount_of(event, amount.path)) is not None]
    if not numbers and amount.measure != "sum":
        return False
    return _all(amount.tests, MEASURED[amount.measure](numbers))


def amount_of(event: Event, path: str) -> float | None:
    """The number an event has at a path; None for what is missing, in a list, or beyond all amounts."""
    listed = list(slots(event, split_path(path)))
    at: Anything = event
    for key in split_path(path):
        if isinstance(at, list | tuple):
            return None
        at = at.get(key) if isinstance(at, Mapping) else None
    number = number_of(listed[0]) if listed and not isinstance(at, list | tuple) else None
    return None if number is None or abs(float(number)) >= MOST_AMOUNT else float(number)


def _all(tests: Sequence[Test], number: float) -> bool:
    return all(memory.meets(test, number) for test in tests)


def _trait(part: Trait, life: Life) -> bool:
    index, moment = _at(part, life)
    del index  # what is said at the very instant is known then
    assert not isinstance(part.said, All | Any | Not)
    path = part.said.path  # type: ignore[union-attr]
    told = [
        event
        for event in life.events
        if event["time"] <= moment and event["type"] != "group" and memory.matches(Exists(path, True), event)
    ]
    if not told:
        return part.said == Exists(path, False)
    return memory.matches(part.said, told[-1], life.zone)
