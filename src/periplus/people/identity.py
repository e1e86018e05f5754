"""Who an event belongs to: identifiers of four ranks, resolved over a set of events by SQL.

The rules: user ids join only by an alias or by hand; person identifiers (e-mail, phone, a number from a trait) that
occur together join into one component; an identifier of a lower rank never joins two of a higher one. An event
belongs to its user; without one to its person component; without one to its device; without one to its
reference. A component, device or reference means whom it was last seen with at or before the event's
time, else whom it was first seen with after; never seen with anybody, it is a customer of its own.

What people decided (`linking.py`) comes in three places: an identifier that is void is as if nobody had sent it; a
link that does not count joins nothing and is no sighting; and what is one by hand is joined, or belongs to its
account whatever it was seen with.

A marked event (of a bot, or internal) belongs to whom its identifiers mean to the others; it joins nothing
and is no sighting, so who is who is the same whether marked events are looked at or not.

Everything is decided from the events and the decisions alone, so the order in which they came does not matter.

Input of `resolve` is a relation `events` with the columns of `NEEDED`. Output are small tables in the
connection, and SQL that gives the customer of any row that has those columns:

    spelt_KIND (raw, value, seen)                   identifiers as sent and as compared, the void ones left out
    id_user     (raw, value, customer)              every user id
    id_email, id_phone, id_external (raw, value, component)     every person identifier
    own_component (component, customer)             components with one owner, or none
    spot_component (component, time, customer)      components seen with several users, by moment
    id_device   (raw, customer)                     devices with one owner, or none
    spot_device (raw, time, customer)               devices seen with several, by moment
    spot_reference (numbers, time, customer)        events that carry nothing but references
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from periplus.people import components, guards, lower_ranks
from periplus.people.identifiers import customer_hash, hashed
from periplus.people.linking import Linking, table
from periplus.people.spots import ORDER, spots
from periplus.store import standing
from periplus.store.door import Connection

NEEDED = (
    "type", "time", "sequence", "key_hi", "key_lo", "user_id", "anonymous_id", "email", "phone", "external",
    "previous_id", "numbers", "marked",
)  # fmt: skip
COLUMN = {"user": "user_id", "email": "email", "phone": "phone", "external": "external"}
"""Kinds of identifiers that join, with their columns."""
PERSONS = ("email", "phone", "external")
"""Kinds of person identifiers: of one event the first says whose it is, and a component is named by the least."""


@dataclass(frozen=True)
class Resolution:
    """How to read a row's customer: `joins` to append to a FROM whose row alias is `e`, and `customer` (NULL: nobody).

    `momentary` is SQL of whether the customer may hang on the row's time or references, and not on its identifiers alone.
    """

    joins: str
    customer: str
    momentary: str


@dataclass(frozen=True)
class Persons:
    """The joins and expressions for user and person. Kinds that no event has cost nothing.

    `linking` kinds say whose an event is before its device does; an `idle` one, which links nothing, after all else.
    """

    linking: tuple[str, ...]
    idle: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        return (*self.linking, *self.idle)

    @property
    def identified(self) -> str:
        """Joins that find what a row's identifiers are."""
        return " LEFT JOIN id_user AS iu ON iu.raw = e.user_id" + "".join(
            f" LEFT JOIN id_{kind} AS p_{kind} ON p_{kind}.raw = e.{kind}" for kind in self.kinds
        )

    @property
    def joins(self) -> str:
        """Joins that find whom they mean."""
        found = self.identified
        if self.linking:
            found += (
                f" LEFT JOIN own_component AS oc ON oc.component = {self.component}"
                f" LEFT JOIN spot_component AS sc ON sc.component = {self.component} AND sc.time = e.time"
            )
        if self.idle:
            found += f" LEFT JOIN own_component AS oi ON oi.component = {_first(self.idle)}"
        return found

    @property
    def component(self) -> str:
        """SQL of the component that says whose a row is."""
        return _first(self.linking)

    @property
    def momentary(self) -> str:
        """SQL of whether it is a moment, or a reference, that says whose a row is; see `Resolution`."""
        meant = "coalesce(iu.customer, oc.customer)" if self.linking else "iu.customer"
        several = "e.anonymous_id IN (SELECT raw FROM spot_device)"
        if self.linking:
            several += f" OR {self.component} IN (SELECT component FROM spot_component)"
        referring = "idv.customer IS NULL AND EXISTS (SELECT 1 FROM spot_reference)"
        return f"({meant} IS NULL AND coalesce({several} OR ({referring}), true))"

    def customer(self, *lower: str) -> str:
        """SQL of whom a row belongs to: its user, its person, then what the lower ranks say."""
        parts = ["iu.customer", *(["oc.customer", "sc.customer"] if self.linking else []), *lower]
        return f"coalesce({', '.join(parts)})" if len(parts) > 1 else parts[0]


