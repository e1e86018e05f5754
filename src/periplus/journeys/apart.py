"""A question told apart by its customers: by segment, or by a trait, whatever its kind.

`"breakdown": "segment.vip"` of a kind that knows no breakdown of its own asks the same question once of each part of
the customers, with a condition beside `customers`; the parts exclude each other and leave nobody out. Customers are
looked at as `customers` looks at them: as of the start of the journey, session or path, of the event, of now. So what
is counted once is in one part, and the parts add up to the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from periplus.errors import QuestionError, nearest
from periplus.journeys import notice, reading
from periplus.journeys.breakdown import OTHER
from periplus.journeys.segment_values import ROOT as SEGMENT
from periplus.journeys.trait_values import TRAITS, TraitValues
from periplus.question import Answer, Context, Question, QuestionKind, Result, Row

MOST_VALUES = 20
"""Values of a trait with a part of their own, as each is a question; the rest are `(other)`."""


@dataclass(frozen=True)
class Part:
    """One part of the customers: the value that its rows show, and the condition that says who is in it."""

    value: Any
    condition: dict[str, Any]


def told_apart(kind: QuestionKind) -> QuestionKind:
    """A kind that can also be asked with a `breakdown` by segment or trait."""

    def answer(question: Any, context: Context) -> Result:
        if question.breakdown is None:
            return kind.answer(question, context)
        parts, said = _parts(question, context)
        whole = kind.answer(_of(question, None), context)
        rows: list[Row] = []
        stages: list[Row] = []
        warnings = [*whole.warnings, *said]
        for part in parts:
            found = kind.answer(_of(question, part), context)
            rows += [{"breakdown": part.value, **row} for row in found.rows]
            stages += [{"breakdown": part.value, **row} for row in found.stages]
            warnings += [each for each in found.warnings if each not in warnings]
        asked = whole.question | {"breakdown": question.breakdown}
        return replace(whole, question=asked, rows=rows, stages=stages, warnings=warnings)

    def people(question: Any, row: Mapping[str, Any], field: str, context: Context) -> list[Row]:
        if question.breakdown is None:
            return kind.people(question, row, field, context)
        inner = {key: value for key, value in row.items() if key != "breakdown"}
        if "breakdown" not in row:  # a number of the totals, which are of all together
            return kind.people(_of(question, None), inner, field, context)
        parts, _ = _parts(question, context)
        return kind.people(_of(question, _named(parts, row["breakdown"])), inner, field, context)

    return replace(kind, answer=answer, people=people, chart=_beside(kind.chart), breakdown=True)


def _of(question: Question, part: Part | None) -> Question:
    """The same question of one part of its customers (None: of all)."""
    customers = question.customers
    if part is not None:
        customers = part.condition if customers is None else {"all": [customers, part.condition]}
    return question.model_copy(update={"breakdown": None, "customers": customers})


def _parts(question: Question, context: Context) -> tuple[list[Part], list[str]]:
    """The parts of the customers, which exclude each other and are everybody; and what to warn of."""
    name = question.breakdown or ""
    if name.startswith(SEGMENT):
        condition = {"segment": name.removeprefix(SEGMENT)}
        return [Part(True, condition), Part(False, {"not": condition})], []
    if name.startswith(TRAITS):
        return _of_trait(name, context)
    known = [
        *(f"{SEGMENT}{each}" for each in context.names("segment")),
        *(path for path in context.snapshot.properties if path.startswith(TRAITS)),
    ]
    close = nearest(name.rpartition(".")[2], [each.rpartition(".")[2] for each in known])
    listed = [each for each in known if each.rpartition(".")[2] in close] or known[:12]
    raise QuestionError(
        f"A question of the kind {question.kind} is split by what customers are, not by {name!r:.80}.",
        code="breakdown",
        hint='Write "segment.NAME" or "traits.NAME"; funnels, timings and trends are split by properties of events too.',
        allowed=listed,
    )


def _of_trait(path: str, context: Context) -> tuple[list[Part], list[str]]:
    """A part for each of the most frequent values of a trait, for the others, and for those without it."""
    trait = path.removeprefix(TRAITS)
    values = TraitValues(path, context)
    often: Counter[str] = values.often()
    names = sorted(often, key=lambda form: (-often[form], form))
    shown = {reading.form(value): value for value in values.known}
    listed, warnings = names[:MOST_VALUES], []
    parts: list[Part] = []
    for place, form in enumerate(listed):
        # A list of values meets several of them: the first one takes it.
        before = [{"not": {"trait": {trait: {"in": listed[:place]}}}}] if place else []
        parts.append(Part(shown[form], {"all": [{"trait": {trait: {"eq": form}}}, *before]}))
    among: list[dict[str, Any]] = [{"not": {"trait": {trait: {"in": listed}}}}] if listed else []
    if len(names) > MOST_VALUES:
        parts.append(Part(OTHER, {"all": [{"trait": {trait: {"exists": True}}}, *among]}))
        warnings.append(
            f"The breakdown has {len(names)} values; {len(names) - MOST_VALUES} of them are together in {OTHER}."
        )
        among.append({"trait": {trait: {"exists": False}}})
    parts.append(Part(None, {"all": among} if among else {"trait": {trait: {"exists": False}}}))
    known = context.snapshot.properties
    return parts, warnings if often or notice.known(path, known) else [notice.property_warning(path, known)]


def _named(parts: list[Part], value: Any) -> Part:
    """The part a row names; values by their text form, so that "7" opens the row 7."""
    for part in parts:
        if value is None or part.value is None:
            if value is part.value:
                return part
        elif reading.form(value) == reading.form(part.value):
            return part
    raise QuestionError(
        f"The breakdown has no value {value!r:.60}.",
        code="row",
        hint="Name the row as the answer has it.",
        allowed=["null" if part.value is None else reading.form(part.value) for part in parts],
    )


def _beside(drawn: Callable[[Answer], Any]) -> Callable[[Answer], Any]:
    """The chart of a kind, of each part by itself, one under the other."""

    def chart(found: Answer) -> Any:
        name = found.question.get("breakdown")
        if name is None:
            return drawn(found)
        import altair

        asked = {key: value for key, value in found.question.items() if key != "breakdown"}
        values = list(dict.fromkeys(row["breakdown"] for row in found.rows))
        return altair.vconcat(
            *(
                drawn(
                    replace(
                        found,
                        question=asked,
                        rows=[row for row in found.rows if row["breakdown"] == value],
                        stages=[row for row in found.stages if row["breakdown"] == value],
                    )
                ).properties(title=f"{name}: {value}")
                for value in values
            )
        )

    return chart
