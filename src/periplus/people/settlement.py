"""How rows come and go: the next version of the data is written as one new run.

What arrives gets its customers. Standing events that thereby change hands, or whose batch leaves, are
masked with all of their customer's history, which is written again beside what arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from periplus.collect.marks import MARKING, TrafficRules
from periplus.errors import StoreError
from periplus.people import closure, decisions, guards, traffic
from periplus.people.carriers import IDENTIFIERS, Carriers, carriers
from periplus.people.decisions import Change
from periplus.people.identity import NEEDED, Resolution, resolve
from periplus.people.linking import Linking
from periplus.store import claims, door, files, standing, taken, writing
from periplus.store.arrays import array
from periplus.store.files import FIXED, MARKED, EventFile
from periplus.store.held import Held
from periplus.store.home import Home
from periplus.store.lent import Lent, unchanged
from periplus.store.manifest import Manifest
from periplus.store.staged import Progress
from periplus.store.standing import KINDS
from periplus.store.taken import Owned, Piece, Reading


@dataclass(frozen=True)
class Arrival:
    """Events that come in, in a Parquet file or `held`: staged columns, `batch` and `own_sequence` as SQL, rows to skip."""

    path: Path
    columns: dict[str, str]
    rest: list[str] | None
    rows: int
    batch: str
    own_sequence: str = "NULL::BIGINT"
    skipped: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    lent: Lent | None = None
    held: Held | None = None

    def comes_as_it_is(self, target: standing.Shape) -> bool:
        """Whether the rows come into a file of the shape `target` with their columns unchanged."""
        one_batch = self.batch.isdigit() and self.own_sequence.startswith("NULL")
        return one_batch and all(target.columns.get(path) == kind for path, kind in self.columns.items())


def settled(
    home: Home,
    connection: door.Connection,
    before: Manifest,
    arrivals: list[Arrival],
    *,
    leaving: int | None,
    progress: Progress,
    claimed: bool,
    remarked: bool = False,
    stirred: bool = False,
    departed: bool = False,
    decided: Change | None = None,
) -> Manifest:
    """The version in which `arrivals` have come and the rows of batch `leaving` have gone.

    With `remarked` the traffic rules in `before` are other ones than the standing rows were marked by; with
    `stirred` the table of that name lists (key_hi, key_lo, numbers) of standing rows that had other
    references before; with `departed` the one of that name has the rows that stood until now, as identity needs them.
    `decided` is how the decisions in `before` differ from those by which the standing rows have their customers.
    """
    rules = traffic.rules_of(before)
    linking = Linking(decisions.of(home.root, before).force())
    open_files = [files.load(home.root, name) for name in before.files]
    standing.load_masks(connection, home.root, before)
    guards.reset(connection)
    marks = _arriving(connection, arrivals, rules, linking.rules.external)
    progress(1, 4, "finding out whose events they are")
    connection.execute("CREATE OR REPLACE TEMP TABLE moving (customer UBIGINT)")
    # Standing rows that this version alters: a new place among those of their time, or a new mark.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE altered (key_hi UBIGINT, key_lo UBIGINT, sequence BIGINT, marked BOOLEAN)"
    )
    if open_files:
        if remarked:
            traffic.remark(connection, before, open_files, rules)
        if claimed:  # first of all: who owns a device may hang on the order of two sightings
            claims.resequence(connection, home, before, open_files, leaving=leaving)
        closure.pull(
            connection,
            before,
            open_files,
            linking,
            leaving=leaving,
            stirred=stirred,
            departed=departed,
            decided=decided,
        )
        connection.execute(
            "CREATE OR REPLACE TEMP VIEW resolvable AS "
            f"SELECT {', '.join(NEEDED)} FROM arriving UNION ALL SELECT {', '.join(NEEDED)} FROM pulled"
        )
    else:
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW resolvable AS SELECT {', '.join(NEEDED)} FROM arriving"
        )
    with ExitStack() as stack:
        # Where nothing stands nobody moves: the columns can be read while it is found out whose the rows are.
        reading = None if open_files else _begun(connection, arrivals)
        if reading is not None:
            stack.callback(reading.close)
        carried = _carriers(arrivals, marks, linking)
        source = None if carried is None else _carriers_view(connection, arrivals, carried, bool(open_files))
        once = source is not None and not open_files
        resolution = resolve(connection, "resolvable", linking, source, told_apart=once)
        if open_files:
            closure.find_moving(connection, before, open_files, resolution, leaving=leaving)
        progress(2, 4, "writing the events")
        return _written(
            home,
            connection,
            before,
            open_files,
            arrivals,
            marks,
            resolution,
            leaving,
            linking.rules.external,
            reading,
            carried,
        )


def _begun(connection: door.Connection, arrivals: Sequence[Arrival]) -> Reading | None:
    """The columns of what comes into an empty workspace, being read; None where they are not written as they are."""
    target = standing.shape([(arrival.columns, arrival.rest, arrival.rows) for arrival in arrivals])
    pieces = [Piece(arrival.path, "", 0, arrival.lent, arrival.held) for arrival in arrivals]
    if (
        not pieces
        or not all(arrival.comes_as_it_is(target) for arrival in arrivals)
        or not taken.fits(connection, pieces)
    ):
        return None
    return Reading(connection, pieces, target.columns)


def _carriers(arrivals: Sequence[Arrival], marks: Sequence[str], linking: Linking) -> list[Carriers] | None:
    """Rows of each arrival that carry all combinations of its identifiers; None where these are not all that is asked."""
    if linking.rules.external or set(marks) - {"false"} or not arrivals:
        return None
    found = []
    for arrival in arrivals:
        if arrival.held is None or len(arrival.skipped) or (own := carriers(arrival.held)) is None:
            return None
        found.append(own)
    return found


def _carriers_view(
    connection: door.Connection, arrivals: Sequence[Arrival], carried: Sequence[Carriers], pulled: bool
) -> str:
    """The view `carriers`: events that have each combination of the identifiers of `resolvable` at least once."""
    selects = ["SELECT * FROM resolvable WHERE false", *(["SELECT * FROM pulled"] if pulled else [])]
    for number, (arrival, own) in enumerate(zip(arrivals, carried, strict=True)):
        assert arrival.held is not None
        listed = arrival.held.table.select([*IDENTIFIERS, "type"]).take(array(own.rows))
        listed = listed.append_column("carrier", array(np.arange(len(own.rows))))
        connection.register(f"carriers {number}", listed)
        selects.append(
            f"SELECT * EXCLUDE (carrier), false AS marked FROM {door.quoted(f'carriers {number}')}"
        )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW carriers AS {' UNION ALL BY NAME '.join(selects)}")
    return "carriers"


def _owned(
    connection: door.Connection, number: int, arrival: Arrival, own: Carriers, resolution: Resolution
) -> Owned:
    """Whose the events of an arrival are: those say it that carry their identifiers, but where it hangs on more than these."""
    assert arrival.held is not None
    nothing = "NULL::BIGINT AS time, NULL::VARCHAR AS external, NULL::VARCHAR AS numbers"
    found = connection.execute(
        f"SELECT e.carrier, coalesce({resolution.customer}, 0)::UBIGINT AS customer, {resolution.momentary} AS momentary "
        f"FROM (SELECT *, {nothing} FROM {door.quoted(f'carriers {number}')}) AS e{resolution.joins}"
    ).fetchnumpy()
    table = arrival.held.table
    carriers_in_order = np.argsort(np.asarray(found["carrier"], np.int64))
    by_carrier = np.asarray(found["customer"], np.uint64)[carriers_in_order]
    momentary = np.asarray(found["momentary"], np.bool_)[carriers_in_order]
    customer = by_carrier[own.of]
    people = table.select(writing.IDENTIFIERS).take(array(own.rows))
    seen = zip(("first", "last", "events"), own.seen(np.asarray(table.column("time"))), strict=True)
    for name, values in (("customer", by_carrier), *seen):
        people = people.append_column(name, array(values))
    if momentary.any():
        rows = np.flatnonzero(momentary[own.of])
        few = table.take(array(rows))
        customer[rows] = _at_the_moment(connection, few, arrival, resolution)
        times = few.column("time")
        each = few.select(writing.IDENTIFIERS).append_column("customer", array(customer[rows]))
        for name in ("first", "last"):
            each = each.append_column(name, times)
        each = each.append_column("events", array(np.ones(len(rows), np.int64)))
        people = pa.concat_tables([people.filter(array(~momentary)), each])
    section = np.where(np.asarray(table.column("section")) % MARKED == 2, 2, customer == 0).astype(np.uint8)
    return Owned(customer, section, people)


def _at_the_moment(
    connection: door.Connection, events: pa.Table, arrival: Arrival, resolution: Resolution
) -> np.ndarray:
    """uint64[n]: the customer of each of some events that come in; 0 is nobody."""
    connection.register("of the moment", events.append_column("row", array(np.arange(len(events)))))
    found = connection.execute(
        f'SELECT e."row", coalesce({resolution.customer}, 0)::UBIGINT AS customer FROM (SELECT *, '
        f"{standing.numbers(arrival.columns)}, {standing.external(arrival.columns, arrival.rest, ())} "
        f'FROM "of the moment") AS e{resolution.joins}'
    ).fetchnumpy()
    connection.unregister("of the moment")
    customer = np.zeros(len(events), np.uint64)
    customer[np.asarray(found["row"], np.int64)] = found["customer"]
    return customer


def asked(home: Home, before: Manifest) -> set[str]:
    """Paths that say whose an event is, or whether it is marked: asked of the rows that come in before they are written."""
    traits = decisions.of(home.root, before).force().rules.external
    return {*standing.REFERENCES, *MARKING, *map(standing.path_of, traits)}


def _arriving(
    connection: door.Connection, arrivals: list[Arrival], rules: TrafficRules, traits: Sequence[str]
) -> list[str]:
    """The view `arriving`: what identity needs of the rows that come in. Returns the mark of each, as SQL."""
    selects, marks = [], []
    for number, arrival in enumerate(arrivals):
        _skip_table(connection, number, arrival)
        if arrival.held is not None:
            arrival.held.lent_to(connection, _held(number))
        source = _kept(number, arrival)
        why = traffic.reason(connection, source, arrival.columns, arrival.rest, rules, f"new{number}")
        marks.append("false" if why is None else f"({why} IS NOT NULL)")
        computed = {
            "numbers": standing.numbers(arrival.columns),
            "external": standing.external(arrival.columns, arrival.rest, traits),
            "marked": f"{marks[-1]} AS marked",
        }
        listed = ", ".join(computed.get(name) or f"e.{name}" for name in NEEDED)
        selects.append(f"SELECT {listed} FROM {source} AS e")
    nothing = ", ".join(f"NULL::{KINDS.get(name, 'VARCHAR')} AS {name}" for name in NEEDED)
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW arriving AS {' UNION ALL '.join(selects) or f'SELECT {nothing} WHERE false'}"
    )
    return marks


def _skip_table(connection: door.Connection, number: int, arrival: Arrival) -> None:
    if len(arrival.skipped):
        connection.register("skip_column", {"r": arrival.skipped})
        connection.execute(f"CREATE OR REPLACE TEMP TABLE skip_{number} AS SELECT r FROM skip_column")
        connection.unregister("skip_column")


def _whole(connection: door.Connection, number: int, arrival: Arrival) -> str:
    """SQL of the rows that come in with all their columns, also those that are lent."""
    staged = _kept(number, arrival)
    return staged if arrival.lent is None else arrival.lent.whole(connection, f"(FROM {staged})")


def _kept(number: int, arrival: Arrival, *, numbered: bool = False) -> str:
    """SQL of the rows that come in, without those to skip; with `numbered` their `file_row_number` too."""
    if arrival.held is not None:
        source = door.quoted(_held(number))
    elif numbered or len(arrival.skipped):
        source = f"read_parquet({door.file_list([arrival.path])}, file_row_number = true)"
    else:
        return f"read_parquet({door.file_list([arrival.path])})"
    listed = "*" if numbered else "* EXCLUDE (file_row_number)"
    where = f" WHERE file_row_number NOT IN (SELECT r FROM skip_{number})" if len(arrival.skipped) else ""
    return f"(SELECT {listed} FROM {source}{where})"


def _held(number: int) -> str:
    """The relation that an arrival is while it is in memory."""
    return f"held {number}"


def _written(
    home: Home,
    connection: door.Connection,
    before: Manifest,
    open_files: list[EventFile],
    arrivals: list[Arrival],
    marks: list[str],
    resolution: Resolution,
    leaving: int | None,
    traits: Sequence[str],
    reading: Reading | None,
    carried: list[Carriers] | None,
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
        _arrival_select(connection, index, arrival, target, marks[index], resolution, traits)
        for index, arrival in enumerate(arrivals)
    ]
    if len(moving):
        selects.append(_carried_select(before, open_files, target, resolution, leaving, traits))
    if not selects:
        return before
    select = " UNION ALL BY NAME ".join(selects)
    names = _names(connection, before, arrivals)
    pieces = []
    if not len(moving) and all(arrival.comes_as_it_is(target) for arrival in arrivals):
        pieces = [
            Piece(
                arrival.path,
                _placed(index, arrival, marks[index], resolution, traits),
                int(arrival.batch),
                arrival.lent,
                arrival.held,
                None if carried is None else _owned(connection, index, arrival, carried[index], resolution),
            )
            for index, arrival in enumerate(arrivals)
        ]
    name = f"runs/{number:06d}"
    lenders = [arrival.lent for arrival in arrivals]
    with door.joins_as_written(connection), unchanged(lenders):
        written = writing.write(
            connection,
            home.root,
            name,
            number,
            select=select,
            columns=target.columns,
            rest=target.rest,
            names=names,
            shards=before.shards,
            pieces=pieces,
            reading=reading,
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
    for number, arrival in enumerate(arrivals):
        source = (
            f"read_parquet({door.file_list([arrival.path])})"
            if arrival.held is None
            else door.quoted(_held(number))
        )
        rows = connection.execute(
            f"SELECT DISTINCT event FROM {source} WHERE section < 2 ORDER BY 1"
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


def _section(nobody: str, marked: str) -> str:
    """SQL of the section of a row (alias `e`), given the tests whether it is nobody's and whether it is marked."""
    what = f"CASE WHEN e.section % {MARKED} = 2 THEN 2 WHEN {nobody} THEN 1 ELSE 0 END"
    beside = "0" if marked == "false" else f"CASE WHEN {marked} THEN {MARKED} ELSE 0 END"
    return f"({what} + {beside})::UTINYINT AS section"


