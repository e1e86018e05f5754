"""Every event out again, as Segment-spec JSONL or flat Parquet: nobody is locked in.

What is written imports again without a mapping. An event that came without a message id is given
`key:` and its key, so that it stays the same event; events are in the order of time and sequence, so
that equal times keep their order. An event that the traffic rules leave out says so itself in the export
(`context.bot` or `context.internal`), so that answers are the same wherever it is imported.
"""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from periplus.collect.marks import judge
from periplus.errors import InputError
from periplus.people.history import event
from periplus.people.traffic import reason, rules_of
from periplus.store import door, standing
from periplus.store.files import MARKED, os_problem
from periplus.store.snapshot import Snapshot
from periplus.store.staged import Progress

_FLAT = (
    "type", "event", "user_id AS \"userId\"", "anonymous_id AS \"anonymousId\"", "previous_id AS \"previousId\"",
    "email", "phone", "coalesce(message_id, 'key:' || printf('%016x%016x', key_hi, key_lo)) AS \"messageId\"",
    "time AS \"timestamp\"", "received_at AS \"receivedAt\"", "source", "channel", "department", "original", "consent",
)  # fmt: skip


_BOT, _INTERNAL = "context.bot", "context.internal"


def export(snapshot: Snapshot, path: Path, progress: Progress) -> int:
    """Write every standing event to `path` (.jsonl, .jsonl.gz or .parquet); returns how many."""
    name = path.name.lower()
    shape = standing.shape((file.columns, file.rest, file.rows) for file in snapshot.files)
    rows = f"SELECT * FROM ({standing.rows(snapshot.manifest, snapshot.files, shape)}) ORDER BY time, sequence, key_hi, key_lo"
    total = int(snapshot.cursor().execute(f"SELECT count(*) FROM ({rows})").fetchall()[0][0])
    # Written aside: what stopped half-way never looks like a whole export.
    aside = path.with_name(f"{path.name}.part")
    try:
        if name.endswith(".parquet"):
            listed = ", ".join([*_FLAT, *_paths(snapshot, rows, shape), "rest"])
            snapshot.cursor().execute(
                f"COPY (SELECT {listed} FROM ({rows}) AS e) TO {door.literal(str(aside))} (FORMAT PARQUET, COMPRESSION ZSTD)"
            )
        elif name.endswith((".jsonl", ".ndjson", ".jsonl.gz")):
            with gzip.open(aside, "wb") if name.endswith(".gz") else aside.open("wb") as stream:
                _lines(snapshot, rows, shape.columns, cast(BinaryIO, stream), total, progress)
        else:
            raise InputError(
                f"{path.name} has no ending that says its form.", hint="Name it .jsonl or .parquet."
            )
        aside.replace(path)
    except OSError as problem:
        raise os_problem(problem, path) from None
    except door.EngineError as problem:
        raise door.explain(problem, f"writing {path.name}") from None
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
    return total


def _paths(snapshot: Snapshot, rows: str, shape: standing.Shape) -> list[str]:
    """SQL of the shredded columns, with the marks that the rules give."""
    columns = {path: f"e.{door.quoted(path)}" for path in shape.columns}
    rules = rules_of(snapshot.manifest)
    why = reason(snapshot.cursor(), f"({rows})", shape.columns, shape.rest, rules, "export")
    if why is not None and snapshot.has_marked:
        for path, test in ((_BOT, f"({why}) = 'bot'"), (_INTERNAL, f"({why}) NOT IN ('says so', 'bot')")):
            if (kind := shape.columns.get(path, "BOOLEAN")) in ("BOOLEAN", "VARCHAR"):
                mark = f"CASE WHEN {test} THEN {'true' if kind == 'BOOLEAN' else door.literal('true')} END"
                columns[path] = f"coalesce({mark}, {columns[path]})" if path in columns else mark
    return [f"{sql} AS {door.quoted(path)}" for path, sql in columns.items()]


def _lines(
    snapshot: Snapshot, rows: str, columns: dict[str, str], stream: BinaryIO, total: int, progress: Progress
) -> None:
    judged = judge(rules_of(snapshot.manifest))
    found = snapshot.cursor().execute(rows)
    names = [column[0] for column in found.description]
    done = 0
    while batch := found.fetchmany(10_000):
        for row in batch:
            told = event(dict(zip(names, row, strict=True)), columns)
            if told["section"] >= MARKED and (why := judged.reason(told)) not in (None, "says so"):
                told["context"] = {**told["context"], "bot" if why == "bot" else "internal": True}
            stream.write(json.dumps(_sent(told), ensure_ascii=False).encode() + b"\n")
        done += len(batch)
        progress(done, total, "exporting")


def _sent(told: dict[str, Any]) -> dict[str, Any]:
    """An event as it is sent: no keys of our own, nothing empty, always a message id."""
    sent = {name: value for name, value in told.items() if name not in ("micros", "section", "batch", "key")}
    sent.setdefault("messageId", f"key:{told['key']}")
    return {name: value for name, value in sent.items() if value not in ({}, None)}
