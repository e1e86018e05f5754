"""Question in, Answer out: the same in Python, on the command line and over HTTP.

A question is a frozen document with a `kind`; each kind is one file that registers itself here with
how it is read, answered, and opened into the people behind a number. Nothing in this module knows
any kind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from periplus.clock import instant, iso, zone
from periplus.errors import QuestionError, unknown
from periplus.registry import Registry
from periplus.settings import Settings

if TYPE_CHECKING:
    from periplus.store.snapshot import Snapshot

Documents = Callable[[str, str], Mapping[str, Any] | None]
Names = Callable[[str], Sequence[str]]
Labels = Callable[[Sequence[int]], dict[int, str]]
Rates = Callable[[str, int], float | None]
Stored = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Row = dict[str, Any]
Traffic = Literal["customers", "all"]


def no_documents(kind: str, name: str) -> Mapping[str, Any] | None:
    """A workspace without stored documents."""
    return None


def no_names(kind: str) -> Sequence[str]:
    """A workspace without stored documents has no names of any."""
    return ()


def no_labels(customers: Sequence[int]) -> dict[int, str]:
    """Nobody is known by another name than the customer's own id."""
    return {}


def no_rates(currency: str, day: int) -> float | None:
    """No conversion: what is in another currency has no rate."""
    return None


@dataclass(frozen=True)
class Context:
    """What an answer depends on beside the question.

    `wall` is the present moment (microseconds UTC), given by the edge. `documents` looks a stored document
    up by (kind, name), `names` lists those of a kind; `labels` says how a customer is shown; `rates` gives the
    workspace currency's worth of one unit of a currency on a day (days since 1970), None where there is no rate.
    `stored` gives a question with the identifiers that people typed as the workspace stores them.
    """

    snapshot: Snapshot
    settings: Settings
    wall: int
    documents: Documents = no_documents
    labels: Labels = no_labels
    rates: Rates = no_rates
    names: Names = no_names
    stored: Stored | None = None


class Document(BaseModel):
    """A part of a question as somebody writes it: frozen, strict, unknown keys refused by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)
    title: ClassVar[str] = "a question"

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as problem:
            raise _plain(problem, self.title) from None

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        keys = _keys(cls)
        for key in values:
            if key not in keys and key not in cls.model_fields:
                message, hint, allowed = unknown("key", str(key), keys)
                raise QuestionError(
                    f"{message[:-1]} in {cls.title}.", code="unknown_key", hint=hint, allowed=allowed
                )
        return dict(values)

    def document(self) -> dict[str, Any]:
        """The canonical JSON form, without what was left at its default of nothing."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Question(Document):
    """A question of some kind; its subclasses are the kinds' documents.

    `traffic` says whose events it looks at: `customers`, which leaves out those of bots and internal traffic,
    or `all`. It is understood by every kind, and no kind needs to know of it. `customers` is a condition on the
    customers that count, `breakdown` what the answer is split by; a kind that understands them says so where it
    registers.
    """

    kind: str
    traffic: Traffic = "customers"
    customers: dict[str, Any] | None = None
    breakdown: str | None = None


def _keys(document: type[Document]) -> list[str]:
    """The keys of a document, as they are written."""
    return [row.alias or name for name, row in document.model_fields.items()]


