"""Who was erased stays out: which events a tombstone means, among rows by SQL and among messages one at a time.

An event is judged by its identifiers of the highest rank, as identity gives it to somebody: an account's event on
a device that an erased person used before is the account's. Of a statement that joins two ids either counts. Events
that carry nothing but what others use too are known one by one, by their keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from periplus.clock import instant, zone
from periplus.collect.identifying import KINDS, identifiers, normal
from periplus.collect.keys import of_message
from periplus.errors import PeriplusError
from periplus.people import decisions
from periplus.people.identifiers import email, phone, usable
from periplus.people.identity_rules import IdentityRules
from periplus.people.orders import text_of
from periplus.store import door, standing, tombstones
from periplus.store.manifest import Manifest
from periplus.store.staged import Staged
from periplus.store.tombstones import EVENT, EVENT_TEXT, IDENTIFIER, SHARED, Tombstone

Rule = Callable[[str], str]
READ = (
    "type", "time", "key_hi", "key_lo", "user_id", "anonymous_id", "email", "phone", "external", "previous_id", "reference",
)  # fmt: skip
"""The columns that `refused` looks at."""
_RANKS: Mapping[str, Sequence[tuple[str, str, Rule]]] = {
    "user": [("user_id", "user", usable)],
    "person": [("email", "email", email), ("phone", "phone", phone)],
    "device": [("anonymous_id", "device", usable)],
    "reference": [("reference", "reference", lambda column: column)],
    "previous": [("previous_id", "user", usable), ("previous_id", "device", usable)],
}
"""Columns with the kind of identifier in them and how it is compared, by rank."""
REFERENCES = ("order_id", "ticket_id")
"""Properties that hold a reference, the first one first."""


def refused(connection: door.Connection, rows: str, rules: IdentityRules, *, label: str = "") -> str | None:
    """SQL: (key_hi, key_lo) of the `rows` (SQL with the columns READ) that a tombstone means; None: of none of them.

    Needs the table and the macro of `tombstones.register`. Leaves the tables `buried{label}_N`.
    """
    looked = [(rank, *each) for rank, listed in _ranks(rules).items() for each in listed]
    found = []
    for number, (_, column, kind, rule) in enumerate(looked):
        (count,) = connection.execute(
            f"CREATE OR REPLACE TEMP TABLE buried{label}_{number} AS SELECT raw, max(until) FILTER (what = {IDENTIFIER}) "
            f"AS until FROM (SELECT raw, keyed('{kind}', value) AS hash FROM "
            f"(SELECT raw, {rule('raw')} AS value FROM (SELECT DISTINCT {column} AS raw FROM ({rows})) "
            f"WHERE raw IS NOT NULL) WHERE value IS NOT NULL) JOIN tombstone USING (hash) WHERE what <> {EVENT} GROUP BY raw"
        ).fetchall()[0]
        if count:
            found.append(number)
    if not found:
        return None
    joins = "".join(
        f" LEFT JOIN buried{label}_{number} AS b{number} ON b{number}.raw = e.{column}"
        for number, (_, column, _, _) in enumerate(looked)
    )

    def meant(*ranks: str) -> str:
        return " OR ".join(
            f"coalesce(b{number}.until >= e.time, false)"
            for number, (rank, *_) in enumerate(looked)
            if rank in ranks
        )

    carried = " OR ".join(f"b{number}.raw IS NOT NULL" for number in range(len(looked)))
    known = f"keyed('event', {EVENT_TEXT}) IN (SELECT hash FROM tombstone WHERE what = {EVENT})"
    return (
        f"SELECT e.key_hi, e.key_lo FROM ({rows}) AS e{joins} WHERE CASE "
        f"WHEN e.type = 'alias' AND ({meant('user', 'previous')}) THEN true "
        f"WHEN {usable('e.user_id')} IS NOT NULL THEN {meant('user')} "
        f"WHEN {email('e.email')} IS NOT NULL OR {phone('e.phone')} IS NOT NULL OR e.external IS NOT NULL "
        f"THEN {meant('person')} WHEN {usable('e.anonymous_id')} IS NOT NULL THEN {meant('device')} "
        f"ELSE {meant('reference')} END OR CASE WHEN {carried} THEN {known} ELSE false END"
    )


def _ranks(rules: IdentityRules) -> dict[str, list[tuple[str, str, Rule]]]:
    """What is compared, as usual and as the rules of the workspace have it."""
    found = {rank: list(listed) for rank, listed in _RANKS.items()}
    for column, kind, usual in _RANKS["person"]:
        if rules.value(kind, "raw") != usual("raw"):
            found["person"].append((column, kind, partial(rules.value, kind)))
    found["person"].append(("external", "external", partial(rules.value, "external")))
    return found


def columns_of(staged: Staged, path: Path, rules: IdentityRules) -> str:
    """SQL of the columns READ of a staged file."""
    computed = {
        "reference": standing.reference(staged.columns),
        "external": standing.external(staged.columns, staged.rest, rules.external),
    }
    listed = [computed.get(name) or door.quoted(name) for name in READ]
    return f"SELECT {', '.join(listed)} FROM read_parquet({door.file_list([path])})"


def sieved(connection: door.Connection, root: Path, before: Manifest, staged: Staged) -> Staged:
    """The staged events without those of people who were erased; their rows are withheld."""
    if before.tombstones is None:
        return staged
    own = tombstones.secret(root)
    tombstones.register(connection, own, tombstones.load(root, before.tombstones))
    staged = replace(staged, rejects=_blanked(connection, staged.rejects))
    rules = decisions.of(root, before).force().rules
    files = [_kept(connection, staged, path, rules) for path in staged.events]
    if all(kept is None for kept in files):
        return staged
    lost = " UNION ".join(
        f"SELECT file, line FROM read_parquet({door.file_list([path])})" for path in staged.events
    )
    left = [path if kept is None else kept for path, kept in zip(staged.events, files, strict=True)]
    stays = " UNION ".join(f"SELECT file, line FROM read_parquet({door.file_list([path])})" for path in left)
    (rows,) = connection.execute(f"SELECT count(*) FROM ({lost} EXCEPT {stays})").fetchall()[0]
    left, columns, rest = _filled(connection, left, staged)
    said = f"{rows:,} rows are of people who were erased, and were left out."
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
    counts = ", ".join(f"count({door.quoted(path)})" for path in staged.columns) or "1"
    (row,) = connection.execute(f"SELECT {counts} FROM {source}").fetchall()
    empty = [path for path, count in zip(staged.columns, row, strict=False) if not count]
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


def _kept(connection: door.Connection, staged: Staged, path: Path, rules: IdentityRules) -> Path | None:
    """A copy of a staged file without what is refused; None where nothing is."""
    test = refused(connection, columns_of(staged, path, rules), rules)
    if test is None:
        return None
    (gone,) = connection.execute(f"CREATE OR REPLACE TEMP TABLE gone_now AS {test}").fetchall()[0]
    if not gone:
        return None
    target = path.with_name(f"kept-{path.name}")
    connection.execute(
        f"COPY (SELECT * FROM read_parquet({door.file_list([path])}) ANTI JOIN gone_now USING (key_hi, key_lo)) "
        f"TO {door.literal(str(target))} (FORMAT parquet, COMPRESSION uncompressed)"
    )
    return target


@dataclass(frozen=True)
class Erased:
    """The tombstones of a version, for messages: the twin of `refused`, which a test holds to it.

    Numbers from traits are not looked at here: at the flush they are.
    """

    own: bytes = b""
    until: Mapping[str, int] = field(default_factory=dict)
    shared: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    rules: IdentityRules = field(default_factory=IdentityRules)

    @classmethod
    def of(cls, root: Path, live: Manifest) -> Erased | None:
        """Those of a version; None where nobody was erased."""
        if live.tombstones is None:
            return None
        rules = decisions.of(root, live).force().rules
        return cls.made(tombstones.secret(root), tombstones.load(root, live.tombstones), rules)

    @classmethod
    def made(cls, own: bytes, stones: Sequence[Tombstone], rules: IdentityRules) -> Erased:
        until: dict[str, int] = {}
        for stone in stones:
            if stone.what == IDENTIFIER:
                until[stone.hash] = max(stone.until, until.get(stone.hash, stone.until))
        by_what = {
            what: frozenset(stone.hash for stone in stones if stone.what == what) for what in (SHARED, EVENT)
        }
        return cls(own, until, by_what[SHARED], by_what[EVENT], rules)

    def means(self, message: Mapping[str, Any], source: str, received: int) -> bool:
        """Whether a message (in the Segment spec) is of somebody who was erased, from before that."""
        time = _when(message, received)
        ranks: dict[str, list[str]] = {}
        for kind, value in identifiers(message):
            for each in {value, self.rules.plain(kind, value)}:
                ranks.setdefault(_RANK[kind], []).append(self._hash(kind, each))
        properties = message.get("properties")
        if isinstance(properties, Mapping):
            for name in REFERENCES:
                if (text := text_of(properties.get(name))) is not None:
                    ranks.setdefault("reference", []).append(self._hash("reference", f"{name}:{text}"))
                    break
        previous: list[str] = []
        if isinstance(text := message.get("previousId"), str | int) and not isinstance(text, bool):
            previous = [
                self._hash(kind, value)
                for kind in ("user", "device")
                if (value := normal(kind, str(text))) is not None
            ]
        if message.get("type") == "alias" and self._any([*previous, *ranks.get("user", ())], time):
            return True
        highest = next((ranks[rank] for rank in _ORDER if rank in ranks), [])
        if self._any(highest, time):
            return True
        carried = [*previous, *(each for found in ranks.values() for each in found)]
        if not any(each in self.until or each in self.shared for each in carried):
            return False
        key = of_message(source, str(message.get("messageId")))
        return self._hash("event", tombstones.event_text(key >> 64, key & (1 << 64) - 1)) in self.events

    def _hash(self, kind: str, value: str) -> str:
        return tombstones.keyed(self.own, kind, value)

    def _any(self, hashes: Sequence[str], time: int) -> bool:
        return any(self.until.get(each, -(2**63)) >= time for each in hashes)


_ORDER = ("user", "person", "device", "reference")
_RANK = dict(zip(KINDS, ("user", "person", "person", "device"), strict=True))
_UTC = zone("UTC")


def _when(message: Mapping[str, Any], received: int) -> int:
    told = message.get("timestamp")
    if not isinstance(told, str):
        return received
    try:
        return instant(told, _UTC)
    except (PeriplusError, ValueError, OverflowError):
        return received