def _first(kinds: Iterable[str]) -> str:
    parts = [f"p_{kind}.component" for kind in kinds]
    return f"coalesce({', '.join(parts)})" if parts else "NULL::UBIGINT"


def resolve(
    connection: Connection, events: str, linking: Linking | None = None, carriers: str | None = None,
    *, told_apart: bool = False,
) -> Resolution:  # fmt: skip
    """Resolve the relation named `events`; see the module for the tables it leaves behind.

    `carriers` may name one that has each combination of identifiers of theirs at least once; `told_apart`: hardly any more often.
    """
    linking = linking or Linking()
    persons = link(connection, carriers or events, linking, told_apart=told_apart)
    _component_owners(connection, events, persons)
    lower_ranks.devices(connection, events, persons, linking)
    lower_ranks.references(connection, events, persons, linking)
    device = ("idv.customer", "sd.customer")
    last = ("oi.customer",) if persons.idle else ()
    return Resolution(
        persons.joins + lower_ranks.DEVICE_JOINS + lower_ranks.REFERENCE_JOINS,
        persons.customer(*device, "sr.customer", *last),
        persons.momentary,
    )


def link(connection: Connection, events: str, linking: Linking, *, told_apart: bool = False) -> Persons:
    """The first half of `resolve`: who is joined, and with which users each component was seen.

    `told_apart`: hardly any of the events carry the same identifiers as another.

    Leaves `combos`, the `spelt_` and `id_` tables, `fixed_component`, `hand_device` and `sighted`
    (component, kind, value, account, customer): which identifiers were seen with which user.
    """
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE combos AS SELECT user_id, anonymous_id, email, phone, external, previous_id, "
        f"(type = 'alias') AS alias, marked FROM {events}{'' if told_apart else ' GROUP BY ALL'}"
    )
    linking.load(connection)
    sent = _sent(connection)
    for kind, column in COLUMN.items():
        carried = f"SELECT {column} AS raw, marked FROM combos"
        _spell(connection, linking, kind, carried if kind in sent else None)
    devices = "SELECT anonymous_id AS raw, marked FROM combos UNION ALL SELECT previous_id, marked FROM combos WHERE alias"
    _spell(connection, linking, "device", devices if sent & {"device", "alias"} else None)
    guards.block(connection, linking.rules.limits, sent)
    there = [kind for kind in PERSONS if kind in sent and _any(connection, f"spelt_{kind}")]
    persons = Persons(
        tuple(kind for kind in there if linking.links(kind)),
        tuple(kind for kind in there if not linking.links(kind)),
    )
    users = _users(connection, linking, aliases="alias" in sent)
    _components(connection, persons, linking, users)
    _sighted(connection, persons, linking)
    return persons


def _sent(connection: Connection) -> set[str]:
    """The kinds of identifiers that any event has, and `alias` if any is one: for the others no query need be planned."""
    kinds = {**COLUMN, "device": "anonymous_id", "alias": "CASE WHEN alias THEN 1 END"}
    (some,) = connection.execute(
        f"SELECT {', '.join(f'count({column}) > 0' for column in kinds.values())} FROM combos"
    ).fetchall()
    return {kind for kind, there in zip(kinds, some, strict=True) if there}


