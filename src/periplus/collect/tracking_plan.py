"""The tracking plan: which events are expected, with which properties of which kind, and who answers for them.

`TrackingPlan.check` judges one message in the house's words; `plan_report.py` judges the whole store by
the same rules, in SQL. Nothing is refused because of it, unless a source says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from periplus import yaml_text
from periplus.collect.authored import Name, Note, Part, parsed
from periplus.condition.values import text_of
from periplus.errors import nearest
from periplus.event import VIEWS, escape, flatten, split_path
from periplus.store.state import State

KIND = "tracking plan"
"""The kind of the stored document; there is one, of this name too."""
Type = Literal["text", "number", "boolean", "time", "list", "object"]
Wrong = Literal["unknown event", "missing property", "wrong type", "value not allowed", "unknown property"]
WRONG: tuple[Wrong, ...] = (
    "unknown event", "missing property", "wrong type", "value not allowed", "unknown property",
)  # fmt: skip
TIME_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?( ?(Z|[+-][0-9]{2}(:?[0-9]{2})?))?)?"
"""Which texts are times; Python and DuckDB read it alike."""
_TIME = re.compile(TIME_TEXT)
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Deviation:
    """One thing about an event that is not as planned; `value` is what was there, shortened."""

    wrong: Wrong
    event: str
    property: str = ""
    value: str = ""


class PropertyPlan(Part):
    """A property: its type, whether each event has it, and which values it may have."""

    type: Type | None = None
    required: bool = False
    values: Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=1000)] | None = None
    description: Note | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        """`price: number` is short for `price: {type: number}`; a list of values is read as a tuple."""
        if isinstance(value, str):
            return {"type": value}
        if isinstance(value, Mapping) and isinstance(value.get("values"), list):
            return {**value, "values": tuple(value["values"])}
        return value

    @cached_property
    def allowed(self) -> frozenset[str] | None:
        """The allowed values in their text form."""
        if self.values is None:
            return None
        return frozenset(text for value in self.values if (text := text_of(value)) is not None)


class EventPlan(Part):
    """An event: what it means, who answers for it, its properties, and whether others may come along."""

    description: Note | None = None
    owner: Name | None = None
    extra: bool = True
    properties: Annotated[dict[Name, PropertyPlan], Field(max_length=500)] = Field(default_factory=dict)

    @cached_property
    def keys(self) -> tuple[tuple[str, tuple[str, ...], PropertyPlan], ...]:
        """(path, its keys, plan) of each property."""
        return tuple((path, split_path(path), plan) for path, plan in self.properties.items())

    @cached_property
    def roots(self) -> frozenset[str]:
        """The top-level properties that are planned."""
        return frozenset(keys[0] for _, keys, _ in self.keys)


class TrackingPlan(Part):
    """Every event that is expected; `extra` says whether others may come too.

    >>> plan = TrackingPlan.parse('''
    ... events:
    ...   Order Completed:
    ...     properties: {order_id: {type: text, required: true}, total: number}
    ... ''')
    >>> [found.wrong for found in plan.check({"event": "Order Completed", "properties": {"total": "12"}})]
    ['missing property', 'wrong type']
    """

    name: Name = "shop"
    description: Note | None = None
    extra: bool = False
    events: Annotated[dict[Name, EventPlan], Field(min_length=1, max_length=5000)]

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path | TrackingPlan) -> TrackingPlan:
        """From a dict, YAML text or a file; raises DocumentError that names the key and its nearest right word."""
        if isinstance(document, TrackingPlan):
            return document
        return parsed(cls, document, "tracking plan", "docs/tracking-plan.md")

    @classmethod
    def stored(cls, state: State | None) -> TrackingPlan | None:
        """The plan a workspace has adopted, or None."""
        body = None if state is None else state.document(KIND, KIND)
        return None if body is None else cls.parse(body)

    def document(self) -> dict[str, Any]:
        """The plain form, short where it can be; `parse(document())` equals this."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        for event in plain["events"].values():
            for name, said in event.get("properties", {}).items():
                event["properties"][name] = said["type"] if set(said) == {"type"} else said
        return plain

    def to_yaml(self) -> str:
        """The plain form as YAML, which `parse` reads again."""
        return yaml_text.write(self.document())

    def check(self, message: Mapping[str, Any]) -> list[Deviation]:
        """What about a message is not as planned; an empty list where all is well, or it is no event of a journey."""
        kind = message.get("type") or "track"
        name = VIEWS.get(kind) or (message.get("event") if kind == "track" else None)
        if not isinstance(name, str):
            return []
        planned = self.events.get(name)
        if planned is None:
            return [] if self.extra else [Deviation("unknown event", name)]
        properties = message.get("properties")
        held = properties if isinstance(properties, Mapping) else {}
        return [*_of_planned(name, planned, held), *_of_others(name, planned, held)]

    def hint(self, found: Deviation) -> str:
        """What would have been right: the type, or the planned name or value most like what came; may be empty."""
        planned = self.events.get(found.event)
        if planned is None:
            return next(iter(nearest(found.event, self.events, 1)), "")
        plan = planned.properties.get(found.property)
        match found.wrong:
            case "wrong type":
                return (plan and plan.type) or ""
            case "value not allowed":
                return next(iter(nearest(found.value, (plan and plan.allowed) or (), 1)), "")
            case "unknown property":
                return next(iter(nearest(found.property, planned.roots, 1)), "")
        return ""


def _of_planned(name: str, planned: EventPlan, held: Mapping[str, Any]) -> Iterator[Deviation]:
    for path, keys, plan in planned.keys:
        value = _under(held, keys)
        if value is None:
            if plan.required:
                yield Deviation("missing property", name, path)
        elif plan.type is not None and not fits(value, plan.type):
            yield Deviation("wrong type", name, path, shown(value))
        elif plan.allowed is not None and (text := text_of(value)) is not None and text not in plan.allowed:
            yield Deviation("value not allowed", name, path, shown(value))


def _of_others(name: str, planned: EventPlan, held: Mapping[str, Any]) -> Iterator[Deviation]:
    if planned.extra:
        return
    for key, value in held.items():
        if key not in planned.roots and _there(value):
            yield Deviation("unknown property", name, escape(key), shown(value))


def fits(value: Any, type: Type) -> bool:
    """Whether a value is of a type."""
    match type:
        case "text":
            return isinstance(value, str)
        case "number":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "boolean":
            return isinstance(value, bool)
        case "time":
            return isinstance(value, str) and _TIME.fullmatch(value) is not None
        case "list":
            return isinstance(value, list | tuple)
        case "object":
            return isinstance(value, Mapping)


def shown(value: Any) -> str:
    """A value as an example, short."""
    text = text_of(value)
    text = str(value) if text is None else text
    return text if len(text) <= 100 else text[:99] + "…"


def _under(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if _there(value) else None


def _there(value: Any) -> bool:
    """Whether the store would keep anything of a value: nulls, and objects with nothing but nulls, are left out."""
    if isinstance(value, Mapping):
        return not value or bool(flatten(value, "x"))
    return value is not None
