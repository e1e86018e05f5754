"""What customers did, as of moments: the events that count before each, their number, amounts, first and last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import no_type_check
from zoneinfo import ZoneInfo

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.condition.customer import Amount, Did, Measure, Near
from periplus.condition.tree import Node, Test, both
from periplus.journeys import amounts, event_labels
from periplus.journeys.attempts import FOREVER
from periplus.journeys.customer_moments import Moments, runs
from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard, Snapshot

_SIGNS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "gt": np.greater,
    "gte": np.greater_equal,
    "lt": np.less,
    "lte": np.less_equal,
}


def ready(snapshot: Snapshot, part: Did, zone: ZoneInfo) -> Callable[[Shard, Moments], np.ndarray]:
    """bool per moment of a shard: whether the customer had done it by then.

    Events strictly before the moment count, in their order; so do amounts, exact to about 30 digits and rounded once.
    """
    nodes: list[Node] = [part.event]
    for such in (part.first, part.last):
        if such is not None:
            nodes.append(both([part.event, such]))
    nodes += [near.event for near in (part.before, part.after) if near is not None]
    masks = event_labels.met(snapshot, [Condition(node) for node in nodes])
    place = {node: index for index, node in enumerate(nodes)}
    read = [amounts.amounts(snapshot, Condition(part.event), amount.path) for amount in part.amounts]
    since, until = (None if end is None else clock.instant(end, zone) for end in (part.since, part.until))
    window = FOREVER if part.within is None else part.within

    def holds(shard: Shard, moments: Moments) -> np.ndarray:
        time, offsets = np.asarray(shard.time), np.asarray(shard.offsets)
        met = masks(shard)
        kept = met[place[part.event]]
        if since is not None:
            kept = kept & (time >= since)
        if until is not None:
            kept = kept & (time < until)
        rows = np.flatnonzero(kept)
        if part.after is not None:
            rows = rows[_beside(part.after, rows, met[place[part.after.event]], shard, -1) >= 0]
        counts_from = rows + 1
        if part.before is not None:
            other = _beside(part.before, rows, met[place[part.before.event]], shard, 1)
            rows, counts_from = rows[other >= 0], other[other >= 0] + 1
        starts = np.searchsorted(rows, offsets)
        low, high = runs(starts, counts_from, time[rows], moments.offsets, moments.row, moments.time, window)
        number = high - low
        found = _tested(part.count, number.astype(np.float64)) if part.count else number > 0
        for amount, known in zip(part.amounts, read, strict=True):
            found &= _amount(amount, known, shard.index, rows, starts, low, high, moments)
        for such, end in ((part.first, low), (part.last, high - 1)):
            if such is not None:
                good = np.append(met[place[both([part.event, such])]][rows], False)
                found &= good[np.where(number > 0, end, len(rows))]
        return found

    return holds


def _beside(near: Near, rows: np.ndarray, mask: np.ndarray, shard: Shard, side: int) -> np.ndarray:
    """int64 per row: the nearest other event of the customer on one side (1: later, -1: earlier), -1 where there is none."""
    others, offsets, time = np.flatnonzero(mask), np.asarray(shard.offsets), np.asarray(shard.time)
    if not len(others) or not len(rows):
        return np.full(len(rows), -1, np.int64)
    owner = np.searchsorted(offsets, rows, "right") - 1
    at = np.searchsorted(others, rows, "right") if side > 0 else np.searchsorted(others, rows, "left") - 1
    there = (at >= 0) & (at < len(others))
    other = others[np.clip(at, 0, len(others) - 1)]
    there &= (other >= offsets[owner]) & (other < offsets[owner + 1])
    if near.within is not None:
        there &= np.abs(time[other] - time[rows]) <= near.within
    return np.where(there, other, -1)


def _tested(tests: Sequence[Test], number: np.ndarray) -> np.ndarray:
    """bool per number; NaN, no number, meets nothing."""
    found: np.ndarray = ~np.isnan(number)
    for test in tests:
        values = [float(operand.value) for operand in test.operands]
        if test.operator in _SIGNS:
            found &= _SIGNS[test.operator](number, values[0])
        else:
            found &= np.isin(number, values) == (test.operator == "in")
    return found


def _amount(
    amount: Amount, known: amounts.Amounts, shard: int, rows: np.ndarray, starts: np.ndarray,
    low: np.ndarray, high: np.ndarray, moments: Moments,
) -> np.ndarray:  # fmt: skip
    """Whether a measure of the numbers among rows[low:high] is such, at each moment."""
    mine, numbers = known.rows[shard], known.numbers[shard]
    # Events that have no number there are skipped: the ends move to those that have one.
    has = np.isin(rows, mine, assume_unique=True)
    skip = np.concatenate(([0], np.cumsum(has)))
    value = numbers[np.isin(mine, rows, assume_unique=True)]
    first, last, own = skip[low], skip[high], skip[starts]
    return _tested(amount.tests, measured(amount.measure, value, own, first, last, moments.offsets))


def measured(
    measure: Measure,
    value: np.ndarray,
    starts: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    offsets: np.ndarray,
) -> np.ndarray:
    """float64[m]: the measure of value[low:high] at each moment; of nothing, a sum is 0 and the others are NaN."""
    found = np.empty(len(low))
    if measure in ("sum", "mean"):
        upper, lower = np.empty(len(value) + 1), np.empty(len(value) + 1)
        _sums(value, starts, low, high, offsets, upper, lower, found)
        if measure == "sum":
            return found
        with np.errstate(invalid="ignore"):
            return np.where(high > low, found / np.maximum(high - low, 1), np.nan)
    sign = 1.0 if measure == "max" else -1.0
    _greatest(np.ascontiguousarray(value * sign), low, high, offsets, np.empty(len(value), np.int64), found)
    return found * sign


@compiled(
    "void(f8[::1], i8[::1], i8[::1], i8[::1], Array(int64, 1, 'C', readonly=True), f8[::1], f8[::1], f8[::1])"
)
@no_type_check
def _sums(value, starts, low, high, offsets, upper, lower, found):
    """Sums from each customer's first value on, as two doubles (Knuth's two-sum); a run is the difference of two.

    `upper` + `lower` is the sum of the values before; the small part holds what rounding takes from the large one.
    """
    for c in range(starts.shape[0] - 1):
        a = 0.0
        b = 0.0
        upper[starts[c]] = 0.0
        lower[starts[c]] = 0.0
        for m in range(offsets[c], offsets[c + 1]):
            found[m] = 0.0
        m = offsets[c]
        for i in range(starts[c], starts[c + 1] + 1):
            while m < offsets[c + 1] and high[m] == i:
                if low[m] < i:
                    x = upper[low[m]]
                    s = a - x
                    t = s - a
                    e = (a - (s - t)) - (x + t)
                    found[m] = s + (e + (b - lower[low[m]]))
                m += 1
            if i == starts[c + 1]:
                break
            x = value[i]
            s = a + x
            t = s - a
            e = (a - (s - t)) + (x - t)
            e += b
            a = s + e
            b = e - (a - s)
            if i + 1 < starts[c + 1]:
                upper[i + 1] = a
                lower[i + 1] = b


@compiled("void(f8[::1], i8[::1], i8[::1], Array(int64, 1, 'C', readonly=True), i8[::1], f8[::1])")
@no_type_check
def _greatest(value, low, high, offsets, queue, found):
    """The greatest of a run whose ends only move on: a queue of those that may yet be it, the greatest first."""
    for c in range(offsets.shape[0] - 1):
        head = 0
        tail = 0
        at = low[offsets[c]] if offsets[c] < offsets[c + 1] else 0
        for m in range(offsets[c], offsets[c + 1]):
            while at < high[m]:
                while tail > head and value[queue[tail - 1]] <= value[at]:
                    tail -= 1
                queue[tail] = at
                tail += 1
                at += 1
            while head < tail and queue[head] < low[m]:
                head += 1
            found[m] = value[queue[head]] if head < tail else np.nan
