"""The one writer: events come in, or a batch leaves, and a new version is published.

Both are one operation. Some rows arrive, some leave, and the identifiers on them may change whom other
events belong to. Those events' customers are masked in the files they lie in, and their whole history
is written, beside what arrived, into one new run. Nothing is changed in place; the manifest switches.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from periplus.errors import NotFoundError, StoreError
from periplus.people import closure
from periplus.people.identity import NEEDED, resolve
from periplus.store import claims, door, files, keys, locks, manifest, standing
from periplus.store.files import FIXED, EventFile
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Batch, Manifest
from periplus.store.staged import Imported, Progress, Staged


@dataclass(frozen=True)
class Arrival:
    """A Parquet file of events that come in: staged columns, `batch` and `own_sequence` as SQL, rows to skip."""

    path: Path
    columns: dict[str, str]
    rest: list[str] | None
    rows: int
    batch: str
    own_sequence: str = "NULL::BIGINT"
    skipped: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def _silent(done: int, total: int, what: str) -> None:
    del done, total, what


def admit(
    home: Home, staged: Staged, *, now: int, replaced: int | None = None, progress: Progress = _silent
) -> Imported:
    """Publish staged events as a batch; with `replaced`, in place of that batch, in one step.

    `now` is the time of receipt in microseconds. Raises BusyError if another writer does not end.
    """
    try:
        with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus import"):
            before = manifest.read(home.root)
            manifest.sweep(home.root, before)
            home.clear_spill()
            with _connection(home) as connection:
                if replaced is not None:
                    before = _undone(home, connection, before, replaced, now, progress)
                after, result = _admitted(home, connection, before, staged, now, progress)
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


def _admitted(
    home: Home, connection: door.Connection, before: Manifest, staged: Staged, now: int, progress: Progress
) -> tuple[Manifest, Imported]:
    number = before.next_batch
    progress(0, 4, "looking for duplicates")
    found = _sort_out(home, connection, before, staged)
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
        files=[{"name": file.name, "bytes": file.bytes, "rows": file.rows} for file in staged.files],
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
    if staged.rejects is not None and rejected:
        shutil.copyfile(staged.rejects, home.root / f"{name}-rejects.parquet")
        batch = replace(batch, rejects=f"{name}-rejects")
    if found.events or found.duplicates:
        claims.save_rows(connection, home.root / f"{name}-rows.parquet", found.staged_sql, found.new_flag)
        batch = replace(batch, rows_file=f"{name}-rows")
    if found.claimed:
        claims.save(connection, home.root, f"{name}-claims", staged, found.claimed_rows)
        batch = replace(batch, claims=f"{name}-claims")
    arrivals = [
        Arrival(
            path,
            staged.columns,
            None if staged.rest is None else list(staged.rest),
            rows,
            str(number),
            skipped=skipped,
        )
        for path, rows, skipped in found.files
        if rows > len(skipped)
    ]
    after = replace(before, next_batch=number + 1, imported=now)
    if found.events or found.claimed:
        after = _settled(
            home, connection, after, arrivals, leaving=None, progress=progress, claimed=found.claimed
        )
    if found.events:
        name = f"keys/{before.next_file:06d}"
        keys.save(home.root, name, found.key_hi, found.key_lo)
        after = replace(after, keys=[*after.keys, name])
    after = replace(after.with_batch(batch), next_file=max(after.next_file, before.next_file + 1))
    progress(4, 4, "done")
    return after, result


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
    staged_sql: str
    new_flag: np.ndarray | None


def _sort_out(home: Home, connection: door.Connection, before: Manifest, staged: Staged) -> _SortedOut:
    """Tell new events from known ones by their keys; the first of equal keys in the files is the new one."""
    highs, lows, counts = [], [], []
    for path in staged.events:
        read = connection.execute(
            f"SELECT key_hi, key_lo FROM read_parquet({door.file_list([path])})"
        ).fetchnumpy()
        highs.append(np.asarray(read["key_hi"], np.uint64))
        lows.append(np.asarray(read["key_lo"], np.uint64))
        counts.append(len(highs[-1]))
    high = np.concatenate(highs) if highs else np.zeros(0, np.uint64)
    low = np.concatenate(lows) if lows else np.zeros(0, np.uint64)
    seen = keys.seen(home.root, before.keys, high, low)
    known = seen | keys.repeated(high, low)
    edges = np.cumsum([0, *counts])
    parts, claimed = [], []
    for path, start, stop in zip(staged.events, edges[:-1], edges[1:], strict=True):
        parts.append((path, int(stop - start), np.flatnonzero(known[start:stop])))
        claimed.append((path, np.flatnonzero(seen[start:stop])))
    sql = (
        f"SELECT file, line FROM read_parquet({door.file_list(staged.events)})"
        if staged.events
        else "SELECT 0 AS file, 0 AS line WHERE false"
    )
    rejected = _count(connection, staged.rejects)
    accepted = staged.rows - staged.withheld - rejected
    if known.any():
        rows = connection.execute(sql).fetchnumpy()
        place = np.asarray(rows["file"], np.int64) << 40 | np.asarray(rows["line"], np.int64)
        accepted = len(np.unique(place[~known]))
    return _SortedOut(
        parts,
        high[~known],
        low[~known],
        int((~known).sum()),
        int(known.sum()),
        accepted,
        bool(seen.any()),
        claimed,
        sql,
        ~known if known.any() else None,
    )


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
        after = _settled(home, connection, after, arrivals, leaving=number, progress=progress, claimed=True)
    return replace(
        after, keys=claims.forget_keys(connection, home.root, before, after), next_file=after.next_file + 1
    )


def _settled(
    home: Home,
    connection: door.Connection,
    before: Manifest,
    arrivals: list[Arrival],
    *,
    leaving: int | None,
    progress: Progress,
    claimed: bool,
) -> Manifest:
    """The version in which `arrivals` have come and the rows of batch `leaving` have gone."""
    open_files = [files.load(home.root, name) for name in before.files]
    standing.load_masks(connection, home.root, before)
    _arriving(connection, arrivals)
    progress(1, 4, "finding out whose events they are")
    if open_files:
        closure.pull(connection, before, open_files, leaving=leaving)
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW resolvable AS "
            f"SELECT {', '.join(NEEDED)} FROM arriving UNION ALL SELECT {', '.join(NEEDED)} FROM pulled"
        )
    else:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW resolvable AS SELECT {', '.join(NEEDED)} FROM arriving"
        )
    resolution = resolve(connection, "resolvable")
    connection.execute("CREATE OR REPLACE TEMP TABLE moving (customer UBIGINT)")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE resequenced (key_hi UBIGINT, key_lo UBIGINT, sequence BIGINT)"
    )
    if open_files:
        if claimed:
            claims.resequence(connection, home, before, open_files, leaving=leaving)
        closure.find_moving(connection, before, open_files, resolution, leaving=leaving)
    progress(2, 4, "writing the events")
    return _written(home, connection, before, open_files, arrivals, resolution, leaving)


def _arriving(connection: door.Connection, arrivals: list[Arrival]) -> None:
    """The view `arriving`: what identity needs of the rows that come in."""
    selects = []
    for number, arrival in enumerate(arrivals):
        _skip_table(connection, number, arrival)
        listed = ", ".join(
            standing.reference(arrival.columns) if name == "reference" else f"e.{name}" for name in NEEDED
        )
        selects.append(f"SELECT {listed} FROM {_kept(number, arrival)} AS e")
    nothing = ", ".join(f"NULL::{FIXED.get(name, 'VARCHAR')} AS {name}" for name in NEEDED)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW arriving AS {' UNION ALL '.join(selects) or f'SELECT {nothing} WHERE false'}"
    )


def _skip_table(connection: door.Connection, number: int, arrival: Arrival) -> None:
    if len(arrival.skipped):
        connection.register("skip_column", {"r": arrival.skipped})
        connection.execute(f"CREATE OR REPLACE TEMP TABLE skip_{number} AS SELECT r FROM skip_column")
        connection.unregister("skip_column")


def _kept(number: int, arrival: Arrival) -> str:
    source = f"read_parquet({door.file_list([arrival.path])}"
    if not len(arrival.skipped):
        return f"{source})"
    return (
        f"(SELECT * EXCLUDE (file_row_number) FROM {source}, file_row_number = true) "
        f"WHERE file_row_number NOT IN (SELECT r FROM skip_{number}))"
    )


def _written(
    home: Home,
    connection: door.Connection,
    before: Manifest,
    open_files: list[EventFile],
    arrivals: list[Arrival],
    resolution: Any,
    leaving: int | None,
) -> Manifest:
    number = before.next_file
    moving = np.sort(
        np.asarray(
            connection.execute("SELECT DISTINCT customer FROM moving").fetchnumpy()["customer"], np.uint64
        )
    )
    sources: list[tuple[dict[str, str], list[str] | None, int]] = [
        (arrival.columns, arrival.rest, arrival.rows) for arrival in arrivals
    ]
    if len(moving):
        sources += [(file.columns, file.rest, file.rows) for file in open_files]
    target = standing.shape(sources)
    selects = [
        _arrival_select(index, arrival, target, resolution.joins, resolution.customer)
        for index, arrival in enumerate(arrivals)
    ]
    if len(moving):
        selects.append(
            _carried_select(before, open_files, target, resolution.joins, resolution.customer, leaving)
        )
    if not selects:
        return before
    select = " UNION ALL BY NAME ".join(selects)
    names = _names(connection, before, arrivals)
    name = f"runs/{number:06d}"
    written = files.write(
        connection,
        home.root,
        name,
        number,
        select=select,
        columns=target.columns,
        rest=target.rest,
        names=names,
        shards=before.shards,
    )
    if not written.rows:
        written.remove()
    masks = before.masks
    if len(moving):
        mask = f"masks/{number:06d}"
        (home.root / "masks").mkdir(exist_ok=True)
        np.save(home.root / f"{mask}.npy", moving)
        masks = [*masks, (mask, number)]
    listed = [*before.files, name] if written.rows else before.files
    return replace(
        before,
        names=names,
        files=listed,
        masks=masks,
        next_file=number + 1,
        identity=before.identity + (1 if len(moving) else 0),
    )


def _names(connection: door.Connection, before: Manifest, arrivals: list[Arrival]) -> list[str]:
    """The workspace's event names, new ones after the old so that codes never change."""
    names = list(before.names)
    known = set(names)
    for arrival in arrivals:
        rows = connection.execute(
            f"SELECT DISTINCT event FROM read_parquet({door.file_list([arrival.path])}) WHERE section < 2 ORDER BY 1"
        ).fetchall()
        fresh = [name for (name,) in rows if name not in known]
        names.extend(fresh)
        known.update(fresh)
    if len(names) > 65_535:
        raise StoreError(
            "There would be more than 65,535 different event names.",
            code="names",
            hint="Map the varying part of the name to a property, and import again.",
        )
    return names


