"""What is not to be kept, taken out of an import before anything of it comes in: its rows are withheld.

These are events of people who were erased, and events that are older than their source is kept. Refused rows that
name somebody who was erased are kept without their text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from periplus.clock import wall
from periplus.people import decisions
from periplus.people.erased import READ, REFERENCES, refused
from periplus.people.identifiers import email, phone
from periplus.people.identity_rules import IdentityRules
from periplus.people.retention_rules import RetentionRules
from periplus.store import door, manifest, standing, tombstones
from periplus.store.home import Home
from periplus.store.manifest import Manifest
from periplus.store.staged import Staged
from periplus.store.tombstones import IDENTIFIER


def columns_of(staged: Staged, path: Path, rules: IdentityRules) -> str:
    """SQL of the columns READ of a staged file."""
    computed = {
        "reference": standing.reference(staged.columns),
        "external": standing.external(staged.columns, staged.rest, rules.external),
    }
    listed = [computed.get(name) or door.quoted(name) for name in READ]
    return f"SELECT {', '.join(listed)} FROM read_parquet({door.file_list([path])})"


Test = Callable[[Path], str | None]
"""SQL of (key_hi, key_lo) of the events of a staged file that are not to be kept; None for none."""


def sieved(connection: door.Connection, root: Path, before: Manifest, staged: Staged, now: int) -> Staged:
    """The staged events without those of people who were erased, and without what is too old; such rows are withheld.

    `now` is in microseconds UTC.
    """
    tests: list[Test] = []
    if before.tombstones is not None:
        own = tombstones.secret(root)
        tombstones.register(connection, own, tombstones.load(root, before.tombstones))
        staged = replace(staged, rejects=_blanked(connection, staged.rejects))
        identity = decisions.of(root, before).force().rules
        tests.append(lambda path: refused(connection, columns_of(staged, path, identity), identity))
    if before.retention:
        old = RetentionRules.parse(before.retention).expired(now)
        tests.append(
            lambda path: (
                f"SELECT e.key_hi, e.key_lo FROM read_parquet({door.file_list([path])}) AS e WHERE {old}"
            )
        )
    if not tests:
        return staged
    staged = staged.at_hand(connection).on_disk(connection)
    files = [_kept(connection, path, tests) for path in staged.events]
    if all(kept is None for kept in files):
        return staged
    lost = " UNION ".join(
        f"SELECT file, line FROM read_parquet({door.file_list([path])})" for path in staged.events
    )
    left = [path if kept is None else kept for path, kept in zip(staged.events, files, strict=True)]
    stays = " UNION ".join(f"SELECT file, line FROM read_parquet({door.file_list([path])})" for path in left)
    (rows,) = connection.execute(f"SELECT count(*) FROM ({lost} EXCEPT {stays})").fetchall()[0]
    left, columns, rest = _filled(connection, left, staged)
    said = (
        f"{rows:,} rows are of people who were erased, or older than their source is kept, and were left out."
    )
    return replace(
        staged,
        events=left,
        columns=columns,
        rest=rest,
        withheld=staged.withheld + int(rows),
        warnings=[*staged.warnings, said] if rows else staged.warnings,
    )


_WORD = r"""[^\s,;|"'<>{}()=&?:\[\]]+"""
_NUMBER = r"[+0-9][0-9 ()./-]{4,}[0-9]"
"""What in the text of a row may be an identifier: a word, and what looks like a phone number."""


def _blanked(connection: door.Connection, path: Path | None) -> Path | None:
    """Refused rows, of which those that name an erased person are kept without their text."""
    if path is None:
        return None
    source = f"read_parquet({door.file_list([path])})"
    kinds = [
        ("user", "word", "word"),
        ("device", "word", "word"),
        ("email", "word", email("word")),
        ("phone", "number", phone("word")),
    ]
    kinds += [("reference", "word", f"'{name}:' || word") for name in REFERENCES]
    hits = " UNION ".join(
        f"SELECT which, word FROM (SELECT '{of}' AS which, word, keyed('{kind}', {value}) AS hash "
        f"FROM named WHERE kind = '{of}' AND {value} IS NOT NULL) SEMI JOIN sole USING (hash)"
        for kind, of, value in kinds
    )
    said = "concat_ws(' ', payload, value)"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE sole AS SELECT hash FROM tombstone WHERE what = {IDENTIFIER}"
    )
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE said AS "
        + " UNION ALL ".join(
            f"SELECT file, line, '{kind}' AS kind, unnest(regexp_extract_all({said}, {door.literal(pattern)})) AS word FROM {source}"
            for kind, pattern in (("word", _WORD), ("number", _NUMBER))
        )
    )
    connection.execute("CREATE OR REPLACE TEMP TABLE named AS SELECT DISTINCT kind, word FROM said")
    (count,) = connection.execute(
        "CREATE OR REPLACE TEMP TABLE telling AS SELECT DISTINCT file, line FROM said "
        f"SEMI JOIN ({hits}) AS hit ON hit.which = said.kind AND hit.word = said.word"
    ).fetchall()[0]
    if not count:
        return path
    target = path.with_name(f"kept-{path.name}")
    connection.execute(
        "COPY (SELECT r.* REPLACE (CASE WHEN t.file IS NULL THEN r.value END AS value, "
        f"CASE WHEN t.file IS NULL THEN r.payload END AS payload) FROM {source} AS r LEFT JOIN telling AS t "
        f"ON t.file = r.file AND t.line = r.line) TO {door.literal(str(target))} (FORMAT parquet)"
    )
    return target


