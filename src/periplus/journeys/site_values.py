"""What a visit's events say of page, source, campaign, device and country, wherever a client puts it, as SQL.

Paths are those of the Segment spec: `context.page` is what its libraries send with every event, `properties` what
a page call carries, `context.arrival` what our tracker remembers of a session.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from periplus.condition import Condition
from periplus.journeys import labels, reading
from periplus.journeys.coded_values import CodedTexts, coded_texts, has_codes
from periplus.store.columns import NUMBER_TEXT, FileColumns, quote_text
from periplus.store.snapshot import Expression, Snapshot

PATHS = ("properties.path", "context.page.path")
URLS = ("properties.url", "context.page.url")
NAMES = ("properties.name",)
REFERRERS = ("context.page.referrer", "properties.referrer", "context.referrer.url")
CAMPAIGN = ("context.campaign.{}", "context.arrival.campaign.{}")
QUERY = ("properties.query",)
RESULTS = ("results", "results_count", "result_count", "number_of_results", "total_results")
"""Properties of a search that say how many results it had; the spec names none."""
_AFTER_HOST = "^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*"
_HOST = r"^[a-z][a-z0-9+.-]*://(?:[^/?#@]*@)?(?:www\.)?([^/?#:]+)"


@dataclass(frozen=True)
class Coded:
    """Events that meet a condition, by shard: `rows` int64 in order, and for each value read of them `known` texts and
    `codes[value][shard]` int64 beside the rows, -1 where there is none."""

    rows: list[np.ndarray]
    known: list[list[str]]
    codes: list[list[np.ndarray]]


@dataclass(frozen=True)
class Way:
    """One way to a value: the text of a `path`, and what SQL makes of it."""

    path: str
    sql: Callable[[str], str] = str

    def __call__(self, columns: FileColumns) -> tuple[str, list[Any]]:
        return self.sql(reading.text(self.path)(columns)[0]), []


Ways = Sequence[Way]
"""The first that gives a text is the value."""


def coded(snapshot: Snapshot, of: Condition, values: Sequence[Ways | Expression]) -> Coded:
    """The texts of `values` at the events that meet `of`, each text a number."""
    by_codes = {place: told for place, value in enumerate(values) if (told := _by_codes(snapshot, value))}
    rest = [_first_of(value) for place, value in enumerate(values) if place not in by_codes]
    read = _fetched(snapshot, of, rest) if rest else None
    if read is not None:
        rows = read.rows
    else:
        met = labels.masks(snapshot, [of])
        rows = [np.flatnonzero(met.of(snapshot.shard(index))) for index in range(snapshot.shard_count)]
    fetched = iter(()) if read is None else zip(read.known, read.codes, strict=True)
    known: list[list[str]] = []
    codes: list[list[np.ndarray]] = []
    for place in range(len(values)):
        texts, of_rows = by_codes[place].at(rows) if place in by_codes else next(fetched)
        known.append(texts)
        codes.append(of_rows)
    return Coded(rows, known, codes)


@dataclass(frozen=True)
class _Told:
    """What the ways to a value come to: for each its texts, by number from 1, at all rows of each shard."""

    ways: list[CodedTexts]

    def at(self, rows: Sequence[np.ndarray]) -> tuple[list[str], list[np.ndarray]]:
        """The texts, and int64 at some rows of each shard which of them they have (-1: none)."""
        number: dict[str, int] = {}
        tables = [
            np.array([-1, *(number.setdefault(text, len(number)) for text in way.texts)]) for way in self.ways
        ]
        codes = []
        for shard, wanted in enumerate(rows):
            code = np.full(len(wanted), -1, np.int64)
            for way, table in zip(self.ways, tables, strict=True):
                left = code < 0 if way is not self.ways[0] else slice(None)
                code[left] = table[way.rows[shard][wanted[left]]]
            codes.append(code)
        return list(number), codes


def _by_codes(snapshot: Snapshot, value: Ways | Expression) -> _Told | None:
    """The ways to a value by the codes of their columns; None where some must be read from rows."""
    if callable(value) or not has_codes(snapshot):
        return None
    told = []
    for way in value:
        if any(reading.said(way.path, snapshot.columns_of(file)) for file in snapshot.files):
            texts = coded_texts(snapshot, way.path, way)
            if texts is None:
                return None
            told.append(texts)
    return _Told(told)


def _fetched(snapshot: Snapshot, of: Condition, values: Sequence[Expression]) -> Coded:
    """The same, read from the rows."""

    def where(columns: FileColumns) -> tuple[str, list[Any]]:
        sql, bound = of.sql(columns)
        return sql, list(bound)

    found = snapshot.fetch(where, list(values))
    cuts = np.searchsorted(found.shard, np.arange(snapshot.shard_count + 1)).tolist()
    slices = [slice(low, high) for low, high in pairwise(cuts)]
    known: list[list[str]] = []
    codes: list[list[np.ndarray]] = []
    for column in found.columns:
        missing = np.ma.getmaskarray(column)
        # As objects: a column without any value comes as numbers.
        words = pa.array(np.ma.getdata(column).astype(object), pa.string(), mask=missing).dictionary_encode()
        code = words.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        known.append(words.dictionary.to_pylist())
        codes.append([code[part] for part in slices])
    return Coded([np.asarray(found.row, np.int64)[part] for part in slices], known, codes)


def _first_of(value: Ways | Expression) -> Expression:
    if callable(value):
        return value
    ways = value
    return lambda columns: _first([way(columns)[0] for way in ways])


def source(columns: FileColumns) -> tuple[str, list[Any]]:
    """The campaign's source, else the host of a referrer that is another site, else the channel."""
    said = _texts([path.format("source") for path in CAMPAIGN], columns)
    arrived = [_host(text) for text in _texts(("context.arrival.referrer",), columns)]
    came, _ = _first([_host(text) for text in _texts(REFERRERS, columns)])
    here, _ = _first([_host(text) for text in _texts(URLS, columns)])
    other = f"CASE WHEN {came} IS DISTINCT FROM {here} THEN {came} END"
    return _first([*said, *arrived, other, *_texts(("channel",), columns)])


