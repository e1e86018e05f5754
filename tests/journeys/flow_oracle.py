"""Flows over stages, or with each event a visit of its own, and what returns: as obviously as possible."""

from __future__ import annotations

import itertools
from typing import Any

from tests.journeys import oracle


def regrouped(journey: dict[str, Any], part: dict[str, str], collapse: bool) -> dict[str, Any]:
    """The journey with other visits: runs of events of one part, or each event by itself."""
    placed = [(part.get(step, step), event) for event, step in journey["events"]]
    if collapse:
        runs = [list(run) for _, run in itertools.groupby(placed, key=lambda each: each[0])]
    else:
        runs = [[each] for each in placed]
    return journey | {"visits": [{"step": run[0][0], "events": [event for _, event in run]} for run in runs]}


def flow(
    events: list[dict[str, Any]], question: dict[str, Any], document: dict[str, Any], lapse: int, now: int,
    period: dict[str, Any],
) -> dict[tuple[str, str], dict[str, Any]]:  # fmt: skip
    """(source, target) to visits, journeys, returning, loop, median_seconds."""
    by_stage = question.get("by") == "stage"
    steps = oracle.step_list(document)
    part = {step["id"]: step["stage"] if by_stage else step["id"] for step in steps}
    nodes = list(dict.fromkeys(part.values()))
    leave, arrive = question.get("from"), question.get("to")
    moves: list[tuple[tuple[str, str], int, int | None, bool]] = []
    number = itertools.count()
    for mine in oracle.by_customer(events, now).values():
        journeys = oracle.play(mine, document, lapse, now, question.get("off_map", False))[0]
        anew = [regrouped(journey, part, question.get("collapse", True)) for journey in journeys]
        for journey in oracle.select(anew, period):
            key, visits = next(number), journey["visits"]
            if leave:
                visits = list(itertools.dropwhile(lambda visit: visit["step"] not in leave, visits))
            if arrive:
                there = [place for place, visit in enumerate(visits) if visit["step"] in arrive]
                visits = visits[: there[0] + 1] if there else []
            for place, visit in enumerate(visits):
                if not any(visit is each for each in journey["chosen"]):
                    continue
                here = visit["step"]
                if place == 0:
                    moves.append((("(start)", here), key, None, False))
                if place + 1 == len(visits):
                    moves.append(((here, f"({journey['end']})"), key, None, False))
                    continue
                after = visits[place + 1]
                gap = after["events"][0]["time"] - visit["events"][-1]["time"]
                again = any(after["step"] == other["step"] for other in visits[: place + 1])
                moves.append(((here, after["step"]), key, gap, again))
    if (top := question.get("top")) is not None:
        order = ["(start)", *nodes, "(off map)", "(other)", *(f"({end})" for end in oracle.OUTCOMES[2:])]
        seen: dict[tuple[str, str], int] = {}
        for pair, *_ in moves:
            seen[pair] = seen.get(pair, 0) + 1
        ranked = sorted(seen, key=lambda pair: (-seen[pair], order.index(pair[0]), order.index(pair[1])))
        kept = set(ranked[:top])
        rare = [move for move in moves if move[0] not in kept]
        moves = [move for move in moves if move[0] in kept]
        moves += [((pair[0], "(other)"), *rest) for pair, *rest in rare]
        moves += [(("(other)", pair[1]), *rest) for pair, *rest in rare]
    rows = {}
    for pair in {move[0] for move in moves}:
        own = [move for move in moves if move[0] == pair]
        rows[pair] = {
            "visits": len(own),
            "journeys": len({key for _, key, _, _ in own}),
            "returning": sum(again for *_, again in own),
            "loop": pair[0] == pair[1],
            "median_seconds": oracle.median([gap for _, _, gap, _ in own if gap is not None]),
        }
    return rows
