"""Recipes carried out value by value: what they say of a column is asked once of each of its distinct values.

`execute` stages whatever a recipe says by one statement over whole rows, which makes, moves and codes every text of
every row. Where each row makes one event with a message id, and the columns can be had as columns (`origin`), the same
SQL is asked of distinct values instead, their codes are carried over, and only what differs from row to row is worked out
for every row: the time, the key, the place among events of one time. See adr 0017.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from periplus.collect import keys, times
from periplus.collect.distinct import Distinct, Values, names_in
from periplus.collect.origin import Origin, OtherError
from periplus.collect.plain_times import PlainTimes, Written, letters
from periplus.collect.recipe import (
    PHYSICAL,
    EventRecipe,
    Recipe,
    Spans,
    as_kind,
    json_key,
    rest_of,
    section,
    timed,
)
from periplus.collect.uuids import uuids
from periplus.store import door
from periplus.store.arrays import array
from periplus.store.door import Connection, literal
from periplus.store.held import Held
from periplus.store.keys import ordered
from periplus.store.staged import ROW_BITS
from periplus.store.taken import TYPES

_COMPUTED = ("time", "sequence", "key_hi", "key_lo", "message_id", "received_at", "file", "line", "place")
"""Physical columns that are not asked of values."""
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that no two numbers become one: 2^64 by the golden ratio (Knuth, The Art of Computer Programming 3, 6.4)."""
PARTS = 8
"""Pieces of a column that loops take one after another, by as many threads as there are."""


def staged(
    connection: Connection,
    recipe: Recipe,
    spans: Callable[[], Spans],
    kinds: Mapping[str, str],
    left_out: frozenset[str],
    step: Callable[[str], None],
) -> tuple[Held, list[int]] | None:
    """The events of a recipe, and which files are newest first.

    `kinds` are those of the shredded columns, of which `left_out` are not made. None where the
    recipe is none that can be carried out so: then it is for SQL over whole rows. Where some row makes no event, the table
    `happened` has the `row` of those that have one with a time. `step` is told what is being done.
    """
    if recipe.origin is None or len(recipe.events) != 1 or recipe.events[0].message is None:
        return None
    if 2 * (recipe.origin.bytes + 200 * recipe.origin.rows) > door.memory(connection):
        return None
    with ThreadPoolExecutor(door.threads(connection)) as pool, ThreadPoolExecutor(1) as aside:
        try:
            return _Staging(connection, recipe, recipe.origin, pool, aside, step).made(spans, kinds, left_out)
        except (
            OtherError,
            door.EngineError,
            pa.ArrowException,
        ):  # what is wrong is said by whole rows, which know all types
            return None


