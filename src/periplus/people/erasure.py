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
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from periplus.clock import iso, wall
from periplus.errors import PeriplusError, StoreError
from periplus.people import decisions, erased, removal, subject
from periplus.people.decisions import Decision, Decisions
from periplus.people.removal import Found, Meant, Place
from periplus.people.subject import Mentions, Subject
from periplus.store import actions, door, files, inbox, locks, manifest, scrub, standing, tombstones
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Manifest
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress
from periplus.store.state import State
from periplus.store.tombstones import EVENT, FOREVER, IDENTIFIER, SHARED, Tombstone

KIND = "erasure"
JOURNALS = "erasures"
READERS = 2.0
"""Seconds for which questions that are being answered keep the files of the version before."""
TRIES = 5


@dataclass(frozen=True)
class Asked:
    """One erasure under way: whom, who asked for it and when (microseconds UTC), and what was there before."""

    number: int
    person: Subject
    who: str
    reason: str
    requested: int
    until: int
    version: int
    before: dict[str, dict[str, int]]
    batches: dict[int, int]

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "person": self.person.document()}

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Asked:
        batches = {int(batch): int(rows) for batch, rows in body["batches"].items()}
        return cls(**{**body, "person": Subject.parse(body["person"]), "batches": batches})


def preview(home: Home, state: State | None, text: str, progress: Progress) -> dict[str, Any]:
    """What an erasure would remove, and what it could not; writes nothing."""
    live = manifest.read(home.root)
    snapshot = Snapshot(home.root, live, home.settings)
    person = subject.find(snapshot, text)
    own = os.urandom(32) if live.tombstones is None else tombstones.secret(home.root)
    with home.connect() as connection:
        stones = _stones(connection, snapshot, person, own, FOREVER, 0)
        tombstones.register(connection, own, stones)
        found = removal.survey(home, connection, live, _meant(home, live, person), progress)
    counted = _everywhere(home, state, live, person, found)
    return {
        "customer": None if person.customer is None else f"{person.customer:016x}",
        "label": person.label,
        "identifiers": [{"kind": kind, "value": value} for kind, value in person.own],
        "shared": [{"kind": kind, "value": value} for kind, value in person.shared],
        "places": [{"place": name, **asdict(place)} for name, place in counted.items()],
        "files": _came_from(live, found.batches),
        "copies": copies(home, state, person),
        "documents": _named_in(state, person),
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
    readers: float = READERS,
) -> dict[str, Any]:
    """Erase the person whom an identifier means; returns the proof. With `later`, what they do later stays out too.

    Raises NotFoundError for nobody, InputError where several are meant, BusyError if another writer does not end.
    """
    _drain(home, state)  # who is only there yet is to be found
    asked = _ask(home, state, text, who, reason, later, progress)
    return _finish(home, state, asked, progress, readers)


def finish(home: Home, state: State, progress: Progress, readers: float = READERS) -> list[dict[str, Any]]:
    """Finish the erasures that were begun and stopped; returns their proofs."""
    return [_finish(home, state, asked, progress, readers) for asked in unfinished(home.root)]


def unfinished(root: Path) -> list[Asked]:
    """Erasures that were begun and are not done."""
    found = []
    for path in sorted((root / JOURNALS).glob("[0-9]*.json")):
        try:
            found.append(Asked.parse(json.loads(path.read_bytes())))
        except (ValueError, KeyError, TypeError):
            raise StoreError(
                f"{path} is damaged.", code="damaged", hint="Erase the person again, then delete this file."
            ) from None
    return found


def proofs(state: State | None) -> list[dict[str, Any]]:
    """What was erased, the newest first."""
    if state is None:
        return []
    found = [state.document(KIND, name) for name in state.names(KIND)]
    return sorted((each for each in found if each), key=lambda each: each["number"], reverse=True)


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


# -- recording ----------------------------------------------------------------------------------


