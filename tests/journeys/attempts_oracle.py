"""The attempts of a funnel, every one there is: as obviously as possible."""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

from tests.journeys.oracle import by_customer, everybody, inside, median, meets, play, select


class Funnel:
    """A funnel's rules, and the one attempt of a list of events that counts."""

    def __init__(self, question: dict[str, Any], within: int | None, windows: list[int | None]) -> None:
        self.steps = question["steps"]
        self.order = question.get("order", "ordered")
        self.exclude = question.get("exclude", [])
        self.hold = question.get("hold", [])
        self.within, self.windows = within, windows

    def serves(self, event: dict[str, Any], step: int) -> bool:
        if any(event.get("properties", {}).get(name) is None for name in self.hold):
            return False
        return "virtual" in event or meets(event, self.steps[step])

    def possible(
        self, events: list[dict[str, Any]], attempt: list[tuple[int, int]], place: list[int]
    ) -> bool:
        """Whether an attempt, (step, index of its event) in order of time, keeps all the rules."""
        first = events[attempt[0][1]]
        for (_, a), (step, b) in itertools.pairwise(attempt):
            if b <= a:
                return False
            window = self.windows[step] if self.order != "any" else None
            if window is not None and events[b]["time"] - events[a]["time"] > window:
                return False
            if self.order == "strict" and place[b] - place[a] > 1:
                return False
        for step, index in attempt:
            event = events[index]
            if not self.serves(event, step):
                return False
            if self.within is not None and event["time"] - first["time"] > self.within:
                return False
            if "virtual" not in event and any(
                event["properties"][name] != first["properties"][name] for name in self.hold
            ):
                return False
        used = {index for _, index in attempt}
        for exclusion in self.exclude:
            if self.order == "any":
                begin, end = attempt[0][1], attempt[-1][1]
            else:
                low, high = exclusion.get("from", 0), exclusion.get("to", len(self.steps) - 1)
                before = [index for step, index in attempt if step <= low]
                after = [index for step, index in attempt if step >= high]
                if max(step for step, _ in attempt) <= low:
                    continue
                begin, end = before[-1], (after[0] if after else attempt[-1][1])
            for index in range(begin + 1, end):
                if index not in used and "virtual" not in events[index] and meets(events[index], exclusion):
                    return False
        return True

    def all_attempts(
        self, events: list[dict[str, Any]], place: list[int], starts: list[int]
    ) -> list[list[tuple[int, int]]]:
        """Every attempt there is, also those that could go on."""
        found: list[list[tuple[int, int]]] = []

        def grow(attempt: list[tuple[int, int]]) -> None:
            if not self.possible(events, attempt, place):
                # In any order an excluded event may yet serve a later step; it cannot be undone otherwise.
                return
            found.append(attempt)
            for step in self.next_steps(attempt):
                for index in range(attempt[-1][1] + 1, len(events)):
                    grow([*attempt, (step, index)])

        for index in starts:
            for step in range(len(self.steps)) if self.order == "any" else [0]:
                grow([(step, index)])
        return found

    def next_steps(self, attempt: list[tuple[int, int]]) -> list[int]:
        done = {step for step, _ in attempt}
        if self.order == "any":
            return [step for step in range(len(self.steps)) if step not in done]
        found = []
        for step in range(max(done) + 1, len(self.steps)):
            found.append(step)
            if not self.steps[step].get("optional"):
                break
        return found

    def far(self, attempt: list[tuple[int, int]]) -> int:
        return len(attempt) - 1 if self.order == "any" else attempt[-1][0]

    def rank(self, attempt: list[tuple[int, int]]) -> tuple[Any, ...]:
        """The better the less: furthest, more optional steps, earlier start, each event the earliest."""
        options = sum(bool(self.steps[step].get("optional")) for step, _ in attempt)
        if self.order == "any":
            return (-len(attempt), 0, [index for _, index in attempt], [])
        return (-self.far(attempt), -options, [(index, step) for step, index in attempt])

    def best(
        self,
        events: list[dict[str, Any]],
        place: list[int],
        starts: list[int],
        now: int,
        running: bool | None,
    ) -> tuple[list[tuple[int, int]], bool] | None:
        """The attempt that counts, and whether it is open (`running`: of a journey; None: a customer's)."""
        attempts = self.all_attempts(events, place, starts)
        if not attempts:
            return None
        best = min(attempts, key=self.rank)
        if self.far(best) == len(self.steps) - 1:
            return best, False
        if running is not None:
            return best, running
        for attempt in attempts:
            if self.far(attempt) != self.far(best):
                continue
            held = events[attempt[0][1]].get("properties", {})
            virtual = {"time": now + 1, "virtual": True, "properties": held}
            for step in self.next_steps(attempt):
                longer = [*attempt, (step, len(events))]
                if self.possible([*events, virtual], longer, [*place, (place[-1] if place else -1) + 1]):
                    return best, True
        return best, False


