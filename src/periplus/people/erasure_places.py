"""Where a person lies: counts of every sort of place, and the copies and texts that only people can see to.

The places are told in one order, before an erasure and after it:

    events, keys, claims, rejects   files of the live version, with the rows (or keys) that are meant
    decisions                       joins, separations and blocks by hand that name the person
    inbox, ledger                   messages that wait or were refused
    consents, notes …               rows of the operational state
    uploads                         files that wait in the browser's importer
    earlier versions                files that no live version names
"""

from __future__ import annotations

from typing import Any

from periplus.clock import iso
from periplus.errors import StoreError
from periplus.people import decisions, erasure_uploads
from periplus.people.decisions import Decision
from periplus.people.removal import Found, Place
from periplus.people.subject import Mentions, Subject
from periplus.store import actions, manifest, scrub, tombstones
from periplus.store.home import Home
from periplus.store.manifest import Manifest
from periplus.store.state import State


def counted(
    home: Home, state: State | None, live: Manifest, person: Subject, found: Found, since: int | None = None
) -> dict[str, Place]:
    """Counts of every sort of place, in the order in which they are told.

    Files of earlier versions are those from before `since` (microseconds UTC), where that is given.
    """
    mentions = Mentions(person)
    places = dict(found.places)
    waiting = scrub.inbox(home.root, tombstones.FOREVER, mentions.payload, remove=False)
    decided = [each for each in decisions.of(home.root, live).listed if decides_about(each, person)]
    places["decisions"] = Place(min(len(decided), 1), len(decided), 0)
    places["inbox"] = Place(waiting.files, waiting.rows, waiting.bytes)
    refused = scrub.ledger(home.root, mentions.payload, remove=False)
    places["ledger"] = Place(refused.files, refused.rows, refused.bytes)
    if state is not None:
        stated = scrub.state(state, person.hashes, person.messages, mentions.text, remove=False)
        for name, rows in stated.tables.items():
            places[name] = Place(min(rows, 1), rows, 0)
    places["uploads"] = erasure_uploads.uploads(home.root, mentions, remove=False)
    old = [
        path
        for path in manifest.unnamed(home.root, live)
        if since is None or path.stat().st_mtime_ns // 1000 < since
    ]
    places["earlier versions"] = Place(len(old), 0, sum(path.stat().st_size for path in old))
    return places


def documents(state: State | None, person: Subject) -> list[str]:
    """Documents that people wrote and that name the person: nobody but people can change them."""
    if state is None:
        return []
    return scrub.state(state, [], [], Mentions(person).text, remove=False).documents


def came_from(live: Manifest, rows: dict[int, int]) -> list[dict[str, Any]]:
    """The files from which the person's events came, which are where they were: by batch."""
    return [
        {"batch": batch.id, "source": batch.source, "rows": rows[batch.id], "files": [str(each["name"]) for each in batch.files]}
        for batch in live.batches
        if batch.id in rows and not batch.live
    ]  # fmt: skip


def copies(
    home: Home, state: State | None, person: Subject, until: int | None = None
) -> list[dict[str, Any]]:
    """Files the product has written that still hold the person: exports of everything, and of them alone."""
    if state is None:
        return []
    try:
        own = tombstones.secret(home.root)
        hashes = {tombstones.keyed(own, kind, value) for kind, value in (*person.own, named_by(person))}
    except StoreError:  # nothing was ever exported of one person, or erased
        hashes = set()
    return [
        {"what": row.action, "path": row.detail.get("path"), "time": iso(row.time), "version": row.detail.get("version"), "who": row.who}
        for row in actions.listed(state, actions.EXPORTED, actions.EXPORTED_PERSON, limit=100_000)
        if (until is None or row.time <= until) and (row.action == actions.EXPORTED or row.subject in hashes)
    ]  # fmt: skip


def named_by(person: Subject) -> tuple[str, str]:
    """The identifier by whose keyed hash a person is meant in logs: the first of their own, else the customer's number."""
    return person.own[0] if person.own else ("customer", f"{person.customer or 0:016x}")


def decides_about(decision: Decision, person: Subject) -> bool:
    named = [each for link in decision.links for each in link]
    named += [decision.identifier] if decision.identifier else []
    own = set(person.own)
    return any(
        (
            ("reference", f"{each.kind}_id:{each.value}")
            if each.kind in ("order", "ticket")
            else (each.kind, each.value)
        )
        in own
        for each in named
    )
