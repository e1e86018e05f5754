"""The rows that stand in a version, as SQL: every file less what is masked or retired, columns made alike.

Files differ in their shredded columns, and one path may be a number in one file and a text in
another. Read together, each path gets one kind; values of another kind go to `rest`, unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from periplus.store import door
from periplus.store.columns import pointer, text_form
from periplus.store.files import FIXED, MARKED, EventFile, shard_start
from periplus.store.manifest import Manifest

MOST_COLUMNS = 400
"""Shredded columns a file may have; the rarest beyond it live in `rest`."""


KINDS = FIXED | {"marked": "BOOLEAN"}
"""SQL types of what `narrow` reads; `reference` is a text."""


@dataclass(frozen=True)
class Shape:
    """Shredded columns and the paths in `rest` (None: unknown) that several sources share when read together."""

    columns: dict[str, str]
    rest: list[str] | None


def shape(sources: Iterable[tuple[dict[str, str], Sequence[str] | None, int]]) -> Shape:
    """One shape for sources given as (columns, rest, rows)."""
    listed = list(sources)
    votes: dict[str, Counter[str]] = {}
    for columns, _, rows in listed:
        for path, kind in columns.items():
            votes.setdefault(path, Counter())[kind] += max(rows, 1)
    chosen = {path: _kind(count) for path, count in votes.items()}
    if len(chosen) > MOST_COLUMNS:
        common = sorted(chosen, key=lambda path: (-votes[path].total(), path))[:MOST_COLUMNS]
        chosen = {path: chosen[path] for path in common}
    rest: set[str] | None = set()
    for columns, more, _ in listed:
        if more is None:
            rest = None
        if rest is not None:
            rest.update(more or ())
            rest.update(path for path, kind in columns.items() if not _fits(kind, chosen.get(path)))
    return Shape(dict(sorted(chosen.items())), None if rest is None else sorted(rest))


def _kind(votes: Counter[str]) -> str:
    if set(votes) == {"BIGINT", "DOUBLE"}:
        return "DOUBLE"
    return max(sorted(votes), key=lambda kind: votes[kind])


def _fits(kind: str, target: str | None) -> bool:
    return kind == target or (kind == "BIGINT" and target == "DOUBLE")


def select(columns: dict[str, str], target: Shape, *, fixed: Sequence[str], extra: Sequence[str] = ()) -> str:
    """The SELECT list that reads a source with `columns` in the shape `target`: fixed ones, shredded ones, rest."""
    parts = [door.quoted(name) for name in fixed]
    parts.extend(extra)
    misfits: list[str] = []
    for path, kind in target.columns.items():
        name = door.quoted(path)
        have = columns.get(path)
        sql_kind = "VARCHAR" if kind == "JSON" else kind
        if have is None:
            parts.append(f"NULL::{sql_kind} AS {name}")
        elif have == kind:
            parts.append(name)
        elif _fits(have, kind):
            # Whole numbers beyond 2^53 have no exact double; they stay as they are, in the rest.
            parts.append(f"CASE WHEN abs({name}) <= 9007199254740992 THEN {name}::DOUBLE END AS {name}")
            misfits.append(_pair(path, have, f"CASE WHEN abs({name}) > 9007199254740992 THEN {name} END"))
        else:
            parts.append(f"NULL::{sql_kind} AS {name}")
            misfits.append(_pair(path, have, name))
    misfits.extend(
        _pair(path, have, door.quoted(path)) for path, have in columns.items() if path not in target.columns
    )
    if misfits:
        # A merge takes a null for "remove": it drops the misfits a row has not, and must not reach what its rest has.
        moved = f"json_merge_patch('{{}}'::JSON, json_object({', '.join(misfits)}))"
        merged = f"json_merge_patch({moved}, coalesce(rest, '{{}}')::JSON)::VARCHAR"
        parts.append(f"nullif({merged}, '{{}}') AS rest")
    else:
        parts.append("rest")
    return ", ".join(parts)


def _pair(path: str, kind: str, value: str) -> str:
    return f"{door.literal(path)}, {value}::JSON" if kind == "JSON" else f"{door.literal(path)}, {value}"


def rows(
    manifest: Manifest,
    files: Sequence[EventFile],
    target: Shape,
    *,
    shards: Sequence[int] | None = None,
) -> str:
    """SQL of all standing rows of `files` in the shape `target`, with all fixed columns; `shards` narrows them."""
    selects = []
    for file in files:
        tests = [*masked(manifest, file), *_live(manifest, file), *_within(manifest, shards)]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        listed = select(file.columns, target, fixed=tuple(FIXED))
        selects.append(f"SELECT {listed} FROM read_parquet({door.file_list([file.path])}) AS e{where}")
    if not selects:
        kinds = [f"NULL::{kind} AS {door.quoted(name)}" for name, kind in FIXED.items()]
        return f"SELECT {', '.join(kinds)}, NULL::VARCHAR AS rest WHERE false"
    return " UNION ALL ".join(selects)


def people(
    manifest: Manifest, files: Sequence[EventFile], *, with_marked: bool = False, nobody: bool = False
) -> str:
    """SQL of who stands in the files: (customer, user_id, anonymous_id, email, phone, first, last, events, marked).

    With `nobody` also the identifiers of events that are nobody's, under the customer 0.
    """
    selects = []
    for file in files:
        tests = [*masked(manifest, file), *_live(manifest, file), *([] if nobody else ["customer <> 0"])]
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        paths = [
            (file.people, "false"),
            *([(file.marked_people, "true")] if with_marked and file.marked else []),
        ]
        selects += [
            f"SELECT *, {marked} AS marked FROM read_parquet({door.file_list([path])}) AS e{where}"
            for path, marked in paths
        ]
    return " UNION ALL ".join(selects) or (
        "SELECT 0::UBIGINT AS customer, '' AS user_id, '' AS anonymous_id, '' AS email, '' AS phone, "
        "0 AS first, 0 AS last, 0 AS events, false AS marked WHERE false"
    )


def narrow(
    manifest: Manifest,
    files: Sequence[EventFile],
    columns: Sequence[str],
    *,
    path: str = "",
    among: str = "",
    test: str = "",
    traits: Sequence[str] = (),
) -> str:
    """SQL of some fixed columns of all standing rows; with `path`, of those whose value there, as text, is `among` (SQL).

    `reference` (an order's id), `numbers` (all of them), `external` (a number out of one of the `traits`) and `marked` (whether a row is
    of a bot or internal) may be asked for too. `test` is SQL over fixed columns of the rows that are meant.
    """
    selects = []
    for file in files:
        tests = [*masked(manifest, file), *_live(manifest, file), *([test] if test else [])]
        if path:
            if path not in file.columns:
                continue
            tests.append(f"{door.quoted(path)}::VARCHAR IN ({among})")
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        computed = {
            "reference": reference(file.columns),
            "numbers": numbers(file.columns),
            "external": external(file.columns, file.rest, traits),
            "marked": f"section >= {MARKED} AS marked",
        }
        listed = ", ".join(computed.get(name) or door.quoted(name) for name in columns)
        selects.append(f"SELECT {listed} FROM read_parquet({door.file_list([file.path])}) AS e{where}")
    kinds = [f"NULL::{KINDS.get(name, 'VARCHAR')} AS {name}" for name in columns]
    return " UNION ALL ".join(selects) or f"SELECT {', '.join(kinds)} WHERE false"


REFERENCES = ("properties.order_id", "properties.ticket_id")
"""Where a reference stands: what it names is its last word."""


def reference(columns: dict[str, str]) -> str:
    """The order or ticket number of an event, which may be all that a carrier's message carries."""
    found = _references(columns)
    return f"coalesce({', '.join(found)}) AS reference" if found else "NULL::VARCHAR AS reference"


