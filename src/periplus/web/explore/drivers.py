"""Drivers: what goes with reaching a goal, each value with its lift and interval on one scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from periplus.question import Answer
from periplus.web import words
from periplus.web.asking import property_name
from periplus.web.explore.conditions import Happened
from periplus.web.explore.controls import Unit, When, window
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.funnel_figures import value_name
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import Groups, Ticked, among, breakdown, zones
from periplus.web.page import compact
from periplus.web.words import _

ROWS = 50
"""Rows in the table, the surest; the download has all of them."""
SURE = 0.05
"""Rows with a corrected p below it are said to differ beyond chance."""
WIDEST = 16.0
"""The lift at the ends of the scale, and its inverse; what lies beyond ends there."""


def usual(offered: Offered, _ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    return None if offered.goal is None else {"goal": {"event": offered.goal}, "unit": "customers"}


def place(lift: float) -> float:
    """A lift on a scale of multiples, in per cent of the width: 1 is the middle."""
    if lift <= 0:
        return 0.0
    share = 0.5 + math.log(lift) / math.log(WIDEST) / 2
    return round(100 * min(max(share, 0.0), 1.0), 3)


def feature_name(feature: str, offered: Offered) -> str:
    """What was looked at: a property in words, an event or a step by its name."""
    first, _space, rest = feature.partition(" ")
    if first == "did" and rest:
        return _("did {event} early").format(event=rest)
    if first == "early" and rest:
        return _("early {property}").format(property=property_name(rest))
    if feature in offered.at:
        return str(offered.at[feature]["name"])
    return property_name(feature) if "." in feature or feature in offered.paths else feature


def said_value(value: object) -> str:
    return "" if value is True else value_name(value)


def drawn(row: Mapping[str, Any], offered: Offered) -> dict[str, Any]:
    """A row with its mark on the scale, and whether it differs beyond chance."""
    sure = row["p"] is not None and row["p"] < SURE
    low, high = row.get("low"), row.get("high")
    better = (row["lift"] or 0) > 1 if row["lift"] is not None else bool(row["rate"])
    return {
        "row": row,
        "feature": feature_name(str(row["feature"]), offered),
        "value": said_value(row["value"]),
        "sure": sure,
        "mark": ("f-good" if better else "f-stop") if sure else "f-grey",
        "low": None if low is None else place(low),
        "high": None if high is None else place(high),
        "at": None if row["lift"] is None else place(row["lift"]),
    }


def title(rows: Sequence[Mapping[str, Any]], totals: Mapping[str, Any]) -> str:
    if not totals["customers"]:
        return _("Nobody whose time is over began in this period")
    sure = [each for each in rows if each["sure"] and each["row"]["lift"] is not None]
    if not sure:
        return _("Nothing goes with reaching the goal beyond chance")
    best = sure[0]
    what = ", ".join(filter(None, (best["feature"], best["value"])))
    return _("{what}: {lift} times as likely to reach the goal as the others").format(
        what=what[:1].upper() + what[1:],
        lift=words.number(best["row"]["lift"], 1),
    )


def chance(p: float | None) -> str:
    """A corrected p as one reads it: `< 0.001`, `0.03`."""
    if p is None:
        return ""
    return f"<{words.THIN}{words.number(0.001, 3)}" if p < 0.001 else words.number(p, 3 if p < 0.1 else 2)


def usual_features() -> str:
    return _("what shops usually know, and all that was done early")


def features(offered: Offered) -> Groups:
    """What may go with the goal: known at the beginning, known or done early."""
    early = [
        (compact({"property": path, "at": "early"}), name)
        for path, name in offered.properties
        if path.startswith(("properties.", "context."))
    ]
    names = [name.removeprefix("event:") for name, _said in offered.event_codes]
    return [
        (
            _("In the first part"),
            [
                (compact({"done": "each"}), _("each thing that was done")),
                (compact({"count": {}, "label": "events"}), _("how many events")),
            ],
        ),
        (_("Known at the beginning"), offered.properties[:40]),
        (_("The first value in the first part"), early[:40]),
        (_("Done in the first part"), [(compact({"done": {"event": name}}), name) for name in names[:60]]),
        (
            _("How often it was done in the first part"),
            [(compact({"count": {"event": name}}), name) for name in names[:60]],
        ),
    ]


def shown(asked: Asked) -> Shown:
    answer = asked.ask(asked.question)
    rows = [drawn(row, asked.offered) for row in answer.rows]
    scale = [
        {"x": place(lift), "text": f"{'×' if lift >= 1 else '÷'}{words.number(max(lift, 1 / lift))}"}
        for lift in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)
    ]
    view = {
        "rows": rows[:ROWS],
        "left_out": max(0, len(rows) - ROWS),
        "totals": answer.totals,
        "scale": scale,
        "chance": chance,
    }
    return Shown(title(rows, answer.totals), answer, view)


DRIVERS = Explorer(
    name=lambda: _("Drivers"),
    sentence=lambda: _(
        "What goes with reaching {goal} within {within}, of {unit} that begin with {of}, {period}? Early is {early}."
    ),
    controls=(
        Happened("goal", lambda: _("What is reached"), "touchpoint"),
        window("within", lambda: _("How long they have"), "", lambda: _("the time it may take")),
        Unit(),
        Happened("of", lambda: _("What begins it"), "touchpoint", usual={}),
        When(lambda: _("begun")),
        window("early", lambda: _("How long after the beginning something is early"), "1h"),
    ),
    more=(
        Ticked("features", lambda: _("What is looked at"), features, none=usual_features),
        among(),
        breakdown(events=False),
        zones(),
    ),
    usual=usual,
    shown=shown,
    template="explore_drivers.html",
    needed=("goal",),
)
