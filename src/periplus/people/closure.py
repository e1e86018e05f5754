"""Which events may change hands when some arrive or leave: those reached over the identifiers on them.

Starting from the identifiers of the rows that come or go, the standing events that carry one of them
are pulled, with the identifiers on these, until nothing new is found. A user id is never crossed: it
joins nothing but by an alias, so the group stays small.
"""

from __future__ import annotations

from periplus.people.identity import NEEDED, Resolution
from periplus.store import standing
from periplus.store.door import Connection
from periplus.store.files import EventFile
from periplus.store.manifest import Manifest

_COLUMNS = (*NEEDED, "customer", "batch")
_KINDS = ("anonymous_id", "email", "phone", "reference")


def pull(
    connection: Connection,
    before: Manifest,
    files: list[EventFile],
    *,
    leaving: int | None,
    stirred: bool = False,
    departed: bool = False,
) -> None:
    """Make the table `pulled`: every standing event (less the leaving ones) that may change hands.

    Events whose place among others of their time, or whose mark, is new (table `altered`) come with the new one.
    With `stirred`, those of that table, whose reference is new, are touched, and whoever carries the one they had.
    With `departed`, the rows of that table, which stood before and stand no more, are touched.
    """
    run = connection.execute
    run("CREATE TEMP TABLE IF NOT EXISTS reach_reference (id VARCHAR)")  # a view names it before it is filled
    moved = _any(connection, "altered")
    run(
        f"CREATE OR REPLACE TEMP VIEW standing_rows AS {_now(standing.narrow(before, files, _COLUMNS), moved)}"
    )
    for path in standing.REFERENCES:
        name = path.rpartition(".")[2]
        among = f"SELECT substr(id, {len(name) + 2}) FROM reach_reference WHERE starts_with(id, '{name}:')"
        rows = standing.narrow(before, files, _COLUMNS, path=path, among=among)
        run(f"CREATE OR REPLACE TEMP VIEW standing_{name} AS {_now(rows, moved)}")
    run(
        "CREATE OR REPLACE TEMP TABLE going AS SELECT * FROM standing_rows "
        + (f"WHERE batch = {leaving}" if leaving is not None else "WHERE false")
    )
    stays = f"(batch <> {leaving})" if leaving is not None else "true"
    touched = "SELECT * FROM arriving UNION ALL SELECT * EXCLUDE (customer, batch) FROM going"
    if moved:
        touched += " UNION ALL SELECT * EXCLUDE (customer, batch) FROM standing_rows SEMI JOIN altered USING (key_hi, key_lo)"
    if stirred:
        touched += " UNION ALL SELECT * EXCLUDE (customer, batch) FROM standing_rows SEMI JOIN stirred USING (key_hi, key_lo)"
    if departed:
        touched += " UNION ALL SELECT * FROM departed"
    touched = f"({touched})"
    for kind in _KINDS:
        run(
            f"CREATE OR REPLACE TEMP TABLE reach_{kind} AS SELECT DISTINCT {kind} AS id FROM {touched} WHERE {kind} IS NOT NULL"
        )
    run(
        "INSERT INTO reach_anonymous_id SELECT DISTINCT previous_id FROM "
        f"{touched} WHERE previous_id IS NOT NULL AND previous_id NOT IN (SELECT id FROM reach_anonymous_id)"
    )
    if stirred:
        run(
            "INSERT INTO reach_reference SELECT DISTINCT reference FROM stirred WHERE reference IS NOT NULL "
            "AND reference NOT IN (SELECT id FROM reach_reference)"
        )
    _users_of_aliases(connection, touched)
    run(f"CREATE OR REPLACE TEMP VIEW standing_people AS {standing.people(before, files, with_marked=True)}")
    run("CREATE OR REPLACE TEMP TABLE near (customer UBIGINT)")
    run("CREATE OR REPLACE TEMP TABLE near_rows AS SELECT * FROM standing_rows WHERE false")
    sizes = _reached(connection)
    while True:
        _pull_reached(connection, stays, stirred)
        for kind in _KINDS:
            # Person identifiers join whoever stands with them; devices and orders matter only without a user.
            free = "" if kind in ("email", "phone") else " AND user_id IS NULL"
            run(
                f"INSERT INTO reach_{kind} SELECT DISTINCT {kind} FROM pulled WHERE {kind} IS NOT NULL{free} "
                f"AND {kind} NOT IN (SELECT id FROM reach_{kind})"
            )
        now = _reached(connection)
        if now == sizes:
            return
        sizes = now


