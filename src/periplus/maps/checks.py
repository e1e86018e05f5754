"""What must hold in a map beyond its shape: a list of small named rules, run when it is parsed.

Running code never meets a missing step, an unreadable rule or a journey that cannot open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from periplus import clock
from periplus.condition import Condition
from periplus.errors import DocumentError, PeriplusError, unknown

if TYPE_CHECKING:  # the model calls these rules; only the annotation points back
    from periplus.maps.model import MapDocument

MOST_STEPS = 200
ORDINALS = ("goal", "start", "restart")


def unique_ids(map: MapDocument) -> None:
    seen: dict[str, str] = {}
    for stage in map.stages:
        for step in stage.steps:
            if step.id in seen:
                raise DocumentError(
                    f"Two steps have the id {step.id!r}, in {seen[step.id]!r} and in {stage.name!r}.",
                    code="map.duplicate",
                    hint="Give one of them an `id` of its own.",
                )
            seen[step.id] = stage.name


def unique_stages(map: MapDocument) -> None:
    names = [stage.name for stage in map.stages]
    for name in names:
        if names.count(name) > 1:
            raise DocumentError(
                f"Two stages are called {name!r}.", code="map.duplicate", hint="Rename one, or join them."
            )


def few_enough(map: MapDocument) -> None:
    if len(map.steps) > MOST_STEPS:
        raise DocumentError(
            f"The map has {len(map.steps)} steps, more than {MOST_STEPS}.",
            code="map.size",
            hint="Join steps that mean the same to a customer; one rule may list several events.",
        )


def known_steps(map: MapDocument) -> None:
    ids = [step.id for step in map.steps]
    for key in ORDINALS:
        for id in getattr(map, key) or ():
            if id not in ids:
                message, hint, allowed = unknown("step", id, ids)
                raise DocumentError(
                    f"`{key}`: {message[0].lower()}{message[1:]}",
                    code="map.reference",
                    hint=hint,
                    allowed=allowed,
                )


def known_stages(map: MapDocument) -> None:
    names = [stage.name for stage in map.stages]
    for lane in map.lanes:
        for card in lane.cards:
            if card.stage not in names:
                message, hint, allowed = unknown("stage", card.stage, names)
                raise DocumentError(
                    f"Lane {lane.name!r}: {message[0].lower()}{message[1:]}",
                    code="map.reference",
                    hint=hint,
                    allowed=allowed,
                )


def readable_lapse(map: MapDocument) -> None:
    try:
        lapse = clock.duration(map.lapse)
    except PeriplusError as problem:
        raise DocumentError(f"`lapse`: {problem.message}", code="duration", hint=problem.hint) from None
    if lapse <= 0:
        raise DocumentError("`lapse` is longer than nothing.", code="duration", hint="The usual is '30d'.")


def something_starts(map: MapDocument) -> None:
    if not map.start_steps:
        raise DocumentError(
            "No step can open a journey: up to the goal's stage the shop initiates them all.",
            code="map.start",
            hint="Name the steps that open one under `start`, or say `initiator: customer`.",
        )


def readable_rules(map: MapDocument) -> None:
    for step in map.steps:
        if step.rule is None:
            continue
        for key in _references(step.rule):
            raise DocumentError(
                f"The rule of step {step.id!r} refers to a {key} of a map.",
                code="map.rule",
                hint="Steps are what such words mean; write the rule with `event:` and `where:`.",
            )
        condition(step.id, step.rule)


def condition(id: str, rule: Mapping[str, Any]) -> Condition:
    """The rule of step `id`, parsed; raises DocumentError that names the step."""
    try:
        return Condition.parse(rule, where=f"rule of step {id!r}")
    except PeriplusError as problem:
        message = problem.message if id in problem.message else f"Step {id!r}: {problem.message}"
        raise DocumentError(message, code=problem.code, hint=problem.hint, allowed=problem.allowed) from None


def _references(rule: object) -> Iterator[str]:
    """`touchpoint` and `stage` as keys of a condition; under `where` they are properties like any other."""
    if isinstance(rule, Mapping):
        for key, value in rule.items():
            if key in ("touchpoint", "stage"):
                yield key
            elif key in ("all", "any", "not"):
                yield from _references(value)
    elif isinstance(rule, list | tuple):
        for part in rule:
            yield from _references(part)


RULES: Sequence[Callable[[MapDocument], None]] = (
    unique_ids,
    unique_stages,
    few_enough,
    known_steps,
    known_stages,
    readable_lapse,
    something_starts,
    readable_rules,
)


def depth(value: object, limit: int = 40) -> None:
    """Refuse a document nested so deep that walking it could exhaust the stack."""
    level: list[object] = [value]
    for _ in range(limit):
        level = [
            child
            for part in level
            if isinstance(part, Mapping | list | tuple)
            for child in (part.values() if isinstance(part, Mapping) else part)
        ]
        if not level:
            return
    raise DocumentError(
        f"The map is nested deeper than {limit} levels.", hint="Check that it is the right document."
    )


def told(problem: ValidationError, model: type[BaseModel], raw: Mapping[str, Any]) -> DocumentError:
    """The first of pydantic's findings as one plain sentence with its place and the nearest right word."""
    problems = problem.errors(include_url=False)
    # an id is missing only because the name is: say that of the name
    found = next((one for one in problems if one["loc"][-1:] != ("id",)), problems[0])
    location = [part for part in found["loc"] if part not in ("dict[str,any]",)]
    where = _place(location, raw)
    match found["type"]:
        case "extra_forbidden":
            message, hint, allowed = unknown("key", str(location[-1]), _keys(model, location[:-1]))
            return DocumentError(f"{where}: {message}" if where else message, hint=hint, allowed=allowed)
        case "missing":
            key = str(location[-1])
            return DocumentError(
                f"{where or 'The map'} has no `{key}`.", hint=_HINTS.get(key, f"Add `{key}:`.")
            )
        case "literal_error":
            text = str(found["input"])
            options = [
                str(word).strip("' ") for word in found["ctx"]["expected"].replace(" or ", ",").split(",")
            ]
            message, hint, allowed = unknown(str(location[-1]), text, options)
            return DocumentError(f"{where}: {message}" if where else message, hint=hint, allowed=allowed)
    key = next((str(part) for part in reversed(location) if isinstance(part, str)), "the map")
    said = _SAID.get(found["type"], found["msg"][0].lower() + found["msg"][1:])
    return DocumentError(
        f"{where + ': ' if where else ''}`{key}` is {_shown(found['input'])}, {said}.",
        hint=_HINTS.get(key, "See docs/maps.md for what belongs there."),
    )


