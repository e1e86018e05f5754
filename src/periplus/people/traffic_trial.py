"""Traffic rules tried on the events that are there, before they are adopted: what would go, what would return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from periplus.collect.marks import Judge, Reason, TrafficRules, judge
from periplus.people.traffic import read, reason, texts
from periplus.store import standing
from periplus.store.columns import FileColumns
from periplus.store.files import MARKED
from periplus.store.snapshot import Snapshot

REASONS: tuple[Reason, ...] = get_args(Reason)


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
        found = reason(connection, read(file), file.columns, file.rest, rules, "trial") or "NULL::VARCHAR"
        known = FileColumns(file.columns, None if file.rest is None else frozenset(file.rest))
        agent = _first(texts("context.userAgent", known))
        address = _first(texts("context.ip", known) + texts("context.network", known))
        rows = connection.execute(
            "SELECT why, was, CASE WHEN why IN ('bot', 'user agent') THEN agent END, "
            "CASE WHEN why = 'address' THEN address END, CASE WHEN why = 'staff' THEN who END, "
            "CASE WHEN why = 'e-mail' THEN mail END, count(*) FROM (SELECT "
            f"{found} AS why, e.section >= {MARKED} AS was, {agent} AS agent, {address} AS address, "
            "trim(e.user_id) AS who, lower(trim(e.email)) AS mail "
            f"FROM {read(file)} AS e WHERE e.section % {MARKED} < 2 AND {standing.stands(snapshot.manifest, file)}) "
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


def _first(found: Sequence[str]) -> str:
    return f"coalesce({', '.join(found)})" if found else "NULL::VARCHAR"


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
