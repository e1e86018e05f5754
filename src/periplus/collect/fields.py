"""One field of a mapping as SQL: its text, its kind, its typed value, and what does not fit."""

from __future__ import annotations

import re
from collections.abc import Mapping

from periplus.collect import csv_scan, elements
from periplus.collect.json_skip import ESCAPED, KINDS, STRING
from periplus.collect.mapping import Field_, Scalar, When
from periplus.collect.recipe import Value
from periplus.collect.rows import Seen
from periplus.collect.tape import FITS
from periplus.condition.pattern import pattern
from periplus.errors import DocumentError
from periplus.store.door import literal

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|\d+")
_TEXT_WORDS = {
    "id",
    "ids",
    "no",
    "nr",
    "number",
    "zip",
    "code",
    "phone",
    "sku",
    "ean",
    "gtin",
    "postcode",
    "mobile",
}
_NO_ID = {
    "paid",
    "unpaid",
    "prepaid",
    "valid",
    "invalid",
    "void",
    "avoid",
    "grid",
    "bid",
    "kid",
    "aid",
    "hybrid",
    "covid",
    "android",
    "solid",
    "fluid",
    "liquid",
    "rapid",
}
TRUE = ("true", "1", "yes", "y", "t", "on")
FALSE = ("false", "0", "no", "n", "f", "off")
NUMBER_FORMATS = {
    "1234.5": ("", "."), "1234,5": ("", ","), "1.234,5": (".", ","), "1,234.5": (",", "."),
    "1 234,5": (" ", ","), "1 234.5": (" ", "."), "1'234.5": ("'", "."),
}  # fmt: skip


def is_label(name: str) -> bool:
    """Whether a name says that its values are labels, not amounts: it ends in id, no, number, zip, code, phone.

    >>> [name for name in ("order_id", "itemId", "ordernumber", "paid", "number_of_cds") if is_label(name)]
    ['order_id', 'itemId', 'ordernumber']
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return False
    last = words[-1]
    return (
        last in _TEXT_WORDS
        or last.endswith(("number", "zip", "phone"))
        or (last.endswith("id") and last not in _NO_ID)
    )


def text(value: Scalar) -> str:
    """A constant as the text a file would have."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def composed(source: str) -> str:
    """SQL: the text in NFC; ASCII, which is most, is so already."""
    return f"CASE WHEN strlen({source}) = length({source}) THEN {source} ELSE nfc_normalize({source}) END"


def text_sql(field: Field_, columns: Mapping[str, str]) -> str:
    """SQL: the field as text, its null words taken out, its part found and its `map` applied."""
    if field.column is None:
        return "NULL::VARCHAR" if field.value is None else literal(text(field.value))
    words = ", ".join(literal(word) for word in field.null if word)
    given = [columns[name] for name in (field.column, field.else_) if name is not None]
    if words:
        given = [f"CASE WHEN {column} IN ({words}) THEN NULL ELSE {column} END" for column in given]
    result = given[0] if len(given) == 1 else f"COALESCE({', '.join(given)})"
    if field.at is not None:
        inside = f"CASE WHEN json_valid({result}) THEN {result} END"
        result = f"json_extract_string({inside}, {literal(elements.path(field.at))})"
    if field.find is not None:
        result = f"NULLIF(regexp_extract({result}, {literal(pattern(field.find).re2)}), '')"
    if field.map:
        cases = " ".join(
            f"WHEN {literal(key)} THEN {'NULL' if to is None else literal(text(to))}"
            for key, to in field.map.items()
        )
        result = f"CASE {result} {cases} ELSE {result} END"
    return result


def kind_of(field: Field_, path: str, seen: Seen | None) -> str | None:
    """The kind of a shredded value: as the mapping says, else as all values of the column look; None: no values."""
    given = {
        "text": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN", "time": "VARCHAR",
        "json": "JSON", "list": "JSON",
    }  # fmt: skip
    if field.type is not None:
        return given[field.type]
    if field.split is not None or field.each is not None:
        return "JSON"
    if field.column is None:
        return _kind_of_constants([field.value])
    if field.map:
        return _kind_of_constants([value for value in field.map.values() if value is not None])
    if field.find is not None or field.at is not None:
        return "VARCHAR"
    if field.format is not None:
        return "DOUBLE" if field.format in NUMBER_FORMATS else "VARCHAR"
    if seen is None or not seen.filled:
        return None
    if seen.kinds:
        return majority(seen.kinds)
    if is_label(field.column) or is_label(path.rsplit(".", 1)[-1]):
        return "VARCHAR"
    shapes = seen.shapes
    if shapes == csv_scan.INTEGER:
        return "BIGINT"
    if shapes in (csv_scan.DECIMAL, csv_scan.DECIMAL | csv_scan.INTEGER):
        return "DOUBLE"
    return "BOOLEAN" if shapes == csv_scan.BOOLEAN else "VARCHAR"


def majority(kinds: Mapping[str, int]) -> str | None:
    """The kind most values of a JSON path have; whole and decimal numbers are one kind.

    Whole numbers of 16 digits or more (LONG) make no DOUBLE, which would round them.
    """
    numbers = kinds.get("BIGINT", 0) + kinds.get("DOUBLE", 0) + kinds.get("LONG", 0)
    sums = {
        "VARCHAR": kinds.get("VARCHAR", 0),
        "BOOLEAN": kinds.get("BOOLEAN", 0),
        "JSON": kinds.get("JSON", 0),
    }
    sums["DOUBLE" if kinds.get("DOUBLE") else "BIGINT"] = numbers
    best = max(sums, key=lambda kind: sums[kind])
    return best if sums[best] else None


