"""The one writer: events come in, a batch leaves, or other events are marked, and a new version is published.

All are one operation. Some rows arrive, some leave or change, and the identifiers on them may change whom other
events belong to. Those events' customers are masked in the files they lie in, and their whole history
is written, beside what arrived, into one new run. Nothing is changed in place; the manifest switches.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from periplus.collect.marks import TrafficRules
from periplus.errors import NotFoundError, StoreError
from periplus.people import hashed, settlement, withheld
from periplus.people.settlement import Arrival, settled
from periplus.store import claims, door, files, keys, locks, manifest, standing
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Batch, Manifest
from periplus.store.staged import ROW_BITS, Imported, Progress, Staged


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


@dataclass(frozen=True)
class Stream:
    """A piece of what the collector received: of `cursor`, all from `after` (not in) to `upto` (in)."""

    cursor: str
    after: int
    upto: int


class StaleError(StoreError):
    """Somebody else has brought this piece of the stream meanwhile."""

    code = "stale"
    retryable = True


SWEEP_EVERY = 64
"""Versions of the collector's after which files that nobody names are looked for."""
MOST_CLAIMS = 8
"""Files of claims of the live batch that are merged into one."""


def admit(
    home: Home,
    staged: Staged,
    *,
    now: int,
    replaced: int | None = None,
    stream: Stream | None = None,
    progress: Progress = _silent,
) -> Imported:
    """Publish staged events as a batch; with `replaced`, in place of that batch, in one step.

    With `stream` they are added to the live batch, and the cursor moves on with them. `now` is the time of
    receipt in microseconds. Raises BusyError if another writer does not end, StaleError if the cursor is elsewhere.
    """
    try:
        with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus import"):
            before = manifest.read(home.root)
            if stream is not None and before.cursors.get(stream.cursor, 0) != stream.after:
                raise StaleError("These events are in already.", hint="Read the inbox again.")
            if stream is None or before.number % SWEEP_EVERY == 0:
                manifest.sweep(home.root, before)
                home.clear_spill()
            with _connection(home) as connection:
                if replaced is not None:
                    before = _undone(home, connection, before, replaced, now, progress)
                after, result = _admitted(home, connection, before, staged, now, progress, stream)
            if after is not before or replaced is not None:
                manifest.publish(home.root, after)
            return result
    finally:
        shutil.rmtree(staged.folder, ignore_errors=True)


def undo(home: Home, batch: int, *, now: int, progress: Progress = _silent) -> Batch:
    """Take a batch back: every answer is as if it had never been imported."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus batch undo"):
        before = manifest.read(home.root)
        manifest.sweep(home.root, before)
        home.clear_spill()
        with _connection(home) as connection:
            after = _undone(home, connection, before, batch, now, progress)
        published = manifest.publish(home.root, after)
    undone = published.batch(batch)
    assert undone is not None
    return undone


def remark(home: Home, rules: TrafficRules, *, progress: Progress = _silent) -> Manifest:
    """Put traffic rules in force, for the events that are there as for those to come; returns the new version.

    Rules as they were before give the answers as they were before.
    """
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus traffic adopt"):
        before = manifest.read(home.root)
        manifest.sweep(home.root, before)
        home.clear_spill()
        after = replace(before, traffic=rules.document())
        with _connection(home) as connection:
            after = settled(
                home, connection, after, [], leaving=None, progress=progress, claimed=False, remarked=True
            )
        return manifest.publish(home.root, after)


class _connection:  # noqa: N801
    """A connection of the writer; a DuckDB error inside becomes one plain sentence."""

    def __init__(self, home: Home) -> None:
        self.connection = home.connect()

    def __enter__(self) -> door.Connection:
        return self.connection

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        self.connection.close()
        if isinstance(problem, door.EngineError):
            raise door.explain(problem, "writing the events") from None
        if isinstance(problem, OSError):
            raise files.os_problem(problem, Path(str(problem.filename or "the workspace"))) from None


def skip(home: Home, stream: Stream) -> None:
    """Move the cursor on over a piece of the stream that the store will not take; the ledger has it."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus collector"):
        before = manifest.read(home.root)
        if before.cursors.get(stream.cursor, 0) == stream.after:
            manifest.publish(home.root, _moved_on(before, stream))


def _moved_on(before: Manifest, stream: Stream) -> Manifest:
    return replace(before, cursors={**before.cursors, stream.cursor: stream.upto})