def _ask(
    home: Home, state: State, text: str, who: str, reason: str, later: bool, progress: Progress
) -> Asked:
    """Write the journal and publish the tombstones."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus erase"):
        live = manifest.read(home.root)
        snapshot = Snapshot(home.root, live, home.settings)
        person = subject.find(snapshot, text)
        own = tombstones.secret(home.root, make=live.tombstones is None)
        now = wall()
        until = FOREVER if later or _refused_analytics(state, person) else max(now, person.last)
        number = 1 + max([*(int(name) for name in state.names(KIND)), *_journals(home.root), 0])
        known = tombstones.load(home.root, live.tombstones)
        with home.connect() as connection:
            stones = _stones(connection, snapshot, person, own, until, number)
            tombstones.register(connection, own, stones)
            found = removal.survey(home, connection, live, _meant(home, live, person), progress)
        counted = _everywhere(home, state, live, person, found)
        before = {name: asdict(place) for name, place in counted.items()}
        asked = Asked(number, person, who, reason[:500], now, until, live.number, before, found.batches)
        folder = home.root / JOURNALS
        folder.mkdir(mode=0o700, exist_ok=True)
        files.write_durably(
            folder / f"{number:06d}.json", json.dumps(asked.document(), ensure_ascii=False).encode()
        )
        name = f"{tombstones.FOLDER}/{live.next_file:06d}"
        tombstones.save(home.root, name, [*known, *stones])
        manifest.publish(home.root, replace(live, tombstones=name, next_file=live.next_file + 1))
    return asked


def _journals(root: Path) -> list[int]:
    return [int(path.stem) for path in (root / JOURNALS).glob("[0-9]*.json")]


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


def _finish(home: Home, state: State, asked: Asked, progress: Progress, readers: float) -> dict[str, Any]:
    """Everything after the journal, from wherever it was stopped."""
    person = asked.person
    _published(home, asked)
    _drain(home, state)
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus erase"):
        before = manifest.read(home.root)
        meant = _meant(home, before, person)
        with home.connect() as connection:
            try:
                _known(home, connection, before)
                found = removal.survey(home, connection, before, meant, progress)
                after = removal.removed(home, connection, before, found, meant, progress)
                after = _without_words(_without_decisions(home, after, person), Mentions(person))
            except door.EngineError as problem:
                raise door.explain(problem, "erasing") from None
            except OSError as problem:
                raise files.os_problem(problem, Path(str(problem.filename or home.root / "runs"))) from None
        live = before if after is before else manifest.publish(home.root, after)
        home.clear_spill()
        if live is not before:
            clock_time.sleep(readers)
        manifest.sweep(home.root, live, grace=0)
    _cleared(home, state, live, asked)
    left = _recount(home, state, asked, progress)
    return _proven(home, state, asked, left)


def _published(home: Home, asked: Asked) -> None:
    """Publish the tombstones of a journal, where whoever wrote it was killed before that."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus erase"):
        live = manifest.read(home.root)
        known = tombstones.load(home.root, live.tombstones)
        if any(stone.erasure == asked.number for stone in known):
            return
        own = tombstones.secret(home.root, make=live.tombstones is None)
        with home.connect() as connection:
            snapshot = Snapshot(home.root, live, home.settings)
            stones = _stones(connection, snapshot, asked.person, own, asked.until, asked.number)
        name = f"{tombstones.FOLDER}/{live.next_file:06d}"
        tombstones.save(home.root, name, [*known, *stones])
        manifest.publish(home.root, replace(live, tombstones=name, next_file=live.next_file + 1))


def _known(home: Home, connection: door.Connection, live: Manifest) -> None:
    tombstones.register(connection, tombstones.secret(home.root), tombstones.load(home.root, live.tombstones))


def _drain(home: Home, state: State) -> None:
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
        if not _names(each, person)
    ]
    if kept == list(held.listed):
        return live
    return Decisions(tuple(kept)).save(home.root, live)


def _names(decision: Decision, person: Subject) -> bool:
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
    about = _about(home, live, mentions)
    for _ in range(TRIES):
        scrub.inbox(home.root, live.cursors.get(inbox.CURSOR, 0), about, remove=True)
        scrub.ledger(home.root, mentions.payload, remove=True)
        if not scrub.inbox(home.root, live.cursors.get(inbox.CURSOR, 0), about, remove=False).rows:
            break
    scrub.state(state, person.hashes, person.messages, mentions.text, remove=True)
    for row in actions.listed(state):
        told = json.loads(mentions.blanked(json.dumps(row.detail, ensure_ascii=False)))
        if told != row.detail:
            actions.change(state, row.number, told)
    scrub.compact(state)


def _about(home: Home, live: Manifest, mentions: Mentions) -> scrub.About:
    """Whether a message of the inbox is the person's: by a tombstone, or by what stands in it."""
    del home, live
    return mentions.payload


