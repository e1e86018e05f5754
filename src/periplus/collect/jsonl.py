"""Rows of a JSON Lines file: first what paths there are, then columns of them, with a rest that loses nothing.

A path is the keys from the top joined by dots (`properties.price`; a dot inside a key is `\\.`). The first
reading counts every path and kind over the whole file; the second fills the columns asked for. A large
file is read by several threads, each its own run of lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from periplus.collect import json_skip, load
from periplus.collect.opened import Workbench
from periplus.collect.plain import Plain
from periplus.collect.rows import Chunk, Seen
from periplus.collect.tape import NAMES, Tape, Wanted, line_end
from periplus.collect.together import Meter, together
from periplus.store.staged import Progress

T = TypeVar("T")
ALONE = 8 << 20
"""Bytes up to which one thread reads a file."""
GLANCED = 64 << 20
"""Bytes up to which a file is looked through before its columns are chosen; a larger one only in places."""


class JsonLines:
    """An open JSON Lines file. `discover` first, then `chunks` or `spilled`."""

    def __init__(self, plain: Plain, opaque: Sequence[tuple[str, ...]] = (), threads: int = 1) -> None:
        self.plain = plain
        self.path: Path = plain.path
        self.tapes = [Tape(plain.text, start, end, opaque) for start, end in _runs(plain, threads)]
        self.kinds: dict[str, dict[str, int]] = {}
        self.columns: list[str] = []
        self.seen: dict[str, Seen] = {}

    def discover(self, progress: Progress | None = None) -> None:
        """Count every path and kind of the whole file into `kinds`, most frequent paths first."""

        def look(tape: Tape, meter: Meter) -> np.ndarray:
            counts = tape.tally(0, np.zeros((0, json_skip.KINDS), np.int64))
            for _, _, leaves, done in tape.blocks():
                counts = tape.tally(leaves, counts)
                meter.at(done)
            return counts

        self._learn(self._together(look, progress, f"looking through {self.path.name}"))

    def glance(self, progress: Progress | None = None) -> None:
        """As `discover`, from a few places of a large file only; `spilled` completes the counts."""
        if len(self.plain.text) <= GLANCED:
            self.discover(progress)
            return

        def look(tape: Tape, meter: Meter) -> np.ndarray:
            counts = tape.tally(0, np.zeros((0, json_skip.KINDS), np.int64))
            for leaves in tape.glances():
                counts = tape.tally(leaves, counts)
            return counts

        self._learn(self._together(look, progress, f"looking through {self.path.name}"))

    def _learn(self, counted: Sequence[np.ndarray]) -> None:
        found: dict[str, dict[str, int]] = {}
        for tape, counts in zip(self.tapes, counted, strict=True):
            for node, name in enumerate(tape.paths.named()[: len(counts)]):
                for kind in np.flatnonzero(counts[node]):
                    kinds = found.setdefault(name, {})
                    kinds[NAMES[int(kind)]] = kinds.get(NAMES[int(kind)], 0) + int(counts[node, kind])
        self.kinds = dict(sorted(found.items(), key=lambda item: (-sum(item[1].values()), item[0])))
        self.columns = list(self.kinds)
        self.seen = {name: Seen(sum(kinds.values()), 0, kinds) for name, kinds in self.kinds.items()}

    def chunks(
        self,
        wanted: Sequence[Wanted],
        *,
        drop: frozenset[str] = frozenset(),
        rest: bool = True,
        text_unless: str | None = None,
    ) -> Iterator[Chunk]:
        """All rows in order, as `@line`, `@start`, `@finish`, the columns wanted, `@rest` and `@text`.

        `@rest` is a flat JSON object of what fits no column (paths in `drop` and below are left out); `@text`
        is what identifies the row, only where the column named `text_unless` is null ("" : everywhere).
        """
        for tape in self.tapes:
            for rows, damaged, leaves, done in tape.blocks():
                batch = tape.batch(wanted, drop, rest, text_unless, rows, leaves)
                yield Chunk(batch, damaged, tape.start + done, len(self.plain.text))

    def spilled(
        self, bench: Workbench, wanted: Sequence[Wanted], *, drop: frozenset[str], text_unless: str
    ) -> list[tuple[pa.Table | None, load.Taken]]:
        """The rows as mapped Arrow tables, one per run of lines, and what was counted on the way.

        Lines are numbered from 1 in each run; `Taken.lines` says how many lines a run has. The counts of
        paths are complete afterwards.
        """

        def spill(tape: Tape, meter: Meter) -> tuple[pa.Table | None, load.Taken, np.ndarray]:
            taken = load.Taken()
            counts = tape.tally(0, np.zeros((0, json_skip.KINDS), np.int64))

            def batches() -> Iterator[pa.RecordBatch]:
                nonlocal counts
                for rows, damaged, leaves, done in tape.blocks():
                    counts = tape.tally(leaves, counts)
                    taken.rows += rows + len(damaged)
                    taken.damaged += damaged
                    yield tape.batch(wanted, drop, True, text_unless, rows, leaves)
                    meter.at(done)

            table = load.spilled(batches(), bench.scratch / f"{bench.fresh('lines')}.arrow")
            taken.lines = tape.lines
            return table, taken, counts

        done = self._together(spill, bench.progress, f"reading {self.path.name}")
        self._learn([counts for _, _, counts in done])
        return [(table, taken) for table, taken, _ in done]

    def _together(self, work: Callable[[Tape, Meter], T], progress: Progress | None, what: str) -> list[T]:
        total = len(self.plain.text)
        tasks = [partial(work, tape) for tape in self.tapes]
        return together(tasks, lambda done: progress(done, total, what) if progress else None)


def _runs(plain: Plain, threads: int) -> list[tuple[int, int]]:
    """A file cut at line ends into one run for each thread; a small one stays whole."""
    size = len(plain.text)
    parts = threads if size > ALONE else 1
    cuts = [0, *(line_end(plain.text, size * part // parts) for part in range(1, parts))]
    return list(zip(cuts, [*cuts[1:], size], strict=True))


def unified(
    kinds: Mapping[str, Mapping[str, int]], more: Mapping[str, Mapping[str, int]]
) -> dict[str, dict[str, int]]:
    """The counts of two files together."""
    result = {path: dict(counts) for path, counts in kinds.items()}
    for path, counts in more.items():
        held = result.setdefault(path, {})
        for kind, count in counts.items():
            held[kind] = held.get(kind, 0) + count
    return result
