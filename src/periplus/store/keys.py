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
    order = np.argsort(high, kind="stable")
    target = root / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(f"{target}.hi.npy", high[order])
        np.save(f"{target}.lo.npy", low[order])
    except OSError as problem:
        raise os_problem(problem, target) from None


def seen(root: Path, names: list[str], high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """bool[n]: which of the keys are in one of the key files `names`."""
    found = np.zeros(len(high), bool)
    for name in names:
        known_high = np.load(root / f"{name}.hi.npy", mmap_mode="r")
        known_low = np.load(root / f"{name}.lo.npy", mmap_mode="r")
        if not len(known_high):
            continue
        at = np.searchsorted(known_high, high)
        # Keys that share an upper half stand side by side: look on until it changes.
        active = np.flatnonzero(~found & (at < len(known_high)))
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


def repeated(high: np.ndarray, low: np.ndarray, rank: np.ndarray | None = None) -> np.ndarray:
    """bool[n]: which keys stand in the same arrays already; False for one of equal ones, the first or that of least rank."""
    order = np.argsort(high, kind="stable")
    sorted_high = high[order]
    twins = np.flatnonzero(sorted_high[1:] == sorted_high[:-1])
    again = np.zeros(len(high), bool)
    if not len(twins):
        return again
    suspects = np.unique(np.concatenate((order[twins], order[twins + 1])))
    if rank is not None:
        suspects = suspects[np.argsort(rank[suspects], kind="stable")]
    met: set[tuple[int, int]] = set()
    for index in suspects:
        key = (int(high[index]), int(low[index]))
        again[index] = key in met
        met.add(key)
    return again
