"""What is stored already, hashed: a version in whose files no identifier of the kinds asked for stands in clear.

Everything is brought in once more, as a fresh import of all would bring it: the rows as they stand, with their
identifiers replaced, are given their customers anew and written as one run, so that no file, mask or customer's
number of before is needed. Keys, batches and sequences stay. Claims, refused rows, decisions and what batches
say of themselves are hashed beside.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from periplus.collect import hashed_columns
from periplus.collect.hashing import Hashing, told
from periplus.collect.identifying import hashed, normal
from periplus.people import decisions
from periplus.people.decisions import Decision, Decisions, Identifier
from periplus.people.directory import KINDS
from periplus.people.settlement import Arrival, settled
from periplus.store import door, files, moved_hashes, removal, scrub, standing
from periplus.store.files import FIXED, MARKED
from periplus.store.home import Home
from periplus.store.manifest import Batch, Manifest
from periplus.store.staged import Progress
from periplus.store.standing import Shape
from periplus.store.state import State

_STAGED = tuple(name for name in FIXED if name not in ("section", "customer", "batch", "own_sequence"))
_PLAIN = f"CASE WHEN section % {MARKED} = 2 THEN 2 ELSE 0 END::UTINYINT AS section"
"""The section of a row that comes in: whether it is nobody's, or marked, is found out again."""


def rewritten(
    home: Home,
    connection: door.Connection,
    before: Manifest,
    hashing: Hashing,
    folder: Path,
    progress: Progress,
) -> Manifest:
    """The version whose files are hashed; temporary files go to `folder`. Not published."""
    hashed_columns.define(connection, hashing)
    standing.load_masks(connection, home.root, before)
    arrivals = []
    for number, name in enumerate(before.files):
        progress(number, len(before.files) + 1, "hashing identifiers")
        arrivals.append(
            _arrival(connection, before, files.load(home.root, name), hashing, folder / f"{number}.parquet")
        )
    after = replace(before, files=[], masks=[], retired={}, names=[], identity=before.identity + 1)
    after = _decided(home, after, hashing)
    for batch in before.batches:
        after = _batch(connection, home.root, after, batch, hashing)
    if not arrivals:
        return after
    return settled(home, connection, after, arrivals, leaving=None, progress=progress, claimed=False)


def _arrival(
    connection: door.Connection, before: Manifest, file: files.EventFile, hashing: Hashing, path: Path
) -> Arrival:
    """The standing rows of a file, hashed, as rows that come in."""
    rows = standing.rows(before, [file], Shape(file.columns, file.rest))
    listed = hashed_columns.every(hashing, _STAGED, file.columns)
    connection.execute(
        f"COPY (SELECT {_PLAIN}, batch, own_sequence, {listed} FROM ({rows})) TO {door.literal(str(path))} (FORMAT PARQUET)"
    )
    source = f"SELECT * FROM read_parquet({door.file_list([path])})"
    (count,) = connection.execute(f"SELECT count(*) FROM ({source})").fetchall()[0]
    rest = None if file.rest is None else removal.paths(connection, source)
    return Arrival(
        path, hashed_columns.kinds(hashing, file.columns), rest, int(count), "e.batch", "e.own_sequence"
    )


