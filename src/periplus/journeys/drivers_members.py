"""Who is looked at for what drives a goal: where each one begins, what they did early, and whether they got there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.store.compiled import compiled
from periplus.store.snapshot import Shard

START, GOAL = np.uint32(1), np.uint32(2)


@dataclass(frozen=True)
class Members:
    """Those of one shard who began in the period, one entry each, [m].

    `life` int64: index of the life; `customer` int64: index into the shard's; `begin` int64: row of the opening
    event; `last` int64: the last row not later than the early window; `goal` int64: row of the goal event (-1: none
    within the window). `early` bool: still without the goal when the early window was over.
    """

    shard: Shard
    life: np.ndarray
    customer: np.ndarray
    begin: np.ndarray
    last: np.ndarray
    goal: np.ndarray
    early: np.ndarray

    def __len__(self) -> int:
        return len(self.begin)

    @property
    def reached(self) -> np.ndarray:
        """bool[m]"""
        return self.goal >= 0

    def where(self, kept: np.ndarray) -> Members:
        """Some of them."""
        return Members(
            self.shard, self.life[kept], self.customer[kept], self.begin[kept],
            self.last[kept], self.goal[kept], self.early[kept],
        )  # fmt: skip


def members(
    shard: Shard, mask: np.ndarray, lives: tuple[np.ndarray, np.ndarray, np.ndarray], *,
    since: int, until: int, now: int, within: int, early: int,
) -> tuple[Members, Members]:  # fmt: skip
    """Those who began in since <= time < until: those whose window was over at `now`, and those for whom it was not.

    `mask` uint32[n] has the bits START and GOAL; `lives` int64[l] each: customer, first and last row of what is
    looked at as one life (all of a customer, or a journey). The opening is the first START of a life; the goal the
    first GOAL after it, at most `within` later. `early` is how long its first part lasts, the last instant inside.
    """
    customer, first, final = lives
    time = np.asarray(shard.time)
    found = np.empty((4, len(first)), np.int64)
    size = _members(time, mask, first, final, since, until, now, within, early, found)
    life, begin, last, goal = (np.ascontiguousarray(column) for column in found[:, :size])
    everyone = Members(shard, life, customer[life], begin, last, goal, (goal < 0) | (goal > last))
    over = time[begin] <= now - within
    return everyone.where(over), everyone.where(~over)


def whole_lives(shard: Shard) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each customer from the first row to the last."""
    offsets = np.asarray(shard.offsets)
    return np.arange(len(offsets) - 1), offsets[:-1].astype(np.int64), offsets[1:] - 1


@compiled(
    "i8(Array(int64, 1, 'C', readonly=True), u4[::1], i8[::1], i8[::1], i8, i8, i8, i8, i8, i8[:, ::1])"
)
@no_type_check
def _members(time, mask, first, final, since, until, now, within, early, found):
    """Life by life: its opening, then on to the goal, or to the end of what is seen."""
    n = 0
    for life in range(first.shape[0]):
        begin = np.int64(-1)
        last = np.int64(-1)
        goal = np.int64(-1)
        for r in range(first[life], final[life] + 1):
            if time[r] > now:
                break
            if begin < 0:
                if mask[r] & np.uint32(1):
                    if time[r] < since or time[r] >= until:
                        break
                    begin = r
                    last = r
                continue
            after = time[r] - time[begin]
            if after <= early:
                last = r
            if goal < 0 and after <= within and mask[r] & np.uint32(2):
                goal = r
            if after > within and after > early:
                break
        if begin >= 0:
            found[0, n] = life
            found[1, n] = begin
            found[2, n] = last
            found[3, n] = goal
            n += 1
    return n


@compiled("void(i8[::1], i8[::1], b1[::1], Array(uint16, 1, 'C', readonly=True), i8[::1], i8[:, ::1])")
@no_type_check
def tally(begin, last, reached, code, seen, counts):
    """`counts[code, reached]`: members by each code (uint16 per row) among their first rows, once each.

    `seen` int64[codes] is filled with -1 before.
    """
    for m in range(begin.shape[0]):
        for r in range(begin[m], last[m] + 1):
            c = code[r]
            if seen[c] != m:
                seen[c] = m
                counts[c, 1 if reached[m] else 0] += 1


@compiled("void(i8[::1], i8[::1], u4[::1], i8[:, ::1])")
@no_type_check
def how_often(begin, last, mask, counts):
    """`counts[m, bit]`: on how many of its first rows a member's mask has each bit."""
    for m in range(begin.shape[0]):
        for r in range(begin[m], last[m] + 1):
            if mask[r]:
                for bit in range(counts.shape[1]):
                    if mask[r] & (np.uint32(1) << np.uint32(bit)):
                        counts[m, bit] += 1
