"""The row hash of text columns, compiled: the text `keys.of_row` hashes is put together and hashed, row by row.

MD5 as in RFC 1321; the number is read little-endian, as DuckDB's `md5_number`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from periplus.collect.keys import sized
from periplus.store.arrays import array
from periplus.store.compiled import compiled

SINES = np.array([int(abs(math.sin(i + 1)) * 2**32) for i in range(64)], np.uint32)
TURNS = np.array(
    [
        turn
        for turns in ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
        for turn in turns * 4
    ],
    np.uint32,
)
_u4 = np.uint32


@compiled("void(u4[::1], u4[::1])")
def block(m, state):  # type: ignore[no-untyped-def]
    """One block of 16 words taken into the state."""
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(64):
        if i < 16:
            f, g = (b & c) | (~b & d), i
        elif i < 32:
            f, g = (d & b) | (~d & c), (5 * i + 1) & 15
        elif i < 48:
            f, g = b ^ c ^ d, (3 * i + 5) & 15
        else:
            f, g = c ^ (b | _u4(~d)), (7 * i) & 15
        t = _u4(a + f + SINES[i] + m[g])
        turn = TURNS[i]
        a, d, c = d, c, b
        b = _u4(b + _u4(_u4(t << turn) | _u4(t >> _u4(_u4(32) - turn))))
    state[0] = _u4(state[0] + a)
    state[1] = _u4(state[1] + b)
    state[2] = _u4(state[2] + c)
    state[3] = _u4(state[3] + d)


@compiled("void(u1[::1], i8[::1], u8[::1], u8[::1])")
def md5(text, ends, high, low):  # type: ignore[no-untyped-def]
    """The MD5 of each text (text i ends at ends[i]) as two halves of its number."""
    bytes_ = np.zeros(64, np.uint8)
    words = bytes_.view(np.uint32)
    state = np.zeros(4, np.uint32)
    p = 0
    for row in range(len(ends)):
        end = ends[row]
        size = end - p
        state[0], state[1], state[2], state[3] = (
            _u4(0x67452301),
            _u4(0xEFCDAB89),
            _u4(0x98BADCFE),
            _u4(0x10325476),
        )
        while end - p >= 64:
            for i in range(64):
                bytes_[i] = text[p + i]
            block(words, state)
            p += 64
        left = end - p
        for i in range(left):
            bytes_[i] = text[p + i]
        p = end
        bytes_[left] = 0x80
        for i in range(left + 1, 64):
            bytes_[i] = 0
        if left >= 56:
            block(words, state)
            for i in range(64):
                bytes_[i] = 0
        bits = np.uint64(size * 8)
        for i in range(8):
            bytes_[56 + i] = np.uint8((bits >> np.uint64(8 * i)) & np.uint64(255))
        block(words, state)
        low[row] = np.uint64(state[0]) | (np.uint64(state[1]) << np.uint64(32))
        high[row] = np.uint64(state[2]) | (np.uint64(state[3]) << np.uint64(32))


@compiled("void(i8, i4[::1], b1[::1], i8[::1])")
def measure(prefix, offsets, valid, sizes):  # type: ignore[no-untyped-def]
    """Add to sizes[row] the bytes that a column's sized value takes behind its prefix."""
    for row in range(len(valid)):
        if valid[row]:
            length = offsets[row + 1] - offsets[row]
            digits = 1
            more = length
            while more >= 10:
                more //= 10
                digits += 1
            sizes[row] += prefix + digits + 1 + length


@compiled("void(u1[::1], i4[::1], u1[::1], b1[::1], i8[::1], u1[::1])")
def append(prefix, offsets, data, valid, at, text):  # type: ignore[no-untyped-def]
    """Write a column's prefix and sized value at at[row], which moves on."""
    for row in range(len(valid)):
        if not valid[row]:
            continue
        out = at[row]
        for i in range(len(prefix)):
            text[out + i] = prefix[i]
        out += len(prefix)
        first = offsets[row]
        length = offsets[row + 1] - first
        power = 1
        while length // power >= 10:
            power *= 10
        while power > 0:
            text[out] = 48 + (length // power) % 10
            out += 1
            power //= 10
        text[out] = 58
        out += 1
        to, begin = np.uint64(out), np.uint64(first)  # unsigned: no look for negative indexes
        for i in range(np.uint64(length)):
            text[to + i] = data[begin + i]
        at[row] = out + length


Texts = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Offsets int32[n + 1], bytes, valid bool[n]: a column as `csv_scan.take` fills it."""


def hashes(source: str, columns: Mapping[str, Texts], rows: int) -> tuple[pa.Array, pa.Array]:
    """The upper and lower halves (uint64) of each row's hash; equals `keys.of_row` with place and count 0."""
    start = np.frombuffer(("r" + sized(source)).encode(), np.uint8)
    sizes = np.full(rows, len(start), np.int64)
    prefixes = {name: np.frombuffer(sized(name).encode(), np.uint8).copy() for name in sorted(columns)}
    for name, prefix in prefixes.items():
        offsets, _, valid = columns[name]
        measure(len(prefix), offsets, valid, sizes)
    ends = np.cumsum(sizes)
    text = np.empty(int(ends[-1]) if rows else 0, np.uint8)
    at = ends - sizes
    for i, byte in enumerate(start):
        text[at + i] = byte
    at += len(start)
    for name, prefix in prefixes.items():
        offsets, data, valid = columns[name]
        append(prefix, offsets, data, valid, at, text)
    high, low = np.empty(rows, np.uint64), np.empty(rows, np.uint64)
    md5(text, ends, high, low)
    return array(high), array(low)
