"""The map as a document: a goal, and stages of steps, each step a rule over events.

One frozen document is what people draw, what is kept and versioned, and what the engine counts by:
`parse` checks every reference and every rule, `document` is its canonical form, `rules` what the
engine needs of it. How the parts default is written out at each field and in docs/maps.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from periplus import clock
from periplus.errors import DocumentError
from periplus.journeys.rules import End, JourneyRules, StepRule
from periplus.maps import checks
from periplus.yaml_text import read, write

Initiator = Literal["customer", "shop"]


def kebab(name: str) -> str:
    """A name as an id: lower case, a hyphen between words, in any script.

    >>> kebab("First purchase"), kebab("Πρώτη αγορά!")
    ('first-purchase', 'πρώτη-αγορά')
    """
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", name).lower())
    return "-".join(words)


def _tuple(value: object) -> object:
    """Lists are read as tuples, so that a document is frozen throughout."""
    return tuple(value) if isinstance(value, list) else value


def _listed(value: object) -> object:
    """One id may be written without its brackets."""
    return (value,) if isinstance(value, str) else _tuple(value)


def _plain(value: object) -> object:
    """Text is compared in NFC, and a name has no spaces around it."""
    return unicodedata.normalize("NFC", value).strip() if isinstance(value, str) else value


Name = Annotated[str, BeforeValidator(_plain), Field(min_length=1, max_length=200)]
Id = Annotated[str, BeforeValidator(_plain), Field(pattern=r"^\w[\w.\-]*$", max_length=100)]
Ids = Annotated[tuple[Id, ...], BeforeValidator(_listed), Field(min_length=1, max_length=200)]
Many = BeforeValidator(_tuple)
Note = Annotated[str, BeforeValidator(_plain), Field(max_length=4000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Step(_Part):
    """A touchpoint as placed on a map. Without a `rule` it is unmeasured: drawn, not counted."""

    id: Id
    name: Name
    rule: dict[str, Any] | None = None
    channel: Name | None = None
    department: Name | None = None
    initiator: Initiator = "customer"
    prolongs: bool | None = None
    optional: bool = False

    @property
    def keeps_open(self) -> bool:
        """Whether an event here prolongs a journey: as the step says, else if the customer initiates it."""
        return self.initiator == "customer" if self.prolongs is None else self.prolongs


class Stage(_Part):
    """A phase of the journey: a column of steps in one colour."""

    name: Name
    color: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    steps: Annotated[tuple[Step, ...], Many, Field(min_length=1, max_length=100)]


class LaneCard(_Part):
    """A card of a lane, under its stage: a fact, somebody's voice, or what is only assumed."""

    stage: Name
    text: Name
    note: Note | None = None
    kind: Literal["fact", "voice", "assumption"] = "assumption"


class Lane(_Part):
    """A row under the flow, in the same columns: pain points, motivations, one's own."""

    name: Name
    note: Note | None = None
    cards: Annotated[tuple[LaneCard, ...], Many, Field(max_length=200)] = ()


