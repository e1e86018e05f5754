"""What a decision would do to the numbers people look at, as the page shows it: number, now, then, difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from periplus.web import words
from periplus.web.explore import form
from periplus.web.words import _

SHOWN = 12
"""Numbers of a question that stand open; the others that change are folded."""


def named() -> dict[str, str]:
    """Numbers of answers as people read them; one that is not here is shown by its field."""
    return {
        "journeys": _("journeys"),
        "customers": _("customers"),
        "visits": _("visits"),
        "reached": _("reached"),
        "converted": _("converted"),
        "entered": _("entered"),
        "stopped": _("stopped"),
        "open": _("open"),
        "onward": _("onward"),
        "back": _("back"),
        "goal": _("reached the goal"),
        "again": _("began again"),
        "ended": _("ended after the goal"),
        "running": _("running"),
        "value": _("value"),
        "value_gross": _("value, gross"),
        "refunded": _("refunded"),
        "rate": _("share"),
        "median_seconds": _("time, the middle one"),
        "off_map": _("events off the map"),
        "outside": _("events in no journey"),
        "unidentified": _("events of nobody"),
        "size": _("size"),
        "returned": _("returned"),
        "events": _("events"),
    }


def answers(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The compared answers of a preview, each with its address, its lines open and folded, and how many more change."""
    shown = []
    for answer in found["answers"]:
        lines = [line(each, answer["currency"]) for each in answer["numbers"]]
        shown.append(
            {
                "name": answer["name"],
                "address": address(answer["question"]),
                "lines": lines[:SHOWN],
                "folded": lines[SHOWN:],
                "more": answer["changed"] - len(lines),
                "changed": answer["changed"],
                "same": answer["same"],
            }
        )
    return shown


def address(question: Mapping[str, Any]) -> str:
    """Where a question is answered: the page of its map, or Explore."""
    if question["kind"] == "map" and isinstance(question.get("map"), str):
        return f"/map/{question['map']}"
    return form.whole("/explore", {key: value for key, value in question.items() if key != "now"})


def line(each: Mapping[str, Any], currency: str) -> dict[str, str]:
    """One number that changes."""
    field = each["number"]
    difference = each["difference"]
    return {
        "of": each["of"],
        "name": named().get(field, field.replace("_", " ")),
        "before": figure(each["before"], each["unit"], currency),
        "after": figure(each["after"], each["unit"], currency),
        "difference": "" if difference is None else signed(difference, each["unit"], currency),
    }


def figure(value: float | None, unit: str, currency: str) -> str:
    """A number in its unit; a dash where the answer has no such row."""
    if value is None:
        return "–"
    if unit == "money":
        return words.money(int(value), currency)
    if unit == "seconds":
        return words.span(value)
    if unit == "share":
        return words.percent(value)
    return words.number(value, 0 if float(value).is_integer() else 2)


def signed(value: float, unit: str, currency: str) -> str:
    """A difference with its sign, so that it is read without colour."""
    text = figure(abs(value), unit, currency)
    return f"{'+' if value > 0 else '−'}{text}"
