"""How the rows of one table become events, as SQL: what mappings and Segment files are both turned into.

A recipe names a relation that has `row` (file << 40 | line, unique), `file`, `line`, `h` (UHUGEINT hash
of the row, or null) and source columns of its own. Reading times is part of it, because everything
else hangs on them: of time number i, `x{i}` is what is given, `l{i}` microseconds as written, `z{i}`
whether the text has its own offset, `o{i}` UTC in any year and `t{i}` UTC in range, else null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from periplus.collect import times
from periplus.collect.marks import MARKING
from periplus.collect.origin import Origin
from periplus.collect.plain_times import PlainTimes
from periplus.collect.times import Form
from periplus.store.door import literal
from periplus.store.lent import Lent
from periplus.store.standing import REFERENCES

PHYSICAL: dict[str, str] = {
    "section": "UTINYINT", "time": "BIGINT", "sequence": "BIGINT", "key_hi": "UBIGINT", "key_lo": "UBIGINT",
    "type": "VARCHAR", "event": "VARCHAR", "source": "VARCHAR", "channel": "VARCHAR", "department": "VARCHAR",
    "user_id": "VARCHAR", "anonymous_id": "VARCHAR", "email": "VARCHAR", "phone": "VARCHAR",
    "previous_id": "VARCHAR", "message_id": "VARCHAR", "original": "VARCHAR", "received_at": "BIGINT",
    "consent": "VARCHAR", "file": "INTEGER", "line": "BIGINT", "place": "SMALLINT",
}  # fmt: skip
"""The physical columns of a staged event and their types; the shredded ones and `rest` follow."""
ASKED_EARLY = frozenset((*REFERENCES, *MARKING))
"""Paths that say whose an event is, or that it is a bot's: staged with it."""


@dataclass(frozen=True)
class TimeItem:
    """One time to read: `text` is SQL, `column` its name for people; `plus` is SQL for microseconds."""

    text: str
    column: str
    form: Form
    zone: str
    others: tuple[Form, ...] = ()
    plus: str | None = None
    why: str = ""
    micros: bool = False
    """`text` is not text but BIGINT microseconds UTC already."""


@dataclass(frozen=True)
class Value:
    """A shredded value: its kind, SQL of that kind, and SQL of a JSON text where the value does not fit."""

    kind: str
    sql: str
    misfit: str | None = None
    column: str | None = None


@dataclass(frozen=True)
class EventRecipe:
    """One event of a row: it happens where `when` holds and time number `moment` can be read.

    `columns` is SQL by physical column; `key` is SQL (UHUGEINT) and may use `"@before"`, the number
    of equal rows that stand before this one in its file; `rest` is SQL of a JSON object, or null.
    """

    place: int
    when: str
    moment: int
    columns: Mapping[str, str]
    key: str
    values: Mapping[str, Value]
    rest: str | None = None
    received: int | None = None
    label: str = ""
    message: str | None = None
    """SQL of the message id, where the key is of (`source`, message id) for whatever row has one, and of the row for others.

    None where the keys are more than that.
    """
    source: str = ""


@dataclass(frozen=True)
class Recipe:
    """A whole table: the relation, the times, whose rows are withheld (SQL), and the events."""

    relation: str
    times: tuple[TimeItem, ...]
    withheld: str
    events: tuple[EventRecipe, ...]
    files: tuple[int, ...] = ()
    rows: int | None = None
    """How many rows the relation has, where that is known."""
    counted: bool = True
    """Whether equal rows must be counted (some event may have no message id)."""
    checks: tuple[tuple[str, str, str | None], ...] = ()
    """(SQL, reason, column): a row for which the SQL holds is refused, whatever its times."""
    payload: str | None = None
    """SQL of a refused row as text; None: it is read from the file at `start`:`finish`."""
    lent: Lent | None = None
    """Values that need not be staged, where nobody needs them before the events are written."""
    origin: Origin | None = None
    """Where the source columns lie, if they are columns of what was read and `relation` is all its rows."""
    plain: PlainTimes | None = None
    """Reads the times of the origin, as far as they have not been."""


