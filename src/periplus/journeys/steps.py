"""The steps a question lists: conditions, or places of the map it names, with what belongs to them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from periplus import clock
from periplus.condition import Condition
from periplus.condition.tree import key_order
from periplus.errors import QuestionError, nearest, unknown
from periplus.journeys.rules import JourneyRules

MOST_SESSIONS = 1_000_000


@dataclass(frozen=True)
class Window:
    """How much later an event may be: in microseconds, or in sessions (1: the same session)."""

    micros: int | None = None
    sessions: int | None = None

    def written(self) -> str | dict[str, int]:
        """As a question says it."""
        if self.micros is None:
            return {"sessions": self.sessions or 1}
        return clock.duration_text(self.micros)


@dataclass(frozen=True)
class Asked:
    """One step as a question lists it: an event meets it if it meets the condition (None: any event does)
    and is on one of the map's steps `on` (None: wherever it is). `within` is its own window."""

    label: str
    condition: Condition | None
    on: tuple[int, ...] | None
    optional: bool
    within: Window | None
    document: Mapping[str, Any]


def steps_of(documents: Sequence[Any], rules: JourneyRules | None) -> list[Asked]:
    """The steps of a funnel; raises QuestionError that names the step and the word."""
    return [_step(document, f"steps[{index}]", rules) for index, document in enumerate(documents)]


def conditions_of(documents: Sequence[Any], where: str) -> list[tuple[str | None, Condition]]:
    """Conditions with their labels, where a step is nothing more."""
    found = []
    for index, document in enumerate(documents):
        at = f"{where}[{index}]"
        _check_keys(document, at, ("label",))
        rest = {key: value for key, value in document.items() if key != "label"}
        found.append((_label(document, at), Condition.parse(rest, where=at)))
    if not found:
        raise QuestionError(
            "A flow needs steps.", code="steps", hint='Such as [{"event": "Product Viewed"}, …].'
        )
    return found


def condition_of(document: Mapping[str, Any], at: str, rules: JourneyRules | None) -> Condition:
    """A condition, with the touchpoints and stages it names replaced by the rules of the map."""
    condition = Condition.parse(document, where=at)
    if rules is None or not condition.references():
        return condition

    def rule(kind: str, name: str) -> Condition | None:
        if kind == "touchpoint":
            return rules.steps[_index(name, rules, at)].rule
        if name not in rules.stages:
            message, hint, allowed = unknown("stage", name, rules.stages)
            raise QuestionError(f"{at}: {message}", code="step", hint=hint, allowed=allowed)
        inside = [step.rule for step in rules.steps if step.stage == name and step.rule is not None]
        return Condition.parse({"any": [each.document() for each in inside]}) if inside else None

    return condition.resolve(rule)


def _step(document: Any, at: str, rules: JourneyRules | None) -> Asked:
    own = ("step", "label", "optional", "within")
    _check_keys(document, at, own)
    rest = {key: value for key, value in document.items() if key not in own}
    optional = document.get("optional", False)
    if not isinstance(optional, bool):
        raise QuestionError(f"{at}: `optional` is true or false, not {optional!r}.", code="value")
    on = None
    if "step" in document:
        if rules is None:
            raise QuestionError(
                f"{at}: a step of a map needs the map.", code="map", hint='Name it: "map": "shop".'
            )
        ids = document["step"] if isinstance(document["step"], list | tuple) else [document["step"]]
        if not ids:
            raise QuestionError(
                f"{at}: `step` names no step.", code="step", hint="Name one or more ids of steps."
            )
        on = tuple(_index(id, rules, at) for id in ids)
    condition = None if on is not None and not rest else condition_of(rest, at, rules)
    label = _label(document, at)
    if label is None:
        places = " or ".join(rules.steps[index].name for index in on) if on is not None and rules else ""
        label = " and ".join(part for part in (places, condition.english() if condition else "") if part)
    within = document.get("within")
    own_window = None if within is None else window(within, f"{at}.within")
    return Asked(label, condition, on, optional, own_window, dict(document))


def window(value: Any, at: str) -> Window:
    """A window as a question says it: a duration, or `{"sessions": n}`; raises QuestionError."""
    if not isinstance(value, Mapping):
        return Window(micros=clock.duration(value))
    count = value.get("sessions")
    if list(value) != ["sessions"] or not isinstance(count, int) or isinstance(count, bool):
        raise QuestionError(
            f"{at} is {dict(value)!r:.60}, which is no window.",
            code="window",
            hint="Write a duration such as '14d', or a number of sessions: {\"sessions\": 2}.",
        )
    if not 1 <= count <= MOST_SESSIONS:
        raise QuestionError(
            f"{at} is {count} sessions.",
            code="window",
            hint="1 is the session of the event before, 2 that and the next one; "
            f"more than {MOST_SESSIONS:,} make no difference.",
        )
    return Window(sessions=count)


def meant_event(document: Any) -> str:
    """The hint to what is no condition: a text was meant as an event's name."""
    name = document[:60] if isinstance(document, str) and document.strip() else "…"
    return f'Write {{"event": {json.dumps(name, ensure_ascii=False)}}}.'


def _check_keys(document: Any, at: str, own: Sequence[str]) -> None:
    if not isinstance(document, Mapping):
        raise QuestionError(
            f"{at} is {document!r:.60}, which is no condition.", code="value", hint=meant_event(document)
        )
    known = [*own, *key_order()]
    for key in document:
        if key not in known:
            message, hint, allowed = unknown("key", str(key), known)
            raise QuestionError(f"{message[:-1]} in {at}.", code="unknown_key", hint=hint, allowed=allowed)


def _label(document: Mapping[str, Any], at: str) -> str | None:
    label = document.get("label")
    if label is not None and not isinstance(label, str):
        raise QuestionError(f"{at}: a label is a text, not {label!r}.", code="value")
    return label


def _index(id: Any, rules: JourneyRules, at: str) -> int:
    ids = [step.id for step in rules.steps]
    if id in ids:
        return ids.index(id)
    close = nearest(str(id), ids)
    raise QuestionError(
        f"{at}: {id!r} is no step of the map.",
        code="step",
        hint=f"Did you mean {close[0]!r}?" if close else f"Its steps: {', '.join(ids[:12])}.",
        allowed=[*close, *(each for each in ids if each not in close)],
    )
