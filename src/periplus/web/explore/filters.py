"""The rows of a filter: property, comparison, value; read out of an address, and written back into one.

>>> where([("price", "gte", "10"), ("brand", "in", "Acme, Bolt")], lambda path: "VARCHAR")
{'where': {'price': {'gte': 10}, 'brand': {'in': ['Acme', 'Bolt']}}}
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from periplus.web.words import _

Filter = tuple[str, str, str]
"""Property, comparison, and value as it is written in a field."""
MOST = 20
"""Rows one filter may have."""
LISTS = ("in", "not_in")
TEXTS = ("contains", "starts_with", "ends_with", "matches")
TIMES = ("before", "after", "within", "ahead")
ORDERS = ("gt", "gte", "lt", "lte")
PRESENCE = {"there": True, "missing": False}
"""Comparisons that take no value: `exists`, true or false."""


def comparisons() -> dict[str, str]:
    """What a property can be compared by, as people read it."""
    return {
        "eq": _("is"),
        "ne": _("is not"),
        "in": _("is one of (a, b, c)"),
        "not_in": _("is none of (a, b, c)"),
        "gte": _("is at least"),
        "gt": _("is more than"),
        "lte": _("is at most"),
        "lt": _("is less than"),
        "contains": _("contains"),
        "starts_with": _("starts with"),
        "ends_with": _("ends with"),
        "matches": _("matches the pattern"),
        "before": _("is a time before"),
        "after": _("is a time from … on"),
        "within": _("is in the time before it (such as 7d)"),
        "ahead": _("is in the time after it (such as 7d)"),
        "there": _("is there"),
        "missing": _("is not there"),
    }


def where(rows: Sequence[Filter], kind_of: Callable[[str], str]) -> dict[str, Any]:
    """The part of a condition that some rows say; `kind_of` tells the kind of a property's column."""
    tests: dict[str, dict[str, Any]] = {}
    again: list[dict[str, Any]] = []
    for path, comparison, text in rows[:MOST]:
        operator, value = _test(comparison, text, kind_of(path))
        if operator in tests.get(path, {}):
            again.append({"where": {path: {operator: value}}})
        else:
            tests.setdefault(path, {})[operator] = value
    said: dict[str, Any] = {}
    if tests:
        said["where"] = {
            path: test["eq"] if list(test) == ["eq"] else dict(test) for path, test in tests.items()
        }
    return said | ({"all": again} if again else {})


def rows_of(condition: Mapping[str, Any]) -> list[Filter] | None:
    """The rows that say the `where` and `all` of a condition; None where rows cannot."""
    found: list[Filter] = []
    tests = condition.get("where", {})
    if not isinstance(tests, Mapping):
        return None
    for path, test in tests.items():
        for operator, value in test.items() if isinstance(test, Mapping) else [("eq", test)]:
            text = _text(operator, value)
            if text is None:
                return None
            found.append((str(path), *text))
    for part in condition.get("all", ()):
        inner = rows_of(part) if isinstance(part, Mapping) and set(part) == {"where"} else None
        if inner is None:
            return None
        found += inner
    return found


def said(rows: Sequence[Filter]) -> str:
    """Filters in a few words, as they stand behind the event in a sentence."""
    names = comparisons()
    parts = []
    for path, comparison, text in rows:
        words = names.get(comparison, comparison).partition(" (")[0]
        parts.append(f"{path} {words}" + ("" if comparison in PRESENCE else f" {text}"))
    return _(" and ").join(parts)


def _test(comparison: str, text: str, kind: str) -> tuple[str, Any]:
    if comparison in PRESENCE:
        return "exists", PRESENCE[comparison]
    if comparison in LISTS:
        return comparison, [_value(part.strip(), kind) for part in text.split(",") if part.strip()]
    if comparison in (*TEXTS, *TIMES):
        return comparison, text
    return comparison, _value(text, "DOUBLE" if comparison in ORDERS else kind)


def _value(text: str, kind: str) -> Any:
    """What a field holds, as the property's kind would have it; a text where it is no such thing."""
    if kind == "BOOLEAN" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind in ("BIGINT", "DOUBLE"):
        try:
            number = float(text)
        except ValueError:
            return text
        if number - number == 0:  # neither infinite nor no number
            return int(text) if text.lstrip("+-").isdigit() and text.isascii() else number
    return text


def _text(operator: str, value: Any) -> tuple[str, str] | None:
    """Comparison and text of a field for a test of a condition."""
    if operator == "exists" and isinstance(value, bool):
        return ("there" if value else "missing"), ""
    if operator not in comparisons():
        return None
    values = value if operator in LISTS and isinstance(value, list) else [value]
    written = []
    for each in values:
        if isinstance(each, bool):
            written.append("true" if each else "false")
        elif isinstance(each, (str, int, float)):
            written.append(str(each))
        else:
            return None
    return operator, ", ".join(written)
