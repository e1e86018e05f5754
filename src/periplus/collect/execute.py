"""Recipes carried out: events and refused rows written as Parquet, set by set, never row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from periplus.collect import hashed_columns, keys, times
from periplus.collect.asked import one
from periplus.collect.hashing import Hashing
from periplus.collect.recipe import (
    PHYSICAL,
    EventRecipe,
    Recipe,
    Spans,
    as_kind,
    json_key,
    only_times,
    rest_of,
    section,
    shredded,
    timed,
    written,
)
from periplus.store.door import Connection, file_list, joins_as_written, literal, memory, quoted, threads
from periplus.store.held import Held
from periplus.store.lent import Lent
from periplus.store.staged import ROW_BITS

REJECTS = 'file INTEGER, line BIGINT, reason VARCHAR, "column" VARCHAR, value VARCHAR, payload VARCHAR'
"""The columns of refused rows; the table has `start` and `finish` too, where the row's text lies."""
UNMADE = 'file INTEGER, line BIGINT, event VARCHAR, reason VARCHAR, "column" VARCHAR, value VARCHAR'
"""The columns of events that were not made, though their rows came in."""
MOST_IN_REST = 20_000
"""Paths of the rest that are listed; with more, readers look into every rest."""
RISES = 100_000
"""Rows looked at first for two times that rise; only a file without any is read to its end for it."""


@dataclass(frozen=True)
class Written:
    """What carrying out wrote: event files, their shredded columns, paths in `rest`, rows withheld, warnings."""

    events: list[Path]
    columns: dict[str, str]
    rest: tuple[str, ...] | None
    withheld: int
    newest_first: list[int]
    warnings: list[str]
    lent: dict[Path, Lent]
    """By event file: columns that it has not, because they stay in the file that is imported."""
    held: dict[Path, Held]
    """By event file: its events, where they stay in memory."""


def execute(
    connection: Connection,
    recipes: list[Recipe],
    folder: Path,
    step: Callable[[str], None],
    hashing: Hashing | None = None,
    *,
    lend: bool = False,
) -> Written:
    """Write the events of all recipes into `folder`; refused rows go to the table `rejects`, and to `unmade` the
    events that rows which came in would have made had their time been readable. With `hashing`, identifiers are
    hashed in what is written. With `lend`, columns that come in as they are stay where they are."""
    sent = shredded(recipes)
    kinds = sent if hashing is None else hashed_columns.kinds(hashing, sent)
    paths: list[Path] = []
    lent: dict[Path, Lent] = {}
    held: dict[Path, Held] = {}
    withheld, reversed_files, warnings = 0, [], []
    for number, recipe in enumerate(recipes):
        lender = recipe.lent.only_of(kinds) if lend and hashing is None and recipe.lent is not None else None
        left_out = frozenset(() if lender is None else lender.columns)
        if hashing is None and recipe.origin is not None and recipe.origin.many:
            from periplus.collect import by_value  # what it needs is not loaded for a few rows

            path = folder / f"events-{number:03d}.parquet"
            spans_of = partial(_spans, connection, recipe)
            whole = by_value.staged(connection, recipe, spans_of, kinds, left_out, step)
            if whole is not None:
                staged, newest_first = whole
                made = len(staged.table)
                held[path] = staged
                if 3 * sum(each.table.nbytes for each in held.values()) > memory(connection):
                    held.pop(path).write(path, threads(connection))  # there is no room for so many
                paths.append(path)
                reversed_files += newest_first
                if lender is not None and lender.columns:
                    lent[path] = lender
                if made != recipe.rows:
                    withheld += _refuse(connection, recipe, spans_of())
                    connection.execute("DROP TABLE happened")
                continue
        step("reading times")
        spans = _spans(connection, recipe)
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW timed AS SELECT * EXCLUDE ({_temporary(recipe)}), {only_times(recipe)} "
            f"FROM {timed(recipe, recipe.relation, spans)}"
        )
        all_timed = _happened(connection, recipe)
        newest_first = [file for file in recipe.files if _falls(connection, recipe, file)]
        reversed_files += newest_first
        _positions(connection, newest_first)
        _before(connection, recipe)
        step("writing events")
        for event in recipe.events:
            path = folder / f"events-{number:03d}-{event.place:03d}.parquet"
            with joins_as_written(connection):
                made = _copy(connection, recipe, event, (sent, kinds), path, all_timed, hashing, left_out)
            if made:
                paths.append(path)
                if lender is not None and lender.columns:
                    lent[path] = lender
            else:
                path.unlink(missing_ok=True)
        if len(recipe.events) > 1 or made != recipe.rows:  # else every row made its event: none to refuse
            withheld += _refuse(connection, recipe, spans)
            warnings += _unmade(connection, recipe, spans)
        connection.execute(
            "DROP TABLE happened; DROP TABLE positions; DROP TABLE equals_before; DROP TABLE repeated"
        )
    if not lend:
        step("writing events")
        for path, whole_file in held.items():
            whole_file.write(path, threads(connection))
        held = {}
    told = _paths_in_rest(connection, [path for path in paths if path not in held], list(held.values()))
    return Written(paths, kinds, told, withheld, reversed_files, warnings, lent, held)


