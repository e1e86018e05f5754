"""The reading in SQL: a condition as a boolean expression over one file of events, never NULL.

Inside, NULL counts as false: `AND` and `OR` treat the two alike, so comparisons on columns stay bare,
and only `NOT` and the very outside wrap what may be NULL in `coalesce(…, false)`.

Values are bound. While the text is put together a bound value stands as a token (which NUL marks, and
no identifier contains NUL), so fragments may be repeated and moved; at the end the tokens become `?`
in the order of the text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from periplus.condition import times
from periplus.condition.memory import of_customer, unresolved
from periplus.condition.pattern import pattern
from periplus.condition.tree import All, Any, Compare, Exists, Named, Node, Not, Operand, Referred, Test
from periplus.condition.values import INT64, text_of
from periplus.store.columns import (
    IS_INTEGER,
    IS_NUMBER,
    OWN,
    FileColumns,
    elements,
    pointer,
    quote,
    quote_text,
    text_form,
    unquoted,
)

SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
FUNCTIONS = {"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with"}
_TOKEN = re.compile("\x00([0-9]+)\x00")
_PLAIN = re.compile("[A-JL-Za-z0-9 _.,:+*=()@#&!-]*")
_BECOMES_ASCII = re.compile("[K;`]")
"""ASCII characters that NFC makes of others (the Kelvin sign, the Greek question mark, varia alone)."""


def sql(node: Node, columns: FileColumns) -> tuple[str, list[object]]:
    """The expression over one file, and the values to bind."""
    writer = _Writer(columns)
    text = writer.certain(node)
    order = [int(token) for token in _TOKEN.findall(text)]
    return _TOKEN.sub("?", text), [writer.values[index] for index in order]


@dataclass
class _Writer:
    """Writes expressions over one file."""

    columns: FileColumns
    values: list[object] = field(default_factory=list)

    def bind(self, value: object) -> str:
        self.values.append(value)
        return f"\x00{len(self.values) - 1}\x00"

    def certain(self, node: Node) -> str:
        """The node as an expression that is never NULL."""
        match node:
            case All(()):
                return "true"
            case All(parts):
                return _both([self.certain(part) for part in parts])
            case Not(part):
                return f"(NOT {self.certain(part)})"
            case Named() | Exists(_, False):
                return self.loose(node)
            case Any() | Exists() | Compare():
                text = self.loose(node)
                return text if text in ("true", "false") else f"coalesce({text}, false)"
            case _:
                return self.loose(node)

    def loose(self, node: Node) -> str:
        """The node as an expression where NULL means false; bracketed where precedence needs it."""
        match node:
            case All(()):
                return "true"
            case All(parts):
                return _both([self.loose(part) for part in parts])
            case Any(parts):
                return "(" + " OR ".join(self.loose(part) for part in parts) + ")"
            case Not():
                return self.certain(node)
            case Named(names):
                return self.texts("event", list(names))
            case Exists():
                return self.exists(node)
            case Compare():
                return self.compare(node)
            case Referred():
                raise unresolved(node)
            case _:
                raise of_customer(node)

    # -- where a path's value is ------------------------------------------------------------------

    def compare(self, node: Compare) -> str:
        path, columns = node.path, self.columns
        if path in OWN:
            return self.tests(node.tests, "VARCHAR", columns.own(path))
        kind = columns.columns.get(path)
        found = [self.json(node, json_column(path))] if kind == "JSON" else []
        if columns.in_rest(path):
            found.append(self.json(node, f"json_extract(rest, {pointer(path)})"))
        for holder, keys in self.lists(path):
            slots = elements(holder, keys, missing=node.every)
            found.append(self.some(node, slots))
        elsewhere = _either(found)
        if kind is None or kind == "JSON":
            return elsewhere
        here = self.tests(node.tests, kind, quote(path))
        if elsewhere == "false":
            return here
        return f"CASE WHEN {quote(path)} IS NOT NULL THEN {here} ELSE {elsewhere} END"

    def exists(self, node: Exists) -> str:
        path, columns = node.path, self.columns
        found = []
        if path in OWN:
            found.append(f"{columns.own(path)} IS NOT NULL")
        else:
            kind = columns.columns.get(path)
            if kind is not None:
                found.append(_there(json_column(path)) if kind == "JSON" else f"{quote(path)} IS NOT NULL")
            found += [f"{quote(column)} IS NOT NULL" for column in columns.below(path)]
            if columns.in_rest(path):
                found.append(_there(f"json_extract(rest, {pointer(path)})"))
            found += self.rest_below(path)
            found += [_some_there(elements(holder, keys)) for holder, keys in self.lists(path)]
        text = _either(found)
        if node.present:
            return text
        return "true" if text == "false" else f"(NOT coalesce({text}, false))"

    def rest_below(self, path: str) -> list[str]:
        """Whether `rest` holds leaves under a path, where it is an object."""
        known = self.columns.rest
        if known is not None and not any(each.startswith(path + ".") for each in known):
            return []
        start = f"starts_with(k, {quote_text(path + '.')})"
        return [f"list_contains(list_transform(json_keys(rest), lambda k: {start}), true)"]

    def lists(self, path: str) -> list[tuple[str, tuple[str, ...]]]:
        """SQL of each value that may be a list on the way to a path, and the keys that remain inside it."""
        found = []
        for prefix, keys in self.columns.prefixes(path):
            if self.columns.columns.get(prefix) == "JSON":
                found.append((quote(prefix), keys))
            if self.columns.in_rest(prefix):
                found.append((f"json_extract(rest, {pointer(prefix)})", keys))
        return found

    def json(self, node: Compare, value: str) -> str:
        """A comparison on one JSON value, which may be a list."""
        many = self.some(node, elements(value))
        single = self.tests(node.tests, "JSON", value)
        if single.count(value) > 2:  # reading it again and again costs more than a list of one
            met = f"coalesce({self.tests(node.tests, 'JSON', 'e')}, false)"
            single = f"list_contains(list_transform([{value}], lambda e: {met}), true)"
        return f"CASE WHEN starts_with({value}, '[') THEN {many} ELSE {single} END"

    def some(self, node: Compare, slots: str) -> str:
        """Whether one of a list of JSON values, or with `every` each, meets the tests."""
        met = f"coalesce({self.tests(node.tests, 'JSON', 'e')}, false)"
        listed = f"list_transform({slots}, lambda e: {met})"
        if node.every:
            return f"(len({slots}) > 0 AND NOT list_contains({listed}, false))"
        return f"list_contains({listed}, true)"

    # -- one value --------------------------------------------------------------------------------

    def tests(self, tests: tuple[Test, ...], kind: str, value: str) -> str:
        found = [text for test in tests if (text := self.test(test, kind, value)) != "true"]
        if "false" in found:
            return "false"
        return f"({' AND '.join(found)})" if len(found) > 1 else found[0]

    def test(self, test: Test, kind: str, value: str) -> str:
        operands = list(test.operands)
        if test.operator in ("eq", "in"):
            return self.equal(operands, kind, value)
        if test.operator in ("ne", "not_in"):
            comparable = self.comparable(operands, kind, value)
            equal = self.equal(operands, kind, value)
            if comparable == "false":
                return "false"
            return comparable if equal == "false" else f"({comparable} AND NOT coalesce({equal}, false))"
        if test.operator in times.ABSOLUTE:
            said = tuple(str(operand.value) for operand in operands)
            bounds = times.absolute(test.operator, said, self.columns.zone)
            return times.absolute_sql(bounds, kind, value, self.bind)
        operand = operands[0]
        if test.operator in times.RELATIVE:
            length = int(operand.value)
            return times.relative_sql(test.operator, length, self.columns.zone, kind, value, self.bind)
        if test.operator in SIGNS:
            if operand.kind == "number":
                number = operand.value
                return self.number(
                    lambda v, exact: self.ordered(v, test.operator, number, exact), kind, value, number
                )
            return f"{text_form(kind, value)} {SIGNS[test.operator]} {self.bind(operand.value)}"
        if test.operator == "matches":
            return f"regexp_matches({text_form(kind, value)}, {self.bind(pattern(str(operand.value)).re2)})"
        return f"{FUNCTIONS[test.operator]}({text_form(kind, value)}, {self.bind(operand.value)})"

    def equal(self, operands: list[Operand], kind: str, value: str) -> str:
        """Whether the value equals one of the operands."""
        texts = [str(operand.value) for operand in operands if operand.kind == "text"]
        numbers = [operand.value for operand in operands if operand.kind == "number"]
        truths = {bool(operand.value) for operand in operands if operand.kind == "bool"}
        found = []
        if texts:
            found.append(self.equal_texts(texts, kind, value))
        if numbers:
            found.append(self.number(lambda v, exact: self.among(v, numbers, exact), kind, value, *numbers))
        if truths:
            found.append(self.truth(truths, kind, value))
        return _either(found)

    def comparable(self, operands: list[Operand], kind: str, value: str) -> str:
        """Whether the value is such a thing as one of the operands."""
        kinds = {operand.kind for operand in operands}
        if "text" in kinds:
            if kind != "JSON":
                return f"{value} IS NOT NULL"
            return f"(CAST({value} AS VARCHAR) <> 'null' AND NOT regexp_matches({value}, '^[{{[]'))"
        found = []
        if "number" in kinds:
            found.append(self.number(lambda v, exact: f"{v} IS NOT NULL", kind, value))
        if "bool" in kinds:
            found.append(self.truth({True, False}, kind, value))
        return _either(found)

    def equal_texts(self, texts: list[str], kind: str, value: str) -> str:
        if kind == "VARCHAR":
            return self.texts(value, texts, quoted=True)
        if kind == "BIGINT":  # the text of a number is like that text if, and only if, it is that number
            return self.values_in(value, [int(text) for text in texts if _integer_text(text)])
        if kind == "DOUBLE":
            return self.values_in(value, [float(text) for text in texts if _double_text(text)])
        if kind == "BOOLEAN":
            return self.truth({text == "true" for text in texts if text in ("true", "false")}, kind, value)
        if all(_plain_word(text) for text in texts):
            return self.values_in(f"CAST({value} AS VARCHAR)", [f'"{text}"' for text in texts])
        return self.values_in(text_form(kind, value), texts)

    def texts(self, column: str, texts: list[str], quoted: bool = False) -> str:
        """A text column against texts, bare where no other bytes can become one of them by NFC."""
        name = column if quoted else self.columns.own(column)
        plain = all(text.isascii() and not _BECOMES_ASCII.search(text) for text in texts)
        return self.values_in(name if plain else text_form("VARCHAR", name), texts)

    def values_in(self, value: str, values: list[object] | list[str] | list[int] | list[float]) -> str:
        if not values:
            return "false"
        if len(values) == 1:
            return f"{value} = {self.bind(values[0])}"
        return f"{value} IN ({', '.join(self.bind(each) for each in values)})"

    @staticmethod
    def truth(truths: set[bool], kind: str, value: str) -> str:
        if not truths or kind in ("BIGINT", "DOUBLE"):
            return "false"
        if kind == "BOOLEAN":
            if len(truths) == 2:
                return f"{value} IS NOT NULL"
            return value if True in truths else f"(NOT {value})"
        words = [str(truth).lower() for truth in sorted(truths)]
        if kind == "JSON":
            words += [f'"{word}"' for word in words]
            value = f"CAST({value} AS VARCHAR)"
        return f"{value} IN ({', '.join(map(quote_text, words))})"

    # -- numbers, exactly -------------------------------------------------------------------------

    def number(
        self, test: Callable[[str, bool], str], kind: str, value: str, *bounds: str | int | float | bool
    ) -> str:
        """A test on the value as a number: `test(sql, exact)`, exact where the SQL is a BIGINT.

        An integer too large for a double rounds to one beyond all `bounds` under 2**53, so that for
        those the double decides as well as the integer would.
        """
        if kind == "BIGINT":
            return test(value, True)
        if kind == "DOUBLE":
            return test(value, False)
        if kind == "BOOLEAN":
            return "false"
        text = f"CAST({value} AS VARCHAR)" if kind == "JSON" else value
        exact, double = f"TRY_CAST({text} AS BIGINT)", f"TRY_CAST({text} AS DOUBLE)"
        rounded = f"isfinite({double}) AND {test(double, False)}"
        found = f"WHEN regexp_full_match({text}, {IS_NUMBER}) THEN {rounded} END"
        if not all(abs(float(bound)) < 2**53 for bound in bounds):
            integer = f"regexp_full_match({text}, {IS_INTEGER}) AND {exact} IS NOT NULL"
            found = f"WHEN {integer} THEN {test(exact, True)} {found}"
        if kind == "JSON":
            within = self.number(test, "VARCHAR", unquoted(value), *bounds)
            found = f"WHEN starts_with({value}, '\"') THEN {within} {found}"
        return f"CASE {found}"

    def among(self, value: str, numbers: list[str | int | float | bool], exact: bool) -> str:
        """Equality with one of some numbers; those that the column cannot hold are left out."""
        if exact:
            held = [int(number) for number in numbers if int(number) == number and int(number) in INT64]
            return self.values_in(value, held)
        return self.values_in(value, [double for number in numbers if (double := _nearest(number)) == number])

    def ordered(self, value: str, operator: str, number: str | int | float | bool, exact: bool) -> str:
        """An order comparison that is right beyond 2**53 too: the bound is moved to what the column holds."""
        assert not isinstance(number, str)
        upward = operator in ("gt", "gte")
        strict = operator in ("gt", "lt")
        if exact:
            least = math.floor(number) + 1 if strict else math.ceil(number)  # value >= least
            most = math.ceil(number) - 1 if strict else math.floor(number)  # value <= most
            bound = least if upward else most
            if bound in INT64:
                return f"{value} {'>=' if upward else '<='} {self.bind(bound)}"
            return f"{value} IS NOT NULL" if (bound < 0) == upward else "false"
        double = _nearest(number)
        if double == number:
            return f"{value} {SIGNS[operator]} {self.bind(double)}"
        if (double > number) == upward:  # the nearest double lies on the side asked for
            return f"{value} {'>=' if upward else '<='} {self.bind(double)}"
        return f"{value} {'>' if upward else '<'} {self.bind(double)}"


def json_column(path: str) -> str:
    """SQL of a JSON column as DuckDB itself would write it (a file may hold blanks and escapes)."""
    return f"json_extract({quote(path)}, '$')"


def _both(parts: list[str]) -> str:
    """All of them; what reads JSON is evaluated only on the rows that the rest leaves over.

    The cheap parts stand outside too: in a WHERE they reach the scan. As columns of a SELECT the parts
    of an AND are each computed for every row, but those of a CASE are not.
    """
    dear = [part for part in parts if "json_extract" in part]
    cheap = [part for part in parts if part not in dear]
    if not cheap or not dear:
        return "(" + " AND ".join(parts) + ")"
    first = " AND ".join(cheap)
    return f"({first} AND CASE WHEN {first} THEN {' AND '.join(dear)} ELSE false END)"


def _either(found: list[str]) -> str:
    met = [each for each in found if each != "false"]
    return f"({' OR '.join(met)})" if len(met) > 1 else met[0] if met else "false"


def _there(value: str) -> str:
    """Whether a JSON value is something: not null, and not a list without anything."""
    many = _some_there(elements(value))
    return f"CASE WHEN starts_with({value}, '[') THEN {many} ELSE {value} <> 'null' END"


def _some_there(slots: str) -> str:
    return f"list_contains(list_transform({slots}, lambda e: coalesce(e <> 'null', false)), true)"


def _nearest(number: str | int | float | bool) -> float:
    return float(number)


def _integer_text(text: str) -> bool:
    """Whether a text is the text form of an int64."""
    return (
        len(text) <= 20
        and re.fullmatch("-?[0-9]+", text) is not None
        and str(int(text)) == text
        and int(text) in INT64
    )


def _double_text(text: str) -> bool:
    """Whether a text is the text form of a double."""
    try:
        return text_of(float(text)) == text
    except ValueError:
        return False


def _plain_word(text: str) -> bool:
    """Whether only this very text, quoted, is the JSON of a value with this text form."""
    alike = _integer_text(text) or _double_text(text) or text in ("true", "false")
    return not alike and _PLAIN.fullmatch(text) is not None
