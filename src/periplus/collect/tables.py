"""A table of a mapping, its files loaded, as a recipe: columns are checked, times decided, events written as SQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from periplus import clock
from periplus.collect import fields, keys, times
from periplus.collect.load import merge_seen
from periplus.collect.mapping import EventRow, Field_, Table, Time, When
from periplus.collect.recipe import EventRecipe, Recipe, TimeItem, Value
from periplus.collect.rows import Seen
from periplus.collect.times import FACTORS, Form
from periplus.errors import DocumentError, PeriplusError, unknown
from periplus.store.door import literal

VIEWS = {"page": "Page Viewed", "screen": "Screen Viewed"}
_IDS = {
    "userId": "user_id", "anonymousId": "anonymous_id", "email": "email", "phone": "phone",
    "previousId": "previous_id", "messageId": "message_id", "channel": "channel", "department": "department",
}  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """What a table stands on: SQL of every column by name, what was seen of it, and how its times are written."""

    relation: str
    columns: Mapping[str, str]
    seen: Mapping[str, Seen]
    zone: str
    source: str
    decide: Callable[[str, str], tuple[Form, tuple[Form, ...], str]]
    """(SQL text, column name) -> form chosen for the whole column, the other forms that read some of it, why."""


def needed(table: Table, consent: Mapping[str, bool | Field_] | None) -> dict[str, str]:
    """Every column the table's mapping names, and where: what must exist."""
    found: dict[str, str] = {}

    def note(column: str | None, where: str) -> None:
        if column is not None:
            found.setdefault(column, where)

    for row in table.where:
        note(row.column, "where")
    for purpose, given in (table.consent or consent or {}).items():
        if isinstance(given, Field_):
            note(given.column, f"consent.{purpose}")
    for event in table.events:
        note(event.time.column, "time")
        note(event.time.clock, "time.clock")
        if event.time.plus:
            note(event.time.plus.column, "time.plus")
        for name, given in event.fields():
            if "*" not in name:
                note(given.column, name)
                note(given.else_, name)
        for row in event.when:
            note(row.column, "when")
    return found


def recipe(
    table: Table,
    ground: Ground,
    *,
    first_place: int,
    consent: Mapping[str, bool | Field_] | None,
    files: tuple[int, ...],
    rows: int,
) -> Recipe:
    """The recipe of a table whose files are loaded; `first_place` is where its events begin in the mapping."""
    items: list[TimeItem] = []
    withheld, consent_sql = _consent(table.consent or consent or {}, ground)
    message_ids = [event.messageId for event in table.events if event.messageId is not None]
    events = []
    for number, event in enumerate(table.events):
        place = first_place + number
        items.append(_time(event.time, ground))
        shared = sum(1 for other in message_ids if other == event.messageId) > 1
        events.append(_event(event, ground, place, len(items) - 1, consent_sql, shared, items))
    relation = ground.relation
    if table.where:
        met = " AND ".join(_when(row, ground) for row in table.where)
        relation = f"(SELECT * FROM {relation} WHERE {met})"
    return Recipe(
        relation=relation,
        times=tuple(items),
        withheld=withheld,
        events=tuple(events),
        files=files,
        rows=None if table.where else rows,
        counted=any(event.messageId is None for event in table.events),
    )


def _when(row: When, ground: Ground) -> str:
    return fields.condition(row, ground.columns[row.column])


def _time(time: Time, ground: Ground) -> TimeItem:
    place = "the constant time" if time.column is None else f"time of column {time.column}"
    given = Field_(value=time.value) if time.column is None else Field_(column=time.column, null=time.null)
    text = f"trim({fields.text_sql(given, ground.columns)})"
    if time.clock is not None:
        text = f"concat_ws(' ', {text}, trim({ground.columns[time.clock]}))"
    others: tuple[Form, ...] = ()
    why = "as the mapping says"
    if time.unit:
        form = Form("unit", unit=time.unit)
    elif time.format:
        form = times.check_format(time.format, place)
    elif time.column is None:
        form = times.check_format("iso", place)
    else:
        form, others, why = ground.decide(text, time.column)
    plus = None
    if time.plus:
        factor = FACTORS[time.plus.unit]
        added = f"trim({ground.columns[time.plus.column]})"
        amount = f"TRY_CAST(round(TRY_CAST({added} AS DECIMAL(28, 9)) * {factor}) AS BIGINT)"
        amount = f"CASE WHEN abs({amount}) < 10000000000000000 THEN {amount} END"  # 300 years
        plus = f"CASE WHEN {added} IS NULL OR {added} = '' THEN 0 ELSE {amount} END"
    zone = time.zone or ground.zone
    check_zone(zone, place)
    return TimeItem(text, time.column or "", form, zone, others, plus, why)


def check_zone(zone: str, where: str) -> None:
    """Raise DocumentError for a zone nobody knows."""
    try:
        clock.zone(zone)
    except PeriplusError as problem:
        raise DocumentError(
            f"{problem.message} ({where})", hint=problem.hint, allowed=problem.allowed
        ) from None


