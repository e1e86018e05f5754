"""A flow understood: over which steps, which journeys, and what its rows speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError, nearest
from periplus.journeys import customers, labels, notice, reading
from periplus.journeys.map import with_stages
from periplus.journeys.moment import Span, resolve
from periplus.journeys.rules import JourneyRules, StepRule, meanings
from periplus.journeys.steps import conditions_of
from periplus.journeys.walk import OFF
from periplus.question import Context, Row

if TYPE_CHECKING:
    from periplus.journeys.flow import FlowQuestion

START, OTHER, OFF_MAP = "(start)", "(other)", "(off map)"
ENDS = ("(goal)", "(again)", "(stopped)", "(ended)", "(running)")
"""Where a journey's last visit goes, in the order of the outcomes from GOAL on."""
MOST_VALUES = 30
OF_MAP = ("touchpoint", "stage")
"""What the nodes of a flow over a map may be, named by `by`."""
PAGE = "page"
PATHS = ("properties.path", "context.page.path")
"""Where the path of a page stands, where events have no property of the name `page`."""
DEFAULT_LAPSE = "30d"


@dataclass(frozen=True)
class Plan:
    """A flow understood. `nodes` are what rows speak of: (start), the steps, (off map), (other), the ends. `part` is
    what each step belongs to, where the nodes are stages; `collapse` says whether repeats are one visit."""

    rules: JourneyRules
    span: Span
    labels: labels.ByShard
    among: customers.Among
    nodes: tuple[str, ...]
    names: tuple[str, ...]
    leave: tuple[int, ...] | None
    arrive: tuple[int, ...] | None
    part: np.ndarray | None
    collapse: bool
    asked: Row
    warnings: list[str]