def _kind_of_constants(values: list[Scalar]) -> str | None:
    if not values or values == [None]:
        return None
    if all(isinstance(value, bool) for value in values):
        return "BOOLEAN"
    if any(isinstance(value, bool | str) for value in values):
        return "VARCHAR"
    return "BIGINT" if all(isinstance(value, int) for value in values) else "DOUBLE"


def value(
    field: Field_, kind: str, source: str, path: str, *, inferred: bool = False, json_kind: str | None = None
) -> Value:
    """The field's text `source` (SQL) as a value of its kind; what does not fit is kept as JSON text.

    `inferred`: the kind was found by looking at all values, so all fit. `json_kind` is SQL of the kind of
    leaf (json_scan) the text was, where it came from JSON and the mapping says no type.
    """
    if (
        json_kind is not None
        and field.type is None
        and not field.map
        and field.format is None
        and field.split is None
        and field.find is None
        and field.at is None
        and field.else_ is None
        and field.each is None
    ):
        return _json_value(field, kind, source, json_kind)
    if kind == "VARCHAR":
        return Value(kind, source, column=field.column)
    if kind == "JSON":
        typed = (
            elements.renamed(source, field.each)
            if field.each is not None
            else _listed(source, field.split or field.format)
            if field.type != "json" and (field.split or field.type == "list")
            else (f"CASE WHEN json_valid({source}) THEN {source} END")
        )
    elif kind == "BOOLEAN":
        typed = boolean(source)
    else:
        number = _number(field, source, path)
        if kind == "BIGINT":
            typed = (
                f"CASE WHEN regexp_full_match({number}, '[-+]?[0-9]+') THEN TRY_CAST({number} AS BIGINT) END"
            )
        else:
            typed = f"CASE WHEN isfinite(TRY_CAST({number} AS DOUBLE)) THEN TRY_CAST({number} AS DOUBLE) END"
    misfit = (
        f"CASE WHEN {source} IS NOT NULL AND ({typed}) IS NULL THEN CAST(to_json({source}) AS VARCHAR) END"
    )
    # a kind that was found by looking at all values fits them all
    fits = field.column is None or (
        inferred and field.type is None and not field.map and field.format is None and field.each is None
    )
    return Value(kind, typed, None if fits else misfit, field.column)


def _json_value(field: Field_, kind: str, source: str, leaf: str) -> Value:
    """A JSON leaf of the column's kind; one of another kind is kept as it was written."""
    fits = ", ".join(str(code) for code in range(1, KINDS) if FITS[kind] >> (code - 1) & 1)
    cast = source if kind in ("VARCHAR", "JSON") else f"TRY_CAST({source} AS {kind})"
    raw = (
        f"CASE WHEN {leaf} IN ({STRING}, {ESCAPED}) THEN CAST(to_json({source}) AS VARCHAR) ELSE {source} END"
    )
    return Value(
        kind, f"CASE WHEN {leaf} IS NULL OR {leaf} IN ({fits}) THEN {cast} END",
        f"CASE WHEN {source} IS NOT NULL AND {leaf} NOT IN ({fits}) THEN {raw} END", field.column,
    )  # fmt: skip


def boolean(source: str) -> str:
    """SQL: true, false, or null for a word that is neither."""
    words = f"lower(trim({source}))"
    return (
        f"CASE WHEN {words} IN ({', '.join(map(literal, TRUE))}) THEN true "
        f"WHEN {words} IN ({', '.join(map(literal, FALSE))}) THEN false END"
    )


def _number(field: Field_, source: str, path: str) -> str:
    trimmed = f"trim({source})"
    if field.format is None:
        return trimmed
    if field.format not in NUMBER_FORMATS:
        raise DocumentError(
            f"{field.format!r} is not how a number is written, at {path} of the mapping.",
            hint=f"Write one of {', '.join(NUMBER_FORMATS)}.",
            allowed=NUMBER_FORMATS,
        )
    group, point = NUMBER_FORMATS[field.format]
    if group:
        trimmed = f"replace({trimmed}, {literal(group)}, '')"
    if group == " ":
        trimmed = f"replace({trimmed}, chr(160), '')"
    return trimmed if point == "." else f"replace({trimmed}, {literal(point)}, '.')"


def _listed(source: str, separator: str | None) -> str:
    parts = f"list_transform(string_split({source}, {literal(separator or ',')}), lambda part: trim(part))"
    return f"CAST(to_json(list_filter({parts}, lambda part: part <> '')) AS VARCHAR)"


def condition(when: When, column: str) -> str:
    """SQL: whether a row meets `when`; never null."""
    given = when.model_fields_set
    if "null" in given and when.null is not None:
        return f"{column} IS {'' if when.null else 'NOT '}NULL"
    if "equals" in given:
        return (
            f"{column} IS NULL"
            if when.equals is None
            else f"COALESCE({column} = {literal(text(when.equals))}, false)"
        )
    if when.in_ is not None:
        return _among(column, when.in_)
    if when.like is not None:
        return f"COALESCE({_like(column, when.like)}, false)"
    if when.unlike is not None:
        return f"NOT COALESCE({_like(column, when.unlike)}, false)"
    if "not_" in given:
        values = when.not_ if isinstance(when.not_, tuple) else (when.not_,)
        return f"NOT ({_among(column, values)})"
    return f"{column} IS NOT NULL"


def _like(column: str, text: str) -> str:
    """SQL: the column is like a text in which a `*` stands for any text."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return f"{column} LIKE {literal(escaped)} ESCAPE '\\'"


def _among(column: str, values: tuple[Scalar, ...]) -> str:
    words = [literal(text(value)) for value in values if value is not None]
    found = f"COALESCE({column} IN ({', '.join(words)}), false)" if words else "false"
    return f"({found} OR {column} IS NULL)" if None in values else found
