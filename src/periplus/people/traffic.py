"""The traffic rules over stored events, as SQL: which are left out, why, and what other rules would change.

User agents and addresses are judged by `collect.marks`, each distinct one once; SQL looks the verdicts up. So
there is one meaning of the rules, and millions of events cost no more than the browsers among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import pyarrow as pa

from periplus.collect.marks import Judge, Reason, TrafficRules, judge
from periplus.store import door, standing
from periplus.store.columns import FileColumns, pointer, quote, text_form
from periplus.store.files import MARKED, EventFile
from periplus.store.manifest import Manifest
from periplus.store.snapshot import Snapshot

REASONS: tuple[Reason, ...] = get_args(Reason)


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
            cases += [(f"lower({text}) = 'true'", "says so") for text in _texts(name, known)]
    agents = _texts("context.userAgent", known) if rules.bots or rules.user_agents else []
    for place, text in enumerate(agents):
        cases += looked.up(text, f"agent{place}", judged.agent)
    for name in ("context.ip", "context.network") if rules.addresses else ():
        for place, text in enumerate(_texts(name, known)):
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


def _texts(path: str, columns: FileColumns) -> list[str]:
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
        found = reason(connection, _read(file), file.columns, file.rest, rules, f"old{file.number}")
        marked = "false" if found is None else f"({found} IS NOT NULL)"
        connection.execute(
            f"INSERT INTO altered (key_hi, key_lo, marked) SELECT e.key_hi, e.key_lo, {marked} "
            f"FROM {_read(file)} AS e WHERE {standing.stands(before, file)} AND (section >= {MARKED}) <> {marked}"
        )


def _read(file: EventFile) -> str:
    return f"read_parquet({door.file_list([file.path])})"


@dataclass(frozen=True)
class Trial:
    """What rules would do to the events that are there, before they are adopted.

    `reasons` counts events by why they would be left out; `goes` and `returns` are events that would newly be
    left out, and newly count; `agents` the user agents most often left out by their name, with their events;
    `idle` the entries of the rules that no event meets.
    """

    events: int
    left_out: int
    reasons: dict[Reason, int]
    goes: int
    returns: int
    agents: list[tuple[str, int]]
    idle: list[str]

    def document(self) -> dict[str, Any]:
        return {
            "events": self.events,
            "left_out": self.left_out,
            "reasons": dict(self.reasons),
            "goes": self.goes,
            "returns": self.returns,
            "agents": [{"user_agent": agent, "events": events} for agent, events in self.agents],
            "idle": self.idle,
        }


SHOWN = 20
"""User agents a trial lists."""


def trial(snapshot: Snapshot, rules: TrafficRules) -> Trial:
    """Try rules on every standing event; changes nothing."""
    connection = snapshot.cursor()
    events = goes = returns = 0
    reasons = dict.fromkeys(REASONS, 0)
    agents: dict[str, int] = {}
    met = _Met(judge(rules))
    for file in snapshot.files:
        found = reason(connection, _read(file), file.columns, file.rest, rules, "trial") or "NULL::VARCHAR"
        texts = _texts("context.userAgent", FileColumns(file.columns, _set(file.rest)))
        agent = f"coalesce({', '.join(texts)})" if texts else "NULL::VARCHAR"
        places = [
            text
            for path in ("context.ip", "context.network")
            for text in (_texts(path, FileColumns(file.columns, _set(file.rest))) if rules.addresses else [])
        ]
        address = f"coalesce({', '.join(places)})" if places else "NULL::VARCHAR"
        rows = connection.execute(
            "SELECT why, was, CASE WHEN why IN ('bot', 'user agent') THEN agent END, "
            "CASE WHEN why = 'address' THEN address END, CASE WHEN why = 'staff' THEN who END, "
            "CASE WHEN why = 'e-mail' THEN mail END, count(*) FROM (SELECT "
            f"{found} AS why, e.section >= {MARKED} AS was, {agent} AS agent, {address} AS address, "
            "trim(e.user_id) AS who, lower(trim(e.email)) AS mail "
            f"FROM {_read(file)} AS e WHERE e.section % {MARKED} < 2 AND {standing.stands(snapshot.manifest, file)}) "
            "GROUP BY ALL"
        ).fetchall()
        for why, was, seen, at, who, mail, count in rows:
            events += count
            goes += count if why and not was else 0
            returns += count if was and not why else 0
            if why:
                reasons[why] += count
            if seen:
                agents[seen] = agents.get(seen, 0) + count
            met.note(seen, at, who, mail)
    top = sorted(agents.items(), key=lambda each: (-each[1], each[0]))[:SHOWN]
    left = sum(reasons.values())
    return Trial(events, left, {k: n for k, n in reasons.items() if n}, goes, returns, top, met.idle())


def _set(rest: Sequence[str] | None) -> frozenset[str] | None:
    return None if rest is None else frozenset(rest)


class _Met:
    """Which entries of the rules some event meets."""

    def __init__(self, judged: Judge) -> None:
        self.judged = judged
        self.seen: set[str] = set()

    def note(self, agent: str | None, address: str | None, user: str | None, mail: str | None) -> None:
        if agent is not None:
            self.seen.update(self.judged.patterns(agent))
        if address is not None and (network := self.judged.network(address)) is not None:
            self.seen.add(network)
        if user is not None:
            self.seen.add(user)
        if mail is not None:
            self.seen.update(
                {mail, *(each for each in self.judged.domains if mail.endswith(("@" + each, "." + each)))}
            )

    def idle(self) -> list[str]:
        rules = self.judged.rules
        listed = (*rules.addresses, *rules.user_agents, *rules.staff, *rules.emails)
        return [each for each in listed if each not in self.seen]
