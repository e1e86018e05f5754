"""The tree of paths of a JSON file, as arrays that the compiled loops fill."""

from __future__ import annotations

import json

import numpy as np

from periplus.collect import json_scan
from periplus.event import escape


class Paths:
    """Every path met so far; the arrays grow when they are full."""

    def __init__(self) -> None:
        self.table = np.full(1 << 12, -1, np.int32)
        self.parents = np.zeros(1 << 11, np.int32)
        self.key_starts = np.zeros(1 << 11, np.int64)
        self.key_lengths = np.zeros(1 << 11, np.int32)
        self.hashes = np.zeros(1 << 11, np.uint64)
        self.arena = np.zeros(1 << 16, np.uint8)
        self.counts = np.array([1, 0], np.int64)
        self.opaque = np.zeros(1 << 11, np.uint8)
        self.follows = np.zeros(1 << 11, np.int32)
        self.parents[0] = -1
        self.names: list[str] = [""]

    def arrays(self) -> tuple[np.ndarray, ...]:
        return (
            self.table, self.parents, self.key_starts, self.key_lengths, self.hashes, self.arena, self.counts,
            self.opaque, self.follows,
        )  # fmt: skip

    def grow(self) -> None:
        """Twice the room for paths and their keys."""
        for name in ("parents", "key_starts", "key_lengths", "hashes", "opaque", "follows", "arena"):
            held = getattr(self, name)
            setattr(self, name, np.concatenate([held, np.zeros_like(held)]))
        size = len(self.table) * 2
        self.table = np.full(size, -1, np.int32)
        for node in range(1, int(self.counts[0])):
            slot = int(self.hashes[node]) & (size - 1)
            while self.table[slot] >= 0:
                slot = (slot + 1) & (size - 1)
            self.table[slot] = node

    def mark_opaque(self, *keys: str) -> None:
        """Objects at this path are taken whole."""
        node = 0
        for key in keys:
            raw = np.frombuffer(key.encode(), np.uint8).copy()
            node = int(json_scan.node_of(raw, 0, len(raw), node, *self.arrays()[:-2]))
        self.opaque[node] = 1

    def named(self) -> list[str]:
        """The path of every node; names are made once, as nodes come."""
        for node in range(len(self.names), int(self.counts[0])):
            start = int(self.key_starts[node])
            raw = self.arena[start : start + int(self.key_lengths[node])].tobytes()
            try:
                key = raw.decode("utf-8") if b"\\" not in raw else json.loads(b'"' + raw + b'"')
                key = (
                    key.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                    if "\\u" in raw.decode()
                    else key
                )
            except (UnicodeDecodeError, ValueError):
                key = raw.decode("utf-8", "replace")
            above = self.names[int(self.parents[node])]
            self.names.append(f"{above}.{escape(key)}" if self.parents[node] else escape(key))
        return self.names
