"""The traffic rules over stored events, as SQL: which are left out, and why.

User agents and addresses are judged by `collect.marks`, each distinct one once; SQL looks the verdicts up. So
there is one meaning of the rules, and millions of events cost no more than the browsers among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from periplus.collect.marks import Judge, Reason, TrafficRules, judge
from periplus.store import door, standing
from periplus.store.columns import FileColumns, pointer, quote, text_form
from periplus.store.files import MARKED, EventFile
from periplus.store.manifest import Manifest


def rules_of(manifest: Manifest) -> TrafficRules:
    """The rules that a version was written by."""
    return TrafficRules.parse(manifest.traffic)


def reason(
    connection: door.Connection,
    source: str,
    columns: Mapping[str, str],
    rest: Sequence[str] | None,
    rules: TrafficRules,
    tag: str,
) -> str | None:
    """SQL of the reason why a row (alias `e`) is left out, NULL where it counts; None if no row can be.

    `source` is SQL of the rows, read once for the distinct values that are judged; the verdicts stay in
    temporary tables of the connection whose names end in `tag`.
    """
    judged, known = judge(rules), FileColumns(columns, None if rest is None else frozenset(rest))
    looked = _Lookup(connection, source, tag)
    cases: list[tuple[str, Reason]] = []
    if rules.marks:
        for name in ("context.bot", "context.internal"):
            cases += [(f"lower({text}) = 'true'", "says so") for text in texts(name, known)]
    agents = texts("context.userAgent", known) if rules.bots or rules.user_agents else []
    for place, text in enumerate(agents):
        cases += looked.up(text, f"agent{place}", judged.agent)
    for name in ("context.ip", "context.network") if rules.addresses else ():
        for place, text in enumerate(texts(name, known)):
            cases += looked.up(
                text, f"{name[8:]}{place}", lambda at: "address" if judged.network(at) else None
            )
    if rules.staff:
        cases.append((looked.listed("trim(e.user_id)", "staff", sorted(judged.staff)), "staff"))
    cases += [(test, "e-mail") for test in _mails(looked, judged)]
    if not cases:
        return None
    return f"CASE {' '.join(f'WHEN {test} THEN {door.literal(why)}' for test, why in cases)} END"


def _mails(looked: _Lookup, judged: Judge) -> list[str]:
    """Tests of the e-mail address: one of the rules', or of one of their domains or below it."""
    text = "lower(trim(e.email))"
    tests = [looked.listed(text, "mails", sorted(judged.mails))] if judged.mails else []
    for domain in sorted(judged.domains):
        tests += [f"ends_with({text}, {door.literal(sign + domain)})" for sign in "@."]
    return tests


def texts(path: str, columns: FileColumns) -> list[str]:
    """SQL of the text under a path, for each place where a row (alias `e`) may have it."""
    found = []
    if (kind := columns.columns.get(path)) is not None:
        found.append(text_form(kind, f"e.{quote(path)}"))
    if columns.in_rest(path):
        # Most rows' rest lacks the path, and looking for its letters is far cheaper than reading JSON.
        value = text_form("JSON", f"json_extract(e.rest, {pointer(path)})")
        found.append(f"CASE WHEN contains(e.rest, {door.literal(path)}) THEN {value} END")
    return found


@dataclass(frozen=True)
class _Lookup:
    """Values as temporary tables, so that a test of a row is a look into a small hash table."""

    connection: door.Connection
    source: str
    tag: str

    def up(self, text: str, name: str, judged: Callable[[str], Reason | None]) -> list[tuple[str, Reason]]:
        """For each reason that `judged` finds in a value of `text`: the test whether the row's is such a value."""
        rows = self.connection.execute(
            f"SELECT DISTINCT v FROM (SELECT {text} AS v FROM {self.source} AS e) WHERE v IS NOT NULL"
        )
        met: dict[Reason, list[str]] = {}
        while batch := rows.fetchmany(10_000):
            for (value,) in batch:
                if (why := judged(value)) is not None:
                    met.setdefault(why, []).append(value)
        return [(self.listed(text, f"{name}_{why}", values), why) for why, values in met.items()]

    def listed(self, text: str, name: str, values: list[str]) -> str:
        table = quote(f"judged_{name}_{self.tag}")
        self.connection.register("judged_column", pa.table({"v": pa.array(values, pa.string())}))
        self.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT DISTINCT v FROM judged_column"
        )
        self.connection.unregister("judged_column")
        return f"coalesce({text} IN (SELECT v FROM {table}), false)"


def remark(
    connection: door.Connection, before: Manifest, files: Sequence[EventFile], rules: TrafficRules
) -> None:
    """Add to the table `altered` the standing rows that `rules` mark otherwise than they are marked."""
    for file in files:
        found = reason(connection, read(file), file.columns, file.rest, rules, f"old{file.number}")
        marked = "false" if found is None else f"({found} IS NOT NULL)"
        connection.execute(
            f"INSERT INTO altered (key_hi, key_lo, marked) SELECT e.key_hi, e.key_lo, {marked} "
            f"FROM {read(file)} AS e WHERE {standing.stands(before, file)} AND (section >= {MARKED}) <> {marked}"
        )


def read(file: EventFile) -> str:
    return f"read_parquet({door.file_list([file.path])})"
