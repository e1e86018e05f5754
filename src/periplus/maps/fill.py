"""The map with its numbers: a document, the answer of `map` and the answer of `flow`, joined by step.

What comes out is plain and complete, so that a drawing, a page or a test needs nothing else. Steps
nobody measures are here too, without numbers: they are drawn, not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from periplus.maps.model import MapDocument
from periplus.question import Answer

START = "(start)"
ENDS = ("(goal)", "(again)", "(stopped)", "(ended)", "(running)")
PALETTE = ("#5B7FDE", "#3E9BB5", "#4FA36B", "#C9932E", "#B8698F", "#8A6FC8")
"""Stage colours: awareness, consideration, intent, purchase, post-purchase, loyalty."""
_USUAL = ("awareness", "consideration", "intent", "purchase", "post-purchase", "loyalty")
NAMED = dict(zip(_USUAL, PALETTE, strict=True))


@dataclass(frozen=True)
class Outcomes:
    """The seven fates of visits; they add up to the visits."""

    onward: int = 0
    back: int = 0
    goal: int = 0
    again: int = 0
    stopped: int = 0
    ended: int = 0
    running: int = 0

    @property
    def visits(self) -> int:
        return sum(self.items().values())

    def items(self) -> dict[str, int]:
        """Outcome to visits, in the order of the bar."""
        return {name: getattr(self, name) for name in OUTCOMES}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Outcomes:
        return cls(**{name: int(row.get(name) or 0) for name in OUTCOMES})


OUTCOMES = ("onward", "goal", "again", "back", "stopped", "ended", "running")


@dataclass(frozen=True)
class FilledStep:
    """A step with its numbers; all of them 0 where it is not `measured`. `median_seconds` is of a visit."""

    id: str
    name: str
    stage: int
    measured: bool
    goal: bool
    channel: str | None = None
    department: str | None = None
    by_shop: bool = False
    optional: bool = False
    visits: int = 0
    journeys: int = 0
    customers: int = 0
    outcomes: Outcomes = Outcomes()
    reached: int = 0
    median_seconds: float | None = None
    value: int | None = None


@dataclass(frozen=True)
class FilledStage:
    """A column: its colour, its steps, and its own visits (runs of visits within it) and outcomes."""

    name: str
    color: str
    steps: tuple[FilledStep, ...]
    visits: int = 0
    outcomes: Outcomes = Outcomes()

    @property
    def departments(self) -> tuple[str, ...]:
        """Who owns its steps, each once, in the order of the map."""
        return tuple(dict.fromkeys(step.department for step in self.steps if step.department))


@dataclass(frozen=True)
class Flow:
    """Visits that went from one step to another, by id; or from `(start)`, or to an end in brackets."""

    source: str
    target: str
    visits: int
    journeys: int = 0
    median_seconds: float | None = None


@dataclass(frozen=True)
class FilledCard:
    """A card of a lane under a stage."""

    stage: int
    text: str
    note: str = ""
    kind: str = "assumption"
    tone: str = ""


@dataclass(frozen=True)
class FilledLane:
    """A row under the flow; other areas hand theirs to `fill`."""

    name: str
    note: str = ""
    cards: tuple[FilledCard, ...] = ()


@dataclass(frozen=True)
class FilledMap:
    """A map and all its numbers. `journeys` = `reached` + `stopped` + `open`; money in minor units."""

    id: str
    name: str
    description: str
    end: str
    stages: tuple[FilledStage, ...]
    flows: tuple[Flow, ...] = ()
    lanes: tuple[FilledLane, ...] = ()
    journeys: int = 0
    reached: int = 0
    stopped: int = 0
    open: int = 0
    value: int | None = None
    median_seconds: float | None = None
    currency: str = ""
    now: str = ""
    version: str = ""

    @property
    def steps(self) -> tuple[FilledStep, ...]:
        """All steps, in the order of the map."""
        return tuple(step for stage in self.stages for step in stage.steps)


def colors(document: MapDocument) -> list[str]:
    """A colour for each stage: its own, else that of its usual name, else one not used yet, in turn."""
    chosen = [stage.color or NAMED.get(stage.name.lower().replace(" ", "-")) for stage in document.stages]
    spare = [color for color in PALETTE if color not in chosen] or list(PALETTE)
    result: list[str] = []
    for color in chosen:
        if color is None:
            color = spare.pop(0)
            spare = spare or list(PALETTE)
        result.append(color)
    return result


def fill(
    document: MapDocument,
    map_answer: Answer | None = None,
    flow_answer: Answer | None = None,
    *,
    lanes: Sequence[FilledLane] = (),
) -> FilledMap:
    """The map with the numbers of two answers over the same journeys; without answers, all of it unfilled.

    Rows of steps the document does not have (an older version of the map) are left out.
    """
    rows = {str(row["step"]): row for row in map_answer.rows} if map_answer else {}
    stage_rows = {str(row["stage"]): row for row in map_answer.stages} if map_answer else {}
    totals = map_answer.totals if map_answer else {}
    steps = [
        _numbers(
            FilledStep(
                id=step.id,
                name=step.name,
                stage=index,
                measured=step.rule is not None,
                goal=step.id in document.goal,
                channel=step.channel,
                department=step.department,
                by_shop=step.initiator == "shop",
                optional=step.optional,
            ),
            rows.get(step.id),
        )
        for index, _, step in document.placed()
    ]
    palette = colors(document)
    return FilledMap(
        id=document.id,
        name=document.name,
        description=document.description or "",
        end=document.end,
        stages=tuple(
            _stage(stage.name, palette[index], [s for s in steps if s.stage == index], stage_rows)
            for index, stage in enumerate(document.stages)
        ),
        flows=_flows(flow_answer, {step.id for step in steps}),
        lanes=(*_authored(document), *lanes),
        journeys=int(totals.get("journeys") or 0),
        reached=int(totals.get("reached") or 0),
        stopped=int(totals.get("stopped") or 0),
        open=int(totals.get("open") or 0),
        value=totals.get("value"),
        median_seconds=totals.get("median_seconds"),
        currency=(map_answer.currency if map_answer else "") or document.currency or "",
        now=map_answer.now if map_answer else "",
        version=map_answer.version if map_answer else "",
    )


def _numbers(step: FilledStep, row: Mapping[str, Any] | None) -> FilledStep:
    if row is None or not step.measured:
        return step
    return replace(
        step,
        outcomes=Outcomes.of(row),
        median_seconds=row.get("median_seconds"),
        value=row.get("value"),
        visits=int(row.get("visits") or 0),
        journeys=int(row.get("journeys") or 0),
        customers=int(row.get("customers") or 0),
        reached=int(row.get("reached") or 0),
    )


def _stage(name: str, color: str, steps: list[FilledStep], rows: Mapping[str, Any]) -> FilledStage:
    row = rows.get(name)
    if row is None:
        return FilledStage(name, color, tuple(steps))
    return FilledStage(name, color, tuple(steps), int(row.get("visits") or 0), Outcomes.of(row))


def _flows(answer: Answer | None, known: set[str]) -> tuple[Flow, ...]:
    names = {field.name for field in fields(Flow)}
    flows = [
        Flow(**{key: row[key] for key in row if key in names}) for row in (answer.rows if answer else ())
    ]
    return tuple(
        flow
        for flow in flows
        if flow.visits and flow.source in known | {START} and flow.target in known | set(ENDS)
    )


def _authored(document: MapDocument) -> list[FilledLane]:
    stage = {stage.name: index for index, stage in enumerate(document.stages)}
    return [
        FilledLane(
            lane.name,
            lane.note or "",
            tuple(
                FilledCard(stage[card.stage], card.text, card.note or "", card.kind) for card in lane.cards
            ),
        )
        for lane in document.lanes
    ]
