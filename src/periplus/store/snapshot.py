"""One data version, open for reading: shards of whole customers, base and runs merged.

A snapshot names immutable files, so it needs no lock and never changes while one looks. Hot columns
are memory-mapped where a shard has one source, and merged once, in memory, where it has several.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import numpy as np

from periplus import clock
from periplus.settings import Settings
from periplus.store import door, fetched, merge, properties, standing, told
from periplus.store.columns import FileColumns
from periplus.store.files import MARKED, EventFile, Marked, load
from periplus.store.manifest import Manifest
from periplus.store.properties import PropertyInfo
from periplus.store.shard import Found, Shard
from periplus.store.told import Told

LABELS_KEPT = 256 << 20
"""Bytes of computed labels a snapshot keeps for the next question."""

MADE_KEPT = 64
"""Small things worked out for one question that a snapshot keeps for the next."""
T = TypeVar("T")

Expression = Callable[[FileColumns], tuple[str, list[Any]]]
"""SQL of one value for the columns of one file: `(text with ?, bound values)`."""
ByValue = Callable[[EventFile, FileColumns], np.ndarray | None]
"""A value per row of a file, of one that can tell without SQL; None where it cannot."""


__all__ = ["Expression", "Found", "PropertyInfo", "Shard", "Snapshot"]


@dataclass(frozen=True)
class _Source:
    """A slice of a file that holds rows of one shard."""

    file: int
    start: int
    stop: int


@dataclass(frozen=True)
class _Merged:
    """How a shard's rows lie in its sources; `spans` is None where there is one source, unmasked."""

    shard: Shard
    sources: list[_Source]
    spans: np.ndarray | None


