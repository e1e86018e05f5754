"""Compaction, shard by shard: base and runs of one shard become a new base; the rest is left alone.

A shard is due when its fresh rows pass a tenth of its base. More than eight runs merge into one. Each
step publishes a version of its own, so it can stop, or be killed, after any of them. Answers do not
change: the same rows stand.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace

import duckdb
import numpy as np

from periplus.store import door, files, locks, manifest, standing, writing
from periplus.store.files import EventFile
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Manifest
from periplus.store.staged import Progress

FRESH_SHARE = 0.1
"""A shard is compacted when its fresh rows are more than this share of its base."""
MOST_RUNS = 8
WORTH = 20_000
"""Fresh rows of a shard below which compacting it gains nothing one could notice."""


def due(live: Manifest, listed: Sequence[EventFile]) -> list[int]:
    """The shards whose fresh rows have grown too many."""
    found = []
    for shard in range(live.shards):
        sizes = sorted(
            file.shards[shard + 1] - file.shards[shard]
            for file in listed
            if shard not in live.retired.get(file.name, ())
        )
        fresh = sum(sizes[:-1])
        if fresh > WORTH and fresh > FRESH_SHARE * sizes[-1]:
            found.append(shard)
    return found


def tidy(home: Home, progress: Progress) -> int:
    """Compact what is due and merge runs that are too many; returns how many versions were published."""
    published = 0
    while tidy_one(home, progress):
        published += 1
    return published


def tidy_one(home: Home, progress: Progress | None = None) -> bool:
    """Do the one thing that is most due, as one version; returns whether there was any."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus compaction"):
        live = manifest.read(home.root)
        listed = [files.load(home.root, name) for name in live.files]
        waiting = due(live, listed)
        runs = fresh_runs(live, listed)
        if waiting and len(runs) <= 2 * MOST_RUNS:
            if progress is not None:
                progress(live.shards - len(waiting), live.shards, "compacting")
            after = _compacted(home, live, listed, waiting[0])
        elif len(runs) > MOST_RUNS:
            after = _merged(home, live, listed, together(runs))
        else:
            return False
        manifest.publish(home.root, after)
    return True


def together(runs: Sequence[EventFile]) -> list[EventFile]:
    """Which of too many runs to merge: the smallest half, and those that are no larger than all before them.

    So an event is written again only as often as the run it lies in doubles, however often little ones come.
    """
    ordered = sorted(runs, key=lambda file: file.rows)
    chosen = ordered[: len(ordered) - MOST_RUNS // 2]
    rows = sum(file.rows for file in chosen)
    for file in ordered[len(chosen) :]:
        if file.rows > rows:
            break
        chosen.append(file)
        rows += file.rows
    return chosen


def fresh_runs(live: Manifest, listed: Sequence[EventFile]) -> list[EventFile]:
    """The runs that are not the base of anything: all but the largest where no shard has a base of its own."""
    runs = [file for file in listed if file.name.startswith("runs/")]
    if len(runs) == len(listed) and runs:
        runs.remove(max(runs, key=lambda file: file.rows))
    return runs


def _compacted(home: Home, live: Manifest, listed: Sequence[EventFile], shard: int) -> Manifest:
    name = f"shards/{shard:02d}/base-{live.next_file:06d}"
    written = _write(home, live, listed, name, shards=[shard])
    retired = {file.name: sorted({*live.retired.get(file.name, ()), shard}) for file in listed}
    kept = [file for file in listed if not _spent(file, retired[file.name], live.shards)]
    names = [file.name for file in kept] + ([name] if written.rows else [])
    return _pruned(
        home,
        replace(
            live,
            files=names,
            retired={file.name: retired[file.name] for file in kept},
            next_file=live.next_file + 1,
        ),
        [*kept, written],
    )


def _spent(file: EventFile, retired: Sequence[int], shards: int) -> bool:
    """Whether no row of the file stands any more: bases hold one shard, runs may hold all."""
    if file.name.startswith("shards/"):
        return int(file.name.split("/")[1]) in retired
    return len(retired) == shards


def _merged(home: Home, live: Manifest, listed: Sequence[EventFile], runs: Sequence[EventFile]) -> Manifest:
    name = f"runs/{live.next_file:06d}"
    written = _write(home, live, runs, name, shards=None)
    gone = {file.name for file in runs}
    kept = [file for file in listed if file.name not in gone]
    return _pruned(
        home,
        replace(
            live,
            files=[file.name for file in kept] + ([name] if written.rows else []),
            retired={file: shards for file, shards in live.retired.items() if file not in gone},
            next_file=live.next_file + 1,
        ),
        [*kept, written],
    )


def _write(
    home: Home, live: Manifest, sources: Sequence[EventFile], name: str, *, shards: Sequence[int] | None
) -> EventFile:
    shape = standing.shape((file.columns, file.rest, file.rows) for file in sources)
    with home.connect() as connection:
        try:
            standing.load_masks(connection, home.root, live)
            return writing.write(
                connection,
                home.root,
                name,
                live.next_file,
                select=standing.rows(live, sources, shape, shards=shards),
                columns=shape.columns,
                rest=shape.rest,
                names=live.names,
                shards=live.shards,
            )
        except duckdb.Error as problem:
            raise door.explain(problem, "compacting the events") from None


def _pruned(home: Home, live: Manifest, listed: Sequence[EventFile]) -> Manifest:
    """Without the masks that no file is old enough for, and with one for all that hide rows of the same files.

    A mask comes with everything that changes hands, and every query looks at each of them.
    """
    numbers = sorted(file.number for file in listed)
    alike: dict[int, list[tuple[str, int]]] = {}
    for name, before in live.masks:
        if older := bisect_left(numbers, before):
            alike.setdefault(older, []).append((name, before))
    masks: list[tuple[str, int]] = []
    number = live.next_file
    for group in alike.values():
        if len(group) > 1:
            customers = [np.load(home.root / f"{name}.npy") for name, _ in group]
            whole = f"masks/{number:06d}"
            np.save(home.root / f"{whole}.npy", np.unique(np.concatenate(customers)))
            group = [(whole, max(before for _, before in group))]
            number += 1
        masks += group
    return replace(live, masks=masks, next_file=number)
