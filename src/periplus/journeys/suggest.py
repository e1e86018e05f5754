"""What can stand in a condition: names of events, properties, traits, values and segments, the most frequent first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from periplus.condition.document import bare
from periplus.errors import QuestionError, unknown
from periplus.journeys import reading
from periplus.people.segments import KIND
from periplus.question import Context
from periplus.store import door
from periplus.store.columns import OWN, quote
from periplus.store.snapshot import Snapshot

MOST = 200
"""Suggestions at most, and letters of what is typed."""
TRAITS = "traits."
Suggestion = dict[str, Any]


def suggest(what: str, text: str, path: str | None, limit: int, context: Context) -> list[Suggestion]:
    """Words for a place of a condition that contain a text, case aside; those that begin with it come first.

    `what` is `event`, `where` (properties), `trait`, `value` (of the property `path`) or `segment`. Each has its `name`
    and, where they are counted, in how many `events` it is (rows of what was undone may still be among them);
    properties have their `kind` too: text, number, truth or list.
    """
    if what not in SORTS:
        message, hint, allowed = unknown("sort of suggestion", str(what), list(SORTS))
        raise QuestionError(message, code="suggest", hint=hint, allowed=allowed)
    if what == "value" and not path:
        raise QuestionError(
            "Values are those of a property.", code="suggest", hint='Name it, as in path="category".'
        )
    if not 1 <= limit <= MOST or len(text) > MOST:
        raise QuestionError(
            f"At most {MOST} suggestions can be asked for, by at most {MOST} letters.",
            code="suggest",
            hint=f"Ask for 1 to {MOST}.",
        )
    text = text.replace("\x00", "")  # which no name has, and no engine takes
    found = SORTS[what](text, path, context)
    wanted = text.casefold()
    fitting = [each for each in found if wanted in str(each["name"]).casefold()]
    fitting.sort(
        key=lambda each: not str(each["name"]).casefold().startswith(wanted)
    )  # stable: by count within
    return fitting[:limit]


def _events(text: str, path: str | None, context: Context) -> list[Suggestion]:
    counts = context.snapshot.name_counts()
    return [
        {"name": name, "events": counts[name]}
        for name in sorted(counts, key=lambda name: (-counts[name], name))
    ]


def _properties(text: str, path: str | None, context: Context) -> list[Suggestion]:
    own: list[Suggestion] = [{"name": name, "kind": "text"} for name in sorted(OWN)]
    return [*own, *(each for each in _paths(context.snapshot) if not each["name"].startswith(TRAITS))]


def _traits(text: str, path: str | None, context: Context) -> list[Suggestion]:
    return [
        each | {"name": each["name"].removeprefix(TRAITS)}
        for each in _paths(context.snapshot)
        if each["name"].startswith(TRAITS)
    ]


def _paths(snapshot: Snapshot) -> list[Suggestion]:
    known = sorted(snapshot.properties.items(), key=lambda item: (-item[1].events, item[0]))
    return [
        {"name": bare(path), "kind": KINDS.get(info.kind, "list"), "events": info.events}
        for path, info in known
    ]


def _values(text: str, path: str | None, context: Context) -> list[Suggestion]:
    """Counted over the files that keep the path as a column; what is rarer than a column is not suggested."""
    snapshot, full = context.snapshot, reading.full_path(str(path), "path")
    files = [file.path for file in snapshot.files if full in OWN or file.columns.get(full) in SCALARS]
    if not files:
        return []
    value = f"{quote(full)}::VARCHAR"
    found = snapshot.query(
        f"SELECT {value} AS name, count(*) AS events FROM read_parquet({door.file_list(files)}, union_by_name = true) "
        f"WHERE section < 3 AND contains(lower({value}), lower(?)) GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {MOST}",
        [text],
    )
    return [
        {"name": str(name)[:MOST], "events": int(events)}
        for name, events in zip(found["name"].tolist(), found["events"].tolist(), strict=True)
    ]


def _segments(text: str, path: str | None, context: Context) -> list[Suggestion]:
    return [{"name": name} for name in context.names(KIND)]


KINDS = {"VARCHAR": "text", "BIGINT": "number", "DOUBLE": "number", "BOOLEAN": "truth", "JSON": "list"}
SCALARS = ("VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN")
SORTS: dict[str, Callable[[str, str | None, Context], list[Suggestion]]] = {
    "event": _events,
    "where": _properties,
    "trait": _traits,
    "value": _values,
    "segment": _segments,
}
