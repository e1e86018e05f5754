"""The elements of a JSON list, as SQL: what they hold under other names, and lists gathered of rows."""

from __future__ import annotations

from collections.abc import Mapping

from periplus.collect.mapping import Part
from periplus.store.door import literal

_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT"}


def path(name: str) -> str:
    """A key of a JSON object, or keys from the top joined by dots, as a path; a number is a place in a list, from 0.

    >>> path("0.price.amount")
    '$[0]."price"."amount"'
    """
    return "$" + "".join(
        f"[{int(key)}]" if key.isdecimal() and key.isascii() else '."' + key.replace('"', '\\"') + '"'
        for key in name.split(".")
    )


def listed(source: str) -> str:
    """SQL: the elements of a JSON list (each a JSON text); null where the text is no such list."""
    safe = f"CASE WHEN json_valid({source}) THEN {source} END"
    return f"CASE WHEN json_type({safe}) = 'ARRAY' THEN from_json({safe}, '[\"JSON\"]') END"


def renamed(source: str, parts: Mapping[str, Part]) -> str:
    """SQL: a JSON list whose objects hold `parts` by their new names, and what is not among them as it was.

    What is null is left out; an element that is no object stays as it is.
    """
    taken = ", ".join(f"{literal(name)}, {_value('e', part)}" for name, part in parts.items())
    gone = ", ".join(f"{literal(part.column.split('.')[0])}, NULL" for part in parts.values())
    others = f"json_merge_patch('{{}}', json_merge_patch(e, json_object({gone})))"
    made = f"json_merge_patch({others}, json_object({taken}))"
    each = f"list_transform({listed(source)}, lambda e: CASE WHEN json_type(e) = 'OBJECT' THEN {made} ELSE e END)"
    return f"CAST(to_json({each}) AS VARCHAR)"


def gathered(parts: Mapping[str, Part], columns: Mapping[str, str]) -> str:
    """SQL aggregate: the loaded rows of a group as a JSON list of objects, in file order, without what is null."""
    taken = ", ".join(
        f"{literal(name)}, {_cast(columns[part.column], part.type)}" for name, part in parts.items()
    )
    return f"CAST(to_json(list(json_merge_patch('{{}}', json_object({taken})) ORDER BY \"row\")) AS VARCHAR)"


def _value(element: str, part: Part) -> str:
    at = literal(path(part.column))
    if part.type is None:
        return f"json_extract({element}, {at})"
    text = f"json_extract_string({element}, {at})"
    return f"COALESCE(to_json(TRY_CAST({text} AS {_TYPES[part.type]})), json_extract({element}, {at}))"


def _cast(column: str, type: str | None) -> str:
    if type in (None, "text"):
        return column
    return f"COALESCE(to_json(TRY_CAST(trim({column}) AS {_TYPES[type or 'text']})), to_json({column}))"
