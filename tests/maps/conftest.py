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
ENTRY = {"search": 34, "ad": 31, "social": 14, "newsletter-click": 12, "product": 5, "category": 4}
WAYS = {  # where the visits of the shop template's steps go next, in percent; the rest leaves
    "ad": {"product": 46, "category": 20, "site-search": 3, "promotion": 2},
    "search": {"category": 40, "product": 26, "site-search": 6, "reviews": 3},
    "social": {"product": 44, "category": 14, "promotion": 2},
    "newsletter": {"newsletter-click": 30, "product": 6},
    "newsletter-click": {"product": 42, "category": 18, "promotion": 12, "cart-view": 4},
    "category": {"product": 55, "site-search": 5, "promotion": 2, "search": 2, "newsletter": 0.5},
    "site-search": {"product": 46, "category": 16},
    "promotion": {"product": 48, "category": 22, "cart": 3},
    "product": {
        "cart": 17,
        "category": 15,
        "reviews": 12,
        "share": 1,
        "wishlist": 2,
        "chat": 1.5,
        "site-search": 2,
        "ad": 1.5,
    },
    "reviews": {"product": 36, "cart": 28},
    "share": {"product": 30, "cart": 5},
    "wishlist": {"product": 22, "cart": 18, "newsletter": 12},
    "cart": {"cart-view": 56, "product": 9, "category": 5, "checkout": 9, "newsletter": 3},
    "cart-view": {"checkout": 44, "coupon": 9, "product": 9, "newsletter": 4, "chat": 1},
    "coupon": {"checkout": 62, "cart-view": 20},
    "chat": {"cart": 25, "checkout": 22, "product": 26},
    "checkout": {"payment": 60, "cart-view": 9, "coupon": 2},
    "payment": {"order": 86, "checkout": 5},
    "order": {"shipped": 94, "cancelled": 4, "support": 1},
    "shipped": {"delivered": 92, "support": 5},
    "delivered": {"review": 14, "support": 7, "return": 8, "club": 8, "referral": 4},
    "support": {"return": 34, "delivered": 22, "cancelled": 5},
    "return": {"support": 9, "review": 2},
    "review": {"referral": 9, "club": 16},
    "club": {"referral": 9, "review": 4},
}
AGAIN = {"delivered": 9, "review": 14, "club": 20, "referral": 10, "support": 3, "return": 6}


class Walk(Protocol):
    def __call__(
        self, document: MapDocument, journeys: int = ..., seed: int = ..., scale: int = ...
    ) -> FilledMap: ...


def answers(document: MapDocument, journeys: int, seed: int, scale: int = 1) -> tuple[Answer, Answer]:
    """The answers of `map` and `flow` over `journeys` random walks; every count times `scale`."""
    chance = random.Random(seed)
    rules = document.rules()
    measured = [i for i, step in enumerate(rules.steps) if step.rule is not None]
    stage = [step.stage for step in rules.steps]
    column = {name: i for i, name in enumerate(rules.stages)}
    position = {step.id: i for i, step in enumerate(rules.steps)}
    shop = rules.id == "shop"
    starts = [i for i in measured if i in rules.start]
    visits: list[Counter[str]] = [Counter() for _ in rules.steps]
    stages = {name: Counter[str]() for name in rules.stages}
    flows: Counter[tuple[str, str]] = Counter()
    seen: list[int] = [0] * len(rules.steps)
    reaching: list[int] = [0] * len(rules.steps)
    totals: Counter[str] = Counter(journeys=0, reached=0, stopped=0, open=0)

    def first() -> int:
        if shop:
            return position[chance.choices(list(ENTRY), list(ENTRY.values()))[0]]
        return chance.choices(starts, [3.0 if column[stage[i]] == 0 else 0.3 for i in starts])[0]

    def following(here: int) -> int | None:
        """The next step; None to leave."""
        if shop:
            ways = WAYS.get(rules.steps[here].id, {})
            leave = 100 - sum(ways.values())
            name = chance.choices([*ways, ""], [*ways.values(), leave])[0]
            return position[name] if name else None
        if chance.random() < 0.15 or len(measured) == 1:
            return None
        near = {0: 0.6, 1: 1.0, 2: 0.1, -1: 0.2}
        pull = [1e-9 + near.get(column[stage[i]] - column[stage[here]], 0.01) * (i != here) for i in measured]
        there = chance.choices(measured, pull)[0]
        return there if there != here else None

    for _ in range(journeys if starts else 0):
        here = first()
        path, end = [here], ""
        while not end:
            done = any(step in rules.goal for step in path)
            there = None if here in rules.goal and rules.end == "goal" else following(here)
            if there is None:
                anew = AGAIN.get(rules.steps[here].id, 0) / 100 if rules.end == "restart" else 0
                end = "running" if chance.random() < 0.03 else "ended" if done else "stopped"
                if here in rules.goal and rules.end == "goal":
                    end = "goal"
                elif done and chance.random() < anew:
                    end = "again"
            elif done and rules.end == "restart" and there in rules.restart:
                end = "again"
            else:
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
        goals = [i for i, one in enumerate(path) if one in rules.goal]
        for step in set(path):
            seen[step] += 1
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
    numbers = {name: scale * count for name, count in totals.items()} | {
        "value": 0,
        "median_seconds": 194_400,
    }
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
