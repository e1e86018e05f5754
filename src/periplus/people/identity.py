"""Who an event belongs to: identifiers of four ranks, resolved over a set of events by SQL.

The rules: user ids join only by an alias; person identifiers (e-mail, phone) that occur together join
into one component; an identifier of a lower rank never joins two of a higher one. An event belongs to
its user; without one to its person component; without one to its device; without one to its
reference. A component, device or reference means whom it was last seen with at or before the event's
time, else whom it was first seen with after; never seen with anybody, it is a customer of its own.

A marked event (of a bot, or internal) belongs to whom its identifiers mean to the others; it joins nothing
and is no sighting, so who is who is the same whether marked events are looked at or not.

Everything is decided from the events alone, so the order in which they arrived does not matter.

Input of `resolve` is a relation `events` with the columns of `NEEDED`. Output are small tables in the
connection, and SQL that gives the customer of any row that has those columns:

    id_user     (raw, customer)                     every user id
    id_email, id_phone  (raw, component)            every person identifier
    own_component (component, customer)             components with one owner, or none
    spot_component (component, time, customer)      components seen with several users, by moment
    id_device   (raw, customer, component)          devices with one owner, or none
    spot_device (raw, time, customer)               devices seen with several, by moment
    spot_reference (reference, time, customer)      events that carry nothing but a reference
"""

from __future__ import annotations

from dataclasses import dataclass

from periplus.people.identifiers import email, hashed, phone, usable
from periplus.store.door import Connection

NEEDED = (
    "type", "time", "sequence", "key_hi", "key_lo",
    "user_id", "anonymous_id", "email", "phone", "previous_id", "reference", "marked",
)  # fmt: skip
_ORDER = "(time, sequence, key_hi, key_lo)"


@dataclass(frozen=True)
class Resolution:
    """How to read a row's customer: `joins` to append to a FROM whose row alias is `e`, and `customer` (NULL: nobody)."""

    joins: str
    customer: str


def resolve(connection: Connection, events: str) -> Resolution:
    """Resolve the relation named `events`; see the module for the tables it leaves behind."""
    run = connection.execute
    run(
        "CREATE OR REPLACE TEMP TABLE combos AS SELECT user_id, anonymous_id, email, phone, previous_id, "
        f"(type = 'alias') AS alias, marked FROM {events} GROUP BY ALL"
    )
    _users(connection)
    _components(connection)
    has_persons = bool(
        connection.sql("SELECT 1 FROM id_email UNION ALL SELECT 1 FROM id_phone LIMIT 1").fetchall()
    )
    persons = _Persons(has_persons)
    _component_owners(connection, events, persons)
    _devices(connection, events, persons)
    _references(connection, events, persons)
    return Resolution(
        persons.joins + _DEVICE_JOINS + _REFERENCE_JOINS, persons.customer(device=True, reference=True)
    )


@dataclass(frozen=True)
class _Persons:
    """The joins and expressions for user and person; where no event has a person identifier they cost nothing."""

    present: bool

    @property
    def joins(self) -> str:
        joins = " LEFT JOIN id_user AS iu ON iu.raw = e.user_id"
        if self.present:
            joins += (
                " LEFT JOIN id_email AS ie ON ie.raw = e.email LEFT JOIN id_phone AS ip ON ip.raw = e.phone"
                " LEFT JOIN own_component AS oc ON oc.component = coalesce(ie.component, ip.component)"
                " LEFT JOIN spot_component AS sc ON sc.component = coalesce(ie.component, ip.component)"
                " AND sc.time = e.time"
            )
        return joins

    @property
    def component(self) -> str:
        return "coalesce(ie.component, ip.component)" if self.present else "NULL::UBIGINT"

    def customer(self, *, device: bool = False, reference: bool = False) -> str:
        parts = ["iu.customer"]
        if self.present:
            parts += ["oc.customer", "sc.customer"]
        if device:
            parts += ["idv.customer", "sd.customer"]
        if reference:
            parts += ["sr.customer"]
        return f"coalesce({', '.join(parts)})"


_DEVICE_JOINS = (
    " LEFT JOIN id_device AS idv ON idv.raw = e.anonymous_id"
    " LEFT JOIN spot_device AS sd ON sd.raw = e.anonymous_id AND sd.time = e.time"
)
_REFERENCE_JOINS = " LEFT JOIN spot_reference AS sr ON sr.reference = e.reference AND sr.time = e.time"