def _plain(problem: ValidationError, title: str) -> QuestionError:
    """The first thing pydantic objects to, in words."""
    first = problem.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return QuestionError(f"{place!r} is missing in {title}.", code="missing_key", hint=f"Add {place!r}.")
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        words = [word.strip("' ") for word in str(first["ctx"]["expected"]).replace(" or ", ",").split(",")]
        # Of several forms a value may have, pydantic adds the one it tried: that is no word of the question's.
        key = next(part for part in reversed(first["loc"]) if isinstance(part, str) and "[" not in part)
        message, hint, allowed = unknown(f"`{key}`", first["input"], words)
        return QuestionError(f"{message[:-1]} in {title}.", code="value", hint=hint, allowed=allowed)
    where = f"{place} in {title}" if place else title
    if first["type"] == "model_type":
        parts = {part.__name__: part for part in Document.__subclasses__()}
        keys = _keys(parts[first["ctx"]["class_name"]]) if first["ctx"]["class_name"] in parts else []
        listed = ", ".join(f'"{key}": …' for key in keys)
        return QuestionError(
            f"{where[0].upper()}{where[1:]} is {first['input']!r:.60}, which is no object.",
            code="value",
            hint=f"Write {{{listed}}}.",
        )
    said = str(first["msg"]).removeprefix("Value error, ").rstrip(".")
    return QuestionError(
        f"{where[0].upper()}{where[1:]}: {said}.", code="value", hint=f"It is {first.get('input')!r:.80}."
    )


@dataclass(frozen=True)
class Answer:
    """What a question came to, JSON-serialisable throughout, and a way to the people behind each count.

    `now` is ISO 8601 in UTC, `now_from` one of "question", "clock", "last event"; `seconds` is the time it
    took. Money in `rows` and `totals` is in minor units of `currency`.
    """

    kind: str
    question: Row
    rows: list[Row]
    totals: Row
    stages: list[Row]
    now: str
    now_from: str
    currency: str
    version: str
    seconds: float
    warnings: list[str]
    context: Context | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> Row:
        """The wire form."""
        names = [name for name in self.__dataclass_fields__ if name != "context"]
        return {name: getattr(self, name) for name in names}

    def df(self) -> Any:
        """The rows as a pandas DataFrame (needs the extra `periplus[pandas]`)."""
        try:
            import pandas
        except ImportError:
            raise QuestionError(
                "A data frame needs pandas.", code="extra", hint="Install it: pip install 'periplus[pandas]'."
            ) from None
        return pandas.DataFrame(self.rows)

    def chart(self) -> Any:
        """An Altair chart of the rows."""
        return kinds[self.kind].chart(self)

    def people(self, row: Mapping[str, Any], field: str) -> list[Row]:
        """The people behind one count: as many entries as the number says."""
        if self.context is None:
            raise QuestionError(
                "This answer has lost its data.", code="detached", hint="Ask again and open that answer."
            )
        return people(self.question, row, field, self.context)

    def _repr_html_(self) -> str:
        from html import escape

        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        head = "".join(f"<th>{escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>"
            + "".join(
                f"<td>{'' if row.get(name) is None else escape(str(row[name]))}</td>" for name in columns
            )
            + "</tr>"
            for row in self.rows
        )
        notes = "".join(f"<p>{escape(text)}</p>" for text in self.warnings)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


@dataclass(frozen=True)
class Result:
    """What a kind makes of a question: the parts of its Answer that are its own."""

    question: Row
    rows: list[Row]
    now: int
    now_from: str
    totals: Row = field(default_factory=dict)
    stages: list[Row] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class QuestionKind:
    """One kind of question: its document, how it is answered, opened into people, and drawn.

    `customers`: whether it can be asked of some customers only; `breakdown`: whether it can be split.
    """

    model: type[Question]
    answer: Callable[[Any, Context], Result]
    people: Callable[[Any, Mapping[str, Any], str, Context], list[Row]]
    chart: Callable[[Answer], Any]
    customers: bool = False
    breakdown: bool = False


kinds: Registry[QuestionKind] = Registry("kind of question")
Doubt = Callable[[Question, Result, Context], list[str]]
doubts: Registry[Doubt] = Registry("doubt")
"""What is warned of in an answer of whatever kind."""


