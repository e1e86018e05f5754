"""Files of Segment-spec events, JSON Lines or flat Parquet, without a mapping: one event per row.

Both become the same flat form: top-level fields by their Segment names, and every leaf of properties,
context and traits by its path. The most frequent paths get a column of the kind most of their values
have; whatever has no column, or does not fit, lands in the rest, exactly as written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from periplus.collect import flat_parquet, jsonl, keys, load
from periplus.collect.asked import one
from periplus.collect.fields import composed, majority
from periplus.collect.jsonl import JsonLines
from periplus.collect.opened import OpenFile, Workbench
from periplus.collect.origin import Origin
from periplus.collect.plain import is_parquet, plain, unpacked
from periplus.collect.purposes import refuses_sql
from periplus.collect.recipe import ASKED_EARLY, EventRecipe, Recipe, TimeItem, Value
from periplus.collect.tape import Wanted
from periplus.collect.times import Form
from periplus.errors import InputError, unknown
from periplus.event import split_path
from periplus.store.door import literal, quoted
from periplus.store.lent import Lent, LentArrow, Part

LONGEST_PATH = 500
"""Letters of a path that gets a column: names stand in every query, and nobody asks for a longer one."""
COLUMN_CAP = 200
"""Shredded columns of one import; less frequent paths stay in the rest."""
ROOTS = ("properties", "context", "traits")
FIELDS = (
    "type", "event", "original", "name", "category", "userId", "anonymousId", "previousId", "groupId", "messageId",
    "email", "phone", "timestamp", "originalTimestamp", "sentAt", "receivedAt", "channel", "department", "source",
)  # fmt: skip
"""Top-level fields that are understood, all taken as text."""
CONSENTS = ("consent", r"context.consent.categoryPreferences")
"""Objects that are taken whole: where consent is said, by purpose."""
CONSENT = "context.consent."
"""Under it consent may stand by purpose too."""
OPAQUE = (("consent",), ("context", "consent", "categoryPreferences"))
TRANSPORT = frozenset({"integrations", "writeKey", "_metadata", "version", "projectId"})
"""What speaks of the delivery, not of the event: left out."""
TIMES = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
TYPES = ("track", "page", "screen", "identify", "group", "alias")
_CONTACTS = (
    "traits.email",
    "traits.phone",
    "context.traits.email",
    "context.traits.phone",
    "properties.name",
    "properties.category",
)


@dataclass(frozen=True)
class Flat:
    """A flat relation: SQL of each top-level field that occurs, and of each path with its kind."""

    relation: str
    fields: Mapping[str, str]
    paths: Mapping[str, Value]
    rest: str | None
    numbers: bool
    """Whether some time is a number since 1970."""
    micros: frozenset[str] = frozenset()
    """Times that are BIGINT microseconds UTC already."""
    payload: str | None = None
    counted: bool = True
    """Whether some row may have no message id."""
    lent: Lent | None = None
    """Paths whose columns come in as they are."""
    origin: Origin | None = None


def recipes(bench: Workbench, paths: list[Path], source: str) -> list[Recipe]:
    """Recipes for JSON Lines and Parquet files; raises InputError for a file that is neither."""
    lines, parquet = [], []
    for path in paths:
        inner = (
            bench.stack.enter_context(unpacked(path, folder=bench.scratch, progress=bench.progress))
            if _packed_parquet(path)
            else path
        )
        if is_parquet(inner):
            parquet.append((path, inner))
        else:
            lines.append(path)
    made = []
    if lines:
        flat, files = _json(bench, lines, source)
        made.append(recipe(bench, flat, source, files, _good(bench, files)))
    for path, inner in parquet:
        held, file = flat_parquet.opened(
            bench,
            path,
            inner,
            source,
            names=FIELDS,
            times=TIMES,
            roots=ROOTS,
            objects=CONSENTS,
            ignored=TRANSPORT,
            cap=COLUMN_CAP,
        )
        flat = Flat(
            held.relation, held.fields, held.paths, held.rest, False, held.micros, held.payload, held.counted, held.lent,
            held.origin,
        )  # fmt: skip
        made.append(recipe(bench, flat, source, (file,), bench.files[file].rows))
    return made


def _good(bench: Workbench, files: tuple[int, ...]) -> int:
    """The rows of some files that could be read."""
    (damaged,) = one(bench.connection, "SELECT count(*) FROM rejects")
    return sum(bench.files[file].rows for file in files) - int(damaged)


def _packed_parquet(path: Path) -> bool:
    return ".parquet." in path.name.lower()


def _json(bench: Workbench, paths: list[Path], source: str) -> tuple[Flat, tuple[int, ...]]:
    readers = []
    kinds: dict[str, dict[str, int]] = {}
    for path in paths:
        text = bench.stack.enter_context(plain(path, folder=bench.scratch, progress=bench.progress))
        reader = JsonLines(text, OPAQUE, bench.threads)
        reader.glance(bench.progress)
        _check(reader, path)
        readers.append(reader)
        kinds = jsonl.unified(kinds, reader.kinds)
    chosen = columns(kinds)
    spilled = [_spill(bench, reader, chosen) for reader in readers]
    kinds = {}
    for reader in readers:
        kinds = jsonl.unified(kinds, reader.kinds)
    if _worth_another_reading(chosen, kinds):  # what a glance took for frequent was not
        chosen = columns(kinds)
        spilled = [_spill(bench, reader, chosen) for reader in readers]
    fields = [Wanted(name, name, "TEXT") for name in FIELDS if name in kinds]
    fields += [Wanted(name, name, "JSON") for name in CONSENTS if name in kinds]
    row_source = (
        f"COALESCE(NULLIF(\"source\", ''), {literal(source)})" if "source" in kinds else literal(source)
    )
    row_hash = (
        f"""CASE WHEN "@text" IS NOT NULL THEN """
        f"""md5_number('r' || strlen({row_source}) || ':' || {row_source} || "@text") END"""
    )
    physical = {want.name: "VARCHAR" for want in fields}
    physical |= {path: "VARCHAR" if kind == "JSON" else kind for path, kind in chosen.items()}
    loaded = load.Loaded(physical | {"@rest": "VARCHAR"})
    kept = {name: quoted(name) for name in loaded.columns}
    files = []
    for reader, parts in zip(readers, spilled, strict=True):
        index = len(bench.files)
        files.append(index)
        file = OpenFile(reader.path, reader.path.name, reader.plain.bytes, text=reader.plain.text)
        file.columns, file.seen = reader.columns, reader.seen
        bench.files.append(file)
        lines = 0
        for table, taken in parts:
            file.rows += taken.rows
            bench.damaged(index, [replace(row, line=row.line + lines) for row in taken.damaged])
            if table is not None:
                name = bench.fresh("rows")
                bench.connection.register(name, table)
                loaded.parts.append(load.selected(name, index, row_hash, kept, lines))
                loaded.tables.append(Part(index, lines, table))
            lines += taken.lines
    shredded = {path: kind for path, kind in chosen.items() if path in kinds}
    flat = Flat(
        relation=loaded.relation,
        fields={want.name: load.column(want.name) for want in fields},
        paths={path: Value(kind, load.column(path)) for path, kind in shredded.items()},
        rest=load.column("@rest"),
        numbers=any(kind != "VARCHAR" for name in TIMES for kind in kinds.get(name, {})),
        lent=LentArrow(shredded, loaded.tables, {path: path for path in shredded}),
        origin=Origin(loaded.tables, {name: (name, sql) for name, sql in kept.items()}),
    )
    return flat, tuple(files)


def _spill(
    bench: Workbench, reader: JsonLines, chosen: Mapping[str, str]
) -> list[tuple[pa.Table | None, load.Taken]]:
    """All rows of a file: every field (it may begin to occur late), and the chosen paths."""
    wanted = [Wanted(name, name, "TEXT") for name in FIELDS] + [
        Wanted(name, name, "JSON") for name in CONSENTS
    ]
    wanted += [Wanted(path, path, kind) for path, kind in chosen.items()]
    return reader.spilled(bench, wanted, drop=TRANSPORT, text_unless="messageId")


def _worth_another_reading(chosen: Mapping[str, str], kinds: Mapping[str, Mapping[str, int]]) -> bool:
    """Whether the whole file asks for a column, or a kind, that was not chosen, in one row of 200 or more."""
    rows = max((sum(counts.values()) for counts in kinds.values()), default=0)
    return any(
        chosen.get(path) != kind and sum(kinds[path].values()) * 200 > rows
        for path, kind in columns(kinds).items()
    )


def columns(kinds: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    """The paths that get a column, and its kind: the most frequent, and always those of contacts and consent."""
    result: dict[str, str] = {}
    ordered = [path for path in kinds if path in _CONTACTS or path.startswith(CONSENT)]
    ordered += sorted(
        (path for path in kinds if path not in ordered), key=lambda path: -sum(kinds[path].values())
    )
    for path in ordered:
        if (
            len(result) >= COLUMN_CAP
            or not path.startswith(tuple(root + "." for root in ROOTS))
            or path in CONSENTS
            or "\0" in path  # no name of a column: it stays in the rest
            or len(path) > LONGEST_PATH
        ):
            continue
        if (kind := majority(kinds[path])) is not None:
            result[path] = kind
    return result


def _check(reader: JsonLines, path: Path) -> None:
    """Raise InputError for a file in which nothing looks like an event."""
    known = {name.split(".", 1)[0] for name in reader.kinds}
    if not reader.kinds or not known & {"event", "type"}:
        what = "has no line that is a JSON object" if not reader.kinds else "has no `type` and no `event`"
        _, hint, _ = unknown("field", "event", known) if known else ("", "", [])
        raise InputError(
            f"{path.name} {what}: it is no file of Segment-spec events.",
            code="not_segment",
            hint=f"Give a mapping (docs/import.md). {hint if 'mean' in hint else ''}".strip(),
        )


def recipe(bench: Workbench, flat: Flat, source: str, files: tuple[int, ...], rows: int) -> Recipe:
    """How flat Segment rows become events."""

    def field(name: str) -> str:
        return f"NULLIF({flat.fields[name]}, '')" if name in flat.fields else "NULL::VARCHAR"

    kind = f"COALESCE({field('type')}, 'track')" if "type" in flat.fields else "'track'"
    row_source = (
        f"COALESCE({field('source')}, {literal(source)})" if "source" in flat.fields else literal(source)
    )
    items, moment, received = _times(bench, flat)
    message = field("messageId")
    key = keys.mixed_sql("h", '"@before"', 0)
    if "messageId" in flat.fields:
        of_message = keys.message_sql(row_source, _source_hash(bench, flat, row_source, source), message)
        key = f"CASE WHEN {message} IS NOT NULL THEN {of_message} ELSE {key} END"
    consent, withheld = _consent(flat)
    fields = {
        "type": kind,
        "event": f"CASE {kind} WHEN 'track' THEN {composed(field('event'))} WHEN 'page' THEN 'Page Viewed' "
        f"WHEN 'screen' THEN 'Screen Viewed' ELSE {kind} END",
        "source": row_source, "channel": field("channel"), "department": field("department"),
        "user_id": field("userId"), "anonymous_id": field("anonymousId"), "previous_id": field("previousId"),
        "email": _contact(flat, kind, "email"), "phone": _contact(flat, kind, "phone"),
        "message_id": keys.shown_sql(message), "original": composed(field("original")), "consent": consent,
    }  # fmt: skip
    event = EventRecipe(
        place=0, when="true", moment=moment, columns=fields, key=key, values=_named(flat, kind, field),
        rest=flat.rest, received=received, label="the event",
        message=None if {"messageId", "source"} <= set(flat.fields) else message, source=source,
    )  # fmt: skip
    checks = [
        (
            f"{kind} NOT IN ({', '.join(map(literal, TYPES))})",
            "the type is none of track, page, screen, identify, group, alias",
            "type",
        )
    ]
    checks.append(
        (
            f"{kind} = 'track' AND trim(COALESCE({field('event')}, '')) = ''",
            "a track event without a name",
            "event",
        )
    )
    return Recipe(
        flat.relation,
        tuple(items),
        withheld,
        (event,),
        files,
        checks=tuple(checks),
        payload=flat.payload,
        rows=rows,
        counted=flat.counted,
        lent=None if flat.lent is None else flat.lent.only(_unchanged(flat, event)),
        origin=flat.origin,
    )


def _unchanged(flat: Flat, event: EventRecipe) -> set[str]:
    """Paths whose values are the file's own, and that nothing is asked of before events are written."""
    return {
        path
        for path, value in flat.paths.items()
        if event.values[path] is value and not path.startswith("traits.") and path not in ASKED_EARLY
    }


