"""Columns of what was read, of which SQL is asked once for each distinct value.

An expression over one column, or over a few whose values make few combinations, is asked of those; over others, of all
rows, but of no more than the columns that it names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from periplus.collect.load import column
from periplus.collect.origin import Origin, OtherError
from periplus.store.arrays import array
from periplus.store.door import Connection, beside, quoted
from periplus.store.staged_column import LONGEST, dictionary, recurs, tried, unified

_NAMED = re.compile(r'"c\.((?:[^"]|"")+)"')
MOST_TUPLES = 1 << 20
"""Combinations of values of several columns that are asked; where there may be more, rows are."""


@dataclass(frozen=True)
class Values:
    """A column of n rows: `values` (some may be missing) and, unless they are those of the rows themselves, codes int[n]."""

    values: pa.Array
    codes: np.ndarray | None

    def array(self, kind: pa.DataType, nothing: Callable[[pa.DataType], pa.Array]) -> pa.Array:
        """The column as it is written: texts that recur as codes; `nothing` gives one of a type where no row has a value."""
        values = self.values if self.values.type == kind else self.values.cast(kind)
        if values.null_count == len(values):
            return nothing(kind)
        if self.codes is None:
            return values
        if not pa.types.is_string(kind):
            return values.take(array(self.codes))
        coded = values.dictionary_encode()  # what differs in the source may be one value now
        table = np.asarray(coded.indices.fill_null(-1)).astype(codes_of(len(coded.dictionary)))
        same = len(table) == len(coded.dictionary) and table.dtype == self.codes.dtype
        codes = self.codes if same else table[self.codes]
        return dictionary(codes, coded.dictionary)

    def flags(self, rows: int) -> np.ndarray:
        """bool[n]: where a test holds."""
        found = np.asarray(self.values.fill_null(False).cast(pa.uint8())).astype(np.bool_)
        return found if self.codes is None else found[self.codes]


@dataclass(frozen=True)
class _Coded(Values):
    codes: np.ndarray


class Distinct:
    """The columns of one origin; `load` reads those that some SQL names, `asked` answers it."""

    def __init__(self, connection: Connection, origin: Origin, pool: ThreadPoolExecutor) -> None:
        self.connection, self.origin, self.pool = connection, origin, pool
        self.rows = origin.rows
        self._read: dict[str, pa.ChunkedArray | _Coded] = {}
        self._nothing: dict[pa.DataType, pa.Array] = {}

    def load(self, statements: Iterable[str]) -> None:
        """Read the columns that some SQL names, as far as they have not been."""
        named = {self.origin.columns[name][0] for name in names_in(statements) if name in self.origin.columns}
        named -= self._read.keys()
        # the longest first, so that no thread is left alone with one
        bases = sorted(named, key=lambda base: (-self.origin.size(base), base))

        def read(base: str) -> pa.ChunkedArray | _Coded:
            chunks: Iterable[pa.Array] = self._alike(base)
            if not self.origin.coded(base):
                chunks = list(chunks)
                if not chunks or sum(chunk.nbytes for chunk in chunks) >= LONGEST:
                    raise OtherError
                sample = tried(chunks)
                whole = pa.chunked_array(chunks)
                if 2 * whole.null_count > self.rows and not pa.types.is_nested(whole.type):
                    return _few(whole.combine_chunks())
                if not _codable(whole.type) or not len(sample) or not recurs(sample):
                    return whole
            coded = unified(chunks)
            if not coded.null_count:
                return _Coded(coded.dictionary, np.asarray(coded.indices))
            codes = np.asarray(coded.indices.fill_null(len(coded.dictionary)))
            return _Coded(pa.concat_arrays([coded.dictionary, pa.nulls(1, coded.dictionary.type)]), codes)

        for base, held in zip(bases, self.pool.map(read, bases), strict=True):
            self._read[base] = held

    def _alike(self, base: str) -> Iterator[pa.Array]:
        """The chunks of a column; raises OtherError where files have it in several types, or where it is too long."""
        kind = None
        if self.origin.size(base) >= LONGEST:
            raise OtherError
        for chunk in self.origin.chunks(base):
            if kind is not None and _values(chunk.type) != kind:
                raise OtherError
            kind = _values(chunk.type)
            yield chunk

    def _relation(self, names: Sequence[str], table: str) -> str:
        """SQL: the source columns `names` over the columns they are made of, with `@row`."""
        listed = [f"{self.origin.columns[name][1]} AS {column(name)}" for name in names]
        return f'(SELECT "@row", {", ".join(listed)} FROM {table})'

    def asked(self, statements: Mapping[str, str]) -> dict[str, Values]:
        """What SQL over source columns says, by label; asked of values as far as there are few of them."""
        groups: dict[tuple[str, ...], dict[str, str]] = {}
        for label, sql in statements.items():
            groups.setdefault(tuple(sorted(names_in([sql]))), {})[label] = sql
        found: dict[str, Values] = {}
        for names, asked in groups.items():
            if not all(name in self.origin.columns for name in names):
                raise OtherError
            bases = list(dict.fromkeys(self.origin.columns[name][0] for name in names))
            tuples = self._tuples(bases)
            if tuples is None:
                for label, sql in list(asked.items()):
                    if (held := self.as_it_is(sql)) is not None:
                        found[label] = held
                        del asked[label]
                values: dict[str, Any] = {base: self.whole(base) for base in bases}
                codes = None
            else:
                values, codes = tuples
            if asked:
                arrays = self.said(names, asked, values)
                found |= {label: Values(each, codes) for label, each in arrays.items()}
        return found

    def said(
        self,
        names: Sequence[str],
        asked: Mapping[str, str],
        values: Mapping[str, Any],
        wrapped: Callable[[str], str] = str,
    ) -> dict[str, pa.Array]:
        """What SQL says of some values (columns of one length), in their order."""
        count = len(next(iter(values.values()))) if values else 1
        if len({name.lower() for name in ("@row", *values)}) <= len(values):
            raise OtherError  # names that DuckDB cannot tell apart
        table = pa.table({"@row": array(np.arange(count)), **values})
        with beside(self.connection) as own:  # several threads ask
            own.register("values of columns", table)
            listed = ", ".join(f"{sql} AS {quoted(label)}" for label, sql in asked.items())
            source = self._relation(names, '"values of columns"') if names else '"values of columns"'
            told = own.sql(f'SELECT "@row", {listed} FROM {wrapped(source)}').to_arrow_table()
        rows = np.asarray(told.column("@row"))
        if len(rows) > 1 and not (rows[1:] > rows[:-1]).all():
            told = told.take(array(np.argsort(rows)))
        return {label: told.column(label).combine_chunks() for label in asked}

    def _tuples(self, bases: Sequence[str]) -> tuple[dict[str, pa.Array], np.ndarray] | None:
        """The combinations of values that occur in some columns, and which each row has; None if there may be many."""
        if not bases:
            return {}, np.zeros(self.rows, np.int8)
        held = [each for base in bases if isinstance(each := self._read[base], _Coded)]
        if len(held) < len(bases):
            return None
        if len(held) == 1:
            return {bases[0]: held[0].values}, held[0].codes
        sizes = [len(each.values) for each in held]
        most = math.prod(sizes)
        if most > MOST_TUPLES:
            return None
        combined = np.zeros(self.rows, np.int32)
        for each, size in zip(held, sizes, strict=True):
            combined *= size
            combined += each.codes
        occurs = np.zeros(most, np.bool_)
        occurs[combined] = True
        tuples = np.flatnonzero(occurs)
        place = np.empty(most, np.int32)
        place[tuples] = np.arange(len(tuples), dtype=np.int32)
        place = place.astype(codes_of(len(tuples)), copy=False)
        values, left = {}, tuples
        for base, each, size in zip(reversed(bases), reversed(held), reversed(sizes), strict=True):
            values[base] = each.values.take(array(left % size))
            left = left // size
        return values, place[combined]

    def whole(self, base: str) -> pa.Array | pa.ChunkedArray:
        held = self._read[base]
        if isinstance(held, _Coded):
            return pa.DictionaryArray.from_arrays(array(held.codes), held.values)
        return held

    def nothing(self, kind: pa.DataType) -> pa.Array:
        """A column that no row has a value of; those of one type share their memory."""
        return self._nothing.setdefault(kind, pa.nulls(self.rows, kind))

    def as_it_is(self, sql: str) -> Values | None:
        """The values of a column of texts that are not coded, if that is all that SQL says, but for blank ones."""
        name, blank = bare(sql)
        if name is None:
            return None
        base, made = self.origin.columns[name]
        held, own = self._read[base], quoted(base)
        if isinstance(held, _Coded) or not pa.types.is_string(held.type):
            return None
        if made == f"CASE WHEN {own} NOT IN ('') THEN {own} END":
            blank = True
        elif made != own:
            return None
        values = held.chunk(0) if held.num_chunks == 1 else held.combine_chunks()
        self._read[base] = pa.chunked_array([values])  # what was read is not there twice
        if blank:
            empty = pc.equal(pc.binary_length(values), 0)
            if pc.any(empty).as_py():
                values = pc.if_else(empty, None, values)
        return Values(values, None)


def _values(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _few(values: pa.Array) -> _Coded:
    """A column that hardly any row has: its values, whether or not they recur, and one for the rows that have none."""
    there = np.asarray(values.is_valid())
    held = values.drop_null()
    codes = np.cumsum(there, dtype=codes_of(len(held))) - 1
    codes[~there] = len(held)
    return _Coded(pa.concat_arrays([held, pa.nulls(1, held.type)]), codes)


def codes_of(count: int) -> np.dtype[Any]:
    """The smallest type of the codes of so many values, which has -1 too."""
    return np.min_scalar_type(-1 - count)


def _codable(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
    )


def bare(sql: str, *, trimmed: bool = False) -> tuple[str | None, bool]:
    """The source column that some SQL is, and whether blank texts of it are missing; `trimmed`: or trims."""
    blank = False
    while True:
        if (found := re.fullmatch(r"CAST\((.*) AS VARCHAR\)", sql)) is not None:
            sql = found[1]
        elif (found := re.fullmatch(r"NULLIF\((.*), ''\)", sql)) is not None:
            sql, blank = found[1], True
        elif trimmed and (found := re.fullmatch(r"trim\((.*)\)", sql)) is not None:
            sql = found[1]
        else:
            break
    found = _NAMED.fullmatch(sql)
    return (None if found is None else found[1].replace('""', '"')), blank


def names_in(statements: Iterable[str]) -> list[str]:
    """The source columns that some SQL names."""
    return list(dict.fromkeys(name.replace('""', '"') for sql in statements for name in _NAMED.findall(sql)))
