"""Visits to the site: the sessions in which pages were viewed, how long they lasted, and whether they bounced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from periplus.journeys.amounts import Amounts
from periplus.store.snapshot import Shard

MOST_VISIBLE = 86_400.0
"""Seconds of visible time; a browser that says more has no clock."""


@dataclass(frozen=True)
class Visits:
    """The visits of one shard that began in the period, and their views, in order.

    Views, [v] each: `row` int64, `visit` int64 (index below), `micros` int64: time on the page, -1 where nothing
    tells. Visits, [k] each: `first` and `last` int64 (indexes of views), `customer` int64 (index into the shard's),
    `length` int64 microseconds from the first view to the last event, `bounced` bool, `session` int64.
    """

    shard: Shard
    row: np.ndarray
    visit: np.ndarray
    micros: np.ndarray
    first: np.ndarray
    last: np.ndarray
    customer: np.ndarray
    length: np.ndarray
    bounced: np.ndarray
    session: np.ndarray
    kept: np.ndarray
    """bool per view that was given: whether it is one of these."""


def visits(
    shard: Shard, session: np.ndarray, view: np.ndarray, automatic: np.ndarray, visible: Amounts | None,
    among: np.ndarray | None, *,
    since: int, until: int, now: int,
) -> Visits:  # fmt: skip
    """The visits of a shard: `session` int32[n] by row, `view` int64: the rows of views, in order.

    `automatic` bool[names]: events that a page sends by itself, by the code of their name. `visible` has the
    seconds that a page was in view, at the events that say so, which follow the view. `among` bool[n]: at which rows the
    customer is one of those asked about (None: at all); a visit counts if its first view is.
    """
    time = np.asarray(shard.time)
    seen = np.flatnonzero(time <= now)
    row = view[time[view] <= now]
    own = session[row].astype(np.int64)
    opens = np.flatnonzero(np.diff(own, prepend=-1))
    inside = (time[row[opens]] >= since) & (time[row[opens]] < until)
    if among is not None:
        inside &= among[row[opens]]
    chosen = np.zeros(len(row), np.bool_)
    size = np.diff(np.append(opens, len(row)))
    chosen[:] = np.repeat(inside, size)
    kept = np.zeros(len(view), np.bool_)
    kept[time[view] <= now] = chosen
    row, own, size = row[chosen], own[chosen], size[inside]
    first = np.cumsum(size) - size
    last = first + size - 1
    mine = own[first]
    # What happens in each session: its last event, and how many that a person did.
    sessions = int(session[-1]) + 1 if len(session) else 0
    ends = np.zeros(sessions, np.int64)
    ends[session[seen]] = seen  # rows rise, so the last one stays
    done = np.bincount(session[seen][~automatic[np.asarray(shard.name)[seen]]], minlength=sessions)
    customer = np.searchsorted(np.asarray(shard.offsets), row[first], "right") - 1
    end = ends[mine]
    return Visits(
        shard, row, np.repeat(np.arange(len(first)), size), _micros(shard, row, end, size, visible),
        first, last, customer, time[end] - time[row[first]], (size == 1) & (done[mine] == 1), mine, kept,
    )  # fmt: skip


def _micros(
    shard: Shard, row: np.ndarray, end: np.ndarray, size: np.ndarray, visible: Amounts | None
) -> np.ndarray:
    """int64 per view: the visible time said of it; else up to the next view, after the last one to the last event."""
    time = np.asarray(shard.time)
    until = np.append(row[1:], 0)[: len(row)]
    final = np.cumsum(size) - 1
    until[final] = end
    found = np.where(until > row, time[until] - time[row], -1) if len(row) else np.zeros(0, np.int64)
    if visible is None or not len(row):
        return found
    said, seconds = visible.rows[shard.index], visible.numbers[shard.index]
    sane = (seconds >= 0) & (seconds <= MOST_VISIBLE)
    said, seconds = said[sane], seconds[sane]
    view = np.searchsorted(row, said, "right") - 1
    # An event speaks of the last view before it, in the same visit and up to its last event seen.
    visit = np.repeat(np.arange(len(size)), size)
    there = view >= 0
    there[there] = (said[there] <= end[visit[view[there]]]) & (said[there] > row[view[there]])
    total, told = np.zeros(len(row), np.int64), np.zeros(len(row), np.bool_)
    np.add.at(total, view[there], np.rint(seconds[there] * 1e6).astype(np.int64))
    told[view[there]] = True
    return np.where(told, total, found)
