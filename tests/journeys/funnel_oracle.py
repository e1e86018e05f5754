"""Funnels with everything that may be asked of them, as obviously as possible: every attempt is enumerated.

Beyond `attempts_oracle.Funnel`: windows of sessions, sessions as what is counted, attempts that follow one another in any
order, with properties held, and inside journeys.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from periplus import clock
from tests.journeys import attempts_oracle, oracle

Event = dict[str, Any]
Attempt = tuple[list[Event], list[tuple[int, int]], bool, int]
"""The events it lies among, (step, index) pairs, whether it is open, and the time by which a period selects it."""


def session_numbers(events: list[Event], options: dict[str, Any], zone: str = "UTC") -> list[int]:
    """The session of each event of one customer, counted from 0."""
    gap = clock.duration(options.get("gap", "30m"))
    found: list[int] = []
    came: str | None = None
    for place, event in enumerate(events):
        by = campaign(event)
        fresh = place == 0 or event["time"] - events[place - 1]["time"] > gap
        if (
            place
            and options.get("midnight")
            and day(event["time"], zone) != day(events[place - 1]["time"], zone)
        ):
            fresh = True
        if options.get("campaign") and by is not None and by != came:
            fresh = True
        came = by if fresh or by is not None else came
        found.append(found[-1] + fresh if found else 0)
    return found


def campaign(event: Event) -> str | None:
    said = event.get("context", {}).get("campaign")
    return None if not said else str(sorted(said.items()))


def day(time: int, zone: str) -> Any:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time)).astimezone(ZoneInfo(zone)).date()


class Funnel(attempts_oracle.Funnel):
    """An oracle's funnel whose windows may be of sessions; events carry theirs as `@session`."""

    def __init__(self, question: Event, whole: Any, next_session: int) -> None:
        steps = question["steps"]
        own = [step.get("within") for step in steps]
        super().__init__(
            question,
            clock.duration(whole) if isinstance(whole, str) else None,
            [clock.duration(each) if isinstance(each, str) else None for each in own],
        )
        self.sessions = whole["sessions"] if isinstance(whole, dict) else None
        self.step_sessions = [each["sessions"] if isinstance(each, dict) else None for each in own]
        self.next_session = next_session

    def session(self, event: Event) -> int:
        return self.next_session if "virtual" in event else int(event["@session"])

    def possible(self, events: list[Event], attempt: list[tuple[int, int]], place: list[int]) -> bool:
        if not super().possible(events, attempt, place):
            return False
        numbers = [self.session(events[index]) for _, index in attempt]
        if self.sessions is not None and numbers[-1] - numbers[0] >= self.sessions:
            return False
        for (step, _), before, here in zip(attempt[1:], numbers, numbers[1:], strict=False):
            limit = self.step_sessions[step]
            if limit is not None and here - before >= limit:
                return False
        return True

    def is_over(self, start: Event, event: Event) -> bool:
        """Whether the window of an attempt is over by an event."""
        if self.sessions is not None:
            return self.session(event) - self.session(start) >= self.sessions
        return self.within is not None and event["time"] - start["time"] > self.within


def attempts(
    events: list[Event], question: Event, now: int, period: Event, document: Event | None = None
) -> list[Attempt]:
    """The attempts that a funnel counts."""
    unit, every = question.get("unit", "customers"), question.get("attempts") == "every"
    options = question.get("sessions", {})
    found: list[Attempt] = []
    for mine in oracle.by_customer(events, now).values():
        numbers = session_numbers(mine, options)
        gap = clock.duration(options.get("gap", "30m"))
        goes_on = now + 1 - mine[-1]["time"] <= gap
        if options.get("midnight") and day(now + 1, "UTC") != day(mine[-1]["time"], "UTC"):
            goes_on = False
        mine = [event | {"@session": number} for event, number in zip(mine, numbers, strict=True)]
        default = "30d" if unit == "customers" else None
        funnel = Funnel(question, question.get("within", default), numbers[-1] + (not goes_on))
        for inner, place, starts, running, moment in segments(mine, unit, period, document, goes_on, now):
            if unit == "journeys":
                funnel.steps = [
                    {**step, "where": {"@step": step["step"]}} if "step" in step else step
                    for step in question["steps"]
                ]
            if not every:
                best = funnel.best(inner, place, starts, now, running)
                if best is not None:
                    found.append((inner, *best, begun(inner, best[0], moment)))
                continue
            for attempt, is_open in following(funnel, inner, place, now):
                if attempt[0][1] in starts:
                    is_open = is_open and running is not False
                    found.append((inner, attempt, is_open, begun(inner, attempt, moment)))
    return found


def begun(inner: list[Event], attempt: list[tuple[int, int]], moment: int | None) -> int:
    """The time by which a period selects an attempt: its journey's or session's, else its own."""
    first = inner[attempt[0][1]]
    return int(first.get("@begun", first["time"]) if moment is None else moment)


def segments(
    mine: list[Event], unit: str, period: Event, document: Event | None, goes_on: bool, now: int
) -> list[Any]:
    """(events, place of each for strict order, indexes at which attempts may start, whether it is running, moment)."""
    if unit == "customers":
        starts = [index for index, event in enumerate(mine) if oracle.inside(event["time"], period)]
        return [(mine, list(range(len(mine))), starts, None, None)]
    if unit == "sessions":
        by_number: dict[int, list[Event]] = defaultdict(list)
        for event in mine:
            by_number[event["@session"]].append(event)
        return [
            (
                inner,
                list(range(len(inner))),
                list(range(len(inner))),
                goes_on and inner[-1] is mine[-1],
                inner[0]["time"],
            )
            for inner in by_number.values()
            if oracle.inside(inner[0]["time"], period)
        ]
    assert document is not None
    found = []
    for journey in oracle.select(
        oracle.play(mine, document, clock.duration(document["lapse"]), now)[0], period
    ):
        inner, place, starts = [], [], []
        for number, visit in enumerate(journey["visits"]):
            for event in visit["events"]:
                if any(visit is each for each in journey["chosen"]):
                    starts.append(len(inner))
                begun = visit["events"][0]["time"]
                inner.append(
                    {
                        **event,
                        "@begun": begun,
                        "properties": {**event.get("properties", {}), "@step": visit["step"]},
                    }
                )
                place.append(number)
        moments = {
            "start": journey["start"],
            "goal": journey["goals"][0]["time"] if journey["goals"] else None,
        }
        found.append((inner, place, starts, journey["end"] == "running", moments.get(period["by"])))
    return found


def following(
    funnel: Funnel, inner: list[Event], place: list[int], now: int
) -> list[tuple[list[tuple[int, int]], bool]]:
    """Attempts that follow one another, for each value held by itself."""
    held = {tuple(event.get("properties", {}).get(name) for name in funnel.hold) for event in inner}
    found = []
    for value in held:
        index = 0
        while index < len(inner):
            own = tuple(inner[index].get("properties", {}).get(name) for name in funnel.hold)
            best = funnel.best(inner, place, [index], now, None) if own == value else None
            if best is None:
                index += 1
                continue
            found.append(best)
            attempt = best[0]
            if funnel.far(attempt) == len(funnel.steps) - 1:
                index = attempt[-1][1] + 1
            else:
                start = inner[index]
                index = next((k for k, event in enumerate(inner) if funnel.is_over(start, event)), len(inner))
    return found