def _spell(connection: Connection, linking: Linking, kind: str, carried: str | None) -> None:
    """Identifiers of a kind as they were sent and as they are compared; `seen`: on an event that is not marked."""
    if carried is None:
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE spelt_{kind} (raw VARCHAR, value VARCHAR, seen BOOLEAN)"
        )
        return
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE spelt_{kind} AS SELECT * FROM (SELECT raw, {linking.value(kind, 'raw')} AS value, "
        f"seen FROM (SELECT raw, bool_or(NOT marked) AS seen FROM ({carried}) WHERE raw IS NOT NULL GROUP BY raw)) "
        f"WHERE value IS NOT NULL AND value NOT IN (SELECT value FROM void_id WHERE kind = '{kind}')"
    )


def _any(connection: Connection, table_: str) -> bool:
    return bool(connection.execute(f"SELECT 1 FROM {table_} LIMIT 1").fetchall())


def _users(connection: Connection, linking: Linking, *, aliases: bool) -> dict[str, str]:
    """Every user id with its customer; those an alias or a hand joins share the least of their ids, which is returned."""
    run = connection.execute
    # A previous id that has been seen as a user id is one; otherwise it is a device, seen with that user.
    counts = linking.counts("user", "p.value", "user", "u.value") if linking.rules.alias else "false"
    run("CREATE OR REPLACE TEMP TABLE user_pair (a VARCHAR, b VARCHAR)")
    if aliases:
        run(
            "INSERT INTO user_pair "
            "SELECT p.value AS a, u.value AS b FROM combos AS c JOIN spelt_user AS u ON u.raw = c.user_id "
            f"JOIN spelt_user AS p ON p.value = {linking.value('user', 'c.previous_id')} AND p.seen "
            f"WHERE c.alias AND NOT c.marked AND p.value <> u.value AND {counts}"
        )
    by_hand: list[tuple[str, str]] = []
    for team in linking.teams:
        accounts = [each.value for each in team if each.kind == "user"]
        by_hand += pairwise([*accounts[:1], *accounts])  # one alone is named too: its root is asked for
    roots = _joined(connection, "user_root", "user_pair", by_hand)
    run(
        f"CREATE OR REPLACE TEMP TABLE id_user AS SELECT raw, value, {hashed('user', 'coalesce(root, value)')} AS customer "
        "FROM spelt_user LEFT JOIN user_root USING (value)"
    )
    return roots


def _joined(
    connection: Connection, name: str, pairs: str, by_hand: Sequence[tuple[str, str]]
) -> dict[str, str]:
    """The table `name` (value, root) of what `pairs` and hands join; the roots of those that hands name are returned."""
    if not by_hand:
        components.least(connection, name, pairs)
        return {}
    table(connection, "hand_pair", ("a", "b"), by_hand)
    components.least(connection, name, f"(SELECT a, b FROM {pairs} UNION ALL SELECT a, b FROM hand_pair)")
    named = "SELECT a FROM hand_pair UNION SELECT b FROM hand_pair"
    return dict(connection.execute(f"SELECT value, root FROM {name} WHERE value IN ({named})").fetchall())


