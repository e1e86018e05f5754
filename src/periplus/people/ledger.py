"""The ledger: every row of every imported file, and what the collector refused, with what became of it.

The counts add up to what came in. Each batch keeps two small files: the rows that made events (accepted or duplicate) and the rejected
ones with reason and payload. Withheld rows are counted and not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from periplus.clock import UNITS, iso
from periplus.errors import InputError, NotFoundError, unknown
from periplus.store import door, keys, manifest
from periplus.store import ledger as collected
from periplus.store.home import Home
from periplus.store.manifest import Batch, Manifest
from periplus.store.snapshot import Snapshot

OUTCOMES = ("accepted", "duplicate", "rejected", "withheld")

Known = Callable[[np.ndarray, np.ndarray], np.ndarray]


def known(home: Home) -> Known:
    """Which event keys the live version has seen: (uint64[n], uint64[n]) -> bool[n]."""
    live = manifest.read(home.root)
    return lambda high, low: keys.seen(home.root, live.keys, high, low)


def described(batch: Batch) -> dict[str, Any]:
    """A batch as lists show it."""
    shown = asdict(batch)
    for name in ("rejects", "claims", "rows_file", "unmade"):
        del shown[name]
    shown["created"] = iso(batch.created)
    shown["undone"] = None if batch.undone is None else iso(batch.undone)
    return shown


def batches(live: Manifest) -> list[dict[str, Any]]:
    """Every batch, the newest first."""
    return [described(batch) for batch in reversed(live.batches)]


def rows(
    snapshot: Snapshot, *, batch: int | None, outcome: str | None, limit: int, offset: int
) -> list[dict[str, Any]]:
    """Ledger rows: first what the collector refused, the newest first; then those of imports by batch, file and line.

    What the collector took is in the store, and counted by `counts`; it has no rows here.
    """
    if outcome is not None and outcome not in OUTCOMES:
        message, hint, allowed = unknown("outcome", outcome, OUTCOMES)
        raise InputError(message, hint=hint, allowed=allowed)
    chosen = [known for known in snapshot.manifest.batches if batch is None or known.id == batch]
    if batch is not None and not chosen:
        raise NotFoundError(
            f"There is no batch {batch}.",
            hint="`periplus batch list` shows them.",
            allowed=[str(known.id) for known in snapshot.manifest.batches],
        )
    limit, offset = max(0, min(limit, 1_000_000)), max(0, offset)
    listed: list[dict[str, Any]] = []
    if outcome in (None, "rejected") and (batch is None or chosen[0].live):
        refused = collected.rejects(snapshot.root, limit=limit + offset)
        listed = [_refused(row, snapshot.manifest.live_batch) for row in refused]
    before = len(listed)
    listed = listed[offset:]
    if len(listed) < limit:
        listed += _imported(snapshot, chosen, outcome, limit - len(listed), max(0, offset - before))
    return listed


def _refused(row: collected.Reject, live: Batch | None) -> dict[str, Any]:
    return {
        "batch": None if live is None else live.id,
        "file": None,
        "line": None,
        "outcome": "rejected",
        "reason": row.message,
        "column": None,
        "value": None,
        "payload": row.payload.decode("utf-8", "replace"),
        "source": row.source,
        "received": iso(row.received),
    }


def _imported(
    snapshot: Snapshot, chosen: list[Batch], outcome: str | None, limit: int, offset: int
) -> list[dict[str, Any]]:
    selects = [sql for each in chosen for sql in _selects(snapshot, each, outcome)]
    if not selects:
        return []
    found = snapshot.cursor().execute(
        f"SELECT * FROM ({' UNION ALL '.join(selects)}) ORDER BY batch, file, line LIMIT ? OFFSET ?",
        [limit, offset],
    )
    names = [column[0] for column in found.description]
    listed = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    by_id = {each.id: each for each in chosen}
    for row in listed:
        held = by_id[row["batch"]]
        row |= {
            "file": held.files[row["file"]]["name"],
            "source": held.source,
            "received": iso(held.created),
        }
    return listed


def _selects(snapshot: Snapshot, batch: Batch, outcome: str | None) -> list[str]:
    selects = []
    if batch.rows_file is not None and outcome in (None, "accepted", "duplicate"):
        path = snapshot.root / f"{batch.rows_file}.parquet"
        only = {"accepted": " WHERE accepted", "duplicate": " WHERE NOT accepted", None: ""}[outcome]
        # an accepted row that did not make all its events says which one, and why
        missed = _unmade(snapshot, batch)
        selects.append(
            f"SELECT {batch.id} AS batch, file, line, CASE WHEN accepted THEN 'accepted' ELSE 'duplicate' END AS outcome, "
            "CASE WHEN accepted THEN why ELSE 'all its events are here already; to bring them anew use --replace' END "
            'AS reason, CASE WHEN accepted THEN "column" END AS "column", CASE WHEN accepted THEN value END AS value, '
            "NULL::VARCHAR AS payload "
            f"FROM read_parquet({door.file_list([path])}) LEFT JOIN {missed} USING (file, line){only}"
        )
    if batch.rejects is not None and outcome in (None, "rejected"):
        path = snapshot.root / f"{batch.rejects}.parquet"
        # A row with two wrong columns is one rejected row; the first problem speaks for it.
        selects.append(
            f"SELECT {batch.id} AS batch, file, line, 'rejected' AS outcome, reason, \"column\", value, payload FROM "
            f"(SELECT *, row_number() OVER (PARTITION BY file, line) AS nth FROM read_parquet({door.file_list([path])})) "
            "WHERE nth = 1"
        )
    return selects


def _unmade(snapshot: Snapshot, batch: Batch) -> str:
    """SQL: by row, the events it did not make, and why; the first one's column and value."""
    if batch.unmade is None:
        return (
            '(SELECT NULL::INTEGER AS file, NULL::BIGINT AS line, NULL::VARCHAR AS why, NULL::VARCHAR AS "column", '
            "NULL::VARCHAR AS value WHERE false)"
        )
    path = snapshot.root / f"{batch.unmade}.parquet"
    return (
        "(SELECT file, line, string_agg('no ' || event || ': ' || reason, '; ' ORDER BY event) AS why, "
        'min_by("column", event) AS "column", min_by(value, event) AS value '
        f"FROM read_parquet({door.file_list([path])}) GROUP BY ALL)"
    )