def _now(rows: str, moved: bool) -> str:
    """Standing rows with their new place among others of their time, and their new mark, if any was `moved`."""
    if not moved:
        return rows
    return (
        "SELECT e.* REPLACE (coalesce(q.sequence, e.sequence) AS sequence, coalesce(q.marked, e.marked) AS marked) "
        f"FROM ({rows}) AS e LEFT JOIN altered AS q ON q.key_hi = e.key_hi AND q.key_lo = e.key_lo"
    )


def _reached(connection: Connection) -> tuple[int, ...]:
    """How many identifiers of each kind have been reached."""
    counts = ", ".join(f"(SELECT count(*) FROM reach_{kind})" for kind in _KINDS)
    return tuple(connection.execute(f"SELECT {counts}").fetchall()[0])


def _pull_reached(connection: Connection, stays: str, stirred: bool) -> None:
    """The table `pulled`: standing rows that carry an identifier that was reached, and every alias.

    Whose rows carry one is read where each file says who is in it, which is a tenth of its rows; then only the
    rows of these customers are read (`near_rows`), once each. Order numbers are not said there, but stand in few rows.
    """
    run = connection.execute
    tests = [f"{kind} IN (SELECT id FROM reach_{kind})" for kind in _KINDS]
    tests.append("user_id IN (SELECT id FROM reach_user)")
    named = [test for test in tests if not test.startswith("reference")]
    run(
        "CREATE OR REPLACE TEMP TABLE nearer AS SELECT DISTINCT customer FROM standing_people "
        f"WHERE ({' OR '.join(named)}) AND customer NOT IN (SELECT customer FROM near)"
    )
    if _any(connection, "nearer"):
        run("INSERT INTO near SELECT customer FROM nearer")
        run(
            f"INSERT INTO near_rows SELECT * FROM standing_rows SEMI JOIN nearer USING (customer) WHERE {stays}"
        )
    run(f"CREATE OR REPLACE TEMP TABLE pulled AS SELECT * FROM near_rows WHERE {' OR '.join(tests)}")
    more = ["standing_rows WHERE type = 'alias'"]
    kinds = connection.execute("SELECT DISTINCT split_part(id, ':', 1) FROM reach_reference").fetchall()
    more += [f"standing_{name} WHERE reference IN (SELECT id FROM reach_reference)" for (name,) in kinds]
    if stirred:
        more.append("standing_rows WHERE (key_hi, key_lo) IN (SELECT (key_hi, key_lo) FROM stirred)")
    for each in more:
        run(
            f"INSERT INTO pulled SELECT * FROM (SELECT * FROM {each} AND {stays}) "
            "ANTI JOIN pulled USING (key_hi, key_lo)"
        )


def _any(connection: Connection, table: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchall())


def _users_of_aliases(connection: Connection, touched: str) -> None:
    """The user ids that any alias names: with one alias more or less, they may all fall together or apart."""
    aliases = "SELECT type, user_id, previous_id FROM {} WHERE type = 'alias'"
    both = f"({aliases.format('standing_rows')} UNION ALL {aliases.format(touched)})"
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE reach_user AS SELECT DISTINCT id FROM "
        f"(SELECT user_id AS id FROM {both} UNION ALL SELECT previous_id FROM {both}) WHERE id IS NOT NULL"
    )


def find_moving(
    connection: Connection,
    before: Manifest,
    files: list[EventFile],
    resolution: Resolution,
    *,
    leaving: int | None,
) -> None:
    """Add to the table `moving` the customers some of whose standing events go, or go to somebody else."""
    del before, files
    run = connection.execute
    run(
        f"INSERT INTO moving SELECT DISTINCT e.customer FROM pulled AS e{resolution.joins} "
        f"WHERE coalesce({resolution.customer}, 0) <> e.customer"
    )
    if leaving is not None:
        run("INSERT INTO moving SELECT DISTINCT customer FROM going")
    if _any(connection, "altered"):
        run(
            "INSERT INTO moving SELECT DISTINCT customer FROM "
            "(SELECT customer, key_hi, key_lo FROM standing_rows) JOIN altered USING (key_hi, key_lo)"
        )
