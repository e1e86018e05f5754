"""Trend: how many, or how much, step by step of time, and beside it an earlier time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from periplus.question import Answer
from periplus.web import words
from periplus.web.asking import step_name
from periplus.web.explore import plot
from periplus.web.explore.conditions import NUMBERS, SeriesList, measure_of, measures
from periplus.web.explore.controls import Choice, When, bucket, buckets
from periplus.web.explore.explorer import Asked, Explorer, Shown
from periplus.web.explore.funnel_figures import value_name
from periplus.web.explore.offered import Offered
from periplus.web.explore.options import Coded, SessionOptions, among, breakdown, plainly, zones
from periplus.web.words import _, ngettext

HEIGHT = 220
"""Pixels of the picture, without the names under it."""
ROWS = 400
"""Buckets in the table, the newest; the download has all of them."""
COLUMNS = 8
"""Lines in the table; the download has all of them."""


def usual(offered: Offered, _ask: Callable[[Mapping[str, Any]], Answer]) -> dict[str, Any] | None:
    if offered.goal is None:
        return None
    of = {"event": offered.goal}
    return {"series": [{"of": of}], "bucket": "week"}


def compared(_offered: Offered) -> dict[str, str]:
    return {"": _("nothing"), "previous": _("the period before"), "year": _("the year before")}


def averages(_offered: Offered) -> dict[str, str]:
    said = {n: ngettext("{n} step", "{n} steps", n).format(n=n) for n in (3, 4, 6, 7, 12, 28, 52)}
    return {
        "": _("no moving average"),
        **{str(n): _("an average over {steps}").format(steps=name) for n, name in said.items()},
    }


def expected() -> dict[str, str]:
    return {
        "": _("no expected range"),
        "true": _("the range to expect"),
        '{"width":2}': _("a narrow range to expect"),
        '{"width":4}': _("a wide range to expect"),
        '{"seasons":4}': _("the range of the last 4 seasons"),
        '{"seasons":26}': _("the range of the last 26 seasons"),
    }


def series_name(series: Mapping[str, Any], offered: Offered) -> str:
    """A series as people say it: `How many customers did Order Completed`."""
    if series.get("label"):
        return str(series["label"])
    measure, path = measure_of(series)
    of = series.get("of") or {}
    what = step_name(of, offered.at) if of else _("anything")
    said = f"{measures(offered).get(measure, measure)} {f'{path} · ' if path else ''}{what}"
    return said[:1].upper() + said[1:]


def lines_of(
    rows: Sequence[Mapping[str, Any]], question: Mapping[str, Any], offered: Offered
) -> list[dict[str, Any]]:
    """The rows as lines: one per series and value of the breakdown, the largest first within its series."""
    asked = question["series"]
    names = [(each.get("label") or place, place) for place, each in enumerate(asked)]
    place_of = dict(names)
    found: dict[tuple[int, Any], dict[str, Any]] = {}
    for row in rows:
        place = place_of[row["series"]]
        key = (place, row["breakdown"])
        if key not in found:
            number = measure_of(asked[place])[0] in NUMBERS
            name = series_name(asked[place], offered)
            if question.get("breakdown"):
                value = value_name(row["breakdown"])
                full = f"{value} · {name}"
                name = full if len(asked) > 1 else value
            found[key] = {
                "name": name, "series": row["series"], "breakdown": row["breakdown"], "number": number, "rows": [],
                "opened": opened(question, place) if number else question,
            }  # fmt: skip
        found[key]["rows"].append(row)
    order = sorted(found, key=lambda key: (key[0], -sum(row["value"] or 0 for row in found[key]["rows"])))
    return [found[key] for key in order]


def opened(question: Mapping[str, Any], place: int) -> dict[str, Any]:
    """The question that lists the events behind a sum or a mean: the same, counting them."""
    series = [
        {key: value for key, value in each.items() if key != "measure"} if index == place else each
        for index, each in enumerate(question["series"])
    ]
    return {**question, "series": series}


def drawing(lines: Sequence[Mapping[str, Any]], bucket: str, now: str) -> dict[str, Any] | None:
    """Points of each line drawn, in per cent of the width and pixels; None where there is nothing to draw."""
    drawn = lines[: plot.COLORS]
    values: list[float] = [
        row[field]
        for line in drawn
        for row in line["rows"]
        for field in ("value", "previous", "average", "low", "high")
        if row.get(field) is not None
    ]
    if not values or not drawn[0]["rows"]:
        return None
    low: float = min(0.0, *values)
    scale = plot.ticks(max(max(values), 0) - low, whole=all(float(value).is_integer() for value in values))
    top = scale[-1]
    starts = [row["bucket"] for row in drawn[0]["rows"]]
    at = plot.middles(len(starts))

    def y(value: float) -> float:
        return float(round(HEIGHT * (1.0 - (value - low) / float(top)), 2))

    found = []
    for place, line in enumerate(drawn):
        now_ = [
            (x, y(row["value"])) for x, row in zip(at, line["rows"], strict=False) if row["value"] is not None
        ]
        then = [
            (x, y(row["previous"]))
            for x, row in zip(at, line["rows"], strict=False)
            if row["previous"] is not None
        ]
        open_ = bool(now_) and plot.is_open(starts[-1], bucket, now) and line["rows"][-1]["value"] is not None
        over = now_[:-1] if open_ and len(now_) > 1 else now_
        found.append(
            {
                "name": line["name"],
                "color": place % plot.COLORS + 1,
                "line": path(over),
                "tail": path(now_[-2:]) if open_ and len(now_) > 1 else "",
                "before": path(then),
                "average": path(
                    [
                        (x, y(row["average"]))
                        for x, row in zip(at, line["rows"], strict=False)
                        if row.get("average") is not None
                    ]
                ),
                "bands": bands(at, line["rows"], y),
                "outside": [
                    (x, y(row["value"]))
                    for x, row in zip(at, line["rows"], strict=False)
                    if row.get("outside") and row["value"] is not None
                ],
                "points": now_ if len(now_) <= 60 else now_[-1:],
            }
        )
    return {
        "lines": found,
        "height": HEIGHT,
        "grid": [{"y": y(low + tick), "text": low + tick} for tick in scale],
        "labels": plot.labels(starts, bucket),
        "compared": any(line["before"] for line in found),
        "percent": False,
        "left_out": len(lines) - len(drawn),
        "digits": 0 if all(float(tick).is_integer() for tick in scale) else 2,
    }


def bands(at: Sequence[float], rows: Sequence[Mapping[str, Any]], y: Callable[[float], float]) -> list[str]:
    """The ranges to expect, as polygons: one for each run of buckets that have one."""
    runs: list[list[tuple[float, Mapping[str, Any]]]] = [[]]
    for x, row in zip(at, rows, strict=False):
        if row.get("low") is None or row.get("high") is None:
            runs.append([])
        else:
            runs[-1].append((x, row))
    return [
        path([*((x, y(row["high"])) for x, row in run), *((x, y(row["low"])) for x, row in reversed(run))])
        for run in runs
        if len(run) > 1
    ]


def path(points: Sequence[tuple[float, float]]) -> str:
    """Points of a polyline in a box 1000 wide."""
    return " ".join(f"{10 * x:g},{y:g}" for x, y in points)


def change(value: float | None, before: float | None) -> float | None:
    """By how much a value is more than the one before, as a share of it."""
    return None if value is None or not before else value / before - 1


def said_change(share: float | None) -> str:
    """A change with its sign: `+12.0 %`."""
    if share is None:
        return ""
    return ("+" if share > 0 else "") + words.percent(share)


def title(lines: Sequence[Mapping[str, Any]], bucket: str, now: str) -> str:
    """The last step of time that is over, and how it stands to the one before."""
    if not lines:
        return _("Nothing happened in this period")
    line = lines[0]
    rows = [row for row in line["rows"] if not plot.is_open(row["bucket"], bucket, now)] or line["rows"]
    last = rows[-1]
    value = figure(last["value"], line["number"])
    said = _("{name}: {value} {when}").format(
        name=line["name"], value=value or _("none"), when=plot.said_in(last["bucket"], bucket)
    )
    before = rows[-2]["value"] if len(rows) > 1 else None
    share = change(last["value"], before)
    if share is None:
        return said
    much = words.percent(abs(share))
    if abs(share) < 0.0005:
        return _("{said}, as in the {bucket} before").format(said=said, bucket=buckets().get(bucket, bucket))
    if share > 0:
        return _("{said}, {share} more than in the {bucket} before").format(
            said=said, share=much, bucket=buckets().get(bucket, bucket)
        )
    return _("{said}, {share} less than in the {bucket} before").format(
        said=said, share=much, bucket=buckets().get(bucket, bucket)
    )


def figure(value: float | None, number: bool) -> str:
    """A value of a line: counts whole, sums and means with two digits where they have any."""
    if value is None:
        return ""
    return words.number(value, 2 if number and not float(value).is_integer() else 0)


def shown(asked: Asked) -> Shown:
    question = asked.question
    answer = asked.ask(question)
    bucket = str(question.get("bucket", "day"))
    lines = lines_of(answer.rows, question, asked.offered)
    starts = list(dict.fromkeys(row["bucket"] for row in answer.rows))
    tabled = lines[:COLUMNS]
    compare = bool(question.get("compare"))
    rows = [
        {
            "bucket": start,
            "name": plot.bucket_name(start, bucket),
            "open": plot.is_open(start, bucket, answer.now),
            "cells": [line["rows"][place] for line in tabled],
        }
        for place, start in enumerate(starts)
    ]
    view = {
        "picture": drawing(lines, bucket, answer.now),
        "lines": tabled,
        "rows": rows[::-1][:ROWS],
        "left_out": max(0, len(starts) - ROWS),
        "columns_left_out": len(lines) - len(tabled),
        "compare": compare,
        "figure": figure,
        "digits_of": lambda high: 0 if high >= 10 else 1,
        "said_change": lambda cell: said_change(change(cell["value"], cell["previous"])),
        "sums": [
            sum(row["value"] for row in line["rows"])
            if measure_of(question["series"][_place(question, line)])[0] in ("events", "sum")
            else None
            for line in tabled
        ],
    }
    return Shown(title(lines, bucket, answer.now), answer, view)


def _place(question: Mapping[str, Any], line: Mapping[str, Any]) -> int:
    return next(
        place
        for place, each in enumerate(question["series"])
        if (each.get("label") or place) == line["series"]
    )


TREND = Explorer(
    name=lambda: _("Trend"),
    sentence=lambda: _(
        "For each {bucket}, {period}: {series}, split by {breakdown}, beside {compare}; with {average} and {expected}."
    ),
    controls=(
        bucket("day"),
        When(lambda: _("happened")),
        SeriesList(),
        breakdown(sessions=True),
        Choice("compare", lambda: _("Compared with what"), compared),
        Choice("average", lambda: _("Which moving average"), averages, whole=True),
        Coded("expected", lambda: _("What was to be expected"), lambda _offered: plainly(expected())),
    ),
    more=(among(), SessionOptions(), zones()),
    usual=usual,
    shown=shown,
    template="explore_trend.html",
    needed=("series",),
)
