"""Where a pattern is found in journeys, in time linear in their length whatever the pattern.

A journey is read backwards once: at each place, from which states could the rest be matched? What is looked at ahead
is such a state too, so it costs nothing more. Then it is read forwards: the first place where the pattern's start can, and from there
at each choice the first way that can. So no choice is ever taken back, and the match is the one that a backtracking search would
find: the leftmost one, of these as the pattern prefers.

Equal matches get equal numbers: each is a path in a tree of steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import no_type_check

import numpy as np

from periplus.journeys.pattern_text import AHEAD, BEGIN, END, FOUND, NOT_AHEAD, SPLIT, STEP, Program
from periplus.journeys.walk import Walked
from periplus.store.compiled import compiled


@dataclass(frozen=True)
class Matched:
    """The matches in the journeys of a shard.

    `begin` and `end` int32[j]: the visits begin:end of each journey (indexes into the shard's) that the pattern takes,
    -1 where it is not found. `way` int64[j]: what was matched, as an index into `ways`, -1 for no match; `ways` are the
    different matches there are, each as its steps, one byte each.
    """

    begin: np.ndarray
    end: np.ndarray
    way: np.ndarray
    ways: list[bytes]


def matches(walked: Walked, wanted: np.ndarray, program: Program) -> Matched:
    """The first match in each of the `wanted` bool[j] journeys."""
    journeys = len(walked.begin)
    begin, end = np.full(journeys, -1, np.int32), np.full(journeys, -1, np.int32)
    longest = int(np.diff(walked.visits).max()) if journeys else 0
    can = np.empty((longest + 1, len(program.what)), np.bool_)
    _match(
        walked.visits, walked.step, wanted, *program.arrays(), program.start, can, begin, end
    )  # fmt: skip
    room = 1 << max((2 * int((end - begin).sum())).bit_length(), 4)
    node = np.full(journeys, -1, np.int64)
    _number(walked.step, begin, end, np.full(room, -1, np.int64), np.empty(room, np.int64), node)
    found = np.flatnonzero(node >= 0)
    _, first, number = np.unique(node[found], return_index=True, return_inverse=True)
    way = np.full(journeys, -1, np.int64)
    way[found] = number
    ways = [walked.step[begin[each] : end[each]].tobytes() for each in found[first].tolist()]
    return Matched(begin, end, way, ways)


@compiled(
    "void(i4[::1], u1[::1], b1[::1], i8[::1], i8[::1], i8[::1], i8[::1], b1[:, ::1], i8, b1[:, ::1], "
    "i4[::1], i4[::1])"
)
@no_type_check
def _match(visits, step, wanted, order, what, first, second, takes, start, can, begin, end):
    """can[p, s]: from place p and state s on, the pattern can come to its end."""
    for j in range(wanted.shape[0]):
        if not wanted[j]:
            continue
        base = visits[j]
        n = visits[j + 1] - base
        for p in range(n, -1, -1):
            for i in range(order.shape[0]):
                s = order[i]
                w = what[s]
                if w == STEP:
                    ok = p < n and takes[s, step[base + p]] and can[p + 1, first[s]]
                elif w == SPLIT:
                    ok = can[p, first[s]] or can[p, second[s]]
                elif w == BEGIN:
                    ok = p == 0 and can[p, first[s]]
                elif w == END:
                    ok = p == n and can[p, first[s]]
                elif w == AHEAD:
                    ok = can[p, second[s]] and can[p, first[s]]
                elif w == NOT_AHEAD:
                    ok = not can[p, second[s]] and can[p, first[s]]
                else:
                    ok = True
                can[p, s] = ok
        p = 0
        while p <= n and not can[p, start]:
            p += 1
        if p > n:
            continue
        begin[j] = base + p
        s = start
        while what[s] != FOUND:
            if what[s] == STEP:
                p += 1
                s = first[s]
            elif what[s] == SPLIT and not can[p, first[s]]:
                s = second[s]
            else:
                s = first[s]
        end[j] = base + p


@compiled("void(u1[::1], i4[::1], i4[::1], i8[::1], i8[::1], i8[::1])")
@no_type_check
def _number(step, begin, end, key, child, node):
    """A tree whose edges are in a table of (node, step), searched from a mixed place on."""
    nodes = 1
    mask = key.shape[0] - 1
    for j in range(begin.shape[0]):
        if begin[j] < 0:
            continue
        here = 0
        for v in range(begin[j], end[j]):
            wanted = here * 256 + step[v]
            at = ((wanted * 2654435761) >> 7) & mask
            while key[at] >= 0 and key[at] != wanted:
                at = (at + 1) & mask
            if key[at] < 0:
                key[at] = wanted
                child[at] = nodes
                nodes += 1
            here = child[at]
        node[j] = here
