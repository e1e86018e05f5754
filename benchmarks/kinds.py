"""The other kinds of questions: each as a document, and its answer in a form that SQL can give too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from questions import NOW, WINDOW_DAYS, bench_map

VIEW, ORDER, PAGE = {"event": "Product Viewed"}, {"event": "Order Completed"}, {"event": "Page Viewed"}
MODELS = ("first", "last", "linear", "position", "time_decay")
"""The models of attribution that SQL can say in one query."""
PATTERN = "cart [^ order]*$"
"""Journeys that put something into the cart and order nothing after it."""
Shape = Callable[[Any], Any]


@dataclass(frozen=True)
class Kind:
    """`question(shop map)` is asked; `shape` makes of its answer what the peers' is compared with."""

    work: str
    question: Callable[[dict[str, Any]], dict[str, Any]]
    shape: Shape


def day(label: str) -> int:
    """Days since 1970 of a bucket's label."""
    return date.fromisoformat(label).toordinal() - date(1970, 1, 1).toordinal()


def week(label: str) -> int:
    """Weeks, beginning on Mondays, since that of 1970-01-01."""
    return (day(label) + 3) // 7


def _retention(answer: Any) -> Any:
    sizes = {str(week(row["cohort"])): row["size"] for row in answer.rows}
    came = {
        f"{week(row['cohort'])}+{row['period']}": row["returned"] for row in answer.rows if row["returned"]
    }
    return sizes | came


def _trend(answer: Any) -> Any:
    return {f"{day(row['bucket'])} {row['breakdown']}": row["value"] for row in answer.rows if row["value"]}


def _attribution(answer: Any) -> Any:
    return {
        f"{row['model']} {row['channel']}": round(row["conversions"], 4)
        for row in answer.rows
        if row["conversions"] and row["channel"] != "(none)"
    }


def _lifecycle(answer: Any) -> Any:
    return {
        f"{week(row['bucket'])} {row['state']}": row["customers"] for row in answer.rows if row["customers"]
    }


def _drivers(answer: Any) -> Any:
    return {f"{row['feature']} {row['value']}": [row["customers"], row["reached"]] for row in answer.rows}


def _site(answer: Any) -> Any:
    kept = ("views", "visits", "entries", "bounces", "exits")
    return {f"{row['report']} {row['key']}": [row[name] for name in kept] for row in answer.rows}


def _asks(document: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda shop: {**document, "now": NOW}


def _attributed(*models: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    asked = {"kind": "attribution", "touches": PAGE, "goal": ORDER, "lookback": "30d", "half_life": "7d"}
    return _asks(asked | ({"models": list(models)} if models else {}))


KINDS = {
    "retention": Kind(
        "retention by week, 8 periods",
        _asks({"kind": "retention", "start": ORDER, "return": ORDER, "bucket": "week", "periods": 8}),
        _retention,
    ),
    "trend": Kind(
        "customers by day and device",
        _asks({"kind": "trend", "series": [{"measure": "customers"}], "breakdown": "context.device.type"}),
        _trend,
    ),
    "timing": Kind(
        "time from view to order",
        _asks({"kind": "timing", "steps": [VIEW, ORDER], "within": f"{WINDOW_DAYS}d", "quantiles": [0.5, 0.9]}),
        lambda answer: [round(row["seconds"], 3) for row in answer.rows],
    ),
    "attribution": Kind("attribution, five models", _attributed(*MODELS), _attribution),
    "all models": Kind("attribution, with Markov and Shapley", _attributed(), _attribution),
    "lifecycle": Kind("lifecycle by week", _asks({"kind": "lifecycle", "bucket": "week"}), _lifecycle),
    "drivers": Kind(
        "drivers of an order",
        _asks({
            "kind": "drivers", "goal": ORDER, "within": "30d", "early": "1h",
            "features": ["channel", "context.device.type", {"done": "each"}],
        }),
        _drivers,
    ),
    "pattern": Kind(
        "a pattern over the visits of journeys",
        lambda shop: {"kind": "pattern", "map": bench_map(shop), "pattern": PATTERN, "now": NOW},
        lambda answer: [answer.totals["journeys"], answer.totals["matched"]],
    ),
    "site": Kind(
        "pages and channels of the site",
        _asks({"kind": "site", "reports": ["pages", "channels"], "top": 1000}),
        _site,
    ),
}  # fmt: skip