class Snapshot:
    """The events of one version; cheap to make, its shards are opened when first asked for.

    Marked events (of bots and internal traffic) are seen only `with_marked`; `everything` is that view.
    """

    def __init__(
        self,
        root: Path,
        manifest: Manifest,
        settings: Settings,
        *,
        live: bool = False,
        with_marked: bool = False,
    ) -> None:
        self.root = root
        self.manifest = manifest
        self.settings = settings
        self.version = str(manifest.number)
        self.names: tuple[str, ...] = tuple(manifest.names)
        self.shard_count = manifest.shards
        self.live = live
        self.with_marked = with_marked
        self.files: list[EventFile] = [load(root, name) for name in manifest.files]
        self._shards: dict[int, _Merged] = {}
        self._locks = [threading.Lock() for _ in range(manifest.shards)]
        self._masks: dict[int, np.ndarray] = {}
        self._local = threading.local()
        self._labels: OrderedDict[str, list[np.ndarray]] = OrderedDict()
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._labels_lock = threading.Lock()

    @cached_property
    def everything(self) -> Snapshot:
        """The same version with its marked events among the others."""
        if self.with_marked or not self.has_marked:
            return self
        return Snapshot(self.root, self.manifest, self.settings, live=self.live, with_marked=True)

    @property
    def has_marked(self) -> bool:
        """Whether some file holds marked events."""
        return any(file.marked is not None for file in self.files)

    def left_out(self, since: int, until: int) -> int:
        """How many events with a time in since:until this view leaves out, because they are marked."""
        if self.with_marked or not self.has_marked:
            return 0
        first, last = np.searchsorted(self._marked_times, [since, max(since, until)])
        return int(last - first)

    @cached_property
    def _marked_times(self) -> np.ndarray:
        """int64[n] ascending: the times of the marked events that stand, statements aside."""
        rows = standing.narrow(self.manifest, self.files, ("time", "section"))
        found = self.query(f"SELECT time FROM ({rows}) WHERE section IN ({MARKED}, {MARKED + 1})", [])
        return np.sort(np.asarray(found["time"], np.int64))

    @property
    def last_time(self) -> int | None:
        """Time of the last event that stands, or None; at most that of the last import, whatever a date says."""
        last, imported = self._last_standing, self.manifest.imported
        return last if last is None or imported is None else min(last, imported)

    @cached_property
    def first_time(self) -> int | None:
        """The time of the first event of all customers; None where there is none."""
        firsts = (
            int(shard.time[np.asarray(shard.offsets)[:-1]].min())
            for shard in map(self.shard, range(self.shard_count))
            if len(shard.time)
        )
        return min(firsts, default=None)

    @cached_property
    def _last_standing(self) -> int | None:
        """A file's own last time may be of a row that is masked: where that could be the last, rows are read."""
        masks = self.manifest.masks
        times = [
            (part.last_time, any(before > f.number for _, before in masks)) for _, f, part in self.parts()
        ]
        known = [(last, hidden) for last, hidden in times if last is not None]
        sure = max((last for last, hidden in known if not hidden), default=None)
        if all(not hidden or (sure is not None and last <= sure) for last, hidden in known):
            return sure
        arrays = [*(self.shard(index).time for index in range(self.shard_count)), self.unidentified()[0]]
        return max((int(np.max(array)) for array in arrays if len(array)), default=None)

    @property
    def properties(self) -> dict[str, PropertyInfo]:
        """Every path that has a column or a place in the rest, with its kind and frequent values."""
        return properties.known(self.files)

    def name_counts(self) -> dict[str, int]:
        """Events by name, over everything that is not a statement (masked rows counted once more)."""
        counts: dict[str, int] = {}
        for _, _, part in self.parts():
            for name, rows in part.names.items():
                counts[name] = counts.get(name, 0) + rows
        return counts

    def parts(self) -> list[tuple[int, EventFile, EventFile | Marked]]:
        """What of each file is seen: the events that are not marked, and with them those that are."""
        return [
            (number, file, part)
            for number, file in enumerate(self.files)
            for part in (file, file.marked if self.with_marked else None)
            if part is not None
        ]

    # -- shards ---------------------------------------------------------------------------------

    def shard(self, index: int) -> Shard:
        """Shard `index`, merged and cached."""
        return self.opened(index).shard

    def opened(self, index: int) -> _Merged:
        with self._locks[index]:
            if index not in self._shards:
                self._shards[index] = self._open(index)
            return self._shards[index]

    def _open(self, index: int) -> _Merged:
        sources = [
            _Source(number, part.shards[index], part.shards[index + 1])
            for number, file, part in self.parts()
            if part.shards[index + 1] > part.shards[index]
            and index not in self.manifest.retired.get(file.name, ())
        ]
        if len(sources) == 1 and not len(self.masked(self.files[sources[0].file].number)):
            only = sources[0]
            file = self.files[only.file]
            customers, offsets = file.customers(only.start, only.stop)
            shard = Shard(
                index,
                customers,
                offsets,
                file.hot_rows("time", only.start, only.stop),
                file.hot_rows("name", only.start, only.stop),
            )
            return _Merged(shard, sources, None)
        return self._merge(index, sources)

    def _merge(self, index: int, sources: list[_Source]) -> _Merged:
        parts: list[merge.Rows] = []
        laid = 0
        for source in sources:
            file = self.files[source.file]
            start, stop = source.start, source.stop
            customers, offsets = file.customers(start, stop)
            rows = merge.Rows(
                customers,
                offsets,
                file.hot_rows("time", start, stop),
                file.hot_rows("sequence", start, stop),
                file.hot_rows("key_hi", start, stop),
                file.hot_rows("key_lo", start, stop),
                np.arange(laid, laid + stop - start, dtype=np.int64),
            )
            parts.append(merge.without(rows, self.masked(file.number)))
            laid += stop - start
        # The smallest first, so that a large base is walked once.
        parts.sort(key=lambda rows: len(rows.time))
        if not parts:
            empty = np.zeros(0, np.int64)
            parts = [
                merge.Rows(empty.view(np.uint64), np.zeros(1, np.int64), empty, empty, empty, empty, empty)
            ]
        whole = parts[0]
        for part in parts[1:]:
            whole = (
                merge.merged(part, whole) if len(part.time) > len(whole.time) else merge.merged(whole, part)
            )
        order = merge.spans(whole.position)
        names = [self.files[s.file].hot_rows("name", s.start, s.stop) for s in sources]
        name = merge.laid_out(_joined(names, np.uint16), order, len(whole.time))
        shard = Shard(index, whole.customers, whole.offsets, np.ascontiguousarray(whole.time), name)
        return _Merged(shard, sources, order)

    def masked(self, number: int) -> np.ndarray:
        """Customers whose rows in a file of that number are out of date, sorted."""
        if number not in self._masks:
            lists = [
                np.load(self.root / f"{name}.npy") for name, before in self.manifest.masks if before > number
            ]
            self._masks[number] = np.unique(np.concatenate(lists)) if lists else np.zeros(0, np.uint64)
        return self._masks[number]

    # -- conditions -----------------------------------------------------------------------------

    def evaluate(
        self, expression: Expression, dtype: Any, by_value: ByValue | None = None
    ) -> list[np.ndarray]:
        """`expression` for every journey event: one array of `dtype` per shard, in the order of its rows.

        `by_value` may give the same of a file at once, without SQL. The last few results are kept, as the questions
        of one page ask for the same labels.
        """
        groups = self._groups()
        texts = [expression(self.columns_of(self.files[group[0]])) for group in groups]
        key = repr((texts, np.dtype(dtype).str))
        with self._labels_lock:
            if key in self._labels:
                self._labels.move_to_end(key)
                return self._labels[key]
        by_file: dict[int, np.ndarray] = {}
        for group, (sql, values) in zip(groups, texts, strict=True):
            for number in group if by_value is not None else ():
                file = self.files[number]
                if by_value is not None and (rows := by_value(file, self.columns_of(file))) is not None:
                    by_file[number] = rows
            left = [number for number in group if number not in by_file]
            if left:
                by_file |= self._in_sql(left, sql, values, dtype)

        def lay(index: int) -> np.ndarray:
            return self._lay(index, by_file, np.dtype(dtype))

        if len(self.files) > 1:  # rows of several files are copied into the order of their customers
            with ThreadPoolExecutor(self.settings.threads or os.cpu_count()) as pool:
                found = list(pool.map(lay, range(self.shard_count)))
        else:
            found = [lay(index) for index in range(self.shard_count)]
        self._keep(key, found)
        return found

    def _in_sql(self, numbers: list[int], sql: str, values: list[Any], dtype: Any) -> dict[int, np.ndarray]:
        """An expression for the rows of files whose columns are alike: one array per file."""
        paths = [self.files[number].path for number in numbers]
        aside = not self.with_marked and any(self.files[number].marked for number in numbers)
        seen = f" WHERE section < {MARKED}" if aside else ""
        column = self.query(f"SELECT {sql} AS v FROM read_parquet({door.file_list(paths)}){seen}", values)[
            "v"
        ]
        column = np.ma.filled(column, 0) if np.ma.isMaskedArray(column) else column
        found: dict[int, np.ndarray] = {}
        at = 0
        for number in numbers:
            file = self.files[number]
            rows = file.rows if self.with_marked else file.plain_rows
            found[number] = column[at : at + rows].astype(dtype, copy=False)
            at += rows
        return found

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` comes to in this version, worked out once; for what is small. The last ones are kept."""
        with self._labels_lock:
            if key in self._made:
                self._made.move_to_end(key)
                known: T = self._made[key]
                return known
        made = make()
        with self._labels_lock:
            self._made[key] = made
            while len(self._made) > MADE_KEPT:
                self._made.popitem(last=False)
        return made

    def forget_labels(self) -> None:
        """Compute every expression anew when it is next asked for."""
        with self._labels_lock:
            self._labels.clear()
            self._made.clear()

    def _keep(self, key: str, found: list[np.ndarray]) -> None:
        with self._labels_lock:
            self._labels[key] = found
            kept = sum(array.nbytes for arrays in self._labels.values() for array in arrays)
            while kept > LABELS_KEPT and len(self._labels) > 1:
                _, dropped = self._labels.popitem(last=False)
                kept -= sum(array.nbytes for array in dropped)

    def _lay(self, index: int, by_file: dict[int, np.ndarray], dtype: np.dtype[Any]) -> np.ndarray:
        opened = self.opened(index)
        parts = [by_file[source.file][source.start : source.stop] for source in opened.sources]
        if opened.spans is None:
            return parts[0] if parts else np.zeros(0, dtype)
        return merge.laid_out(_joined(parts, dtype), opened.spans, len(opened.shard.time))

    def fetch(self, where: Expression, values: Sequence[Expression]) -> Found:
        """The journey events that meet `where`, in order, with `values` read from each of them."""
        return fetched.fetch(self, where, values)

    def told(self, where: Expression, values: Sequence[Expression]) -> Told:
        """Customers' events and statements that meet `where`, with `values` read from each of them."""
        return told.told(self, where, values)

    def unidentified(self) -> tuple[np.ndarray, np.ndarray]:
        """Time int64[n] and name code of the events nobody can be named for."""
        time, (events,) = self.fetch_unidentified(
            lambda columns: ("true", []), [lambda columns: ("event", [])]
        )
        position = {name: code for code, name in enumerate(self.names)}
        return time, np.array([position[name] for name in events], np.uint16)

    def fetch_unidentified(
        self, where: Expression, values: Sequence[Expression]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Time int64[n] of the events of nobody that meet `where`, with `values` read from each of them."""
        return fetched.fetch_unidentified(self, where, values)

    def section(self, section: int) -> str:
        """The test for rows of a section, and with them the marked ones."""
        return f"section IN ({section}, {section + MARKED})" if self.with_marked else f"section = {section}"

    def _groups(self) -> list[list[int]]:
        """Files whose columns are alike, so that one query reads them all."""
        groups: dict[Any, list[int]] = {}
        for number, file in enumerate(self.files):
            rest = None if file.rest is None else tuple(sorted(file.rest))
            groups.setdefault((tuple(sorted(file.columns.items())), rest), []).append(number)
        return list(groups.values())

    # -- the door -------------------------------------------------------------------------------

    def cursor(self) -> door.Connection:
        """This thread's connection to DuckDB."""
        connection: door.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = door.connect(
                memory=self.settings.memory, threads=self.settings.threads, spill=self.root / "spill"
            )
            # The files of a version never change, so what stands where in them is read once.
            connection.execute("SET parquet_metadata_cache = true")
            standing.load_masks(connection, self.root, self.manifest)
            self._local.connection = connection
        return connection

    def columns_of(self, file: EventFile) -> FileColumns:
        """How SQL reads a path in a file."""
        rest = None if file.rest is None else frozenset(file.rest)
        return FileColumns(file.columns, rest, clock.zone(self.settings.zone))

    def query(self, sql: str, values: list[Any]) -> dict[str, np.ndarray]:
        """The columns of an answer of DuckDB."""
        try:
            return dict(self.cursor().execute(sql, values).fetchnumpy())
        except duckdb.Error as problem:
            raise door.explain(problem, "reading the events") from None


def _joined(parts: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    if len(parts) == 1:
        return np.ascontiguousarray(parts[0])
    return np.concatenate(parts) if parts else np.zeros(0, dtype)
