"""Values of properties at events: for breakdowns, for what is held equal, for flows by a property.

A value is compared by its text form, as in conditions, so that 7 and "7" are one value; it is shown as
it was sent: a number as a number unless some event sent that text as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from periplus.condition import Condition
from periplus.journeys.coded_values import CodedTexts, coded_texts
from periplus.store.columns import OWN, FileColumns, pointer, quote, quote_text, text_form, unquoted
from periplus.store.snapshot import Expression, Snapshot


class Values(Protocol):
    """The values of a property, `known[code]` for each code."""

    @property
    def known(self) -> list[Any]: ...

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray:
        """int64 per row asked for: the code of its value, -1 where it has none (or was not read)."""
        ...

    def among(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of a shard that have a value, in order, and int64 each one's code."""
        ...


@runtime_checkable
class ByRow(Protocol):
    """Values that every row of a shard can be asked for at once."""

    def by_row(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        """uint16 per row, and int64 by such a number the code of its value (-1: none).

        Rows of events that were not read may have a value too.
        """
        ...


@dataclass(frozen=True)
class _RowValues:
    """Values as they were read from rows; by shard, sorted by row."""

    known: list[Any]
    rows: list[np.ndarray]
    codes: list[np.ndarray]

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray:
        mine, codes = self.rows[shard], self.codes[shard]
        if not len(mine):
            return np.full(len(rows), -1, np.int64)
        # Where every row up to some place has one, each stands at its own number.
        dense = mine[-1] == len(mine) - 1
        place = np.minimum(rows if dense else np.searchsorted(mine, rows), len(mine) - 1)
        return np.where(mine[place] == rows, codes[place], -1)

    def among(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        return self.rows[shard], self.codes[shard]


@dataclass(frozen=True)
class _CodedValues:
    """Values by codes: `code` int64 for each text of `texts`, -1 for none; `wanted` bool per name, None for any."""

    known: list[Any]
    snapshot: Snapshot
    texts: CodedTexts
    code: np.ndarray
    wanted: np.ndarray | None

    def at(self, shard: int, rows: np.ndarray) -> np.ndarray:
        if not len(self.texts.rows[shard]):
            return np.full(len(rows), -1, np.int64)
        found = self.code[self.texts.rows[shard][rows]]
        there = rows >= 0
        if self.wanted is not None:
            there &= self.wanted[np.asarray(self.snapshot.shard(shard).name)[rows]]
        return np.where(there, found, -1)

    def by_row(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        return self.texts.rows[shard], self.code

    def among(self, shard: int) -> tuple[np.ndarray, np.ndarray]:
        there = self.texts.rows[shard] > 0
        if self.wanted is not None:
            there &= self.wanted[np.asarray(self.snapshot.shard(shard).name)]
        rows = np.flatnonzero(there)
        codes = self.code[self.texts.rows[shard][rows]]
        return rows, codes


def full_path(name: str, where: str) -> str:
    """The full path of a property as a question names it; raises QuestionError."""
    (path,) = Condition.parse({"where": {name: {"exists": True}}}, where=where).paths()
    return path


def read(snapshot: Snapshot, paths: list[str], names: Iterable[str] | None) -> Values:
    """Values of one path, or of several together, at the events of some names (None: of any).

    Events that lack one of the paths have no value. Codes are in the order of the text forms.
    """
    if len(paths) == 1 and (texts := coded_texts(snapshot, paths[0], tagged(paths[0]))) is not None:
        return _by_codes(snapshot, paths[0], texts, None if names is None else frozenset(names))
    return _from_rows(snapshot, paths, names)


def _by_codes(snapshot: Snapshot, path: str, texts: CodedTexts, names: frozenset[str] | None) -> Values:
    wanted = None if names is None else np.array([name in names for name in snapshot.names], np.bool_)

    def known() -> tuple[list[Any], np.ndarray]:
        """The values at such events, and by text from 1 the code of its value."""
        occurring = texts.occurring(snapshot, wanted)
        shown, code = _coded(texts.texts, occurring)
        code_of = np.full(len(texts.texts) + 1, -1, np.int64)
        code_of[occurring + 1] = code[occurring]
        return shown, code_of

    shown, code_of = snapshot.once(("values", path, names), known)
    return _CodedValues(shown, snapshot, texts, code_of, wanted)


def _from_rows(snapshot: Snapshot, paths: list[str], names: Iterable[str] | None) -> Values:
    # \x01 parts the values of several paths; a tag before each says what it was sent as.
    value = _joined([tagged(path) for path in paths])

    def where(columns: FileColumns) -> tuple[str, list[Any]]:
        sql, bound = value(columns)
        if names is None:
            return f"({sql}) IS NOT NULL", bound
        listed = sorted(names)
        marks = ", ".join("?" for _ in listed)
        return f"event IN ({marks}) AND ({sql}) IS NOT NULL" if listed else "false", [
            *listed,
            *bound,
        ] if listed else []

    frequent = _frequent(snapshot, paths)
    found = snapshot.fetch(where, [_place_among(frequent, paths), _unless_among(frequent, paths, value)])
    place = np.asarray(np.ma.filled(found.columns[0], 0), np.int64)
    rare = place == 0
    # As objects: where every value is a frequent one the column is all null and comes as numbers.
    texts = np.ma.getdata(found.columns[1])[rare].astype(object)
    seldom = pa.array(texts, pa.string()).dictionary_encode()
    distinct: list[str] = [f"s{each}" for each in frequent] + seldom.dictionary.to_pylist()
    number = place - 1
    number[rare] = len(frequent) + seldom.indices.to_numpy(zero_copy_only=False)
    shown, code = _coded(distinct, number)
    codes = code[number]
    edges = np.searchsorted(found.shard, np.arange(snapshot.shard_count + 1))
    cuts = [slice(edges[index], edges[index + 1]) for index in range(snapshot.shard_count)]
    return _RowValues(shown, [np.asarray(found.row)[cut] for cut in cuts], [codes[cut] for cut in cuts])


def numbered(tagged_values: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Values as `tagged` reads them: those shown, and int64 per value which of them it is."""
    coded = pa.array(tagged_values, pa.string()).dictionary_encode()
    number = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    shown, code = _coded(coded.dictionary.to_pylist(), number)
    return shown, code[number]


def _coded(distinct: list[str], number: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Values in the order of their text forms, each as it was sent; int64 per distinct one which of them it is.

    `number` are places in `distinct`: only those that occur say how they are shown, as what was frequent may have
    been undone.
    """
    forms: dict[str, int] = {}
    shown: list[Any] = []
    code = np.zeros(len(distinct), np.int64)
    occurring = np.flatnonzero(np.bincount(number, minlength=len(distinct))).tolist()
    for index in sorted(occurring, key=lambda each: (_form(distinct[each]), distinct[each])):
        form, read_as = _form(distinct[index]), _shown(distinct[index])
        if form not in forms:
            forms[form] = len(shown)
            shown.append(read_as)
        elif isinstance(read_as, str):
            shown[forms[form]] = read_as
        code[index] = forms[form]
    return shown, code


def _frequent(snapshot: Snapshot, paths: list[str]) -> list[str]:
    """The texts a property often has, so that these need not be carried as texts, event by event."""
    info = snapshot.properties.get(paths[0]) if len(paths) == 1 else None
    return list(info.values) if info is not None and info.kind == "VARCHAR" else []


def _place_among(frequent: list[str], paths: list[str]) -> Expression:
    """SQL of the place of a value among the frequent texts, from 1; 0 where it is none of them, or a number like one."""

    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        texts = [
            value if kind == "VARCHAR" else f"CASE WHEN starts_with({value}, '\"') THEN {unquoted(value)} END"
            for kind, value in (_places(paths[0], columns) if frequent else [])
            if kind in ("VARCHAR", "JSON")
        ]
        if not texts:
            return "CAST(0 AS SMALLINT)", []
        marks = ", ".join("?" for _ in frequent)
        found = f"nfc_normalize(coalesce({', '.join(texts)}))"
        return f"CAST(coalesce(list_position([{marks}], {found}), 0) AS SMALLINT)", frequent

    return expression


def _unless_among(frequent: list[str], paths: list[str], value: Expression) -> Expression:
    """SQL of the value where it is not among the frequent ones, else NULL."""

    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        place, bound = _place_among(frequent, paths)(columns)
        sql, more = value(columns)
        return f"CASE WHEN {place} = 0 THEN {sql} END", [*bound, *more]

    return expression


def form(value: Any) -> str:
    """The text form by which a value is compared with one that was shown."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def text(path: str) -> Expression:
    """SQL of the text form of a path's value; NULL where there is none, or a list."""

    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        found = [text_form(kind, value) for kind, value in _places(path, columns)]
        return (f"coalesce({', '.join(found)})" if found else "CAST(NULL AS VARCHAR)"), []

    return expression


def said(path: str, columns: FileColumns) -> bool:
    """Whether a file may have a value of a path."""
    return bool(_places(path, columns))


def _places(path: str, columns: FileColumns) -> list[tuple[str, str]]:
    """(kind, SQL) of each place where the value may be."""
    if path in OWN:
        return [("VARCHAR", columns.own(path))]
    found = []
    if (kind := columns.columns.get(path)) is not None:
        found.append((kind, quote(path)))
    if columns.in_rest(path):
        found.append(("JSON", f"json_extract(rest, {pointer(path)})"))
    return found


def tagged(path: str) -> Expression:
    """SQL of the text form of a path's value after a letter for what it was sent as; NULL without a value."""

    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        found = []
        for kind, value in _places(path, columns):
            if kind == "JSON":
                tag = f"CASE json_type({value}) WHEN 'VARCHAR' THEN 's' WHEN 'BOOLEAN' THEN 'b' ELSE 'n' END"
            else:
                tag = quote_text({"VARCHAR": "s", "BOOLEAN": "b"}.get(kind, "n"))
            found.append(f"{tag} || {text_form(kind, value)}")
        return (f"coalesce({', '.join(found)})" if found else "CAST(NULL AS VARCHAR)"), []

    return expression


def _joined(parts: list[Expression]) -> Expression:
    def expression(columns: FileColumns) -> tuple[str, list[Any]]:
        return " || chr(1) || ".join(part(columns)[0] for part in parts), []

    return expression


def _form(tagged: str) -> str:
    return "\x01".join(part[1:] for part in tagged.split("\x01"))


def _shown(tagged: str) -> Any:
    """A value as it was sent; of several paths, the texts."""
    kind, said = tagged[0], tagged[1:]
    if "\x01" in tagged:
        return _form(tagged)
    if kind == "b":
        return said == "true"
    if kind == "n":
        return float(said) if any(sign in said for sign in ".eE") else int(said)
    return said
