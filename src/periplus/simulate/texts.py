"""Texts that differ from row to row, written by compiled loops: ids, baskets, decimals, moments.

A column of texts is its bytes and `offsets: int32[rows + 1]`; a row without a value has no bytes. The
bytes have `SLACK` unused ones at their end.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from periplus.simulate.draws import compiled, mixed, seeded
from periplus.simulate.moving import SLACK, put

Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int32]
Pool = tuple[Bytes, Offsets]

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID = 36
_NUMBER = 19


def pool(texts: list[bytes]) -> Pool:
    """A list of texts as bytes and offsets."""
    offsets = np.zeros(len(texts) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer(b"".join(texts) + bytes(SLACK), dtype=np.uint8), offsets


def uuids(
    seed: int, person: NDArray[np.int64], item: NDArray[np.int64], salt: int, present: NDArray[np.bool_]
) -> Pool:
    """A UUID (version 4 in form) for each (person, item), the same for the same ones."""
    out, offsets = _room(int(present.sum()) * _UUID, len(person))
    _uuids(seed, person, item, salt, present, out, offsets)
    return out, offsets


def numbered(prefixes: Pool, prefix: NDArray[np.int32], number: NDArray[np.int64], suffix: bytes) -> Pool:
    """A prefix out of a list, a number, and one suffix; nothing where the number is negative."""
    longest = int(np.diff(prefixes[1]).max()) + _NUMBER + len(suffix)
    out, offsets = _room(int((number >= 0).sum()) * longest, len(number))
    end = np.frombuffer(suffix + bytes(SLACK), dtype=np.uint8)
    size = _numbered(*prefixes, prefix, number, end, len(suffix), out, offsets)
    return out[: size + SLACK], offsets


def decimals(cents: NDArray[np.int64]) -> Pool:
    """Hundredths as decimal numbers with two places; nothing where negative."""
    out, offsets = _room(int((cents >= 0).sum()) * (_NUMBER + 3), len(cents))
    size = _decimals(cents, out, offsets)
    return out[: size + SLACK], offsets


def moments(micros: NDArray[np.int64]) -> Pool:
    """ISO 8601 in UTC with milliseconds."""
    out, offsets = _room(len(micros) * 24, len(micros))
    _moments(micros, out, offsets)
    return out, offsets


def baskets(
    first: NDArray[np.int32],
    lines: NDArray[np.int16],
    product: NDArray[np.int32],
    quantity: NDArray[np.int8],
    products: Pool,
) -> Pool:
    """A JSON array of products per row; `products` holds the JSON of each up to its quantity."""
    longest = int(np.diff(products[1]).max()) + 6
    out, offsets = _room(int(lines.sum()) * longest + len(lines), len(lines))
    size = _baskets(first, lines, product, quantity, *products, out, offsets)
    return out[: size + SLACK], offsets


def _room(size: int, rows: int) -> Pool:
    return np.empty(size + SLACK, dtype=np.uint8), np.empty(rows + 1, dtype=np.int32)


@compiled
def _put_number(out: Bytes, at: int, number: int) -> int:
    """Write a number of at least 0 in digits; the place after it."""
    size, rest = 1, number // 10
    while rest > 0:
        size, rest = size + 1, rest // 10
    return _put_padded(out, at, number, size)


@compiled
def _put_padded(out: Bytes, at: int, number: int, size: int) -> int:
    """Write a number in so many digits; the place after it."""
    for place in range(at + size - 1, at - 1, -1):
        out[place] = 48 + number % 10
        number //= 10
    return at + size


@compiled
def _uuids(
    seed: int,
    person: NDArray[np.int64],
    item: NDArray[np.int64],
    salt: int,
    present: NDArray[np.bool_],
    out: Bytes,
    offsets: Offsets,
) -> None:
    at = 0
    for row in range(len(person)):
        offsets[row] = at
        if not present[row]:
            continue
        high = seeded(seeded(seed, person[row], salt), item[row], salt)
        low = mixed(high)
        high = (high & ~np.uint64(0xF000)) | np.uint64(0x4000)
        low = (low & ~(np.uint64(0xC) << np.uint64(60))) | (np.uint64(8) << np.uint64(60))
        for place in range(16):
            if place in (4, 6, 8, 10):
                out[at] = 45
                at += 1
            byte = ((high if place < 8 else low) >> np.uint64(56 - 8 * (place % 8))) & np.uint64(255)
            out[at] = _HEX[byte >> np.uint64(4)]
            out[at + 1] = _HEX[byte & np.uint64(15)]
            at += 2
    offsets[len(person)] = at


@compiled
def _numbered(
    prefixes: Bytes,
    starts: Offsets,
    prefix: NDArray[np.int32],
    number: NDArray[np.int64],
    suffix: Bytes,
    suffix_size: int,
    out: Bytes,
    offsets: Offsets,
) -> int:
    at = 0
    for row in range(len(number)):
        offsets[row] = at
        if number[row] < 0:
            continue
        at = put(out, at, prefixes, starts[prefix[row]], starts[prefix[row] + 1])
        at = _put_number(out, at, number[row])
        at = put(out, at, suffix, 0, suffix_size)
    offsets[len(number)] = at
    return at


@compiled
def _decimals(cents: NDArray[np.int64], out: Bytes, offsets: Offsets) -> int:
    at = 0
    for row in range(len(cents)):
        offsets[row] = at
        if cents[row] >= 0:
            at = _put_number(out, at, cents[row] // 100)
            out[at] = 46
            at = _put_padded(out, at + 1, cents[row] % 100, 2)
    offsets[len(cents)] = at
    return at


@compiled
def _moments(micros: NDArray[np.int64], out: Bytes, offsets: Offsets) -> None:
    """The civil date by Hinnant's algorithm ("chrono-Compatible Low-Level Date Algorithms", 2014)."""
    for row in range(len(micros)):
        at = row * 24
        offsets[row] = at
        milli = micros[row] // 1000
        day, milli = milli // 86_400_000, milli % 86_400_000
        shifted = day + 719_468
        era = shifted // 146_097
        of_era = shifted - era * 146_097
        year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
        of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
        march = (5 * of_year + 2) // 153
        month = march + 3 if march < 10 else march - 9
        year = year_of_era + era * 400 + (month <= 2)
        _put_padded(out, at, year, 4)
        _put_padded(out, at + 5, month, 2)
        _put_padded(out, at + 8, of_year - (153 * march + 2) // 5 + 1, 2)
        _put_padded(out, at + 11, milli // 3_600_000, 2)
        _put_padded(out, at + 14, milli // 60_000 % 60, 2)
        _put_padded(out, at + 17, milli // 1000 % 60, 2)
        _put_padded(out, at + 20, milli % 1000, 3)
        out[at + 4] = out[at + 7] = 45
        out[at + 10] = 84
        out[at + 13] = out[at + 16] = 58
        out[at + 19] = 46
        out[at + 23] = 90
    offsets[len(micros)] = len(micros) * 24


@compiled
def _baskets(
    first: NDArray[np.int32],
    lines: NDArray[np.int16],
    product: NDArray[np.int32],
    quantity: NDArray[np.int8],
    pieces: Bytes,
    starts: Offsets,
    out: Bytes,
    offsets: Offsets,
) -> int:
    at = 0
    for row in range(len(first)):
        offsets[row] = at
        if lines[row] == 0:
            continue
        out[at] = 91
        at += 1
        for line in range(first[row], first[row] + lines[row]):
            at = put(out, at, pieces, starts[product[line]], starts[product[line] + 1])
            at = _put_number(out, at, quantity[line])
            out[at], out[at + 1] = 125, 44
            at += 2
        out[at - 1] = 93
    offsets[len(first)] = at
    return at
