"""Event keys seen: sorted 128-bit keys on disk, memory-mapped, searched by their upper half.

One file of keys goes with each file of new events. A key is found by binary search of its upper 64
bits; the lower ones decide in the rare case that two keys share them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from periplus.store.files import os_problem


def save(root: Path, name: str, high: np.ndarray, low: np.ndarray) -> None:
    """Write keys (two uint64[n]) sorted, as `name`.hi.npy and `name`.lo.npy."""
    order, in_order = ordered(high)
    target = root / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(f"{target}.hi.npy", in_order)
        np.save(f"{target}.lo.npy", low[order])
    except OSError as problem:
        raise os_problem(problem, target) from None


def ordered(high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64[n], the rows by their keys' upper halves, equal ones as they came; and uint64[n], these in that order.

    Numbers alone are sorted several times as fast as rows by numbers, so the row stands in the lower bits of each, where
    only keys that agree in all others could tell.
    """
    bits = np.uint64(len(high).bit_length())
    packed = (high >> bits << bits) | np.arange(len(high), dtype=np.uint64)
    packed.sort()
    packed &= (np.uint64(1) << bits) - np.uint64(1)
    order = packed.view(np.int64)
    in_order = high[order]
    if (in_order[1:] < in_order[:-1]).any():
        again = np.argsort(in_order, kind="stable")
        order, in_order = order[again], in_order[again]
    return order, in_order


Sorted = tuple[np.ndarray, np.ndarray]
"""The upper and lower halves of the keys of one file, in the order of the upper ones."""
COLLECTED = "keys/collected-"
"""How the files of keys begin that the collector brought or claimed."""


def is_collected(name: str) -> bool:
    return name.startswith(COLLECTED)


def opened(root: Path, name: str) -> Sorted:
    """The keys of a file, memory-mapped."""
    return np.load(root / f"{name}.hi.npy", mmap_mode="r"), np.load(root / f"{name}.lo.npy", mmap_mode="r")


def seen(root: Path, names: list[str], high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """bool[n]: which of the keys are in one of the key files `names`."""
    found = np.zeros(len(high), bool)
    for name in names:
        found |= among(opened(root, name), high, low)
    return found


def among(known: Sorted, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """bool[n]: which of the keys are among the sorted ones."""
    known_high, known_low = known
    found = np.zeros(len(high), bool)
    if not len(known_high):
        return found
    at = np.searchsorted(known_high, high)
    # Keys that share an upper half stand side by side: look on until it changes.
    active = np.flatnonzero(at < len(known_high))
    at = at[active]
    while len(active):
        same = known_high[at] == high[active]
        active, at = active[same], at[same]
        hit = known_low[at] == low[active]
        found[active[hit]] = True
        active, at = active[~hit], at[~hit] + 1
        inside = at < len(known_high)
        active, at = active[inside], at[inside]
    return found


def add_collected(root: Path, names: list[str], number: int, high: np.ndarray, low: np.ndarray) -> list[str]:
    """The key files `names` with more keys of the collector, as a new file of the given number.

    A file less than twice as large as what comes after it is merged into that, so that there are few, and each
    key is written again only as often as its file doubles.
    """
    parts = [(high, low)]
    kept = list(names)
    ours = [name for name in names if is_collected(name)]
    while ours:
        last = opened(root, ours[-1])
        if len(last[0]) > 2 * sum(len(part[0]) for part in parts):
            break
        parts.append(last)
        kept.remove(ours.pop())
    name = f"{COLLECTED}{number:06d}"
    save(root, name, np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts]))
    return [*kept, name]


def repeated(high: np.ndarray, low: np.ndarray, rank: np.ndarray | None = None) -> np.ndarray:
    """bool[n]: which keys stand in the same arrays already; False for one of equal ones, the first or that of least rank."""
    again = np.zeros(len(high), bool)
    in_order = np.sort(high)
    if not (in_order[1:] == in_order[:-1]).any():
        return again
    order = np.argsort(high, kind="stable")
    sorted_high = high[order]
    twins = np.flatnonzero(sorted_high[1:] == sorted_high[:-1])
    suspects = np.unique(np.concatenate((order[twins], order[twins + 1])))
    if rank is not None:
        suspects = suspects[np.argsort(rank[suspects], kind="stable")]
    met: set[tuple[int, int]] = set()
    for index in suspects:
        key = (int(high[index]), int(low[index]))
        again[index] = key in met
        met.add(key)
    return again