def _admitted(
    home: Home,
    connection: door.Connection,
    before: Manifest,
    staged: Staged,
    now: int,
    progress: Progress,
    stream: Stream | None,
) -> tuple[Manifest, Imported]:
    if staged.hashed != hashed.kinds(before):
        raise StaleError(
            "Which identifiers are kept hashed was changed while these events were made ready.",
            hint="Import them again.",
        )
    live = before.live_batch if stream is not None else None
    number = before.next_batch if live is None else live.id
    staged = withheld.sieved(connection, home.root, before, staged, now)
    staged = staged.at_hand(connection, settlement.asked(home, before))
    progress(0, 4, "looking for duplicates")
    found = _sort_out(home, connection, before, staged, streamed=stream is not None)
    rejected = _count(connection, staged.rejects)
    result = Imported(
        batch=number,
        rows=staged.rows,
        accepted=found.accepted_rows,
        duplicate=staged.rows - staged.withheld - rejected - found.accepted_rows,
        rejected=rejected,
        withheld=staged.withheld,
        events=found.events,
        warnings=list(staged.warnings),
    )
    batch = Batch(
        id=number,
        source=staged.source,
        created=now,
        files=[
            {"name": _readable(file.name), "bytes": file.bytes, "rows": file.rows} for file in staged.files
        ],
        rows=result.rows,
        accepted=result.accepted,
        duplicate=result.duplicate,
        rejected=result.rejected,
        withheld=result.withheld,
        events=result.events,
        mapping=staged.mapping,
        consent=staged.consent,
        warnings=result.warnings,
    )
    folder = home.root / "batches"
    folder.mkdir(exist_ok=True)
    name = f"batches/{before.next_file:06d}"
    if staged.rejects is not None and rejected and stream is None:  # a stream's are in the ledger
        shutil.copyfile(staged.rejects, home.root / f"{name}-rejects.parquet")
        batch = replace(batch, rejects=f"{name}-rejects")
    if staged.unmade is not None:
        shutil.copyfile(staged.unmade, home.root / f"{name}-unmade.parquet")
        batch = replace(batch, unmade=f"{name}-unmade")
    rows_file, keys_file = f"{name}-rows", f"keys/{before.next_file:06d}"
    if (found.events or found.duplicates) and stream is None:
        batch = replace(batch, rows_file=rows_file)
    if found.claimed:
        claims.save(connection, home.root, f"{name}-claims", staged, found.claimed_rows)
        batch = replace(batch, claims=[f"{name}-claims"])
    if stream is not None:
        batch = _continued(connection, home, live, batch, name)
    arrivals = [
        Arrival(
            path,
            staged.columns,
            None if staged.rest is None else list(staged.rest),
            rows,
            str(number),
            skipped=skipped,
            lent=staged.lent.get(path),
            held=staged.held.get(path),
        )
        for path, rows, skipped in found.files
        if rows > len(skipped)
    ]
    after = replace(before, next_batch=max(before.next_batch, number + 1), imported=now)

    def remembered() -> None:
        if batch.rows_file is not None:
            claims.save_rows(home.root / f"{rows_file}.parquet", found.place, found.new_flag)
        if stream is None and found.events:
            keys.save(home.root, keys_file, found.key_hi, found.key_lo)

    with ThreadPoolExecutor(1) as aside:
        saved = aside.submit(remembered)
        if found.events or found.claimed:
            after = settled(
                home, connection, after, arrivals, leaving=None, progress=progress, claimed=found.claimed
            )
        saved.result()
    if stream is not None:
        if len(found.ours_hi):
            listed = keys.add_collected(
                home.root, before.keys, before.next_file, found.ours_hi, found.ours_lo
            )
            after = replace(after, keys=listed)
        after = _moved_on(after, stream)
    elif found.events:
        after = replace(after, keys=[*after.keys, keys_file])
    after = replace(after.with_batch(batch), next_file=max(after.next_file, before.next_file + 1))
    progress(4, 4, "done")
    return after, result


def _continued(connection: door.Connection, home: Home, live: Batch | None, more: Batch, name: str) -> Batch:
    """The live batch with what has come since; its files are no rows of anybody's, only its claims are kept."""
    if live is None:
        return replace(more, source="collector", files=[], live=True)
    both = replace(
        live,
        rows=live.rows + more.rows,
        accepted=live.accepted + more.accepted,
        duplicate=live.duplicate + more.duplicate,
        rejected=live.rejected + more.rejected,
        withheld=live.withheld + more.withheld,
        events=live.events + more.events,
        claims=[*live.claims, *more.claims],
    )
    if len(both.claims) > MOST_CLAIMS:
        both = claims.merged(connection, home.root, both, f"{name}-all-claims")
    return both


