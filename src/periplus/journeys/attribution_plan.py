"""An attribution understood: which events are touches and goals, what is credited, by which models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError, unknown
from periplus.journeys import customers, labels, notice, reading
from periplus.journeys.amounts import Amounts, amounts
from periplus.journeys.attribution_groups import TOUCHPOINT, Groups, groups
from periplus.journeys.attribution_said import Said, said_of
from periplus.journeys.map import with_stages
from periplus.journeys.moment import Span, resolve
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.steps import condition_of
from periplus.question import Context, Row

if TYPE_CHECKING:
    from periplus.journeys.attribution import AttributionQuestion

MARKOV = "markov"
ALL_MODELS = ("first", "last", "last_non_direct", "linear", "position", "time_decay", MARKOV, "shapley")
SPEND_KEYS = ("of", "amount", "by")


@dataclass(frozen=True)
class Spend:
    """Events whose number at `path` was spent on the group that they name at `by`."""

    of: Condition
    path: str
    by: str


@dataclass(frozen=True)
class Plan:
    """An attribution question understood; durations in microseconds, `value` the worth of goals (None: not asked)."""

    span: Span
    mask: labels.Masks
    among: customers.Among
    groups: Groups
    models: tuple[str, ...]
    lookback: int
    weights: tuple[float, float, float]
    half_life: int
    order: int
    players: int
    value: Amounts | None
    spend: Spend | None
    said: Said | None
    answers: labels.Masks | None
    asked: Row
    warnings: list[str]


def plan(question: AttributionQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError, NotFoundError."""
    rules = None
    if question.map is not None:
        rules = with_stages(meanings["map"](question.map, context.documents))
    touches = condition_of(question.touches, "touches", rules)
    goal = condition_of(question.goal, "goal", rules)
    models = _models(question.models)
    by = _by(question.by, rules)
    spend = None if question.spend is None else _spend(question.spend, question.by, rules)
    said = said_of(question.said, rules)
    value = None if question.value is None else reading.full_path(question.value, "value")
    span = resolve(question.period, question.now, question.zone, context)
    if span.by == "activity":
        raise QuestionError(
            "An attribution's period says when the conversions were.", code="period", hint='Leave out "by".'
        )
    lookback = clock.duration(question.lookback)
    half_life = clock.duration(question.half_life)
    if half_life == 0:
        raise QuestionError("A half-life of nothing halves nothing.", code="half_life", hint="Such as '7d'.")
    snapshot = context.snapshot
    conditions = [touches, goal, *([spend.of] if spend else []), *([said.of] if said else [])]
    warnings = notice.never_seen(conditions, snapshot)
    named = [path for path in (by, value, said.path if said else None) if path not in (None, TOUCHPOINT)]
    warnings += notice.of_values(named, snapshot.properties)
    asked = question.document() | {"models": list(models)} | span.document()
    return Plan(
        span=span,
        mask=labels.masks(snapshot, [touches, goal], customers.when(span, context)),
        among=customers.among(question, span, context),
        groups=groups(by, touches, rules, snapshot, customers.of_map(span, context)),
        models=models,
        lookback=lookback,
        weights=_weights(question.weights),
        half_life=half_life,
        order=question.markov_order,
        players=question.groups,
        value=None if value is None else amounts(snapshot, goal, value),
        spend=spend,
        said=said,
        answers=labels.masks(snapshot, [said.of], customers.when(span, context)) if said else None,
        asked=asked,
        warnings=warnings,
    )


def _models(named: list[Any]) -> tuple[str, ...]:
    if not named:
        raise QuestionError(
            "An attribution needs a model.", code="models", hint=f"Some of: {', '.join(ALL_MODELS)}."
        )
    for name in named:
        if name not in ALL_MODELS:
            message, hint, allowed = unknown("model", str(name), ALL_MODELS)
            raise QuestionError(message, code="models", hint=hint, allowed=allowed)
    return tuple(dict.fromkeys(named))


def _by(name: str, rules: JourneyRules | None) -> str:
    if name != TOUCHPOINT:
        return reading.full_path(name, "by")
    if rules is None:
        raise QuestionError(
            "Touchpoints are steps of a map, and no map is named.", code="map", hint='Add "map": "shop".'
        )
    return TOUCHPOINT


def _weights(asked: list[Any]) -> tuple[float, float, float]:
    numbers = [float(each) for each in asked if isinstance(each, int | float) and not isinstance(each, bool)]
    if len(numbers) != len(asked) or len(numbers) != 3 or min(numbers) < 0 or abs(sum(numbers) - 1) > 1e-9:
        raise QuestionError(
            f"The weights are {asked!r:.80}.",
            code="weights",
            hint="Write three numbers that add up to 1, for the first touch, those between and the last: [0.4, 0.2, 0.4].",
        )
    return numbers[0], numbers[1], numbers[2]


def _spend(document: Any, by: str, rules: JourneyRules | None) -> Spend:
    example = 'Such as {"of": {"event": "Ad Spend Recorded"}, "amount": "cost"}.'
    if not isinstance(document, Mapping):
        raise QuestionError(f"spend is {document!r:.60}, which is no object.", code="value", hint=example)
    for key in document:
        if key not in SPEND_KEYS:
            message, hint, allowed = unknown("key", str(key), SPEND_KEYS)
            raise QuestionError(f"{message[:-1]} in spend.", code="unknown_key", hint=hint, allowed=allowed)
    amount, named = document.get("amount"), document.get("by", by)
    if "of" not in document or not isinstance(amount, str) or not isinstance(named, str):
        lacks = "of" if "of" not in document else "by" if isinstance(amount, str) else "amount"
        raise QuestionError(f"spend needs its {lacks!r}.", code="missing_key", hint=example)
    return Spend(
        condition_of(document["of"], "spend.of", rules),
        reading.full_path(amount, "spend.amount"),
        reading.full_path(named, "spend.by"),
    )
