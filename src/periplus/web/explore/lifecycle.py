"""Lifecycle: of each step of time, who is new, came back, woke up again, or is gone, as bars above and below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from periplus.question import Answer
from periplus.web import words
from periplus.web.explore import plot
from periplus.web.explore.conditions import Happened
from periplus.web.explore.controls import When, bucket
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import among, breakdown, zones
from periplus.web.words import _

HEIGHT = 220
STATES = ("new", "returning", "resurrecting", "dormant")
ROWS = 400
"""Buckets in the table, the newest; the download has all of them."""


def usual(offered: Offered, _ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    return None if offered.goal is None else {"of": {"event": offered.goal}, "bucket": "month"}


def state_names() -> dict[str, str]:
    return {
        "new": _("new"),
        "returning": _("returning"),
        "resurrecting": _("back after a gap"),
        "dormant": _("gone quiet"),
    }


def by_bucket(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["bucket"], {})[row["state"]] = row["customers"]
    return found


def drawing(counts: Mapping[str, Mapping[str, int]], bucket: str, now: str) -> dict[str, Any] | None:
    """Bars in per cent of the width and pixels: the active above the line, the dormant below it."""
    up = max((sum(each[s] for s in STATES[:3]) for each in counts.values()), default=0)
    down = max((each["dormant"] for each in counts.values()), default=0)
    if not up + down:
        return None
    step = plot.ticks(up + down, whole=True)[1]
    above = [step * n for n in range(int(-(-up // step)) + 1)]
    below = [step * n for n in range(1, int(-(-down // step)) + 1)]
    each_px = HEIGHT / (above[-1] + (below[-1] if below else 0))
    zero = above[-1] * each_px
    n = len(counts)
    bars = []
    for place, (start, each) in enumerate(counts.items()):
        top = zero
        open_ = plot.is_open(start, bucket, now)
        for state in STATES[:3]:
            height = each[state] * each_px
            top -= height
            bars.append(_bar(place, n, top, height, state, open_))
        bars.append(_bar(place, n, zero, each["dormant"] * each_px, "dormant", open_))
    return {
        "bars": [bar for bar in bars if bar["height"] > 0],
        "zero": round(zero, 2),
        "height": HEIGHT,
        "grid": [{"y": round(zero - tick * each_px, 2), "text": tick} for tick in above]
        + [{"y": round(zero + tick * each_px, 2), "text": tick} for tick in below],
        "labels": plot.labels(list(counts), bucket),
    }


def _bar(place: int, n: int, top: float, height: float, state: str, open_: bool) -> dict[str, Any]:
    width = 100 / n
    return {
        "x": round(place * width + width * 0.14, 4), "width": round(width * 0.72, 4),
        "y": round(top, 2), "height": round(height, 2), "state": state, "open": open_,
    }  # fmt: skip


def title(counts: Mapping[str, Mapping[str, int]], bucket: str, now: str) -> str:
    over = [start for start in counts if not plot.is_open(start, bucket, now)] or list(counts)
    if not over:
        return _("Nobody did that in this period")
    each = counts[over[-1]]
    return _("{bucket}: {new} new, {back} back, {gone} gone quiet").format(
        bucket=plot.bucket_name(over[-1], bucket),
        new=words.number(each["new"]),
        back=words.number(each["returning"] + each["resurrecting"]),
        gone=words.number(each["dormant"]),
    )


def shown(asked: Asked) -> Shown:
    question = asked.question
    answer = asked.ask(question)
    bucket = str(question.get("bucket", "week"))
    counts = by_bucket(answer.rows)
    rows = [
        {
            "bucket": start,
            "name": plot.bucket_name(start, bucket),
            "open": plot.is_open(start, bucket, answer.now),
            "counts": each,
            "active": sum(each[state] for state in STATES[:3]),
        }
        for start, each in counts.items()
    ]
    view = {
        "picture": drawing(counts, bucket, answer.now),
        "states": state_names(),
        "rows": rows[::-1][:ROWS],
        "left_out": max(0, len(rows) - ROWS),
    }
    return Shown(title(counts, bucket, answer.now), answer, view)


LIFECYCLE = Explorer(
    name=lambda: _("Lifecycle"),
    sentence=lambda: _(
        "In each {bucket}, {period}: who does {of} for the first time, again, after a gap, or no more?"
    ),
    controls=(
        bucket("week"),
        When(lambda: _("shown")),
        Happened("of", lambda: _("What makes a customer active"), usual={}),
    ),
    more=(among(), breakdown(events=False), zones()),
    usual=usual,
    shown=shown,
    template="explore_lifecycle.html",
)
