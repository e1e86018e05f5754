"""Believable numbers for maps: random walks over the steps, counted as the engine would count them."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Protocol

import pytest

from periplus.maps.fill import FilledMap, fill
from periplus.maps.model import MapDocument
from periplus.question import Answer

OUTCOMES = ("onward", "back", "goal", "again", "stopped", "ended", "running")
HABITS = {  # how much likelier than others a step of the shop template is
    "product": 9, "category": 5, "cart": 4, "cart-view": 3, "checkout": 4, "payment": 6, "order": 9, "shipped": 30,
    "delivered": 40, "search": 6, "ad": 5, "social": 3, "newsletter-click": 2.5, "newsletter": 0.3, "site-search": 1.2,
    "reviews": 1.6, "promotion": 0.5, "wishlist": 0.6, "coupon": 0.5, "chat": 0.4, "cancelled": 0.2, "support": 0.5,
    "return": 0.5, "review": 1, "club": 0.8, "referral": 0.4,
}  # fmt: skip


class Walk(Protocol):
    def __call__(
        self, document: MapDocument, journeys: int = ..., seed: int = ..., scale: int = ...
    ) -> FilledMap: ...


def answers(
    document: MapDocument, journeys: int, seed: int, scale: int = 1
) -> tuple[Answer, Answer]:
    """The answers of `map` and `flow` over `journeys` random walks; every count times `scale`."""
    chance = random.Random(seed)
    rules = document.rules()
    measured = [i for i, step in enumerate(rules.steps) if step.rule is not None]
    stage = [step.stage for step in rules.steps]
    column = {name: i for i, name in enumerate(rules.stages)}
    weight = {i: float(HABITS.get(rules.steps[i].id, 1)) for i in measured}
    starts = [i for i in measured if i in rules.start]
    visits: list[Counter[str]] = [Counter() for _ in rules.steps]
    stages = {name: Counter[str]() for name in rules.stages}
    flows: Counter[tuple[str, str]] = Counter()
    seen: list[int] = [0] * len(rules.steps)
    reaching: list[int] = [0] * len(rules.steps)
    totals: Counter[str] = Counter(journeys=0, reached=0, stopped=0, open=0)

    def next_step(here: int) -> int:
        def pull(there: int) -> float:
            ahead = column[stage[there]] - column[stage[here]]
            near = {0: 0.5, 1: 1.0, 2: 0.12, -1: 0.2}.get(ahead, 0.01)
            return weight[there] * near * (0.0 if there == here else 1.0)

        return chance.choices(measured, [pull(i) + 1e-9 * (i != here) for i in measured])[0]

    for _ in range(journeys if starts else 0):
        early = [weight[i] * (8.0 if column[stage[i]] == 0 else 1.0 if column[stage[i]] == 1 else 0.05) for i in starts]
        here = chance.choices(starts, early)[0]
        path, end = [here], ""
        while not end:
            if here in rules.goal and rules.end == "goal":
                end = "goal"
                break
            done = any(step in rules.goal for step in path)
            if chance.random() < (0.13 if done else 0.24 - 0.02 * column[stage[here]]) or len(measured) == 1:
                roll = chance.random()
                end = "running" if roll < 0.04 else ("again" if roll < 0.2 else "ended") if done else "stopped"
                break
            there = next_step(here)
            if done and rules.end == "restart" and there in rules.restart:
                end = "again"
                break
            path.append(there)
            here = there
        reached = any(step in rules.goal for step in path)
        totals["journeys"] += 1
        totals["reached" if reached else "open" if end == "running" else "stopped"] += 1
        flows["(start)", rules.steps[path[0]].id] += 1
        for a, b in zip(path, [*path[1:], -1], strict=True):
            outcome = end if b < 0 else "onward" if b > a else "back"
            visits[a][outcome] += 1
            flows[rules.steps[a].id, f"({end})" if b < 0 else rules.steps[b].id] += 1
            if b < 0 or stage[a] != stage[b]:
                stages[stage[a]][outcome] += 1
        for step in set(path):
            seen[step] += 1
            goals = [i for i, one in enumerate(path) if one in rules.goal]
            reaching[step] += bool(goals and max(goals) >= path.index(step))

    def row(counts: Counter[str]) -> dict[str, Any]:
        return {"visits": scale * sum(counts.values()), **{name: scale * counts[name] for name in OUTCOMES}}

    rows = [
        {
            "stage": step.stage, "step": step.id, "name": step.name, **row(visits[i]),
            "journeys": scale * seen[i], "customers": scale * seen[i], "reached": scale * reaching[i],
            "median_seconds": 108, "value": 0,
        }
        for i, step in enumerate(rules.steps)
    ]  # fmt: skip
    frame: dict[str, Any] = {
        "question": {"kind": "map"}, "now": "2026-11-24T09:12:00Z", "now_from": "question", "currency": "EUR",
        "version": "418", "seconds": 0.09, "warnings": [],
    }  # fmt: skip
    numbers = {name: scale * count for name, count in totals.items()} | {"value": 0, "median_seconds": 194_400}
    shaped = [{"stage": name, **row(counts)} for name, counts in stages.items()]
    moved = [
        {"source": a, "target": b, "visits": scale * n, "journeys": scale * n, "median_seconds": 60}
        for (a, b), n in sorted(flows.items())
    ]
    return (
        Answer(kind="map", rows=rows, totals=numbers, stages=shaped, **frame),
        Answer(kind="flow", rows=moved, totals={}, stages=[], **frame),
    )


@pytest.fixture(scope="session")
def walk() -> Walk:
    """A map filled with the numbers of random journeys."""

    def filled(document: MapDocument, journeys: int = 400, seed: int = 1, scale: int = 1) -> FilledMap:
        return fill(document, *answers(document, journeys, seed, scale))

    return filled