def funnel_attempts(
    events: list[dict[str, Any]],
    question: dict[str, Any],
    *,
    within: int | None,
    windows: list[int | None],
    now: int,
    period: dict[str, Any],
    counts: Any = everybody,
) -> list[tuple[list[dict[str, Any]], list[tuple[int, int]], bool]]:
    """Attempts of customers: their events, the (step, index) pairs, whether open."""
    funnel = Funnel(question, within, windows)
    found = []
    for mine in by_customer(events, now).values():
        place = list(range(len(mine)))
        starts = [
            index for index, event in enumerate(mine) if inside(event["time"], period) and counts(event)
        ]
        if question.get("attempts") != "every":
            best = funnel.best(mine, place, starts, now, None)
            if best is not None:
                found.append((mine, *best))
            continue
        index = 0
        while index < len(mine):
            best = funnel.best(mine, place, [index], now, None)
            if best is None:
                index += 1
                continue
            attempt, is_open = best
            if inside(mine[index]["time"], period) and counts(mine[index]):
                found.append((mine, attempt, is_open))
            if attempt[-1][0] == len(funnel.steps) - 1:
                index = attempt[-1][1] + 1
            else:
                assert within is not None
                over = mine[attempt[0][1]]["time"] + within
                index = next((k for k, event in enumerate(mine) if event["time"] > over), len(mine))
    return found


def journey_attempts(
    events: list[dict[str, Any]],
    question: dict[str, Any],
    document: dict[str, Any],
    lapse: int,
    *,
    within: int | None,
    windows: list[int | None],
    now: int,
    period: dict[str, Any],
    counts: Any = everybody,
) -> list[tuple[list[dict[str, Any]], list[tuple[int, int]], bool]]:
    """Attempts of journeys; steps are `{"step": id}` or conditions on the journey's events."""
    found = []
    for mine in by_customer(events, now).values():
        for journey in select(play(mine, document, lapse, now)[0], period, counts):
            inner = []
            place = []
            begun = set()
            for number, visit in enumerate(journey["visits"]):
                for event in visit["events"]:
                    inner.append(
                        {**event, "properties": {**event.get("properties", {}), "@step": visit["step"]}}
                    )
                    place.append(number)
                    if any(visit is each for each in journey["chosen"]):
                        begun.add(len(inner) - 1)
            steps = [
                {**step, "where": {"@step": step["step"]}} if "step" in step else step
                for step in question["steps"]
            ]
            funnel = Funnel(question | {"steps": steps}, within, windows)
            best = funnel.best(inner, place, sorted(begun), now, journey["end"] == "running")
            if best is not None:
                found.append((inner, *best))
    return found


def funnel_rows(
    found: list[tuple[list[dict[str, Any]], list[tuple[int, int]], bool]],
    steps: int,
    breakdown: str | None = None,
    breakdown_step: int = 0,
    any_order: bool = False,
) -> dict[tuple[Any, int], dict[str, Any]]:
    """(breakdown value, step) to the fields of a row."""
    groups: dict[Any, list[Any]] = defaultdict(list)
    for events, attempt, is_open in found:
        numbered = [(place, index) for place, (_, index) in enumerate(attempt)] if any_order else attempt
        value = None
        if breakdown is not None:
            at = dict(numbered).get(breakdown_step)
            value = None if at is None else events[at].get("properties", {}).get(breakdown)
        groups[value].append((events, numbered, is_open))
    if breakdown is None:
        groups.setdefault(None, [])
    rows = {}
    for value, attempts in groups.items():
        for step in range(steps):
            gaps = []
            reached = stopped = still_open = 0
            for events, attempt, is_open in attempts:
                done = [each for each, _ in attempt]
                if step in done:
                    reached += 1
                    place = done.index(step)
                    if place:
                        gaps.append(events[attempt[place][1]]["time"] - events[attempt[place - 1][1]]["time"])
                if done[-1] == step and step < steps - 1:
                    stopped += not is_open
                    still_open += is_open
            rows[value, step] = {
                "reached": reached,
                "stopped": stopped,
                "open": still_open,
                "rate": reached / len(attempts) if attempts else None,
                "median_seconds": median(gaps),
            }
    return rows
