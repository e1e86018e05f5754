"""Who there is: customers found by an identifier, an order or a ticket, listed, and named."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from periplus.clock import iso
from periplus.collect.identifying import normal
from periplus.errors import NotFoundError
from periplus.people import hashed
from periplus.people.identifiers import email, phone, usable
from periplus.people.identifiers import hashed as customer_of
from periplus.store import standing
from periplus.store.columns import FileColumns, pointer, quote, text_form
from periplus.store.door import file_list, literal
from periplus.store.files import MARKED
from periplus.store.snapshot import Snapshot

KINDS = {"user_id": "user", "email": "email", "phone": "phone", "anonymous_id": "device"}
"""Columns that hold identifiers, in the order in which one names a customer, with their kinds."""

CLEAN = {"user_id": usable, "email": email, "phone": phone, "anonymous_id": usable}
"""How the value of each is read."""

LABEL = (
    "coalesce(min(user_id), arg_min(email, (first, email)), "
    "CASE WHEN min(first) FILTER (phone IS NOT NULL) <= coalesce(min(first) FILTER (anonymous_id IS NOT NULL), "
    "9223372036854775807) THEN arg_min(phone, (first, phone)) "
    "ELSE arg_min(anonymous_id, (first, anonymous_id)) END)"
)
"""SQL over rows of `_CLEANED`: user id, else e-mail, else the longest-known other identifier."""


_CLEANED = f"SELECT * REPLACE ({', '.join(f'{CLEAN[column](column)} AS {column}' for column in KINDS)}) FROM"
"""SQL: rows of people with their identifiers read, each once: to plan such a query takes longer than to run it."""


def _people(snapshot: Snapshot) -> str:
    """SQL of who is in the events that the snapshot shows."""
    return standing.people(snapshot.manifest, snapshot.files, with_marked=snapshot.with_marked)


def shown(customer: int) -> str:
    """A customer as others see it: 16 hexadecimal digits."""
    return f"{customer:016x}"


_known: WeakKeyDictionary[Snapshot, dict[int, str]] = WeakKeyDictionary()
"""Labels told of a data version, which does not change; one list after another names the same people."""
LABELS_KNOWN = 100_000


def labels(snapshot: Snapshot, customers: Sequence[int]) -> dict[int, str]:
    """How customers are shown, by customer; who has no identifier left is shown by the customer's digits."""
    known = _known.setdefault(snapshot, {})
    wanted = dict.fromkeys(map(int, customers))
    found = {customer: label for customer in wanted if (label := known.get(customer)) is not None}
    # Who has marked events only is named by those; everybody else by the others, whichever traffic is shown.
    for with_marked in (False, True) if snapshot.has_marked else (False,):
        if not (missing := wanted.keys() - found.keys()):
            break
        people = standing.people(snapshot.manifest, snapshot.files, with_marked=with_marked)
        users = f"SELECT customer, {usable('user_id')} AS user_id FROM"
        told = _told(snapshot, people, users, "min(user_id)", missing)
        nameless = [customer for customer, user in told.items() if user is None]
        told |= _told(snapshot, people, _CLEANED, LABEL, nameless)
        found |= {customer: label or shown(customer) for customer, label in told.items()}
    if len(known) + len(found) > LABELS_KNOWN:
        known.clear()
    known.update(islice(found.items(), LABELS_KNOWN))
    return found


def _told(
    snapshot: Snapshot, people: str, cleaned: str, label: str, customers: Collection[int]
) -> dict[int, str | None]:
    """What the aggregate `label` over rows `cleaned` says of customers, of those who stand in `people`."""
    if not customers:
        return {}
    cursor = snapshot.cursor()
    cursor.register("wanted_column", {"customer": np.sort(np.fromiter(customers, np.uint64))})
    try:
        rows = cursor.execute(
            f"SELECT customer, {label} FROM ({cleaned} ({people}) SEMI JOIN wanted_column USING (customer)) "
            "GROUP BY customer"
        ).fetchall()
    finally:
        cursor.unregister("wanted_column")
    return {int(customer): told for customer, told in rows}