def _times(bench: Workbench, flat: Flat) -> tuple[list[TimeItem], int, int | None]:
    """The event's time (the first of `TIMES` that is there) and its receipt."""
    present = [name for name in TIMES if name in flat.fields]
    form = Form("iso", numbers=flat.numbers)
    zone = bench.settings.zone
    items = []
    main = present[0] if present else "timestamp"
    if main in flat.micros:
        items.append(TimeItem(flat.fields[main], main, form, zone, micros=True))
    else:
        text = [f"NULLIF(trim({flat.fields[name]}), '')" for name in present if name not in flat.micros]
        given = f"COALESCE({', '.join(text)})" if len(text) > 1 else text[0] if text else "NULL::VARCHAR"
        items.append(TimeItem(given, main, form, zone))
    received = None
    if "receivedAt" in flat.fields:
        micros = "receivedAt" in flat.micros
        given = flat.fields["receivedAt"] if micros else f"NULLIF(trim({flat.fields['receivedAt']}), '')"
        items.append(TimeItem(given, "receivedAt", form, zone, micros=micros))
        received = 1
    return items, 0, received


def _source_hash(bench: Workbench, flat: Flat, row_source: str, source: str) -> str:
    if "source" not in flat.fields:
        return keys.hash_sql(source)
    rows = bench.connection.execute(f"SELECT DISTINCT {row_source} FROM {flat.relation} LIMIT 33").fetchall()
    if len(rows) > 32:
        return f"md5_number({row_source})"
    cases = " ".join(f"WHEN {literal(row[0])} THEN {keys.hash_sql(row[0])}" for row in rows)
    return f"CASE {row_source} {cases} END" if rows else keys.hash_sql(source)