def _spans(connection: Connection, recipe: Recipe) -> Spans:
    """Between which local times each of the recipe's times lies; nothing of those whose zone has one offset."""
    asked = [i for i, item in enumerate(recipe.times) if not item.micros and times.changes(item.zone)]
    if not asked:
        return {}
    parts = ", ".join(
        f"min({low}), max({low})"
        for low in (
            f"CASE WHEN l{i} BETWEEN {times.EARLIEST} AND {times.LATEST} THEN l{i} END" for i in asked
        )
    )
    row = one(connection, f"SELECT {parts} FROM {written(recipe)}")
    return {i: (row[2 * k], row[2 * k + 1]) for k, i in enumerate(asked) if row[2 * k] is not None}


def _temporary(recipe: Recipe) -> str:
    return ", ".join(f"{letter}{i}" for letter in "xlzot" for i in range(len(recipe.times)))


def _happens(recipe: Recipe, event: EventRecipe) -> str:
    return f"({event.when}) AND t{event.moment} IS NOT NULL"


def _refused(recipe: Recipe) -> str:
    """SQL: a check says that nothing of this row comes in."""
    return " OR ".join(f"({sql})" for sql, _, _ in recipe.checks) or "false"


def _happened(connection: Connection, recipe: Recipe) -> bool:
    """Table `happened`: when each event was, and its receipt; returns whether all of them have a time."""
    parts = []
    for event in recipe.events:
        received = "NULL::BIGINT" if event.received is None else f"t{event.received}"
        parts.append(
            f'SELECT file, "row", t{event.moment} AS time, {received} AS received FROM timed '
            f"WHERE {event.when}"
        )
    # a filter on the time would be evaluated beside it once more, so rows without one are taken out after
    connection.execute(f"CREATE TEMP TABLE happened AS {' UNION ALL '.join(parts)}")
    (missing,) = one(connection, "SELECT count(*) - count(time) FROM happened")
    if missing:
        connection.execute("DELETE FROM happened WHERE time IS NULL")
    return not missing


def _falls(connection: Connection, recipe: Recipe, file: int) -> bool:
    """Whether the first event's times never rise and fall at least once: the file is listed newest first."""
    source, moment = "timed", f"t{recipe.events[0].moment}"
    if len(recipe.events) == 1 and recipe.events[0].when == "true":
        source, moment = "happened", "time"  # where they are read already
    first = file << ROW_BITS
    for until in (first + RISES, (file + 1) << ROW_BITS):
        query = (
            f"SELECT COALESCE(bool_or(now > before), false), COALESCE(bool_or(now < before), false) FROM (SELECT {moment} AS now, "
            f'lag({moment}) OVER (ORDER BY "row") AS before FROM {source} '
            f'WHERE "row" BETWEEN {first} AND {until - 1} AND {moment} IS NOT NULL)'
        )
        row = one(connection, query)
        if row[0]:
            return False
    return bool(row[1])


def _positions(connection: Connection, newest_first: list[int]) -> None:
    """Table `positions`: where among the rows of equal time (and receipt) of its file a row stands, if not first.

    Rows of a file that is newest first are counted from its end.
    """
    order = (
        '"row"'
        if not newest_first
        else (f'CASE WHEN file IN ({", ".join(map(str, newest_first))}) THEN -"row" ELSE "row" END')
    )
    if not _repeated(connection, "file, time", "happened"):
        connection.execute('CREATE TEMP TABLE positions ("row" BIGINT, time BIGINT, position BIGINT)')
        return
    connection.execute(
        "CREATE TEMP TABLE positions AS "
        f'SELECT DISTINCT "row", time, dense_rank() OVER (PARTITION BY file, time, received ORDER BY {order}) - 1 AS position '
        "FROM happened JOIN repeated USING (file, time)"
    )


