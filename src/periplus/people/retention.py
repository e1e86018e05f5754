"""Rules of retention carried out: what is older than its source is kept leaves, as if it had never come.

The rules in force stand in the manifest, so imports and the collector keep to them from the moment they are
adopted; their versions are documents of the operational state.
"""

from __future__ import annotations

import time as clock_time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from periplus.clock import iso
from periplus.people import removal
from periplus.people.removal import Found, Meant, Place
from periplus.people.retention_rules import RetentionRules
from periplus.store import door, files, locks, manifest, scrub
from periplus.store.home import WAIT_FOR_WRITER, Home
from periplus.store.manifest import Manifest
from periplus.store.staged import Progress

READERS = 2.0
"""Seconds for which questions that are being answered keep the files of the version before."""


def meant(rules: RetentionRules, now: int) -> Meant:
    """The rows that are older than they are kept at `now` (microseconds UTC)."""
    test = rules.expired(now)

    def rows(connection: door.Connection, sql: str) -> str | None:
        return f"SELECT e.key_hi, e.key_lo FROM ({sql}) AS e WHERE {test}" if rules.sources else None

    return Meant(rows)


def trial(home: Home, rules: RetentionRules, now: int, progress: Progress) -> dict[str, Any]:
    """What rules would remove now: events by source, and rows by place; writes nothing."""
    live = manifest.read(home.root)
    with home.connect() as connection:
        found = removal.survey(home, connection, live, meant(rules, now), progress)
        return _told(home, connection, rules, found, now, remove=False)


def run(
    home: Home, rules: RetentionRules, now: int, progress: Progress, readers: float | None = None
) -> dict[str, Any]:
    """Remove what is older than it is kept; says what, as `trial` does. Where that is nothing no version is published."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus retention"):
        before = manifest.read(home.root)
        manifest.sweep(home.root, before)
        home.clear_spill()
        leaving = meant(rules, now)
        with home.connect() as connection:
            try:
                found = removal.survey(home, connection, before, leaving, progress)
                after = removal.removed(home, connection, before, found, leaving, progress)
                told = _told(home, connection, rules, found, now, remove=True)
            except door.EngineError as problem:
                raise door.explain(problem, "removing old events") from None
            except OSError as problem:
                raise files.os_problem(problem, Path(str(problem.filename or home.root / "runs"))) from None
        if after is not before:
            live = manifest.publish(home.root, after)
            clock_time.sleep(READERS if readers is None else readers)
            manifest.sweep(home.root, live, grace=0)
            told["version"] = live.number
    return told


def adopt(home: Home, rules: RetentionRules) -> Manifest:
    """Put rules in force for whatever comes in; what is there leaves with the next `run`."""
    with locks.held(home.root / "write.lock", wait=WAIT_FOR_WRITER, who="periplus retention"):
        before = manifest.read(home.root)
        if before.retention == rules.document():
            return before
        return manifest.publish(home.root, replace(before, retention=rules.document()))


def in_force(home: Home) -> RetentionRules:
    """The rules of the live version."""
    return RetentionRules.parse(manifest.read(home.root).retention)


def _told(
    home: Home, connection: door.Connection, rules: RetentionRules, found: Found, now: int, *, remove: bool
) -> dict[str, Any]:
    refused = scrub.expired(home.root, lambda source: rules.limit(source, now), remove=remove)
    places = {**found.places, "ledger": Place(refused.files, refused.rows, refused.bytes)}
    events = dict(
        connection.execute(
            "SELECT source, count(*) FROM departed_source GROUP BY source ORDER BY source"
        ).fetchall()
    )
    return {
        "now": iso(now),
        "rules": dict(rules.sources),
        "limits": {name: iso(limit) for name, limit in rules.limits(now).items()},
        "events": sum(events.values()),
        "sources": {str(name): int(count) for name, count in events.items()},
        "places": [{"place": name, **asdict(place)} for name, place in places.items() if place.rows],
        "version": None,
    }
