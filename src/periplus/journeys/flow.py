"""The question `flow`: visits by where they came from and where they went, so that all of it adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError, nearest
from periplus.journeys import chart, entries, labels, notice, reading, tables
from periplus.journeys.map import with_stages
from periplus.journeys.moment import Period, Span, resolve
from periplus.journeys.rules import JourneyRules, StepRule, meanings
from periplus.journeys.shards import each_shard
from periplus.journeys.steps import conditions_of
from periplus.journeys.walk import GOAL, OFF, STATES, Walked, walk
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds

START, OTHER, OFF_MAP = "(start)", "(other)", "(off map)"
ENDS = ("(goal)", "(again)", "(stopped)", "(ended)", "(running)")
"""Where a journey's last visit goes, in the order of the outcomes from GOAL on."""
COUNTS = ("visits", "journeys")
MOST_VALUES = 30
DEFAULT_LAPSE = "30d"


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


Ids = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class FlowQuestion(Question):
    """`{"kind": "flow", "map": "shop"}`, or with `steps` (conditions) or `by` (a property) for the map."""

    title: ClassVar[str] = "a flow question"
    kind: Literal["flow"] = "flow"
    map: str | dict[str, Any] | None = None
    steps: list[Any] | None = None
    by: str | None = None
    lapse: str | None = None
    from_: Ids | None = Field(default=None, alias="from")
    to: Ids | None = None
    top: int | None = Field(default=None, ge=1)
    off_map: bool = False
    unit: Literal["journeys"] = "journeys"
    period: Period | None = None
    now: Any = None
    zone: str | None = None


@dataclass(frozen=True)
class Plan:
    """A flow understood. `nodes` are what rows speak of: (start), the steps, (off map), (other), the ends."""

    rules: JourneyRules
    span: Span
    labels: labels.ByShard
    nodes: tuple[str, ...]
    names: tuple[str, ...]
    leave: tuple[int, ...] | None
    arrive: tuple[int, ...] | None
    asked: Row
    warnings: list[str]


@dataclass(frozen=True)
class Moves:
    """Transitions of a shard's visits, [m] each: `source` and `target` (nodes), `visit` (of the source; of
    the target from (start)), `journey`, and `micros` between the visits, -1 where one of them is an end."""

    source: np.ndarray
    target: np.ndarray
    visit: np.ndarray
    journey: np.ndarray
    micros: np.ndarray

    def of(self, kept: np.ndarray) -> Moves:
        return Moves(
            self.source[kept], self.target[kept], self.visit[kept], self.journey[kept], self.micros[kept]
        )


