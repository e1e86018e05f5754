"""A person erased: shown before, recorded first, done in every place, and proven after.

What is done, in this order, so that whoever is killed between any two steps goes on where it was:

1. A journal file is written: whom it is about. It is the only place that says so, and goes in the last step.
2. A version is published whose tombstones name the person (by keyed hashes): from here on nothing of theirs comes in.
3. What waits in the inbox is brought into the store, where the tombstones meet it.
4. A version is published in whose files there is no row, key, claim or refused text of theirs; the files before are unlinked.
5. The databases are cleared: inbox files, the ledger, the operational state.
6. Everything is counted again; the proof is stored, without identifiers.
"""

from __future__ import annotations

import json
import os
import time as clock_time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from periplus.clock import iso, wall
from periplus.errors import NotFoundError
from periplus.people import (
    decisions,
    erased,
    erasure_journal,
    erasure_places,
    erasure_uploads,
    removal,
    subject,
)
from periplus.people.decisions import Decisions
from periplus.people.erasure_journal import Asked
from periplus.people.removal import Meant, Place
from periplus.people.subject import Mentions, Subject
from periplus.store import actions, door, files, inbox, locks, manifest, scrub, standing, tombstones
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Manifest
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress
from periplus.store.state import State
from periplus.store.tombstones import EVENT, FOREVER, IDENTIFIER, SHARED, Tombstone

KIND = "erasure"
READERS = 2.0
"""Seconds for which questions that are being answered keep the files of the version before."""
TRIES = 5


def preview(home: Home, state: State | None, text: str, progress: Progress) -> dict[str, Any]:
    """What an erasure would remove, and what it could not; writes nothing."""
    live = manifest.read(home.root)
    snapshot = Snapshot(home.root, live, home.settings)
    person = _whom(snapshot, text)
    own = os.urandom(32) if live.tombstones is None else tombstones.secret(home.root)
    with home.connect() as connection:
        stones = _stones(connection, snapshot, person, own, FOREVER, 0)
        tombstones.register(connection, own, stones)
        found = removal.survey(home, connection, live, _meant(home, live, person), progress)
    counted = erasure_places.counted(home, state, live, person, found)
    _there_is_something(person, counted)
    return {
        "customer": None if person.customer is None else f"{person.customer:016x}",
        "label": person.label,
        "identifiers": [{"kind": kind, "value": value} for kind, value in person.own],
        "shared": [{"kind": kind, "value": value} for kind, value in person.shared],
        "places": [{"place": name, **asdict(place)} for name, place in counted.items()],
        "files": erasure_places.came_from(live, found.batches),
        "copies": erasure_places.copies(home, state, person),
        "documents": erasure_places.documents(state, person),
    }


def erase(
    home: Home,
    state: State,
    text: str,
    *,
    who: str,
    reason: str = "",
    later: bool = False,
    progress: Progress,
    readers: float | None = None,
) -> dict[str, Any]:
    """Erase the person whom an identifier means; returns the proof. With `later`, what they do later stays out too.

    Raises NotFoundError for nobody, InputError where several are meant, BusyError if another writer does not end.
    """
    drain(home, state)  # who is only there yet is to be found
    asked = _ask(home, state, text, who, reason, later, progress)
    return _finish(home, state, asked, progress, readers)


def finish(
    home: Home, state: State, progress: Progress, readers: float | None = None
) -> list[dict[str, Any]]:
    """Finish the erasures that were begun and stopped; returns their proofs."""
    return [_finish(home, state, asked, progress, readers) for asked in erasure_journal.unfinished(home.root)]


def proofs(state: State | None) -> list[dict[str, Any]]:
    """What was erased, the newest first."""
    if state is None:
        return []
    found = [state.document(KIND, name) for name in state.names(KIND)]
    return sorted((each for each in found if each), key=lambda each: each["number"], reverse=True)


# -- recording ----------------------------------------------------------------------------------