def counts(live: Manifest, root: Path, source: str | None = None) -> list[dict[str, Any]]:
    """By source and hour (of receipt; of an import when it was made), the newest first: a number per outcome, and all.

    `kind` is `collector` or `import`; an undone import counts no more.
    """
    found: dict[tuple[str, str, int], dict[str, int]] = {}
    for (name, hour, outcome), number in collected.counts(root).items():
        found.setdefault(("collector", name, hour), {})[outcome] = number
    for batch in live.batches:
        if batch.undone is None and not batch.live:
            row = found.setdefault(("import", batch.source, batch.created - batch.created % UNITS["h"]), {})
            for outcome in OUTCOMES:
                row[outcome] = row.get(outcome, 0) + int(getattr(batch, outcome))
    return [
        {
            "source": name,
            "hour": iso(hour),
            "kind": kind,
            **{outcome: row.get(outcome, 0) for outcome in OUTCOMES},
            "received": sum(row.values()),
        }
        for (kind, name, hour), row in sorted(found.items(), key=lambda item: (-item[0][2], item[0]))
        if source is None or name == source
    ]


def rejects(root: Path, *, source: str | None, limit: int, offset: int) -> list[dict[str, Any]]:
    """What the collector refused, the newest first; `id` is what `Collector.replay` takes."""
    return [
        {
            "id": row.id,
            "source": row.source,
            "dialect": row.dialect,
            "received": iso(row.received),
            "reason": row.reason,
            "message": row.message,
            "payload": row.payload.decode("utf-8", "replace"),
            "whole": row.whole,
            "replayed": None if row.replayed is None else iso(row.replayed),
        }
        for row in collected.rejects(root, source=source, limit=limit, offset=offset)
    ]
