"""The same questions, answered as obviously as possible: slow, plain, and sharing no code with the engine.

Funnels enumerate every attempt there is. Journeys are played event by event. Times are whole
microseconds, events dicts as in `memory`.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
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


# -- journeys -----------------------------------------------------------------------------------


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


def map_answer(
    events: list[dict[str, Any]],
    document: dict[str, Any],
    lapse: int,
    now: int,
    period: dict[str, Any],
    counts: Any = everybody,
) -> dict[str, Any]:
    """Rows by step id, stages by name, totals."""
    totals: dict[str, int] = defaultdict(int)
    steps: dict[str, dict[str, Any]] = {
        step["id"]: {"rows": [], "journeys": [], "customers": set()}
        for step in step_list(document)
        if step.get("rule") is not None
    }
    stage_of = {step["id"]: step["stage"] for step in step_list(document)}
    stage_names = [stage["name"] for stage in document["stages"]]
    stages: dict[str, list[str]] = {name: [] for name in stage_names}
    for customer, mine in by_customer(events, now).items():
        journeys, off, outside = play(mine, document, lapse, now)
        totals["off_map"] += sum(inside(event["time"], period) and counts(event) for event in off)
        totals["outside"] += sum(inside(event["time"], period) and counts(event) for event in outside)
        orders = order_values(mine)
        for journey in select(journeys, period, counts):
            ids = {id(event) for event, _ in journey["events"]}
            net = sum(order["net"] for order in orders if id(order["event"]) in ids)
            gross = sum(order["gross"] for order in orders if id(order["event"]) in ids)
            totals["journeys"] += 1
            totals[journey["state"]] += 1
            totals["value"] += net
            totals["value_gross"] += gross
            for visit in journey["chosen"]:
                steps[visit["step"]]["rows"].append(visit)
            for step in {visit["step"] for visit in journey["chosen"]}:
                first = next(visit for visit in journey["chosen"] if visit["step"] == step)["events"][0]
                place = [event for event, _ in journey["events"]].index(first)
                later = [event for event, _ in journey["events"]][place:]
                goal = any(event is goal for event in later for goal in journey["goals"])
                steps[step]["journeys"].append((goal, net, gross))
                steps[step]["customers"].add(customer)
            runs = [
                list(run)
                for _, run in itertools.groupby(journey["visits"], key=lambda v: stage_of[v["step"]])
            ]
            for place, run in enumerate(runs):
                if run[0] not in journey["chosen"]:
                    continue
                name = stage_of[run[0]["step"]]
                if place + 1 < len(runs):
                    there = stage_of[runs[place + 1][0]["step"]]
                    further = stage_names.index(there) > stage_names.index(name)
                    stages[name].append("onward" if further else "back")
                else:
                    stages[name].append(journey["end"])
    rows = {}
    for step, found in steps.items():
        outcomes = [visit["outcome"] for visit in found["rows"]]
        rows[step] = {
            "visits": len(outcomes),
            "journeys": len(found["journeys"]),
            "customers": len(found["customers"]),
            **{name: outcomes.count(name) for name in OUTCOMES},
            "reached": sum(goal for goal, _, _ in found["journeys"]),
            "value": sum(net for _, net, _ in found["journeys"]),
            "value_gross": sum(gross for _, _, gross in found["journeys"]),
            "median_seconds": median(
                [visit["events"][-1]["time"] - visit["events"][0]["time"] for visit in found["rows"]]
            ),
        }
    totals["unidentified"] = sum(
        not event["customer"] and event["time"] <= now and inside(event["time"], period) for event in events
    ) * (counts is everybody)
    names = [
        "journeys",
        "reached",
        "stopped",
        "open",
        "value",
        "value_gross",
        "off_map",
        "outside",
        "unidentified",
    ]
    return {
        "rows": rows,
        "totals": {name: totals[name] for name in names},
        "stages": {
            name: {"visits": len(outcomes), **{each: outcomes.count(each) for each in OUTCOMES}}
            for name, outcomes in stages.items()
        },
    }


def order_values(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Orders of one customer's seen events, net and gross, in cents."""

    def amount(event: dict[str, Any]) -> int | None:
        properties = event.get("properties", {})
        for name in ("total", "revenue"):
            value = properties.get(name)
            if value is not None:
                try:
                    return int((Decimal(str(value)) * 100).quantize(Decimal(1), ROUND_HALF_UP))
                except ArithmeticError:
                    continue
        return None

    orders: list[dict[str, Any]] = []
    for event in events:
        order_id = event.get("properties", {}).get("order_id")
        if event["event"] == "Order Completed" and (
            order_id is None or order_id not in [order["id"] for order in orders]
        ):
            gross = amount(event) or 0
            orders.append({"id": order_id, "event": event, "gross": gross, "net": gross})
    for event in events:
        order_id = event.get("properties", {}).get("order_id")
        if event["event"] in ("Order Refunded", "Order Cancelled") and order_id is not None:
            for order in orders:
                if order["id"] == order_id:
                    back = amount(event)
                    order["net"] -= order["net"] if back is None else back
    for order in orders:
        order["net"] = max(order["net"], 0)
    return orders