def _ask(
    home: Home, state: State, text: str, who: str, reason: str, later: bool, progress: Progress
) -> Asked:
    """Write the journal and publish the tombstones."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus erase"):
        live = manifest.read(home.root)
        snapshot = Snapshot(home.root, live, home.settings)
        person = _whom(snapshot, text)
        own = tombstones.secret(home.root, make=live.tombstones is None and not live.hashed)
        now = wall()
        until = FOREVER if later or _refused_analytics(state, person) else max(now, person.last)
        number = 1 + max([*(int(name) for name in state.names(KIND)), *erasure_journal.numbers(home.root), 0])
        known = tombstones.load(home.root, live.tombstones)
        with home.connect() as connection:
            stones = _stones(connection, snapshot, person, own, until, number)
            tombstones.register(connection, own, stones)
            found = removal.survey(home, connection, live, _meant(home, live, person), progress)
        counted = erasure_places.counted(home, state, live, person, found)
        before = {name: asdict(place) for name, place in counted.items()}
        _there_is_something(person, counted)
        asked = Asked(number, person, who, reason[:500], now, until, live.number, before, found.batches)
        erasure_journal.write(home.root, asked)
        name = f"{tombstones.FOLDER}/{live.next_file:06d}"
        tombstones.save(home.root, name, [*known, *stones])
        manifest.publish(home.root, replace(live, tombstones=name, next_file=live.next_file + 1))
    return asked


def _whom(snapshot: Snapshot, text: str) -> Subject:
    """The person who is meant; of one without events, what may be left in other places."""
    try:
        return subject.find(snapshot, text)
    except NotFoundError:
        return subject.traces(text, snapshot)


def _there_is_something(person: Subject, counted: dict[str, Place]) -> None:
    if person.customer is None and not any(place.rows for place in counted.values()):
        raise NotFoundError(
            f"There is nothing of {person.label[:80]!r} here.",
            code="no_customer",
            hint="Search for a user id, an e-mail, a phone or an order number.",
        )


def _stones(
    connection: door.Connection, snapshot: Snapshot, person: Subject, own: bytes, until: int, number: int
) -> list[Tombstone]:
    """Tombstones of a person's identifiers, and of the events that nothing but shared ones would tell."""
    stones = [
        Tombstone(tombstones.keyed(own, kind, value), what, until, number)
        for what, listed in ((IDENTIFIER, [*person.own, *person.compared]), (SHARED, person.shared))
        for kind, value in listed
    ]
    if person.customer is None:
        return stones
    run = connection.execute
    tombstones.register(connection, own, stones)
    standing.load_masks(connection, snapshot.root, snapshot.manifest)
    rules = decisions.of(snapshot.root, snapshot.manifest).force().rules
    rows = standing.narrow(
        snapshot.manifest, snapshot.files, (*erased.READ, "customer"), traits=rules.external
    )
    run(
        f"CREATE OR REPLACE TEMP TABLE mine AS SELECT * FROM ({rows}) WHERE customer = {int(person.customer)}"
    )
    told = erased.refused(connection, "SELECT * FROM mine", rules)
    left = "SELECT DISTINCT key_hi, key_lo FROM mine"
    if told is not None:
        left += f" ANTI JOIN ({told}) USING (key_hi, key_lo)"
    texts = [tombstones.event_text(high, low) for high, low in run(left).fetchall()]
    return [
        *stones,
        *(Tombstone(tombstones.keyed(own, "event", text), EVENT, FOREVER, number) for text in texts),
    ]


def _refused_analytics(state: State, person: Subject) -> bool:
    """Whether the person's last word on analytics was no: then they are not to be known again when they come back."""
    from periplus.collect.consent import state_now
    from periplus.store import consents

    said = state_now(consents.history(state, person.hashes)).get("analytics")
    return said is not None and not said.given


def _meant(home: Home, live: Manifest, person: Subject) -> Meant:
    rules = decisions.of(home.root, live).force().rules

    def rows(connection: door.Connection, sql: str) -> str | None:
        return erased.refused(connection, sql, rules)

    return Meant(rows, person.numbers, Mentions(person).text)


# -- doing --------------------------------------------------------------------------------------


def _finish(
    home: Home, state: State, asked: Asked, progress: Progress, readers: float | None
) -> dict[str, Any]:
    """Everything after the journal, from wherever it was stopped."""
    person = asked.person
    _published(home, asked)
    drain(home, state)
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus erase"):
        before = manifest.read(home.root)
        meant = _meant(home, before, person)
        with home.connect() as connection:
            try:
                _known(home, connection, before)
                found = removal.survey(home, connection, before, meant, progress)
                after = removal.removed(home, connection, before, found, meant, progress)
                # Which keys were theirs is known only here: afterwards there is nothing left to tell it by.
                keys_left = removal.keys_held(home.root, connection, after)
                after = _without_words(_without_decisions(home, after, person), Mentions(person))
            except door.EngineError as problem:
                raise door.explain(problem, "erasing") from None
            except OSError as problem:
                raise files.os_problem(problem, Path(str(problem.filename or home.root / "runs"))) from None
        live = before if after is before else manifest.publish(home.root, after)
        home.clear_spill()
        if live is not before:
            clock_time.sleep(READERS if readers is None else readers)
        manifest.sweep(home.root, live, grace=0)
    _cleared(home, state, live, asked)
    left = _recount(home, state, asked, progress) | {"keys": keys_left}
    return _proven(home, state, asked, left)


