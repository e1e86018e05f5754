"""What an import would do, without doing it: every count exact, every guess with its reason."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.clock import iso, zone
from periplus.collect import exports, found, look, others, parquet, suggest, tables
from periplus.collect.asked import one
from periplus.collect.mapping import Field_, MappingDocument
from periplus.collect.opened import OpenFile, Workbench
from periplus.collect.plain import first_text, is_parquet
from periplus.collect.stage import base, document, run, workbench
from periplus.errors import PeriplusError
from periplus.settings import Settings
from periplus.store.door import Connection, EngineError, file_list
from periplus.store.staged import Progress, Staged
from periplus.yaml_text import write

Known = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Which of some event keys (two uint64[n]) are in already: bool[n]."""
Sieve = Callable[[Connection, Staged], Staged]
"""What is left of an import without the events that are not to be kept."""
PROBLEMS, SHOWN = 20, 10


@dataclass(frozen=True)
class Plan:
    """A dry run. `counts` add up: accepted + duplicate + rejected + withheld = rows; `events` are those new.

    `columns` say what each column becomes and why, `rows` are the first ten as events, `problems` the first
    refused rows, `reasons` all of them with counts; `unmade` the first events that rows which come in do not
    make, and why; `names` the events by name; times are ISO 8601.
    `mapping` is the mapping as YAML, `suggested` where it was guessed; `zone_from` says why that zone.
    """

    files: list[dict[str, Any]]
    source: str
    counts: dict[str, int]
    events: int
    names: list[tuple[str, int]]
    first: str | None
    last: str | None
    zone: str
    zone_from: str
    columns: list[dict[str, Any]]
    rows: list[dict[str, Any]]
    problems: list[dict[str, Any]]
    reasons: list[tuple[str, int]]
    warnings: list[str]
    reading: str
    mapping: str
    suggested: bool
    unidentified: int = 0
    document: dict[str, Any] | None = field(default=None)
    unmade: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The wire form, as `periplus import --dry-run --json` prints it."""
        return asdict(self)


def plan(
    paths: str | Path | Sequence[str | Path],
    *,
    folder: Path,
    settings: Settings,
    mapping: MappingDocument | Mapping[str, Any] | str | Path | None = None,
    source: str | None = None,
    known: Known | None = None,
    sieve: Sieve | None = None,
    progress: Progress | None = None,
) -> Plan:
    """The plan of an import; a file that needs a mapping and has none gets a suggested one.

    `known` says which keys are in already, `sieve` leaves out events that are not to be kept.

    Writes into a folder of its own inside `folder` and removes it; raises what `stage` raises.
    """
    target = folder / f"plan-{uuid.uuid4().hex[:12]}"
    target.mkdir(parents=True)
    try:
        with ExitStack() as stack:
            bench = workbench(stack, target, settings, progress)
            files = found.given(paths)
            parsed = document(mapping)
            guessed = None
            if parsed is None and not all(_events(path) and not exports.recognised(path) for path in files):
                guessed = suggest.suggest(bench, files)
                parsed = MappingDocument.parse(guessed.document)
            staged = run(bench, files, parsed, base(mapping), source)
            if sieve is not None:
                staged = sieve(bench.connection, staged)
            return _described(bench, staged, parsed, guessed, known)
    except EngineError as problem:
        raise parquet.explained(problem, found.given(paths), "The dry run") from problem
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _events(path: Path) -> bool:
    """Whether a file is one of events as they are: JSON Lines or Parquet with `type` or `event`.

    True also for what cannot be read at all: reading it says better why.
    """
    try:
        if is_parquet(path):
            return bool({"type", "event"} & set(pq.read_schema(path).names))
        lines = first_text(path, 1 << 16).lstrip().splitlines()
        if not lines or not lines[0].startswith(b"{"):
            return ".parquet." in path.name.lower()
        first = msgspec.json.decode(lines[0])
        return isinstance(first, dict) and bool({"type", "event"} & first.keys())
    except (PeriplusError, pa.ArrowException, msgspec.DecodeError, OSError):
        return True


def _described(
    bench: Workbench,
    staged: Staged,
    parsed: MappingDocument | None,
    guessed: suggest.Suggestion | None,
    known: Known | None,
) -> Plan:
    connection = bench.connection
    events = f"read_parquet({file_list(staged.events)})" if staged.events else _NO_EVENTS
    _mark_new(bench, events, known)
    counted = one(
        connection,
        "SELECT count(*) FILTER (WHERE fresh), count(*) FILTER (WHERE NOT fresh) FROM "
        "(SELECT bool_or(new) AS fresh FROM marked GROUP BY file, line)",
    )
    refused = one(connection, "SELECT count(*) FROM rejects")
    names = connection.execute(
        "SELECT event, count(*) FROM marked WHERE new GROUP BY event ORDER BY count(*) DESC, event"
    ).fetchall()
    span = one(
        connection,
        "SELECT min(time), max(time), count(*), count(*) FILTER (WHERE customer IS NULL) FROM marked WHERE new",
    )
    reasons = connection.execute(
        "SELECT reason, count(*) FROM rejects GROUP BY 1 ORDER BY 2 DESC, 1"
    ).fetchall()
    problems = connection.execute(
        f'SELECT file, line, "column", value, reason FROM rejects ORDER BY file, line LIMIT {PROBLEMS}'
    ).fetchall()
    unmade = connection.execute(
        f'SELECT file, line, event, "column", value, reason FROM unmade ORDER BY file, line, event LIMIT {PROBLEMS}'
    ).fetchall()
    warnings = list(staged.warnings)
    if span[3]:
        warnings.append(
            f"{span[3]:,} events have no identifier: they come in, are counted, and belong to nobody."
        )
    zone_name, why = _zone(bench, parsed)
    text = parsed.document() if parsed else None
    display = zone(bench.settings.zone)
    return Plan(
        files=[{"name": file.name, "bytes": file.bytes, "rows": file.rows} for file in staged.files],
        source=staged.source,
        counts={
            "rows": staged.rows, "accepted": int(counted[0]), "duplicate": int(counted[1]),
            "rejected": int(refused[0]), "withheld": staged.withheld,
        },
        events=int(span[2]),
        names=[(str(row[0]), int(row[1])) for row in names],
        first=None if span[0] is None else iso(int(span[0]), display),
        last=None if span[1] is None else iso(int(span[1]), display),
        zone=zone_name,
        zone_from=why,
        columns=_columns(bench, parsed, guessed),
        rows=_rows(bench, events, display),
        problems=[
            {"file": staged.files[row[0]].name, "line": row[1], "column": row[2], "value": row[3], "reason": row[4]}
            for row in problems
        ],
        reasons=[(str(row[0]), int(row[1])) for row in reasons],
        warnings=warnings,
        reading=_reading(parsed),
        mapping="" if text is None else write(guessed.document if guessed else text),
        suggested=guessed is not None,
        unidentified=int(span[3]),
        document=text,
        unmade=[
            {
                "file": staged.files[row[0]].name, "line": row[1], "event": row[2], "column": row[3], "value": row[4],
                "reason": row[5],
            }
            for row in unmade
        ],
    )  # fmt: skip


_NO_EVENTS = (
    "(SELECT 0 AS file, 0::BIGINT AS line, 0 AS place, 0::BIGINT AS time, '' AS event, 0::UBIGINT AS key_hi, 0::UBIGINT AS key_lo, "
    "NULL AS user_id, NULL AS anonymous_id, NULL AS email, NULL AS phone, NULL AS rest WHERE false)"
)


def _mark_new(bench: Workbench, events: str, known: Known | None) -> None:
    """Table `marked`: every event, with `new` where its key is not in already and not in the files before."""
    connection = bench.connection
    connection.execute("CREATE OR REPLACE TEMP TABLE held (key_hi UBIGINT, key_lo UBIGINT)")
    if known is not None:
        reader = connection.sql(f"SELECT key_hi, key_lo FROM {events}").to_arrow_reader(1 << 20)
        blocks = [(np.asarray(b.column(0)), np.asarray(b.column(1))) for b in reader]
        for high, low in blocks:
            seen = known(high, low)
            if seen.any():
                connection.register("known_ones", pa.table({"key_hi": high[seen], "key_lo": low[seen]}))
                connection.execute("INSERT INTO held SELECT DISTINCT * FROM known_ones")
                connection.unregister("known_ones")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE marked AS SELECT file, line, place, time, event, "
        "COALESCE(user_id, email, phone, anonymous_id) AS customer, held.key_hi IS NULL AND row_number() OVER "
        "(PARTITION BY e.key_hi, e.key_lo ORDER BY file, line, place) = 1 AS new "
        f"FROM {events} AS e LEFT JOIN held ON held.key_hi = e.key_hi AND held.key_lo = e.key_lo"
    )


def _rows(bench: Workbench, events: str, display: Any) -> list[dict[str, Any]]:
    """The first ten rows with their outcome, as the events they would be."""
    connection = bench.connection
    parts = [f"SELECT file, line FROM {recipe.relation}" for recipe in bench.recipes]
    lines = connection.execute(
        f"SELECT file, line FROM ({' UNION '.join(['SELECT file, line FROM rejects', *parts])}) ORDER BY file, line LIMIT {SHOWN}"
    ).fetchall()
    result = []
    for file, line in lines:
        cursor = connection.execute(
            f"SELECT * FROM {events} WHERE file = ? AND line = ? ORDER BY place", [file, line]
        )
        columns = [part[0] for part in cursor.description or []]
        made = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
        fresh = one(connection, "SELECT bool_or(new) FROM marked WHERE file = ? AND line = ?", [file, line])
        refused = connection.execute(
            "SELECT reason FROM rejects WHERE file = ? AND line = ?", [file, line]
        ).fetchall()
        if refused:
            outcome, remark = "rejected", str(refused[0][0])
        elif not made:
            outcome, remark = "withheld", "no consent to analytics"
        else:
            new = bool(fresh and fresh[0])
            missed = connection.execute(
                "SELECT event, reason FROM unmade WHERE file = ? AND line = ? ORDER BY event", [file, line]
            ).fetchall()
            said = "; ".join(f"no {event}: {reason}" for event, reason in missed)
            outcome, remark = ("accepted", said) if new else ("duplicate", "is in already")
        customer = next(
            (
                row[key]
                for row in made
                for key in ("user_id", "email", "phone", "anonymous_id")
                if row.get(key)
            ),
            "",
        )
        if made and not customer and not remark:
            remark = "nobody to give it to: it belongs to no customer"
        shown = {
            path: value for row in made for path, value in row.items() if "." in path and value is not None
        }
        result.append(
            {
                "file": file, "line": line, "outcome": outcome, "remark": remark, "customer": customer,
                "events": [{"event": row["event"], "time": iso(row["time"], display)} for row in made],
                "properties": " · ".join(f"{path.removeprefix('properties.')} {value}" for path, value in list(shown.items())[:6]),
            }
        )  # fmt: skip
    return result


def _columns(
    bench: Workbench, parsed: MappingDocument | None, guessed: suggest.Suggestion | None
) -> list[dict[str, Any]]:
    """What each column becomes: name, file, samples, share filled, field ("" is left out) and why."""
    result = []
    decided = {item.column: item.why for recipe in bench.recipes for item in recipe.times}
    for file in bench.files:
        guesses = {guess.column: guess for guess in guessed.guesses.get(file.name, [])} if guessed else {}
        uses = _uses(parsed, file) if parsed else {}
        looks = {} if guessed else {each.name: each for each in _look(bench, file.path, parsed)}
        for name in file.columns:
            guess, seen, glance = guesses.get(name), file.seen.get(name), looks.get(name)
            filled = seen.filled / file.rows if seen and file.rows else 0.0
            samples = (
                list(guess.samples) if guess else list(dict.fromkeys(glance.values))[:3] if glance else []
            )
            becomes = ", ".join(dict.fromkeys(uses.get(name, []))) if parsed else name
            why = guess.why if guess else ""
            if name in decided and decided[name] != "as the mapping says":
                why = decided[name]
            result.append(
                {
                    "file": file.name,
                    "name": name,
                    "samples": [text[:60] for text in samples],
                    "filled": min(1.0, filled),
                    "field": becomes,
                    "why": why,
                }
            )
    return result


def _look(bench: Workbench, path: Path, parsed: MappingDocument | None) -> list[look.Look]:
    format = {}
    for table in parsed.tables if parsed else ():
        if any(found.matches(path, name) for name in table.files):
            format = table.format.model_dump(exclude_unset=True)
    return look.look(bench, path, format)


def _uses(parsed: MappingDocument, file: OpenFile) -> dict[str, list[str]]:
    """Which fields each column of a file fills."""
    uses: dict[str, list[str]] = {}
    for table in parsed.tables:
        if not any(found.matches(file.path, name) for name in table.files) and len(parsed.tables) > 1:
            continue
        table, _ = others.expanded(table, file.columns, tables.needed(table, parsed.consent))
        uses |= {name: ["its keys become columns"] for name in table.unfold}
        for event in table.events:
            name = event.event.value if event.event and event.event.column is None else event.type
            if event.time.column:
                uses.setdefault(event.time.column, []).append(f"time of {name}")
            if event.time.clock:
                uses.setdefault(event.time.clock, []).append(f"time of {name}")
            if event.time.plus:
                uses.setdefault(event.time.plus.column, []).append(f"time of {name}")
            for field_name, given in event.fields():
                if given.column is not None and field_name not in uses.setdefault(given.column, []):
                    uses[given.column].append(field_name)
        for purpose, said in (table.consent or parsed.consent or {}).items():
            if isinstance(said, Field_) and said.column:
                uses.setdefault(said.column, []).append(f"consent.{purpose}")
        for join in table.join:
            for on in join.on:
                uses.setdefault(on if isinstance(on, str) else on[0], []).append(f"looked up in {join.file}")
    return uses


def _zone(bench: Workbench, parsed: MappingDocument | None) -> tuple[str, str]:
    if parsed and parsed.zone:
        return parsed.zone, "the mapping says so"
    return bench.settings.zone, "the workspace's display zone, as the mapping says none"


def _reading(parsed: MappingDocument | None) -> str:
    """How the first table's files are read, in a few words."""
    if parsed is None:
        return "Segment-spec events"
    format = parsed.tables[0].format
    if format.type in ("jsonl", "parquet"):
        return "JSON Lines" if format.type == "jsonl" else "Parquet"
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
    return f"{names.get(format.delimiter, format.delimiter)}, {'quotes' if format.quote else 'no quotes'}, {format.encoding.upper()}"