def _before(connection: Connection, recipe: Recipe) -> None:
    """Table `equals_before`: how many equal rows stand before a row in its file, where any do."""
    if not recipe.counted or not _repeated(connection, "file, h", "timed WHERE h IS NOT NULL"):
        connection.execute('CREATE TEMP TABLE equals_before ("row" BIGINT, before BIGINT)')
        return
    ranked = (
        'SELECT "row", row_number() OVER (PARTITION BY file, h ORDER BY "row") - 1 AS before '
        "FROM timed JOIN repeated USING (file, h)"
    )
    connection.execute(f"CREATE TEMP TABLE equals_before AS SELECT * FROM ({ranked}) WHERE before > 0")


def _repeated(connection: Connection, values: str, relation: str) -> bool:
    """Table `repeated`: what several rows of a relation have in common; whether there is any."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE repeated AS SELECT {values} FROM {relation} GROUP BY {values} HAVING count(*) > 1"
    )
    return bool(one(connection, "SELECT count(*) FROM repeated")[0])


def _copy(
    connection: Connection,
    recipe: Recipe,
    event: EventRecipe,
    kinds: tuple[dict[str, str], dict[str, str]],
    path: Path,
    all_timed: bool,
    hashing: Hashing | None,
    left_out: frozenset[str],
) -> int:
    """Write one event of a recipe; `kinds` of the shredded columns as they were sent, and as they are written."""
    position = '"@position"'
    sequence = f"({position} << 8) | {min(event.place, 255)}"
    if event.received is not None:
        sequence = f"CASE WHEN t{event.received} IS NOT NULL THEN (t{event.received} << 10) | least({position}, 1023) ELSE {sequence} END"
    given = dict(event.columns)
    given |= {
        "section": section(event),
        "time": f"t{event.moment}", "sequence": sequence,
        "key_hi": keys.high_sql('"@key"'), "key_lo": keys.low_sql('"@key"'),
        "received_at": "NULL" if event.received is None else f"t{event.received}",
        "file": "file", "line": "line", "place": str(event.place),
    }  # fmt: skip
    fixed = {name: f"CAST({given.get(name, 'NULL')} AS {kind})" for name, kind in PHYSICAL.items()}
    sent, kept_as = kinds
    others, pieces = {}, []
    for name, kind in kept_as.items():
        if name in left_out:
            continue
        value = event.values.get(name)
        others[name] = as_kind(value, sent.get(name, kind))
        if value is not None and value.misfit is not None:
            pieces.append(f"{literal(json_key(name))} || {value.misfit}")
    rest = rest_of(event.rest, pieces)
    if hashing is not None:
        addresses = (fixed["email"], fixed["user_id"])
        fixed = {name: hashed_columns.physical(name, sql) for name, sql in fixed.items()}
        others = {
            name: hashed_columns.shredded(hashing, name, sent.get(name, "BOOLEAN"), sql)
            for name, sql in others.items()
        }
        if (own := others.get(hashed_columns.INTERNAL)) is not None:
            kind = kept_as[hashed_columns.INTERNAL]
            others[hashed_columns.INTERNAL] = hashed_columns.internal(hashing, kind, own, *addresses)
        rest = hashed_columns.told("json", rest)
    columns = [f"{sql} AS {quoted(name)}" for name, sql in {**fixed, **others, "rest": rest}.items()]
    placed = (
        'SELECT r.*, COALESCE(p.position, 0) AS "@position", COALESCE(b.before, 0) AS "@before" '
        f'FROM timed AS r LEFT JOIN positions AS p ON p."row" = r."row" AND p.time = r.t{event.moment} '
        f'LEFT JOIN equals_before AS b ON b."row" = r."row"'
    )
    happens = event.when if all_timed else _happens(recipe, event)
    kept = f"({happens}) AND NOT ({recipe.withheld}) AND NOT ({_refused(recipe)})"
    query = f'SELECT {", ".join(columns)} FROM (SELECT *, {event.key} AS "@key" FROM ({placed}) WHERE {kept})'
    result = one(
        connection, f"COPY ({query}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION uncompressed)"
    )
    return int(result[0]) if result else 0


def _refuse(connection: Connection, recipe: Recipe, spans: Spans) -> int:
    """Rows of which nothing is made go to `rejects` with the first reason; returns how many are withheld."""
    withheld = 0
    if recipe.withheld != "false":
        (withheld,) = one(connection, f"SELECT count(*) FROM {recipe.relation} WHERE {recipe.withheld}")
    # `happened` has the rows with a time, so that only those without are read again
    nothing = '"row" NOT IN (SELECT "row" FROM happened)'
    if recipe.checks:
        nothing = f"({nothing} OR {_refused(recipe)})"
    if recipe.withheld != "false":
        nothing += f" AND NOT ({recipe.withheld})"
    source = timed(recipe, f"(SELECT * FROM {recipe.relation} WHERE {nothing})", spans)
    reasons, columns, values = [], [], []

    def add(condition: str, reason: str, column: str | None, value: str) -> None:
        reasons.append(f"WHEN {condition} THEN {reason}")
        columns.append(f"WHEN {condition} THEN {'NULL' if column is None else literal(column)}")
        values.append(f"WHEN {condition} THEN {value}")

    for sql, why, column in recipe.checks:
        add(f"({sql})", literal(why), column, "NULL")
    for event in recipe.events:
        item = recipe.times[event.moment]
        i = event.moment
        if not item.micros:
            why = times.reason(item.form, f"x{i}", f"l{i}", f"o{i}", item.others)
            add(f"({event.when}) AND COALESCE(x{i} <> '', false) AND t{i} IS NULL", why, item.column, f"x{i}")
        else:
            add(
                f"({event.when}) AND x{i} IS NOT NULL AND t{i} IS NULL",
                literal(times.OUT_OF_RANGE),
                item.column,
                f"x{i}::VARCHAR",
            )
    for event in recipe.events:
        item = recipe.times[event.moment]
        add(f"({event.when})", "'the time is empty'", item.column, "NULL")
    fallback = "none of the mapping's events applies to this row"
    connection.execute(
        f"INSERT INTO rejects BY NAME SELECT file, line, CASE {' '.join(reasons)} ELSE {literal(fallback)} END AS reason, "
        f'CASE {" ".join(columns)} END AS "column", CASE {" ".join(values)} END AS value, '
        f"{recipe.payload or 'NULL::VARCHAR'} AS payload, start, finish FROM {source}"
    )
    return int(withheld)


def _unmade(connection: Connection, recipe: Recipe, spans: Spans) -> list[str]:
    """Warnings of rows that came in, though one of their times could not be read; each goes to `unmade`, and why."""
    if len(recipe.events) < 2:
        return []
    came_in = f"({' OR '.join(f'({_happens(recipe, event)})' for event in recipe.events)})"
    came_in += f" AND NOT ({recipe.withheld}) AND NOT ({_refused(recipe)})"
    missed = [f"({event.when}) AND g{event.moment} AND t{event.moment} IS NULL" for event in recipe.events]
    counts = one(
        connection,
        f"SELECT {', '.join(f'count(*) FILTER (WHERE {each})' for each in missed)} FROM timed WHERE {came_in}",
    )
    warnings = []
    for event, condition, count in zip(recipe.events, missed, counts, strict=True):
        if not count:
            continue
        i, item = event.moment, recipe.times[event.moment]
        rows = f'(SELECT * FROM {recipe.relation} WHERE "row" IN (SELECT "row" FROM timed WHERE {came_in} AND {condition}))'
        why = (
            literal(times.OUT_OF_RANGE)
            if item.micros
            else times.reason(item.form, f"x{i}", f"l{i}", f"o{i}", item.others)
        )
        connection.execute(
            f"INSERT INTO unmade SELECT file, line, {literal(event.label)}, {why}, {literal(item.column)}, "
            f"x{i}::VARCHAR FROM {timed(recipe, rows, spans)}"
        )
        warnings.append(
            f"{count:,} values of {item.column} are no time that can be read; their rows came in without {event.label}."
        )
    return warnings


def _paths_in_rest(connection: Connection, paths: list[Path], held: list[Held]) -> tuple[str, ...] | None:
    """Which paths really occur in `rest`; None where they are too many to list."""
    found: set[str] = set()
    sources = [f"read_parquet({file_list([path])})" for path in paths]
    sources += [each.lent_to(connection, f"held {number}") for number, each in enumerate(held)]
    for source in sources:
        rows = connection.execute(
            f"SELECT DISTINCT unnest(json_keys(rest)) FROM {source} WHERE rest IS NOT NULL "
            f"LIMIT {MOST_IN_REST + 1}"
        ).fetchall()
        found |= {str(row[0]) for row in rows}
    return tuple(sorted(found)) if len(found) <= MOST_IN_REST else None
