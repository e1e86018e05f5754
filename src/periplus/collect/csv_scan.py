"""Compiled loops over the bytes of a CSV file: where records and fields lie, and their text by column.

RFC 4180 with any one-byte delimiter, quote and escape; lines end in LF, CR LF or CR. A record is
damaged if a quote is never closed or something follows the closing one (then reading goes on at
the next physical line, so one bad quote costs one line), if it has too few or too many fields, or
if it is not UTF-8. Lines are physical: a line break inside quotes counts.
"""

from __future__ import annotations

import numpy as np

from periplus.store.compiled import compiled

UNCLOSED, AFTER_QUOTE, COLUMNS, NOT_UTF8 = 1, 2, 3, 4
INTEGER, DECIMAL, BOOLEAN, TEXT = 1, 2, 4, 8
"""What the values of a column look like, as bits that add up."""
LONGEST = 1 << 20
"""Bytes of a record after which an open quote is taken as never closed."""


@compiled("b1(u1[::1], i8, i8)")
def is_utf8(text: np.ndarray, start: int, end: int) -> bool:
    """Whether the bytes are UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF."""
    p = start
    while p < end:
        c = text[p]
        if c < 0x80:
            p += 1
            continue
        if 0xC2 <= c <= 0xDF:
            more = 1
        elif 0xE0 <= c <= 0xEF:
            more = 2
        elif 0xF0 <= c <= 0xF4:
            more = 3
        else:
            return False
        if p + more >= end:
            return False
        second = text[p + 1]
        low, high = 0x80, 0xBF
        if c == 0xE0:
            low = 0xA0
        elif c == 0xED:
            high = 0x9F
        elif c == 0xF0:
            low = 0x90
        elif c == 0xF4:
            high = 0x8F
        if second < low or second > high:
            return False
        for k in range(2, more + 1):
            if text[p + k] & 0xC0 != 0x80:
                return False
        p += more + 1
    return True


@compiled(
    "UniTuple(i8, 4)(u1[::1], i8, i8, i8, i8, i8, i8, i8[::1], i8[::1], u1[::1], i8[::1], i8[::1], i8[::1], i8[:, ::1])"
)
def scan(  # type: ignore[no-untyped-def]
    text, start, line, columns, delimiter, quote, escape, starts, ends, quoted, begins, finishes, lines, bad
):
    """Find records from byte `start`, which is on physical `line`, until the output arrays are full.

    Good record r: bytes begins[r]:finishes[r] on lines[r], field j at starts[r * columns + j] : ends[…],
    quoted[…] is 2 where quotes or escapes must be taken out. Damaged ones: bad[b] = line, start, end,
    reason, fields. `quote` or `escape` below 0: there is none. Returns good, damaged, next byte, next line.
    """
    size = len(text)
    room, bad_room = len(lines), len(bad)
    good = damaged = 0
    pos = start
    while pos < size and good < room and damaged < bad_room:
        p = pos
        while p < size and (text[p] == 32 or text[p] == 9) and text[p] != delimiter:
            p += 1
        if p >= size:
            pos = size
            break
        if text[p] == 10 or text[p] == 13:  # a blank line
            if text[p] == 13 and p + 1 < size and text[p + 1] == 10:
                p += 1
            pos = p + 1
            line += 1
            continue
        p = pos
        at = line
        field = 0
        reason = 0
        high = False
        done = False
        stop = pos
        while not done:
            mark = 0
            if quote >= 0 and p < size and text[p] == quote:
                p += 1
                first = p
                while True:
                    if p >= size or p - pos > LONGEST:
                        reason = UNCLOSED
                        break
                    c = text[p]
                    if c == escape and escape != quote and p + 1 < size:
                        mark = 2
                        p += 1
                        c = text[p]
                    elif c == quote:
                        if p + 1 < size and text[p + 1] == quote:
                            mark = 2
                            p += 2
                            continue
                        break
                    if c == 10 or (c == 13 and not (p + 1 < size and text[p + 1] == 10)):
                        at += 1
                    if c >= 128:
                        high = True
                    p += 1
                if reason != 0:
                    break
                last = p
                p += 1
                if p < size and text[p] != delimiter and text[p] != 10 and text[p] != 13:
                    reason = AFTER_QUOTE
                    break
            else:
                first = p
                while p < size:
                    c = text[p]
                    if c == delimiter or c == 10 or c == 13:
                        break
                    if c == escape and escape != quote and p + 1 < size:
                        mark = 2
                        p += 1
                        c = text[p]
                        if c == 10:
                            at += 1
                    if c >= 128:
                        high = True
                    p += 1
                last = p
            if field < columns:
                slot = good * columns + field
                starts[slot] = first
                ends[slot] = last
                quoted[slot] = mark
            field += 1
            stop = p
            if p >= size:
                done = True
            elif text[p] == delimiter:
                p += 1
            else:
                if text[p] == 13 and p + 1 < size and text[p + 1] == 10:
                    p += 1
                p += 1
                at += 1
                done = True
        if reason != 0:  # a broken quote: give up this physical line only
            p = pos
            while p < size and text[p] != 10 and text[p] != 13:
                p += 1
            stop = p
            if p < size:
                if text[p] == 13 and p + 1 < size and text[p + 1] == 10:
                    p += 1
                p += 1
            at = line + 1
        elif field != columns:
            reason = COLUMNS
        elif high and not is_utf8(text, pos, stop):
            reason = NOT_UTF8
        if reason != 0:
            bad[damaged, 0] = line
            bad[damaged, 1] = pos
            bad[damaged, 2] = stop
            bad[damaged, 3] = reason
            bad[damaged, 4] = field
            damaged += 1
        else:
            begins[good] = pos
            finishes[good] = stop
            lines[good] = line
            good += 1
        pos = p
        line = at
    return good, damaged, pos, line


