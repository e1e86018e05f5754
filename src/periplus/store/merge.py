"""Base and runs of a shard as one sequence of rows: the order of their merge, as spans to copy.

A merged shard is written as spans `(start, length)` over its sources laid end to end. Hot columns are
merged once per version; a column of labels computed for a question is laid out by the same spans.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from periplus.store.compiled import compiled


@dataclass(frozen=True)
class Rows:
    """Rows of one shard in order: customers uint64[c], offsets int64[c+1], and int64/uint64[n] sort columns.

    `position` int64[n] says where each row stands in the sources laid end to end.
    """

    customers: np.ndarray
    offsets: np.ndarray
    time: np.ndarray
    sequence: np.ndarray
    key_hi: np.ndarray
    key_lo: np.ndarray
    position: np.ndarray


def without(rows: Rows, masked: np.ndarray) -> Rows:
    """`rows` less the customers in `masked` (uint64, sorted)."""
    if not len(masked) or not len(rows.customers):
        return rows
    at = np.searchsorted(masked, rows.customers)
    at[at == len(masked)] = 0
    keep = masked[at] != rows.customers
    if keep.all():
        return rows
    lengths = np.diff(rows.offsets)
    kept = np.repeat(keep, lengths)
    return Rows(
        rows.customers[keep],
        np.concatenate(([0], np.cumsum(lengths[keep]))).astype(np.int64),
        rows.time[kept],
        rows.sequence[kept],
        rows.key_hi[kept],
        rows.key_lo[kept],
        rows.position[kept],
    )


def merged(left: Rows, right: Rows) -> Rows:
    """The rows of both in the order of (customer, time, sequence, key)."""
    customers = np.union1d(left.customers, right.customers)
    n = len(left.time) + len(right.time)
    offsets = np.zeros(len(customers) + 1, np.int64)
    from_right = np.zeros(n, np.bool_)
    _merge(
        customers,
        left.customers, left.offsets, _plain(left.time), _plain(left.sequence), _plain(left.key_hi), _plain(left.key_lo),
        right.customers, right.offsets, _plain(right.time), _plain(right.sequence), _plain(right.key_hi), _plain(right.key_lo),
        offsets, from_right,
    )  # fmt: skip

    def woven(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        out = np.empty(n, a.dtype)
        out[~from_right] = a
        out[from_right] = b
        return out

    return Rows(
        customers,
        offsets,
        woven(left.time, right.time),
        woven(left.sequence, right.sequence),
        woven(left.key_hi, right.key_hi),
        woven(left.key_lo, right.key_lo),
        woven(left.position, right.position),
    )


def _plain(column: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(column)


@compiled(
    "void(u8[::1], u8[::1], i8[::1], i8[::1], i8[::1], u8[::1], u8[::1], "
    "u8[::1], i8[::1], i8[::1], i8[::1], u8[::1], u8[::1], i8[::1], b1[::1])"
)
def _merge(  # type: ignore[no-untyped-def]
    customers,
    l_cust,
    l_off,
    l_time,
    l_seq,
    l_hi,
    l_lo,
    r_cust,
    r_off,
    r_time,
    r_seq,
    r_hi,
    r_lo,
    offsets,
    from_right,
):
    """Walk both sides customer by customer; mark in `from_right` whose row comes next."""
    a = 0
    b = 0
    n = 0
    for c in range(customers.shape[0]):
        i = 0
        i_end = 0
        j = 0
        j_end = 0
        if a < l_cust.shape[0] and l_cust[a] == customers[c]:
            i = l_off[a]
            i_end = l_off[a + 1]
            a += 1
        if b < r_cust.shape[0] and r_cust[b] == customers[c]:
            j = r_off[b]
            j_end = r_off[b + 1]
            b += 1
        while i < i_end or j < j_end:
            right = i >= i_end
            if i < i_end and j < j_end:
                if l_time[i] != r_time[j]:
                    right = r_time[j] < l_time[i]
                elif l_seq[i] != r_seq[j]:
                    right = r_seq[j] < l_seq[i]
                elif l_hi[i] != r_hi[j]:
                    right = r_hi[j] < l_hi[i]
                else:
                    right = r_lo[j] < l_lo[i]
            from_right[n] = right
            if right:
                j += 1
            else:
                i += 1
            n += 1
        offsets[c + 1] = n


def spans(position: np.ndarray) -> np.ndarray:
    """int64[s, 2]: the runs of consecutive positions, as (start, length)."""
    if not len(position):
        return np.zeros((0, 2), np.int64)
    breaks = np.flatnonzero(np.diff(position) != 1) + 1
    starts = np.concatenate(([0], breaks))
    lengths = np.diff(np.concatenate((starts, [len(position)])))
    return np.stack((position[starts], lengths), axis=1)


def laid_out(column: np.ndarray, order: np.ndarray, rows: int) -> np.ndarray:
    """`column`, over the sources laid end to end, in merged order: the spans copied one after another."""
    out = np.empty(rows, column.dtype)
    width = column.dtype.itemsize
    copy = {1: _copy1, 2: _copy2, 4: _copy4, 8: _copy8}[width]
    unsigned = np.dtype(f"u{width}")
    copy(np.ascontiguousarray(column).view(unsigned), order, out.view(unsigned))
    return out


def _copy_spans(column, order, out):  # type: ignore[no-untyped-def]
    n = 0
    for s in range(order.shape[0]):
        start = order[s, 0]
        for k in range(order[s, 1]):
            out[n + k] = column[start + k]
        n += order[s, 1]


_copy1 = compiled("void(u1[::1], i8[:, ::1], u1[::1])")(_copy_spans)
_copy2 = compiled("void(u2[::1], i8[:, ::1], u2[::1])")(_copy_spans)
_copy4 = compiled("void(u4[::1], i8[:, ::1], u4[::1])")(_copy_spans)
_copy8 = compiled("void(u8[::1], i8[:, ::1], u8[::1])")(_copy_spans)


def placed(position: np.ndarray, spans: np.ndarray | None) -> np.ndarray:
    """Merged row of each position in the sources laid end to end; -1 for rows that are masked."""
    if spans is None or not len(position):
        return position
    if not len(spans):
        return np.full(len(position), -1, np.int64)
    order = np.argsort(spans[:, 0])
    starts, lengths = spans[order, 0], spans[order, 1]
    placed = (np.cumsum(spans[:, 1]) - spans[:, 1])[order]
    at = np.searchsorted(starts, position, "right") - 1
    inside = (at >= 0) & (position - starts[at] < lengths[at])
    return np.where(inside, placed[at] + position - starts[at], -1)
