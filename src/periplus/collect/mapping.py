"""The mapping document: what a row of somebody else's file means.

A document has tables; a table has files, a format, joins and events; an event says where each of its
fields comes from. A text names a column; `{value: …}` is a constant; `{column, type, format, …}`
says more. SEMANTICS: "Mapping documents"; the page docs/import.md has every key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from periplus.clock import instant
from periplus.clock import zone as clock_zone
from periplus.collect import presets
from periplus.condition.pattern import pattern
from periplus.errors import DocumentError, QuestionError, unknown
from periplus.yaml_text import read

Scalar = bool | int | float | str | None
Type = Literal["text", "number", "integer", "boolean", "time", "json", "list"]
Unit = Literal["s", "ms", "us"]
Elapsed = Literal["us", "ms", "s", "m", "h", "d"]
KINDS = ("track", "page", "screen", "identify", "group", "alias")


def key_text(key: Any) -> str:
    """A key of a document as the text one sees: `null`, `true`, `1`."""
    if isinstance(key, bool):
        return "true" if key else "false"
    return "null" if key is None else str(key)


def _word(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _words(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        value = [value]
    return (
        tuple("" if word is None else str(word) for word in value)
        if isinstance(value, list | tuple)
        else value
    )


Column = Annotated[str, BeforeValidator(_word), Field(min_length=1)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Part):
    """Where one value of an element of a JSON list comes from: its key (a path), and the type it is read as."""

    column: Column
    type: Literal["text", "number", "integer"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"column": _word(value)} if isinstance(value, str | int) else value


class Field_(_Part):  # noqa: N801 - `Field` is pydantic's
    """Where one value comes from: a constant, or a column read as a type.

    `else` is a column that is taken where the first has nothing; `at` is a path inside a JSON value; `find` takes
    the part of the text that a pattern matches; `map` replaces values (before `type`); `null` are words that mean
    nothing is there; `format` is the writing of numbers (`1.234,5`) or times (strptime); `split` parts a list;
    `each` renames what the elements of a JSON list hold.
    """

    column: Column | None = None
    else_: Column | None = Field(default=None, alias="else")
    at: str | None = Field(default=None, min_length=1)
    find: str | None = None
    each: Annotated[dict[str, Part] | None, Field(min_length=1, max_length=200)] = None
    value: Scalar = None
    type: Type | None = None
    format: str | None = None
    split: str | None = None
    map: dict[str, Scalar] | None = None
    null: Words = ()
    zone: str | None = None
    unit: Unit | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"column": value}
        if isinstance(value, int) and not isinstance(value, bool):
            return {"column": str(value)}
        if isinstance(value, Mapping) and isinstance(value.get("map"), Mapping):
            return {**value, "map": {key_text(key): to for key, to in value["map"].items()}}
        return value

    @model_validator(mode="after")
    def _one(self) -> Field_:
        if (self.column is None) == ("value" not in self.model_fields_set):
            raise ValueError("give either `column` or `value`")
        if self.column is None and len(self.model_fields_set) > 1:
            raise ValueError("a constant `value` takes no other key")
        if self.each is not None and (self.split or self.format or self.type not in (None, "list", "json")):
            raise ValueError("`each` is for JSON lists and takes no `split`, `format` or other `type`")
        if self.find is not None:
            try:
                pattern(self.find)
            except ValueError as problem:
                raise ValueError(f"`find` is no pattern that can be searched for: {problem}") from None
        return self


class Plus(_Part):
    """Elapsed time added to a time: a column of whole or decimal units."""

    column: Column
    unit: Elapsed = "s"


class Time(_Part):
    """Where an event's time comes from. `format` is strptime's or `iso`; `unit` for numbers since 1970.

    Without either, one format is chosen for the whole column by which reads most values. `clock` is a column
    with the time of day, where the first has but the day: both are read as one text, a space between. A file
    that tells no time, such as a list of customers, gets one as `value`, in ISO: the day it was exported.
    """

    column: Column | None = None
    value: Annotated[str | None, BeforeValidator(lambda value: None if value is None else str(value))] = None
    clock: Column | None = None
    format: str | None = None
    unit: Unit | None = None
    plus: Plus | None = None
    zone: str | None = None
    null: Words = ()

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"column": _word(value)} if isinstance(value, str | int) else value

    @model_validator(mode="after")
    def _either(self) -> Time:
        if self.format and self.unit:
            raise ValueError("give `format` or `unit`, not both")
        if (self.column is None) == (self.value is None):
            raise ValueError("give either `column` or `value`")
        if self.value is not None and self.model_fields_set - {"value", "zone"}:
            raise ValueError("a constant `value` takes no other key but `zone`")
        if self.value is not None:
            try:
                instant(self.value, clock_zone("UTC"))
            except QuestionError:
                raise ValueError(
                    f"{self.value[:40]!r} is not a time; write it such as '2026-07-01'"
                ) from None
        return self


class When(_Part):
    """A condition on a row: the column equals a value, is one of several, is (not) like a text, or is (not) null.

    In `like` and `unlike` a `*` stands for any text.
    """

    column: Column
    like: str | None = Field(default=None, min_length=1)
    unlike: str | None = Field(default=None, min_length=1)
    equals: Scalar = None
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    not_: Scalar | tuple[Scalar, ...] = Field(default=None, alias="not")
    null: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> When:
        if len(self.model_fields_set - {"column"}) > 1:
            raise ValueError("give one of `equals`, `in`, `not`, `like`, `unlike`, `null`")
        return self


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


Whens = Annotated[tuple[When, ...], BeforeValidator(_listed)]


class EventRow(_Part):
    """One event that a row makes. `when` (all of them) must hold, and its time must not be null.

    `original` is the name as the other system has it, kept beside the name it gets here. A key of `properties`,
    `context` or `traits` with a `*`, such as `"*": "properties.*"`, stands for every column the table names nowhere.
    """

    event: Field_ | None = None
    original: Field_ | None = None
    type: Literal["track", "page", "screen", "identify", "group", "alias"] = "track"
    userId: Field_ | None = None  # noqa: N815 - the Segment spec's own names
    anonymousId: Field_ | None = None  # noqa: N815
    email: Field_ | None = None
    phone: Field_ | None = None
    previousId: Field_ | None = None  # noqa: N815
    messageId: Field_ | None = None  # noqa: N815
    time: Time
    channel: Field_ | None = None
    department: Field_ | None = None
    properties: dict[str, Field_] = {}
    context: dict[str, Field_] = {}
    traits: dict[str, Field_] = {}
    when: Whens = ()

    @model_validator(mode="before")
    @classmethod
    def _constant(cls, value: Any) -> Any:
        """`event: Order Completed` is the name itself; everywhere else a text names a column."""
        if isinstance(value, Mapping) and isinstance(value.get("event"), str):
            return {**value, "event": {"value": value["event"]}}
        return value

    @model_validator(mode="after")
    def _named(self) -> EventRow:
        if self.type == "track" and self.event is None:
            raise ValueError("say which `event` this is")
        for path, given in self.fields():
            if "*" in path and (path.count("*") > 1 or given.column is None or given.column.count("*") != 1):
                raise ValueError(f"{path!r} with a * takes a column with one *, such as 'properties.*'")
        return self

    def fields(self) -> Iterator[tuple[str, Field_]]:
        """Every field that is given, by its place (`userId`, `properties.price` …)."""
        for name in (
            "event",
            "original",
            "userId",
            "anonymousId",
            "email",
            "phone",
            "previousId",
            "messageId",
        ):
            if (given := getattr(self, name)) is not None:
                yield name, given
        for name in ("channel", "department"):
            if (given := getattr(self, name)) is not None:
                yield name, given
        for root in ("properties", "context", "traits"):
            for key, given in getattr(self, root).items():
                yield f"{root}.{key}", given


class Format(_Part):
    """How the files of a table are written. An empty field is always null; `null` names more words."""

    type: Literal["csv", "jsonl", "parquet"] | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str | None = Field(default='"', max_length=1)
    escape: str | None = Field(default=None, max_length=1)
    encoding: str = "utf-8"
    header: bool | tuple[str, ...] = True
    null: Words = ()
    skip: int = Field(default=0, ge=0, le=1000)
    """Lines before the header (CSV): a title, a range of dates."""


class Join(_Part):
    """A second file, looked up by key. Several rows for a key need `sum`, `list` or `first: true`.

    `sum` adds columns up; `list` gathers the rows of a key into JSON lists, by the name of the new column and
    what its elements hold. Where the file is not there the import stops, unless it is `optional`.
    """

    file: str
    on: Annotated[tuple[str | tuple[str, str], ...], BeforeValidator(lambda value: _pairs(value))]
    sum: Words = ()
    list: dict[str, dict[str, Part]] = {}
    first: bool = False
    optional: bool = False
    prefix: str = ""
    format: Format | None = None


def _pairs(value: Any) -> Any:
    """`on: id` · `on: [left, right]` · `on: [[l1, r1], [l2, r2]]` or `[[a], [b]]`: several columns."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return (tuple(value),)
    if isinstance(value, list | tuple):
        return tuple(part[0] if isinstance(part, list | tuple) and len(part) == 1 else part for part in value)
    return value


