"""Compiled loops over JSON lines: which leaf lies where, by path; strict JSON, numbers kept as written.

`scan` walks lines once and writes a tape of leaves. Paths are nodes of a tree, found by (parent, key
bytes) in a hash table that grows on demand: node 0 is the root. Leaves are scalars, whole arrays, empty
objects, and whole objects of nodes marked opaque. Nulls leave no leaf.
"""

from __future__ import annotations

import numpy as np

from periplus.collect.csv_scan import is_utf8
from periplus.collect.json_skip import (
    ARRAY,
    DEEPEST,
    ESCAPED,
    OBJECT,
    STRING,
    skip_nested,
    skip_plain,
    skip_string,
)
from periplus.store.compiled import compiled

NOT_JSON, NOT_OBJECT, TOO_DEEP, NOT_UTF8, FULL = 1, 2, 3, 4, -1
ONE = np.uint64(1)
STOPS = np.array([byte < 32 or byte in (34, 92) for byte in range(256)])
"""Which bytes end the quick way through a string: a quote, a backslash, a control character."""


@compiled("i8(u1[::1], i8, i8, i8, i4[::1], i4[::1], i8[::1], i4[::1], u8[::1], u1[::1], i8[::1])")
def node_of(text, start, end, parent, table, parents, key_starts, key_lengths, hashes, arena, counts):  # type: ignore[no-untyped-def]
    """The node of a key below `parent`, made if need be; -1 where no room is left. counts = nodes, arena bytes."""
    h = np.uint64(1469598103934665603) ^ np.uint64(parent)
    h *= np.uint64(1099511628211)
    for p in range(start, end):
        h = (h ^ np.uint64(text[p])) * np.uint64(1099511628211)
    h ^= h >> np.uint64(29)
    size = len(table)
    slot = np.int64(h & np.uint64(size - 1))
    length = end - start
    while True:
        node = table[slot]
        if node < 0:
            break
        if hashes[node] == h and parents[node] == parent and key_lengths[node] == length:
            same = True
            at = key_starts[node]
            for i in range(length):
                if arena[at + i] != text[start + i]:
                    same = False
                    break
            if same:
                return np.int64(node)
        slot = (slot + 1) & (size - 1)
    made = counts[0]
    if made >= len(parents) or made * 2 >= size or counts[1] + length > len(arena):
        return -1
    table[slot] = made
    parents[made] = parent
    key_starts[made] = counts[1]
    key_lengths[made] = length
    hashes[made] = h
    for i in range(length):
        arena[counts[1] + i] = text[start + i]
    counts[0] += 1
    counts[1] += length
    return made


