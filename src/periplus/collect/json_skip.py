"""Compiled loops past one JSON value, checking every byte: a string, a number or word, a list or object."""

from __future__ import annotations

import numpy as np

from periplus.store.compiled import compiled

BOOLEAN, INTEGER, DECIMAL, STRING, ESCAPED, ARRAY, OBJECT, HUGE, LONG = 1, 2, 3, 4, 5, 6, 7, 8, 9
"""Kinds of leaves; ESCAPED is a string with backslashes, LONG an integer of 16 to 18 digits, which a DOUBLE
does not hold exactly, HUGE a number that no column does."""
KINDS = 10
DEEPEST = 32


@compiled("i8(u1[::1], i8, i8)")
def skip_string(text, p, end):  # type: ignore[no-untyped-def]
    """From the byte after an opening quote to the closing one; -1: broken. Escapes make it -2 - closing."""
    escaped = False
    while p < end:
        c = text[p]
        if c == 34:
            return -2 - p if escaped else p
        if c < 32:
            return -1
        if c == 92:
            escaped = True
            p += 1
            if p >= end:
                return -1
            c = text[p]
            if c == 117:  # \uXXXX
                if p + 4 >= end:
                    return -1
                for k in range(1, 5):
                    d = text[p + k]
                    if not (48 <= d <= 57 or 65 <= d <= 70 or 97 <= d <= 102):
                        return -1
                p += 4
            elif not (
                c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116
            ):
                return -1
        p += 1
    return -1


@compiled("UniTuple(i8, 2)(u1[::1], i8, i8)")
def skip_plain(text, p, end):  # type: ignore[no-untyped-def]
    """A number or a word from byte p on: (next byte, kind); next is -1 where it is broken, kind 0 for null."""
    c = text[p]
    left = end - p
    if c == 116:
        if left >= 4 and text[p + 1] == 114 and text[p + 2] == 117 and text[p + 3] == 101:
            return p + 4, BOOLEAN
        return -1, 0
    if c == 102:
        if (
            left >= 5
            and text[p + 1] == 97
            and text[p + 2] == 108
            and text[p + 3] == 115
            and text[p + 4] == 101
        ):
            return p + 5, BOOLEAN
        return -1, 0
    if c == 110:
        if left >= 4 and text[p + 1] == 117 and text[p + 2] == 108 and text[p + 3] == 108:
            return p + 4, 0
        return -1, 0
    if c == 45:
        p += 1
        if p >= end:
            return -1, 0
    first = p
    while p < end and 48 <= text[p] <= 57:
        p += 1
    digits = p - first
    if digits == 0 or (digits > 1 and text[first] == 48):
        return -1, 0
    kind = INTEGER if digits <= 15 else LONG if digits <= 18 else HUGE
    if p < end and text[p] == 46:
        p += 1
        start = p
        while p < end and 48 <= text[p] <= 57:
            p += 1
        if p == start:
            return -1, 0
        kind = DECIMAL if digits + p - start <= 17 else HUGE
    if p < end and (text[p] == 101 or text[p] == 69):
        p += 1
        if p < end and (text[p] == 43 or text[p] == 45):
            p += 1
        start = p
        while p < end and 48 <= text[p] <= 57:
            p += 1
        if p == start:
            return -1, 0
        kind = DECIMAL if p - start <= 2 and digits <= 17 and kind != HUGE else HUGE
    return p, kind


@compiled("i8(u1[::1], i8, i8)")
def skip_nested(text, p, end):  # type: ignore[no-untyped-def]
    """From an opening bracket to the byte after the closing one, all inside checked; -1 broken, -2 too deep."""
    curly = np.zeros(40, np.bool_)
    depth = 0
    want = 0  # 0 value, 1 value or ']', 2 key or '}', 3 comma or close, 4 key
    while p < end:
        c = text[p]
        if c == 32 or c == 9 or c == 13 or c == 10:
            p += 1
            continue
        if want == 3:
            if c == 44:
                want = 4 if curly[depth - 1] else 0
                p += 1
                continue
            if c != (125 if curly[depth - 1] else 93):
                return -1
            depth -= 1
            p += 1
            if depth == 0:
                return p
            continue
        if (want == 1 and c == 93) or (want == 2 and c == 125):
            depth -= 1
            p += 1
            if depth == 0:
                return p
            want = 3
            continue
        if want == 2 or want == 4:
            if c != 34:
                return -1
            p = skip_string(text, p + 1, end)
            if p == -1:
                return -1
            if p < 0:
                p = -2 - p
            p += 1
            while p < end and (text[p] == 32 or text[p] == 9):
                p += 1
            if p >= end or text[p] != 58:
                return -1
            p += 1
            want = 0
            continue
        if c == 123 or c == 91:
            if depth >= DEEPEST:
                return -2
            curly[depth] = c == 123
            depth += 1
            want = 2 if c == 123 else 1
            p += 1
            continue
        if c == 34:
            p = skip_string(text, p + 1, end)
            if p == -1:
                return -1
            if p < 0:
                p = -2 - p
            p += 1
        else:
            p, _ = skip_plain(text, p, end)
            if p < 0:
                return -1
        want = 3
    return -1
