"""The figures of a funnel page out of its answers: bars, threads, ends, comparisons. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from periplus.web import words
from periplus.web.asking import step_name, step_place, units, units_name
from periplus.web.interval import difference, wilson
from periplus.web.words import _

SHOWN = 4
"""Values of a breakdown that are drawn beside the whole; all of them stand in the table."""

FEWEST = 30
"""Values with fewer at the first step are not compared in a sentence."""


def rung(row: Mapping[str, Any], first: int, before: int | None, last: bool) -> dict[str, Any]:
    """One step of one bar: shares of the first step's width, and what the captions say."""
    on = row["reached"] - row["stopped"] - row["open"]
    whole = first or 1
    return {
        "row": row,
        "reached": row["reached"],
        "on": on,
        "stopped": row["stopped"],
        "open": row["open"],
        "last": last,
        "width": 100 * row["reached"] / whole,
        "x_stop": 100 * on / whole,
        "w_stop": 100 * row["stopped"] / whole,
        "x_open": 100 * (on + row["stopped"]) / whole,
        "w_open": 100 * row["open"] / whole,
        "of_first": row["reached"] / first if first else None,
        "of_before": row["reached"] / before if before else None,
        "of_here": row["stopped"] / row["reached"] if row["reached"] else None,
        "median": row.get("median_seconds"),
    }


def ladder(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rungs of one funnel, from its rows in the order of steps."""
    first = rows[0]["reached"] if rows else 0
    return [
        rung(row, first, rows[i - 1]["reached"] if i else None, i == len(rows) - 1)
        for i, row in enumerate(rows)
    ]


def figures(
    question: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    split: Sequence[Mapping[str, Any]],
    at: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Everything drawn: `steps` with the whole's rung and each value's; `parts`, the values' heads."""
    whole = ladder(rows)
    values: dict[Any, list[Mapping[str, Any]]] = {}
    for row in sorted(split, key=lambda row: int(row["step"])):
        values.setdefault(row["breakdown"], []).append(row)
    ranked = sorted(values, key=lambda value: -values[value][0]["reached"])
    ladders = {value: ladder(values[value]) for value in ranked}
    asked = question.get("steps", [])
    any_order = question.get("order") == "any"
    steps = []
    for i, row in enumerate(rows):
        spec = asked[i] if i < len(asked) and not any_order else {}
        steps.append(
            {
                "index": i,
                "name": row["label"] if any_order or not spec else step_name(spec, at),
                "at": None if any_order else step_place(spec, at),
                "whole": whole[i],
                "parts": [(value, ladders[value][i]) for value in ranked if i < len(ladders[value])],
            }
        )
    parts = [
        {
            "value": value,
            "name": value_name(value),
            "first": ladders[value][0]["reached"],
            "share": ladders[value][-1]["of_first"],
            "interval": wilson(ladders[value][-1]["reached"], ladders[value][0]["reached"]),
        }
        for value in ranked
    ]
    return {
        "steps": steps,
        "parts": parts,
        "drawn": parts[:SHOWN],
        "share": whole[-1]["of_first"] if whole else None,
        "compared": compared(parts[:SHOWN], ladders, steps),
        "ends": ends(steps),
    }


def value_name(value: object) -> str:
    """A value of a breakdown as it is shown."""
    if value is None:
        return _("without a value")
    if value == "(other)":
        return _("all others")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, (int, float)):
        return words.number(value, 0 if value == int(value) else 2)
    text = str(value)
    return text[:1].upper() + text[1:]


