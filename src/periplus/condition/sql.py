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

from periplus.condition.memory import unresolved
from periplus.condition.pattern import pattern
from periplus.condition.tree import All, Any, Compare, Exists, Named, Node, Not, Operand, Referred, Test
from periplus.condition.values import INT64, text_of
from periplus.store.columns import (
    INTEGER_TEXT,
    NUMBER_TEXT,
    OWN,
    FileColumns,
    elements,
    json_text,
    pointer,
    quote,
    quote_text,
    text_form,
)

SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
FUNCTIONS = {"contains": "contains", "starts_with": "starts_with", "ends_with": "ends_with"}
_TOKEN = re.compile("\x00([0-9]+)\x00")
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
                return "(" + " AND ".join(self.certain(part) for part in parts) + ")"
            case Not(part):
                return f"(NOT {self.certain(part)})"
            case Named():
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
                return "(" + " AND ".join(self.loose(part) for part in parts) + ")"
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
                text, values = node.sql(self.columns)
                return self.adopt(text, values)

    def adopt(self, text: str, values: list[object]) -> str:
        """A fragment somebody else wrote, its `?` as tokens (a `?` in quotes is none)."""
        waiting = iter(values)
        pieces = re.split(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""", text)
        pieces[::2] = [re.sub(r"\?", lambda _: self.bind(next(waiting)), piece) for piece in pieces[::2]]
        return f"({''.join(pieces)})"

    # -- where a path's value is ------------------------------------------------------------------

    def compare(self, node: Compare) -> str:
        path, columns = node.path, self.columns
        if path in OWN:
            return self.tests(node.tests, "VARCHAR", columns.own(path))
        found = []
        kind = columns.columns.get(path)
        if kind == "JSON":
            found.append(self.json(node, quote(path)))
        elif kind is not None:
            found.append(self.tests(node.tests, kind, quote(path)))
        if columns.in_rest(path):
            found.append(self.json(node, f"json_extract(rest, {pointer(path)})"))
        for holder, keys in self.lists(path):
            found.append(self.within(holder, keys, self.some(node)))
        found = [each for each in found if each != "false"]
        return f"({' OR '.join(found)})" if len(found) > 1 else found[0] if found else "false"

    def exists(self, node: Exists) -> str:
        path, columns = node.path, self.columns
        found = []
        if path in OWN:
            found.append(f"{columns.own(path)} IS NOT NULL")
        elif columns.columns.get(path, "JSON") != "JSON":
            found.append(f"{quote(path)} IS NOT NULL")
        if columns.columns.get(path) == "JSON":
            found.append(_there(quote(path)))
        if path not in OWN:
            found += [f"{quote(column)} IS NOT NULL" for column in columns.below(path)]
            if columns.in_rest(path):
                found.append(_there(f"json_extract(rest, {pointer(path)})"))
            found += self.rest_below(path)
            found += [self.within(holder, keys, _some_there) for holder, keys in self.lists(path)]
        if not found:
            return "false" if node.present else "true"
        text = f"({' OR '.join(found)})" if len(found) > 1 else found[0]
        return text if node.present else f"(NOT coalesce({text}, false))"

    def rest_below(self, path: str) -> list[str]:
        """Whether `rest` holds leaves under a path, where it is an object."""
        known = self.columns.rest
        if known is not None and not any(each.startswith(path + ".") for each in known):
            return []
        start = f"starts_with(k, {quote_text(path + '.')})"
        return [f"list_contains(list_transform(json_keys(rest), lambda k: {start}), true)"]

    def lists(self, path: str) -> list[tuple[str, tuple[str, ...]]]:
        """SQL of each list on the way to a path, and the keys that remain inside it."""
        found = []
        for prefix, keys in self.columns.prefixes(path):
            if self.columns.columns.get(prefix) == "JSON":
                found.append((quote(prefix), keys))
            if self.columns.in_rest(prefix):
                found.append((f"json_extract(rest, {pointer(prefix)})", keys))
        return found

    def json(self, node: Compare, value: str) -> str:
        """A comparison on one JSON value, which may be a list."""
        many = self.some(node)(elements(value))
        single = self.tests(node.tests, "JSON", value)
        return f"CASE json_type({value}) WHEN 'ARRAY' THEN {many} ELSE {single} END"

    @staticmethod
    def within(value: str, keys: tuple[str, ...], test: Callable[[str], str]) -> str:
        """A test on the slots inside a JSON list; NULL where there is no list."""
        return f"CASE json_type({value}) WHEN 'ARRAY' THEN {test(elements(value, keys))} END"

    def some(self, node: Compare) -> Callable[[str], str]:
        """What makes of a list of JSON values whether one of them, or each, meets the tests."""
        met = f"coalesce({self.tests(node.tests, 'JSON', 'e')}, false)"

        def on(slots: str) -> str:
            listed = f"list_transform({slots}, lambda e: {met})"
            if node.every:
                return f"(len({slots}) > 0 AND NOT list_contains({listed}, false))"
            return f"list_contains({listed}, true)"

        return on

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
        operand = operands[0]
        if test.operator in SIGNS:
            if operand.kind == "number":
                return self.number(
                    lambda v, exact: self.ordered(v, test.operator, operand.value, exact), kind, value
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
            found.append(self.number(lambda v, exact: self.among(v, numbers, exact), kind, value))
        if truths:
            found.append(self.truth(truths, kind, value))
        found = [each for each in found if each != "false"]
        return f"({' OR '.join(found)})" if len(found) > 1 else found[0] if found else "false"

    def comparable(self, operands: list[Operand], kind: str, value: str) -> str:
        """Whether the value is such a thing as one of the operands."""
        kinds = {operand.kind for operand in operands}
        if "text" in kinds:
            return f"{text_form(kind, value) if kind == 'JSON' else value} IS NOT NULL"
        found = []
        if "number" in kinds:
            found.append(self.number(lambda v, exact: f"{v} IS NOT NULL", kind, value))
        if "bool" in kinds:
            found.append(self.truth({True, False}, kind, value))
        found = [each for each in found if each != "false"]
        return f"({' OR '.join(found)})" if len(found) > 1 else found[0] if found else "false"

    def equal_texts(self, texts: list[str], kind: str, value: str) -> str:
        if kind == "VARCHAR":
            return self.texts(value, texts, quoted=True)
        if kind == "BIGINT":  # the text of a number is like that text if, and only if, it is that number
            return self.values_in(value, [int(text) for text in texts if _integer_text(text)])
        if kind == "DOUBLE":
            return self.values_in(value, [float(text) for text in texts if _double_text(text)])
        if kind == "BOOLEAN":
            return self.truth({text == "true" for text in texts if text in ("true", "false")}, kind, value)
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
        words = ", ".join(quote_text(str(truth).lower()) for truth in sorted(truths))
        return f"{json_text(value) if kind == 'JSON' else value} IN ({words})"

    # -- numbers, exactly -------------------------------------------------------------------------

    def number(self, test: Callable[[str, bool], str], kind: str, value: str) -> str:
        """A test on the value as a number: `test(sql, exact)`, exact where the SQL is a BIGINT."""
        if kind == "BIGINT":
            return test(value, True)
        if kind == "DOUBLE":
            return test(value, False)
        if kind == "BOOLEAN":
            return "false"
        text = json_text(value) if kind == "JSON" else value
        exact, double = f"TRY_CAST({text} AS BIGINT)", f"TRY_CAST({text} AS DOUBLE)"
        return (
            f"CASE WHEN regexp_full_match({text}, {quote_text(INTEGER_TEXT)}) AND {exact} IS NOT NULL"
            f" THEN {test(exact, True)} WHEN regexp_full_match({text}, {quote_text(NUMBER_TEXT)})"
            f" AND isfinite({double}) THEN {test(double, False)} END"
        )

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


def _there(value: str) -> str:
    """Whether a JSON value is something: not null, and not a list without anything."""
    many = _some_there(elements(value))
    return f"CASE json_type({value}) WHEN 'ARRAY' THEN {many} ELSE json_type({value}) <> 'NULL' END"


def _some_there(slots: str) -> str:
    there = "coalesce(json_type(e) <> 'NULL', false)"
    return f"list_contains(list_transform({slots}, lambda e: {there}), true)"


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
