"""Which events may change hands when some arrive or leave, or when something else is decided.

Starting from the identifiers of the rows that come or go (or of what was decided), the standing events that carry
one of them are pulled, with the identifiers on these, until nothing new is found. A user id is not crossed unless
whom it means is in question itself, so the group stays small.

    reach_KIND (id)     identifiers, as they are compared, whose events may change hands
    moved (id)          user ids that may come to mean another customer: what was seen with them moves along
    pulled              the standing rows that carry one of these
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise

from periplus.people import components, guards
from periplus.people.decisions import Change, Identifier
from periplus.people.identity import NEEDED, Resolution
from periplus.people.linking import Linking, table
from periplus.store import standing
from periplus.store.door import Connection
from periplus.store.files import MARKED, EventFile
from periplus.store.manifest import Manifest

_COLUMNS = (*NEEDED, "customer", "batch")
_KINDS = {
    "device": "anonymous_id", "email": "email", "phone": "phone", "external": "external", "reference": "numbers",
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
    With `stirred`, those of that table, whose references are new, are touched, and whoever carries the one they had.
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
    nobodys = standing.narrow(before, files, _COLUMNS, traits=traits, test="customer = 0")
    run(f"CREATE OR REPLACE TEMP VIEW standing_nobody AS {_now(nobodys, moved)}")
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
    grows = leaving is None and decided is None and not (moved or stirred or departed)
    reach = _Reach(connection, linking, f"({touched})", stays, stirred, grows)
    people = standing.people(before, files, with_marked=True, nobody=True)
    run(f"CREATE OR REPLACE TEMP VIEW standing_people AS {people}")
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
        self, connection: Connection, linking: Linking, touched: str, stays: str, stirred: bool, grows: bool
    ) -> None:
        self.connection = connection
        self.linking = linking
        self.touched = touched
        self.stays = stays
        self.stirred = stirred
        self.grows = grows
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
        self.read(self.touched)
        self.carried(_KINDS)
        if self.stirred:
            self.add("reference", "SELECT numbers FROM stirred")
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
        self.run(
            f"CREATE OR REPLACE TEMP TABLE alias_pair AS SELECT DISTINCT a, b FROM (SELECT {user} AS a, {previous} AS b "
            "FROM standing_alias UNION ALL SELECT user, former FROM carried) WHERE a IS NOT NULL AND b IS NOT NULL"
        )
        teams = [[each.value for each in team if each.kind == "user"] for team in self.linking.teams]
        table(self.connection, "hand_pair", ("a", "b"), [pair for team in teams for pair in pairwise(team)])
        components.least(
            self.connection, "kin_root", "(SELECT a, b FROM alias_pair UNION ALL SELECT a, b FROM hand_pair)"
        )
        self.run("CREATE OR REPLACE TEMP TABLE kin AS SELECT value AS id, root FROM kin_root")
        self.run("CREATE OR REPLACE TEMP TABLE former_id AS SELECT DISTINCT b AS id FROM alias_pair")
        table(self.connection, "named_id", ("id",), [(value,) for value in named])
        self.run(
            "INSERT INTO moved SELECT DISTINCT id FROM (SELECT id FROM named_id UNION ALL "
            "SELECT user FROM carried WHERE alias OR user IN (SELECT id FROM former_id) UNION ALL "
            "SELECT former FROM carried) AS s (id) WHERE id IS NOT NULL"
        )
        kin = "SELECT DISTINCT id FROM kin WHERE root IN (SELECT root FROM kin JOIN moved USING (id))"
        self.run(f"INSERT INTO moved SELECT id FROM ({kin}) WHERE id NOT IN (SELECT id FROM moved)")
        self.add("user", "SELECT id FROM moved", void=True)
        self.known("SELECT user FROM carried")

    def read(self, rows: str) -> None:
        """The table `carried`: what some rows carry, as it is compared; `former` is what an alias says was a user's id."""
        columns = {"user": "user_id", **_KINDS}
        self.run(
            f"CREATE OR REPLACE TEMP TABLE carried_raw AS SELECT DISTINCT {', '.join(columns.values())}, "
            f"CASE WHEN type = 'alias' THEN previous_id END AS previous_id, type = 'alias' AS alias FROM {rows}"
        )
        sent = _filled(self.connection, "carried_raw", {**columns, "former": "previous_id"})
        told = {kind: self.plain(kind, column) for kind, column in columns.items()}
        told["former"] = self.plain("user", "previous_id")
        listed = ", ".join(
            f"{sql if kind in sent else 'NULL::VARCHAR'} AS {kind}" for kind, sql in told.items()
        )
        self.run(f"CREATE OR REPLACE TEMP TABLE carried AS SELECT {listed}, alias FROM carried_raw")

    def carried(self, kinds: Iterable[str], where: str = "true") -> None:
        """Reach what the table `carried` has of some kinds; what an alias says was a user's id may be a device's."""
        counts = ", ".join(f"count({kind})" for kind in kinds)
        filled = self.run(f"SELECT {counts}, count(former) FROM carried WHERE {where}").fetchall()[0]
        for kind, count in zip(kinds, filled, strict=False):
            if count:
                self.add(kind, f"SELECT {kind} FROM carried WHERE {where}")
        if filled[-1] and "device" in kinds:
            self.add("device", f"SELECT former FROM carried WHERE {where}")

    def plain(self, kind: str, column: str) -> str:
        """SQL of an identifier as it is compared; of a reference as it stands."""
        return column if kind == "reference" else self.linking.value(kind, column)

    def alike(self, kind: str, column: str) -> str:
        return column if kind == "reference" else self.linking.alike(kind, column)

    def add(self, kind: str, ids: str, *, void: bool = False) -> None:
        """Reach identifiers of a kind (SQL of one column); those that are void link nothing, unless `void` says so."""
        links = "" if void else f" AND id NOT IN (SELECT value FROM void_id WHERE kind = '{kind}')"
        if kind == "reference":
            ids = f"SELECT {standing.parts('id')} FROM ({ids}) AS s (id)"
        self.run(
            f"INSERT INTO reach_{kind} SELECT DISTINCT id FROM ({ids}) AS s (id) WHERE id IS NOT NULL "
            f"AND id NOT IN (SELECT id FROM reach_{kind}) AND id NOT IN ({guards.barred(kind)}){links}"
        )

    def known(self, users: str) -> None:
        """Reach whoever is one account with some users: whom that is hangs on which of their ids were seen."""
        self.add(
            "user",
            f"SELECT id FROM kin WHERE root IN (SELECT root FROM kin JOIN ({users}) AS u (id) USING (id))",
        )

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
        if "reference" in carries:
            carries["reference"] = " OR ".join(
                f"split_part(numbers, chr(31), {place}) IN (SELECT id FROM reach_reference)"
                for place in range(1, len(_REFERENCES) + 1)
            )
        beside = [carries[kind] for kind in filled if kind in _SIDE]
        met = " OR ".join(beside) or "false"
        run(f"CREATE OR REPLACE TEMP TABLE meeting AS SELECT * FROM standing_people WHERE {met}")
        if self.grows:
            self.bar(filled)
        run(
            f"CREATE OR REPLACE TEMP TABLE nearer AS SELECT DISTINCT customer FROM meeting WHERE ({met}) "
            "AND customer <> 0 AND customer NOT IN (SELECT customer FROM near)"
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
        if carries:  # what was void, and is not any more, stands with nobody
            more.append(f"standing_nobody WHERE ({' OR '.join(carries.values())})")
        kinds = run("SELECT DISTINCT split_part(id, ':', 1) FROM reach_reference").fetchall()
        more += [
            f"standing_{name} WHERE ({carries['reference']})" for (name,) in kinds if name in _REFERENCES
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

    def bar(self, kinds: Iterable[str]) -> None:
        """Go no further over what was over its limit before: with more events it still is, so nothing hangs on it.

        Else every order of a call centre would pull all the others.
        """
        there = _filled(self.connection, "meeting", _SIDE)
        guarded = [
            kind for kind in kinds if kind in there and there.intersection(guards.BESIDE.get(kind, ()))
        ]
        if not guarded:
            return
        told = {kind: self.plain(kind, column) for kind, column in _SIDE.items() if kind in there}
        values = ", ".join(f"{_void_less(kind, value)} AS {kind}" for kind, value in told.items())
        self.run(f"CREATE OR REPLACE TEMP TABLE counting AS SELECT {values} FROM meeting WHERE NOT marked")
        for kind in guarded:
            self.run(
                f"INSERT INTO barred SELECT '{kind}', {kind} FROM "
                f"({guards.crowded('counting', kind, self.linking.rules.limits, there)}) "
                f"WHERE {kind} IN (SELECT id FROM reach_{kind})"
            )
            self.run(f"DELETE FROM reach_{kind} WHERE id IN ({guards.barred(kind)})")

    def on(self) -> None:
        """Reach what the pulled rows carry beside, and what is one by hand with anything reached."""
        self.read("pulled")
        # Person identifiers join whoever stands with them; devices and orders matter only without a user, or where
        # whom the user means is in question itself.
        self.carried(_PERSONS)
        self.carried(
            ("device", "reference"),
            "(user IS NULL OR user IN (SELECT id FROM moved) "
            "OR user IN (SELECT value FROM void_id WHERE kind = 'user'))",
        )
        self.known("SELECT user FROM carried")
        if not self.linking.teams:
            return
        teams = " UNION ALL ".join(
            f"SELECT h.team FROM hand_id AS h JOIN {'moved' if kind == 'user' else f'reach_{kind}'} AS r ON r.id = h.value "
            f"WHERE h.kind = '{kind}'"
            for kind in ("user", "device", *_PERSONS)
        )
        for kind in ("device", *_PERSONS):
            self.add(kind, f"SELECT value FROM hand_id WHERE kind = '{kind}' AND team IN ({teams})")
        self.known(f"SELECT value FROM hand_id WHERE kind = 'user' AND team IN ({teams})")


_PERSONS = ("email", "phone", "external")
_REFERENCES = tuple(path.rpartition(".")[2] for path in standing.REFERENCES)


def _void_less(kind: str, value: str) -> str:
    """SQL of an identifier, NULL where people have decided that it links nothing."""
    return f"CASE WHEN {value} NOT IN ({guards.void(kind)}) THEN {value} END"


def _filled(connection: Connection, table_: str, columns: Mapping[str, str]) -> set[str]:
    """The kinds whose columns have any value: for the others no expression need be planned, which takes longest."""
    counts = ", ".join(f"count({column}) > 0" for column in columns.values())
    (some,) = connection.execute(f"SELECT {counts} FROM {table_}").fetchall()
    return {kind for kind, there in zip(columns, some, strict=True) if there}


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