def found_nothing(columns: FileColumns) -> tuple[str, list[Any]]:
    """'1' for a search that says it had no results, '0' for one that says how many it had."""
    texts: list[str] = _texts([f"properties.{name}" for name in RESULTS], columns)
    number = quote_text(NUMBER_TEXT)
    said, _ = _first(
        [
            f"CASE WHEN regexp_full_match({text}, {number}) THEN TRY_CAST({text} AS DOUBLE) END"
            for text in texts
        ]
    )
    return f"CASE WHEN {said} = 0 THEN '1' WHEN {said} IS NOT NULL THEN '0' END", []


def _texts(paths: Sequence[str], columns: FileColumns) -> list[str]:
    """SQL of the text forms of some paths."""
    return [reading.text(path)(columns)[0] for path in paths]


def _first(ways: Sequence[str]) -> tuple[str, list[Any]]:
    return f"coalesce({', '.join(ways)})", []


def _path(text: str) -> str:
    """SQL of a path without query and fragment; few have any, and looking is cheaper than cutting."""
    return (
        f"CASE WHEN contains({text}, '?') OR contains({text}, '#')"
        f" THEN regexp_replace({text}, '(?s)[?#].*$', '') ELSE {text} END"
    )


def _host(text: str) -> str:
    """SQL of the host of an address, without `www.`; NULL where it has none."""
    return f"nullif(regexp_extract(lower({text}), {quote_text(_HOST)}, 1), '')"


def _page(text: str) -> str:
    """SQL of a page's path as rows show it."""
    path = _path(text)
    return f"CASE {path} WHEN '' THEN '/' ELSE {path} END"


def _of_address(text: str) -> str:
    return _page(f"regexp_replace({text}, {quote_text(_AFTER_HOST)}, '')")


def _query(text: str) -> str:
    return f"nullif(lower(trim({text})), '')"


PAGE = (
    *(Way(path, _page) for path in PATHS),
    *(Way(path, _of_address) for path in URLS),
    *(Way(path) for path in NAMES),
)
"""The path of a page without query and fragment; where there is none that of its address, else its name."""
CAMPAIGNS = tuple(Way(path.format("name")) for path in CAMPAIGN)
"""The campaign's name."""
SEARCHED = tuple(Way(path, _query) for path in QUERY)
"""What was searched for: without space around it, in lower case."""