def _everywhere(
    home: Home, state: State | None, live: Manifest, person: Subject, found: Found
) -> dict[str, Place]:
    """Counts of every sort of place, in the order in which they are told."""
    mentions = Mentions(person)
    places = dict(found.places)
    waiting = scrub.inbox(home.root, FOREVER, mentions.payload, remove=False)
    decided = [each for each in decisions.of(home.root, live).listed if _names(each, person)]
    places["decisions"] = Place(min(len(decided), 1), len(decided), 0)
    places["inbox"] = Place(waiting.files, waiting.rows, waiting.bytes)
    refused = scrub.ledger(home.root, mentions.payload, remove=False)
    places["ledger"] = Place(refused.files, refused.rows, refused.bytes)
    if state is not None:
        stated = scrub.state(state, person.hashes, person.messages, mentions.text, remove=False)
        for name, rows in stated.tables.items():
            places[name] = Place(min(rows, 1), rows, 0)
    old = manifest.unnamed(home.root, live)
    places["earlier versions"] = Place(len(old), 0, sum(path.stat().st_size for path in old))
    return places


def _named_in(state: State | None, person: Subject) -> list[str]:
    """Documents that people wrote and that name the person: nobody but people can change them."""
    if state is None:
        return []
    return scrub.state(state, [], [], Mentions(person).text, remove=False).documents


def _came_from(live: Manifest, rows: dict[int, int]) -> list[dict[str, Any]]:
    """The files from which the person's events came, which are where they were: by batch."""
    return [
        {"batch": batch.id, "source": batch.source, "rows": rows[batch.id], "files": [str(each["name"]) for each in batch.files]}
        for batch in live.batches
        if batch.id in rows and not batch.live
    ]  # fmt: skip


# -- proving ------------------------------------------------------------------------------------


def _recount(home: Home, state: State, asked: Asked, progress: Progress) -> dict[str, Place]:
    live = manifest.read(home.root)
    with home.connect() as connection:
        _known(home, connection, live)
        found = removal.survey(home, connection, live, _meant(home, live, asked.person), progress)
    return _everywhere(home, state, live, asked.person, found)


def _proven(home: Home, state: State, asked: Asked, left: dict[str, Place]) -> dict[str, Any]:
    """Store the proof, note the action, and remove the journal."""
    live = manifest.read(home.root)
    kinds: dict[str, int] = {}
    for kind, _ in asked.person.own:
        kinds[kind] = kinds.get(kind, 0) + 1
    own = tombstones.secret(home.root)
    mentions = Mentions(asked.person)
    came_from = json.loads(mentions.blanked(json.dumps(_came_from(live, asked.batches), ensure_ascii=False)))
    proof = {
        "number": asked.number,
        "who": asked.who,
        "reason": mentions.blanked(asked.reason),
        "requested": iso(asked.requested),
        "finished": iso(wall()),
        "later": asked.until == FOREVER,
        "version_before": asked.version,
        "version_after": live.number,
        "person": tombstones.keyed(own, *named_by(asked.person)),
        "identifiers": kinds,
        "shared": len(asked.person.shared),
        "places": [
            {"place": name, "before": before, "after": asdict(left.get(name, Place()))}
            for name, before in asked.before.items()
        ],
        "files": came_from,
        "copies": json.loads(
            mentions.blanked(
                json.dumps(copies(home, state, asked.person, asked.requested), ensure_ascii=False)
            )
        ),
        "documents": [mentions.blanked(each) for each in _named_in(state, asked.person)],
    }
    state.save(KIND, str(asked.number), proof)
    rows = sum(each["before"]["rows"] for each in proof["places"])
    actions.add(state, actions.ERASED, asked.who, {"erasure": asked.number, "rows": rows}, proof["person"])
    path = home.root / JOURNALS / f"{asked.number:06d}.json"
    _wiped(path)
    return proof


def _wiped(path: Path) -> None:
    """Overwrite a file, then unlink it."""
    with suppress(OSError):
        size = path.stat().st_size
        with path.open("r+b") as stream:
            stream.write(b"\0" * size)
            stream.flush()
            os.fsync(stream.fileno())
    path.unlink(missing_ok=True)
    with suppress(OSError, PeriplusError):
        files.sync_folder(path.parent)


__all__: Sequence[str] = ["Asked", "copies", "erase", "finish", "preview", "proofs", "unfinished"]
