"""The counts of a trend: what meets a series' condition, by bucket of time and value of the breakdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, no_type_check

import numpy as np

from periplus.condition import Condition
from periplus.errors import QuestionError
from periplus.journeys import amounts, customers, entries, labels, reading
from periplus.journeys.breakdown import OTHER, Values, of_events, values_of
from periplus.journeys.moment import ALWAYS
from periplus.journeys.reading import ByRow
from periplus.journeys.rules import JourneyRules
from periplus.journeys.shards import each_shard
from periplus.journeys.trend_plan import Plan, Series, inside
from periplus.journeys.walk import OFF, walk
from periplus.question import Context, Row
from periplus.store.columns import FileColumns
from periplus.store.compiled import compiled
from periplus.store.snapshot import Expression, Shard

MOST_VALUES = 1000
MOST_CELLS = 20_000_000


@dataclass(frozen=True)
class Counted:
    """`cells[window]` float64[values, buckets] for each window of the plan; `whole`: they are counts."""

    values: list[Any]
    cells: list[np.ndarray]
    whole: bool
    warnings: list[str]


@dataclass(frozen=True)
class _Breakdown:
    """The values of a series' breakdown, and which of them each row has: `place` int64 by code of `read`, its
    last entry for rows without a value; `forms` the place of each text form."""

    values: list[Any]
    read: Values | None
    place: np.ndarray
    forms: dict[str | None, int]
    warnings: list[str]

    def of(self, shard: int, rows: np.ndarray) -> np.ndarray:
        """int64 per row: its place among the values."""
        if self.read is None:
            return np.zeros(len(rows), np.int64)
        found: np.ndarray = self.place[self.read.at(shard, rows)]
        return found

    def by_row(self, shard: int, met: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A number for each row of a shard (where `met` is not 0), and int64 by number the place among the values."""
        if self.read is None:
            return np.zeros(0, np.uint16), self.place
        said, code = _said(self.read, shard, met)
        return said, self.place[code]


def counted(planned: Plan, series: Series, context: Context) -> Counted:
    """The cells of a series over both windows."""
    rows = _Rows(planned, series, context)
    by = _breakdown(planned, series, rows, context)
    if len(by.values) * len(planned.buckets) > MOST_CELLS:
        raise QuestionError(
            "There would be too many rows.", code="too_many", hint="Ask for larger buckets, or no breakdown."
        )
    shape = (len(by.values), len(planned.buckets))
    if series.number is not None:
        cells = [_numbers(planned, series, rows, by, window, shape, context) for window in planned.windows]
        return Counted(by.values, cells, False, by.warnings)
    units = _units(planned, series, context)
    cells = []
    for window in planned.windows:

        def work(shard: Shard, window: tuple[int, int] = window) -> np.ndarray:
            met = rows.met(shard)
            said, place = by.by_row(shard.index, met)
            own = np.zeros(0, np.int32) if units is None else units(shard)
            counts = np.zeros(shape, np.int64)
            seen = np.full((0, 0) if series.unit == "events" else shape, -1, np.int32)
            _count(
                np.asarray(shard.time), np.asarray(shard.offsets), met, said, place, own,
                planned.buckets.edges, *window, planned.span.now, seen, counts,
            )  # fmt: skip
            return counts

        total = np.sum(each_shard(context, work), axis=0)
        cell, _ = _of_nobody(planned, rows, by, window, shape)
        cells.append(total + np.bincount(cell, minlength=total.size).reshape(shape))
    return Counted(by.values, cells, True, by.warnings)


