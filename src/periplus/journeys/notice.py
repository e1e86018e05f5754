"""What an answer should warn of: names, properties and values that the data has never seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from periplus.condition import Condition
from periplus.condition.times import time_of
from periplus.condition.values import number_of, truth_of
from periplus.errors import nearest
from periplus.store.columns import OWN, FileColumns
from periplus.store.snapshot import PropertyInfo, Snapshot

_COMPLETE = 40
"""A list of frequent values shorter than this holds all of them."""
_CHECKED = 20
"""Values of one condition that are looked for in the events; more would take long and help nobody."""


def never_seen(conditions: Iterable[Condition], snapshot: Snapshot) -> list[str]:
    """One sentence for each name, property and value that no event has, with the nearest known ones."""
    listed = [each for condition in conditions for each in (condition, *condition.inner())]
    names = snapshot.name_counts()
    unknown = [name for condition in listed for name in sorted(condition.names() or ()) if name not in names]
    said = [f"No event is called {name!r}.{_hint(name, names)}" for name in unknown]
    return list(dict.fromkeys([*said, *_of_properties(listed, snapshot, values=True)]))


def _of_properties(listed: Sequence[Condition], snapshot: Snapshot, *, values: bool) -> list[str]:
    """One sentence for each property that no event has or that is never such a thing, and for each of its `values` never seen."""
    if not any(condition.paths() for condition in listed):
        return []
    said: list[str] = []
    properties = snapshot.properties
    for condition in listed:
        missing = {path for path in condition.paths() if not known(path, properties)}
        said += [property_warning(path, properties) for path in sorted(missing)]
        unlike = {
            path: why for path in sorted(condition.paths()) if (why := unfit(path, condition, properties))
        }
        said += unlike.values()
        for path, value in condition.literals()[:_CHECKED] if values else ():
            if path not in missing and path not in unlike and not _has_value(path, value, snapshot):
                frequent = properties[path].values if path in properties else []
                said.append(f"{_short(path)} is never {value!r}.{_hint(str(value), frequent)}")
    return said


def steps_without_events(steps: Sequence[tuple[str, Condition | None]], snapshot: Snapshot) -> list[str]:
    """For the steps of a map: names that look misspelt, in one sentence the steps nothing was seen of, and of the others
    the properties that no event has. A map that is made for any shop names many values that this one does not have.
    """
    said: list[str] = []
    silent: list[str] = []
    heard: list[Condition] = []
    known_names = snapshot.name_counts()
    for id, condition in steps:
        names = None if condition is None else condition.names()
        unknown = sorted(name for name in names or () if name not in known_names)
        if names is not None and len(unknown) == len(names):
            close = [name for name in unknown if nearest(name, known_names)]
            said += [f"No event is called {name!r}.{_hint(name, known_names)}" for name in close]
            if not close:
                silent.append(id)
        elif condition is not None:
            heard += (condition, *condition.inner())
    if silent:
        said.append(f"No events have been seen for these steps: {', '.join(silent)}.")
    return list(dict.fromkeys([*said, *_of_properties(heard, snapshot, values=False)]))


def known(path: str, properties: Any) -> bool:
    """Whether some event has the path, or a list or object on the way to it or below it."""
    if path in OWN or path in properties:
        return True
    return any(path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in properties)


def of_values(paths: Iterable[str], properties: Any) -> list[str]:
    """One sentence for each property that is read as one value and can have none: nobody sent it, or it stands in a list."""
    said = []
    for path in dict.fromkeys(paths):
        if not known(path, properties):
            said.append(property_warning(path, properties))
        elif _in_list(path, properties):
            said.append(f"{_short(path)} stands in a list: such an event has no one value of it.")
    return said


def _in_list(path: str, properties: Any) -> bool:
    """Whether what is kept of the path is a list, or lies in one."""
    above = (path[:at] for at, letter in enumerate(path) if letter == ".")
    info = properties.get(path) or next((properties[each] for each in above if each in properties), None)
    return info is not None and info.kind == "JSON" and info.events > 0


def property_warning(path: str, properties: Any) -> str:
    """The sentence for a property that no event has."""
    return f"No event has the property {_short(path)!r}.{_hint(_short(path), map(_short, properties))}"


KINDS = {"BIGINT": "a number", "DOUBLE": "a number", "BOOLEAN": "true or false", "VARCHAR": "a text"}
"""What a column's kind is to a person."""
_ORDERED = ("gt", "gte", "lt", "lte")


def unfit(path: str, condition: Condition, properties: Mapping[str, PropertyInfo]) -> str | None:
    """A sentence where a property is compared with what it never is; None where the kinds fit, or nobody knows."""
    info = properties.get(path)
    if info is None or info.kind not in KINDS:
        return None
    for at, operator, kind, value in condition.comparisons():
        if at != path or (info.kind == "VARCHAR" and not info.values):
            continue
        numeric = info.kind in ("BIGINT", "DOUBLE") or any(
            number_of(each) is not None for each in info.values
        )
        if kind in ("time", "duration") and not _times(info):
            such = f", such as {info.values[0]!r}" if info.values else ""
            return (
                f"{_short(path)} is {KINDS[info.kind]}{such}, and is compared as a time: what is not written like "
                "2026-07-01 or 2026-07-01T13:00:00Z meets nothing."
            )
        truths = info.kind == "BOOLEAN" or any(truth_of(each) is not None for each in info.values)
        never = (kind == "number" and not numeric) or (kind == "bool" and not truths)
        if never:
            such = f", such as {info.values[0]!r}" if info.values else ""
            return f"{_short(path)} is {KINDS[info.kind]}{such}, and is compared with {json.dumps(value)}: nothing meets that."
        if kind == "text" and operator in _ORDERED and info.kind in ("BIGINT", "DOUBLE"):
            bare = f" Write {value} without quotes." if number_of(value) is not None else ""
            return (
                f"{_short(path)} is a number, and {value!r} a text: they are compared letter by letter.{bare}"
            )
    return None


def _times(info: PropertyInfo) -> bool:
    """Whether values of a property may be times, by what is known of it."""
    return info.kind == "VARCHAR" and (not info.values or any(time_of(each) for each in info.values))


def _has_value(path: str, value: object, snapshot: Snapshot) -> bool:
    info = snapshot.properties.get(path)
    if info is not None and str(value) in info.values:
        return True
    if info is not None and info.kind == "VARCHAR" and 0 < len(info.values) < _COMPLETE:
        return False
    equal = Condition.parse({"where": {path: {"eq": value}}})

    def where(columns: FileColumns) -> tuple[str, list[Any]]:
        return equal.sql(columns)

    return len(snapshot.fetch(where, []).row) > 0


def _short(path: str) -> str:
    return path.removeprefix("properties.")


def _hint(word: str, known: Iterable[str]) -> str:
    close = nearest(word, known)
    return f" Did you mean {close[0]!r}?" if close else ""