def _components(connection: Connection, persons: Persons, linking: Linking, users: dict[str, str]) -> None:
    """Person identifiers that stand on one event belong together; a component is named after its least one.

    What is one with an account by hand is that account's; identifiers that are with two accounts by hand are not
    joined by any event.
    """
    run = connection.execute
    run("CREATE OR REPLACE TEMP TABLE person_pair (a VARCHAR, b VARCHAR)")
    for one, other in combinations(persons.linking, 2):
        run(
            f"INSERT INTO person_pair SELECT '{_tag(one)}' || a.value, '{_tag(other)}' || b.value FROM combos AS c "
            f"JOIN spelt_{one} AS a ON a.raw = c.{one} JOIN spelt_{other} AS b ON b.raw = c.{other} "
            f"WHERE NOT c.marked AND {linking.counts(one, 'a.value', other, 'b.value')}"
        )
    by_hand: list[tuple[str, str]] = []
    accounts: dict[str, str] = {}
    for team in linking.teams:
        nodes = [f"{_tag(each.kind)}{each.value}" for each in team if each.kind in PERSONS]
        by_hand += pairwise([*nodes[:1], *nodes])
        user = next((each.value for each in team if each.kind == "user"), None)
        if user is not None:
            accounts |= dict.fromkeys(nodes, users.get(user, user))
    roots = _joined(connection, "person_root", "person_pair", by_hand)
    claimed: dict[str, set[str]] = {}
    for node, user in accounts.items():
        claimed.setdefault(roots.get(node, node), set()).add(user)
    if torn := {root for root, owners in claimed.items() if len(owners) > 1}:
        apart = [(node,) for node in accounts if roots.get(node, node) in torn]
        table(connection, "apart", ("value",), apart)
        run("DELETE FROM person_pair WHERE a IN (SELECT value FROM apart) OR b IN (SELECT value FROM apart)")
        roots = _joined(connection, "person_root", "person_pair", by_hand)
    for kind in PERSONS:
        if kind not in persons.kinds:
            run(f"CREATE OR REPLACE TEMP TABLE id_{kind} (raw VARCHAR, value VARCHAR, component UBIGINT)")
            continue
        root = f"coalesce(root, '{_tag(kind)}' || s.value)"
        named = " ".join(f"WHEN '{_tag(each)}' THEN {hashed(each, f'substr({root}, 2)')}" for each in PERSONS)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE id_{kind} AS SELECT raw, s.value, CASE {root}[1] {named} END AS component "
            f"FROM spelt_{kind} AS s LEFT JOIN person_root AS r ON r.value = '{_tag(kind)}' || s.value"
        )
    fixed = {
        _component(roots.get(node, node)): customer_hash("user", user) for node, user in accounts.items()
    }
    _fix(connection, "fixed_component", "component", fixed)
    _hand_devices(connection, linking, users, roots)


def _hand_devices(
    connection: Connection, linking: Linking, users: dict[str, str], roots: dict[str, str]
) -> None:
    """The table `hand_device` (value, root, means): devices that are one by hand, and whom they mean (NULL: nobody said)."""
    rows: list[tuple[str, str]] = []
    means: list[int | None] = []
    for team in linking.teams:
        own = [each.value for each in team if each.kind == "device"]
        user = next((each.value for each in team if each.kind == "user"), None)
        node = next((f"{_tag(each.kind)}{each.value}" for each in team if each.kind in PERSONS), None)
        meant = None if node is None else _component(roots.get(node, node))
        if user is not None:
            meant = customer_hash("user", users.get(user, user))
        rows += [(value, own[0]) for value in own]
        means += [meant] * len(own)
    table(connection, "hand_device", ("value", "root"), rows, means=means)


def _tag(kind: str) -> str:
    """A letter before the value: kinds are compared first, e-mail before phone, whatever their letters."""
    return str(PERSONS.index(kind))


def _component(node: str) -> int:
    return customer_hash(PERSONS[int(node[0])], node[1:])


def _fix(connection: Connection, name: str, key: str, fixed: dict[int, int]) -> None:
    table(connection, name, (), (), **{key: list(fixed), "customer": list(fixed.values())})


def _sighted(connection: Connection, persons: Persons, linking: Linking) -> None:
    """Which person identifiers were seen with which users; without one, that the component is there."""
    parts = [
        f"SELECT DISTINCT p_{kind}.component, '{kind}' AS kind, p_{kind}.value, iu.value AS account, "
        f"{owner(kind, linking)} AS customer FROM combos AS e{persons.identified} WHERE p_{kind}.component IS NOT NULL"
        for kind in persons.kinds
    ]
    nothing = "SELECT NULL::UBIGINT AS component, '' AS kind, '' AS value, '' AS account, NULL::UBIGINT AS customer WHERE false"
    connection.execute(f"CREATE OR REPLACE TEMP TABLE sighted AS {' UNION ALL '.join(parts) or nothing}")