def search(
    snapshot: Snapshot, text: str, *, limit: int = 50, offset: int = 0, part: bool = False
) -> dict[str, Any]:
    """Customers found by an identifier, or an order or ticket number; all of them for an empty text.

    An identifier in full, however it is spelled, or a number in full counts first; where nobody has it, or `part`
    is asked for, customers one of whose identifiers contains the text. The last seen come first. Returns `total`,
    `matched` ("exact", "part", "all") and `rows` of customer, label, identifiers, first, last (ISO, UTC), events.
    """
    wanted, limit, offset = text.strip(), max(0, min(limit, 10_000)), max(0, offset)
    if not wanted:
        total, listed = _last_seen(snapshot, limit, offset)
        return {"total": total, "matched": "all", "rows": _described(snapshot, listed)}
    known = [] if part else exactly(snapshot, wanted)
    matched = "exact" if known else "part"
    cursor = snapshot.cursor()
    if not known:
        tests = " OR ".join(f"contains(lower({column}), ?)" for column in KINDS)
        found = cursor.execute(
            f"SELECT DISTINCT customer FROM ({_people(snapshot)}) WHERE {tests}",
            [wanted.lower()] * len(KINDS),
        )
        known = [int(customer) for (customer,) in found.fetchall()]
    if len(known) <= limit and not offset:
        rows = _described(snapshot, known)
        rows.sort(key=lambda row: row["customer"])
        rows.sort(key=lambda row: row["last"], reverse=True)
        return {"total": len(known), "matched": matched, "rows": rows}
    cursor.register("found_column", {"customer": np.array(known, np.uint64)})
    try:
        found = cursor.execute(
            f"SELECT customer FROM ({_people(snapshot)}) SEMI JOIN found_column USING (customer) "
            f"GROUP BY customer ORDER BY max(last) DESC, customer LIMIT {limit} OFFSET {offset}"
        )
        listed = [int(customer) for (customer,) in found.fetchall()]
    finally:
        cursor.unregister("found_column")
    return {"total": len(known), "matched": matched, "rows": _described(snapshot, listed)}


def exactly(snapshot: Snapshot, text: str) -> list[int]:
    """The customers who have an identifier, an order or a ticket number in full; nothing is searched in parts."""
    meant = hashed.meanings(snapshot, text)
    tests = [(column, each) for column in ("user_id", "anonymous_id") for each in meant]
    for each in meant:
        if (mail := normal("email", each)) is not None:
            tests.append((f"contains(lower(email), {literal(mail)}) AND {email('email')}", mail))
        if (number := normal("phone", each)) is not None and _PHONE.fullmatch(each):
            tests.append((phone("phone"), number))
    people = _people(snapshot)
    # One column each, so that only that one is read, and its own statistics say where.
    selects = [f"SELECT customer FROM ({people}) WHERE {column} = ?" for column, _ in tests]
    bound = [value for _, value in tests]
    found = snapshot.cursor().execute(" UNION ".join(selects), bound).fetchall()
    known = {int(customer) for (customer,) in found}
    if re.fullmatch("[0-9a-f]{16}", text.lower()) and _is_there(snapshot, int(text, 16)):
        known.add(int(text, 16))
    return sorted(known | _by_number(snapshot, text))


_PHONE = re.compile(r"[+\d\s()./-]+")
NUMBERS = ("properties.order_id", "properties.ticket_id")
"""Paths of the numbers a customer may be found by."""


def _by_number(snapshot: Snapshot, text: str) -> set[int]:
    """Customers with an event that carries an order or ticket number: one column of each file is read for it."""
    selects: list[str] = []
    bound: list[str] = []
    for file in snapshot.files:
        columns = FileColumns(file.columns, None if file.rest is None else frozenset(file.rest))
        stands = standing.stands(snapshot.manifest, file)
        seen = "" if snapshot.with_marked else f" AND section < {MARKED}"
        for path in NUMBERS:
            kind = columns.columns.get(path)
            if kind == "BIGINT" and re.fullmatch("[0-9]{1,18}", text):
                test = f"{quote(path)} = ?::BIGINT"
            elif kind == "VARCHAR":
                test = f"{quote(path)} = ?"
            elif kind is not None and kind != "BIGINT":
                test = f"{text_form(kind, quote(path))} = ?"
            else:
                test = ""
            tests = [test] if test else []
            if columns.in_rest(path):
                # Only a row whose rest has the letters at all is read as JSON; others are passed over.
                sieve = (
                    f"contains(rest, {literal(text)}) AND " if re.fullmatch(r"[\w.#-]+", text, re.A) else ""
                )
                tests.append(f"{sieve}json_extract_string(rest, {pointer(path)}) = ?")
            for each in tests:
                selects.append(
                    f"SELECT customer FROM read_parquet({file_list([file.path])}) AS e "
                    f"WHERE {each} AND customer <> 0{seen} AND {stands}"
                )
                bound.append(text)
    if not selects:
        return set()
    found = snapshot.cursor().execute(" UNION ".join(selects), bound).fetchall()
    return {int(customer) for (customer,) in found}


