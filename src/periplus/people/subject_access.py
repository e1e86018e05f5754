"""Everything that is held about one person, as one document: for them, as the law has it, and for whoever is asked.

Only what is theirs: of an identifier that others use too it says that they do, not who. Raw messages (waiting in the
inbox, or refused) are theirs if one of their own identifiers is in its place, or stands in a text that cannot be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from periplus.clock import iso, wall
from periplus.collect.identifying import identifiers
from periplus.event import flatten
from periplus.people import consent_history, history, ledger, notes, profile
from periplus.people.orders import text_of
from periplus.people.subject import Mentions, Subject
from periplus.store import inbox, inbox_file
from periplus.store import ledger as collected
from periplus.store.manifest import Manifest
from periplus.store.snapshot import Snapshot
from periplus.store.state import State

FORM = 1
"""The number of this form of the document."""
MOST_WAITING = 200_000
REFUSED_AT_ONCE = 10_000


def everything(
    snapshot: Snapshot, state: State | None, person: Subject, dealings: Mapping[str, Any]
) -> dict[str, Any]:
    """The document; `snapshot` shows marked events too, `dealings` are the person's orders, tickets and answers."""
    assert person.customer is not None
    mine = history.of(snapshot, person.customer)
    events = [_event(each) for each in mine.events()]
    about = profile.profile(snapshot, person.customer)
    consent = consent_history.consent(snapshot, state, person.customer)
    theirs = _Theirs(person)
    return {
        "form": FORM,
        "made": iso(wall()),
        "data_version": snapshot.version,
        "person": {name: about[name] for name in ("customer", "label", "first", "last", "events")},
        "identifiers": _identifiers(person, about["identifiers"]),
        "traits": about["traits"],
        "traits_history": list(_traits(events)),
        "consents": consent["purposes"],
        "consents_history": consent["history"],
        "notes": notes.notes(snapshot, state, person.customer),
        **{name: dealings[name] for name in ("currency", "value", "orders", "tickets", "answers")},
        "events": events,
        "waiting": list(_waiting(snapshot, theirs)),
        "refused": [*_refused(snapshot, theirs), *_refused_rows(snapshot, snapshot.manifest, theirs)],
    }


def _event(told: dict[str, Any]) -> dict[str, Any]:
    """An event in the Segment spec's words, with the batch it came with and why it is left out of answers, if it is."""
    own = {name: value for name, value in told.items() if name not in ("micros", "section")}
    return {name: value for name, value in own.items() if value not in ({}, None)}


def _identifiers(person: Subject, listed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every identifier with why it is theirs, and whether others use it too; numbers of orders and tickets last."""
    shared = set(person.shared)
    known = [{**row, "used_by_others": (row["kind"], row["value"]) in shared} for row in listed]
    for kind, value in person.identifiers:
        if kind == "reference":
            name, _, number = value.partition(":")
            known.append(
                {
                    "kind": name.removesuffix("_id"),
                    "value": number,
                    "rank": "reference",
                    "why": "carried by the events themselves",
                    "used_by_others": (kind, value) in shared,
                }
            )
    return known


def _traits(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """What was stated of the person, each change with its time and source, the oldest first."""
    last: dict[str, Any] = {}
    for event in events:
        stated = event.get("traits")
        if not isinstance(stated, Mapping) or event.get("type") == "group":
            continue
        for name, value in flatten(stated, "traits").items():
            plain = name.removeprefix("traits.")
            if last.get(plain, ...) != value:
                last[plain] = value
                yield {
                    "time": event["timestamp"],
                    "trait": plain,
                    "value": value,
                    "source": event.get("source"),
                }


class _Theirs:
    """Whether a message that is no event yet, or never was, is the person's."""

    def __init__(self, person: Subject) -> None:
        self._own = set(person.own)
        self._mentions = Mentions(person)

    def message(self, message: Mapping[str, Any]) -> bool:
        found = set(identifiers(message))
        properties = message.get("properties")
        if not found and isinstance(properties, Mapping):
            for name in ("order_id", "ticket_id"):
                if (text := text_of(properties.get(name))) is not None:
                    found.add(("reference", f"{name}:{text}"))
        return not self._own.isdisjoint(found)

    def text(self, text: str | bytes | None) -> bool:
        if text is None:
            return False
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return self._mentions.text(text)
        return self.message(message) if isinstance(message, Mapping) else self._mentions.text(text)


def _waiting(snapshot: Snapshot, theirs: _Theirs) -> Iterator[dict[str, Any]]:
    """Messages that were received and are not in the store of this version."""
    after = snapshot.manifest.cursors.get(inbox.CURSOR, 0)
    for each in inbox_file.read(snapshot.root / "inbox", after, MOST_WAITING, 1 << 30):
        try:
            message = json.loads(each.message)
        except ValueError:
            continue
        if isinstance(message, Mapping) and theirs.message(message):
            yield {"source": each.source, "receivedAt": iso(each.received), "message": message}


def _refused(snapshot: Snapshot, theirs: _Theirs) -> Iterator[dict[str, Any]]:
    """Messages that the collector refused."""
    offset = 0
    while found := collected.rejects(snapshot.root, limit=REFUSED_AT_ONCE, offset=offset):
        offset += len(found)
        for row in found:
            if theirs.text(row.payload):
                yield {
                    "source": row.source,
                    "receivedAt": iso(row.received),
                    "reason": row.message,
                    "payload": row.payload.decode("utf-8", "replace"),
                }


def _refused_rows(snapshot: Snapshot, live: Manifest, theirs: _Theirs) -> Iterator[dict[str, Any]]:
    """Rows of imported files that were refused."""
    for batch in live.batches:
        if batch.rejects is None:
            continue
        offset = 0
        while found := ledger.rows(
            snapshot, batch=batch.id, outcome="rejected", limit=REFUSED_AT_ONCE, offset=offset
        ):
            offset += len(found)
            for row in found:
                if theirs.text(row["payload"]) or theirs.text(row["value"]):
                    yield {
                        "source": row["source"],
                        "receivedAt": row["received"],
                        "reason": row["reason"],
                        "file": row["file"],
                        "line": row["line"],
                        "payload": row["payload"],
                    }
