"""Why one person: every link between two identifiers of a customer, the event that made it, and how to undo it.

A link is two identifiers that an event (or an alias) carried together, or that somebody joined by hand. A link that
does not count, because somebody separated the two or a rule is off, is told too, and so is what would take it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from periplus.clock import iso
from periplus.people import history
from periplus.people.decisions import PEOPLE, Decision, Identifier
from periplus.people.linking import Linking
from periplus.people.sightings import with_numbers
from periplus.store.snapshot import Snapshot

RANK = {kind: place for place, kind in enumerate(PEOPLE)}
"""Kinds of identifiers, the strongest first."""


def merges(
    snapshot: Snapshot, customer: int, linking: Linking, decided: Sequence[Decision]
) -> list[dict[str, Any]]:
    """The links of a customer's identifiers, for each the stronger ones it was seen with, the strongest first.

    Each has `id` (what to separate), `identifier` and `with` (kind, value), `counts`, `by` ("event", "alias",
    "hand"), `event`, `time`, `source` of the first event that carried both, `decision` (the number of the one that
    joined or separated them by hand, else None), `who` and `why` of it.
    """
    mine = history.of(snapshot, customer)
    seen = with_numbers(snapshot, mine, linking)
    live = [each for each in decided if each.undone is None]
    found: dict[tuple[Identifier, Identifier], dict[str, Any]] = {}
    for (kind, value), sighting in seen.items():
        one = Identifier(kind, value)  # type: ignore[arg-type]
        for (other_kind, other_value), place in sighting.beside.items():
            other = Identifier(other_kind, other_value)  # type: ignore[arg-type]
            weaker, stronger = sorted((one, other), key=lambda each: (RANK[each.kind], each.value))[::-1]
            if (weaker, stronger) not in found:
                found[weaker, stronger] = {"place": place}
    places = sorted({row["place"] for row in found.values()})
    told = dict(zip(places, mine.events(places), strict=True))
    rows = []
    for (weaker, stronger), row in found.items():
        event = told[row["place"]]
        cut = _separating(live, linking, weaker, stronger)
        rows.append(
            _row(weaker, stronger, cut)
            | {
                "counts": cut is None and linking.links(weaker.kind) and linking.links(stronger.kind),
                "by": "alias" if event.get("type") == "alias" else "event",
                "event": event.get("event") or event.get("type"),
                "time": event["timestamp"],
                "source": event.get("source"),
            }
        )
    here = {linking.compared(Identifier(kind, value)) for kind, value in seen}  # type: ignore[arg-type]
    for each in live:
        for pair in each.links if each.kind == "join" else ():
            if here.intersection(map(linking.compared, pair)):
                weaker, stronger = sorted(pair, key=lambda one: (RANK[one.kind], one.value))[::-1]
                rows.append(
                    _row(weaker, stronger, each)
                    | {"counts": True, "by": "hand", "event": None, "time": iso(each.time), "source": None}
                )
    rows.sort(
        key=lambda row: (
            _rank(row["identifier"]),
            row["identifier"]["value"],
            _rank(row["with"]),
            row["time"],
        )
    )
    return rows


def _rank(identifier: dict[str, str]) -> int:
    return RANK[identifier["kind"]]  # type: ignore[index]


def _row(weaker: Identifier, stronger: Identifier, decision: Decision | None) -> dict[str, Any]:
    return {
        "id": [str(weaker), str(stronger)],
        "identifier": {"kind": weaker.kind, "value": weaker.value},
        "with": {"kind": stronger.kind, "value": stronger.value},
        "decision": None if decision is None else decision.id,
        "who": None if decision is None else decision.who,
        "why": None if decision is None else decision.why,
    }


def _separating(live: Sequence[Decision], linking: Linking, *pair: Identifier) -> Decision | None:
    """The decision that separates two identifiers, however these are spelled here."""
    meant = set(map(linking.compared, pair))
    for each in live:
        if each.kind == "separate" and any(set(map(linking.compared, link)) == meant for link in each.links):
            return each
    return None


def holding(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """For each identifier the links that hold it to the others, which together are one merge to undo.

    Each has `identifier`, `links` (ids of links by events that count) and `decisions` (numbers of joins by hand).
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        if not row["counts"]:
            continue
        one = row["identifier"]
        entry = found.setdefault(
            (one["kind"], one["value"]), {"identifier": one, "links": [], "decisions": []}
        )
        if row["by"] == "hand":
            entry["decisions"].append(row["decision"])
        else:
            entry["links"].append(row["id"])
    return list(found.values())