_totals: WeakKeyDictionary[Snapshot, int] = WeakKeyDictionary()
"""How many customers each data version has: counting a million takes a while, and a version does not change."""


def _last_seen(snapshot: Snapshot, limit: int, offset: int) -> tuple[int, list[int]]:
    """How many customers there are, and some of them, the last seen first."""
    people, cursor = _people(snapshot), snapshot.cursor()
    if snapshot not in _totals:
        _totals[snapshot] = int(
            cursor.execute(f"SELECT count(DISTINCT customer) FROM ({people})").fetchall()[0][0]
        )
    enough = limit + offset
    # The first rows by their last event hold the first customers, each several times at most: no need to group all.
    rows = cursor.execute(
        f"SELECT customer FROM ({people}) ORDER BY last DESC, customer LIMIT {4 * enough + 100}"
    ).fetchall()
    listed = list(dict.fromkeys(int(customer) for (customer,) in rows))
    if len(listed) < min(enough, _totals[snapshot]):
        rows = cursor.execute(
            f"SELECT customer FROM ({people}) GROUP BY customer ORDER BY max(last) DESC, customer LIMIT {enough}"
        ).fetchall()
        listed = [int(customer) for (customer,) in rows]
    return _totals[snapshot], listed[offset:enough]


def _described(snapshot: Snapshot, customers: Sequence[int]) -> list[dict[str, Any]]:
    """What a list says of customers, in their order."""
    if not customers:
        return []
    listed = ", ".join(str(int(customer)) for customer in customers)
    some = f"{_CLEANED} ({_people(snapshot)}) WHERE customer IN ({listed})"
    rows = (
        snapshot.cursor()
        .execute(
            f"SELECT customer, {LABEL}, list_distinct(flatten([{', '.join(f'list({c})' for c in KINDS)}])), "
            f"min(first), max(last), sum(events) FROM ({some}) GROUP BY customer"
        )
        .fetchall()
    )
    told = {
        int(customer): {
            "customer": shown(customer),
            "label": label or shown(customer),
            "identifiers": sorted(value for value in ids if value is not None),
            "first": iso(first),
            "last": iso(last),
            "events": int(events),
        }
        for customer, label, ids, first, last, events in rows
    }
    return [told[customer] for customer in customers]


def find(snapshot: Snapshot, text: str) -> int:
    """The customer an id means now: its own, one it had before its history was joined, or an identifier.

    Raises NotFoundError, with the code `left_out` where only marked events know the id.
    """
    found = _find(snapshot, text)
    if found is not None:
        return found
    if snapshot.everything is not snapshot and _find(snapshot.everything, text) is not None:
        raise NotFoundError(
            f"Of {text[:80]!r} there are only events of bots and internal traffic, which are left out.",
            code="left_out",
            hint='Ask for all traffic: "traffic": "all".',
        )
    raise NotFoundError(
        f"There is no customer {text[:80]!r}.",
        code="no_customer",
        hint="Search for a user id, an e-mail or a device.",
    )


def _find(snapshot: Snapshot, text: str) -> int | None:
    people = _people(snapshot)
    cursor = snapshot.cursor()
    if re.fullmatch("[0-9a-fA-F]{16}", text):
        number = int(text, 16)
        if _is_there(snapshot, number):
            return number
        # An id is the hash of an identifier; whoever has that identifier now is meant.
        tests = [f"{customer_of(kind, CLEAN[column](column))} = ?" for column, kind in KINDS.items()]
        rows = cursor.execute(
            f"SELECT arg_max(customer, last) FROM ({people}) WHERE {' OR '.join(tests)}",
            [number] * len(tests),
        ).fetchall()
        if rows[0][0] is not None:
            return int(rows[0][0])
    meant = hashed.meanings(snapshot, text)
    marks = ", ".join("?" for _ in meant)
    rows = cursor.execute(
        f"SELECT arg_max(customer, last) FROM ({people}) WHERE {' OR '.join(f'{column} IN ({marks})' for column in KINDS)}",
        meant * len(KINDS),
    ).fetchall()
    return None if rows[0][0] is None else int(rows[0][0])


def _is_there(snapshot: Snapshot, customer: int) -> bool:
    """Whether a customer has events, or at least statements."""
    shard = snapshot.shard(customer * snapshot.shard_count >> 64)
    place = int(np.searchsorted(shard.customers, np.uint64(customer)))
    if place < len(shard.customers) and int(shard.customers[place]) == customer:
        return True
    found = snapshot.cursor().execute(
        f"SELECT 1 FROM ({_people(snapshot)}) WHERE customer = {int(customer)} LIMIT 1"
    )
    return bool(found.fetchall())