Spans = Mapping[int, tuple[int, int]]
"""By time number: the least and greatest microseconds as written, so that only those clock changes are asked."""


def written(recipe: Recipe) -> str:
    """The relation with its times as they are written: `x`, `l` and `z` of every time."""
    return timed(recipe, recipe.relation, {}, last=2)


def timed(recipe: Recipe, relation: str, spans: Spans, *, first: int = 0, last: int = 4) -> str:
    """`relation` with its times read, as a subquery: `x`, `l`, `z`, `o` and `t` of every time.

    Of the four steps those from `first` to `last` (not in): one that has `l` and `z` already begins with the third.
    """
    made: list[list[str]] = [[], [], [], []]
    for i, item in enumerate(recipe.times):
        made[0].append(f"{item.text} AS x{i}")
        offset = "true" if item.micros else times.has_offset(item.form, f"x{i}")
        as_written = f"x{i}" if item.micros else times.local(item.form, f"x{i}")
        made[1].append(f"{as_written} AS l{i}, {offset} AS z{i}")
        known = offset if offset in ("true", "false") else f"z{i}"
        moment = (
            f"l{i}" if item.micros else f"({times.utc(f'l{i}', known, item.zone, spans.get(i, (0, -1)))})"
        )
        made[2].append(f"{moment}{f' + {item.plus}' if item.plus else ''} AS o{i}")
        made[3].append(f"{times.in_range(f'o{i}')} AS t{i}")
    query = relation
    for step in made[first:last] if recipe.times else []:
        query = f"(SELECT *, {', '.join(step)} FROM {query})"
    return query


def only_times(recipe: Recipe) -> str:
    """SQL list of what to keep of `timed`: `g{i}`, whether a time is given at all, and `t{i}`."""
    given = [
        f"x{i} IS NOT NULL" if item.micros else f"COALESCE(x{i} <> '', false)"
        for i, item in enumerate(recipe.times)
    ]
    return ", ".join(f"{sql} AS g{i}, t{i}" for i, sql in enumerate(given))


def shredded(recipes: list[Recipe]) -> dict[str, str]:
    """The union of all shredded paths with one kind each: whole and decimal numbers meet as DOUBLE, others as VARCHAR."""
    kinds: dict[str, str] = {}
    for recipe in recipes:
        for event in recipe.events:
            for path, value in event.values.items():
                known = kinds.setdefault(path, value.kind)
                if known != value.kind:
                    kinds[path] = "DOUBLE" if {known, value.kind} <= {"BIGINT", "DOUBLE"} else "VARCHAR"
    return kinds


STATEMENTS = ("identify", "group", "alias")


def section(event: EventRecipe) -> str:
    """SQL: in which section of a file an event comes, as far as the recipe knows."""
    return f"CASE WHEN {event.columns['type']} IN ({', '.join(map(literal, STATEMENTS))}) THEN 2 ELSE 0 END"


def as_kind(value: Value | None, kind: str) -> str:
    """SQL: a shredded value, if there is one, as it is written in a column of a kind."""
    physical = "VARCHAR" if kind == "JSON" else kind
    if value is None:
        return f"NULL::{physical}"
    return f"CAST({value.sql} AS {physical})"


def rest_of(rest: str | None, pieces: list[str]) -> str:
    """SQL of the JSON object of what has no column: the reader's own, and the values that do not fit."""
    if not pieces:
        return rest or "NULL::VARCHAR"
    inner = f"substr({rest}, 2, strlen({rest}) - 2)" if rest else "NULL"
    joined = f"concat_ws(',', {', '.join([inner, *pieces])})"
    return f"CASE WHEN {joined} <> '' THEN '{{' || {joined} || '}}' END"


def json_key(path: str) -> str:
    """How a path stands as a key in JSON, with its colon."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'
