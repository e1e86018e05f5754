"""Which events may change hands when some arrive or leave, or when something else is decided.

Starting from the identifiers of the rows that come or go (or of what was decided), the standing events that carry
one of them are pulled, with the identifiers on these, until nothing new is found. A user id is not crossed unless
whom it means is in question itself, so the group stays small.

    reach_KIND (id)     identifiers, as they are compared, whose events may change hands
    moved (id)          user ids that may come to mean another customer: what was seen with them moves along
    pulled              the standing rows that carry one of these
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from periplus.people.decisions import Change, Identifier
from periplus.people.identity import NEEDED, Resolution, joined
from periplus.people.linking import Linking, table
from periplus.store import standing
from periplus.store.door import Connection
from periplus.store.files import MARKED, EventFile
from periplus.store.manifest import Manifest

_COLUMNS = (*NEEDED, "customer", "batch")
_KINDS = {
    "device": "anonymous_id", "email": "email", "phone": "phone", "external": "external", "reference": "reference",
}  # fmt: skip
_SIDE = {"user": "user_id", "device": "anonymous_id", "email": "email", "phone": "phone"}
"""Kinds that each file says who has them, with their columns."""


def pull(
    connection: Connection,
    before: Manifest,
    files: list[EventFile],
    linking: Linking,
    *,
    leaving: int | None,
    stirred: bool = False,
    departed: bool = False,
    decided: Change | None = None,
) -> None:
    """Make the table `pulled`: every standing event (less the leaving ones) that may change hands.

    Events whose place among others of their time, or whose mark, is new (table `altered`) come with the new one.
    With `stirred`, those of that table, whose reference is new, are touched, and whoever carries the one they had.
    With `departed`, the rows of that table, which stood before and stand no more, are touched. `decided` is what
    people have decided since the standing events were given their customers.
    """
    run = connection.execute
    run("CREATE TEMP TABLE IF NOT EXISTS reach_reference (id VARCHAR)")  # a view names it before it is filled
    moved = _any(connection, "altered")
    traits = linking.rules.external
    rows = standing.narrow(before, files, _COLUMNS, traits=traits)
    run(f"CREATE OR REPLACE TEMP VIEW standing_rows AS {_now(rows, moved)}")
    statements = standing.narrow(
        before, files, _COLUMNS, traits=traits, test=f"section IN (2, {MARKED + 2}) AND type = 'alias'"
    )
    run(f"CREATE OR REPLACE TEMP VIEW standing_alias AS {_now(statements, moved)}")
    for path in standing.REFERENCES:
        name = path.rpartition(".")[2]
        among = f"SELECT substr(id, {len(name) + 2}) FROM reach_reference WHERE starts_with(id, '{name}:')"
        rows = standing.narrow(before, files, _COLUMNS, path=path, among=among, traits=traits)
        run(f"CREATE OR REPLACE TEMP VIEW standing_{name} AS {_now(rows, moved)}")
    run(
        "CREATE OR REPLACE TEMP TABLE going AS SELECT * FROM standing_rows "
        + (f"WHERE batch = {leaving}" if leaving is not None else "WHERE false")
    )
    stays = f"(batch <> {leaving})" if leaving is not None else "true"
    if decided is not None and decided.rules:
        # Other rules may give any event to somebody else: all are resolved anew.
        run(f"CREATE OR REPLACE TEMP TABLE pulled AS SELECT * FROM standing_rows WHERE {stays}")
        return
    plain = ", ".join(NEEDED)
    touched = f"SELECT {plain} FROM arriving UNION ALL SELECT {plain} FROM going"
    if moved:
        touched += f" UNION ALL SELECT {plain} FROM standing_rows SEMI JOIN altered USING (key_hi, key_lo)"
    if stirred:
        touched += f" UNION ALL SELECT {plain} FROM standing_rows SEMI JOIN stirred USING (key_hi, key_lo)"
    if departed:
        touched += f" UNION ALL SELECT {plain} FROM departed"
    linking.load(connection)
    reach = _Reach(connection, linking, f"({touched})", stays, stirred)
    run(f"CREATE OR REPLACE TEMP VIEW standing_people AS {standing.people(before, files, with_marked=True)}")
    reach.begin(decided.named if decided is not None else ())
    while reach.grew():
        reach.pull()
        reach.on()


def _now(rows: str, moved: bool) -> str:
    """Standing rows with their new place among others of their time, and their new mark, if any was `moved`."""
    if not moved:
        return rows
    return (
        "SELECT e.* REPLACE (coalesce(q.sequence, e.sequence) AS sequence, coalesce(q.marked, e.marked) AS marked) "
        f"FROM ({rows}) AS e LEFT JOIN altered AS q ON q.key_hi = e.key_hi AND q.key_lo = e.key_lo"
    )


class _Reach:
    """The identifiers reached so far, in tables, and the rows that carry them."""

    def __init__(
        self, connection: Connection, linking: Linking, touched: str, stays: str, stirred: bool
    ) -> None:
        self.connection = connection
        self.linking = linking
        self.touched = touched
        self.stays = stays
        self.stirred = stirred
        self.run = connection.execute
        self.sizes: tuple[int, ...] = ()

    def begin(self, named: Iterable[Identifier]) -> None:
        """From what comes, goes or was decided."""
        run = self.run
        for kind in (*_KINDS, "user"):
            run(f"CREATE OR REPLACE TEMP TABLE reach_{kind} (id VARCHAR)")
        run("CREATE OR REPLACE TEMP TABLE moved (id VARCHAR)")
        run("CREATE OR REPLACE TEMP TABLE near (customer UBIGINT)")
        run("CREATE OR REPLACE TEMP TABLE near_rows AS SELECT * FROM standing_rows WHERE false")
        run(f"CREATE OR REPLACE TEMP TABLE touched_rows AS {self.touched}")
        for kind, column in _KINDS.items():
            self.add(kind, f"SELECT {self.plain(kind, column)} FROM touched_rows")
        self.add(
            "device", f"SELECT {self.plain('device', 'previous_id')} FROM touched_rows WHERE type = 'alias'"
        )
        if self.stirred:
            self.add("reference", "SELECT reference FROM stirred")
        listed: dict[str, list[str]] = {}
        for each in map(self.linking.compared, named):
            kind = "reference" if each.kind in ("order", "ticket") else each.kind
            value = f"{each.kind}_id:{each.value}" if kind == "reference" else each.value
            listed.setdefault(kind, []).append(value)
        for kind, values in listed.items():
            table(self.connection, "named_id", ("id",), [(value,) for value in values])
            self.add(kind, "SELECT id FROM named_id", void=True)
        self._begin_users(listed.get("user", []))

    def _begin_users(self, named: list[str]) -> None:
        """The user ids in question: of aliases that come or go, or that may now be, or no longer be, another's former id."""
        user, previous = self.plain("user", "user_id"), self.plain("user", "previous_id")
        aliases = f"SELECT {user} AS a, {previous} AS b FROM {{}} WHERE type = 'alias'"
        edges = self.run(
            f"SELECT DISTINCT a, b FROM ({aliases.format('standing_alias')} UNION ALL "
            f"{aliases.format('touched_rows')}) WHERE a IS NOT NULL AND b IS NOT NULL"
        ).fetchall()
        former = [(b,) for _, b in edges]
        for team in self.linking.teams:
            edges += pairwise(each.value for each in team if each.kind == "user")
        table(self.connection, "kin", ("id", "root"), joined(edges).items())
        table(self.connection, "former_id", ("id",), former)
        table(self.connection, "named_id", ("id",), [(value,) for value in named])
        ids = aliases.format("touched_rows")
        self.run(
            f"INSERT INTO moved SELECT DISTINCT id FROM (SELECT id FROM named_id UNION ALL "
            f"SELECT a FROM ({ids}) UNION ALL SELECT b FROM ({ids}) UNION ALL "
            f"SELECT {user} FROM touched_rows WHERE {user} IN (SELECT id FROM former_id)) AS s (id) WHERE id IS NOT NULL"
        )
        kin = "SELECT DISTINCT id FROM kin WHERE root IN (SELECT root FROM kin JOIN moved USING (id))"
        self.run(f"INSERT INTO moved SELECT id FROM ({kin}) WHERE id NOT IN (SELECT id FROM moved)")
        self.add("user", "SELECT id FROM moved", void=True)
        self.known("touched_rows")

    def plain(self, kind: str, column: str) -> str:
        """SQL of an identifier as it is compared; of a reference as it stands."""
        return column if kind == "reference" else self.linking.value(kind, column)

    def alike(self, kind: str, column: str) -> str:
        return column if kind == "reference" else self.linking.alike(kind, column)

    def add(self, kind: str, ids: str, *, void: bool = False) -> None:
        """Reach identifiers of a kind (SQL of one column); those that are void link nothing, unless `void` says so."""
        links = "" if void else f" AND id NOT IN (SELECT value FROM void_id WHERE kind = '{kind}')"
        self.run(
            f"INSERT INTO reach_{kind} SELECT DISTINCT id FROM ({ids}) AS s (id) WHERE id IS NOT NULL "
            f"AND id NOT IN (SELECT id FROM reach_{kind}){links}"
        )

    def known(self, rows: str) -> None:
        """Reach whoever is one account with a user on some rows: whom that is hangs on which of their ids were seen."""
        users = f"SELECT {self.plain('user', 'user_id')} AS id FROM {rows} WHERE user_id IS NOT NULL"
        self.add("user", f"SELECT id FROM kin WHERE root IN (SELECT root FROM kin JOIN ({users}) USING (id))")

    def grew(self) -> bool:
        """Whether any identifier has been reached since the last time."""
        counts = ", ".join(f"(SELECT count(*) FROM reach_{kind})" for kind in (*_KINDS, "user"))
        sizes = tuple(self.run(f"SELECT {counts}").fetchall()[0])
        grown, self.sizes = sizes != self.sizes, sizes
        return grown

    def pull(self) -> None:
        """The table `pulled`: standing rows that carry an identifier that was reached, and the aliases of such users.

        Whose rows carry one is read where each file says who is in it, which is a tenth of its rows; then only the
        rows of these customers are read (`near_rows`), once each. What is not said there stands in few rows.
        """
        run, filled = self.run, [kind for kind in (*_KINDS, "user") if _any(self.connection, f"reach_{kind}")]
        columns = {**_KINDS, "user": "user_id"}
        carries = {
            kind: f"{self.alike(kind, columns[kind])} IN (SELECT id FROM reach_{kind})" for kind in filled
        }
        beside = [carries[kind] for kind in filled if kind in _SIDE]
        run(
            "CREATE OR REPLACE TEMP TABLE nearer AS SELECT DISTINCT customer FROM standing_people "
            f"WHERE ({' OR '.join(beside) or 'false'}) AND customer NOT IN (SELECT customer FROM near)"
        )
        if _any(self.connection, "nearer"):
            run("INSERT INTO near SELECT customer FROM nearer")
            run(
                f"INSERT INTO near_rows SELECT * FROM standing_rows SEMI JOIN nearer USING (customer) WHERE {self.stays}"
            )
        run(
            "CREATE OR REPLACE TEMP TABLE pulled AS SELECT * FROM near_rows "
            f"WHERE {' OR '.join(carries.values()) or 'false'}"
        )
        more = [
            f"standing_alias WHERE ({self.alike('user', 'user_id')} IN (SELECT id FROM reach_user) "
            f"OR {self.alike('user', 'previous_id')} IN (SELECT id FROM reach_user) "
            f"OR {self.alike('device', 'previous_id')} IN (SELECT id FROM reach_device))"
        ]
        kinds = run("SELECT DISTINCT split_part(id, ':', 1) FROM reach_reference").fetchall()
        more += [
            f"standing_{name} WHERE reference IN (SELECT id FROM reach_reference)"
            for (name,) in kinds
            if name in _REFERENCES
        ]
        if "external" in filled:
            more.append(f"standing_rows WHERE {carries['external']}")
        if self.stirred:
            more.append("standing_rows WHERE (key_hi, key_lo) IN (SELECT (key_hi, key_lo) FROM stirred)")
        for each in more:
            run(
                f"INSERT INTO pulled SELECT * FROM (SELECT * FROM {each} AND {self.stays}) "
                "ANTI JOIN pulled USING (key_hi, key_lo)"
            )

    def on(self) -> None:
        """Reach what the pulled rows carry beside, and what is one by hand with anything reached."""
        user = self.plain("user", "user_id")
        # Person identifiers join whoever stands with them; devices and orders matter only without a user, or where
        # whom the user means is in question itself.
        free = (
            f"({user} IS NULL OR {user} IN (SELECT id FROM moved) "
            "OR "
            f"{user} IN (SELECT value FROM void_id WHERE kind = 'user'))"
        )
        for kind, column in _KINDS.items():
            where = f" WHERE {free}" if kind in ("device", "reference") else ""
            self.add(kind, f"SELECT {self.plain(kind, column)} FROM pulled{where}")
        self.add(
            "device",
            f"SELECT {self.plain('device', 'previous_id')} FROM pulled WHERE type = 'alias' AND {free}",
        )
        self.known("pulled")
        teams = " UNION ALL ".join(
            f"SELECT h.team FROM hand_id AS h JOIN {'moved' if kind == 'user' else f'reach_{kind}'} AS r ON r.id = h.value "
            f"WHERE h.kind = '{kind}'"
            for kind in ("user", "email", "phone", "external", "device")
        )
        for kind in ("email", "phone", "external", "device"):
            self.add(kind, f"SELECT value FROM hand_id WHERE kind = '{kind}' AND team IN ({teams})")
        self.run(
            f"CREATE OR REPLACE TEMP TABLE team_user AS SELECT value AS user_id FROM hand_id WHERE kind = 'user' AND team IN ({teams})"
        )
        self.known("team_user")


_REFERENCES = tuple(path.rpartition(".")[2] for path in standing.REFERENCES)


def _any(connection: Connection, name: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchall())


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
