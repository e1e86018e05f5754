"""Message ids that are UUIDs, read by a compiled loop."""

from __future__ import annotations

import numpy as np

from periplus.store.compiled import compiled

_DIGIT = np.full(256, 255, np.uint8)
"""What each letter is as a hexadecimal digit; 255: none."""
_DIGIT[48:58] = np.arange(10)
_DIGIT[65:71] = _DIGIT[97:103] = np.arange(10, 16)


@compiled(
    "void(Array(int32, 1, 'C', readonly=True), Array(uint8, 1, 'C', readonly=True), "
    "i8, i8, u8[::1], u8[::1], b1[::1])"
)
def uuids(offsets, data, start, stop, high, low, others):  # type: ignore[no-untyped-def]
    """The halves of the number of each text start:stop that is a UUID as it is usually written; `others` are none."""
    for row in range(start, stop):
        first = np.uint64(offsets[row])
        if offsets[row + 1] - offsets[row] != 36:
            others[row] = True
            continue
        wrong = (
            (data[first + np.uint64(8)] ^ 45)
            | (data[first + np.uint64(13)] ^ 45)
            | (data[first + np.uint64(18)] ^ 45)
            | (data[first + np.uint64(23)] ^ 45)
        )
        upper, lower = np.uint64(0), np.uint64(0)
        for i in range(18):
            if i != 8 and i != 13:
                digit = _DIGIT[data[first + np.uint64(i)]]
                wrong |= digit & 240
                upper = (upper << np.uint64(4)) | np.uint64(digit)
        for i in range(19, 36):
            if i != 23:
                digit = _DIGIT[data[first + np.uint64(i)]]
                wrong |= digit & 240
                lower = (lower << np.uint64(4)) | np.uint64(digit)
        others[row] = wrong != 0
        high[row], low[row] = upper, lower