@compiled("i8(u1[::1], i8, i8)")
def shape(text: np.ndarray, start: int, end: int) -> int:
    """What a value looks like: INTEGER, DECIMAL, BOOLEAN or TEXT (also `007`, `+30`, and 19 digits or more)."""
    n = end - start
    p = start
    if text[p] == 45 and n > 1:
        p += 1
    first = p
    digits = 0
    while p < end and 48 <= text[p] <= 57:
        p += 1
        digits += 1
    if digits > 1 and text[first] == 48:
        return TEXT
    if p == end:
        return INTEGER if 0 < digits <= 18 else TEXT
    if text[p] == 46:
        p += 1
        while p < end and 48 <= text[p] <= 57:
            p += 1
            digits += 1
    if digits > 0 and p < end and (text[p] | 32) == 101:
        p += 1
        if p < end and (text[p] == 43 or text[p] == 45):
            p += 1
        power = 0
        while p < end and 48 <= text[p] <= 57 and power < 3:
            p += 1
            power += 1
        if power == 0 or power > 2:
            return TEXT
    if digits > 0 and p == end:
        return DECIMAL if digits <= 17 else TEXT
    if n == 4 and text[start] | 32 == 116:
        if text[start + 1] | 32 == 114 and text[start + 2] | 32 == 117 and text[start + 3] | 32 == 101:
            return BOOLEAN
    elif n == 5 and text[start] | 32 == 102 and text[start + 1] | 32 == 97:
        if text[start + 2] | 32 == 108 and text[start + 3] | 32 == 115 and text[start + 4] | 32 == 101:
            return BOOLEAN
    return TEXT


@compiled(
    "UniTuple(i8, 2)(u1[::1], i8[::1], i8[::1], u1[::1], i8, i8, i8, i8, i8, u1[::1], i8[::1], i4[::1], u1[::1], b1[::1])"
)
def take(  # type: ignore[no-untyped-def]
    text, starts, ends, quoted, rows, columns, column, quote, escape, nulls, null_ends, offsets, data, valid
):
    """Copy one column's values into `data`, as Arrow text (`offsets` int32[rows + 1], `valid`).

    A value equal to one of the null words (concatenated in `nulls`) or empty is null. Returns the
    values' shapes as bits, and how many are not null.
    """
    out = 0
    shapes = 0
    filled = 0
    offsets[0] = 0
    for row in range(rows):
        slot = row * columns + column
        first, last = starts[slot], ends[slot]
        begin = out
        if quoted[slot] == 2:
            p = first
            while p < last:
                c = text[p]
                if p + 1 < last and (
                    (c == escape and escape != quote) or (c == quote and text[p + 1] == quote)
                ):
                    p += 1
                data[out] = text[p]
                out += 1
                p += 1
        else:
            to, at = np.uint64(out), np.uint64(first)  # unsigned: no look for negative indexes
            for i in range(np.uint64(last - first)):
                data[to + i] = text[at + i]
            out += last - first
        length = out - begin
        is_null = length == 0
        word = 0
        for k in range(len(null_ends)):
            if null_ends[k] - word == length:
                same = True
                for i in range(length):
                    if nulls[word + i] != data[begin + i]:
                        same = False
                        break
                if same:
                    is_null = True
            word = null_ends[k]
        if is_null:
            out = begin
        else:
            filled += 1
            shapes |= shape(data, begin, out)
        valid[row] = not is_null
        offsets[row + 1] = out
    return shapes, filled
