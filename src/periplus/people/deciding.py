"""Decisions put in force: the standing events follow them, in one published version of the data.

An effect is seen before it is published: the version that would come is made in a folder of its own, of links to
the live files and the one new run, and answers questions like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from periplus.people import decisions, directory
from periplus.people.decisions import Decisions
from periplus.people.settlement import settled
from periplus.store import door, files, locks, manifest, standing
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Manifest
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress

Alter = Callable[[Decisions], Decisions]
"""What becomes of the decisions there are: one more, or one taken back."""
SHOWN = 20
"""Customers that a preview names."""


def decide(home: Home, alter: Alter, progress: Progress) -> Decisions:
    """Put other decisions in force; returns them all. Whoever reads meanwhile sees the version before, whole.

    Raises what `alter` does, and nothing is changed then.
    """
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus identity"):
        before = manifest.read(home.root)
        wanted = alter(decisions.of(home.root, before))
        manifest.sweep(home.root, before)
        home.clear_spill()
        after = _followed(home, before, wanted, progress)
        manifest.publish(home.root, after)
    return wanted


def _followed(home: Home, before: Manifest, wanted: Decisions, progress: Progress) -> Manifest:
    """The version in which the standing events follow `wanted`; not published."""
    change = decisions.change(decisions.of(home.root, before).force(), wanted.force())
    after = wanted.save(home.root, before)
    if not change.rules and not change.named:
        return after
    connection = home.connect()
    try:
        return settled(
            home, connection, after, [], leaving=None, progress=progress, claimed=False, decided=change
        )
    except door.EngineError as problem:
        raise door.explain(problem, "giving events to their customers") from None
    except OSError as problem:
        raise files.os_problem(problem, Path(str(problem.filename or home.root))) from None
    finally:
        connection.close()


@contextmanager
def imagined(home: Home, live: Snapshot, alter: Alter, progress: Progress) -> Iterator[Snapshot]:
    """The version that would come, to be asked; it is gone after the block, and nobody else ever sees it."""
    before = live.manifest
    with home.staging() as folder:
        for part in ("runs", "shards", "masks", "decisions", "spill"):
            (folder / part).mkdir()
        named = [*before.files, *(name for name, _ in before.masks)]
        for stem in [*named, *([before.decisions] if before.decisions else [])]:
            place = folder / stem
            place.parent.mkdir(exist_ok=True)
            for path in (home.root / stem).parent.glob(f"{place.name}.*"):
                (place.parent / path.name).symlink_to(path.absolute())
        scratch = Home(folder, home.settings)
        after = _followed(scratch, before, alter(decisions.of(home.root, before)), progress)
        yield Snapshot(folder, after, home.settings, live=before.live_batch is not None)


@dataclass(frozen=True)
class Effect:
    """How many customers become how many, the events that change hands, and some of whom they go from and to.

    `gone` customers there would be no more, `new` ones there are not yet; `examples` name the largest moves.
    """

    before: int
    after: int
    gone: int
    new: int
    events: int
    examples: list[dict[str, Any]]


def effect(live: Snapshot, then: Snapshot) -> Effect:
    """What lies between the live version and one that would come."""
    masks = [name for name, _ in then.manifest.masks if name not in dict(live.manifest.masks)]
    if not masks:
        return Effect(0, 0, 0, 0, 0, [])
    left = np.concatenate([np.load(then.root / f"{name}.npy") for name in masks])
    written = [file for file in then.files if file.name not in live.manifest.files]
    moves = ("key_hi", "key_lo", "customer")
    cursor = live.cursor()
    cursor.register("left_column", {"customer": left})
    try:
        was = f"SELECT * FROM ({standing.narrow(live.manifest, live.files, moves)}) SEMI JOIN left_column USING (customer)"
        now = " UNION ALL ".join(
            f"SELECT key_hi, key_lo, customer FROM read_parquet({door.file_list([file.path])})"
            for file in written
        )
        pairs = cursor.execute(
            f"SELECT w.customer, n.customer, count(*) FROM ({was}) AS w JOIN ({now or 'SELECT 0, 0, 0 WHERE false'}) AS n "
            "ON n.key_hi = w.key_hi AND n.key_lo = w.key_lo GROUP BY ALL ORDER BY 3 DESC, 1, 2"
        ).fetchall()
    finally:
        cursor.unregister("left_column")
    old = {int(a) for a, _, _ in pairs} - {0}
    came = {int(b) for _, b, _ in pairs} - {0}
    changed = [(int(a), int(b), int(n)) for a, b, n in pairs if a != b]
    touched = {each for a, b, _ in changed for each in (a, b)} - {0}
    stood = (old & touched) | _there(live, touched - old)
    stands = came & touched
    named = changed[:SHOWN]
    before = directory.labels(live, [a for a, _, _ in named if a])
    after = directory.labels(then, [b for _, b, _ in named if b])
    return Effect(
        len(stood),
        len(stands),
        len(stood - stands),
        len(stands - stood),
        sum(n for _, _, n in changed),
        [
            {
                "from": directory.shown(a) if a else None,
                "from_label": before.get(a, ""),
                "to": directory.shown(b) if b else None,
                "to_label": after.get(b, ""),
                "events": n,
            }
            for a, b, n in named
        ],
    )


def _there(snapshot: Snapshot, customers: set[int]) -> set[int]:
    """Which of some customers a version has."""
    if not customers:
        return set()
    listed = ", ".join(map(str, sorted(customers)))
    people = standing.people(snapshot.manifest, snapshot.files, with_marked=True)
    rows = snapshot.cursor().execute(f"SELECT DISTINCT customer FROM ({people}) WHERE customer IN ({listed})")
    return {int(customer) for (customer,) in rows.fetchall()}