def _users(connection: Connection) -> None:
    """Every user id with its customer; those an alias joins share the least of their ids."""
    run = connection.execute
    run(
        f"CREATE OR REPLACE TEMP TABLE user_value AS SELECT raw, {usable('raw')} AS value, seen FROM "
        "(SELECT user_id AS raw, bool_or(NOT marked) AS seen FROM combos WHERE user_id IS NOT NULL GROUP BY user_id) "
    )
    # A previous id that has been seen as a user id is one; otherwise it is a device, seen with that user.
    edges = connection.execute(
        f"SELECT DISTINCT {usable('c.previous_id')} AS a, {usable('c.user_id')} AS b FROM combos AS c "
        "WHERE c.alias AND NOT c.marked AND c.previous_id IS NOT NULL AND c.user_id IS NOT NULL "
        f"AND {usable('c.previous_id')} IN (SELECT value FROM user_value WHERE seen)"
    ).fetchall()
    run("CREATE OR REPLACE TEMP TABLE user_root (value VARCHAR, root VARCHAR)")
    roots = joined([(a, b) for a, b in edges if a is not None and b is not None and a != b])
    if roots:
        connection.executemany("INSERT INTO user_root VALUES (?, ?)", list(roots.items()))
    run(
        f"CREATE OR REPLACE TEMP TABLE id_user AS SELECT raw, {hashed('user', 'coalesce(root, value)')} AS customer "
        "FROM user_value LEFT JOIN user_root USING (value) WHERE value IS NOT NULL"
    )


def joined(edges: list[tuple[str, str]]) -> dict[str, str]:
    """The least member of its group for every value that an edge names (union by least, path halving).

    >>> joined([("b", "c"), ("a", "b")])
    {'b': 'a', 'c': 'a', 'a': 'a'}
    """
    parent: dict[str, str] = {}

    def find(value: str) -> str:
        parent.setdefault(value, value)
        while parent[value] != value:
            parent[value] = parent[parent[value]]
            value = parent[value]
        return value

    for a, b in edges:
        low, high = sorted((find(a), find(b)))
        parent[high] = low
    return {value: find(value) for value in parent}


def _components(connection: Connection) -> None:
    """Person identifiers that stand on one event belong together; a component is named after its least one."""
    run = connection.execute
    for kind, rule in (("email", email), ("phone", phone)):
        run(
            f"CREATE OR REPLACE TEMP TABLE value_{kind} AS SELECT raw, {rule('raw')} AS value FROM "
            f"(SELECT DISTINCT {kind} AS raw FROM combos WHERE {kind} IS NOT NULL)"
        )
    edges = connection.execute(
        "SELECT DISTINCT e.value, p.value FROM combos AS c JOIN value_email AS e ON e.raw = c.email "
        "JOIN value_phone AS p ON p.raw = c.phone "
        "WHERE NOT c.marked AND e.value IS NOT NULL AND p.value IS NOT NULL"
    ).fetchall()
    # An e-mail comes before a phone number, whatever their letters: kinds are compared first.
    roots = joined([(f"0{mail}", f"1{number}") for mail, number in edges])
    run("CREATE OR REPLACE TEMP TABLE person_root (value VARCHAR, root VARCHAR)")
    if roots:
        connection.executemany("INSERT INTO person_root VALUES (?, ?)", list(roots.items()))
    for tag, kind in (("0", "email"), ("1", "phone")):
        root = f"coalesce(root, '{tag}' || v.value)"
        run(
            f"CREATE OR REPLACE TEMP TABLE id_{kind} AS SELECT raw, CASE WHEN {root}[1] = '0' "
            f"THEN {hashed('email', f'substr({root}, 2)')} ELSE {hashed('phone', f'substr({root}, 2)')} END AS component "
            f"FROM value_{kind} AS v LEFT JOIN person_root AS r ON r.value = '{tag}' || v.value "
            "WHERE v.value IS NOT NULL"
        )


_OWNER = "CASE WHEN NOT e.marked THEN iu.customer END AS owner"
"""Whom a row says its person identifiers belong to."""


