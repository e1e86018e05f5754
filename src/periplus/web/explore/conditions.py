"""Controls for what happened: an event or a step of the map, with a filter; several of them; a series of a trend."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from starlette.datastructures import QueryParams

from periplus.web.asking import step_name
from periplus.web.documents import document
from periplus.web.explore import filters
from periplus.web.explore.controls import LONGEST, Pairs, Part, Said, text
from periplus.web.explore.filters import Filter
from periplus.web.explore.offered import Offered
from periplus.web.page import compact
from periplus.web.words import _

MOST = 30
"""Most steps or series of a sentence."""
Spelt = Literal["step", "touchpoint", ""]
"""How a place of the map is written in the question at hand; empty where it knows no map."""


def code(condition: Mapping[str, Any]) -> tuple[str, list[Filter]]:
    """A condition as the value of a control and the rows of its filter.

    `step:cart`, `event:Order Completed`, `any:`, or its JSON, where controls cannot say it.
    """
    rows = filters.rows_of(condition)
    head = {key: value for key, value in condition.items() if key not in ("where", "all")}
    whole = f"json:{compact(condition)}"
    if rows is None or len(head) > 1:
        return whole, []
    # Only what is read back as it was is said by rows.
    if filters.where(rows, lambda _path: "VARCHAR") != _texts(condition, head):
        return whole, []
    if not head:
        return "any:", rows
    ((key, value),) = head.items()
    if key in ("step", "touchpoint", "event") and isinstance(value, str):
        return f"{'step' if key == 'touchpoint' else key}:{value}", rows
    return whole, []


def _texts(condition: Mapping[str, Any], head: Mapping[str, Any]) -> Any:
    """The filter part of a condition, its values as a field of texts gives them."""

    def told(value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {each: told(inner, each) for each, inner in value.items()}
        if isinstance(value, list):
            return [told(each, key) for each in value]
        if key in (*filters.ORDERS, "exists"):
            return value
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    return told({key: value for key, value in condition.items() if key not in head})


def parsed(written: str, spelt: Spelt) -> dict[str, Any]:
    """The condition of a control's value, without its filter; text without a sort is an event's name."""
    sort, colon, rest = written.partition(":")
    if colon and sort == "step" and spelt:
        return {spelt: rest}
    if colon and sort == "event":
        return {"event": rest}
    if colon and sort == "json":
        return document(rest)
    if colon and sort == "any":
        return {}
    return {"event": written}


def rows_in(params: QueryParams, name: str) -> list[Filter]:
    """The rows of a filter in an address; one that a button cleared is left out."""
    listed = zip(
        params.getlist(f"{name}.p"), params.getlist(f"{name}.o"), params.getlist(f"{name}.v"), strict=False
    )
    cleared = params.get("clear", "")
    return [
        (path.strip()[:LONGEST], comparison, value.strip()[:LONGEST])
        for place, (path, comparison, value) in enumerate(listed)
        if path.strip() and comparison in filters.comparisons() and cleared != f"{name}.{place}"
    ]


def condition_in(params: QueryParams, name: str, written: str, spelt: Spelt, offered: Offered) -> Part:
    """One condition of an address: the control's value, and its filter's rows."""

    def kind(path: str) -> str:
        info = offered.info(path)
        return "VARCHAR" if info is None else info.kind

    return parsed(written, spelt) | filters.where(rows_in(params, name), kind)


def pairs_of(name: str, field: str, condition: Mapping[str, Any]) -> Pairs:
    """The fields that say a condition; `name` is that of its filter, `field` that of its value."""
    written, rows = code(condition)
    found = [(field, written)]
    for row in rows:
        found += [(f"{name}.{letter}", value) for letter, value in zip("pov", row, strict=True)]
    return found


def view_of(
    name: str, field: str, label: str, condition: object, spelt: Spelt, offered: Offered, any_: bool
) -> Part:
    """What drawing a condition needs; the last row of its filter is empty, to be filled in."""
    asked = condition if isinstance(condition, Mapping) else {}
    written, rows = code(asked)
    groups: list[tuple[str, list[tuple[str, str]]]] = [(_("Events"), offered.event_codes)]
    if spelt and offered.step_codes:
        groups.insert(0, (_("Steps of the map"), offered.step_codes))
    if any_ or written == "any:":
        groups.insert(0, ("", [("any:", _("anything"))]))
    if not any(written == value for _group, listed in groups for value, _label in listed):
        groups.append(("", [(written, step_name(asked, offered.at))]))
    return {
        "name": name,
        "field": field,
        "label": label,
        "code": written,
        "groups": groups,
        "rows": [*[(*row, _values(row[0], offered)) for row in rows], ("", "eq", "", [])],
        "said": filters.said(rows),
        "filtered": not written.startswith("json:"),
        "comparisons": filters.comparisons(),
        "ways": None,
        "told": "",
    }


def _values(path: str, offered: Offered) -> list[str]:
    info = offered.info(path)
    return [] if info is None else info.values


@dataclass(frozen=True)
class Happened:
    """One condition. `usual` is what the question means without it; where that is `{}`, anything at all may be meant."""

    key: str
    label: Said
    spelt: Spelt = ""
    usual: Mapping[str, Any] | None = None
    sort: ClassVar[str] = "happened"

    @property
    def covers(self) -> tuple[str, ...]:
        return (self.key,)

    def named(self, name: str) -> bool:
        return name == self.key or name.startswith(f"{self.key}.")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        written = text(params, self.key)
        if not written:
            return {}
        found = condition_in(params, self.key, written, self.spelt, offered)
        return {} if found == self.usual else {self.key: found}

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        value = question.get(self.key)
        if not isinstance(value, Mapping):
            return []
        if value == self.usual:
            return []
        return pairs_of(self.key, self.key, value)

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        value = question.get(self.key, self.usual)
        return view_of(self.key, self.key, self.label(), value, self.spelt, offered, self.usual == {})


def measures(offered: Offered) -> dict[str, str]:
    """What a series can count, or reckon of a property."""
    named = "" if offered.map is None else offered.map["name"]
    return {
        "events": _("how often"),
        "customers": _("how many customers did"),
        "sessions": _("how many sessions had"),
        **({"journeys": _("how many journeys on {map} had").format(map=named)} if named else {}),
        "sum": _("the sum of"),
        "mean": _("the mean of"),
    }


NUMBERS = ("sum", "mean")


@dataclass(frozen=True)
class SeriesList:
    """The series of a trend: of each a measure, for sums and means a property, and a condition."""

    key: str = "series"
    sort: ClassVar[str] = "series"
    covers: tuple[str, ...] = ("series", "map")

    def named(self, name: str) -> bool:
        return name in ("of", "measure") or name.startswith("of.")

    def read(self, params: QueryParams, offered: Offered) -> Part:
        asked, of = params.getlist("measure")[:MOST], params.getlist("of")[:MOST]
        properties, labels = params.getlist("property"), params.getlist("label")
        found: list[Part] = []
        for place, written in enumerate(each.strip()[:LONGEST] for each in of):
            if not written:
                continue
            series: Part = {"of": condition_in(params, f"of.{place}", written, "touchpoint", offered)}
            measure = asked[place].strip()[:LONGEST] if place < len(asked) else "events"
            path = properties[place].strip()[:LONGEST] if place < len(properties) else ""
            if measure in NUMBERS:
                series["measure"] = {measure: path or _number_of(offered)}
            elif measure and measure != "events":
                series["measure"] = measure
            if place < len(labels) and labels[place].strip():
                series["label"] = labels[place].strip()[:200]
            found.append(series)
        drop = params.get("drop", "")
        if drop.isascii() and drop.isdigit() and len(found) > 1 and len(drop) < 4:
            del found[int(drop) : int(drop) + 1]
        if found and params.get("add") and len(found) < MOST:
            found.append({key: value for key, value in found[-1].items() if key != "label"})
        part: Part = {"series": found} if found else {}
        named = text(params, "map")
        if needs_map(found):
            part["map"] = named or (offered.map["id"] if offered.map else "")
        return part

    def pairs(self, question: Mapping[str, Any]) -> Pairs:
        series = question.get("series")
        found: Pairs = []
        for place, each in enumerate(series if isinstance(series, list) else []):
            if not isinstance(each, Mapping):
                continue
            measure, path = measure_of(each)
            found += [("measure", measure), ("property", path), ("label", str(each.get("label") or ""))]
            of = each.get("of")
            found += pairs_of(f"of.{place}", "of", of if isinstance(of, Mapping) else {})
        # Labels and properties that nothing has need not be said.
        for name in ("property", "label"):
            if not any(value for key, value in found if key == name):
                found = [pair for pair in found if pair[0] != name]
        named = question.get("map")
        return [*found, *([("map", named)] if isinstance(named, str) else [])]

    def view(self, question: Mapping[str, Any], offered: Offered) -> Part:
        series = question.get("series")
        views = []
        for place, each in enumerate(series if isinstance(series, list) else []):
            asked = each if isinstance(each, Mapping) else {}
            measure, path = measure_of(asked)
            known = measures(offered)
            views.append(
                {
                    "measure": measure,
                    "measures": known if measure in known else {measure: measure, **known},
                    "property": path,
                    "properties": _numbers(offered, path),
                    "of": view_of(
                        f"of.{place}", "of", _("What happens"), asked.get("of"), "touchpoint", offered, True
                    ),
                    "written_label": str(asked.get("label") or ""),
                }
            )
        named = question.get("map")
        return {"series": views, "most": MOST, "hidden": [("map", named)] if isinstance(named, str) else []}


def measure_of(series: Mapping[str, Any]) -> tuple[str, str]:
    """The measure of a series as a control says it, and its property where it has one."""
    measure = series.get("measure", "events")
    if isinstance(measure, Mapping) and len(measure) == 1:
        ((number, path),) = measure.items()
        return str(number), str(path)
    return str(measure), ""


def needs_map(part: Any) -> bool:
    """Whether a part of a question speaks of steps or journeys of a map."""
    said = json.dumps(part, default=str)
    return any(word in said for word in ('"touchpoint"', '"stage"', '"journeys"', '"step"'))


def _numbers(offered: Offered, current: str) -> list[str]:
    """Properties that hold numbers, as a measure names them."""
    known = [
        path.removeprefix("properties.")
        for path, info in offered.paths.items()
        if info.kind in ("BIGINT", "DOUBLE")
    ]
    return known if not current or current in known else [current, *known]


def _number_of(offered: Offered) -> str:
    """The property one most likely means by a sum: what an order is worth, else the most used number."""
    known = _numbers(offered, "")
    return next((name for name in ("revenue", "total", "value") if name in known), known[0] if known else "")
