"""What a funnel shows beside its bars: two sides with their difference, the funnel over time, how long it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from periplus.question import Answer
from periplus.web import words
from periplus.web.explore import plot
from periplus.web.explore.timing_words import quantile_names
from periplus.web.explore.trend import drawing
from periplus.web.words import _

Ask = Callable[[Mapping[str, Any]], Answer]
Step = Mapping[str, Any]
BUCKETS = 400
"""Buckets in the table, the newest; the download has all of them."""
SURE = 0.05


def without(question: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """The question without some of its keys."""
    return {key: value for key, value in question.items() if key not in keys}


def beside(question: Mapping[str, Any]) -> dict[str, Any]:
    """The question of two sides alone; a breakdown stays where its values are the sides."""
    compare = question.get("compare")
    of_values = isinstance(compare, Mapping) and "values" in compare
    more = () if of_values else ("breakdown",)
    return without(question, "bucket", "quantiles", "histogram", *more)


def side_name(side: object) -> str:
    """A side as people read it: the engine's own words, else the label it was given."""
    known = {
        "period": _("this period"),
        "previous": _("the period before"),
        "year": _("the year before"),
        "other period": _("the other period"),
        "(rest)": _("the rest"),
        "(none)": _("without a value"),
    }
    said = known.get(str(side), str(side)).removeprefix("any event where ").removeprefix("the customer is ")
    return said[:1].upper() + said[1:]


