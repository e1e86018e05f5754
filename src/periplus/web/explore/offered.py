"""What the controls of a question offer: steps of the map, event names, properties and their values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from periplus.condition import Condition
from periplus.condition.document import bare
from periplus.errors import PeriplusError
from periplus.store.columns import OWN
from periplus.store.properties import PropertyInfo
from periplus.web.asking import property_name
from periplus.web.places import steps_of

if TYPE_CHECKING:
    from periplus.workspace import Workspace

SUGGESTED = 300
"""Most event names or properties offered in one list; others can be written."""


@dataclass(frozen=True)
class Offered:
    """`at`: the steps of the map in question, by id; `events` with how many there are; `paths` of properties,
    the most used first, each with what is known of it; `map`: the map in question, as it is listed, `stages` the
    ids of its steps that are measured, stage by stage, `goal_events` the names that count as its goal, `segments`
    the names of those that are kept."""

    at: Mapping[str, Mapping[str, Any]]
    map: Mapping[str, Any] | None
    maps: list[dict[str, Any]]
    events: Mapping[str, int]
    paths: Mapping[str, PropertyInfo]
    goal_steps: tuple[str, ...]
    goal_events: tuple[str, ...]
    stages: list[list[str]]
    has_events: bool
    segments: tuple[str, ...] = ()

    @property
    def event_codes(self) -> list[tuple[str, str]]:
        """Events as values and labels of a control, by name."""
        most = sorted(self.events, key=lambda name: -self.events[name])[:SUGGESTED]
        return [(f"event:{name}", name) for name in sorted(most)]

    @property
    def step_codes(self) -> list[tuple[str, str]]:
        """Steps of the map as values and labels of a control."""
        return [(f"step:{id}", str(entry["name"])) for id, entry in self.at.items()]

    @property
    def properties(self) -> list[tuple[str, str]]:
        """Properties as values and labels of a control: the events' own fields, then the most used."""
        own = [(name, property_name(name)) for name in sorted(OWN)]
        return own + [(path, property_name(path)) for path in list(self.paths)[:SUGGESTED]]

    @property
    def filter_paths(self) -> list[str]:
        """Properties as a filter writes them."""
        return [*sorted(OWN), *(bare(path) for path in list(self.paths)[:SUGGESTED])]

    def info(self, path: str) -> PropertyInfo | None:
        """What is known of a property that a filter names."""
        return self.paths.get(path) or self.paths.get(f"properties.{path}")

    @property
    def goal(self) -> str | None:
        """The event that most likely is the goal: the map's, else the rarest that is there."""
        for name in self.goal_events:
            if name in self.events:
                return name
        return min(self.events, key=lambda name: self.events[name], default=None)


def offered(ws: Workspace, named: object) -> Offered:
    """What can be asked of a workspace; `named` is the map of the question (default: the first there is)."""
    snapshot = ws.snapshot()
    maps = ws.maps()
    chosen = next((entry for entry in maps if entry["id"] == named), maps[0] if maps else None)
    document = None
    if chosen is not None:
        try:
            document = ws.map(chosen["id"])
        except PeriplusError:
            chosen = None
    paths = sorted(snapshot.properties.items(), key=lambda item: (-item[1].events, item[0]))
    goals: list[str] = []
    stages: list[list[str]] = []
    if document is not None:
        for stage in document.stages:
            stages.append([step.id for step in stage.steps if step.rule is not None])
            for step in stage.steps:
                if step.id in document.goal and step.rule is not None:
                    goals += sorted(Condition.parse(step.rule).names() or ())
    return Offered(
        at={} if document is None else steps_of(document),
        map=chosen,
        maps=maps,
        events=snapshot.name_counts(),
        paths=dict(paths),
        goal_steps=() if document is None else tuple(document.goal),
        goal_events=tuple(goals),
        stages=stages,
        has_events=snapshot.last_time is not None,
        segments=tuple(each["name"] for each in ws.segments.listed()),
    )