def plan(question: FlowQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError, NotFoundError, DocumentError."""
    given = [name for name in ("map", "steps", "by") if getattr(question, name) is not None]
    if given == ["map", "by"] and question.by in OF_MAP:
        given = ["map"]
    if len(given) != 1:
        raise QuestionError(
            "A flow is over one thing: a map, steps, or the values of a property."
            if not given
            else f"A flow is over one thing, not over {' and '.join(given)}.",
            code="flow",
            hint='Give one of "map", "steps", "by".',
        )
    if question.map is not None and question.lapse is not None:
        raise QuestionError(
            "The lapse time of a map is the map's own.",
            code="flow",
            hint="Leave out `lapse`, or change the map.",
        )
    span = resolve(question.period, question.now, question.zone, context)
    if given == ["by"]:
        rules, by_shard, warnings = _by_property(question, span, context)
    else:
        rules, warnings = _by_map(question, context) if given == ["map"] else _by_steps(question, context)
        off = len(rules.steps) if question.off_map else OFF
        when = customers.of_map(span, context)
        by_shard = labels.codes(context.snapshot, [step.rule for step in rules.steps], off, when)
    ids, names = tuple(step.id for step in rules.steps), tuple(step.name for step in rules.steps)
    part = None
    if given == ["map"] and question.by == "stage":
        ids = names = rules.stages
        stages = [rules.stages.index(step.stage) for step in rules.steps]
        part = np.array([*stages, len(rules.stages)], np.uint8)
    asked: Row = {"kind": "flow", given[0]: getattr(question, given[0])}
    if given != ["map"]:
        asked["lapse"] = clock.duration_text(rules.lapse)
    for key, value in (("from", question.from_), ("to", question.to), ("top", question.top)):
        if value is not None:
            asked[key] = list(value) if isinstance(value, tuple) else value
    if given == ["map"] and question.by is not None:
        asked["by"] = question.by
    if question.off_map:
        asked["off_map"] = True
    if not question.collapse:
        asked["collapse"] = False
    return Plan(
        rules=rules,
        span=span,
        labels=by_shard,
        among=customers.among(question, span, context),
        nodes=(START, *ids, OFF_MAP, OTHER, *ENDS),
        names=(START, *names, OFF_MAP, OTHER, *ENDS),
        leave=_indexes(question.from_, ids, "from"),
        arrive=_indexes(question.to, ids, "to"),
        part=part,
        collapse=question.collapse,
        asked={**asked, "unit": "journeys", **span.document()},
        warnings=warnings,
    )


# -- what the steps are -------------------------------------------------------------------------


def _by_map(question: FlowQuestion, context: Context) -> tuple[JourneyRules, list[str]]:
    assert question.map is not None
    rules = with_stages(meanings["map"](question.map, context.documents))
    return rules, notice.steps_without_events(
        [(step.id, step.rule) for step in rules.steps], context.snapshot
    )


def _by_steps(question: FlowQuestion, context: Context) -> tuple[JourneyRules, list[str]]:
    parsed = conditions_of(question.steps or [], "steps")
    names: list[str] = []
    for label, condition in parsed:
        name, tries = label or condition.english(), 1
        while (name if tries == 1 else f"{name} ({tries})") in names:
            tries += 1
        names.append(name if tries == 1 else f"{name} ({tries})")
    rules = _every_step(names, [condition for _, condition in parsed], question)
    return rules, notice.never_seen([condition for _, condition in parsed], context.snapshot)


def _every_step(
    names: Sequence[str], conditions: Sequence[Condition | None], question: FlowQuestion
) -> JourneyRules:
    """Rules without a goal: any step opens a journey and prolongs it, only time ends it."""
    steps = tuple(
        StepRule(id=name, name=name, stage="", rule=rule)
        for name, rule in zip(names, conditions, strict=True)
    )
    everyone = frozenset(range(len(steps)))
    lapse = clock.duration(question.lapse or DEFAULT_LAPSE)
    return JourneyRules("flow", "flow", steps, frozenset(), everyone, frozenset(), lapse, "lapse", ("",))


def _by_property(
    question: FlowQuestion, span: Span, context: Context
) -> tuple[JourneyRules, labels.ByShard, list[str]]:
    """The most frequent values of a property as steps, the rest as one more."""
    assert question.by is not None
    snapshot = context.snapshot
    path = reading.full_path(question.by, "by")
    if question.by == PAGE:
        path = next((each for each in (path, *PATHS) if each in snapshot.properties), path)
    warnings = notice.of_values([path], snapshot.properties)
    values = reading.read(snapshot, [path], None)
    counts = np.zeros(len(values.known), np.int64)
    for index in range(snapshot.shard_count):
        rows, codes = values.among(index)
        seen = np.asarray(snapshot.shard(index).time)[rows] <= span.now
        counts += np.bincount(codes[seen], minlength=len(values.known))
    order = [code for code in np.argsort(-counts, kind="stable").tolist() if counts[code]]
    names = [reading.form(values.known[code]) for code in order[:MOST_VALUES]]
    if len(order) > MOST_VALUES:
        names.append(OTHER)
    rules = _every_step(names, [None] * len(names), question)
    off = len(names) if question.off_map else OFF
    step = np.full(len(values.known) + 1, off, np.uint8)
    for place, code in enumerate(order):
        step[code] = min(place, MOST_VALUES)

    def by_shard(shard: Any) -> np.ndarray:
        found = np.full(len(shard.time), off, np.uint8)
        rows, codes = values.among(shard.index)
        found[rows] = step[codes]
        return found

    return rules, by_shard, warnings


def _indexes(ids: tuple[str, ...] | None, known: Sequence[str], key: str) -> tuple[int, ...] | None:
    if ids is None:
        return None
    for id in ids:
        if id not in known:
            close = nearest(id, known)
            raise QuestionError(
                f"`{key}` names {id!r}, which is no step here.",
                code="step",
                hint=f"Did you mean {close[0]!r}?" if close else f"Steps: {', '.join(known[:12])}.",
                allowed=[*close, *(each for each in known if each not in close)],
            )
    return tuple(known.index(id) for id in ids)
