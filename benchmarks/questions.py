"""What is asked of every side: the same questions, as documents and as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

FUNNEL = ("Product Viewed", "Product Added", "Checkout Started", "Order Completed")
WINDOW_DAYS = 14
WINDOW = WINDOW_DAYS * 86_400_000_000
NOW = "2026-11-01T00:00:00Z"
LAPSE = 30 * 86_400_000_000


def funnel(run: int) -> dict[str, Any]:
    """Four steps on event names within a window."""
    del run
    return {"kind": "funnel", "steps": [{"event": name} for name in FUNNEL], "within": f"{WINDOW_DAYS}d"}


def by_product() -> dict[str, Any]:
    """The same by a property of some six hundred values."""
    return {**funnel(0), "breakdown": "product_id"}


def from_cart(**more: Any) -> dict[str, Any]:
    """From what was put into a cart on: `cart_id` has more values than the thousand that are told apart."""
    steps = [{"event": name} for name in FUNNEL[1:]]
    return {"kind": "funnel", "steps": steps, "within": f"{WINDOW_DAYS}d", **more}


def thirty(names: Sequence[str]) -> dict[str, Any]:
    """A funnel of thirty steps, the four of the plain one first."""
    steps = [*FUNNEL, *(name for name in names if name not in FUNNEL)][:30]
    return {"kind": "funnel", "steps": [{"event": name} for name in steps], "within": f"{WINDOW_DAYS}d"}


def filtered(run: int) -> dict[str, Any]:
    """The same with filters on properties; the threshold moves with the run, so nothing can be remembered."""
    phone = {"context.device.type": "mobile"}
    steps = [
        {"event": FUNNEL[0], "where": {**phone, "category": {"in": ["shoes", "bags", "jackets", "dresses"]}}},
        {"event": FUNNEL[1], "where": {**phone, "price": {"gte": threshold(run)}}},
        {"event": FUNNEL[2], "where": phone},
        {"event": FUNNEL[3], "where": {"total": {"gte": threshold(run)}}},
    ]
    return {"kind": "funnel", "steps": steps, "within": f"{WINDOW_DAYS}d"}


def threshold(run: int) -> float:
    """Between two prices, wherever the run moves it: prices end in .90."""
    return 30.1 + run / 100


def step_sql(filters: bool, run: int) -> list[str]:
    """The four steps as SQL conditions over the sorted log, which DuckDB and ClickHouse both read."""
    names = [f"event = '{name}'" for name in FUNNEL]
    if not filters:
        return names
    phone = "device = 'mobile'"
    return [
        f"{names[0]} AND {phone} AND category IN ('shoes', 'bags', 'jackets', 'dresses')",
        f"{names[1]} AND {phone} AND price >= {threshold(run)}",
        f"{names[2]} AND {phone}",
        f"{names[3]} AND total >= {threshold(run)}",
    ]


TRANSITION = ("visits", "journeys", "median_seconds", "returning")
"""What a transition's row says; peers that only count say the first."""


def transitions(names: list[str]) -> dict[str, Any]:
    """Which event follows which, as visits: a run of one event counts once."""
    return {"kind": "flow", "steps": [{"event": name} for name in names], "lapse": "5000d", "now": NOW}


def bench_map(shop: dict[str, Any]) -> dict[str, Any]:
    """The shop map with journeys that plain SQL can count too: any step begins one, silence alone ends it."""
    stages = []
    measured = []
    for stage in shop["stages"]:
        steps = [
            {**step, "initiator": "customer", "prolongs": True} for step in stage["steps"] if "rule" in step
        ]
        measured += [step["id"] for step in steps]
        stages.append({"name": stage["name"], "steps": steps})
    return {
        "name": "Bench",
        "id": "bench",
        "goal": ["order"],
        "start": measured,
        "lapse": "30d",
        "end": "lapse",
        "stages": stages,
    }
