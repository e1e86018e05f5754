"""Whom devices and references mean: identifiers that join nobody, and belong to whom they were last seen with."""

from __future__ import annotations

from typing import Protocol

from periplus.people import guards
from periplus.people.identifiers import hashed, reference
from periplus.people.linking import Linking
from periplus.people.spots import ORDER, spots
from periplus.store import standing
from periplus.store.door import Connection

DEVICE_JOINS = (
    " LEFT JOIN id_device AS idv ON idv.raw = e.anonymous_id"
    " LEFT JOIN spot_device AS sd ON sd.raw = e.anonymous_id AND sd.time = e.time"
)
REFERENCE_JOINS = " LEFT JOIN spot_reference AS sr ON sr.numbers = e.numbers AND sr.time = e.time"
DEVICE = ("idv.customer", "sd.customer")
ORDER_OF_E = "(e.time, e.sequence, e.key_hi, e.key_lo)"


class Higher(Protocol):
    """What the ranks above say (`identity.Persons`)."""

    @property
    def linking(self) -> tuple[str, ...]: ...

    @property
    def identified(self) -> str: ...

    @property
    def joins(self) -> str: ...

    def customer(self, *lower: str) -> str: ...


def devices(connection: Connection, events: str, persons: Higher, linking: Linking) -> None:
    """Whom each device means: its owner by hand, itself, its one owner, or, seen with several, that of the moment."""
    run = connection.execute
    # What a row says of its device: the user on it, else the component on it; links that do not count say nothing.
    said = [f"CASE WHEN {linking.counts('device', 'e.value', 'user', 'iu.value')} THEN iu.customer END"]
    said += [
        f"CASE WHEN {linking.counts('device', 'e.value', kind, f'p_{kind}.value')} THEN p_{kind}.component END"
        for kind in persons.linking
    ]
    target = f"CASE WHEN NOT e.marked THEN coalesce({', '.join([*said, 'NULL::UBIGINT'])}) END"
    # Devices that are one by hand share a name and their sightings; one with an owner by hand is seen with that one only.
    run(
        "CREATE OR REPLACE TEMP TABLE known_device AS SELECT s.raw, s.value, coalesce(h.root, s.value) AS device, h.means "
        "FROM spelt_device AS s LEFT JOIN hand_device AS h USING (value)"
    )
    known_users = (
        "(SELECT value FROM spelt_user WHERE seen UNION ALL SELECT value FROM void_id WHERE kind = 'user')"
    )
    carried = (
        "SELECT d.*, r.* FROM {rows} AS r JOIN {known} AS d ON d.raw = r.anonymous_id UNION ALL "
        "SELECT d.*, r.* FROM {rows} AS r JOIN {known} AS d ON d.raw = r.previous_id WHERE {alias} "
        f"AND d.value NOT IN {known_users}"
    )
    combos = carried.format(rows="combos", known="known_device", alias="r.alias")
    # Different spellings of one device (spaces around it) are one.
    run(
        "CREATE OR REPLACE TEMP TABLE one_device AS SELECT device, coalesce(any_value(means), min(target)) AS least, "
        f"coalesce(any_value(means), max(target)) AS most FROM (SELECT e.device, e.means, {target} AS target "
        f"FROM ({combos}) AS e{persons.identified}) GROUP BY device"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE id_device AS SELECT d.raw, coalesce(c.customer, o.least, "
        f"{hashed('device', 'd.device')}) AS customer FROM known_device AS d JOIN one_device AS o USING (device) "
        "LEFT JOIN own_component AS c ON c.component = o.least WHERE o.least IS NULL "
        "OR (o.least = o.most AND o.least NOT IN (SELECT component FROM torn))"
    )
    run(
        "CREATE OR REPLACE TEMP TABLE torn_device AS SELECT raw, device FROM known_device "
        "WHERE device IN (SELECT device FROM one_device) AND raw NOT IN (SELECT raw FROM id_device)"
    )
    if not run("SELECT 1 FROM torn_device LIMIT 1").fetchall():
        run("CREATE OR REPLACE TEMP TABLE spot_device (raw VARCHAR, time BIGINT, customer UBIGINT)")
        return
    # their rows are few: the others are left out before anything is joined to them
    run(
        "CREATE OR REPLACE TEMP TABLE torn_known AS SELECT * FROM known_device "
        "WHERE raw IN (SELECT raw FROM torn_device)"
    )
    rows = carried.format(rows=events, known="torn_known", alias="r.type = 'alias'")
    run(f"CREATE OR REPLACE TEMP TABLE torn_row AS {rows}")
    run(
        f"CREATE OR REPLACE TEMP TABLE torn_row AS SELECT e.*, coalesce(e.means, {target}) "
        f"AS target FROM torn_row AS e{persons.identified}"
    )
    spots(
        connection,
        "spot_value",
        "device",
        sightings=f"SELECT device, time, arg_max(target, {ORDER}) AS customer FROM torn_row "
        "WHERE target IS NOT NULL GROUP BY device, time",
        # An order seen with such a device may be all that a later message carries: its times are moments too.
        moments="SELECT device, time FROM torn_row UNION SELECT t.device, e.time FROM "
        f"(SELECT DISTINCT device, {standing.parts('numbers')} AS reference FROM torn_row) AS t "
        f"JOIN {numbered(events)} AS e ON e.reference = t.reference",
    )
    # A sighting names a user or a component; whom the component means is read at the moment itself.
    run(
        "CREATE OR REPLACE TEMP TABLE spot_device AS SELECT t.raw, s.time, "
        "coalesce(c.customer, m.customer, s.customer) AS customer FROM spot_value AS s "
        "JOIN torn_device AS t ON t.device = s.device LEFT JOIN own_component AS c ON c.component = s.customer "
        "LEFT JOIN spot_component AS m ON m.component = s.customer AND m.time = s.time"
    )


def numbered(events: str) -> str:
    """SQL of the events with each of their references: as often as they have some."""
    return f"(SELECT *, {standing.parts('numbers')} AS reference FROM {events} WHERE numbers IS NOT NULL)"


def references(connection: Connection, events: str, persons: Higher, linking: Linking) -> None:
    """Events that carry only order or ticket numbers belong to whom any of these was last seen with."""
    run = connection.execute
    run("CREATE OR REPLACE TEMP TABLE spot_reference (numbers VARCHAR, time BIGINT, customer UBIGINT)")
    if not run(f"SELECT 1 FROM {events} WHERE numbers IS NOT NULL LIMIT 1").fetchall():
        return
    customer = persons.customer(*DEVICE)
    joins = persons.joins + DEVICE_JOINS
    # few rows have one; the others are left out before anything is joined to them
    referring = f"(SELECT * FROM {events} WHERE numbers IS NOT NULL)"
    run(
        f"CREATE OR REPLACE TEMP TABLE orphan AS SELECT numbers, time, reference FROM (SELECT *, {standing.parts('numbers')} AS "
        f"reference FROM (SELECT DISTINCT e.numbers, e.time FROM {referring} AS e{joins} "
        f"WHERE {customer} IS NULL)) WHERE {reference('reference')} IS NOT NULL "
        "AND reference NOT IN (SELECT kind || '_id:' || value FROM void_id WHERE kind IN ('order', 'ticket'))"
    )
    if not connection.sql("SELECT 1 FROM orphan LIMIT 1").fetchall():
        return
    guards.block_references(connection, numbered(events), linking.rules.limits)
    counts = "true" if linking.links("reference") else "false"
    run(
        f"CREATE OR REPLACE TEMP TABLE known_reference AS SELECT e.reference, e.time, max({ORDER_OF_E}) AS place, "
        f"arg_max(struct_pack(u := e.user_id, m := e.email, p := e.phone, x := e.external, d := e.anonymous_id), "
        f"{ORDER_OF_E}) AS seen FROM {numbered(events)} AS e{joins} WHERE {counts} AND "
        f"e.reference IN (SELECT reference FROM orphan) AND {customer} IS NOT NULL AND NOT e.marked GROUP BY e.reference, e.time"
    )
    # Of several numbers on an event the last sighting before counts, else the first after, among them all.
    run(
        "CREATE OR REPLACE TEMP TABLE chosen AS SELECT o.numbers, o.time, min(o.reference) AS least, "
        "coalesce(arg_max(b.seen, b.place), arg_max(f.seen, (-f.time, f.place))) AS seen "
        "FROM orphan AS o ASOF LEFT JOIN known_reference AS b ON b.reference = o.reference AND o.time >= b.time "
        "LEFT JOIN (SELECT reference, min(time) AS time, arg_min(place, time) AS place, arg_min(seen, time) AS seen "
        "FROM known_reference GROUP BY reference) AS f ON f.reference = o.reference GROUP BY o.numbers, o.time"
    )
    # An order nobody was ever seen with is a customer of its own.
    run(
        f"INSERT INTO spot_reference SELECT e.numbers, e.time, coalesce({customer}, "
        f"{hashed('reference', 'e.least')}) FROM (SELECT numbers, time, least, seen.u AS user_id, seen.m AS email, "
        f"seen.p AS phone, seen.x AS external, seen.d AS anonymous_id FROM chosen) AS e{joins}"
    )
