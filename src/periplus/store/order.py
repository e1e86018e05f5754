"""The order of the rows of a file: by section, customer, time, sequence and key, found without moving them.

Most of it is one sort of plain numbers: the section and the upper bits of the customer, which is a hash, with the
row's number in the lower bits. That leaves the rows of each customer in the order in which they came, which is
nearly always the order of their times; a compiled loop puts right what is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from periplus.store.compiled import compiled

FEW = 20_000
"""Rows that are sorted outright: loading a compiled loop takes longer."""
MOVES = 64
"""How often a row may be moved by one place, on average, before sorting outright is faster."""
_SECTION_BITS = 3


@dataclass(frozen=True)
class Places:
    """What decides the place of each row: section uint8[n], customer, key_hi, key_lo uint64[n], time, sequence int64[n]."""

    section: np.ndarray
    customer: np.ndarray
    time: np.ndarray
    sequence: np.ndarray
    key_hi: np.ndarray
    key_lo: np.ndarray


def order(places: Places) -> np.ndarray:
    """int64[n]: the rows in their order.

    >>> one, same = np.array([7, 7, 3], np.uint64), np.zeros(3, np.uint64)
    >>> order(Places(np.zeros(3, np.uint8), one, np.array([5, 4, 9]), np.zeros(3, np.int64), same, same)).tolist()
    [2, 1, 0]
    """
    p = places
    rows = len(p.time)
    if rows > FEW:
        found = _by_customer(p.section, p.customer)
        if _put_right(p.section, p.customer, p.time, p.sequence, p.key_hi, p.key_lo, found, MOVES * rows):
            return found
    outright: np.ndarray = np.lexsort((p.key_lo, p.key_hi, p.sequence, p.time, p.customer, p.section))
    return outright


def _by_customer(section: np.ndarray, customer: np.ndarray) -> np.ndarray:
    """Rows by section and the upper bits of the customer, else as they came."""
    rows = len(customer)
    bits = np.uint64(rows.bit_length())
    packed = customer >> np.uint64(_SECTION_BITS)
    if section.any():
        packed |= section.astype(np.uint64) << np.uint64(64 - _SECTION_BITS)
    packed >>= bits
    packed <<= bits
    packed |= np.arange(rows, dtype=np.uint64)
    packed.sort()
    packed &= (np.uint64(1) << bits) - np.uint64(1)
    return packed.view(np.int64)


_U1, _U8, _I8 = (f"Array({kind}, 1, 'C', readonly=True)" for kind in ("uint8", "uint64", "int64"))
_PLACES = f"{_U1}, {_U8}, {_I8}, {_I8}, {_U8}, {_U8}"


@compiled(f"b1({_PLACES}, i8, i8)")
def _before(section, customer, time, sequence, key_hi, key_lo, a, b):  # type: ignore[no-untyped-def]
    """Whether row `a` stands before row `b`."""
    if section[a] != section[b]:
        return section[a] < section[b]
    if customer[a] != customer[b]:
        return customer[a] < customer[b]
    if time[a] != time[b]:
        return time[a] < time[b]
    if sequence[a] != sequence[b]:
        return sequence[a] < sequence[b]
    if key_hi[a] != key_hi[b]:
        return key_hi[a] < key_hi[b]
    return key_lo[a] < key_lo[b]


@compiled(f"b1({_PLACES}, i8[::1], i8)")
def _put_right(section, customer, time, sequence, key_hi, key_lo, order, moves):  # type: ignore[no-untyped-def]
    """Sort what is nearly sorted, in place, by insertion; False if that takes more than so many moves."""
    for i in range(1, len(order)):
        row = order[i]
        j = i
        while j > 0 and _before(section, customer, time, sequence, key_hi, key_lo, row, order[j - 1]):
            order[j] = order[j - 1]
            j -= 1
        order[j] = row
        moves -= i - j
        if moves < 0:
            return False
    return True
