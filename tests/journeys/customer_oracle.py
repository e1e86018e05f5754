"""What a condition says of a customer, read from its document as obviously as possible; shares no code with the engine.

A life is the list of a customer's events and statements, in order. Times are whole microseconds.
"""

from __future__ import annotations

import operator
from fractions import Fraction
from typing import Any

from tests.journeys import attempts_oracle, oracle

SIGNS = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "in": lambda value, several: value in several,
    "not_in": lambda value, several: value not in several,
}
SECOND = 1_000_000


def such(value: Any, asked: Any) -> bool:
    """A value against a bare one, or operators; nothing meets no comparison."""
    if not isinstance(asked, dict):
        asked = {"eq": asked}
    if "exists" in asked:
        return (value is not None) == asked["exists"]
    return value is not None and all(SIGNS[sign](value, bound) for sign, bound in asked.items())


def micros(text: str) -> int:
    """A duration of whole seconds."""
    return int(text.removesuffix("s")) * SECOND


def holds(
    condition: dict[str, Any],
    life: list[dict[str, Any]],
    event: dict[str, Any] | None,
    now: int,
    *,
    start: dict[str, Any] | None = None,
    default: str = "event",
    named: dict[str, Any] | None = None,
) -> bool:
    """Whether it holds at an event of the life (None: only now)."""
    moment = condition.get("as_of", default)

    def inner(part: dict[str, Any]) -> bool:
        return holds(part, life, event, now, start=start, default=moment, named=named)

    at = {"now": None, "event": event, "start": start if start is not None else event}[moment]
    until = now if at is None else at["time"]
    before = [each for each in life if each["time"] <= until]
    if at is not None:
        place = next(index for index, each in enumerate(life) if each is at)
        before = life[:place]
    checks = []
    for key, said in condition.items():
        if key in ("event", "where"):
            assert event is not None
            checks.append(oracle.meets(event, {key: said}))
        elif key == "all":
            checks += [inner(part) for part in said]
        elif key == "any":
            checks.append(any(inner(part) for part in said))
        elif key == "not":
            checks.append(not inner(said))
        elif key == "did":
            checks.append(did(said, before, until))
        elif key == "did_not":
            checks.append(not did(said, before, until))
        elif key == "trait":
            checks += [trait(name, asked, life, until) for name, asked in said.items()]
        elif key == "segment":
            assert named is not None
            checks.append(any(inner(named[name]) for name in ([said] if isinstance(said, str) else said)))
    return all(checks)


def did(said: dict[str, Any], before: list[dict[str, Any]], moment: int) -> bool:
    events = [event for event in before if event.get("type") != "identify"]
    found = []
    for place, event in enumerate(events):
        if not oracle.meets(event, said):
            continue
        if "within" in said and moment - event["time"] > micros(said["within"]):
            continue
        if "between" in said and not (
            said["between"].get("from", -(10**18)) <= event["time"] < said["between"].get("to", 10**18)
        ):
            continue
        sides = {"before": events[place + 1 :], "after": events[:place]}
        if all(word not in said or near(said[word], event, others) for word, others in sides.items()):
            found.append(event)
    if not (such(len(found), said["count"]) if "count" in said else found):
        return False
    for measure in ("sum", "mean", "min", "max"):
        for name, asked in said.get(measure, {}).items():
            numbers = [
                Fraction(event["properties"][name])
                for event in found
                if event["properties"].get(name) is not None
            ]
            value = None
            if measure == "sum":
                value = sum(numbers, Fraction())
            elif numbers:
                value = {"min": min(numbers), "max": max(numbers), "mean": sum(numbers) / len(numbers)}[
                    measure
                ]
            if not such(value, asked):
                return False
    for word, place in (("first", 0), ("last", -1)):
        if word in said and not (found and oracle.meets(found[place], {"where": said[word]})):
            return False
    return True


def near(said: dict[str, Any], event: dict[str, Any], others: list[dict[str, Any]]) -> bool:
    return any(
        oracle.meets(other, said)
        and ("within" not in said or abs(other["time"] - event["time"]) <= micros(said["within"]))
        for other in others
    )


def trait(name: str, asked: Any, life: list[dict[str, Any]], moment: int) -> bool:
    told = [
        each["traits"][name] for each in life if each["time"] <= moment and name in each.get("traits", {})
    ]
    return such(told[-1] if told else None, asked)


def lives(events: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    """Events and statements of each customer, in order."""
    found: dict[int, list[dict[str, Any]]] = {}
    for event in sorted(events, key=lambda event: event["time"]):
        if event["customer"]:
            found.setdefault(event["customer"], []).append(event)
    return found


class Funnel(attempts_oracle.Funnel):
    """A funnel whose steps may speak of the customer, as of the start of the attempt unless they say otherwise."""

    def __init__(
        self, question: dict[str, Any], within: int | None, windows: Any, life: Any, now: int, named: Any
    ) -> None:
        super().__init__(question, within, windows)
        self.life, self.now, self.named = life, now, named
        self.start: dict[str, Any] | None = None

    def possible(self, events: Any, attempt: Any, place: Any) -> bool:
        self.start = events[attempt[0][1]]
        return super().possible(events, attempt, place)

    def serves(self, event: dict[str, Any], step: int) -> bool:
        if any(event.get("properties", {}).get(name) is None for name in self.hold):
            return False
        if "virtual" in event:
            return True
        said = {key: each for key, each in self.steps[step].items() if key not in ("optional", "within")}
        return holds(said, self.life, event, self.now, start=self.start, default="start", named=self.named)


def funnel_attempts(
    events: list[dict[str, Any]], question: dict[str, Any], now: int, period: dict[str, Any], **rest: Any
) -> list[Any]:
    """As the oracle's, of the events and statements of all customers."""
    found = []
    for life in lives(events).values():
        mine = [each for each in life if each.get("type") != "identify" and each["time"] <= now]
        funnel = Funnel(question, life=life, now=now, **rest)
        starts = [index for index, event in enumerate(mine) if oracle.inside(event["time"], period)]
        best = funnel.best(mine, list(range(len(mine))), starts, now, None)
        if best is not None:
            found.append((mine, *best))
    return found


def counting(condition: dict[str, Any], events: list[dict[str, Any]], now: int, **more: Any) -> Any:
    """For the oracle: whether something that starts at an event is counted."""
    known = lives(events)
    default = more.pop("default", "start")
    return lambda event: holds(condition, known[event["customer"]], event, now, default=default, **more)