def plan(question: FlowQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError, NotFoundError, DocumentError."""
    given = [name for name in ("map", "steps", "by") if getattr(question, name) is not None]
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
        by_shard = labels.codes(context.snapshot, [step.rule for step in rules.steps], off)
    ids = tuple(step.id for step in rules.steps)
    asked: Row = {"kind": "flow", given[0]: getattr(question, given[0])}
    if given != ["map"]:
        asked["lapse"] = clock.duration_text(rules.lapse)
    for key, value in (("from", question.from_), ("to", question.to), ("top", question.top)):
        if value is not None:
            asked[key] = list(value) if isinstance(value, tuple) else value
    if question.off_map:
        asked["off_map"] = True
    return Plan(
        rules=rules,
        span=span,
        labels=by_shard,
        nodes=(START, *ids, OFF_MAP, OTHER, *ENDS),
        names=(START, *(step.name for step in rules.steps), OFF_MAP, OTHER, *ENDS),
        leave=_indexes(question.from_, ids, "from"),
        arrive=_indexes(question.to, ids, "to"),
        asked={**asked, "unit": "journeys", **span.document()},
        warnings=warnings,
    )


def answer(question: FlowQuestion, context: Context) -> Result:
    """Transitions with their counts and the median time between the visits."""
    planned = plan(question, context)
    width = len(planned.nodes)

    def work(shard: Any) -> tuple[np.ndarray, np.ndarray, tables.Seconds, np.ndarray, Any]:
        walked = _walk(planned, shard)
        moves = _moves(planned, walked)
        pair = moves.source * width + moves.target
        states = np.bincount(walked.state[np.unique(moves.journey)], minlength=len(STATES))
        if question.top is not None:
            return np.bincount(pair, minlength=width * width), np.zeros(0), _NO_TABLE, states, (moves, pair)
        return (*_counted(pair, moves, width), states, None)

    found = each_shard(context, work)
    visits = np.sum([part[0] for part in found], axis=0)
    states = np.sum([part[3] for part in found], axis=0)
    # From (start) as many first visits as journeys; each other row is of one visit that began.
    begun = int(visits.reshape(width, width)[1:].sum())
    if question.top is None:
        journeys = np.sum([part[1] for part in found], axis=0)
        seconds = tables.added([part[2] for part in found])
    else:
        rest = _beyond(visits, question.top)
        again = [
            _counted(*_with_other(pair, moves, rest, width, _other(planned)), width)
            for *_, (moves, pair) in found
        ]
        visits = np.sum([part[0] for part in again], axis=0)
        journeys = np.sum([part[1] for part in again], axis=0)
        seconds = tables.added([part[2] for part in again])
    rows = [
        {
            "source": planned.nodes[pair // width],
            "target": planned.nodes[pair % width],
            "source_name": planned.names[pair // width],
            "target_name": planned.names[pair % width],
            "visits": int(visits[pair]),
            "journeys": int(journeys[pair]),
            "median_seconds": tables.median(seconds, pair),
        }
        for pair in np.flatnonzero(visits).tolist()
    ]
    totals = {"journeys": int(states.sum()), "visits": begun}
    totals |= {state: int(states[index]) for index, state in enumerate(STATES)}
    return Result(planned.asked, rows, planned.span.now, planned.span.now_from, totals, [], planned.warnings)


_NO_TABLE = tables.Seconds(np.zeros(0, np.int64), np.zeros(0, np.int64))


def _walk(planned: Plan, shard: Any) -> Walked:
    span = planned.span
    return walk(shard, planned.labels(shard), planned.rules, span.now, span.since, span.until)


def _moves(planned: Plan, walked: Walked) -> Moves:
    """The transitions that the question is about: of the chosen visits, from and up to where it says."""
    time, count = np.asarray(walked.shard.time), len(walked.journey)
    span = planned.span
    number = np.arange(count)
    kept = np.ones(count, np.bool_)
    if planned.leave is not None:
        kept &= number >= _first_on(walked, planned.leave, kept)[walked.journey]
    if planned.arrive is not None:
        # Journeys that never get there have no way to it.
        goal = _first_on(walked, planned.arrive, kept)
        kept &= (number <= goal[walked.journey]) & (goal < count)[walked.journey]
    first = kept & ~(_shifted(kept, 1) & _same_journey(walked))
    last = kept & ~_shifted(kept, -1)
    last |= kept & ~_same_journey(walked, ahead=True)
    if span.by == "activity":
        began = time[walked.first] if count else np.zeros(0, np.int64)
        chosen = kept & (began >= span.since) & (began < span.until)
    else:
        moment = walked.begin if span.by == "start" else walked.goal
        when = time[np.maximum(moment, 0)] if len(time) else moment
        chosen = kept & ((moment >= 0) & (when >= span.since) & (when < span.until))[walked.journey]
    node = walked.step.astype(np.int64) + 1
    final = walked.outcome[walked.visits[1:] - 1][walked.journey].astype(np.int64) - GOAL
    following = np.append(node[1:], 0)
    target = np.where(last, len(planned.nodes) - len(ENDS) + final, following)
    gap = np.append(time[walked.first[1:]] - time[walked.last[:-1]], -1) if count else np.zeros(0, np.int64)
    starts, leaves = np.flatnonzero(first & chosen), np.flatnonzero(chosen)
    return Moves(
        np.concatenate((np.zeros(len(starts), np.int64), node[leaves])),
        np.concatenate((node[starts], target[leaves])),
        np.concatenate((starts, leaves)),
        np.concatenate((walked.journey[starts], walked.journey[leaves])),
        np.concatenate((np.full(len(starts), -1, np.int64), np.where(last, -1, gap)[leaves])),
    )


def _same_journey(walked: Walked, ahead: bool = False) -> np.ndarray:
    """bool[v]: whether the visit before (or ahead) is of the same journey."""
    same = np.zeros(len(walked.journey), np.bool_)
    equal = walked.journey[1:] == walked.journey[:-1]
    if ahead:
        same[:-1] = equal
    else:
        same[1:] = equal
    return same


def _shifted(flags: np.ndarray, by: int) -> np.ndarray:
    """The flag of the visit before (by 1) or after (by -1)."""
    moved = np.zeros(len(flags), np.bool_)
    if by > 0:
        moved[1:] = flags[:-1]
    else:
        moved[:-1] = flags[1:]
    return moved


def _first_on(walked: Walked, steps: tuple[int, ...], kept: np.ndarray) -> np.ndarray:
    """int64[j]: each journey's first kept visit on one of some steps; the number of visits where none is."""
    count = len(walked.journey)
    found = np.full(len(walked.begin), count, np.int64)
    here = np.flatnonzero(kept & np.isin(walked.step, steps))
    np.minimum.at(found, walked.journey[here], here)
    return found


def _counted(pair: np.ndarray, moves: Moves, width: int) -> tuple[np.ndarray, np.ndarray, tables.Seconds]:
    """Visits and journeys by pair of nodes, and the table of the times between."""
    visits = np.bincount(pair, minlength=width * width)
    # One number per (journey, pair), so that a journey that goes the same way twice counts once.
    once = np.unique(moves.journey.astype(np.int64) * (width * width) + pair)
    journeys = np.bincount(once % (width * width), minlength=width * width)
    timed = moves.micros >= 0
    return visits, journeys, tables.table(pair[timed], moves.micros[timed])


def _beyond(visits: np.ndarray, top: int) -> np.ndarray:
    """bool per pair: not among the most frequent; of equally frequent ones the first in order stay."""
    order = np.argsort(-visits, kind="stable")
    rest = np.ones(len(visits), np.bool_)
    rest[order[:top]] = False
    return rest


def _with_other(
    pair: np.ndarray, moves: Moves, rest: np.ndarray, width: int, other: int
) -> tuple[np.ndarray, Moves]:
    """The pairs, each rare one split in two: from its source to (other), and from (other) to its target."""
    rare = np.flatnonzero(rest[pair])
    common = np.flatnonzero(~rest[pair])
    every = np.concatenate((common, rare, rare))
    pairs = np.concatenate(
        (pair[common], pair[rare] // width * width + other, other * width + pair[rare] % width)
    )
    return pairs, moves.of(every)


def _other(planned: Plan) -> int:
    """The node `(other)`: that of a flow by a property with many values, else the one of rare pairs."""
    return planned.nodes.index(OTHER)


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
    warnings = (
        []
        if notice.known(path, snapshot.properties)
        else [notice.property_warning(path, snapshot.properties)]
    )
    values = reading.read(snapshot, [path], None)
    counts = np.zeros(len(values.known), np.int64)
    for index in range(snapshot.shard_count):
        seen = np.asarray(snapshot.shard(index).time)[values.rows[index]] <= span.now
        counts += np.bincount(values.codes[index][seen], minlength=len(values.known))
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
        found[values.rows[shard.index]] = step[values.codes[shard.index]]
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


# -- people -------------------------------------------------------------------------------------


def people(question: FlowQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is behind a transition (`{"source": …, "target": …}`): one entry per visit, or per journey."""
    names = ("source_name", "target_name", "median_seconds")
    entries.check_row(row, ("source", "target"), (*names, *COUNTS, *STATES))
    planned = plan(question, context)
    width = len(planned.nodes)
    whole = row.get("source") is None and row.get("target") is None
    entries.check_field(field, (*COUNTS, *STATES) if whole else COUNTS, ("source", "target", *names))
    for key in ("source", "target"):
        if not whole and row.get(key) is None:
            raise QuestionError(
                f"The row lacks its {key!r}.", code="row", hint="A row has a source and a target."
            )
    found = each_shard(context, lambda shard: _shard_moves(planned, shard))
    if whole:
        parts = [_of_all(planned, walked, moves, field) for walked, moves in found]
        return entries.listed([entry for part in parts for entry in part], context)
    source = entries.one_of(row, "source", planned.nodes)
    target = entries.one_of(row, "target", planned.nodes)
    rest = None
    if question.top is not None:
        pairs = [moves.source * width + moves.target for _, moves in found]
        rest = _beyond(
            np.sum([np.bincount(pair, minlength=width * width) for pair in pairs], axis=0), question.top
        )
    listed: list[Row] = []
    for walked, moves in found:
        pair = moves.source * width + moves.target
        if rest is not None:
            pair, moves = _with_other(pair, moves, rest, width, _other(planned))
        listed += _entries(planned, walked, moves.of(np.flatnonzero(pair == source * width + target)), field)
    return entries.listed(listed, context)


def _shard_moves(planned: Plan, shard: Any) -> tuple[Walked, Moves]:
    walked = _walk(planned, shard)
    return walked, _moves(planned, walked)


def _of_all(planned: Plan, walked: Walked, moves: Moves, field: str) -> list[Row]:
    """The totals: every visit that is a source, every journey, or those of one state."""
    if field == "visits":
        return _entries(planned, walked, moves.of(np.flatnonzero(moves.source > 0)), "visits")
    if field != "journeys":
        moves = moves.of(np.flatnonzero(walked.state[moves.journey] == STATES.index(field)))
    return _entries(planned, walked, moves, "journeys")


def _entries(planned: Plan, walked: Walked, moves: Moves, field: str) -> list[Row]:
    time, customers, end = walked.shard.time, walked.shard.customers, walked.end
    if field == "journeys":
        _, first = np.unique(moves.journey, return_index=True)
        moves = moves.of(first)
    listed = []
    for visit, journey in zip(moves.visit.tolist(), moves.journey.tolist(), strict=True):
        entry: Row = {
            "customer": int(customers[walked.customer[journey]]),
            "time": int(time[walked.first[visit]]),
        }
        if field == "journeys":
            entry |= {"start": int(time[walked.begin[journey]]), "end": int(time[end[journey]])}
        else:
            entry |= {"start": entry["time"], "end": int(time[walked.last[visit]])}
            entry["step"] = planned.nodes[walked.step[visit] + 1]
        listed.append(entry)
    return listed


def _chart(found: Answer) -> Any:
    return chart.table(found, ["source_name", "target_name"], COUNTS)


kinds.add("flow", QuestionKind(FlowQuestion, answer, people, _chart))