class MapDocument(_Part):
    """A customer-journey map that can be run over events.

    >>> shop = MapDocument.parse('''
    ... name: First purchase
    ... goal: order
    ... stages:
    ... - name: Intent
    ...   steps: [{name: Cart, rule: {event: Product Added}}]
    ... - name: Purchase
    ...   steps: [{name: Order, rule: {event: Order Completed}}]
    ... ''')
    >>> shop.id, shop.start_steps, shop.restart_steps
    ('first-purchase', ('cart', 'order'), ('cart',))
    """

    name: Name
    id: Id
    description: Note | None = None
    goal: Ids
    start: Ids | None = None
    restart: Ids | None = None
    lapse: str = "30d"
    end: End = "goal"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    stages: Annotated[tuple[Stage, ...], Many, Field(min_length=1, max_length=30)]
    lanes: Annotated[tuple[Lane, ...], Many, Field(max_length=30)] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | MapDocument) -> MapDocument:
        """The map of a document or of its YAML text; raises DocumentError that names the place."""
        if isinstance(document, MapDocument):
            return document
        raw = read(document, "map") if isinstance(document, str) else document
        if not isinstance(raw, Mapping):
            raise DocumentError(
                "A map is a set of keys, and this is not.",
                hint="It begins with `name:`, `goal:` and `stages:`.",
            )
        checks.depth(raw)
        try:
            parsed = cls.model_validate(_with_ids(raw))
        except ValidationError as problem:
            raise checks.told(problem, cls, raw) from None
        for check in checks.RULES:
            check(parsed)
        return parsed

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in the order of the map."""
        return tuple(step for stage in self.stages for step in stage.steps)

    def placed(self) -> Iterator[tuple[int, Stage, Step]]:
        """(index of the stage, stage, step), in the order of the map."""
        for index, stage in enumerate(self.stages):
            for step in stage.steps:
                yield index, stage, step

    def step(self, id: str) -> Step:
        """The step of an id; KeyError if there is none."""
        for step in self.steps:
            if step.id == id:
                return step
        raise KeyError(id)

    def _begun_by_customers(self, last_stage: int) -> tuple[str, ...]:
        return tuple(
            s.id for index, _, s in self.placed() if index <= last_stage and s.initiator == "customer"
        )

    @property
    def start_steps(self) -> tuple[str, ...]:
        """Steps that open a journey: as written, else those of customers up to the (last) goal's stage."""
        if self.start is not None:
            return self.start
        return self._begun_by_customers(max(i for i, _, s in self.placed() if s.id in self.goal))

    @property
    def restart_steps(self) -> tuple[str, ...]:
        """Steps that begin the next journey once the goal is reached (with `end: restart`).

        As written, else those of customers in stages before the (first) goal's, else the goal's own.
        """
        if self.restart is not None:
            return self.restart
        before = self._begun_by_customers(min(i for i, _, s in self.placed() if s.id in self.goal) - 1)
        return before or self.goal

    def document(self) -> dict[str, Any]:
        """The canonical form, as plain values; `parse(map.document()) == map`."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def to_yaml(self) -> str:
        """The canonical form as YAML; `parse(map.to_yaml()) == map`."""
        return write(self.document())

    def rules(self) -> JourneyRules:
        """What the engine needs to know of this map."""
        position = {step.id: index for index, step in enumerate(self.steps)}
        return JourneyRules(
            id=self.id,
            name=self.name,
            steps=tuple(
                StepRule(
                    id=step.id,
                    name=step.name,
                    stage=stage.name,
                    rule=None if step.rule is None else checks.condition(step.id, step.rule),
                    prolongs=step.keeps_open,
                )
                for _, stage, step in self.placed()
            ),
            goal=_indexes(self.goal, position),
            start=_indexes(self.start_steps, position),
            restart=_indexes(self.restart_steps, position),
            lapse=clock.duration(self.lapse),
            end=self.end,
            stages=tuple(stage.name for stage in self.stages),
        )


def _indexes(ids: Iterable[str], position: Mapping[str, int]) -> frozenset[int]:
    return frozenset(position[id] for id in ids)


def _with_ids(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The document with the ids filled in that it leaves to the names (of the map and of its steps)."""

    def named(part: Any) -> Any:
        if not isinstance(part, Mapping):
            return part
        name = part.get("name")
        id = kebab(name)[:100].rstrip("-") if isinstance(name, str) else ""
        return {**part, "id": id} if id and part.get("id") is None else part

    filled = {**raw, **named(raw)}
    stages = raw.get("stages")
    if isinstance(stages, list | tuple):
        filled["stages"] = tuple(
            {**stage, "steps": tuple(named(step) for step in stage["steps"])}
            if isinstance(stage, Mapping) and isinstance(stage.get("steps"), list | tuple)
            else stage
            for stage in stages
        )
    return filled
