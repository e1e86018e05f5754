"""Who else brought an event: claims of later batches on events that an earlier one brought first.

A duplicate leaves its row as a claim in its batch. The content accepted first stays; of all claims the
least sequence counts. When a batch is undone, an event that another live batch claims is handed to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from periplus.store import door, keys, standing
from periplus.store.arrays import array
from periplus.store.files import FIXED, ROW_GROUP, EventFile
from periplus.store.home import Home
from periplus.store.lent import unchanged
from periplus.store.manifest import Batch, Manifest
from periplus.store.staged import ROW_BITS, Staged

_STAGED = tuple(name for name in FIXED if name not in ("customer", "batch", "own_sequence"))


def save_rows(path: Path, place: np.ndarray, new: np.ndarray | None) -> None:
    """Write the ledger of a batch: (file, line, accepted) once per row of its files that made events.

    `place` int64[events] names the row of each, its file above ROW_BITS; `new` bool[events] says which are new
    (None: all are).
    """
    if new is not None:
        place = place << 1 | ~new  # of the events of one row those that are new come first
    if not (place[1:] >= place[:-1]).all():
        place = np.sort(place)
    accepted = np.ones(len(place), np.bool_)
    if new is not None:
        accepted, place = (place & 1) == 0, place >> 1
    again = place[1:] == place[:-1]
    if again.any():
        first = np.concatenate(([True], ~again))
        place, accepted = place[first], accepted[first]
    columns = {
        "file": array((place >> ROW_BITS).astype(np.int32)), "line": array(place & ((1 << ROW_BITS) - 1)),
        "accepted": array(accepted),
    }  # fmt: skip
    pq.write_table(
        pa.table(columns), path, compression="zstd", row_group_size=ROW_GROUP, use_dictionary=["file"],
        column_encoding={"line": "DELTA_BINARY_PACKED"}, store_schema=False,
    )  # fmt: skip


def save(
    connection: door.Connection, root: Path, name: str, staged: Staged, rows: list[tuple[Path, np.ndarray]]
) -> None:
    """Write the staged rows (indexes per file) that another batch brought first, as the claims `name`."""
    selects = []
    for number, (path, index) in enumerate(rows):
        if not len(index):
            continue
        connection.register("claim_column", {"r": index.astype(np.int64)})
        connection.execute(f"CREATE OR REPLACE TEMP TABLE claim_{number} AS SELECT r FROM claim_column")
        connection.unregister("claim_column")
        claimed = (
            f"(SELECT * EXCLUDE (file_row_number) FROM {staged.relation(connection, path)} "
            f"WHERE file_row_number IN (SELECT r FROM claim_{number}))"
        )
        lender = staged.lent.get(path)
        selects.append(f"FROM {claimed if lender is None else lender.whole(connection, claimed)}")
    target = root / f"{name}.parquet"
    with unchanged(staged.lent.values()):
        connection.execute(
            f"COPY ({' UNION ALL BY NAME '.join(selects)}) TO {door.literal(str(target))} (FORMAT PARQUET, COMPRESSION ZSTD)"
        )
    document = {"columns": staged.columns, "rest": None if staged.rest is None else list(staged.rest)}
    (root / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE claimed_now AS SELECT key_hi, key_lo, min(sequence) AS sequence "
        f"FROM read_parquet({door.file_list([target])}) GROUP BY ALL"
    )


@dataclass(frozen=True)
class _Claims:
    """One live batch's claims."""

    batch: int
    path: Path
    columns: dict[str, str]
    rest: list[str] | None


def _live(root: Path, manifest: Manifest) -> list[_Claims]:
    """Claims of the batches that stand, the earliest batch first."""
    found = []
    for batch in manifest.batches:
        for name in batch.claims if batch.undone is None else ():
            document = json.loads((root / f"{name}.json").read_text(encoding="utf-8"))
            found.append(_Claims(batch.id, root / f"{name}.parquet", document["columns"], document["rest"]))
    return found


@dataclass(frozen=True)
class Handed:
    """A Parquet of rows that pass from an undone batch to those that claim them."""

    path: Path
    columns: dict[str, str]
    rest: list[str] | None
    rows: int


