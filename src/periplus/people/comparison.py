"""Two answers to one question, number by number: what it is now, what it would be, and the difference.

Rows are paired by what names them (a step, a bucket, a channel), never by their place: a change of identity may
bring a row and take another away. Where one side has no such row its number is None.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

MOST_NUMBERS = 100
"""Numbers of one question that are told; the totals come first, then stages, then rows."""
_PLACES = ("step", "series", "period", "quantile", "source", "target")
"""Fields that name a row though they are numbers."""
_IDS = {
    "step": ("name", "label"), "stage": ("name",), "source": ("source_name", "source_label"),
    "target": ("target_name", "target_label"),
}  # fmt: skip
"""Fields that need not be read where another one of the row says the same in words."""
_MONEY = ("value", "value_gross", "refunded")
"""Fields of maps that are minor units of the currency."""

Answer = Mapping[str, Any]
Row = Mapping[str, Any]


def compared(name: str, before: Answer, after: Answer) -> dict[str, Any]:
    """How one answer (`Answer.to_dict()`) differs from another to the same question, which is kept under `name`.

    `numbers` has those that differ, at most MOST_NUMBERS: `part` (totals, stages, rows), `of` (which row, in words),
    `number` (its field), `unit` (count, share, seconds, money), `before`, `after`, `difference`. `changed` and `same` say
    how many differ and how many do not. `before` and `after` are the totals.
    """
    kind = str(before["question"].get("kind", ""))
    numbers: list[dict[str, Any]] = []
    changed = same = 0
    for part in ("totals", "stages", "rows"):
        for of, field, old, new in _pairs(part, before, after):
            if old == new:
                same += 1
                continue
            changed += 1
            if len(numbers) < MOST_NUMBERS:
                numbers.append(
                    {
                        "part": part,
                        "of": of,
                        "number": field,
                        "unit": unit(kind, field),
                        "before": old,
                        "after": new,
                        "difference": None if old is None or new is None else new - old,
                    }
                )
    totals = {field: value for field, value in before["totals"].items() if _is_number(value)}
    return {
        "name": name,
        "question": dict(before["question"]),
        "currency": before["currency"],
        "numbers": numbers,
        "changed": changed,
        "same": same,
        "before": totals,
        "after": {field: after["totals"].get(field) for field in totals},
    }


def unit(kind: str, field: str) -> str:
    """What a number of a kind of question counts: `count`, `share` (of one), `seconds`, or `money` (minor units)."""
    if kind == "map" and field in _MONEY:
        return "money"
    if field == "seconds" or field.endswith("_seconds"):
        return "seconds"
    return "share" if field == "rate" or field.endswith("_rate") else "count"


def _pairs(part: str, before: Answer, after: Answer) -> Iterator[tuple[str, str, Any, Any]]:
    """Each number of a part of two answers: of which row, its field, and its value in both."""
    if part == "totals":
        old, new = {(): before["totals"]}, {(): after["totals"]}
    else:
        old, new = _named(before[part]), _named(after[part])
    for key in dict.fromkeys((*old, *new)):
        one, other = old.get(key, {}), new.get(key, {})
        of = "" if part == "totals" else words(one or other)
        for field in dict.fromkeys((*one, *other)):
            values = [_number(row.get(field)) for row in (one, other)]
            if field not in _PLACES and any(value is not None for value in values):
                yield of, field, values[0], values[1]


def _named(rows: Sequence[Row]) -> dict[tuple[Any, ...], Row]:
    """Rows by what names them; should two bear one name, by how often it came before."""
    found: dict[tuple[Any, ...], Row] = {}
    times: dict[tuple[Any, ...], int] = {}
    for row in rows:
        key = tuple(
            (field, value) for field, value in row.items() if isinstance(value, str) or field in _PLACES
        )
        times[key] = times.get(key, 0) + 1
        found[(*key, times[key])] = row
    return found


def words(row: Row) -> str:
    """What names a row, as people read it.

    >>> words({"step": 1, "label": "Order", "breakdown": "mobile", "reached": 8}), words({"cohort": "2026-03-01", "period": 2})
    ('Order · mobile', '2026-03-01 · period 2')
    """
    parts = []
    for field, value in row.items():
        if any(row.get(better) for better in _IDS.get(field, ())):
            continue
        if isinstance(value, str):
            parts.append(value)
        elif field in _PLACES and value is not None:
            parts.append(f"{field} {value}")
    return " · ".join(parts)


def _number(value: object) -> Any:
    return value if _is_number(value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
