"""A question out of an address and back: by the controls of its kind, as JSON, or the usual one of a fresh page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from periplus.errors import PeriplusError
from periplus.question import Answer
from periplus.web.documents import document
from periplus.web.explore.controls import Control
from periplus.web.explore.explorer import Explorer
from periplus.web.explore.offered import Offered
from periplus.web.page import compact
from periplus.web.period import Period

PLAIN = (str, int, float, bool)
Ask = Callable[[Mapping[str, Any]], Answer]


def question_of(
    kind: str, explorer: Explorer, params: QueryParams, offered: Offered, ask: Ask
) -> dict[str, Any] | None:
    """The question an address asks; None where it asks for none and there is nothing yet to ask about."""
    if params.get("question", "").strip():
        return document(params["question"])
    if not any(control.named(name) for name in params for control in explorer.every):
        usual = explorer.usual(offered, ask)
        return None if usual is None else Period.of(params).put({"kind": kind, **usual})
    covered = _covered(explorer)
    extra = document(params["extra"]) if params.get("extra") else {}
    question: dict[str, Any] = {key: value for key, value in extra.items() if key not in covered}
    question["kind"] = kind
    for control in explorer.every:
        question |= control.read(params, offered)
    missing = [key for key in explorer.needed if key not in question]
    if missing and (usual := explorer.usual(offered, ask)) is not None:
        question |= {key: usual[key] for key in ("map", *missing) if key in usual and key not in question}
    return question


def extra_of(explorer: Explorer, question: Mapping[str, Any]) -> dict[str, Any]:
    """What the controls cannot say; it travels along as it is."""
    covered = _covered(explorer)
    return {key: value for key, value in question.items() if key != "kind" and key not in covered}


def sayable(explorer: Explorer, question: Mapping[str, Any]) -> bool:
    """Whether the sentence can show a question at all, right or wrong."""
    return all(key in question for key in explorer.needed) and all(
        _fits(control, key, question[key])
        for control in explorer.every
        for key in control.covers
        if question.get(key) is not None
    )


def _fits(control: Control, key: str, value: Any) -> bool:
    """Whether a control can show a value of the question: of the shape it writes, and nothing deeper."""
    if control.sort in ("steps", "series") and key == control.key:
        return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
    if control.sort == "several":
        return isinstance(value, list) and all(isinstance(each, PLAIN) for each in value)
    if control.sort == "exclusions":
        return isinstance(value, list) and all(isinstance(each, dict) for each in value)
    if control.sort == "ticked":
        return isinstance(value, list)
    if control.sort == "listed":
        return isinstance(value, list) and all(isinstance(each, (*PLAIN, list)) for each in value)
    if control.sort in ("coded", "compared"):
        return True
    if control.sort in ("happened", "spend", "told", "sessions") or key == "period":
        return isinstance(value, dict)
    return isinstance(value, PLAIN)


def address(explorer: Explorer, path: str, question: Mapping[str, Any]) -> str:
    """The address of a question, as the page shows it in the browser: to be sent to others, and kept."""
    pairs = [pair for control in explorer.every for pair in control.pairs(question)]
    if extra := extra_of(explorer, question):
        pairs.append(("extra", compact(extra)))
    return f"{path}?{urlencode(pairs)}" if pairs else path


def pieces(explorer: Explorer, question: Mapping[str, Any], offered: Offered) -> list[Any]:
    """The sentence: texts, and between them what each control needs to be drawn."""
    by_key = {control.key: control for control in explorer.controls}
    found: list[Any] = []
    for words, key, _format, _conversion in Formatter().parse(explorer.sentence()):
        if words:
            found.append(words)
        if key is not None:
            control = by_key[key]
            view = control.view(question, offered)
            found.append({"sort": control.sort, "key": key, "hidden": [], "problem": None, **view})
    return found


def folded(explorer: Explorer, question: Mapping[str, Any], offered: Offered) -> list[dict[str, Any]]:
    """The controls under the sentence, as drawing them needs it; `set`: the question says something by it."""
    return [
        {
            "sort": control.sort, "key": control.key, "hidden": [], "problem": None,
            "set": any(question.get(key) is not None for key in control.covers),
            **control.view(question, offered),
        }
        for control in explorer.more
    ]  # fmt: skip


def place_of(problem: PeriplusError, explorer: Explorer) -> str | None:
    """The control a problem is about: its error says so by its code, or by the word it begins with."""
    message = problem.message.lower().removeprefix("unknown ").lstrip("'\"`")
    also = {
        "period": ("period", "now", "time"),
        "steps": ("steps", "step", "funnel", "timing"),
        "unit": ("unit", "map", "not_found"),
        "map": ("map", "not_found"),
        "between": ("map", "not_found", "flow"),
    }
    for control in explorer.every:
        names = {control.key, *control.covers, *also.get(control.key, ())}
        if problem.code in names or any(message.startswith((name, f"the {name}")) for name in names):
            return control.key
    return None


def _covered(explorer: Explorer) -> set[str]:
    return {key for control in explorer.every for key in control.covers}


def whole(path: str, question: Mapping[str, Any]) -> str:
    """The address of a question that has its JSON in it."""
    return f"{path}?{urlencode([('question', compact(question))])}"