def hand_over(
    connection: door.Connection,
    home: Home,
    after: Manifest,
    files: list[EventFile],
    leaving: int,
    folder: Path,
) -> Handed | None:
    """The rows of batch `leaving` that other live batches claim, as those batches brought them, in `folder`."""
    live = _live(home.root, after)
    if not live or not files:
        return None
    going = standing.narrow(after, files, ("key_hi", "key_lo", "batch"))
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE leaving_keys AS SELECT key_hi, key_lo FROM ({going}) WHERE batch = {leaving}"
    )
    target = standing.shape([(claim.columns, claim.rest, 1) for claim in live])
    selects = [
        f"SELECT {standing.select(claim.columns, target, fixed=_STAGED)}, {claim.batch}::INTEGER AS batch "
        f"FROM read_parquet({door.file_list([claim.path])}) SEMI JOIN leaving_keys USING (key_hi, key_lo)"
        for claim in live
    ]
    path = folder / "handed.parquet"
    least = "min(sequence) OVER (PARTITION BY key_hi, key_lo)"
    connection.execute(
        f"COPY (SELECT * EXCLUDE (sequence, least_sequence), least_sequence AS sequence, "
        "CASE WHEN sequence > least_sequence THEN sequence END AS own_sequence "
        f"FROM (SELECT *, {least} AS least_sequence FROM ({' UNION ALL BY NAME '.join(selects)})) "
        "QUALIFY row_number() OVER (PARTITION BY key_hi, key_lo ORDER BY batch, sequence) = 1) "
        f"TO {door.literal(str(path))} (FORMAT PARQUET)"
    )
    rows = connection.execute(f"SELECT count(*) FROM read_parquet({door.file_list([path])})").fetchall()[0][0]
    return Handed(path, target.columns, target.rest, int(rows)) if rows else None


def resequence(
    connection: door.Connection, home: Home, before: Manifest, files: list[EventFile], *, leaving: int | None
) -> None:
    """Add to the table `altered` the standing events whose least sequence over all claims has changed.

    `claimed_now` holds the claims that just arrived; an undone batch's are left out of `_live`.
    """
    live = _live(home.root, before)
    parts = [
        f"SELECT key_hi, key_lo, sequence FROM read_parquet({door.file_list([claim.path])})" for claim in live
    ]
    if leaving is None:
        parts.append("SELECT key_hi, key_lo, sequence FROM claimed_now")
        touched = "SELECT key_hi, key_lo FROM claimed_now"
    else:
        gone = before.batch(leaving)
        if gone is None or not gone.claims:
            return
        paths = [home.root / f"{name}.parquet" for name in gone.claims]
        touched = f"SELECT DISTINCT key_hi, key_lo FROM read_parquet({door.file_list(paths)})"
    claimed = (
        " UNION ALL ".join(parts)
        or "SELECT 0::UBIGINT AS key_hi, 0::UBIGINT AS key_lo, 0 AS sequence WHERE false"
    )
    rows = standing.narrow(before, files, ("key_hi", "key_lo", "sequence", "own_sequence", "batch"))
    stays = f" AND e.batch <> {leaving}" if leaving is not None else ""
    connection.execute(
        "INSERT INTO altered (key_hi, key_lo, sequence) SELECT key_hi, key_lo, least FROM (SELECT e.key_hi, e.key_lo, e.sequence, "
        "least(coalesce(e.own_sequence, e.sequence), coalesce(c.sequence, e.own_sequence, e.sequence)) AS least "
        f"FROM ({rows}) AS e SEMI JOIN ({touched}) AS t ON t.key_hi = e.key_hi AND t.key_lo = e.key_lo "
        f"LEFT JOIN (SELECT key_hi, key_lo, min(sequence) AS sequence FROM ({claimed}) GROUP BY ALL) AS c "
        f"ON c.key_hi = e.key_hi AND c.key_lo = e.key_lo WHERE true{stays}) WHERE least <> sequence"
    )


def merged(connection: door.Connection, root: Path, batch: Batch, name: str) -> Batch:
    """The batch with all its claims in one file, `name`; for one that goes on claiming."""
    parts = _live(root, Manifest(batches=[batch]))
    target = standing.shape([(part.columns, part.rest, 1) for part in parts])
    selects = [
        f"SELECT {standing.select(part.columns, target, fixed=_STAGED)} FROM read_parquet({door.file_list([part.path])})"
        for part in parts
    ]
    connection.execute(
        f"COPY ({' UNION ALL BY NAME '.join(selects)}) TO {door.literal(str(root / f'{name}.parquet'))} "
        "(FORMAT PARQUET, COMPRESSION ZSTD)"
    )
    document = {"columns": target.columns, "rest": target.rest}
    (root / f"{name}.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return replace(batch, claims=[name])


def forget_keys(connection: door.Connection, root: Path, before: Manifest, after: Manifest) -> list[str]:
    """The key files of `after`: as before, without the keys of events that no longer stand."""
    from periplus.store.files import load

    open_files = [load(root, name) for name in after.files]
    standing.load_masks(connection, root, after)
    # Those of the collector stay as they are: what it brought or claimed leaves with no batch.
    collected = [name for name in before.keys if keys.is_collected(name)]
    if not open_files:
        return collected
    live = after.live_batch
    rows = standing.narrow(after, open_files, ("key_hi", "key_lo", "batch"))
    others = f" WHERE batch <> {live.id}" if live is not None else ""
    found = connection.execute(f"SELECT key_hi, key_lo FROM ({rows}){others}").fetchnumpy()
    name = f"keys/{after.next_file:06d}"
    keys.save(root, name, np.asarray(found["key_hi"], np.uint64), np.asarray(found["key_lo"], np.uint64))
    return [name, *collected]