def _component_owners(connection: Connection, events: str, persons: _Persons) -> None:
    """Whom each component means: itself, its one user, or, seen with several, the user of the moment."""
    run = connection.execute
    if not persons.present:
        run("CREATE OR REPLACE TEMP TABLE own_component (component UBIGINT, customer UBIGINT)")
        run("CREATE OR REPLACE TEMP TABLE spot_component (component UBIGINT, time BIGINT, customer UBIGINT)")
        return
    joins = (
        " LEFT JOIN id_user AS iu ON iu.raw = e.user_id"
        " LEFT JOIN id_email AS ie ON ie.raw = e.email LEFT JOIN id_phone AS ip ON ip.raw = e.phone"
    )
    component = persons.component
    run(
        "CREATE OR REPLACE TEMP TABLE seen_component AS SELECT component, min(owner) AS least, max(owner) AS most "
        f"FROM (SELECT {component} AS component, {_OWNER} FROM combos AS e{joins}) "
        "WHERE component IS NOT NULL GROUP BY component"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE own_component AS SELECT component, coalesce(least, component) AS customer "
        "FROM seen_component WHERE least IS NULL OR least = most"
    )
    torn = "component IN (SELECT component FROM seen_component WHERE least <> most)"
    run(
        "CREATE OR REPLACE TEMP TABLE torn_component AS SELECT * FROM (SELECT e.*, "
        f"{component} AS component, {_OWNER} FROM {events} AS e{joins}) WHERE {torn}"
    )
    _spots(
        connection,
        "spot_component",
        "component",
        sightings=f"SELECT component, time, arg_max(owner, {_ORDER}) AS customer FROM torn_component "
        "WHERE owner IS NOT NULL GROUP BY component, time",
        # A device or reference may mean this component at its own events' times: those are moments too.
        moments="SELECT component, time FROM torn_component UNION SELECT t.component, e.time FROM "
        f"(SELECT DISTINCT component, anonymous_id FROM torn_component WHERE anonymous_id IS NOT NULL) AS t "
        f"JOIN {events} AS e ON e.anonymous_id = t.anonymous_id OR (e.type = 'alias' AND e.previous_id = t.anonymous_id) "
        "UNION SELECT t.component, e.time FROM "
        f"(SELECT DISTINCT component, reference FROM torn_component WHERE reference IS NOT NULL) AS t "
        f"JOIN {events} AS e ON e.reference = t.reference",
    )