@compiled(
    "UniTuple(i8, 6)(u1[::1], i8, i8, i8, i4[::1], i4[::1], i8[::1], i4[::1], u8[::1], u1[::1], i8[::1], u1[::1],"
    " i4[::1], i4[::1], u1[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1])"
)
def scan(  # type: ignore[no-untyped-def]
    text, start, until, line, table, parents, key_starts, key_lengths, hashes, arena, counts, opaque, follows,
    leaf_nodes, leaf_kinds, leaf_starts, leaf_ends, row_leaves, begins, finishes, lines, bad
):  # fmt: skip
    """Walk the lines from byte `start`, which is on `line`, up to `until` or until the output is full.

    follows[n] is the node that came after node n the last time: most rows repeat the keys of the row before.
    Row r: leaves row_leaves[r]:row_leaves[r + 1], its text begins[r]:finishes[r] on lines[r].
    Returns rows, damaged, leaves, next byte, next line, and 1 where more room for paths is needed.
    """
    stack = np.zeros(DEEPEST + 2, np.int64)
    rows = damaged = leaves = 0
    row_leaves[0] = 0
    pos = start
    size = len(text)
    whole = np.uint64(size)
    while pos < until and rows < len(lines) and damaged < len(bad):
        at = np.uint64(pos)  # unsigned: no look for negative indexes
        bits = np.uint8(0)
        while at < whole:
            c = text[at]
            if c == 10:
                break
            bits |= c
            at += ONE
        stop = np.int64(at)
        high = bits >= 128
        first_leaf = leaves
        if leaves + (stop - pos) // 4 + 2 > len(leaf_nodes):
            break
        p = pos
        while p < stop and (text[p] == 32 or text[p] == 9 or text[p] == 13):
            p += 1
        if p == stop:
            pos = stop + 1
            line += 1
            continue
        reason = 0
        if text[p] != 123:
            reason = NOT_OBJECT
            if skip_nested(text, p, stop) < 0 and text[p] != 34 and skip_plain(text, p, stop)[0] < 0:
                reason = NOT_JSON
        elif high and not is_utf8(text, pos, stop):
            reason = NOT_UTF8
        else:
            reason = NOT_JSON
            depth = 0
            stack[0] = 0
            last = 0
            p += 1
            fresh = True  # just after an opening bracket
            while True:
                while p < stop and (text[p] == 32 or text[p] == 9 or text[p] == 13):
                    p += 1
                if p >= stop:
                    break
                c = text[p]
                if c == 125:
                    if fresh and depth > 1:
                        leaf_nodes[leaves] = stack[depth]
                        leaf_kinds[leaves] = OBJECT
                        leaf_starts[leaves] = p
                        leaf_ends[leaves] = p
                        leaves += 1
                    fresh = False
                    p += 1
                    if depth == 0:
                        while p < stop and (text[p] == 32 or text[p] == 9 or text[p] == 13):
                            p += 1
                        if p == stop:
                            reason = 0
                        break
                    depth -= 1
                    continue
                if not fresh:
                    if c != 44:
                        break
                    p += 1
                    while p < stop and (text[p] == 32 or text[p] == 9 or text[p] == 13):
                        p += 1
                    if p >= stop:
                        break
                    c = text[p]
                if c != 34:
                    break
                key = p + 1
                node = int(follows[last])
                length = int(key_lengths[node])
                if (
                    node > 0
                    and parents[node] == stack[depth]
                    and key + length < stop
                    and text[key + length] == 34
                ):
                    at, q = np.uint64(key_starts[node]), np.uint64(key)
                    for i in range(np.uint64(length)):
                        if arena[at + i] != text[q + i]:
                            node = 0
                            break
                else:
                    node = 0
                if node > 0:
                    p = key + length
                else:
                    p = skip_string(text, key, stop)
                    if p == -1:
                        break
                    if p < 0:
                        p = -2 - p
                    node = node_of(
                        text,
                        key,
                        p,
                        stack[depth],
                        table,
                        parents,
                        key_starts,
                        key_lengths,
                        hashes,
                        arena,
                        counts,
                    )
                    if node < 0:
                        reason = FULL
                        break
                    follows[last] = node
                last = node
                p += 1
                while p < stop and (text[p] == 32 or text[p] == 9 or text[p] == 13):
                    p += 1
                if p >= stop or text[p] != 58:
                    break
                p += 1
                while p < stop and (text[p] == 32 or text[p] == 9 or text[p] == 13):
                    p += 1
                if p >= stop:
                    break
                c = text[p]
                fresh = False
                kind = 0
                value = p
                if c == 34:
                    value = p + 1
                    q, last_byte = np.uint64(value), np.uint64(stop)
                    while q < last_byte:
                        if STOPS[text[q]]:
                            break
                        q += ONE
                    p = np.int64(q)
                    kind = STRING
                    if p >= stop or text[p] != 34:
                        p = skip_string(text, p, stop)
                        if p == -1:
                            break
                        p = -2 - p
                        kind = ESCAPED
                    finish = p
                    p += 1
                elif c == 91 or (c == 123 and opaque[node] != 0):
                    p = skip_nested(text, p, stop)
                    if p < 0:
                        if p == -2:
                            reason = TOO_DEEP
                        break
                    kind = ARRAY if c == 91 else OBJECT
                    finish = p
                elif c == 123:
                    if depth >= DEEPEST:
                        reason = TOO_DEEP
                        break
                    depth += 1
                    stack[depth] = node
                    fresh = True
                    p += 1
                    continue
                else:
                    p, kind = skip_plain(text, p, stop)
                    if p < 0:
                        break
                    finish = p
                if kind != 0:
                    leaf_nodes[leaves] = node
                    leaf_kinds[leaves] = kind
                    leaf_starts[leaves] = value
                    leaf_ends[leaves] = finish
                    leaves += 1
        if reason == FULL:
            return rows, damaged, first_leaf, pos, line, 1
        if reason != 0:
            leaves = first_leaf
            bad[damaged, 0] = line
            bad[damaged, 1] = pos
            bad[damaged, 2] = stop
            bad[damaged, 3] = reason
            damaged += 1
        else:
            begins[rows] = pos
            finishes[rows] = stop
            lines[rows] = line
            rows += 1
            row_leaves[rows] = leaves
        pos = stop + 1
        line += 1
    return rows, damaged, leaves, min(pos, size), line, 0