def _published(home: Home, asked: Asked) -> None:
    """Publish the tombstones of a journal, where whoever wrote it was killed before that."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus erase"):
        live = manifest.read(home.root)
        known = tombstones.load(home.root, live.tombstones)
        if any(stone.erasure == asked.number for stone in known):
            return
        own = tombstones.secret(home.root, make=live.tombstones is None and not live.hashed)
        with home.connect() as connection:
            snapshot = Snapshot(home.root, live, home.settings)
            stones = _stones(connection, snapshot, asked.person, own, asked.until, asked.number)
        name = f"{tombstones.FOLDER}/{live.next_file:06d}"
        tombstones.save(home.root, name, [*known, *stones])
        manifest.publish(home.root, replace(live, tombstones=name, next_file=live.next_file + 1))


def _known(home: Home, connection: door.Connection, live: Manifest) -> None:
    tombstones.register(connection, tombstones.secret(home.root), tombstones.load(home.root, live.tombstones))


def drain(home: Home, state: State) -> None:
    """Bring what waits in the inbox into the store: it is read to its end, so that no message of the person waits there."""
    from periplus.collect.finish import Finisher
    from periplus.collect.sources import Sources
    from periplus.people.flush import Flush

    target = scrub.last_received(home.root)
    if target <= manifest.read(home.root).cursors.get(inbox.CURSOR, 0):
        return
    finisher = Finisher(state, Sources(state, home.settings.zone))
    finisher.refresh()
    flush = Flush(home, finisher.line)
    idle = 0
    while flush.cursor < target and idle < TRIES:
        idle = 0 if flush.once() else idle + 1
    finisher.deviations.save(state)


def _without_decisions(home: Home, live: Manifest, person: Subject) -> Manifest:
    """Decisions about who is who that name an identifier of the person are forgotten; they can move nobody else."""
    held = decisions.of(home.root, live)
    mentions = Mentions(person)
    kept = [
        each.model_copy(update={"why": mentions.blanked(each.why)})
        for each in held.listed
        if not erasure_places.decides_about(each, person)
    ]
    if kept == list(held.listed):
        return live
    return Decisions(tuple(kept)).save(home.root, live)


def _without_words(live: Manifest, mentions: Mentions) -> Manifest:
    """Names of imported files and warnings that name the person say … in that place."""
    batches = [
        replace(
            batch,
            files=[{**each, "name": mentions.blanked(str(each["name"]))} for each in batch.files],
            warnings=[mentions.blanked(said) for said in batch.warnings],
        )
        for batch in live.batches
    ]
    return live if batches == live.batches else replace(live, batches=batches)


def _cleared(home: Home, state: State, live: Manifest, asked: Asked) -> None:
    """Take the person out of the databases, and out of uploads that wait to be imported."""
    person, mentions = asked.person, Mentions(asked.person)
    for _ in range(TRIES):
        scrub.inbox(home.root, live.cursors.get(inbox.CURSOR, 0), mentions.payload, remove=True)
        scrub.ledger(home.root, mentions.payload, remove=True)
        if not scrub.inbox(home.root, live.cursors.get(inbox.CURSOR, 0), mentions.payload, remove=False).rows:
            break
    erasure_uploads.uploads(home.root, mentions, remove=True)
    erasure_uploads.clear_spill(home)
    scrub.state(state, person.hashes, person.messages, mentions.text, remove=True)
    for row in actions.listed(state):
        told = json.loads(mentions.blanked(json.dumps(row.detail, ensure_ascii=False)))
        if told != row.detail:
            actions.change(state, row.number, told)
    scrub.compact(state)


# -- proving ------------------------------------------------------------------------------------


def _recount(home: Home, state: State, asked: Asked, progress: Progress) -> dict[str, Place]:
    live = manifest.read(home.root)
    with home.connect() as connection:
        _known(home, connection, live)
        found = removal.survey(home, connection, live, _meant(home, live, asked.person), progress)
    return erasure_places.counted(home, state, live, asked.person, found, since=asked.requested)


def _proven(home: Home, state: State, asked: Asked, left: dict[str, Place]) -> dict[str, Any]:
    """Store the proof, note the action, and remove the journal."""
    live = manifest.read(home.root)
    kinds: dict[str, int] = {}
    for kind, _ in asked.person.own:
        kinds[kind] = kinds.get(kind, 0) + 1
    own = tombstones.secret(home.root)
    mentions = Mentions(asked.person)
    came_from = json.loads(
        mentions.blanked(json.dumps(erasure_places.came_from(live, asked.batches), ensure_ascii=False))
    )
    proof = {
        "number": asked.number,
        "who": asked.who,
        "reason": mentions.blanked(asked.reason),
        "requested": iso(asked.requested),
        "finished": iso(wall()),
        "later": asked.until == FOREVER,
        "version_before": asked.version,
        "version_after": live.number,
        "person": tombstones.keyed(own, *erasure_places.named_by(asked.person)),
        "identifiers": kinds,
        "shared": len(asked.person.shared),
        "places": [
            {"place": name, "before": before, "after": asdict(left.get(name, Place()))}
            for name, before in asked.before.items()
        ],
        "files": came_from,
        "copies": json.loads(
            mentions.blanked(
                json.dumps(
                    erasure_places.copies(home, state, asked.person, asked.requested), ensure_ascii=False
                )
            )
        ),
        "documents": [mentions.blanked(each) for each in erasure_places.documents(state, asked.person)],
    }
    state.save(KIND, str(asked.number), proof)
    rows = sum(each["before"]["rows"] for each in proof["places"])
    noted = actions.listed(state, actions.ERASED)
    if not any(row.detail.get("erasure") == asked.number for row in noted):
        actions.add(
            state, actions.ERASED, asked.who, {"erasure": asked.number, "rows": rows}, proof["person"]
        )
    erasure_journal.wipe(home.root, asked.number)
    return proof


__all__: Sequence[str] = ["Asked", "erase", "finish", "preview", "proofs"]