def _spots(connection: Connection, table: str, key: str, *, sightings: str, moments: str) -> None:
    """`table` (key, time, customer): for each moment the last sighting at or before it, else the first after."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE sighting AS {sightings}")
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT m.{key}, m.time, coalesce(b.customer, f.customer) AS customer "
        f"FROM (SELECT DISTINCT {key}, time FROM ({moments})) AS m "
        f"ASOF LEFT JOIN sighting AS b ON b.{key} = m.{key} AND m.time >= b.time "
        f"LEFT JOIN (SELECT {key}, arg_min(customer, time) AS customer FROM sighting GROUP BY {key}) AS f "
        f"ON f.{key} = m.{key}"
    )


def _devices(connection: Connection, events: str, persons: _Persons) -> None:
    """Whom each device means: itself, its one owner, or, seen with several, the owner of the moment."""
    run = connection.execute
    # What a row says of its device: the user on it, else the component on it.
    target = f"CASE WHEN NOT e.marked THEN coalesce(iu.customer, {persons.component}) END"
    joins = " LEFT JOIN id_user AS iu ON iu.raw = e.user_id"
    if persons.present:
        joins += " LEFT JOIN id_email AS ie ON ie.raw = e.email LEFT JOIN id_phone AS ip ON ip.raw = e.phone"
    known_users = "(SELECT value FROM user_value WHERE seen AND value IS NOT NULL)"
    carried = (
        "SELECT anonymous_id AS raw, * FROM {rows} WHERE anonymous_id IS NOT NULL UNION ALL "
        "SELECT previous_id AS raw, * FROM {rows} WHERE {alias} AND previous_id IS NOT NULL "
        f"AND trim(previous_id) NOT IN {known_users}"
    )
    combos = carried.format(rows="combos", alias="alias")
    run(
        f"CREATE OR REPLACE TEMP TABLE seen_device AS SELECT raw, {usable('raw')} AS value, "
        f"min(target) AS least, max(target) AS most FROM (SELECT e.raw, {target} AS target FROM ({combos}) AS e{joins}) "
        "GROUP BY raw"
    )
    # Different spellings of one device (spaces around it) are one.
    run(
        "CREATE OR REPLACE TEMP TABLE one_device AS SELECT value, min(least) AS least, max(most) AS most "
        "FROM seen_device WHERE value IS NOT NULL GROUP BY value"
    )
    torn_component = (
        "(SELECT component FROM seen_component WHERE least <> most)" if persons.present else "(SELECT 0)"
    )
    run(
        f"CREATE OR REPLACE TEMP TABLE id_device AS SELECT s.raw, coalesce(c.customer, o.least, "
        f"{hashed('device', 's.value')}) AS customer FROM seen_device AS s JOIN one_device AS o USING (value) "
        "LEFT JOIN own_component AS c ON c.component = o.least "
        f"WHERE (o.least IS NULL OR o.least = o.most) AND (o.least IS NULL OR o.least NOT IN {torn_component})"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE torn_device AS SELECT s.raw, s.value FROM seen_device AS s "
        "WHERE s.value IS NOT NULL AND s.raw NOT IN (SELECT raw FROM id_device)"
    )
    rows = carried.format(rows=events, alias="type = 'alias'")
    run(
        f"CREATE OR REPLACE TEMP TABLE torn_row AS SELECT e.*, t.value, {target} AS target "
        f"FROM ({rows}) AS e JOIN torn_device AS t ON t.raw = e.raw{joins}"
    )
    _spots(
        connection,
        "spot_value",
        "value",
        sightings=f"SELECT value, time, arg_max(target, {_ORDER}) AS customer FROM torn_row "
        "WHERE target IS NOT NULL GROUP BY value, time",
        # An order seen with such a device may be all that a later message carries: its times are moments too.
        moments="SELECT value, time FROM torn_row UNION SELECT t.value, e.time FROM "
        "(SELECT DISTINCT value, reference FROM torn_row WHERE reference IS NOT NULL) AS t "
        f"JOIN {events} AS e ON e.reference = t.reference",
    )
    # A sighting names a user or a component; whom the component means is read at the moment itself.
    run(
        "CREATE OR REPLACE TEMP TABLE spot_device AS SELECT t.raw, s.time, "
        "coalesce(c.customer, m.customer, s.customer) AS customer FROM spot_value AS s "
        "JOIN torn_device AS t ON t.value = s.value LEFT JOIN own_component AS c ON c.component = s.customer "
        "LEFT JOIN spot_component AS m ON m.component = s.customer AND m.time = s.time"
    )


def _references(connection: Connection, events: str, persons: _Persons) -> None:
    """Events that carry only an order or ticket number belong to whom it was last seen with."""
    run = connection.execute
    run("CREATE OR REPLACE TEMP TABLE spot_reference (reference VARCHAR, time BIGINT, customer UBIGINT)")
    customer = persons.customer(device=True)
    joins = persons.joins + _DEVICE_JOINS
    run(
        f"CREATE OR REPLACE TEMP TABLE orphan AS SELECT DISTINCT e.reference, e.time FROM {events} AS e{joins} "
        f"WHERE e.reference IS NOT NULL AND {customer} IS NULL"
    )
    if not connection.sql("SELECT 1 FROM orphan LIMIT 1").fetchall():
        return
    run(
        f"CREATE OR REPLACE TEMP TABLE known_reference AS SELECT e.reference, e.time, "
        f"arg_max(struct_pack(u := e.user_id, m := e.email, p := e.phone, d := e.anonymous_id), "
        f"(e.time, e.sequence, e.key_hi, e.key_lo)) AS seen FROM {events} AS e{joins} "
        f"WHERE e.reference IN (SELECT reference FROM orphan) AND {customer} IS NOT NULL AND NOT e.marked GROUP BY e.reference, e.time"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE chosen AS SELECT o.reference, o.time, coalesce(b.seen, f.seen) AS seen "
        "FROM orphan AS o ASOF LEFT JOIN known_reference AS b ON b.reference = o.reference AND o.time >= b.time "
        "LEFT JOIN (SELECT reference, arg_min(seen, time) AS seen FROM known_reference GROUP BY reference) AS f "
        "ON f.reference = o.reference"
    )
    # An order nobody was ever seen with is a customer of its own.
    run(
        f"INSERT INTO spot_reference SELECT e.reference, e.time, coalesce({customer}, "
        f"{hashed('reference', 'e.reference')}) FROM (SELECT reference, time, seen.u AS user_id, seen.m AS email, "
        f"seen.p AS phone, seen.d AS anonymous_id FROM chosen) AS e{joins}"
    )