# -- flow ---------------------------------------------------------------------------------------


def flow_answer(
    events: list[dict[str, Any]],
    document: dict[str, Any],
    lapse: int,
    now: int,
    period: dict[str, Any],
    *,
    leave: list[str] | None = None,
    arrive: list[str] | None = None,
    off_map: bool = False,
    top: int | None = None,
    counts: Any = everybody,
) -> dict[tuple[str, str], dict[str, Any]]:
    """(source, target) to visits, journeys, median_seconds."""
    moves: list[tuple[str, str, Any, int | None]] = []
    number = itertools.count()
    for mine in by_customer(events, now).values():
        for journey in select(play(mine, document, lapse, now, off_map)[0], period, counts):
            key = next(number)
            visits = journey["visits"]
            if leave:
                visits = list(itertools.dropwhile(lambda visit: visit["step"] not in leave, visits))
            if arrive:
                there = [place for place, visit in enumerate(visits) if visit["step"] in arrive]
                visits = visits[: there[0] + 1] if there else []
            for place, visit in enumerate(visits):
                if not any(visit is each for each in journey["chosen"]):
                    continue
                if place == 0:
                    moves.append(("(start)", visit["step"], key, None))
                if place == len(visits) - 1:
                    moves.append((visit["step"], f"({journey['end']})", key, None))
                else:
                    after = visits[place + 1]
                    gap = after["events"][0]["time"] - visit["events"][-1]["time"]
                    moves.append((visit["step"], after["step"], key, gap))
    if top is not None:
        ids = [step["id"] for step in step_list(document)]
        sources = ["(start)", *ids, "(off map)"]
        targets = [*ids, "(off map)", *(f"({end})" for end in OUTCOMES[2:])]
        counts = {
            (source, target): sum(move[:2] == (source, target) for move in moves)
            for source in sources
            for target in targets
        }
        kept = sorted(counts, key=lambda pair: -counts[pair])[:top]
        common = [move for move in moves if move[:2] in kept]
        rare = [move for move in moves if move[:2] not in kept]
        moves = common
        moves += [(source, "(other)", key, gap) for source, _, key, gap in rare]
        moves += [("(other)", target, key, gap) for _, target, key, gap in rare]
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for pair in {move[:2] for move in moves}:
        mine_moves = [move for move in moves if move[:2] == pair]
        rows[pair] = {
            "visits": len(mine_moves),
            "journeys": len({key for _, _, key, _ in mine_moves}),
            "median_seconds": median([gap for _, _, _, gap in mine_moves if gap is not None]),
        }
    return rows


# -- funnels ------------------------------------------------------------------------------------


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
