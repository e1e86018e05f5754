"""Compiled loops over a tape of JSON leaves: counted, placed into columns, copied out, and the rest of them."""

from __future__ import annotations

import numpy as np

from periplus.collect.json_skip import ESCAPED, OBJECT, STRING
from periplus.store.compiled import compiled


@compiled("void(i4[::1], u1[::1], i8, i8[:, ::1])")
def tally(leaf_nodes, leaf_kinds, leaves, counts):  # type: ignore[no-untyped-def]
    """Add to counts[node, kind]."""
    for i in range(leaves):
        counts[leaf_nodes[i], leaf_kinds[i]] += 1


@compiled("void(i4[::1], u1[::1], i8[::1], i8, i4[::1], u2[::1], i4[:, ::1], b1[::1], b1[::1])")
def place(leaf_nodes, leaf_kinds, row_leaves, rows, node_columns, column_kinds, slots, in_rest, resting):  # type: ignore[no-untyped-def]
    """slots[column, row] = the leaf that fills it, else -1; leaves that fit no column are marked in_rest[leaf].

    node_columns: column of a node, -1 for the rest, -2 for nothing. column_kinds: bit k where a leaf of
    kind k fits. The last of two leaves for one place counts. resting[row]: the row has a rest.
    """
    for row in range(rows):
        resting[row] = False
        for leaf in range(row_leaves[row], row_leaves[row + 1]):
            column = node_columns[leaf_nodes[leaf]]
            in_rest[leaf] = False
            if column == -2:
                continue
            kind = leaf_kinds[leaf]
            bit = np.uint16(1 << (kind - 1))
            if column >= 0:
                if column_kinds[column] & bit:
                    slots[column, row] = leaf
                    continue
                slots[column, row] = -1
            in_rest[leaf] = True
            resting[row] = True


@compiled("UniTuple(i8, 2)(i8[::1], i8[::1], i4[::1])")
def room(leaf_starts, leaf_ends, slots):  # type: ignore[no-untyped-def]
    """How many bytes a column's leaves may take, and how many there are."""
    size = 0
    filled = 0
    for leaf in slots:
        if leaf >= 0:
            size += leaf_ends[leaf] - leaf_starts[leaf] + 2
            filled += 1
    return size, filled


@compiled("i8(u1[::1], u1[::1], i8[::1], i8[::1], i4[::1], i8, i4[::1], u1[::1], b1[::1])")
def take(text, leaf_kinds, leaf_starts, leaf_ends, slots, rows, offsets, data, valid):  # type: ignore[no-untyped-def]
    """One column's leaves as Arrow text: strings decoded, all else as written. Returns bytes used."""
    out = 0
    offsets[0] = 0
    for row in range(rows):
        leaf = slots[row]
        valid[row] = leaf >= 0
        if leaf >= 0:
            kind = leaf_kinds[leaf]
            p, end = leaf_starts[leaf], leaf_ends[leaf]
            if kind == OBJECT and p == end:
                data[out] = 123
                data[out + 1] = 125
                out += 2
            elif kind != ESCAPED:
                to, at = np.uint64(out), np.uint64(p)  # unsigned: no look for negative indexes
                for i in range(np.uint64(end - p)):
                    data[to + i] = text[at + i]
                out += end - p
            else:
                while p < end:
                    c = text[p]
                    if c != 92:
                        data[out] = c
                        out += 1
                        p += 1
                        continue
                    c = text[p + 1]
                    p += 2
                    if c == 117:
                        code = 0
                        for k in range(4):
                            d = text[p + k]
                            code = code * 16 + (d - 48 if d < 58 else (d | 32) - 87)
                        p += 4
                        if 0xD800 <= code < 0xDC00:
                            low = 0
                            if p + 6 <= end and text[p] == 92 and text[p + 1] == 117:
                                for k in range(4):
                                    d = text[p + 2 + k]
                                    low = low * 16 + (d - 48 if d < 58 else (d | 32) - 87)
                            if 0xDC00 <= low < 0xE000:
                                code = 0x10000 + ((code - 0xD800) << 10) + low - 0xDC00
                                p += 6
                            else:
                                code = 0xFFFD
                        elif 0xDC00 <= code < 0xE000:
                            code = 0xFFFD
                        if code < 0x80:
                            data[out] = code
                            out += 1
                        elif code < 0x800:
                            data[out] = 0xC0 | code >> 6
                            data[out + 1] = 0x80 | code & 0x3F
                            out += 2
                        elif code < 0x10000:
                            data[out] = 0xE0 | code >> 12
                            data[out + 1] = 0x80 | code >> 6 & 0x3F
                            data[out + 2] = 0x80 | code & 0x3F
                            out += 3
                        else:
                            data[out] = 0xF0 | code >> 18
                            data[out + 1] = 0x80 | code >> 12 & 0x3F
                            data[out + 2] = 0x80 | code >> 6 & 0x3F
                            data[out + 3] = 0x80 | code & 0x3F
                            out += 4
                    else:
                        if c == 98:
                            c = 8
                        elif c == 102:
                            c = 12
                        elif c == 110:
                            c = 10
                        elif c == 114:
                            c = 13
                        elif c == 116:
                            c = 9
                        data[out] = c
                        out += 1
        offsets[row + 1] = out
    return out