def _readable(name: str) -> str:
    """A file's name as text: its bytes need not be any."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@dataclass
class _SortedOut:
    """Which staged events are new: per file the rows to skip, the keys of the new ones, and the counts."""

    files: list[tuple[Path, int, np.ndarray]]
    key_hi: np.ndarray
    key_lo: np.ndarray
    events: int
    duplicates: int
    accepted_rows: int
    claimed: bool
    claimed_rows: list[tuple[Path, np.ndarray]]
    ours_hi: np.ndarray
    ours_lo: np.ndarray
    """The keys of what is new or claimed now."""
    place: np.ndarray
    """int64[n]: which row of which file each staged event is of."""
    new_flag: np.ndarray | None


def _sort_out(
    home: Home, connection: door.Connection, before: Manifest, staged: Staged, *, streamed: bool
) -> _SortedOut:
    """Tell new events from known ones by their keys; of equal ones in the files that of least sequence is new.

    `streamed`: what the collector has brought or claimed before it does not claim again.
    """
    highs, lows, places, counts = [], [], [], []
    for path in staged.events:
        read = _columns(connection, staged, path, ("key_hi", "key_lo", "file", "line"))
        places.append((read["file"].astype(np.int64) << ROW_BITS) | read["line"])
        highs.append(np.asarray(read["key_hi"], np.uint64))
        lows.append(np.asarray(read["key_lo"], np.uint64))
        counts.append(len(highs[-1]))
    high, low = _in_a_row(highs, np.uint64), _in_a_row(lows, np.uint64)
    seen = keys.seen(home.root, before.keys, high, low)
    again = keys.repeated(high, low)
    if again.any():
        again = keys.repeated(high, low, _rank(connection, staged))
    known = seen | again
    claim = seen
    if streamed and seen.any():
        ours = [name for name in before.keys if keys.is_collected(name)]
        claim = seen & ~again & ~keys.seen(home.root, ours, high, low)
    edges = np.cumsum([0, *counts])
    parts, claimed = [], []
    for path, start, stop in zip(staged.events, edges[:-1], edges[1:], strict=True):
        parts.append((path, int(stop - start), np.flatnonzero(known[start:stop])))
        claimed.append((path, np.flatnonzero(claim[start:stop])))
    place = _in_a_row(places, np.int64)
    rejected = _count(connection, staged.rejects)
    accepted = staged.rows - staged.withheld - rejected
    new = None
    if known.any():
        new = ~known
        accepted = len(np.unique(place[new]))
    new_hi, new_lo = _only(new, high, low)
    ours_hi, ours_lo = _only(None if new is None else new | claim, high, low)
    return _SortedOut(
        parts,
        new_hi,
        new_lo,
        int((~known).sum()),
        int(known.sum()),
        accepted,
        bool(claim.any()),
        claimed,
        ours_hi,
        ours_lo,
        place,
        new,
    )


def _in_a_row(arrays: Sequence[np.ndarray], kind: type) -> np.ndarray:
    """Arrays one after another; one alone as it is."""
    return arrays[0] if len(arrays) == 1 else np.concatenate([np.zeros(0, kind), *arrays])


def _only(which: np.ndarray | None, high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The keys that a mask names; all of them, without a copy, if there is none."""
    return (high, low) if which is None else (high[which], low[which])


def _columns(
    connection: door.Connection, staged: Staged, path: Path, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Numbers of staged events, by column."""
    if (held := staged.held.get(path)) is not None:
        return {name: np.asarray(held.table.column(name)) for name in names}
    read = connection.execute(
        f"SELECT {', '.join(names)} FROM read_parquet({door.file_list([path])})"
    ).fetchnumpy()
    if any(np.ma.is_masked(values) for values in read.values()):
        raise StoreError(
            "Some of these events have no key, so nothing came in.",
            code="internal",
            hint="This is a fault of Periplus: please report it, with a row of the file.",
        )
    return {name: np.asarray(values) for name, values in read.items()}


def _rank(connection: door.Connection, staged: Staged) -> np.ndarray:
    """int64[n]: the place of each staged event by sequence, then by where it stands in the files."""
    columns = ("sequence", "file", "line", "place")
    parts = [_columns(connection, staged, path, columns) for path in staged.events]
    read = {name: np.concatenate([part[name] for part in parts]) for name in columns}
    rank = np.empty(len(read["line"]), np.int64)
    rank[np.lexsort([read[name] for name in reversed(columns)])] = np.arange(len(rank))
    return rank


def _count(connection: door.Connection, path: Path | None) -> int:
    """Rejected rows: a row stands once, even where two of its columns are wrong."""
    if path is None:
        return 0
    counted = connection.execute(
        f"SELECT count(*) FROM (SELECT DISTINCT file, line FROM read_parquet({door.file_list([path])}))"
    ).fetchall()
    return int(counted[0][0])


def _undone(
    home: Home, connection: door.Connection, before: Manifest, number: int, now: int, progress: Progress
) -> Manifest:
    batch = before.batch(number)
    if batch is None:
        live = [str(known.id) for known in before.batches if known.undone is None]
        raise NotFoundError(
            f"There is no batch {number}.", hint="`periplus batch list` shows them.", allowed=live
        )
    if batch.live:
        raise StoreError(
            f"Batch {number} is what the collector received: it is not undone.",
            code="live",
            hint="Only imports can be taken back.",
        )
    if batch.undone is not None:
        raise StoreError(f"Batch {number} was undone already.", code="undone", hint="Import its files again.")
    progress(0, 4, f"taking batch {number} back")
    after = before.with_batch(replace(batch, undone=now))
    standing.load_masks(connection, home.root, before)
    open_files = [files.load(home.root, name) for name in before.files]
    with home.staging() as folder:
        handed = claims.hand_over(connection, home, after, open_files, number, folder)
        arrivals = []
        if handed is not None:
            arrivals.append(
                Arrival(handed.path, handed.columns, handed.rest, handed.rows, "e.batch", "e.own_sequence")
            )
        after = settled(home, connection, after, arrivals, leaving=number, progress=progress, claimed=True)
    return replace(
        after, keys=claims.forget_keys(connection, home.root, before, after), next_file=after.next_file + 1
    )