def numbers(columns: dict[str, str]) -> str:
    """All references of an event as one text, `parts` of which are each as `reference` has it."""
    found = _references(columns)
    if len(found) < 2:
        return f"{found[0] if found else 'NULL::VARCHAR'} AS numbers"
    return f"nullif(concat_ws(chr(31), {', '.join(found)}), '') AS numbers"


def parts(column: str) -> str:
    """SQL of the references in a column `numbers`, a row for each."""
    return f"unnest(string_split({column}, chr(31)))"


def _references(columns: dict[str, str]) -> list[str]:
    return [
        f"{door.literal(path.split('.')[1] + ':')} || {door.quoted(path)}::VARCHAR"
        for path in REFERENCES
        if path in columns
    ]


def external(columns: dict[str, str], rest: Sequence[str] | None, traits: Sequence[str]) -> str:
    """`external_value` as the column `external`."""
    return f"{external_value(columns, rest, traits)} AS external"


def path_of(trait: str) -> str:
    """The path of a trait that identifies people; of a property or a part of the context it is the path already."""
    return trait if trait.startswith(("properties.", "context.")) else f"traits.{trait}"


def external_value(columns: Mapping[str, str], rest: Collection[str] | None, traits: Sequence[str]) -> str:
    """The number of a person that an event carries in one of some traits (or properties), its name in front."""
    found = []
    for trait in traits:
        path = path_of(trait)
        name = door.literal(f"{path.rpartition('.')[2]}:")
        if path in columns:
            found.append(f"{name} || {text_form(columns[path], door.quoted(path))}")
        if rest is None or path in rest:
            found.append(f"{name} || json_extract_string(rest, {pointer(path)})")
    return f"coalesce({', '.join(found)})" if found else "NULL::VARCHAR"


def masked(manifest: Manifest, file: EventFile) -> list[str]:
    """Tests that leave out the customers whose rows in this file are out of date (tables `mask_N`)."""
    return [
        f"NOT EXISTS (SELECT 1 FROM mask_{number} AS m WHERE m.customer = e.customer)"
        for number, (_, before) in enumerate(manifest.masks)
        if before > file.number
    ]


def stands(manifest: Manifest, file: EventFile) -> str:
    """The test whether a row of the file (alias `e`) stands in this version."""
    return " AND ".join([*masked(manifest, file), *_live(manifest, file)]) or "true"


def load_masks(connection: door.Connection, root: Path, manifest: Manifest) -> None:
    """Make the tables `mask_N` that `rows` and `narrow` test against."""
    import numpy as np

    for number, (name, _) in enumerate(manifest.masks):
        customers = np.load(root / f"{name}.npy")
        connection.register("mask_column", {"customer": customers})
        connection.execute(f"CREATE OR REPLACE TEMP TABLE mask_{number} AS SELECT customer FROM mask_column")
        connection.unregister("mask_column")


def _live(manifest: Manifest, file: EventFile) -> list[str]:
    return [f"NOT ({_range(shard, manifest.shards)})" for shard in manifest.retired.get(file.name, ())]


def _within(manifest: Manifest, shards: Sequence[int] | None) -> list[str]:
    if shards is None:
        return []
    return ["(" + " OR ".join(_range(shard, manifest.shards) for shard in shards) + ")"]


def _range(shard: int, shards: int) -> str:
    low, high = shard_start(shard, shards), shard_start(shard + 1, shards)
    upper = f" AND customer < {high}" if shard + 1 < shards else ""
    return f"(customer >= {low}{upper})"