class _Staging:
    """The events of one recipe, each row of which makes one, or none."""

    def __init__(
        self,
        connection: Connection,
        recipe: Recipe,
        origin: Origin,
        pool: ThreadPoolExecutor,
        aside: ThreadPoolExecutor,
        step: Callable[[str], None],
    ) -> None:
        """`aside` is a thread for what needs `pool`, whose threads must not wait for themselves."""
        self.connection, self.pool, self.aside, self.step = connection, pool, aside, step
        self.recipe, self.origin = recipe, origin
        self.event: EventRecipe = recipe.events[0]
        self.rows = origin.rows
        self.distinct = Distinct(connection, origin, pool)

    def made(
        self, spans: Callable[[], Spans], kinds: Mapping[str, str], left_out: frozenset[str]
    ) -> tuple[Held, list[int]]:
        """The events; raises OtherError where they cannot be made so."""
        others = {name: kind for name, kind in kinds.items() if name not in left_out}
        fixed = {**self.event.columns, "section": section(self.event)}
        asked = {
            f"fixed {name}": f"CAST({fixed.get(name, 'NULL')} AS {kind})"
            for name, kind in PHYSICAL.items()
            if name not in _COMPUTED
        }
        asked |= {
            f"other {name}": as_kind(self.event.values.get(name), kind) for name, kind in others.items()
        }
        asked |= {f"misfit {name}": f"({sql}) IS NOT NULL" for name, sql in self._misfits(others).items()}
        asked |= {f"test {number}": sql for number, sql in enumerate(self._tests())}
        message = str(self.event.message)
        self.step("reading columns")
        passing = self.aside.submit(self._written)
        self.distinct.load([*asked.values(), self.event.rest or "", message])
        written = passing.result()
        if written is None:
            self.distinct.load(item.text for item in self.recipe.times)
        beside = self.aside.submit(self._times, written, spans)
        found = self.distinct.asked(asked)
        columns = beside.result()
        holds = [found[f"test {number}"].flags(self.rows) for number in range(len(self._tests()))]
        happens = holds[0] & np.asarray(columns["time"].is_valid())
        kept = np.logical_and.reduce([happens, *holds])
        if not kept.any():
            raise OtherError
        placed = self.aside.submit(self._placed, columns, happens)
        found |= self.distinct.asked({"fixed rest": self._rest(others, found)})
        alike = self._alike(found, {"fixed": PHYSICAL | {"rest": "VARCHAR"}, "other": others})
        with_keys, missing = self._keys(message, kept)
        more, newest = placed.result()
        if missing is not None:
            for name, half in zip(("key_hi", "key_lo"), self._of_rows(missing), strict=True):
                with_keys[name] = array(np.where(missing, half, np.asarray(with_keys[name])))
        columns |= alike | more | with_keys
        if not kept.all():
            self._happened(happens)
            listed = array(kept)
            columns = {name: values.filter(listed) for name, values in columns.items()}
        names = [*PHYSICAL, *others, "rest"]
        return Held(pa.table([columns[name] for name in names], names=names)), newest

    def _tests(self) -> list[str]:
        """What holds for a row that makes an event, as far as no time is asked."""
        checks = [f"NOT ({sql})" for sql, _, _ in self.recipe.checks]
        return [f"({self.event.when})", f"NOT ({self.recipe.withheld})", *checks]

    def _misfits(self, names: Mapping[str, str]) -> dict[str, str]:
        """SQL of what does not fit into each column, of those where something might not."""
        values = {name: self.event.values.get(name) for name in names}
        return {
            name: value.misfit
            for name, value in values.items()
            if value is not None and value.misfit is not None
        }

    def _rest(self, names: Mapping[str, str], found: Mapping[str, Values]) -> str:
        """SQL of the rest, with what does not fit where that occurs."""
        occurs = [
            f"{literal(json_key(name))} || {sql}"
            for name, sql in self._misfits(names).items()
            if found[f"misfit {name}"].flags(self.rows).any()
        ]
        return rest_of(self.event.rest, occurs)

    def _alike(
        self, found: Mapping[str, Values], kinds: Mapping[str, Mapping[str, str]]
    ) -> dict[str, pa.Array]:
        """What is written as values say, by column; `kinds` of the columns by the first word of their labels."""
        listed = [(label, *label.split(" ", 1)) for label in found if label.split(" ", 1)[0] in kinds]

        def made(label: str, group: str, name: str) -> pa.Array:
            return found[label].array(TYPES[kinds[group][name]], self.distinct.nothing)

        arrays = self.pool.map(lambda each: made(*each), listed)
        return {name: values for (_, _, name), values in zip(listed, arrays, strict=True)}

    def _times(self, written: Sequence[Written] | None, spans: Callable[[], Spans]) -> dict[str, pa.Array]:
        """The time of each event and of its receipt, in microseconds UTC; `written`: every time of the recipe as written."""
        which = {"time": self.event.moment}
        if self.event.received is not None:
            which["received_at"] = self.event.received
        asked = {name: f"t{i}" for name, i in which.items()}
        if written is not None and all(written[i].zulu.all() for i in which.values()):
            return {name: array(written[i].local, written[i].known) for name, i in which.items()}
        if written is not None:
            within = _within(self.recipe, written)
            columns: dict[str, pa.Array] = {}
            for i, each in enumerate(written):
                columns |= {f"l{i}": array(each.local, each.known), f"z{i}": array(each.zulu)}
            found = self.distinct.said(
                [], asked, columns, lambda source: timed(self.recipe, source, within, first=2)
            )
        else:
            names = names_in(item.text for item in self.recipe.times)
            bases = dict.fromkeys(self.origin.columns[name][0] for name in names)
            if not bases:
                raise OtherError
            values = {base: self.distinct.whole(base) for base in bases}
            found = self.distinct.said(
                names, asked, values, lambda source: timed(self.recipe, source, spans())
            )
        return found

    def _written(self) -> list[Written] | None:
        """Every time of the recipe, where all are written as nearly all are; None where one is not."""
        plain = self.recipe.plain or PlainTimes(self.origin)
        found = []
        for item in self.recipe.times:
            simple = item.micros or (item.plus is None and item.form.kind == "iso")
            if not simple or (read := plain.of(item.text)) is None:
                return None
            found.append(read)
        return found

    def _over(self, texts: pa.Array, loop: Callable[..., None], *arrays: np.ndarray) -> None:
        """A loop over texts, by all threads."""
        ends, data = letters(texts)
        edges = np.linspace(0, len(texts), PARTS + 1).astype(np.int64).tolist()
        for done in [self.pool.submit(loop, ends, data, *part, *arrays) for part in pairwise(edges)]:
            done.result()

    def _keys(self, message: str, kept: np.ndarray) -> tuple[dict[str, pa.Array], np.ndarray | None]:
        """The halves of each event's key, and the message id that is kept; and which rows that are kept have none, if any."""
        (held,) = self.distinct.asked({"message": message}).values()
        missing = None
        texts = held.values
        if texts.null_count:
            none = np.asarray(texts.is_null())
            missing = (none if held.codes is None else none[held.codes]) & kept
            texts = texts.fill_null("")
        count = len(texts)
        high, low, others = np.zeros(count, np.uint64), np.zeros(count, np.uint64), np.zeros(count, np.bool_)
        self._over(texts, uuids, high, low, others)
        number = keys.number(self.event.source)
        high ^= np.uint64(number >> 64)
        low ^= np.uint64(number & (1 << 64) - 1)
        shown = held
        if others.any() and held.values.null_count < count:
            left = texts.filter(array(others))
            source = literal(self.event.source)
            key = f"({keys.message_sql(source, keys.hash_sql(self.event.source), 'text')})"
            told = self.distinct.said(
                [], {"high": keys.high_sql(key), "low": keys.low_sql(key)}, {"text": left}
            )
            high[others], low[others] = np.asarray(told["high"]), np.asarray(told["low"])
            if self.event.columns["message_id"] != message and pc.any(pc.starts_with(left, "key:")).as_py():
                (shown,) = self.distinct.asked({"shown": self.event.columns["message_id"]}).values()
        if held.codes is not None:
            high, low = high[held.codes], low[held.codes]
        found = {
            "key_hi": array(high),
            "key_lo": array(low),
            "message_id": shown.array(pa.string(), self.distinct.nothing),
        }
        return found, missing if missing is not None and missing.any() else None

    def _of_rows(self, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The halves of the key that rows have which are `missing` a message id: of what they hold, and how often that came before."""
        told = self.connection.sql(
            f'SELECT "row", {keys.high_sql("h")} AS high, {keys.low_sql("h")} AS low '
            f'FROM (SELECT "row", h FROM {self.recipe.relation})'
        ).to_arrow_table()
        there = np.asarray(told.column("high").is_valid())
        if not there.all():  # rows that have a message id need not have a hash
            told = told.set_column(1, "high", told.column("high").fill_null(0))
            told = told.set_column(2, "low", told.column("low").fill_null(0))
        rows, high, low = (np.asarray(told.column(name)) for name in ("row", "high", "low"))
        order = np.argsort(rows)
        expected = np.concatenate([(np.int64(file) << ROW_BITS) + lines for file, lines in self.lines])
        if not np.array_equal(rows[order], expected):
            raise OtherError
        high, low, there = high[order], low[order], there[order]
        if (missing & ~there).any():
            raise OtherError
        before = np.zeros(len(rows), np.uint64)
        if self.recipe.counted:
            before[there] = _equal_before(high[there], low[there], expected[there] >> ROW_BITS)
        low ^= (before << np.uint64(16)) | np.uint64(self.event.place)
        return high, low

    def _placed(
        self, columns: Mapping[str, pa.Array], happens: np.ndarray
    ) -> tuple[dict[str, pa.Array], list[int]]:
        """Where each event stands: its file, line and place, and its sequence; and the files that are newest first.

        Rows without an event are none among which others stand, but their times say in which order the file is.
        """
        time, known_times = np.asarray(columns["time"].fill_null(0)), np.asarray(columns["time"].is_valid())
        received = columns.get("received_at")
        known = None if received is None else np.asarray(received.fill_null(-1))
        position = np.zeros(self.rows, np.int64)
        newest, first = [], 0
        for file, lines in self.lines:
            mine = slice(first, first + len(lines))
            rows = first + np.flatnonzero(happens[mine])
            falls = _falls(time[mine][known_times[mine]])
            if falls:
                newest.append(file)
            position[rows] = _positions(time[rows], None if known is None else known[rows], falls)
            first += len(lines)
        sequence = (position << 8) | min(self.event.place, 255)
        if known is not None:
            sequence = np.where(known >= 0, (known << 10) | np.minimum(position, 1023), sequence)
        files = [np.full(len(lines), file, np.int32) for file, lines in self.lines]
        found = {
            "sequence": array(sequence),
            "received_at": self.distinct.nothing(pa.int64()) if received is None else received,
            "line": array(np.concatenate([lines for _, lines in self.lines])),
            "file": array(np.concatenate(files)),
            "place": array(np.full(self.rows, self.event.place, np.int16)),
        }
        return found, newest

    def _happened(self, happens: np.ndarray) -> None:
        """The table `happened`: the rows that have an event with a time."""
        rows = np.concatenate([(np.int64(file) << ROW_BITS) + lines for file, lines in self.lines])
        self.connection.register("rows with a time", pa.table({"row": array(rows[happens])}))
        self.connection.execute(
            'CREATE OR REPLACE TEMP TABLE happened AS SELECT "row" FROM "rows with a time"'
        )
        self.connection.unregister("rows with a time")

    @cached_property
    def lines(self) -> list[tuple[int, np.ndarray]]:
        """The lines of each file, in order."""
        found: dict[int, list[np.ndarray]] = {}
        for part in self.origin.parts:
            found.setdefault(part.file, []).append(part.line)
        return [(file, np.concatenate(lines)) for file, lines in found.items()]


def _equal_before(high: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """int64[n]: how many rows that are equal in all stand before each; `high` uint64[n] tells most apart by its upper bits."""
    found = np.zeros(len(high), np.int64)
    order, in_order = ordered(high)
    twins = in_order[1:] == in_order[:-1]
    if twins.any():
        some = order[np.append(twins, False) | np.insert(twins, 0, False)]
        if others:
            some = some[np.lexsort((some, *(each[some] for each in others), high[some]))]
        starts = np.ones(len(some), np.bool_)
        starts[1:] = ~np.logical_and.reduce([each[some[1:]] == each[some[:-1]] for each in (high, *others)])
        found[some] = _since(starts)
    return found


def _since(starts: np.ndarray) -> np.ndarray:
    """int64[n]: how many places each is behind the start before it; the first is one."""
    place = np.arange(len(starts))
    return np.asarray(place - np.maximum.accumulate(np.where(starts, place, 0)))


def _within(recipe: Recipe, written: Sequence[Written]) -> Spans:
    """Between which local times each time lies."""
    found = {}
    for i, (item, each) in enumerate(zip(recipe.times, written, strict=True)):
        if not item.micros and times.changes(item.zone):
            local = each.local if each.known is None else each.local[each.known]
            if len(local):
                found[i] = (int(local.min()), int(local.max()))
    return found


def _falls(time: np.ndarray) -> bool:
    """Whether times never rise and fall at least once: the file is listed newest first."""
    return len(time) > 1 and bool((time[1:] <= time[:-1]).all() and time[-1] < time[0])


def _positions(time: np.ndarray, received: np.ndarray | None, falls: bool) -> np.ndarray:
    """int64[n]: how many rows of the same time (and receipt) stand before each, or behind it where the file falls."""
    if falls:
        return _positions(time[::-1], None if received is None else received[::-1], False)[::-1]
    if received is None and (time[1:] >= time[:-1]).all():
        return _since(np.insert(time[1:] > time[:-1], 0, True)[: len(time)])
    # Times lie close together; multiplied, they differ in the bits by which rows are sorted.
    mixed = np.ascontiguousarray(time).view(np.uint64) * _SPREAD
    return _equal_before(mixed) if received is None else _equal_before(mixed, received)