def matched(
    planned: Plan, series: Series, window: int, bucket: int, row: Mapping[str, Any], context: Context
) -> list[Row]:
    """One entry per event, customer, session or journey of a cell, at its first event there."""
    rows = _Rows(planned, series, context)
    by = _breakdown(planned, series, rows, context)
    value = 0
    if planned.breakdown is not None and "breakdown" in row:
        forms = [None if each is None else reading.form(each) for each in by.values]
        asked = row["breakdown"]
        if asked is None and None not in forms:
            return []
        value = (
            forms.index(None)
            if asked is None
            else entries.one_of({"breakdown": reading.form(asked)}, "breakdown", forms)
        )
    units = _units(planned, series, context)

    def work(shard: Shard) -> list[Row]:
        at = rows.of(shard)
        time = np.asarray(shard.time)
        at = at[inside(time[at], planned.windows[window], planned.span.now)]
        at = at[(planned.buckets.of(time[at]) == bucket) & (by.of(shard.index, at) == value)]
        owner = np.searchsorted(np.asarray(shard.offsets), at, "right") - 1
        if series.unit != "events":
            own = owner if units is None else units(shard)[at]
            _, first = np.unique(own[own >= 0], return_index=True)
            at, owner = at[own >= 0][first], owner[own >= 0][first]
        return [
            {"customer": int(shard.customers[customer]), "time": int(time[place])}
            for customer, place in zip(owner, at, strict=True)
        ]

    listed = [entry for part in each_shard(context, work) for entry in part]
    shape = (len(by.values), len(planned.buckets))
    cell, _ = _of_nobody(planned, rows, by, planned.windows[window], shape)
    times = rows.nobody.time[inside(rows.nobody.time, planned.windows[window], planned.span.now)]
    at = times[cell == value * shape[1] + bucket]
    return listed + [{"customer": 0, "time": int(moment)} for moment in at]


class _Rows:
    """The rows that meet a series' condition; for a sum or mean those that have a number there."""

    def __init__(self, planned: Plan, series: Series, context: Context) -> None:
        self.numbers: list[np.ndarray] = []
        self._found: list[np.ndarray] | None = None
        if series.path is not None:
            personal = series.of.speaks_of_customer()
            found = amounts.amounts(
                context.snapshot, Condition.parse({}) if personal else series.of, series.path
            )
            self._found, self.numbers = found.rows, found.numbers
            if personal or planned.some:
                when = customers.when(planned.span, context)
                self._keep(planned, labels.masks(context.snapshot, [series.of], when), context)
        else:
            when = customers.when(planned.span, context)
            self._mask = labels.masks(context.snapshot, [series.of], when)
            self._among = planned.among
        self.nobody = _nobody(planned, series, context)

    def _keep(self, planned: Plan, mask: labels.Masks, context: Context) -> None:
        """Only the rows of the customers who count, that meet the condition."""
        assert self._found is not None
        for index, rows in enumerate(self._found):
            shard = context.snapshot.shard(index)
            kept, among = mask.of(shard)[rows] != 0, planned.among(shard)
            if among is not None:
                kept &= among[rows]
            self._found[index], self.numbers[index] = rows[kept], self.numbers[index][kept]

    def of(self, shard: Shard) -> np.ndarray:
        """int64: the rows of a shard, in order."""
        return self._found[shard.index] if self._found is not None else np.flatnonzero(self.met(shard))

    def met(self, shard: Shard) -> np.ndarray:
        """uint32 per row of a shard: not 0 where it is one of them."""
        if self._found is not None:
            met = np.zeros(len(shard.time), np.uint32)
            met[self._found[shard.index]] = 1
            return met
        met, among = self._mask.of(shard), self._among(shard)
        return met if among is None else np.where(among, met, np.uint32(0))


@dataclass(frozen=True)
class _Nobody:
    """The events of nobody that meet a series' condition: they count in trends of events, sums and means.

    `time` int64[n], `number` float64[n] (for a sum or mean), `value` the text form of each one's breakdown value.
    """

    time: np.ndarray
    number: np.ndarray
    value: list[str | None]


def _nobody(planned: Plan, series: Series, context: Context) -> _Nobody:
    """They meet nothing that is said of a customer, as they have none."""
    breakdown = planned.breakdown
    if series.unit != "events" or planned.some or series.of.speaks_of_customer():
        return _Nobody(np.zeros(0, np.int64), np.zeros(0), [])
    where: Expression = series.of.sql
    number: Expression = _null
    if series.path is not None:
        where, number = amounts.has_number(series.of, series.path), amounts.number(series.path)
    value = reading.text(breakdown) if breakdown is not None and of_events(breakdown) else _null
    time, (numbers, values) = context.snapshot.fetch_unidentified(where, [number, value])
    sums = (
        np.zeros(len(time)) if series.path is None else np.asarray(np.ma.filled(numbers, np.nan), np.float64)
    )
    return _Nobody(time, sums, amounts.texts(values))


