"""The picture of one customer's journeys: visit by visit, left to right, up the stages. Pure geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ROW = 18
"""Height of a stage's line, px."""

LEFT = 112
"""Room for the names of the stages, which stay in place while the picture scrolls."""

STEP_MOST, STEP_LEAST = 28.0, 9.0
"""Distance between two visits of a journey, as wide as there is room for."""

BETWEEN = 84.0
"""Room between two journeys; their captions are this wide at least."""

WIDTH = 960


def lay_out(journeys: Sequence[Mapping[str, Any]], stages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Lines, dots, ends and captions in px; `journeys` oldest first, each with its `visits` oldest first."""
    level = {stage["name"]: len(stages) - 1 - i for i, stage in enumerate(stages)}
    placed = [journey for journey in journeys if any(v["stage"] in level for v in journey["visits"])]
    visits = sum(len(journey["visits"]) for journey in placed)
    room = WIDTH - BETWEEN * max(1, len(placed))
    apart = max(STEP_LEAST, min(STEP_MOST, room / max(1, visits)))
    x = 8.0
    height = ROW * len(stages)
    drawn = []
    for journey in placed:
        start = x
        dots = []
        for visit in journey["visits"]:
            if visit["stage"] not in level:
                continue
            dots.append(
                {
                    "x": round(x, 1),
                    "y": level[visit["stage"]] * ROW + ROW / 2,
                    "r": round(min(5.0, 2.2 + 0.5 * visit["count"] ** 0.5), 1),
                    "at": visit["at"],
                    "goal": visit["goal"],
                    "name": visit["name"],
                }
            )
            x += apart
        last = dots[-1]
        drawn.append(
            {
                "dots": dots,
                "way": " ".join(f"{dot['x']},{dot['y']}" for dot in dots),
                "end": journey["fate"],
                "last": last,
                "x": round(start - 4, 1),
                "journey": journey,
            }
        )
        x = max(x - apart, start) + max(BETWEEN, start + 130 - x + apart)
    return {
        "width": max(WIDTH, round(x)),
        "height": height + 44,
        "lines": [
            {"y": level[stage["name"]] * ROW + ROW / 2, "name": stage["name"], "at": stage}
            for stage in stages
        ],
        "bottom": height,
        "left": LEFT,
        "journeys": drawn,
    }
