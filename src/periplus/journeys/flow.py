"""The question `flow`: visits by where they came from and where they went, so that all of it adds up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from periplus.errors import QuestionError
from periplus.journeys import chart, entries, tables
from periplus.journeys.apart import told_apart
from periplus.journeys.flow_plan import OTHER, Plan, plan
from periplus.journeys.flow_visits import regrouped
from periplus.journeys.fold import chosen
from periplus.journeys.moment import Period
from periplus.journeys.moves import Counted, Moves, beyond, counted, moves_of, with_other
from periplus.journeys.shards import each_shard
from periplus.journeys.walk import STATES, Walked, walk
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row, kinds
from periplus.store.snapshot import Shard

COUNTS = ("visits", "journeys", "returning")


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
    collapse: bool = True
    unit: Literal["journeys"] = "journeys"
    period: Period | None = None
    now: Any = None
    zone: str | None = None


def answer(question: FlowQuestion, context: Context) -> Result:
    """Transitions with their counts and the median time between the visits."""
    planned = plan(question, context)
    nodes = len(planned.nodes)
    found: list[tuple[Walked, Moves]] = []

    def work(shard: Shard) -> Counted:
        walked, moves = _moves(planned, shard)
        if question.top is not None:  # which pairs are the most frequent is known when all shards are
            found.append((walked, moves))
        return _counted(planned, walked, moves)

    parts = each_shard(context, work)
    begun = sum(part.begun for part in parts)
    states = np.sum([part.states for part in parts], axis=0)
    if question.top is not None:
        parts = [_counted(planned, *each) for each in _within_top(question, planned, found)]
    visits = np.sum([part.visits for part in parts], axis=0)
    journeys = np.sum([part.journeys for part in parts], axis=0)
    returning = np.sum([part.returning for part in parts], axis=0)
    medians = tables.medians([part.seconds for part in parts], nodes * nodes)
    rows = [
        {
            "source": planned.nodes[pair // nodes],
            "target": planned.nodes[pair % nodes],
            "source_name": planned.names[pair // nodes],
            "target_name": planned.names[pair % nodes],
            "visits": int(visits[pair]),
            "journeys": int(journeys[pair]),
            "median_seconds": medians[pair],
            "returning": int(returning[pair]),
            "loop": pair // nodes == pair % nodes,
        }
        for pair in np.flatnonzero(visits).tolist()
    ]
    totals: Row = {"journeys": int(states.sum()), "visits": begun}
    totals |= {state: int(states[index]) for index, state in enumerate(STATES)}
    return Result(planned.asked, rows, planned.span.now, planned.span.now_from, totals, [], planned.warnings)


def _moves(planned: Plan, shard: Shard) -> tuple[Walked, Moves]:
    span = planned.span
    among = planned.among(shard)
    walked = walk(shard, planned.labels(shard), planned.rules, span.now, span.since, span.until, among)
    walked = regrouped(walked, planned.part, planned.collapse)
    visits, _ = chosen(walked, span)
    return walked, moves_of(walked, visits, planned.leave, planned.arrive, len(planned.nodes))


def _counted(planned: Plan, walked: Walked, moves: Moves) -> Counted:
    return counted(walked, moves, len(planned.nodes), len(STATES))


def _within_top(
    question: FlowQuestion, planned: Plan, found: list[tuple[Walked, Moves]]
) -> list[tuple[Walked, Moves]]:
    """The moves, those that are not among the `top` pairs by way of `(other)`.

    That is the node of a property's rare values, where there is one, else a node of its own.
    """
    if question.top is None:
        return found
    nodes, other = len(planned.nodes), planned.nodes.index(OTHER)
    counts = [np.bincount(moves.pair, minlength=nodes * nodes) for _, moves in found]
    rest = beyond(np.sum(counts, axis=0), question.top)
    return [(walked, with_other(moves, rest, nodes, other)) for walked, moves in found]


# -- people -------------------------------------------------------------------------------------


def people(question: FlowQuestion, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
    """Who is behind a transition (`{"source": …, "target": …}`): one entry per visit, or per journey."""
    names = ("source_name", "target_name", "median_seconds", "loop")
    entries.check_row(row, ("source", "target"), (*names, *COUNTS, *STATES))
    planned = plan(question, context)
    whole = row.get("source") is None and row.get("target") is None
    whole_counts = ("visits", "journeys", *STATES)
    entries.check_field(field, whole_counts if whole else COUNTS, ("source", "target", *names))
    for key in ("source", "target"):
        if not whole and row.get(key) is None:
            raise QuestionError(
                f"The row lacks its {key!r}.", code="row", hint="A row has a source and a target."
            )
    found = each_shard(context, lambda shard: _moves(planned, shard))
    if whole:
        parts = [_of_all(planned, walked, moves, field) for walked, moves in found]
        return entries.listed([entry for part in parts for entry in part], context)
    source = entries.one_of(row, "source", planned.nodes)
    pair = source * len(planned.nodes) + entries.one_of(row, "target", planned.nodes)
    listed: list[Row] = []
    for walked, moves in _within_top(question, planned, found):
        of_pair = moves.pair == pair
        if field == "returning":
            of_pair &= moves.returns
        listed += _entries(planned, walked, moves.visit[of_pair], field)
    return entries.listed(listed, context)


def _of_all(planned: Plan, walked: Walked, moves: Moves, field: str) -> list[Row]:
    """The totals: every visit that is a source, every journey, or those of one state."""
    if field == "visits":
        return _entries(planned, walked, moves.visit[moves.pair >= len(planned.nodes)], "visits")
    visit = moves.visit
    if field != "journeys":
        visit = visit[walked.state[walked.journey[visit]] == STATES.index(field)]
    return _entries(planned, walked, visit, "journeys")


def _entries(planned: Plan, walked: Walked, visits: np.ndarray, field: str) -> list[Row]:
    """One entry per visit given, or per journey of theirs."""
    time, customers, end = walked.shard.time, walked.shard.customers, walked.end
    if field == "journeys":
        _, first = np.unique(walked.journey[visits], return_index=True)
        visits = visits[first]
    listed = []
    for visit in visits.tolist():
        journey = walked.journey[visit]
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
    return chart.table(found, ["source_name", "target_name"], ("visits", "journeys"))


kinds.add("flow", told_apart(QuestionKind(FlowQuestion, answer, people, _chart, customers=True)))
