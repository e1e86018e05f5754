"""Who an event belongs to, written from the rules as plainly as possible: an independent second opinion."""

from __future__ import annotations

from typing import Any

from periplus.people.identifiers import customer_hash

Event = dict[str, Any]


def owners(events: list[Event]) -> dict[int, int]:
    """Customer of each event by its id; 0 for nobody. Events that are `marked` say nothing of who is who."""
    telling = [event for event in events if not event.get("marked")]
    users = {event["user_id"] for event in telling if event.get("user_id")}
    aliases = [event for event in telling if event.get("type") == "alias" and event.get("previous_id")]
    groups = [{user} for user in users]
    for alias in aliases:
        if alias["previous_id"] in users and alias.get("user_id"):
            groups = _join(groups, alias["previous_id"], alias["user_id"])
    user_of = {event["user_id"]: ("user", event["user_id"]) for event in events if event.get("user_id")}
    user_of |= {user: ("user", min(group)) for group in groups for user in group}

    persons = [{person} for event in events for person in _persons(event)]
    for event in telling:
        found = _persons(event)
        for other in found[1:]:
            persons = _join(persons, found[0], other)
        persons = _unique(persons)
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
        seen = [
            (event, user_of[event["user_id"]])
            for event in telling
            if event.get("user_id") and any(component_of[person] == component for person in _persons(event))
        ]
        return last_before_else_first(seen, time) or component

    def higher(event: Event, time: int) -> Any:
        if event.get("user_id"):
            return user_of[event["user_id"]]
        if _persons(event):
            return component_means(component_of[_persons(event)[0]], time)
        return None

    def devices(event: Event) -> list[str]:
        found = [event["anonymous_id"]] if event.get("anonymous_id") else []
        if event.get("type") == "alias" and event.get("previous_id") and event["previous_id"] not in users:
            found.append(event["previous_id"])
        return found

    def device_means(device: str, time: int) -> Any:
        seen = [(event, event) for event in telling if device in devices(event) and higher(event, time)]
        sighting = last_before_else_first(seen, time)
        return higher(sighting, time) if sighting else ("device", device)

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
                if other.get("order_id") == event["order_id"] and means(other, other["time"])
            ]
            sighting = last_before_else_first(seen, event["time"])
            found = (
                means(sighting, event["time"]) if sighting else ("reference", "order_id:" + event["order_id"])
            )
        return found

    return {event["id"]: customer_hash(*found) if (found := owner(event)) else 0 for event in events}


def _persons(event: Event) -> list[tuple[str, str]]:
    return [(kind, event[kind]) for kind in ("email", "phone") if event.get(kind)]


def _join(groups: list[set[Any]], a: Any, b: Any) -> list[set[Any]]:
    together = set().union(*(group for group in groups if a in group or b in group), {a, b})
    return [group for group in groups if not group & together] + [together]


def _unique(groups: list[set[Any]]) -> list[set[Any]]:
    return [set(group) for group in {frozenset(group) for group in groups}]
