"""Maps and flows, counted from visits that were played event by event: as obviously as possible."""

from __future__ import annotations

import itertools
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.journeys.oracle import OUTCOMES, by_customer, everybody, inside, median, play, select, step_list


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
