"""The same questions, answered as obviously as possible: slow, plain, and sharing no code with the engine.

Journeys are played event by event (`map_oracle` counts them, `attempts_oracle` enumerates those of a funnel).
Times are whole microseconds, events dicts as in `memory`.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

OUTCOMES = ["onward", "back", "goal", "again", "stopped", "ended", "running"]


def meets(event: dict[str, Any], condition: dict[str, Any]) -> bool:
    """A condition of the tests: event names, and properties that are equal."""
    if "event" in condition:
        names = condition["event"] if isinstance(condition["event"], list) else [condition["event"]]
        if event["event"] not in names:
            return False
    return all(
        event.get("properties", {}).get(key) == value for key, value in condition.get("where", {}).items()
    )


def everybody(event: dict[str, Any]) -> bool:
    """Nobody is left out, whatever starts at the event."""
    return bool(event)


def shown(events: list[dict[str, Any]], traffic: str) -> list[dict[str, Any]]:
    """The events a question looks at: of customers only, or all."""
    return [event for event in events if traffic == "all" or not event.get("marked")]


def left_out(events: list[dict[str, Any]], traffic: str, now: int, period: dict[str, Any]) -> int:
    """Events of the period that it does not look at."""
    aside = [event for event in events if event.get("marked") and traffic != "all"]
    return sum(event["time"] <= now and inside(event["time"], period) for event in aside)


def by_customer(events: list[dict[str, Any]], now: int) -> dict[int, list[dict[str, Any]]]:
    """Seen events of each customer, in order."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event["time"]):  # stable: equal times keep their order
        if event["customer"] and event["time"] <= now:
            found[event["customer"]].append(event)
    return found


def median(values: list[int]) -> float | None:
    """Of microseconds, floored to seconds."""
    if not values:
        return None
    seconds = sorted(value // 1_000_000 for value in values)
    middle = len(seconds) // 2
    return seconds[middle] if len(seconds) % 2 else (seconds[middle - 1] + seconds[middle]) / 2


def step_list(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step | {"stage": stage["name"]} for stage in document["stages"] for step in stage["steps"]]


def label(event: dict[str, Any], document: dict[str, Any]) -> str | None:
    for step in step_list(document):
        if step.get("rule") is not None and meets(event, step["rule"]):
            return str(step["id"])
    return None


def play(
    events: list[dict[str, Any]], document: dict[str, Any], lapse: int, now: int, off_map: bool = False
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    """Journeys of one customer, events off the map, and events on the map that are in no journey.

    A journey has `events` (with their step), `visits` (step, events, outcome), `end`, `reached`.
    """
    steps = {step["id"]: step for step in step_list(document)}
    journeys: list[dict[str, Any]] = []
    off, outside = [], []
    journey: dict[str, Any] | None = None

    def close(how: str) -> None:
        nonlocal journey
        assert journey is not None
        journey["end"] = how
        journeys.append(journey)
        journey = None

    def open_with(event: dict[str, Any], step: str) -> None:
        nonlocal journey
        journey = {"events": [], "goals": [], "prolonged": event["time"]}
        join(event, step)

    def join(event: dict[str, Any], step: str) -> None:
        assert journey is not None
        journey["events"].append((event, step))
        if step != "(off map)" and steps[step].get("prolongs", True):
            journey["prolonged"] = event["time"]
        if step in document["goal"]:
            journey["goals"].append(event)
            if document["end"] == "goal":
                close("goal")

    for event in events:
        step = label(event, document)
        if step is None:
            off.append(event)
            if not off_map:
                continue
        if journey is not None and event["time"] - journey["prolonged"] > lapse:
            close("ended" if journey["goals"] else "stopped")
        if step is None:
            if journey is not None:
                join(event, "(off map)")
        elif journey is not None:
            if document["end"] == "restart" and journey["goals"] and step in document["restart"]:
                close("again")
                open_with(event, step)
            else:
                join(event, step)
        elif step in document["start"]:
            open_with(event, step)
        else:
            outside.append(event)
    if journey is not None:
        if now - journey["prolonged"] > lapse:
            close("ended" if journey["goals"] else "stopped")
        else:
            close("running")
    order = [step["id"] for step in step_list(document)] + ["(off map)"]
    for journey in journeys:
        runs = [
            (step, list(run)) for step, run in itertools.groupby(journey["events"], key=lambda each: each[1])
        ]
        journey["visits"] = [
            {"step": step, "events": [event for event, _ in run], "outcome": journey["end"]}
            for step, run in runs
        ]
        for here, there in itertools.pairwise(journey["visits"]):
            here["outcome"] = "onward" if order.index(there["step"]) > order.index(here["step"]) else "back"
        journey["reached"] = bool(journey["goals"])
        journey["state"] = (
            "reached" if journey["goals"] else "open" if journey["end"] == "running" else "stopped"
        )
        journey["start"] = journey["events"][0][0]["time"]
    return journeys, off, outside


def select(
    journeys: list[dict[str, Any]], period: dict[str, Any], counts: Any = everybody
) -> list[dict[str, Any]]:
    """The journeys of a period, each with its `chosen` visits; `counts` says which may be counted, by how they begin."""
    found = []
    for journey in journeys:
        if period["by"] == "activity":
            chosen = [visit for visit in journey["visits"] if inside(visit["events"][0]["time"], period)]
        elif period["by"] == "goal":
            first = journey["goals"][0]["time"] if journey["goals"] else None
            chosen = journey["visits"] if first is not None and inside(first, period) else []
        else:
            chosen = journey["visits"] if inside(journey["start"], period) else []
        if chosen and counts(journey["events"][0][0]):
            found.append(journey | {"chosen": chosen})
    return found


def inside(time: int, period: dict[str, Any]) -> bool:
    return bool(period.get("from", -(10**18)) <= time < period.get("to", 10**18))