_SECTION = "CASE WHEN e.section = 2 THEN 2 WHEN {customer} IS NULL THEN 1 ELSE 0 END::UTINYINT AS section"


def _arrival_select(number: int, arrival: Arrival, target: standing.Shape, joins: str, customer: str) -> str:
    plain = [name for name in FIXED if name not in ("section", "customer", "batch", "own_sequence")]
    listed = standing.select(
        arrival.columns,
        target,
        fixed=plain,
        extra=("section", "customer", "batch", "own_sequence"),
    )
    inner = (
        f"SELECT e.* EXCLUDE (section), {_SECTION.format(customer=customer)}, "
        f"coalesce({customer}, 0)::UBIGINT AS customer, {arrival.batch}::INTEGER AS batch_, "
        f"{arrival.own_sequence} AS own_sequence_ "
        f"FROM (SELECT *, {standing.reference(arrival.columns)} FROM {_kept(number, arrival)}) AS e{joins}"
    )
    return f"SELECT {listed} FROM (SELECT * RENAME (batch_ AS batch, own_sequence_ AS own_sequence) FROM ({_bare(inner, arrival)}))"


def _bare(inner: str, arrival: Arrival) -> str:
    """`inner` without the batch and own_sequence of rows that bring their own."""
    if arrival.batch == "e.batch":
        return f"SELECT * EXCLUDE (batch, own_sequence) FROM ({inner})"
    return inner


