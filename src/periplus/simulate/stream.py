"""The stream itself: people are made up in chunks, chunks become columns, columns a file.

The loop that makes people up is quick; words, text and compression are not. So the main thread makes
chunk after chunk and a pool of threads encodes them, while the file takes them in order: the same seed
gives the same bytes, whatever the number of cores.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from periplus import clock
from periplus.errors import InputError
from periplus.simulate.catalogue import catalogue
from periplus.simulate.columns import Column, columns
from periplus.simulate.dictionary import Dictionary
from periplus.simulate.jsonl import JsonFile
from periplus.simulate.life import make_people
from periplus.simulate.log import BOOKS, MOST_PER_PERSON, World, new_world
from periplus.simulate.odds import odds
from periplus.simulate.parquet import ParquetFile
from periplus.simulate.truth import truth as truth_of
from periplus.store.staged import Progress

CHUNK = 131_072
"""Events in a chunk, about; it bounds memory."""
END = "2026-11-01"


def simulate(
    out: Path | str,
    events: int,
    seed: int,
    truth: Path | str | None = None,
    end: str | int | datetime | date = END,
    days: int = 365,
    currency: str = "EUR",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write so many events of a shop that does not exist to `out` (.jsonl, .jsonl.gz, .parquet); its truth.

    The last event lies before `end` (a date is midnight UTC), the first at most `days` days earlier. The
    same arguments give the same bytes. `progress(done, events, "events")` follows each chunk. The truth
    document is also written to the file `truth`. Raises InputError for a file name or a number that
    makes no sense.
    """
    path = Path(out)
    _check(path, events, days)
    stop = clock.instant(end, ZoneInfo("UTC")) // clock.UNITS["d"] * clock.UNITS["d"]
    goods = catalogue(seed)
    chances = odds(goods, seed, stop - days * clock.UNITS["d"], days)
    dictionary = Dictionary(goods, seed, currency)
    books = np.zeros(1, BOOKS)[0]
    partial = path.with_name(path.name + ".partial")
    try:
        with _file(path, partial) as file, ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool:
            waiting: deque[tuple[int, Future[Any]]] = deque()
            done = 0
            for world, first in _chunks(chances, events):
                for name in BOOKS.names or ():
                    books[name] += world.books[name]
                rows = int(world.cursor[0])
                waiting.append((rows, pool.submit(_encode, file.encode, world, first, dictionary)))
                while len(waiting) > 2:
                    done += _write(file, waiting)
                    if progress:
                        progress(done, events, "events")
            while waiting:
                done += _write(file, waiting)
                if progress:
                    progress(done, events, "events")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    document = truth_of(books, chances, seed=seed, days=days, currency=currency)
    if truth is not None:
        Path(truth).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


def _check(path: Path, events: int, days: int) -> None:
    if not path.name.endswith((".jsonl", ".jsonl.gz", ".parquet")):
        raise InputError(
            f"{path.name} is neither .jsonl, .jsonl.gz nor .parquet.", hint="End the name with one of these."
        )
    if events < 1:
        raise InputError(f"{events} events cannot be made up.", hint="Ask for 1 or more.")
    if not 30 <= days <= 3660:
        raise InputError(f"A shop cannot be simulated for {days} days.", hint="Ask for 30 to 3660 days.")
    if not path.parent.is_dir():
        raise InputError(f"There is no folder {path.parent}.", hint="Make it first.")


def _file(path: Path, partial: Path) -> JsonFile | ParquetFile:
    if path.name.endswith(".parquet"):
        return ParquetFile(partial)
    return JsonFile(partial, zipped=path.name.endswith(".gz"))


def _chunks(chances: Any, events: int) -> Iterator[tuple[World, int]]:
    """Chunks of people until there are `events` events: (world, number of its first person).

    The people who fit are followed by some who see one page each, so that the number is exact.
    """
    order = np.zeros(MOST_PER_PERSON, dtype=np.int64)
    first, left = 0, events
    while left > 0:
        world = new_world(chances, CHUNK + MOST_PER_PERSON, CHUNK)
        made = make_people(world, order, first, CHUNK, False)
        last = int(world.cursor[0]) >= left
        if last:
            made = int(np.searchsorted(world.people["end"][:made], left, side="right"))
            world = new_world(chances, CHUNK + MOST_PER_PERSON, CHUNK)
            make_people(world, order, first, made, False)
        yield world, first
        first, left = first + made, left - int(world.cursor[0])
        if last and left > 0:
            world = new_world(chances, left + MOST_PER_PERSON, left)
            make_people(world, order, first, left, True)
            yield world, first
            left = 0


def _encode(encode: Callable[[list[Column]], Any], world: World, first: int, dictionary: Dictionary) -> Any:
    made = world.rows[: world.cursor[0]]
    order = np.argsort(made["time"], kind="stable")
    return encode(columns(made[order], world.lines, world.people, first, dictionary))


def _write(file: Any, waiting: deque[tuple[int, Future[Any]]]) -> int:
    rows, encoded = waiting.popleft()
    file.write(encoded.result())
    return rows