def _contact(flat: Flat, kind: str, name: str) -> str:
    """SQL: the e-mail address or phone number: the message's, else its traits' (not a group's), else context.traits'."""
    said = [f"NULLIF({flat.fields[name]}, '')"] if name in flat.fields else []
    for path in (f"traits.{name}", f"context.traits.{name}"):
        if (value := flat.paths.get(path)) is not None and value.kind in ("VARCHAR", "BIGINT"):
            text = f"NULLIF(CAST({value.sql} AS VARCHAR), '')"
            said.append(
                f"CASE WHEN {kind} <> 'group' THEN {text} END" if path.startswith("traits.") else text
            )
    if not said:
        return "NULL::VARCHAR"
    return said[0] if len(said) == 1 else f"COALESCE({', '.join(said)})"


def _named(flat: Flat, kind: str, field: Mapping[str, str] | object) -> dict[str, Value]:
    """The paths, with a page's `name` and `category` among its properties and a group's id in its context."""
    values = dict(flat.paths)
    extra = {
        "properties.name": ("name", "('page', 'screen')"),
        "properties.category": ("category", "('page', 'screen')"),
    }
    extra["context.groupId"] = ("groupId", "('group')")
    for path, (name, types) in extra.items():
        if name not in flat.fields:
            continue
        given = flat.fields[name]
        held = values.get(path)
        if held is None:
            values[path] = Value("VARCHAR", f"CASE WHEN {kind} IN {types} THEN {given} END")
        elif held.kind == "VARCHAR":
            values[path] = Value(
                "VARCHAR", f"COALESCE({held.sql}, CASE WHEN {kind} IN {types} THEN {given} END)", held.misfit
            )
    return values


def _consent(flat: Flat) -> tuple[str, str]:
    """(SQL: the consent as a JSON object, SQL: whether it refuses analytics)."""
    whole = [flat.fields[name] for name in CONSENTS if name in flat.fields]
    single = [
        f"{literal(split_path(path)[2])}, {value.sql}"
        for path, value in flat.paths.items()
        if path.startswith(CONSENT) and len(split_path(path)) == 3 and value.kind != "JSON"
    ]
    if single:  # merging leaves out the purposes that a row says nothing of
        said = f"json_merge_patch('{{}}'::JSON, json_object({', '.join(single)}))::VARCHAR"
        whole.append(f"NULLIF({said}, '{{}}')")
    if not whole:
        return "NULL::VARCHAR", "false"
    consent = f"COALESCE({', '.join(whole)})" if len(whole) > 1 else whole[0]
    return consent, refuses_sql(consent)