@compiled(
    "i8(u1[::1], i4[::1], u1[::1], i8[::1], i8[::1], i8[::1], i8, b1[::1], u1[::1], i8[::1], i4[::1], u1[::1], b1[::1])"
)
def rest_of(  # type: ignore[no-untyped-def]
    text,
    leaf_nodes,
    leaf_kinds,
    leaf_starts,
    leaf_ends,
    row_leaves,
    rows,
    in_rest,
    names,
    name_ends,
    offsets,
    data,
    valid,
):
    """The leaves marked in_rest as one flat JSON object per row, `"path":value`, values as written.

    `names` holds each node's path as JSON text; of two leaves of one path the last counts. With no room
    (`data` empty) only the bytes needed are returned.
    """
    out = 0
    writing = len(data) > 0
    if writing:
        offsets[0] = 0
    for row in range(rows):
        any_leaf = False
        for leaf in range(row_leaves[row], row_leaves[row + 1]):
            if not in_rest[leaf]:
                continue
            node = leaf_nodes[leaf]
            again = False
            for later in range(leaf + 1, row_leaves[row + 1]):
                if in_rest[later] and leaf_nodes[later] == node:
                    again = True
                    break
            if again:
                continue
            kind = leaf_kinds[leaf]
            quotes = 2 if kind == STRING or kind == ESCAPED else 0
            name_start = name_ends[node - 1] if node > 0 else 0
            name_length = name_ends[node] - name_start
            begin, end = leaf_starts[leaf], leaf_ends[leaf]
            empty = kind == OBJECT and begin == end
            if writing:
                data[out] = 44 if any_leaf else 123
                out += 1
                for i in range(name_length):
                    data[out + i] = names[name_start + i]
                out += name_length
                data[out] = 58
                out += 1
                if quotes:
                    data[out] = 34
                    out += 1
                if empty:
                    data[out] = 123
                    data[out + 1] = 125
                    out += 2
                for p in range(begin, end):
                    data[out] = text[p]
                    out += 1
                if quotes:
                    data[out] = 34
                    out += 1
            else:
                out += name_length + 2 + quotes + end - begin + (2 if empty else 0)
            any_leaf = True
        if any_leaf:
            if writing:
                data[out] = 125
            out += 1
        if writing:
            valid[row] = any_leaf
            offsets[row + 1] = out
    return out


@compiled(
    "i8(u1[::1], i4[::1], i8[::1], i8[::1], i8[::1], i8, b1[::1], i4[::1], u1[::1], i8[::1], i8[::1], i4[::1], u1[::1], b1[::1])"
)
def row_text(  # type: ignore[no-untyped-def]
    text,
    leaf_nodes,
    leaf_starts,
    leaf_ends,
    row_leaves,
    rows,
    wanted,
    ranks,
    names,
    name_ends,
    order,
    offsets,
    data,
    valid,
):
    """What identifies a row without a message id: its leaves by sorted path, sized as `keys.of_row` does.

    `names` holds each node's path; ranks[node] its place among all paths. `order` is room for one row.
    With no room (`data` empty) only the bytes needed are returned.
    """
    out = 0
    writing = len(data) > 0
    digits = np.zeros(20, np.uint8)
    if writing:
        offsets[0] = 0
    for row in range(rows):
        if wanted[row]:
            count = 0
            for leaf in range(row_leaves[row], row_leaves[row + 1]):
                node = leaf_nodes[leaf]
                at = count
                while at > 0 and ranks[leaf_nodes[order[at - 1]]] > ranks[node]:
                    order[at] = order[at - 1]
                    at -= 1
                if at > 0 and leaf_nodes[order[at - 1]] == node:  # a key given twice: the last counts
                    while at < count:
                        order[at] = order[at + 1]
                        at += 1
                    at = 0
                    while leaf_nodes[order[at]] != node:
                        at += 1
                    order[at] = leaf
                    continue
                order[at] = leaf
                count += 1
            for i in range(count):
                leaf = order[i]
                node = leaf_nodes[leaf]
                name_start = name_ends[node - 1] if node > 0 else 0
                for part in range(2):
                    begin = name_start if part == 0 else leaf_starts[leaf]
                    end = name_ends[node] if part == 0 else leaf_ends[leaf]
                    left = end - begin
                    n = 0
                    while True:
                        digits[n] = 48 + left % 10
                        n += 1
                        left //= 10
                        if left == 0:
                            break
                    if not writing:
                        out += n + 1 + end - begin
                        continue
                    for k in range(n):
                        data[out + k] = digits[n - 1 - k]
                    out += n
                    data[out] = 58
                    out += 1
                    for p in range(begin, end):
                        data[out] = names[p] if part == 0 else text[p]
                        out += 1
        if writing:
            valid[row] = wanted[row]
            offsets[row + 1] = out
    return out
