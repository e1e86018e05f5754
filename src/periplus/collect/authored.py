"""Documents people write by hand for this area, read and judged alike: vocabulary, tracking plan.

A document is a dict, a YAML text or a file. What is wrong with it is told in one sentence, with its place
and the nearest right word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from periplus import yaml_text
from periplus.errors import DocumentError, unknown

Name = Annotated[str, Field(min_length=1, max_length=200)]
Note = Annotated[str, Field(max_length=4000)]
Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(
        lambda value: (
            (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value
        )
    ),
]
"""A list of names; one may be written without its brackets."""


class Part(BaseModel):
    """A part of a document: frozen, and strict about its keys and their kinds."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Document = TypeVar("Document", bound=Part)


def parsed(model: type[Document], document: Mapping[str, Any] | str | Path, what: str, page: str) -> Document:
    """The document as `model`; raises DocumentError that says where it is wrong. `page` explains every key."""
    if isinstance(document, Path):
        document = _text(document, what)
    if isinstance(document, str):
        document = yaml_text.read(document, what)
    if not isinstance(document, Mapping):
        raise DocumentError(f"A {what} is a YAML document with keys, and this is not.", hint=f"See {page}.")
    try:
        return model.model_validate(dict(document))
    except ValidationError as problem:
        raise _told(problem, model, what, page) from None
    except RecursionError:
        raise DocumentError(f"The {what} is nested too deep.", hint=f"See {page}.") from None


def _text(path: Path, what: str) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise DocumentError(
            f"The {what} {path} cannot be read: {problem.strerror}.", hint="Check the path."
        ) from None
    except UnicodeDecodeError:
        raise DocumentError(f"The {what} {path} is no text in UTF-8.", hint="Save it as UTF-8.") from None


def _told(problem: ValidationError, model: type[BaseModel], what: str, page: str) -> DocumentError:
    errors = problem.errors(include_url=False)
    # an unknown key says more than what else is wrong because of it
    error = next((row for row in errors if row["type"] == "extra_forbidden"), errors[0])
    place = [part for part in error["loc"] if part != "[key]"]
    where = ".".join(str(part) for part in place)
    if error["type"] == "extra_forbidden":
        message, hint, allowed = unknown("key", str(place[-1]), _keys(model, place[:-1]))
        at = f" at {where}" if place[:-1] else ""
        return DocumentError(f"{message[:-1]}{at} of the {what}.", hint=hint, allowed=allowed)
    if error["type"] == "missing":
        return DocumentError(f"The {what} has no `{where}`.", hint=f"Add it; {page} has every key.")
    said = _SAID.get(error["type"], error["msg"].removeprefix("Value error, ").rstrip("."))
    hidden = isinstance(error.get("input"), Mapping | list | BaseModel) or where in ("secret", "token")
    given = "" if hidden else f" (it is {_shown(error.get('input'))})"
    at = f" at {where}" if where else ""
    return DocumentError(
        f"The {what} is wrong{at}: {said[:1].lower()}{said[1:]}{given}.", hint=f"{page} has every key."
    )


_SAID = {
    "string_type": "not a text",
    "bool_type": "not true or false",
    "dict_type": "not a set of keys",
    "model_type": "not a set of keys",
    "tuple_type": "not a list",
    "string_pattern_mismatch": "not of the form that belongs there",
    "string_too_short": "empty",
    "string_too_long": "too long",
    "too_long": "too long",
}


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _keys(model: type[BaseModel], place: list[int | str]) -> list[str]:
    """The keys that a place of the document may have."""
    for part in place:
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    return [row.alias or name for name, row in model.model_fields.items()]


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
