"""Columns a mapping does not name one by one: those a `*` stands for, those a file may lack."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from periplus.collect.mapping import EventRow, Field_, Table

MOST = 200
"""Columns that one `*` stands for at most: the first ones, which in JSON files are the most frequent."""
_ROOTS = ("properties", "context", "traits")


def like(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of those written with `*`; brackets and question marks mean themselves.

    >>> like("event_params.page", ["event_params.*"]), like("a[b]", ["a[b]"])
    (True, True)
    """
    return any(
        fnmatchcase(name, "".join(f"[{char}]" if char in "[?" else char for char in pattern))
        for pattern in patterns
    )


def patterns(table: Table) -> list[str]:
    """The columns with a `*` that the events of a table ask for."""
    return [
        given.column
        for event in table.events
        for path, given in event.fields()
        if "*" in path and given.column is not None
    ]


def expanded(
    table: Table, names: Sequence[str], taken: Iterable[str], later: Iterable[str] = ()
) -> tuple[Table, list[str]]:
    """The table with every `*` written out over the columns `names`, and warnings; `taken` are named already.

    A path that the event fills by name keeps what it says. What lies in the columns `later` is left for then.
    """
    if not patterns(table):
        return table, []
    used, ahead, left = set(taken), tuple(f"{name}." for name in later), list[str]()
    free = [name for name in names if name not in used]
    events = []
    for event in table.events:
        changed: dict[str, dict[str, Field_]] = {}
        for root in _ROOTS:
            held: dict[str, Field_] = getattr(event, root)
            stars = {key for key, given in held.items() if "*" in key and not _begins(given, ahead)}
            if stars:
                changed[root], more = _written_out(held, stars, free)
                left += more
        events.append(event.model_copy(update=changed) if changed else event)
    warnings = []
    if left:
        count = len(set(left))
        warnings.append(
            f"{count:,} columns are rarer than the first {MOST} that a * stands for, and were left out "
            f"(such as {left[0]}): name those you need."
        )
    return table.model_copy(update={"events": tuple(events)}), warnings


def _begins(given: Field_, prefixes: tuple[str, ...]) -> bool:
    return bool(prefixes) and str(given.column).startswith(prefixes)


def _written_out(
    held: dict[str, Field_], stars: set[str], names: Sequence[str]
) -> tuple[dict[str, Field_], list[str]]:
    """The fields with some starred keys written out, and the columns beyond the limit."""
    result = {key: given for key, given in held.items() if key not in stars}
    left: list[str] = []
    for key in held:
        if key not in stars:
            continue
        before, after = str(held[key].column).split("*")
        found = [
            name
            for name in names
            if len(name) > len(before) + len(after) and name.startswith(before) and name.endswith(after)
        ]
        left += found[MOST:]
        for name in found[:MOST]:
            middle = name[len(before) : len(name) - len(after)]
            result.setdefault(key.replace("*", middle), held[key].model_copy(update={"column": name}))
    return result, left


def without(event: EventRow, absent: frozenset[str]) -> EventRow:
    """The event without the properties whose columns no file has, and without a `*` that stands for nothing."""
    changed = {}
    for root in _ROOTS:
        held: dict[str, Field_] = getattr(event, root)
        kept = {
            key: given
            for key, given in held.items()
            if "*" not in key and not {given.column, given.else_ or given.column} <= absent
        }
        if len(kept) < len(held):
            changed[root] = kept
    return event.model_copy(update=changed) if changed else event
