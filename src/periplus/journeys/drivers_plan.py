"""A question on drivers understood: who is looked at, until when, and by which features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from periplus import clock
from periplus.condition import Condition
from periplus.errors import QuestionError, unknown
from periplus.journeys import customers, labels, notice, reading
from periplus.journeys.drivers_members import Members, members, whole_lives
from periplus.journeys.fold import chosen
from periplus.journeys.map import with_stages
from periplus.journeys.moment import ALWAYS, Span, resolve
from periplus.journeys.rules import JourneyRules, meanings
from periplus.journeys.steps import condition_of
from periplus.journeys.walk import OFF, Walked, walk
from periplus.question import Context, Row
from periplus.store.snapshot import Shard, Snapshot

if TYPE_CHECKING:
    from periplus.journeys.drivers import DriversQuestion

MOST_CONDITIONS = 30
"""Conditions that features may have together: bits of a mask, beside start and goal."""
MOST_FEATURES = 200
AT_START = ("channel", "context.campaign.name", "context.campaign.medium", "context.device.type",
            "context.location.country", "context.page.path")  # fmt: skip
EARLY = ("properties.category",)
EACH = "each"
KEYS = ("property", "at", "done", "count", "label")
Kind = Literal["start", "early", "each", "done", "count"]


@dataclass(frozen=True)
class Asked:
    """One feature: the value of `path` at the start or the first one early; or what was done early, by the number
    `bit` of its condition (`each`: every event or touchpoint there is)."""

    label: str
    kind: Kind
    path: str = ""
    bit: int = -1
    top: int = 20


@dataclass(frozen=True)
class Plan:
    """A question on drivers understood. `rules` are given where lives are journeys; `step` labels rows with
    touchpoints where a map is named. Durations are microseconds."""

    span: Span
    mask: labels.Masks
    among: customers.Among
    rules: JourneyRules | None
    step: labels.ByShard | None
    names: Sequence[str]
    journeys: bool
    within: int
    early: int
    features: list[Asked]
    conditions: int
    asked: Row
    warnings: list[str]

    def bits(self, shard: Shard) -> np.ndarray:
        """uint32 per row: the conditions it meets; where lives are journeys, only rows on the map meet any."""
        mask = self.mask.of(shard)
        if self.journeys and self.step is not None:
            mask = np.where(self.step(shard) == OFF, np.uint32(0), mask)
        return mask

    def walked(self, shard: Shard) -> Walked | None:
        """The journeys of a shard, where these are what is looked at."""
        if not self.journeys or self.rules is None or self.step is None:
            return None
        span = self.span
        return walk(shard, self.step(shard), self.rules, span.now, span.since, span.until)

    def of(self, shard: Shard) -> tuple[Members, Members]:
        """Those of a shard whose window is over, and those for whom it is not."""
        span, walked = self.span, self.walked(shard)
        since, until = span.since, span.until
        if walked is None:
            lives = whole_lives(shard)
        else:
            _, kept = chosen(walked, span)
            lives = (
                np.where(kept, walked.customer, -1).astype(np.int64),
                walked.begin.astype(np.int64),
                np.where(kept, walked.end, -1).astype(np.int64),  # not of the period: nothing to walk
            )
            since, until = -ALWAYS, ALWAYS
        found = members(
            shard, self.bits(shard), lives,
            since=since, until=until, now=span.now, within=self.within, early=self.early,
        )  # fmt: skip
        asked = self.among(shard)
        if asked is None:
            return found
        over, recent = (part.where(asked[part.begin]) for part in found)
        return over, recent


def plan(question: DriversQuestion, context: Context) -> Plan:
    """Resolve what the question names; raises QuestionError, NotFoundError, DocumentError."""
    rules = None
    if question.map is not None:
        rules = with_stages(meanings["map"](question.map, context.documents))
    journeys = question.unit == "journeys"
    if journeys and rules is None:
        raise QuestionError("Journeys need a map.", code="map", hint='Name it: "map": "shop".')
    snapshot = context.snapshot
    start = condition_of({} if question.of is None else question.of, "of", rules)
    goal = _goal(question, rules)
    within, early = _windows(question, rules)
    span = resolve(question.period, question.now, question.zone, context)
    if span.by != "start":
        raise QuestionError(
            "The period of drivers says when people began.", code="period", hint='Leave out "by".'
        )
    conditions: list[Condition] = []
    features = _features(question.features, rules, conditions, snapshot)
    if len(conditions) > MOST_CONDITIONS:
        raise QuestionError(
            f"{len(conditions)} conditions are too many.",
            code="too_many",
            hint=f'At most {MOST_CONDITIONS} fit; {{"done": "each"}} looks at every event there is.',
        )
    step = (
        None
        if rules is None
        else labels.codes(snapshot, [each.rule for each in rules.steps], when=customers.of_map(span, context))
    )
    warnings = notice.never_seen([start, goal, *conditions], snapshot)
    warnings += notice.of_values([each.path for each in features if each.path], snapshot.properties)
    return Plan(
        span=span,
        mask=labels.masks(snapshot, [start, goal, *conditions], customers.when(span, context)),
        among=customers.among(question, span, context),
        rules=rules,
        step=step,
        names=snapshot.names if rules is None else [each.id for each in rules.steps],
        journeys=journeys,
        within=within,
        early=early,
        features=features,
        conditions=len(conditions),
        asked=question.document()
        | {"within": clock.duration_text(within), "early": clock.duration_text(early)}
        | span.document(),
        warnings=warnings,
    )


def _goal(question: DriversQuestion, rules: JourneyRules | None) -> Condition:
    if question.goal is not None:
        return condition_of(question.goal, "goal", rules)
    if rules is None:
        raise QuestionError(
            "Drivers of what? The goal is missing.", code="missing_key",
            hint='Such as "goal": {"event": "Order Completed"}, or a map, which has a goal.',
        )  # fmt: skip
    found = [rules.steps[place].rule for place in sorted(rules.goal)]
    return Condition.parse({"any": [rule.document() for rule in found if rule is not None]}, where="goal")


def _windows(question: DriversQuestion, rules: JourneyRules | None) -> tuple[int, int]:
    """The time for the goal, and the first part of it that counts as early."""
    lapse = None if rules is None or question.unit != "journeys" else rules.lapse
    within = clock.duration(question.within if question.within is not None else "30d")
    if question.within is None and lapse is not None:
        within = lapse
    early = clock.duration(question.early)
    if early > within:
        raise QuestionError(
            "The early window is longer than the time for the goal.",
            code="early",
            hint='`early` lies inside `within`: such as "early": "1h", "within": "30d".',
        )
    return within, early


def _features(
    asked: Sequence[Any] | None, rules: JourneyRules | None, conditions: list[Condition], snapshot: Snapshot
) -> list[Asked]:
    """The features asked for, or those that shops usually know; their conditions are appended."""
    if asked is None:
        known = snapshot.properties
        usual: list[Any] = [path for path in AT_START if path == "channel" or notice.known(path, known)]
        usual += [{"property": path, "at": "early"} for path in EARLY if notice.known(path, known)]
        asked = [*usual, {"done": EACH}, {"count": {}, "label": "events"}]
    found = [_feature(each, f"features[{place}]", rules, conditions) for place, each in enumerate(asked)]
    seen: set[str] = set()
    for each in found:
        if each.label in seen:
            raise QuestionError(
                f"Two features are called {each.label!r}.",
                code="label",
                hint='Give one a "label" of its own.',
            )
        seen.add(each.label)
    if not found:
        raise QuestionError("There are no features to look at.", code="features", hint='Such as ["channel"].')
    return found


def _feature(document: Any, at: str, rules: JourneyRules | None, conditions: list[Condition]) -> Asked:
    if isinstance(document, str):
        return Asked(document, "start", reading.full_path(document, at))
    example = 'Write a property such as "channel", {"done": {"event": "…"}}, {"count": {"event": "…"}} or {"done": "each"}.'
    if not isinstance(document, Mapping):
        raise QuestionError(f"{at} is {document!r:.60}, which is no feature.", code="value", hint=example)
    for key in document:
        if key not in KEYS:
            message, hint, allowed = unknown("key", str(key), KEYS)
            raise QuestionError(f"{message[:-1]} in {at}.", code="unknown_key", hint=hint, allowed=allowed)
    kinds = [key for key in ("property", "done", "count") if key in document]
    if len(kinds) != 1:
        raise QuestionError(f"{at} needs one of `property`, `done` and `count`.", code="value", hint=example)
    (kind,), label = kinds, document.get("label")
    if label is not None and not isinstance(label, str):
        raise QuestionError(f"{at}: a label is a text, not {label!r:.60}.", code="value")
    if kind == "property":
        return _property(document, at, label)
    if "at" in document:
        raise QuestionError(f"{at}: `at` belongs to a property.", code="value", hint=example)
    if document[kind] == EACH and kind == "done":
        return Asked("", "each")
    condition = condition_of(document[kind], at, rules)
    conditions.append(condition)
    word = "did" if kind == "done" else "times"
    return Asked(
        label or f"{word} {condition.english()}",
        "done" if kind == "done" else "count",
        "",
        len(conditions) + 1,
    )


def _property(document: Mapping[str, Any], at: str, label: str | None) -> Asked:
    name, when = document["property"], document.get("at", "start")
    if not isinstance(name, str):
        raise QuestionError(f"{at}: a property is named by a text.", code="value", hint='Such as "channel".')
    if when not in ("start", "early"):
        message, hint, allowed = unknown("at", str(when), ("start", "early"))
        raise QuestionError(f"{at}: {message}", code="value", hint=hint, allowed=allowed)
    kind: Kind = "start" if when == "start" else "early"
    return Asked(label or (name if kind == "start" else f"early {name}"), kind, reading.full_path(name, at))
