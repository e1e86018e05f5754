"""Staged imports made from plain dicts, and the version they end in read back as plain dicts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from periplus.people.identifiers import customer_hash
from periplus.store import files, manifest, standing
from periplus.store.home import Home
from periplus.store.staged import FileInfo, Staged

KINDS = {
    "section": pa.uint8(), "time": pa.int64(), "sequence": pa.int64(), "key_hi": pa.uint64(), "key_lo": pa.uint64(),
    "type": pa.string(), "event": pa.string(), "original": pa.string(), "source": pa.string(),
    "channel": pa.string(), "department": pa.string(), "user_id": pa.string(), "anonymous_id": pa.string(),
    "email": pa.string(), "phone": pa.string(), "previous_id": pa.string(), "message_id": pa.string(),
    "received_at": pa.int64(), "consent": pa.string(), "file": pa.int32(), "line": pa.int64(), "place": pa.int16(),
    "properties.order_id": pa.string(), "context.internal": pa.bool_(), "rest": pa.string(),
}  # fmt: skip


def staged(home: Home, events: list[dict[str, Any]], source: str = "test") -> Staged:
    """A staged import of `events`; each needs id, time, and any of the identifier columns."""
    rows = []
    for line, event in enumerate(events, 1):
        kind = event.get("type", "track")
        rows.append(
            {
                "section": 2 if kind in ("identify", "alias", "group") else 0,
                "sequence": event.get("sequence", line),
                "key_hi": customer_hash("key", str(event["id"])),
                "key_lo": event["id"],
                "type": kind,
                "event": event.get("event", "Seen" if kind == "track" else kind),
                "source": source,
                "file": 0,
                "line": line,
                "place": 0,
                **{
                    name: event.get(name)
                    for name in ("time", "user_id", "anonymous_id", "email", "phone", "previous_id")
                },
                "properties.order_id": event.get("order_id"),
                "context.internal": event.get("marked") or None,
            }
        )
    folder = Path(tempfile.mkdtemp(dir=home.spill))
    table = pa.table(
        {name: pa.array([row.get(name) for row in rows], kind) for name, kind in KINDS.items()},
    )
    path = folder / "events.parquet"
    pq.write_table(table, path)
    return Staged(
        folder,
        [path],
        {"properties.order_id": "VARCHAR", "context.internal": "BOOLEAN"},
        (),
        None,
        0,
        len(rows),
        [FileInfo("test", 1, len(rows))],
        source,
    )


def standing_events(home: Home) -> dict[int, dict[str, Any]]:
    """Every standing event by the id it was given."""
    live = manifest.read(home.root)
    listed = [files.load(home.root, name) for name in live.files]
    shape = standing.shape((file.columns, file.rest, file.rows) for file in listed)
    with home.connect() as connection:
        standing.load_masks(connection, home.root, live)
        found = connection.execute(standing.rows(live, listed, shape))
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    by_id = {row["key_lo"]: row for row in rows}
    assert len(by_id) == len(rows), "an event stands twice"
    return by_id


def fresh(folder: Path, shards: int = 4) -> Home:
    from periplus.settings import Settings
    from periplus.store.home import create

    return create(folder, Settings(shards=shards, threads=1, memory="500MB"))
