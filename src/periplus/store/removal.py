"""Rows taken out of files for good: each file that holds some is written anew without them, beside the old one.

What leaves is in the table `gone` (key_hi, key_lo). A new file holds only rows that stand, so masks and
retired shards of the version before are done with for it. The old files go with the next sweep.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.store import door, keys, standing, writing
from periplus.store.files import EventFile
from periplus.store.home import Home
from periplus.store.manifest import Batch, Manifest
from periplus.store.standing import Shape


def rewritten(home: Home, connection: door.Connection, before: Manifest, file: EventFile) -> Manifest:
    """The version in which `file` has given way to one without the rows in `gone`, or, left empty, to none.

    Columns and paths that only those rows had are gone with them.
    """
    rows = standing.rows(before, [file], Shape(file.columns, file.rest))
    kept = f"SELECT e.* FROM ({rows}) AS e ANTI JOIN gone AS g ON g.key_hi = e.key_hi AND g.key_lo = e.key_lo"
    columns = _filled(connection, file, kept)
    rest = None if file.rest is None else paths(connection, kept) if file.rest else []
    number = before.next_file
    folder, _, last = file.name.rpartition("/")
    name = f"{folder}/{'base-' if last.startswith('base-') else ''}{number:06d}"
    written = writing.write(
        connection,
        home.root,
        name,
        number,
        select=kept,
        columns=columns,
        rest=rest,
        names=before.names,
        shards=before.shards,
    )
    if not written.rows:
        written.remove()
    return replace(
        before,
        files=[
            name if known == file.name else known
            for known in before.files
            if written.rows or known != file.name
        ],
        retired={known: shards for known, shards in before.retired.items() if known != file.name},
        next_file=number + 1,
    )


def _filled(connection: door.Connection, file: EventFile, kept: str) -> dict[str, str]:
    """The shredded columns that some row which stays has; those of many rows need not be counted."""
    left = file.rows - int(connection.execute(f"SELECT count(*) FROM ({kept})").fetchall()[0][0])
    doubtful = [path for path in file.columns if file.properties.get(path, {"rows": 0})["rows"] <= left]
    if not doubtful:
        return dict(file.columns)
    counts = ", ".join(f"count({door.quoted(path)})" for path in doubtful)
    (row,) = connection.execute(f"SELECT {counts} FROM ({kept})").fetchall()
    empty = {path for path, count in zip(doubtful, row, strict=True) if not count}
    return {path: kind for path, kind in file.columns.items() if path not in empty}


def paths(connection: door.Connection, kept: str) -> list[str]:
    """The paths in the rest of the rows that stay."""
    found = connection.execute(
        f"SELECT DISTINCT unnest(json_keys(rest)) FROM ({kept}) WHERE rest IS NOT NULL"
    ).fetchall()
    return sorted(str(path) for (path,) in found)


def without_keys(connection: door.Connection, root: Path, before: Manifest) -> Manifest:
    """The version whose key files have no key of `gone`."""
    found = connection.execute("SELECT DISTINCT key_hi, key_lo FROM gone ORDER BY key_hi").fetchnumpy()
    gone = (np.asarray(found["key_hi"], np.uint64), np.asarray(found["key_lo"], np.uint64))
    if not len(gone[0]):
        return before
    number, listed = before.next_file, []
    for name in before.keys:
        high, low = keys.opened(root, name)
        stays = ~keys.among(gone, np.asarray(high), np.asarray(low))
        if stays.all():
            listed.append(name)
        elif stays.any():
            prefix = keys.COLLECTED if keys.is_collected(name) else "keys/"
            listed.append(f"{prefix}{number:06d}")
            keys.save(root, listed[-1], np.asarray(high)[stays], np.asarray(low)[stays])
            number += 1
    return replace(before, keys=listed, next_file=number)


def without_numbers(root: Path, before: Manifest, numbers: Sequence[int]) -> Manifest:
    """The version whose masks have no customer among `numbers`, of whom no older file has a row any more."""
    leaving = np.array(sorted(numbers), np.uint64)
    listed, number = [], before.next_file
    for name, upto in before.masks:
        customers = np.load(root / f"{name}.npy")
        stays = ~np.isin(customers, leaving)
        if stays.all():
            listed.append((name, upto))
        elif stays.any():
            listed.append((f"masks/{number:06d}", upto))
            np.save(root / f"masks/{number:06d}.npy", customers[stays])
            number += 1
    return replace(before, masks=listed, next_file=number)


def without_claims(
    connection: door.Connection, root: Path, before: Manifest, batch: Batch, name: str
) -> Manifest:
    """The version whose batch has the claims file `name` without the rows in `gone`."""
    number = before.next_file
    target = f"batches/{number:06d}-claims"
    document = json.loads((root / f"{name}.json").read_text(encoding="utf-8"))
    kept = f"SELECT * FROM read_parquet({door.file_list([root / f'{name}.parquet'])}) ANTI JOIN gone USING (key_hi, key_lo)"
    columns = list(document["columns"])
    counts = ", ".join(["count(*)", *(f"count({door.quoted(path)})" for path in columns)])
    (rows, *filled) = connection.execute(f"SELECT {counts} FROM ({kept})").fetchall()[0]
    if rows:
        empty = [path for path, count in zip(columns, filled, strict=True) if not count]
        document["columns"] = {path: kind for path, kind in document["columns"].items() if path not in empty}
        if document["rest"]:
            document["rest"] = paths(connection, kept)
        listed = f"* EXCLUDE ({', '.join(map(door.quoted, empty))})" if empty else "*"
        connection.execute(
            f"COPY (SELECT {listed} FROM ({kept})) TO {door.literal(str(root / f'{target}.parquet'))} "
            "(FORMAT PARQUET, COMPRESSION ZSTD)"
        )
        said = json.dumps(document, ensure_ascii=False)
        (root / f"{target}.json").write_text(said, encoding="utf-8")
    claims = [target if known == name else known for known in batch.claims if rows or known != name]
    return replace(before.with_batch(replace(batch, claims=claims)), next_file=number + 1)


def without_texts(
    root: Path,
    before: Manifest,
    batch: Batch,
    field: str,
    columns: Sequence[str],
    about: Callable[[str], bool],
) -> tuple[Manifest, int]:
    """The version whose batch keeps of its rejects (or what it did not make) no text that is `about` somebody.

    The rows stay, as they were counted; of one with such a text all `columns` are empty. Returns how many there were.
    """
    name = getattr(batch, field)
    table = pq.read_table(root / f"{name}.parquet")
    texts = [table.column(column).to_pylist() for column in columns]
    hit = [any(text is not None and about(str(text)) for text in row) for row in zip(*texts, strict=True)]
    if not any(hit):
        return before, 0
    for column, values in zip(columns, texts, strict=True):
        blank = [None if gone else value for value, gone in zip(values, hit, strict=True)]
        at = table.schema.get_field_index(column)
        table = table.set_column(at, column, pa.array(blank, table.schema.field(at).type))
    number = before.next_file
    target = f"batches/{number:06d}-{field}"
    pq.write_table(table.replace_schema_metadata(None), root / f"{target}.parquet")
    changed = replace(batch, rejects=target) if field == "rejects" else replace(batch, unmade=target)
    return replace(before.with_batch(changed), next_file=number + 1), sum(hit)