def _batch(
    connection: door.Connection, root: Path, before: Manifest, batch: Batch, hashing: Hashing
) -> Manifest:
    """The version in which the claims and texts of a batch are hashed."""
    number, claims = before.next_file, []
    for name in batch.claims:
        document = json.loads((root / f"{name}.json").read_text(encoding="utf-8"))
        claims.append(f"batches/{number:06d}-claims")
        target, source = root / f"{claims[-1]}.parquet", root / f"{name}.parquet"
        fixed = [
            column for column in pq.read_schema(source).names if column not in {*document["columns"], "rest"}
        ]
        connection.execute(
            f"COPY (SELECT {hashed_columns.every(hashing, fixed, document['columns'])} FROM "
            f"read_parquet({door.file_list([source])})) TO {door.literal(str(target))} (FORMAT PARQUET, COMPRESSION ZSTD)"
        )
        document["columns"] = hashed_columns.kinds(hashing, document["columns"])
        if document["rest"]:
            document["rest"] = removal.paths(
                connection, f"SELECT * FROM read_parquet({door.file_list([target])})"
            )
        (root / f"{claims[-1]}.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        number += 1
    texts: dict[str, str | None] = {"rejects": batch.rejects, "unmade": batch.unmade}
    for kind, held in texts.items():
        if held is not None:
            texts[kind] = f"batches/{number:06d}-{kind}"
            _texts(root / f"{held}.parquet", root / f"{texts[kind]}.parquet", hashing)
            number += 1
    named = [{**each, "name": hashing.text(str(each["name"]))} for each in batch.files]
    said = [hashing.text(each) for each in batch.warnings]
    batch = replace(
        batch, claims=claims, files=named, warnings=said, rejects=texts["rejects"], unmade=texts["unmade"]
    )
    return replace(before.with_batch(batch), next_file=number)


def _texts(source: Path, target: Path, hashing: Hashing) -> None:
    """Refused rows, or what was not made of some, with their texts hashed."""
    table = pq.read_table(source)
    for place, column in enumerate(table.schema):
        if pa.types.is_string(column.type):
            tell: Callable[[str], str] = hashing.refused if column.name == "payload" else hashing.text
            values = [
                None if each is None else tell(each) or None for each in table.column(place).to_pylist()
            ]
            table = table.set_column(place, column.name, pa.array(values, pa.string()))
    pq.write_table(table.replace_schema_metadata(None), target)


def _decided(home: Home, before: Manifest, hashing: Hashing) -> Manifest:
    """The version whose decisions name identifiers as they are stored."""
    held = decisions.of(home.root, before)
    return (
        before
        if not held.listed
        else Decisions(tuple(_decision(each, hashing) for each in held.listed)).save(home.root, before)
    )


def _decision(decision: Decision, hashing: Hashing) -> Decision:
    def kept(one: Identifier) -> Identifier:
        known = one.kind in KINDS.values()
        return replace(one, value=told(hashing, one.kind, one.value)) if known else one

    links = tuple(
        (min(pair), max(pair)) for one, other in decision.links if (pair := (kept(one), kept(other)))
    )
    identifier = None if decision.identifier is None else kept(decision.identifier)
    return decision.model_copy(
        update={"links": links, "identifier": identifier, "why": hashing.text(decision.why)}
    )


def renamed(home: Home, connection: door.Connection, before: Manifest, hashing: Hashing) -> dict[str, str]:
    """Under which hash the state is to keep what it keeps under the hash of an identifier in clear."""
    standing.load_masks(connection, home.root, before)
    people = standing.people(
        before, [files.load(home.root, name) for name in before.files], with_marked=True, nobody=True
    )
    found = {}
    for column, kind in KINDS.items():
        for (text,) in connection.execute(f"SELECT DISTINCT {column} FROM ({people})").fetchall():
            value = normal(kind, text)
            if value is not None and (kept := told(hashing, kind, value)) != value:
                found[hashed(kind, value)] = hashed(kind, kept)
    return found


def cleared(home: Home, state: State | None, moved: Mapping[str, str], cursor: int, hashing: Hashing) -> None:
    """Take identifiers in clear out of the databases: inbox files, the ledger, the operational state."""

    def about(text: bytes) -> bool:
        plain = text.decode("utf-8", "replace")
        return hashing.may_hold_json(plain) and hashing.refused(plain) != _again(plain)

    scrub.inbox(home.root, cursor, about, remove=True)
    scrub.ledger(home.root, about, remove=True)
    if state is not None:
        moved_hashes.cleared(state, moved, lambda text: hashing.text(text) != text)


def _again(text: str) -> str:
    """A payload as `Hashing.refused` writes it where nothing in it is hashed."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
