"""What a visit's events say of page, source, campaign, device and country, wherever a client puts it, as SQL.

Paths are those of the Segment spec: `context.page` is what its libraries send with every event, `properties` what
a page call carries, `context.arrival` what our tracker remembers of a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from periplus.condition import Condition
from periplus.journeys import reading
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


def coded(snapshot: Snapshot, of: Condition, values: Sequence[Expression]) -> Coded:
    """The texts of `values` at the events that meet `of`, each text a number."""

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


def page(columns: FileColumns) -> tuple[str, list[Any]]:
    """The path of a page without query and fragment; where there is none that of its address, else its name."""
    paths = [_path(text) for text in _texts(PATHS, columns)]
    urls = [_path(f"regexp_replace({text}, {quote_text(_AFTER_HOST)}, '')") for text in _texts(URLS, columns)]
    ways = [f"CASE {text} WHEN '' THEN '/' ELSE {text} END" for text in (*paths, *urls)]
    return _first([*ways, *_texts(NAMES, columns)])


def source(columns: FileColumns) -> tuple[str, list[Any]]:
    """The campaign's source, else the host of a referrer that is another site, else the channel."""
    said = _texts([path.format("source") for path in CAMPAIGN], columns)
    arrived = [_host(text) for text in _texts(("context.arrival.referrer",), columns)]
    came, _ = _first([_host(text) for text in _texts(REFERRERS, columns)])
    here, _ = _first([_host(text) for text in _texts(URLS, columns)])
    other = f"CASE WHEN {came} IS DISTINCT FROM {here} THEN {came} END"
    return _first([*said, *arrived, other, *_texts(("channel",), columns)])


def campaign(columns: FileColumns) -> tuple[str, list[Any]]:
    """The campaign's name."""
    return _first(_texts([path.format("name") for path in CAMPAIGN], columns))


def query(columns: FileColumns) -> tuple[str, list[Any]]:
    """What was searched for: without space around it, in lower case."""
    return _first([f"nullif(lower(trim({text})), '')" for text in _texts(QUERY, columns)])


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