def parse(question: Mapping[str, Any] | Question) -> Question:
    """A question as its kind understands it; raises QuestionError with the nearest right word."""
    if isinstance(question, Question):
        return _checked(question)
    if not isinstance(question, Mapping):
        raise QuestionError("A question is a JSON object.", hint='Such as {"kind": "map", "map": "shop"}.')
    kind = question.get("kind")
    if not isinstance(kind, str):
        wrapped = next((str(key) for key in question if key in kinds and len(question) == 1), None)
        meant = f"One of: {', '.join(kinds)}." if wrapped is None else f'Write {{"kind": "{wrapped}", …}}.'
        raise QuestionError("A question needs its 'kind'.", code="missing_key", hint=meant)
    if kind not in kinds:
        message, hint, allowed = unknown("kind of question", kind, list(kinds))
        raise QuestionError(message, code="kind", hint=hint, allowed=allowed)
    return _checked(kinds[kind].model(**{str(key): value for key, value in question.items()}))


def _checked(question: Question) -> Question:
    """The question, if its kind understands all of it."""
    if question.customers is not None and not kinds[question.kind].customers:
        raise QuestionError(
            f"A question of the kind {question.kind} cannot be asked of some customers only yet.",
            code="customers",
            hint=f"These can: {', '.join(name for name in kinds if kinds[name].customers)}.",
        )
    if question.breakdown is not None and not kinds[question.kind].breakdown:
        raise QuestionError(
            f"A question of the kind {question.kind} cannot be split.",
            code="breakdown",
            hint=f"These can: {', '.join(name for name in kinds if kinds[name].breakdown)}.",
        )
    return question


def ask(question: Mapping[str, Any] | Question, context: Context) -> Answer:
    """The Answer to a question over one data version. Raises QuestionError, NotFoundError."""
    started = time.perf_counter()
    document = parse(_stored(question, context))
    seen = _seen(document, context)
    found = kinds[document.kind].answer(document, seen)
    return Answer(
        kind=document.kind,
        question=found.question | _of_all_kinds(document),
        rows=found.rows,
        totals=found.totals | _left_out(found, seen.snapshot),
        stages=found.stages,
        now=iso(found.now),
        now_from=found.now_from,
        currency=context.settings.currency,
        version=context.snapshot.version,
        seconds=round(time.perf_counter() - started, 6),
        warnings=_doubts(document, found, seen) + found.warnings,
        context=context,
    )


def _doubts(document: Question, found: Result, context: Context) -> list[str]:
    """The sentences of all doubts that the kind has not said itself."""
    said = [each for name in doubts for each in doubts[name](document, found, context)]
    return [each for each in dict.fromkeys(said) if each not in found.warnings]


def _stored(question: Mapping[str, Any] | Question, context: Context) -> Mapping[str, Any] | Question:
    if context.stored is None:
        return question
    return context.stored(question.document() if isinstance(question, Question) else question)


def _of_all_kinds(document: Question) -> Row:
    """What every kind understands, as the question was understood."""
    traffic: Row = {"traffic": "all"} if document.traffic == "all" else {}
    return traffic if document.customers is None else traffic | {"customers": document.customers}


def _seen(document: Question, context: Context) -> Context:
    """The context with the events a question looks at."""
    if document.traffic == "customers":
        return context
    return replace(context, snapshot=context.snapshot.everything)


def _left_out(found: Result, snapshot: Snapshot) -> Row:
    """`left_out`: the events of the period that were left out; said where the version has any such events."""
    if not snapshot.has_marked:
        return {}
    period = found.question.get("period") or {}
    since, until = (
        instant(period[end], zone("UTC")) if period.get(end) is not None else None for end in ("from", "to")
    )
    end = found.now + 1 if until is None else min(found.now + 1, until)
    return {"left_out": snapshot.left_out(-(1 << 62) if since is None else since, end)}


def people(
    question: Mapping[str, Any] | Question, row: Mapping[str, Any], field: str, context: Context
) -> list[Row]:
    """The people behind one count of an answer: `customer` (16 hex digits), `label`, `time`, …

    `row` names the key fields of the row (or is the whole row), `field` the count. For visits and journeys
    each entry has its `start` and `end` too. A field that is no count is a QuestionError that names those
    that can be opened.
    """
    document = parse(_stored(question, context))
    return kinds[document.kind].people(document, row, field, _seen(document, context))