def as_parts(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows of two sides, each side in the place of a value of a breakdown."""
    return [{**row, "breakdown": row["side"]} for row in rows]


def differences(rows: Sequence[Mapping[str, Any]], steps: Sequence[Step]) -> dict[str, Any] | None:
    """Step by step the rates of both sides and what is between them: `x` and `low`, `high` in per cent of a width whose
    middle is no difference."""
    sides = list(dict.fromkeys(row["side"] for row in rows))
    if len(sides) != 2:
        return None
    by_cell = {(row["side"], row["step"]): row for row in rows}
    far = max(
        (abs(row[end]) for row in rows for end in ("low", "high") if row.get(end) is not None), default=0
    )
    far = far or 1

    def place(value: float) -> float:
        return float(round(50 + 48 * value / far, 3))

    found = []
    for step in steps:
        one, other = (by_cell[side, step["index"]] for side in sides)
        drawn = None
        if step["index"] and one.get("difference") is not None:
            drawn = {"x": place(one["difference"]), "low": place(one["low"]), "high": place(one["high"])}
        found.append(
            {
                "name": step["name"], "at": step["at"], "index": step["index"], "one": one, "other": other,
                "drawn": drawn, "sure": one.get("p") is not None and one["p"] < SURE,
                "said": points(one) if step["index"] else "", "p": chance(one.get("p")) if step["index"] else "",
            }
        )  # fmt: skip
    return {"sides": sides, "names": [side_name(side) for side in sides], "rows": found}


def points(row: Mapping[str, Any]) -> str:
    """A difference in points with its interval: `+4.9 (4.3 to 5.5)`."""
    if row.get("difference") is None:
        return ""
    return _("{points} ({low} to {high})").format(
        points=_signed(row["difference"]), low=_signed(row["low"]), high=_signed(row["high"])
    )


def _signed(share: float) -> str:
    return ("+" if share > 0 else "") + words.number(100 * share, 1)


def chance(p: float | None) -> str:
    """A p as one reads it: `< 0.001`, `0.03`."""
    if p is None:
        return ""
    return f"<{words.THIN}{words.number(0.001, 3)}" if p < 0.001 else words.number(p, 3 if p < 0.1 else 2)


def in_a_sentence(found: Mapping[str, Any]) -> dict[str, str]:
    """The difference at the last step in words."""
    last, (a, b) = found["rows"][-1], found["names"]
    one, other = last["one"], last["other"]
    if one.get("difference") is None:
        return {"lead": "", "rest": _("One of the sides has nobody.")}
    if not last["sure"]:
        rest = _("{a} and {b} do not differ beyond chance at {step} (95 %).").format(
            a=a, b=b, step=last["name"]
        )
        return {"lead": "", "rest": rest}
    more, less = (a, b) if one["difference"] > 0 else (b, a)
    lead = _("{more} reaches {step} {points} points more often than {less}").format(
        more=more, less=less, step=last["name"], points=words.number(100 * abs(one["difference"]), 1)
    )
    low, high = sorted(abs(100 * one[end]) for end in ("low", "high"))
    rest = _("({low}–{high}): {n} of {all} against {m} of {others}.").format(
        low=words.number(low, 1), high=words.number(high, 1),
        n=words.number(one["reached"]), all=words.number(_first(found, "one")),
        m=words.number(other["reached"]), others=words.number(_first(found, "other")),
    )  # fmt: skip
    return {"lead": lead, "rest": rest}


def _first(found: Mapping[str, Any], side: str) -> int:
    return int(found["rows"][0][side]["reached"])


def over_time(question: Mapping[str, Any], ask: Ask, steps: Sequence[Step]) -> dict[str, Any] | None:
    """The share that gets to the last step by the bucket in which they began, drawn and in rows, the newest first."""
    bucket = question.get("bucket")
    if not bucket or not steps:
        return None
    asked = without(question, "breakdown", "breakdown_step", "compare", "quantiles", "histogram")
    answer = ask(asked)
    last = len(steps) - 1
    by_bucket: dict[str, dict[int, Mapping[str, Any]]] = {}
    for row in answer.rows:
        by_bucket.setdefault(row["bucket"], {})[row["step"]] = row
    rows = [
        {
            "bucket": start,
            "name": plot.bucket_name(start, str(bucket)),
            "open": plot.is_open(start, str(bucket), answer.now),
            "cells": [found[index]["reached"] for index in range(last + 1)],
            "stopped": sum(found[index]["stopped"] for index in range(last + 1)),
            "still_open": sum(found[index]["open"] for index in range(last + 1)),
            "rate": found[last]["rate"],
        }
        for start, found in by_bucket.items()
    ]
    line = {
        "name": _("share that gets to {step}").format(step=steps[-1]["name"]),
        "rows": [{"bucket": row["bucket"], "value": row["rate"], "previous": None} for row in rows],
    }
    picture = drawing([line], str(bucket), answer.now)
    return {
        "question": asked,
        "picture": picture and {**picture, "percent": True},
        "rows": rows[::-1][:BUCKETS],
        "left_out": max(0, len(rows) - BUCKETS),
        "sums": [sum(row["cells"][index] for row in rows) for index in range(last + 1)],
        "sum_stopped": sum(row["stopped"] for row in rows),
        "sum_open": sum(row["still_open"] for row in rows),
    }


def durations(question: Mapping[str, Any], ask: Ask, steps: Sequence[Step]) -> dict[str, Any] | None:
    """How long it takes from the first step to each: columns of the last one, quantiles of all."""
    if (not question.get("histogram") and question.get("quantiles") is None) or len(steps) < 2:
        return None
    answer = ask(without(question, "breakdown", "breakdown_step", "compare", "bucket"))
    last = answer.rows[-1]
    bins = last.get("histogram") or []
    most = max((each["count"] for each in bins), default=0)
    names = quantile_names()
    asked = list(dict.fromkeys(key for row in answer.rows for key in row.get("quantiles") or {}))
    return {
        "columns": [
            {
                "name": span_name(each["from"], each["to"]),
                "count": each["count"],
                "height": round(100 * each["count"] / most, 2) if most else 0,
            }
            for each in bins
        ],
        "wide": len(bins) > 12,
        "n": sum(each["count"] for each in bins),
        "median": answer.totals.get("median_seconds"),
        "at": steps[-1]["at"],
        "quantiles": [(key, names.get(f"{float(key):g}", words.percent(float(key)))) for key in asked],
        "rows": [
            {"name": step["name"], "at": step["at"], "quantiles": (row.get("quantiles") or {})}
            for step, row in zip(steps[1:], answer.rows[1:], strict=False)
        ],
    }


def span_name(low: int, high: int | None) -> str:
    """A span of time, from and to: `1 h–6 h`, `> 14 d`."""
    if high is None:
        return f">{words.THIN}{words.span(low)}"
    if not low:
        return f"<{words.THIN}{words.span(high)}"
    return f"{words.span(low)}–{words.span(high)}"