_SAID = {
    "string_type": "not a text",
    "bool_type": "not true or false",
    "tuple_type": "not a list",
    "dict_type": "not a set of keys",
    "model_type": "not a set of keys",
    "string_pattern_mismatch": "not of the form that belongs there",
    "string_too_short": "empty",
    "too_short": "empty",
    "string_too_long": "too long",
    "too_long": "too long",
}
_HINTS = {
    "goal": "Name the id of the step that is the goal, such as `goal: [order]`.",
    "stages": "A map has `stages`, each with a `name` and `steps`.",
    "steps": "A stage has `steps`, each with a `name` and, where it is measured, a `rule`.",
    "name": "Give it a `name`: what people call it. Put quotes around one that looks like a number.",
    "id": "Give it an `id` of letters, digits, `-`, `_` and `.`; left out, it is the name in kebab case.",
    "color": "A colour is written '#5B7FDE', in quotes.",
    "currency": "Use an ISO 4217 code such as EUR.",
    "rule": "A rule is a condition, such as {event: Product Added}.",
    "lapse": "Write a duration such as '30d'.",
    "prolongs": "Say true or false.",
    "optional": "Say true or false.",
}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _place(location: Sequence[int | str], raw: object) -> str:
    """'Stage 2 'Intent', step 1 'Cart'' for ('stages', 1, 'steps', 0, …)."""
    parts: list[str] = []
    here: Any = raw
    key = ""
    for part, following in zip(location, [*location[1:], None], strict=True):
        if isinstance(here, Mapping):
            here = here.get(part)
        elif isinstance(part, int) and isinstance(here, list | tuple) and part < len(here):
            here = here[part]
        else:
            break
        if isinstance(part, int) and following is not None and isinstance(here, Mapping):
            label = here.get("name", here.get("id"))
            parts.append(f"{key.removesuffix('s')} {part + 1}{'' if label is None else ' ' + _shown(label)}")
        key = str(part)
    text = ", ".join(parts)
    return text[:1].upper() + text[1:]


def _keys(model: type[BaseModel], location: Sequence[int | str]) -> list[str]:
    """The keys that a place of the document may have."""
    for part in location:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return list(model.model_fields)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
