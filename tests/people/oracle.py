"""Who an event belongs to, written from the rules as plainly as possible: an independent second opinion."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from periplus.people.identifiers import customer_hash

Event = dict[str, Any]
Id = tuple[str, str]


@dataclass(frozen=True)
class Said:
    """What people decided, as plain lists: joins and cuts of two identifiers, blocked ones, kinds that are off."""

    joins: list[Any] = field(default_factory=list)
    cuts: list[Any] = field(default_factory=list)
    blocked: list[Any] = field(default_factory=list)
    off: set[str] = field(default_factory=set)


NO_DECISIONS = Said()


def owners(events: list[Event], said: Said = NO_DECISIONS) -> dict[int, int]:
    """Customer of each event by its id; 0 for nobody. Events that are `marked` say nothing of who is who."""
    events = [_heard(event, said) for event in events]
    telling = [event for event in events if not event.get("marked")]
    users = {event["user_id"] for event in telling if event.get("user_id")}
    teams = _teams(said)

    def counts(a: Id, b: Id) -> bool:
        return not ({a[0], b[0]} & said.off or (a, b) in said.cuts or (b, a) in said.cuts)

    groups = [{user} for user in users]
    for alias in telling:
        before, after = alias.get("previous_id"), alias.get("user_id")
        if alias.get("type") == "alias" and before in users and after and "alias" not in said.off:
            if counts(("user", before), ("user", after)):
                groups = _join(groups, before, after)
    for team in teams:
        for a, b in pairwise(value for kind, value in team if kind == "user"):
            groups = _join(groups, a, b)
    user_of = {event["user_id"]: ("user", event["user_id"]) for event in events if event.get("user_id")}
    user_of |= {value: ("user", value) for team in teams for kind, value in team if kind == "user"}
    user_of |= {user: ("user", min(group)) for group in groups for user in group}

    claims = {
        person: user_of[user]
        for team in teams
        for user in [next((value for kind, value in team if kind == "user"), None)]
        if user is not None
        for person in team
        if person[0] in ("email", "phone")
    }

    def components(apart: set[Id]) -> list[set[Id]]:
        found = [{person} for event in events for person in _persons(event)]
        found += [{person} for team in teams for person in team if person[0] in ("email", "phone")]
        for event in telling:
            for a, b in pairwise(_persons(event)):
                if counts(a, b) and a not in apart and b not in apart:
                    found = _join(found, a, b)
        for team in teams:
            for a, b in pairwise(person for person in team if person[0] in ("email", "phone")):
                found = _join(found, a, b)
        return _unique(found)

    persons = components(set())
    for group in persons:
        if len({claims[person] for person in group if person in claims}) > 1:
            persons = components(
                {
                    p
                    for g in persons
                    if len({claims[q] for q in g if q in claims}) > 1
                    for p in g
                    if p in claims
                }
            )
            break
    component_of = {
        person: min(group, key=lambda p: (p[0] != "email", p)) for group in persons for person in group
    }

    def order(event: Event) -> tuple[Any, ...]:
        return (event["time"], event["sequence"], customer_hash("key", str(event["id"])), event["id"])

    def last_before_else_first(sightings: list[tuple[Event, Any]], time: int) -> Any:
        before = [s for s in sightings if s[0]["time"] <= time]
        if before:
            return max(before, key=lambda s: order(s[0]))[1]
        if not sightings:
            return None
        first = min(s[0]["time"] for s in sightings)
        return max((s for s in sightings if s[0]["time"] == first), key=lambda s: order(s[0]))[1]

    def component_means(component: Any, time: int) -> Any:
        fixed = [claims[person] for person in claims if component_of[person] == component]
        if fixed:
            return fixed[0]
        seen = [
            (event, user_of[event["user_id"]])
            for event in telling
            if event.get("user_id")
            and any(
                component_of[person] == component and counts(person, ("user", event["user_id"]))
                for person in _persons(event)
            )
        ]
        return last_before_else_first(seen, time) or component

    def linking(event: Event) -> list[Id]:
        return [person for person in _persons(event) if person[0] not in said.off]

    def higher(event: Event, time: int) -> Any:
        if event.get("user_id"):
            return user_of[event["user_id"]]
        if linking(event):
            return component_means(component_of[linking(event)[0]], time)
        return None

    def devices(event: Event) -> list[str]:
        found = [event["anonymous_id"]] if event.get("anonymous_id") else []
        previous = event.get("previous_id")
        if event.get("type") == "alias" and previous and previous not in users:
            if not {("user", previous), ("device", previous)} & set(said.blocked):
                found.append(previous)
        return found

    def target(event: Event, device: str) -> Any:
        """What an event says of a device on it: (user, None) or (None, component); None if it says nothing."""
        if event.get("user_id") and counts(("device", device), ("user", event["user_id"])):
            return (user_of[event["user_id"]], None)
        person = next((p for p in linking(event) if counts(("device", device), p)), None)
        return None if person is None else (None, component_of[person])

    def device_means(device: str, time: int) -> Any:
        team = next((team for team in teams if ("device", device) in team), [("device", device)])
        own = [value for kind, value in team if kind == "device"]
        user = next((value for kind, value in team if kind == "user"), None)
        person = next((p for p in team if p[0] in ("email", "phone")), None)
        if user is not None:
            return user_of[user]
        if person is not None:
            return component_means(component_of[person], time)
        seen = [
            (event, told)
            for event in telling
            for each in own
            if each in devices(event) and (told := target(event, each)) is not None
        ]
        sighting = last_before_else_first(seen, time)
        if not sighting:
            return ("device", own[0])
        return sighting[0] or component_means(sighting[1], time)

    def means(event: Event, time: int) -> Any:
        found = higher(event, time)
        if found is None and event.get("anonymous_id"):
            found = device_means(event["anonymous_id"], time)
        return found

    def owner(event: Event) -> Any:
        found = means(event, event["time"])
        if found is None and event.get("order_id"):
            seen = [
                (other, other)
                for other in telling
                if other.get("order_id") == event["order_id"]
                and "reference" not in said.off
                and means(other, other["time"])
            ]
            sighting = last_before_else_first(seen, event["time"])
            found = (
                means(sighting, event["time"]) if sighting else ("reference", "order_id:" + event["order_id"])
            )
        if found is None and _persons(event):
            found = component_means(component_of[_persons(event)[0]], event["time"])
        return found

    return {event["id"]: customer_hash(*found) if (found := owner(event)) else 0 for event in events}


def _heard(event: Event, said: Said) -> Event:
    """An event without the identifiers that were blocked."""
    columns = {
        "user": "user_id",
        "device": "anonymous_id",
        "email": "email",
        "phone": "phone",
        "order": "order_id",
    }
    return event | {
        column: None for kind, column in columns.items() if (kind, event.get(column)) in said.blocked
    }


def _teams(said: Said) -> list[list[Id]]:
    """Identifiers that are one by hand, in the order of their kinds; a blocked one joins nobody."""
    groups: list[set[Any]] = []
    for a, b in said.joins:
        if not {a, b} & set(said.blocked):
            groups = _join(groups, a, b)
    rank = {"user": 0, "email": 1, "phone": 2, "device": 3}
    return [sorted(group, key=lambda one: (rank[one[0]], one[1])) for group in groups]


def _persons(event: Event) -> list[Id]:
    return [(kind, event[kind]) for kind in ("email", "phone") if event.get(kind)]


def _join(groups: list[set[Any]], a: Any, b: Any) -> list[set[Any]]:
    together = set().union(*(group for group in groups if a in group or b in group), {a, b})
    return [group for group in groups if not group & together] + [together]


def _unique(groups: list[set[Any]]) -> list[set[Any]]:
    return [set(group) for group in {frozenset(group) for group in groups}]