def title(question: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> str:
    """The answer in one sentence."""
    first, last = steps[0], steps[-1]
    many = units_name(question)
    if not first["whole"]["reached"]:
        return _("Nobody did {step} in this period").format(step=first["name"])
    if len(steps) == 1:
        return _("{counted} reach {step}").format(
            counted=units(question, first["whole"]["reached"]), step=first["name"]
        )
    said = _("{share} of {unit} go from {first} to {last}").format(
        share=words.percent(last["whole"]["of_first"]), unit=many, first=first["name"], last=last["name"]
    )
    worst = max(steps[:-1], key=lambda step: int(step["whole"]["stopped"]))
    if worst["whole"]["stopped"]:
        following = steps[worst["index"] + 1]["name"]
        total = sum(step["whole"]["stopped"] for step in steps)
        if len(steps) == 2 or worst["whole"]["stopped"] == total:
            pass
        elif worst["whole"]["stopped"] * 2 > first["whole"]["reached"]:
            share = words.ratio(worst["whole"]["stopped"], first["whole"]["reached"], 0)
            said += _("; {share} stop before {step}").format(share=share, step=following)
        else:
            said += _("; most who stop do so before {step}").format(step=following)
    return said


def ends(steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Where all of the first step ended up: converted, stopped early, stopped later, open. They add up."""
    if not steps:
        return []
    last = steps[-1]
    found = [
        {
            "name": _("Reached {step}").format(step=last["name"]),
            "kind": "on",
            "n": last["whole"]["reached"],
            "rows": [{"step": last["index"]}],
            "field": "reached",
            "at": last["at"],
        }
    ]
    inner = steps[:-1]
    if inner:
        found.append(
            {
                "name": _("Stopped before {step}").format(step=steps[1]["name"]),
                "kind": "f-stop",
                "n": inner[0]["whole"]["stopped"],
                "rows": [{"step": 0}],
                "field": "stopped",
                "at": None,
            }
        )
    if len(inner) > 1:
        said = _("Stopped between {a} and {b}").format(a=steps[1]["name"], b=last["name"])
        found.append(
            {
                "name": said,
                "kind": "f-stop",
                "n": sum(s["whole"]["stopped"] for s in inner[1:]),
                "rows": [{"step": s["index"]} for s in inner[1:] if s["whole"]["stopped"]],
                "field": "stopped",
                "at": None,
            }
        )
    if inner:
        found.append(
            {
                "name": _("Open: may still get there"),
                "kind": "f-framed",
                "n": sum(s["whole"]["open"] for s in inner),
                "rows": [{"step": s["index"]} for s in inner if s["whole"]["open"]],
                "field": "open",
                "at": None,
            }
        )
    return found


def compared(
    parts: Sequence[Mapping[str, Any]],
    ladders: Mapping[Any, Sequence[Mapping[str, Any]]],
    steps: Sequence[Mapping[str, Any]],
) -> dict[str, str] | None:
    """The best against the worst drawn value in words, where the difference is beyond chance (95 %)."""
    fair = [part for part in parts if part["first"] >= FEWEST and part["share"] is not None]
    if len(fair) < 2 or len(steps) < 2:
        return None
    best, worst = max(fair, key=lambda p: float(p["share"])), min(fair, key=lambda p: float(p["share"]))
    a, b = ladders[best["value"]], ladders[worst["value"]]
    low, high = difference(a[-1]["reached"], a[0]["reached"], b[-1]["reached"], b[0]["reached"])
    if low <= 0:
        return {"lead": "", "rest": _("The values drawn do not differ beyond chance (95 %).")}
    lead = _("{best} reaches {step} {points} points more often than {worst}").format(
        best=best["name"],
        step=steps[-1]["name"],
        worst=worst["name"],
        points=words.number(100 * (best["share"] - worst["share"]), 1),
    )
    rest = f"({words.number(100 * low, 1)}–{words.number(100 * high, 1)})."
    gaps = [
        (x["reached"] / p["reached"] - y["reached"] / q["reached"], i)
        for i, (p, x, q, y) in enumerate(zip(a, a[1:], b, b[1:], strict=False), 1)
        if p["reached"] and q["reached"]
    ]
    if len(gaps) > 1:
        i = max(gaps)[1]
        rest += " " + _("They part most before {step}, where {a} go on against {b}.").format(
            step=steps[i]["name"], a=words.percent(a[i]["of_before"]), b=words.percent(b[i]["of_before"])
        )
    return {"lead": lead, "rest": rest}
