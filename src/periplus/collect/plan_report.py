"""What arrived otherwise than planned, over the whole store or a period; and a plan suggested from what arrived.

For each property one query counts, by event, the types of its values. That is all both need: what is missing
is what lacks a type. It means what `TrackingPlan.check` means, which a test holds. Events of bots and internal
traffic are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from periplus.clock import iso
from periplus.collect.tracking_plan import TIME_TEXT, Deviation, PropertyPlan, TrackingPlan, Type, Wrong
from periplus.errors import NotFoundError
from periplus.event import join_path, split_path
from periplus.store import standing
from periplus.store.columns import pointer, quote, quote_text, text_form
from periplus.store.door import Connection
from periplus.store.snapshot import Snapshot
from periplus.store.standing import Shape

OF_KIND = {"BIGINT": "number", "DOUBLE": "number", "BOOLEAN": "boolean"}
ALWAYS = 20
"""Events from which on a property that all have is suggested as required."""
FEW = 8
"""Different texts up to which they are suggested as the only ones, where they recur."""
ENUM_EVENTS = 200


@dataclass(frozen=True)
class Found:
    """One deviation with its count, its first and last event (microseconds UTC), and the first as example."""

    wrong: Wrong
    event: str
    property: str
    events: int
    first: int
    last: int
    value: str
    message_id: str | None
    hint: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "wrong": self.wrong,
            "event": self.event,
            "property": self.property,
            "events": self.events,
            "first": iso(self.first),
            "last": iso(self.last),
            "example": self.value,
            "message_id": self.message_id,
            "hint": self.hint,
        }


@dataclass(frozen=True)
class _Group:
    """Events of one name that have one type of value under a path (None: nothing)."""

    event: str
    type: str | None
    events: int
    first: int
    last: int
    value: str
    message_id: str | None


def report(
    snapshot: Snapshot, plan: TrackingPlan, since: int | None = None, until: int | None = None
) -> list[Found]:
    """Every deviation of the events in a period (since inclusive, until exclusive), the most frequent first."""
    store = _Store(snapshot, since, until)
    found: list[Found] = []

    def add(wrong: Wrong, path: str, group: _Group) -> None:
        hint = plan.hint(Deviation(wrong, group.event, path, group.value))
        found.append(
            Found(
                wrong,
                group.event,
                path,
                group.events,
                group.first,
                group.last,
                group.value,
                group.message_id,
                hint,
            )
        )

    for group in store.names():
        if group.event not in plan.events and not plan.extra:
            add("unknown event", "", group)
    planned = {path for event in plan.events.values() for path in event.properties}
    for path in sorted(planned):
        for group in store.types(
            path, [name for name, event in plan.events.items() if path in event.properties]
        ):
            wanted = plan.events[group.event].properties[path]
            if group.type is None:
                if wanted.required:
                    add("missing property", path, group)
            elif wanted.type is not None and not _is(group.type, wanted.type):
                add("wrong type", path, group)
        for name, event in plan.events.items():
            if path in event.properties and (allowed := event.properties[path].allowed) is not None:
                for group in store.others(path, name, event.properties[path], sorted(allowed)):
                    add("value not allowed", path, group)
    closed = [name for name, event in plan.events.items() if not event.extra]
    for root in store.roots() if closed else ():
        names = [name for name in closed if root not in plan.events[name].roots]
        for group in store.types(join_path((root,)), names):
            if group.type is not None:
                add("unknown property", join_path((root,)), group)
    return sorted(_joined(found), key=lambda row: (-row.events, row.event, row.property, row.wrong))


def suggested(snapshot: Snapshot, since: int | None = None) -> TrackingPlan:
    """A plan that what arrived fulfils, to be mended by hand: types, what all events have, few recurring values.

    Raises NotFoundError where there are no events.
    """
    store = _Store(snapshot, since, None)
    totals = {group.event: group.events for group in store.names()}
    if not totals:
        raise NotFoundError(
            "There are no events to suggest a plan from.", hint="Import some, or connect a source."
        )
    events: dict[str, dict[str, Any]] = {name: {"properties": {}} for name in totals}
    for root in store.roots():
        path = join_path((root,))
        by_event: dict[str, dict[str, int]] = {}
        for group in store.types(path, list(totals)):
            if group.type is not None:
                by_event.setdefault(group.event, {})[group.type] = group.events
        for name, types in by_event.items():
            said: dict[str, Any] = {}
            if (type_ := _meeting(types)) is not None:
                said["type"] = type_
            if sum(types.values()) == totals[name] >= ALWAYS:
                said["required"] = True
            if type_ == "text" and totals[name] >= ENUM_EVENTS:
                values = store.values(path, name)
                if values is not None:
                    said["values"] = values
            events[name]["properties"][path] = said
    return TrackingPlan.parse({"events": events})


def _is(found: str, wanted: Type) -> bool:
    return found == wanted or (found == "time" and wanted == "text")


def _meeting(types: dict[str, int]) -> str | None:
    """The one type of all values; times and other texts are texts; None where they differ."""
    if set(types) == {"text", "time"}:
        return "text"
    return next(iter(types)) if len(types) == 1 else None


def _joined(found: list[Found]) -> Iterator[Found]:
    """Deviations of one sort as one: the values of an event may be wrong in several types."""
    sorts: dict[tuple[str, str, str], list[Found]] = {}
    for row in found:
        sorts.setdefault((row.wrong, row.event, row.property), []).append(row)
    for rows in sorts.values():
        earliest = min(rows, key=lambda row: row.first)
        last, events = max(row.last for row in rows), sum(row.events for row in rows)
        yield Found(
            earliest.wrong, earliest.event, earliest.property, events, earliest.first, last,
            earliest.value, earliest.message_id, earliest.hint,
        )  # fmt: skip


class _Store:
    """The standing events of a period, asked one property at a time."""

    def __init__(self, snapshot: Snapshot, since: int | None, until: int | None) -> None:
        self.connection: Connection = snapshot.cursor()
        self.shape: Shape = standing.shape((file.columns, file.rest, file.rows) for file in snapshot.files)
        rows = standing.rows(snapshot.manifest, snapshot.files, self.shape)
        tests = ["section < 2"]
        tests += [] if since is None else [f"time >= {int(since)}"]
        tests += [] if until is None else [f"time < {int(until)}"]
        self.rows = f"(SELECT * FROM ({rows}) WHERE {' AND '.join(tests)})"

    def names(self) -> list[_Group]:
        """The events by name."""
        return self._groups("NULL::VARCHAR", "NULL::VARCHAR", "true", [])

    def types(self, path: str, events: Sequence[str]) -> list[_Group]:
        """The events of some names by the type of what they have under a path of their properties."""
        if not events:
            return []
        type_, value = self._read(path)
        return self._groups(type_, value, f"event IN ({_marks(events)})", list(events))

    def others(self, path: str, event: str, plan: PropertyPlan, allowed: Sequence[str]) -> list[_Group]:
        """The events of a name whose value has the planned type, but is none of the allowed ones, as one group."""
        type_, value = self._read(path)
        fitting = {"text": ["text", "time"], None: ["text", "time", "number", "boolean"]}.get(
            plan.type, [plan.type]
        )
        test = f"event = ? AND {value} NOT IN ({_marks(allowed)}) AND {type_} IN ({_marks(fitting)})"
        return self._groups("''", value, test, [event, *allowed, *fitting])

    def values(self, path: str, event: str) -> list[str] | None:
        """The few texts that recur under a path, or None where they are many."""
        _, value = self._read(path)
        found = self.connection.execute(
            f"SELECT {value} AS v, count(*) FROM {self.rows} AS e WHERE event = ? AND v IS NOT NULL "
            f"GROUP BY 1 ORDER BY 1 LIMIT {FEW + 1}",
            [event],
        ).fetchall()
        return (
            [text for text, _ in found]
            if found and len(found) <= FEW and min(n for _, n in found) > 2
            else None
        )

    def roots(self) -> list[str]:
        """The top-level properties there are, in columns or in the rest."""
        paths = set(self.shape.columns) | set(self.shape.rest or ())
        if self.shape.rest is None:
            found = self.connection.execute(
                f"SELECT DISTINCT unnest(json_keys(rest)) FROM {self.rows} AS e WHERE rest IS NOT NULL"
            )
            paths |= {path for (path,) in found.fetchall()}
        keys = [split_path(path) for path in paths]
        return sorted({key[1] for key in keys if key[0] == "properties" and len(key) > 1})

    def _groups(self, type_: str, value: str, test: str, bound: list[Any]) -> list[_Group]:
        rows = self.connection.execute(
            f"SELECT event, {type_} AS t, count(*), min(time), max(time), "
            f"arg_min(coalesce({value}, ''), (time, key_hi, key_lo)), arg_min(message_id, (time, key_hi, key_lo)) "
            f"FROM {self.rows} AS e WHERE {test} GROUP BY event, t ORDER BY event, t",
            bound,
        ).fetchall()
        return [
            _Group(name, kind, n, first, last, _short(text), id_)
            for name, kind, n, first, last, text, id_ in rows
        ]

    def _read(self, path: str) -> tuple[str, str]:
        """SQL of the type and of the text of what a row has under a path of its properties; NULL for nothing."""
        whole = join_path(("properties", *split_path(path)))
        types, texts = [], []
        if (kind := self.shape.columns.get(whole)) is not None:
            column = quote(whole)
            types.append(f"CASE WHEN {column} IS NOT NULL THEN {_column_type(kind, column)} END")
            texts.append(
                text_form(kind, column)
                if kind != "JSON"
                else f"coalesce({text_form(kind, column)}, {column})"
            )
        if self.shape.rest is None or whole in self.shape.rest:
            held = f"json_extract(rest, {pointer(whole)})"
            types.append(f"CASE WHEN rest IS NOT NULL THEN {_json_type(held)} END")
            texts.append(
                f"CASE WHEN rest IS NOT NULL THEN coalesce({text_form('JSON', held)}, {held}::VARCHAR) END"
            )
        below = [quote(column) for column in self.shape.columns if column.startswith(f"{whole}.")]
        if below:
            types.append(
                f"CASE WHEN {' OR '.join(f'{column} IS NOT NULL' for column in below)} THEN 'object' END"
            )
        if self.shape.rest is None or any(other.startswith(f"{whole}.") for other in self.shape.rest):
            inside = (
                f"len(list_filter(json_keys(rest), lambda k: starts_with(k, {quote_text(whole + '.')}))) > 0"
            )
            types.append(f"CASE WHEN rest IS NOT NULL AND {inside} THEN 'object' END")
        nothing = "NULL::VARCHAR"
        return f"coalesce({', '.join([*types, nothing])})", f"coalesce({', '.join([*texts, nothing])})"


def _column_type(kind: str, column: str) -> str:
    if kind == "JSON":
        return f"CASE WHEN starts_with({column}, '[') THEN 'list' ELSE 'object' END"
    if kind == "VARCHAR":
        return _text_type(column)
    return quote_text(OF_KIND[kind])


def _json_type(held: str) -> str:
    return (
        f"CASE json_type({held}) WHEN 'VARCHAR' THEN {_text_type(f'json_extract_string({held}, {quote_text(chr(36))})')} "
        f"WHEN 'BOOLEAN' THEN 'boolean' WHEN 'ARRAY' THEN 'list' WHEN 'OBJECT' THEN 'object' WHEN 'NULL' THEN NULL "
        f"ELSE CASE WHEN {held} IS NOT NULL THEN 'number' END END"
    )


def _text_type(text: str) -> str:
    return f"CASE WHEN regexp_full_match({text}, {quote_text(TIME_TEXT)}) THEN 'time' ELSE 'text' END"


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values)) or "NULL"


def _short(text: str) -> str:
    return text if len(text) <= 100 else text[:99] + "…"