def _placed(number: int, arrival: Arrival, marked: str, resolution: Resolution, traits: Sequence[str]) -> str:
    """SQL of (row, section, customer) of the rows that come in, `row` being its number in the staged file."""
    return (
        f"SELECT e.file_row_number AS row, {_section(f'{resolution.customer} IS NULL', marked)}, "
        f"coalesce({resolution.customer}, 0)::UBIGINT AS customer FROM (SELECT *, {standing.numbers(arrival.columns)}, "
        f"{standing.external(arrival.columns, arrival.rest, traits)} "
        f"FROM {_kept(number, arrival, numbered=True)}) AS e{resolution.joins}"
    )


def _arrival_select(
    connection: door.Connection,
    number: int,
    arrival: Arrival,
    target: standing.Shape,
    marked: str,
    resolution: Resolution,
    traits: Sequence[str],
) -> str:
    joins, customer = resolution.joins, resolution.customer
    plain = [name for name in FIXED if name not in ("section", "customer", "batch", "own_sequence")]
    listed = standing.select(
        arrival.columns,
        target,
        fixed=plain,
        extra=("section", "customer", "batch", "own_sequence"),
    )
    inner = (
        f"SELECT e.* EXCLUDE (section), {_section(f'{customer} IS NULL', marked)}, "
        f"coalesce({customer}, 0)::UBIGINT AS customer, {arrival.batch}::INTEGER AS batch_, "
        f"{arrival.own_sequence} AS own_sequence_ "
        f"FROM (SELECT *, {standing.numbers(arrival.columns)}, {standing.external(arrival.columns, arrival.rest, traits)} "
        f"FROM {_whole(connection, number, arrival)}) AS e{joins}"
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
    resolution: Resolution,
    leaving: int | None,
    traits: Sequence[str],
) -> str:
    """The whole history of the customers in `moving`, less what leaves, with its owners as now resolved."""
    joins, customer = resolution.joins, resolution.customer
    rows = standing.rows(before, open_files, target)
    # These columns are read in the unified shape, as the rows are.
    computed = f"{standing.numbers(target.columns)}, {standing.external(target.columns, target.rest, traits)}"
    gone = f" AND e.batch <> {leaving}" if leaving is not None else ""
    others = [name for name in FIXED if name not in ("section", "customer", "sequence", "own_sequence")]
    listed = ", ".join(
        [
            *(f"e.{door.quoted(name)}" for name in others),
            *(f"e.{door.quoted(path)}" for path in target.columns),
            "e.rest",
        ]
    )
    # What was not pulled is resolved over too few events to go by: it stays with whom it was.
    owner = f"CASE WHEN pl.reached THEN coalesce({customer}, 0) ELSE e.customer END"
    return (
        f"SELECT {_section(f'{owner} = 0', f'coalesce(q.marked, e.section >= {MARKED})')}, "
        f"{owner} AS customer, coalesce(q.sequence, e.sequence) AS sequence, "
        "CASE WHEN q.sequence IS NULL THEN e.own_sequence "
        "WHEN q.sequence = coalesce(e.own_sequence, e.sequence) THEN NULL "
        "ELSE coalesce(e.own_sequence, e.sequence) END AS own_sequence, "
        f"{listed} FROM (SELECT *, {computed} FROM ({rows}) WHERE customer IN (SELECT customer FROM moving)) AS e{joins} "
        "LEFT JOIN altered AS q ON q.key_hi = e.key_hi AND q.key_lo = e.key_lo "
        "LEFT JOIN (SELECT key_hi, key_lo, true AS reached FROM pulled) AS pl "
        "ON pl.key_hi = e.key_hi AND pl.key_lo = e.key_lo "
        f"WHERE true{gone}"
    )