def _carried_select(
    before: Manifest,
    open_files: list[EventFile],
    target: standing.Shape,
    joins: str,
    customer: str,
    leaving: int | None,
) -> str:
    """The whole history of the customers in `moving`, less what leaves, with its owners as now resolved."""
    rows = standing.rows(before, open_files, target)
    # The reference column is read in the unified shape, as the rows are.
    reference = standing.reference(target.columns)
    gone = f" AND e.batch <> {leaving}" if leaving is not None else ""
    others = [name for name in FIXED if name not in ("section", "customer", "sequence", "own_sequence")]
    listed = ", ".join(
        [
            *(f"e.{door.quoted(name)}" for name in others),
            *(f"e.{door.quoted(path)}" for path in target.columns),
            "e.rest",
        ]
    )
    owner = f"coalesce({customer}, e.customer)"
    return (
        f"SELECT CASE WHEN e.section = 2 THEN 2 WHEN {owner} = 0 THEN 1 ELSE 0 END::UTINYINT AS section, "
        f"{owner} AS customer, coalesce(q.sequence, e.sequence) AS sequence, "
        "CASE WHEN q.sequence IS NULL THEN e.own_sequence "
        "WHEN q.sequence = coalesce(e.own_sequence, e.sequence) THEN NULL "
        "ELSE coalesce(e.own_sequence, e.sequence) END AS own_sequence, "
        f"{listed} FROM (SELECT *, {reference} FROM ({rows}) WHERE customer IN (SELECT customer FROM moving)) AS e{joins} "
        "LEFT JOIN resequenced AS q ON q.key_hi = e.key_hi AND q.key_lo = e.key_lo "
        f"WHERE true{gone}"
    )
