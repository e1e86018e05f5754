"""Rows that leave the store for good: found in every file of a version, and a version without them.

An erasure and a rule of retention differ only in which rows they mean. Whose the others are is settled again in
the same version, so every answer is as if what left had never come.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from periplus.people import decisions
from periplus.people.identity import NEEDED
from periplus.people.settlement import settled
from periplus.store import door, files, removal, standing
from periplus.store.files import EventFile
from periplus.store.home import Home
from periplus.store.manifest import Batch, Manifest
from periplus.store.staged import Progress

COLUMNS = (*NEEDED, "reference", "source", "customer")
"""What `Meant.rows` may look at, of a row of a file."""
TEXTS = {"rejects": ("value", "payload", "reason", "column"), "unmade": ("value",)}
"""What an import keeps of rows that came to nothing, as they were written."""


def _nothing(text: str) -> bool:
    del text
    return False


@dataclass(frozen=True)
class Meant:
    """What leaves: `rows` gives SQL of (key_hi, key_lo) among rows with COLUMNS, or None where it is none of them.

    Of the customers in `numbers` no out-of-date row is left either. `about` tells texts that are no events.
    """

    rows: Callable[[door.Connection, str], str | None]
    numbers: Sequence[int] = ()
    about: Callable[[str], bool] = _nothing


@dataclass
class Place:
    """How much of what is meant lies in one sort of place."""

    files: int = 0
    rows: int = 0
    bytes: int = 0

    def add(self, rows: int, size: int) -> None:
        self.files += 1
        self.rows += rows
        self.bytes += size


@dataclass
class Found:
    """Where what is meant lies: counts by place, and the files that have to be written anew."""

    places: dict[str, Place] = field(default_factory=dict)
    files: list[EventFile] = field(default_factory=list)
    claims: list[tuple[int, str]] = field(default_factory=list)
    texts: list[tuple[int, str]] = field(default_factory=list)
    batches: dict[int, int] = field(default_factory=dict)
    """Rows by the batch that brought them."""


def survey(
    home: Home, connection: door.Connection, live: Manifest, meant: Meant, progress: Progress
) -> Found:
    """Look through every file of a version; fills the tables `gone` (keys), `departed` and `departed_source` (rows that stood)."""
    run = connection.execute
    standing.load_masks(connection, home.root, live)
    run("CREATE OR REPLACE TEMP TABLE gone (key_hi UBIGINT, key_lo UBIGINT)")
    run(f"CREATE OR REPLACE TEMP TABLE departed AS SELECT * FROM ({standing.narrow(live, [], NEEDED)})")
    run("CREATE OR REPLACE TEMP TABLE departed_source (source VARCHAR)")
    connection.register("number_column", pa.table({"customer": pa.array(list(meant.numbers), pa.uint64())}))
    run("CREATE OR REPLACE TEMP TABLE leaving_number AS SELECT customer FROM number_column")
    connection.unregister("number_column")
    found = Found({name: Place() for name in ("events", "keys", "claims", "rejects")})
    traits = decisions.of(home.root, live).force().rules.external
    for number, name in enumerate(live.files):
        progress(number, len(live.files) + 1, "looking through the events")
        file = files.load(home.root, name)
        rows = _here(connection, _rows(file.path, file.columns, file.rest, COLUMNS, traits), meant)
        if rows:
            found.files.append(file)
            found.places["events"].add(rows, _size(home.root, name))
            stood = standing.narrow(live, [file], (*NEEDED, "batch", "source"), traits=traits)
            run(
                f"CREATE OR REPLACE TEMP TABLE stood AS SELECT * FROM ({stood}) SEMI JOIN here USING (key_hi, key_lo)"
            )
            run("INSERT INTO departed SELECT * EXCLUDE (batch, source) FROM stood")
            run("INSERT INTO departed_source SELECT source FROM stood")
            for batch, count in run("SELECT batch, count(*) FROM stood GROUP BY batch").fetchall():
                found.batches[int(batch)] = found.batches.get(int(batch), 0) + int(count)
    for batch in live.batches:
        for name in batch.claims:
            document = json.loads((home.root / f"{name}.json").read_text(encoding="utf-8"))
            path = home.root / f"{name}.parquet"
            listed = [column for column in COLUMNS if column not in ("marked", "customer")]
            read = _rows(path, document["columns"], document["rest"], listed, traits)
            rows = _here(connection, read, meant, stale=False)
            if rows:
                found.claims.append((batch.id, name))
                found.places["claims"].add(rows, _size(home.root, name))
                found.batches[batch.id] = found.batches.get(batch.id, 0) + rows
        for kind, columns in TEXTS.items():
            if (name := getattr(batch, kind)) is not None:
                rows = _about(home.root / f"{name}.parquet", columns, meant.about)
                if rows:
                    found.texts.append((batch.id, kind))
                    found.places["rejects"].add(rows, _size(home.root, name))
    found.places["keys"] = keys_held(home.root, connection, live)
    return found


def removed(
    home: Home,
    connection: door.Connection,
    before: Manifest,
    found: Found,
    meant: Meant,
    progress: Progress,
) -> Manifest:
    """The version without what `survey` found; the same one where that is nothing."""
    after = before
    for number, file in enumerate(found.files):
        progress(number, len(found.files) + 1, "writing files anew")
        after = removal.rewritten(home, connection, after, file)
    for batch, name in found.claims:
        after = removal.without_claims(connection, home.root, after, _batch(after, batch), name)
    for batch, kind in found.texts:
        after, _ = removal.without_texts(
            home.root, after, _batch(after, batch), kind, TEXTS[kind], meant.about
        )
    after = removal.without_keys(connection, home.root, after)
    if meant.numbers:
        after = removal.without_numbers(home.root, after, meant.numbers)
    if found.files:
        after = settled(
            home, connection, after, [], leaving=None, progress=progress, claimed=False, departed=True
        )
        after = _forgotten_names(home.root, before, after, found.files)
    return after


def _batch(live: Manifest, number: int) -> Batch:
    batch = live.batch(number)
    assert batch is not None
    return batch


def _rows(
    path: Path,
    columns: dict[str, str],
    rest: list[str] | None,
    listed: Sequence[str],
    traits: Sequence[str],
) -> str:
    computed = {
        "reference": standing.reference(columns),
        "numbers": standing.numbers(columns),
        "external": standing.external(columns, rest, traits),
        "marked": f"section >= {files.MARKED} AS marked",
    }
    names = ", ".join(computed.get(name) or door.quoted(name) for name in listed)
    return f"SELECT {names} FROM read_parquet({door.file_list([path])})"


def _here(connection: door.Connection, rows: str, meant: Meant, *, stale: bool = True) -> int:
    """Fill `here` with the keys meant among some rows, add them to `gone`; returns how many rows have to go."""
    run = connection.execute
    test = meant.rows(connection, rows)
    nothing = "SELECT 0::UBIGINT AS key_hi, 0::UBIGINT AS key_lo WHERE false"
    run(f"CREATE OR REPLACE TEMP TABLE here AS SELECT DISTINCT key_hi, key_lo FROM ({test or nothing})")
    run("INSERT INTO gone SELECT * FROM here ANTI JOIN gone USING (key_hi, key_lo)")
    known = f"(SELECT key_hi, key_lo FROM ({rows}) SEMI JOIN here USING (key_hi, key_lo))"
    if stale and meant.numbers:
        known += (
            f" UNION ALL (SELECT key_hi, key_lo FROM ({rows}) SEMI JOIN leaving_number USING (customer) "
            "ANTI JOIN here USING (key_hi, key_lo))"
        )
    return int(run(f"SELECT count(*) FROM ({known})").fetchall()[0][0])


def _about(path: Path, columns: Sequence[str], about: Callable[[str], bool]) -> int:
    if about is _nothing:
        return 0
    texts = [column.to_pylist() for column in pq.read_table(path, columns=list(columns)).columns]
    return sum(any(text is not None and about(str(text)) for text in row) for row in zip(*texts, strict=True))


def keys_held(root: Path, connection: door.Connection, live: Manifest) -> Place:
    """How many keys of the table `gone` a version's key files have."""
    place = Place()
    import numpy as np

    from periplus.store import keys

    gone = connection.execute("SELECT key_hi, key_lo FROM gone").fetchnumpy()
    high, low = np.asarray(gone["key_hi"], np.uint64), np.asarray(gone["key_lo"], np.uint64)
    for name in live.keys:
        count = int(keys.among(keys.opened(root, name), high, low).sum())
        if count:
            place.add(count, _size(root, name))
    return place


def _size(root: Path, name: str) -> int:
    """Bytes of a file and its sidecars."""
    target = root / name
    return sum(path.stat().st_size for path in target.parent.glob(f"{target.name}.*"))


def _forgotten_names(
    root: Path, before: Manifest, after: Manifest, rewritten: Sequence[EventFile]
) -> Manifest:
    """Names of events that nobody else has are forgotten; their codes stay, so that other files stay valid."""

    def named(file: EventFile) -> set[str]:
        return {*file.names, *(file.marked.names if file.marked else ())}

    had = set().union(*(named(file) for file in rewritten))
    left = set().union(*(named(files.load(root, name)) for name in after.files))
    names = [f"(forgotten {code})" if name in had - left else name for code, name in enumerate(after.names)]
    return after if names == before.names else replace(after, names=names)
