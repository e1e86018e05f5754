"""Customers whose names, postcodes and birth dates say that they may be one person: found on request, then proposed.

What was found is kept in the workspace as pairs of customers with their likelihood, no personal values, so that an
erasure need not look there. A pair whose customers are one by now, or gone, is proposed no more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from periplus.people import directory, matching
from periplus.people.decisions import Decision
from periplus.people.matching import FIELDS
from periplus.people.traffic import texts
from periplus.store import standing
from periplus.store.columns import FileColumns
from periplus.store.door import file_list
from periplus.store.files import MARKED, write_durably
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress

FILE = "matches.json"
MOST = 5_000
"""Pairs that are kept, the likeliest."""
_PATHS = {
    "first_name": ("traits.firstName", "traits.first_name"),
    "last_name": ("traits.lastName", "traits.last_name"),
    "name": ("traits.name",),
    "postcode": ("traits.postcode", "traits.postalCode", "traits.zip", "traits.address.postalCode", "traits.address.postcode",
                 "traits.address.zip"),
    "birth_date": ("traits.birthday", "traits.birthdate", "traits.birth_date"),
}  # fmt: skip
"""Where events have what is compared, besides the columns for e-mail and phone."""


def records(snapshot: Snapshot) -> list[dict[str, str | None]]:
    """One record of each customer who has a name, postcode or birth date: `id`, and FIELDS as last said."""
    selects = []
    for file in snapshot.files:
        known = FileColumns(file.columns, None if file.rest is None else frozenset(file.rest))
        values = {
            name: [sql for path in paths for sql in texts(path, known)] for name, paths in _PATHS.items()
        }
        if not any(values.values()):
            continue
        listed = ", ".join(f"{_first(found)} AS {name}" for name, found in values.items())
        selects.append(
            f"SELECT customer, time, sequence, key_hi, key_lo, email, phone, {listed} "
            f"FROM read_parquet({file_list([file.path])}) AS e WHERE customer <> 0 AND section < {MARKED} "
            f"AND {standing.stands(snapshot.manifest, file)}"
        )
    if not selects:
        return []
    order = "(time, sequence, key_hi, key_lo)"
    columns = ("email", "phone", *_PATHS)
    last = ", ".join(f"arg_max({name}, {order}) FILTER ({name} IS NOT NULL) AS {name}" for name in columns)
    some = " OR ".join(f"{name} IS NOT NULL" for name in _PATHS)
    found = snapshot.cursor().execute(
        f"SELECT customer, {', '.join(columns)} FROM (SELECT customer, {last} FROM ({' UNION ALL '.join(selects)}) "
        f"GROUP BY customer) WHERE {some} ORDER BY customer"
    )
    return [_record(dict(zip(("id", *columns), row, strict=True))) for row in found.fetchall()]


def _first(found: Sequence[str]) -> str:
    return f"nullif(trim(coalesce({', '.join(found)})), '')" if found else "NULL::VARCHAR"


def _record(row: Mapping[str, Any]) -> dict[str, str | None]:
    """A customer's values as they are compared: in lower case, a whole name as its first word and the rest."""
    plain = {name: " ".join(str(value).lower().split()) if value else None for name, value in row.items()}
    first, _, rest = (plain.pop("name") or "").partition(" ")
    plain["first_name"] = plain["first_name"] or first or None
    plain["last_name"] = plain["last_name"] or rest or None
    plain["birth_date"] = (plain["birth_date"] or "")[:10] or None
    return plain | {"id": directory.shown(row["id"])}


def find(
    root: Path,
    snapshot: Snapshot,
    progress: Progress,
    *,
    threshold: float = matching.THRESHOLD,
    memory: str = "",
) -> dict[str, int]:
    """Compare all records and keep what is likely enough, instead of what was found before; says how many of each."""
    matching.checked(threshold)
    progress(0, matching.STEPS, "reading names, postcodes and birth dates")
    compared = records(snapshot)
    found = matching.matched(compared, threshold=threshold, memory=memory, progress=progress)
    progress(matching.STEPS, matching.STEPS, "keeping what was found")
    body = [[match.one, match.other, match.probability, match.evidence] for match in found[:MOST]]
    write_durably(root / FILE, json.dumps(body).encode())
    return {"records": len(compared), "found": len(found), "kept": len(body)}


def proposed(root: Path, snapshot: Snapshot, decided: Sequence[Decision]) -> list[dict[str, Any]]:
    """The pairs that were kept and still are two, as `proposals.proposals` lists them: with `probability`, `agrees`."""
    path = root / FILE
    if not path.exists():
        return []
    kept = json.loads(path.read_bytes())
    customers = sorted({int(each, 16) for pair in kept for each in pair[:2]})
    named = {directory.shown(customer): who for customer, who in _named(snapshot, customers).items()}
    declined = [
        {str(each) for pair in decision.links for each in pair}
        for decision in decided
        if decision.kind == "dismiss" and decision.undone is None
    ]
    rows = []
    for one, other, probability, evidence in kept:
        if one not in named or other not in named:
            continue
        (first, some), (second, more) = named[one], named[other]
        if any(
            {f"{each['kind']}:{each['value']}" for each in (first, second)} <= group for group in declined
        ):
            continue
        agrees = [name for name in FIELDS if evidence.get(name, 0) > 0]
        rows.append(
            {
                "accounts": [first, second],
                "shared": [],
                "evidence": [],
                "events": some + more,
                "probability": probability,
                "agrees": agrees,
            }
        )
    return rows


def _named(snapshot: Snapshot, customers: Sequence[int]) -> dict[int, tuple[dict[str, str], int]]:
    """Of those customers that there are: their strongest identifier (kind, value), and how many events they have."""
    if not customers:
        return {}
    people = standing.people(snapshot.manifest, snapshot.files)
    listed = ", ".join(map(str, customers))
    clean = {column: directory.CLEAN[column](column) for column in directory.KINDS}
    best = ", ".join(f"min({sql}) AS {column}" for column, sql in clean.items())
    rows = snapshot.cursor().execute(
        f"SELECT customer, sum(events), {best} FROM ({people}) WHERE customer IN ({listed}) GROUP BY customer"
    )
    found = {}
    for customer, events, *values in rows.fetchall():
        for kind, value in zip(directory.KINDS.values(), values, strict=True):
            if value is not None:
                found[int(customer)] = ({"kind": kind, "value": value}, int(events))
                break
    return found
