"""Who may be one person though nobody says so: e-mails, phones and numbers that several accounts were seen with.

Nothing joins two accounts but an alias or a person's word, so what else speaks for it is listed, with its evidence,
until somebody joins them or says that they are several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from periplus.clock import iso
from periplus.people.decisions import Decision
from periplus.people.identity import NEEDED, link
from periplus.people.linking import Linking
from periplus.store import standing
from periplus.store.files import MARKED
from periplus.store.home import Home
from periplus.store.snapshot import Snapshot

MOST = 200
"""Proposals that are listed; the ones with most events first."""
_SIDE = ("user_id", "anonymous_id", "email", "phone")
_known: WeakKeyDictionary[Snapshot, dict[str, Any]] = WeakKeyDictionary()
"""What each data version has: it does not change."""


def proposals(
    home: Home, snapshot: Snapshot, linking: Linking, decided: Sequence[Decision]
) -> dict[str, Any]:
    """`total`, and the first MOST as `rows`: `accounts` and `shared` (each kind and value), `evidence`, `events`.

    Evidence is for each account and shared identifier: how many events carried both, the first and the last.
    """
    if snapshot not in _known:  # the decisions are part of the version
        _known[snapshot] = _found(home, snapshot, linking, decided)
    return {"total": _known[snapshot]["total"], "rows": list(_known[snapshot]["rows"])}


def _found(home: Home, snapshot: Snapshot, linking: Linking, decided: Sequence[Decision]) -> dict[str, Any]:
    with home.connect() as connection:
        standing.load_masks(connection, snapshot.root, snapshot.manifest)
        connection.execute(f"CREATE TEMP VIEW said AS {_said(snapshot, linking)}")
        link(connection, "said", linking)
        rows = connection.execute(
            "SELECT component, kind, value, account, customer FROM sighted WHERE customer IS NOT NULL AND component IN "
            "(SELECT component FROM sighted GROUP BY component HAVING min(customer) <> max(customer)) ORDER BY ALL"
        ).fetchall()
        evidence = {
            (kind, value, account): (events, first, last)
            for kind, value, account, events, first, last in _evidence(connection, snapshot, linking, rows)
        }
    declined = _declined(decided)
    found: dict[int, dict[str, Any]] = {}
    for component, kind, value, account, _ in rows:
        events, first, last = evidence.get((kind, value, account), (0, None, None))
        entry = found.setdefault(component, {"accounts": {}, "shared": {}, "evidence": [], "events": 0})
        entry["accounts"][account] = {"kind": "user", "value": account}
        entry["shared"][kind, value] = {"kind": kind, "value": value}
        entry["events"] += events
        entry["evidence"].append(
            {
                "account": account,
                "kind": kind,
                "value": value,
                "events": events,
                "first": None if first is None else iso(first),
                "last": None if last is None else iso(last),
            }
        )
    listed = [
        entry | {"accounts": list(entry["accounts"].values()), "shared": list(entry["shared"].values())}
        for entry in found.values()
        if not any(set(entry["accounts"]) <= group for group in declined)
    ]
    listed.sort(key=lambda entry: (-entry["events"], entry["accounts"][0]["value"]))
    return {"total": len(listed), "rows": listed[:MOST]}


def _said(snapshot: Snapshot, linking: Linking) -> str:
    """SQL of what the standing events say of who: of one kind of row, each is told once where files say who is in them."""
    live, files, traits = snapshot.manifest, snapshot.files, linking.rules.external
    if traits:
        return standing.narrow(live, files, NEEDED, traits=traits)
    people = standing.people(live, files)
    fixed = {"type": "'track'", "marked": "false"}
    whole = ", ".join(
        f"{(fixed | dict(zip(_SIDE, _SIDE, strict=True))).get(name, 'NULL')} AS {name}" for name in NEEDED
    )
    # Rows without an e-mail or a phone say nothing here, but that there is such an account, which an alias may name.
    account = ", ".join(f"{(fixed | {'user_id': 'user_id'}).get(name, 'NULL')} AS {name}" for name in NEEDED)
    aliases = standing.narrow(live, files, NEEDED, test=f"section IN (2, {MARKED + 2}) AND type = 'alias'")
    return (
        f"SELECT {whole} FROM ({people}) WHERE email IS NOT NULL OR phone IS NOT NULL UNION ALL "
        f"SELECT DISTINCT {account} FROM ({people}) WHERE user_id IS NOT NULL UNION ALL {aliases}"
    )


def _evidence(
    connection: Any, snapshot: Snapshot, linking: Linking, rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """(kind, value, account, events, first, last) of pairs that stand together, where files say who is in them."""
    people = standing.people(snapshot.manifest, snapshot.files)
    found: list[tuple[Any, ...]] = []
    for kind in {str(row[1]) for row in rows} - {"external"}:
        value, account = linking.value(kind, kind), linking.value("user", "user_id")
        values = f"SELECT DISTINCT value FROM sighted WHERE kind = '{kind}' AND customer IS NOT NULL"
        found += connection.execute(
            f"SELECT '{kind}', value, account, sum(events)::BIGINT, min(first), max(last) FROM "
            f"(SELECT {value} AS value, {account} AS account, events, first, last FROM ({people}) WHERE {kind} IS NOT NULL) "
            f"WHERE value IN ({values}) AND account IS NOT NULL GROUP BY value, account"
        ).fetchall()
    return found


def _declined(decided: Sequence[Decision]) -> list[set[str]]:
    """Accounts that somebody said are several, each time together."""
    return [
        {each.value for pair in decision.links for each in pair}
        for decision in decided
        if decision.kind == "dismiss" and decision.undone is None
    ]