class Unfold(_Part):
    """A column that holds a JSON list of key and value, such as GA4's `event_params`, as columns `COLUMN.KEY`.

    `key` and `value` are paths inside an element; of several paths for the value the first that is filled counts.
    """

    key: str = "key"
    value: Words = ("value",)


class Table(_Part):
    """Files of one sort, and the events that each of their rows makes.

    `optional` names columns (a `*` stands for any text) that a file may lack: they are read as empty.
    """

    files: Annotated[tuple[str, ...], BeforeValidator(_words), Field(min_length=1)]
    format: Format = Format()
    join: Annotated[tuple[Join, ...], BeforeValidator(_listed)] = ()
    optional: Words = ()
    unfold: dict[str, Unfold] = {}
    where: Whens = ()
    events: Annotated[tuple[EventRow, ...], Field(min_length=1, max_length=200)]
    consent: dict[str, bool | Field_] | None = None


class MappingDocument(_Part):
    """A whole mapping: the source (the space of event keys), zone, consent, and tables."""

    name: str | None = None
    source: str | None = Field(default=None, min_length=1)
    zone: str | None = None
    preset: str | None = None
    consent: dict[str, bool | Field_] | None = None
    tables: Annotated[tuple[Table, ...], Field(min_length=1)]

    @classmethod
    def parse(cls, document: Mapping[str, Any] | str | Path) -> MappingDocument:
        """From a dict, YAML text, or a file; raises DocumentError that names the key and its nearest right word.

        >>> document = MappingDocument.parse('''
        ... tables:
        ... - files: orders.csv
        ...   events: [{event: Order Completed, userId: customer, time: ordered_at}]
        ... ''')
        >>> document.tables[0].events[0].time.column
        'ordered_at'
        """
        if isinstance(document, Path):
            try:
                document = document.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as problem:
                raise DocumentError(
                    f"The mapping {document} cannot be read: {problem}.", hint="Check the path."
                ) from None
        content = read(document, "mapping") if isinstance(document, str) else dict(document)
        if not isinstance(content, Mapping):
            raise DocumentError("A mapping is a YAML document with `tables`.", hint="See docs/import.md.")
        content = presets.applied(content)
        try:
            return cls.model_validate(content)
        except ValidationError as problem:
            raise _explained(problem, content) from None

    def document(self) -> dict[str, Any]:
        """The plain form, without what is not set; `parse(document())` equals this."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


_PARTS: dict[str, type[BaseModel]] = {
    "tables": Table, "format": Format, "join": Join, "events": EventRow, "time": Time, "plus": Plus,
    "when": When, "where": When, "unfold": Unfold, "each": Part, "list": Part,
}  # fmt: skip


def _explained(problem: ValidationError, content: Mapping[str, Any]) -> DocumentError:
    """The first thing wrong, as one sentence with its place; unknown keys name the nearest known ones."""
    errors = problem.errors()
    # a union reports every branch; an unknown key says more than "should be a bool"
    error = next((row for row in errors if row["type"] == "extra_forbidden"), errors[0])
    place = [part for part in error["loc"] if not (isinstance(part, str) and part in ("bool", "Field_"))]
    where = ".".join(str(part) for part in place) or "the mapping"
    if error["type"] == "extra_forbidden":
        owner = next((part for part in reversed(place[:-1]) if isinstance(part, str)), "")
        model = _PARTS.get(owner, Field_ if place[:-1] else MappingDocument)
        known = [row.alias or name for name, row in model.model_fields.items()]
        message, hint, allowed = unknown("key", str(place[-1]), known)
        return DocumentError(f"{message[:-1]} at {where} of the mapping.", hint=hint, allowed=allowed)
    said = error["msg"].removeprefix("Value error, ").rstrip(".")
    given = "" if isinstance(error.get("input"), Mapping | list) else f" (it is {error.get('input')!r})"
    return DocumentError(
        f"The mapping is wrong at {where}: {said[:1].lower()}{said[1:]}{given}.",
        hint="docs/import.md has every key.",
    )