def _null(columns: FileColumns) -> tuple[str, list[Any]]:
    del columns
    return "CAST(NULL AS VARCHAR)", []


def _of_nobody(
    planned: Plan, rows: _Rows, by: _Breakdown, window: tuple[int, int], shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Cells int64 and numbers float64 of the events of nobody in a window."""
    nobody = rows.nobody
    bucket = planned.buckets.of(nobody.time)
    # Without a period the buckets begin with the first event of a customer: there is none for what was before.
    kept = inside(nobody.time, window, planned.span.now) & (bucket >= 0)
    place = np.array([by.forms[value] if by.read is not None else 0 for value in nobody.value], np.int64)
    return place[kept] * shape[1] + bucket[kept], nobody.number[kept]


def _units(planned: Plan, series: Series, context: Context) -> Callable[[Shard], np.ndarray] | None:
    """What is counted once per cell, as int32 per row (-1: nothing there); None: rows, or customers, themselves."""
    if series.unit in ("events", "customers"):
        return None
    if series.unit == "sessions":
        assert planned.sessions is not None
        return planned.sessions.of
    rules = planned.journeys
    assert rules is not None
    when = customers.of_map(planned.span, context)
    on_map = labels.codes(context.snapshot, [step.rule for step in rules.steps], when=when)
    return lambda shard: _journeys(shard, on_map(shard), rules, planned.span.now)


def _journeys(shard: Shard, label: np.ndarray, rules: JourneyRules, now: int) -> np.ndarray:
    """int32 per row: the journey it is an event of, -1 for none."""
    walked = walk(shard, label, rules, now, -ALWAYS, ALWAYS)
    change = np.zeros(len(label) + 1, np.int32)
    np.add.at(change, walked.begin, 1)
    number = np.cumsum(change[:-1], dtype=np.int32) - 1
    inside_one = (number >= 0) & (
        np.arange(len(label)) <= walked.end[np.maximum(number, 0)] if len(walked.begin) else False
    )
    return np.where(inside_one & (label != OFF), number, -1).astype(np.int32)


def _breakdown(planned: Plan, series: Series, rows: _Rows, context: Context) -> _Breakdown:
    """The values that a series' events have, the most frequent 1,000, the rest as (other); None last."""
    if planned.breakdown is None:
        return _Breakdown([None], None, np.zeros(1, np.int64), {}, [])
    read = values_of(planned.breakdown, series.of.names(), planned.sessions, planned.span.now, context)
    known = len(read.known)

    windows = np.array(planned.windows, np.int64)

    def work(shard: Shard) -> np.ndarray:
        met = rows.met(shard)
        said, code = _said(read, shard.index, met)
        votes = np.zeros(len(code), np.int64)
        _vote(np.asarray(shard.time), met, said, windows, planned.span.now, votes)
        return np.bincount(code + 1, votes, minlength=known + 1).astype(np.int64)

    counted_ = np.sum(each_shard(context, work), axis=0)
    votes: Counter[str | None] = Counter()
    shown: dict[str | None, Any] = {}
    for code, value in enumerate(read.known):
        if counted_[code + 1]:
            votes[reading.form(value)] += int(counted_[code + 1])
        shown[reading.form(value)] = value
    if counted_[0]:
        votes[None] += int(counted_[0])
    for moment, text in zip(rows.nobody.time.tolist(), rows.nobody.value, strict=True):
        if any(since <= moment < until for since, until in planned.windows) and moment <= planned.span.now:
            votes[text] += 1
    names = sorted((name for name in votes if name is not None), key=lambda name: (-votes[name], name))
    kept = sorted(names[:MOST_VALUES])
    values: list[Any] = [shown.get(name, name) for name in kept]
    forms: dict[str | None, int] = {name: place for place, name in enumerate(kept)}
    warnings = []
    if len(names) > MOST_VALUES:
        forms |= dict.fromkeys(names[MOST_VALUES:], len(values))
        values.append(OTHER)
        warnings.append(
            f"The breakdown has {len(names)} values; {len(names) - MOST_VALUES} of them are together in {OTHER}."
        )
    if None in votes or not values:
        forms[None] = len(values)
        values.append(None)
    place = np.array(
        [forms.get(reading.form(value), 0) for value in read.known] + [forms.get(None, 0)], np.int64
    )
    # What is outside both windows is never looked up; its text must have a place all the same.
    forms |= {text: 0 for text in rows.nobody.value if text not in forms}
    return _Breakdown(values, read, place, forms, warnings)


def _numbers(
    planned: Plan, series: Series, rows: _Rows, by: _Breakdown, window: tuple[int, int],
    shape: tuple[int, int], context: Context,
) -> np.ndarray:  # fmt: skip
    """Sums or means by cell, each rounded once, whatever the order of the shards."""

    def work(shard: Shard) -> tuple[np.ndarray, np.ndarray]:
        at = rows.of(shard)
        time = np.asarray(shard.time)[at]
        kept = inside(time, window, planned.span.now)
        cell = by.of(shard.index, at[kept]) * shape[1] + planned.buckets.of(time[kept])
        return cell, rows.numbers[shard.index][kept]

    parts = each_shard(context, work)
    parts.append(_of_nobody(planned, rows, by, window, shape))
    cell = np.concatenate([part for part, _ in parts])
    number = np.concatenate([part for _, part in parts])
    found = amounts.summed(cell, number, shape[0] * shape[1])
    if series.number == "mean":
        many = np.bincount(cell, minlength=len(found))
        found = np.divide(found, many, out=np.full(len(found), np.nan), where=many > 0)
    return found.reshape(shape)


def _said(read: Values, shard: int, met: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A number for each row of a shard where `met` is not 0, and int64 by number the code of its value (-1: none)."""
    if isinstance(read, ByRow):
        return read.by_row(shard)
    rows = np.flatnonzero(met)
    said = np.zeros(len(met), np.int32)
    said[rows] = read.at(shard, rows) + 1
    return said, np.arange(-1, len(read.known))


@compiled(
    [
        f"void(Array(int64, 1, 'C', readonly=True), u4[::1], Array({said}, 1, 'C', readonly=True), i8[:, ::1], i8, i8[::1])"
        for said in ("uint16", "int32")
    ]
)
@no_type_check
def _vote(time, met, said, windows, now, votes):
    """How many of the rows that are met, and are in one of the windows, say each number."""
    for i in range(time.shape[0]):
        if not met[i] or time[i] > now:
            continue
        for w in range(windows.shape[0]):
            if windows[w, 0] <= time[i] < windows[w, 1]:
                votes[said[i]] += 1
                break


@compiled(
    [
        "void(Array(int64, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True), u4[::1], "
        f"Array({said}, 1, 'C', readonly=True), i8[::1], i4[::1], i8[::1], i8, i8, i8, i4[:, ::1], i8[:, ::1])"
        for said in ("uint16", "int32")
    ]
)
@no_type_check
def _count(time, offsets, met, said, place, unit, edges, since, until, now, seen, counts):
    """The rows that are met, each at the place of what it says and in its bucket.

    A unit (by row, in order, or without such the row's customer) counts once in a cell, one below 0 never; without
    `seen` every row counts.
    """
    buckets = edges.shape[0] - 1
    each = buckets / (edges[buckets] - edges[0])
    for c in range(offsets.shape[0] - 1):
        b = 0
        for i in range(offsets[c], offsets[c + 1]):
            t = time[i]
            if not met[i] or t < since or t >= until or t > now:
                continue
            if t < edges[b] or t >= edges[b + 1]:
                # Buckets are of nearly one length, so that a guess is right or next to it.
                b = min(max(int((t - edges[0]) * each), 0), buckets - 1)
                while b > 0 and t < edges[b]:
                    b -= 1
                while b < buckets - 1 and t >= edges[b + 1]:
                    b += 1
            p = place[said[i]] if said.shape[0] else 0
            if seen.shape[0]:
                u = unit[i] if unit.shape[0] else c
                if u < 0 or seen[p, b] == u:
                    continue
                seen[p, b] = u
            counts[p, b] += 1