def _event(
    event: EventRow,
    ground: Ground,
    place: int,
    moment: int,
    consent: str,
    shared: bool,
    items: list[TimeItem],
) -> EventRecipe:
    columns = {"type": literal(event.type), "source": literal(ground.source), "consent": consent}
    conditions = [_when(row, ground) for row in event.when]
    label: str = event.type
    if event.type == "track" and event.event is not None:
        columns["event"] = fields.text_sql(event.event, ground.columns)
        label = (
            fields.text(event.event.value)
            if event.event.column is None
            else f"events of {event.event.column}"
        )
        if event.event.column is not None:
            columns["event"] = fields.composed(f"trim({columns['event']})")
            conditions.append(f"COALESCE({columns['event']}, '') <> ''")
    else:
        columns["event"] = literal(VIEWS.get(event.type, event.type))
    for name, physical in _IDS.items():
        if (given := getattr(event, name)) is not None:
            columns[physical] = fields.text_sql(given, ground.columns)
    if event.original is not None:
        original = fields.text_sql(event.original, ground.columns)
        columns["original"] = f"NULLIF({original}, {columns['event']})"
    key = keys.mixed_sql("h", '"@before"', place)
    if "message_id" in columns:
        message = keys.message_sql(
            literal(ground.source), keys.hash_sql(ground.source), columns["message_id"]
        )
        if shared:
            message = keys.mixed_sql(f"({message})", "0", place)
        key = f"CASE WHEN {columns['message_id']} IS NOT NULL THEN {message} ELSE {key} END"
    return EventRecipe(
        place=place,
        when=" AND ".join(conditions) or "true",
        moment=moment,
        columns=columns,
        key=key,
        values=dict(_values(event, ground, items)),
        label=label,
        message=None if shared else columns.get("message_id", "NULL::VARCHAR"),
        source=ground.source,
    )


def _values(event: EventRow, ground: Ground, items: list[TimeItem]) -> list[tuple[str, Value]]:
    result = []
    for path, given in event.fields():
        if "." not in path:
            continue
        seen = _seen(given, ground)
        source = fields.text_sql(given, ground.columns)
        kind = fields.kind_of(given, path, seen)
        if kind is None:
            continue
        if given.type == "time" and given.column is not None:
            zone = given.zone
            time = Time(column=given.column, format=given.format, unit=given.unit, zone=zone, null=given.null)
            items.append(_time(time, ground))
            moment = f"t{len(items) - 1}"
            shown = f"strftime(make_timestamp({moment}), '%Y-%m-%dT%H:%M:%S.%fZ')"
            shown = f"replace({shown}, '.000000Z', 'Z')"
            misfit = f"CASE WHEN {source} IS NOT NULL AND {moment} IS NULL THEN CAST(to_json({source}) AS VARCHAR) END"
            result.append((path, Value("VARCHAR", shown, misfit, given.column)))
            continue
        fitting = seen is not None and not seen.kinds
        result.append(
            (
                path,
                fields.value(
                    given,
                    kind,
                    source,
                    path,
                    inferred=fitting,
                    json_kind=ground.columns.get(f"@kind {given.column}"),
                ),
            )
        )
    return result


def _seen(given: Field_, ground: Ground) -> Seen | None:
    """What was seen of the field's column, and of the one that stands in for it."""
    first = ground.seen.get(given.column) if given.column else None
    if given.else_ is None or (other := ground.seen.get(given.else_)) is None:
        return first
    both = {"": replace(first, kinds=dict(first.kinds)) if first else Seen()}
    merge_seen(both, {"": other})
    return both[""]


def _consent(consent: Mapping[str, bool | Field_], ground: Ground) -> tuple[str, str]:
    """(SQL: is the row withheld, SQL: the consent as JSON). A word that is neither yes nor no counts as no."""
    if not consent:
        return "false", "NULL::VARCHAR"
    withheld, parts = "false", []
    for purpose, given in consent.items():
        if isinstance(given, bool):
            said = "true" if given else "false"
        else:
            source = fields.text_sql(given, ground.columns)
            said = f"CASE WHEN {source} IS NOT NULL THEN COALESCE({fields.boolean(source)}, false) END"
        if purpose == "analytics":
            withheld = f"COALESCE(NOT ({said}), false)"
        parts.append(f"{literal(_json_text(purpose) + ':')} || ({said})::VARCHAR")
    return withheld, f"'{{' || concat_ws(',', {', '.join(parts)}) || '}}'"


def _json_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def check_columns(wanted: Mapping[str, str], known: Mapping[str, object], file: str, hint: str = "") -> None:
    """Raise DocumentError for a column no file of the table has, with the nearest one."""
    for name, where in wanted.items():
        if name not in known:
            message, near, allowed = unknown("column", name, known)
            constant = (
                ""
                if where not in ("channel", "department")
                else f" For the text itself write {{value: {name}}}."
            )
            raise DocumentError(
                f"{message[:-1]} (at {where} of the mapping) in {file}.", code="column",
                hint=hint or near + constant, allowed=allowed,
            )  # fmt: skip