def owner(kind: str, linking: Linking) -> str:
    """SQL: the user that a row says a person identifier of a kind belongs to."""
    counts = linking.counts(kind, f"p_{kind}.value", "user", "iu.value")
    return f"CASE WHEN NOT e.marked AND {counts} THEN iu.customer END"


def _component_owners(connection: Connection, events: str, persons: Persons) -> None:
    """Whom each component means: its account by hand, itself, its one user, or, seen with several, that of the moment."""
    run = connection.execute
    if not persons.kinds:
        for name in ("own_component (component UBIGINT", "spot_component (component UBIGINT, time BIGINT"):
            run(f"CREATE OR REPLACE TEMP TABLE {name}, customer UBIGINT)")
        run("CREATE OR REPLACE TEMP TABLE torn (component UBIGINT)")
        return
    run(
        "CREATE OR REPLACE TEMP TABLE seen_component AS SELECT component, min(customer) AS least, max(customer) AS most "
        "FROM sighted GROUP BY component"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE own_component AS SELECT component, coalesce(f.customer, least, component) AS customer "
        "FROM seen_component LEFT JOIN fixed_component AS f USING (component) "
        "WHERE f.customer IS NOT NULL OR least IS NULL OR least = most"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE torn AS SELECT component FROM seen_component "
        "ANTI JOIN own_component USING (component)"
    )
    if not _any(connection, "torn"):
        run("CREATE OR REPLACE TEMP TABLE spot_component (component UBIGINT, time BIGINT, customer UBIGINT)")
        return
    parts = [
        f"SELECT e.*, p_{kind}.component AS component, s.customer AS owner FROM {events} AS e{persons.identified} "
        f"LEFT JOIN sighted AS s ON s.kind = '{kind}' AND s.value = p_{kind}.value AND s.account = iu.value "
        f"AND s.customer IS NOT NULL AND NOT e.marked WHERE p_{kind}.component IN (SELECT component FROM torn)"
        for kind in persons.linking
    ]
    run(f"CREATE OR REPLACE TEMP TABLE torn_component AS {' UNION ALL '.join(parts)}")
    # A device may mean this component at its own events' times, an order at those of its: these are moments too.
    run(
        "CREATE OR REPLACE TEMP TABLE beside_component AS SELECT DISTINCT t.component, d.value FROM torn_component AS t "
        "JOIN spelt_device AS d ON d.raw = t.anonymous_id OR (t.type = 'alias' AND d.raw = t.previous_id) "
        "UNION SELECT means, value FROM hand_device WHERE means IN (SELECT component FROM torn)"
    )
    carried = (
        f"SELECT b.component, e.time, e.numbers FROM {events} AS e JOIN spelt_device AS d ON d.raw = e.anonymous_id "
        "JOIN beside_component AS b ON b.value = d.value UNION ALL "
        f"SELECT b.component, e.time, e.numbers FROM {events} AS e JOIN spelt_device AS d ON d.raw = e.previous_id "
        "JOIN beside_component AS b ON b.value = d.value WHERE e.type = 'alias' UNION ALL "
        "SELECT component, time, numbers FROM torn_component"
    )
    run(f"CREATE OR REPLACE TEMP TABLE moment_component AS SELECT DISTINCT * FROM ({carried})")
    spots(
        connection,
        "spot_component",
        "component",
        sightings=f"SELECT component, time, arg_max(owner, {ORDER}) AS customer FROM torn_component "
        "WHERE owner IS NOT NULL GROUP BY component, time",
        moments="SELECT component, time FROM moment_component UNION SELECT m.component, e.time FROM "
        f"(SELECT DISTINCT component, {standing.parts('numbers')} AS reference FROM moment_component) AS m "
        f"JOIN {lower_ranks.numbered(events)} AS e ON e.reference = m.reference",
    )
