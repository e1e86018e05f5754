"""The reports on a site: each puts every view (or search) into one row, and all are counted alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, no_type_check

import numpy as np

from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

COUNTS = ("views", "visits", "customers", "entries", "bounces", "exits")
OTHER = "(other)"
By = Literal["view", "first", "last", "known", "search", "nothing"]


@dataclass(frozen=True)
class Report:
    """What a row of a report stands for: the `value` read of each view (`view`), of a visit's `first` or `last` view,
    the first that one of its views is `known` to have, or of searches (`search`, `nothing`: those without results)."""

    name: str
    value: str
    by: By


REPORTS = (
    Report("pages", "page", "view"),
    Report("landing", "page", "first"),
    Report("exits", "page", "last"),
    Report("channels", "channel", "known"),
    Report("sources", "source", "known"),
    Report("campaigns", "campaign", "known"),
    Report("devices", "device", "known"),
    Report("countries", "country", "known"),
    Report("searches", "query", "search"),
    Report("no_results", "query", "nothing"),
)
NAMES = tuple(report.name for report in REPORTS)


@dataclass(frozen=True)
class Hits:
    """What a report counts in one shard, in order, [h] each: `row`, `visit`, `customer` int64; `code` int64 of its
    value (-1: none); `micros` int64 that it lasted (-1: nothing tells); `entry`, `bounced`, `exit` bool: it begins
    its visit, is all of it, ends it."""

    shard: Shard
    row: np.ndarray
    visit: np.ndarray
    customer: np.ndarray
    code: np.ndarray
    micros: np.ndarray
    entry: np.ndarray
    bounced: np.ndarray
    exit: np.ndarray

    def which(self, place: np.ndarray, wanted: int | None, field: str) -> np.ndarray:
        """Indexes of the hits behind a count of one place (None: of all): the first one of a visit or a customer."""
        flags = {"entries": self.entry, "bounces": self.bounced, "exits": self.exit}
        kept = np.ones(len(self.row), np.bool_) if wanted is None else place == wanted
        if field in flags:
            kept = kept & flags[field]
        found = np.flatnonzero(kept)
        if field in ("visits", "customers"):
            owner = self.visit if field == "visits" else self.customer
            _, first = np.unique(owner[found], return_index=True)
            found = found[first]
        return found


@dataclass(frozen=True)
class Counts:
    """Numbers that add up over shards, by place: `counts` int64[places, COUNTS], and of the hits that say how long they
    lasted their `micros` and how many they are, `timed`."""

    counts: np.ndarray
    micros: np.ndarray
    timed: np.ndarray


def count(hits: Hits, place: np.ndarray, places: int) -> Counts:
    """The counts of one shard, each hit at its place int64[h]."""

    def number(of: np.ndarray) -> np.ndarray:
        return np.bincount(of, minlength=places)

    def different(owner: np.ndarray) -> np.ndarray:
        """At how many different owners each place is; owners come in order."""
        counts = np.zeros(places, np.int64)
        _different(owner, place, np.full(places, -1, np.int64), counts)
        return counts

    told = hits.micros >= 0
    micros = np.zeros(places, np.int64)
    np.add.at(micros, place[told], hits.micros[told])
    listed = [
        number(place), different(hits.visit), different(hits.customer),
        number(place[hits.entry]), number(place[hits.bounced]), number(place[hits.exit]),
    ]  # fmt: skip
    return Counts(np.stack(listed, axis=1), micros, number(place[told]))


def summed(parts: Sequence[Counts]) -> Counts:
    """The counts of all shards."""
    return Counts(
        np.sum([part.counts for part in parts], axis=0),
        np.sum([part.micros for part in parts], axis=0),
        np.sum([part.timed for part in parts], axis=0),
    )


@dataclass(frozen=True)
class Placed:
    """Where each code stands: `keys` as rows show them, `place` int64[known + 1] by code, the last of no value."""

    keys: list[Any]
    place: np.ndarray


def placed(known: Sequence[str], often: np.ndarray, top: int) -> Placed:
    """The most frequent `top` values, then `(other)` for the rest, then those without; `often` int64[known]."""
    ranked = sorted(np.flatnonzero(often).tolist(), key=lambda code: (-often[code], known[code]))
    kept = ranked[:top]
    place = np.full(len(known) + 1, len(kept), np.int64)
    place[kept] = np.arange(len(kept))
    place[-1] = len(kept) + 1
    keys: list[Any] = [f'"{known[code]}"' if known[code] == OTHER else known[code] for code in kept]
    return Placed([*keys, OTHER, None], place)


@compiled("void(i8[::1], i8[::1], i8[::1], i8[::1])")
@no_type_check
def _different(owner, place, seen, counts):
    """An owner counts once at a place."""
    for i in range(owner.shape[0]):
        if seen[place[i]] != owner[i]:
            seen[place[i]] = owner[i]
            counts[place[i]] += 1