def _filled(
    connection: door.Connection, files: Sequence[Path], staged: Staged
) -> tuple[list[Path], dict[str, str], tuple[str, ...] | None]:
    """The files without columns that nobody's row has any more, the columns left, and the paths in the rest."""
    source = f"read_parquet({door.file_list(files)}, union_by_name = true)"
    counts = ", ".join(["count(*)", *(f"count({door.quoted(path)})" for path in staged.columns)])
    ((_, *filled),) = connection.execute(f"SELECT {counts} FROM {source}").fetchall()
    empty = [path for path, count in zip(staged.columns, filled, strict=True) if not count]
    rest = staged.rest
    if rest:
        found = connection.execute(
            f"SELECT DISTINCT unnest(json_keys(rest)) FROM {source} WHERE rest IS NOT NULL"
        )
        rest = tuple(sorted(str(path) for (path,) in found.fetchall()))
    if not empty:
        return list(files), staged.columns, rest
    made = []
    for path in files:
        made.append(path.with_name(f"filled-{path.name}"))
        connection.execute(
            f"COPY (SELECT * EXCLUDE ({', '.join(map(door.quoted, empty))}) FROM read_parquet({door.file_list([path])})) "
            f"TO {door.literal(str(made[-1]))} (FORMAT parquet, COMPRESSION uncompressed)"
        )
    return made, {path: kind for path, kind in staged.columns.items() if path not in empty}, rest


def _kept(connection: door.Connection, path: Path, tests: Sequence[Test]) -> Path | None:
    """A copy of a staged file without what is not to be kept; None where all of it is."""
    listed = [sql for test in tests if (sql := test(path)) is not None]
    if not listed:
        return None
    (gone,) = connection.execute(
        f"CREATE OR REPLACE TEMP TABLE gone_now AS {' UNION '.join(f'({sql})' for sql in listed)}"
    ).fetchall()[0]
    if not gone:
        return None
    target = path.with_name(f"kept-{path.name}")
    connection.execute(
        f"COPY (SELECT * FROM read_parquet({door.file_list([path])}) ANTI JOIN gone_now USING (key_hi, key_lo)) "
        f"TO {door.literal(str(target))} (FORMAT parquet, COMPRESSION uncompressed)"
    )
    return target


def sieve(home: Home) -> Callable[[door.Connection, Staged], Staged]:
    """`sieved` by the live version, for a dry run."""
    live = manifest.read(home.root)
    return lambda connection, staged: sieved(connection, home.root, live, staged, wall())
